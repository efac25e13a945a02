"""The loop that trains every network, top to bottom.

    training train --what flow --data set --steps 20000 --out runs/flow
    torchrun --nproc-per-node 8 -m training train --what flow --data live:portrait --out runs/flow --device cuda

Step k sees the same pairs and draws the same numbers however often the run was interrupted: resuming gives the same
losses, on a CPU to the last bit.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import distributed, nn
from torch.utils.tensorboard import SummaryWriter

import datagen
from datagen.database import INDEX_FILE, RUN_FILE
from datagen.presets import PRESETS
from datagen.progress import progress_bar
from training import checkpoint
from training.augment import augment
from training.data import Batch, TrainingError, keyed, stream
from training.data import open as open_set
from training.networks import Encoder
from training.perceptual import Lpips
from training.stages import STAGES, CompletionStage, Stage

What = Literal["flow", "flow-blind", "distance", "query", "completion", "cascade"]
LIVE = "live:"
LAST = "last.safetensors"


@dataclass(frozen=True)
class Config:
    """A training run; the same fields are its options, its help and its record."""

    what: What
    """flow (needs the distance), flow-blind (does not), distance, query (larger or smaller?), completion, cascade."""
    data: str
    """Folder of a set, or live:RECIPE to learn from pairs as they are generated (live:selfie)."""
    out: Path
    """Folder for checkpoints and TensorBoard's events; a run that was interrupted here goes on."""
    steps: int = 20_000
    """Steps of the whole run."""
    batch: int = 16
    """Pairs a step, over all processes together."""
    width: int = 24
    """Channels of the network at full size."""
    levels: int = 5
    """How often the network halves the picture; its size must be a multiple of stem x 2^levels."""
    stem: int = 2
    """Pixels a side that are folded into one before the network works; 2 is some four times faster than 1."""
    rate: float = 5e-4
    """Largest learning rate; it rises over the first twentieth of the run and falls along a cosine."""
    average: float = 0.999
    """Share of the old weights that the averaged ones keep each step; the averaged ones are what is shipped."""
    perceptual: float = 0.1
    """Weight of LPIPS beside the absolute error of completion and cascade; above 0 it needs
    `datagen assets fetch perceptual-models`."""
    augmented: bool = True
    """Show pictures as other cameras would have taken them."""
    start_from: tuple[Path, ...] = ()
    """Checkpoints whose weights to begin with: for a cascade those of flow and completion; for distance that of
    flow-blind, and for query that of flow, of the same width, levels and stem."""
    seed: int = 0
    """Of weights, order and everything drawn."""
    size: int = 256
    """Picture size of a live stream; a set on disk has its own."""
    workers: int = 2
    """Processes that read or render."""
    device: str = "cpu"
    """cpu, cuda, cuda:1."""
    bf16: bool = False
    """Compute in bfloat16 on a CPU as well, which is faster where the processor has it; a GPU always does."""
    save_every: int = 500
    """Steps between checkpoints and pictures."""


def train(config: Config, stop: int | None = None) -> dict[str, float]:
    """Trains, or goes on where it stopped.

    Args:
        config: the run.
        stop: leave off after this many steps; calling again goes on.

    Returns:
        The last step's losses by name, and "waiting", the share of the time spent waiting for data.

    Raises:
        TrainingError: data, weights or checkpoint do not fit, or a loss is no longer finite.
    """
    rank, ranks = _join(config.device)
    device = f"cuda:{rank}" if config.device == "cuda" and ranks > 1 else config.device
    torch.manual_seed(config.seed)
    stage, average = (STAGES[config.what](config.width, config.levels, config.stem).to(device) for _ in range(2))
    look_at(stage, config.perceptual, device)
    for path in config.start_from:
        begin_with(stage, path)
    average.load_state_dict(stage.state_dict())
    optimiser = torch.optim.AdamW(stage.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    start = _resume(config, stage, average, optimiser)
    learner = nn.parallel.DistributedDataParallel(stage) if ranks > 1 else stage
    batches = _batches(config, stage.needs, start, rank, ranks, device)
    board = SummaryWriter(str(config.out)) if rank == 0 else None
    waited_s = worked_s = 0.0
    losses: dict[str, float] = {}
    with progress_bar(f"train {config.what}") as progress:
        for step in range(start, config.steps if stop is None else stop):
            began = time.perf_counter()
            batch = next(batches)
            got = time.perf_counter()
            drawn = keyed(config.seed, step, rank)
            batch = augment(batch, drawn) if config.augmented else batch
            for group in optimiser.param_groups:
                group["lr"] = config.rate * _schedule(step, config.steps)
            with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=config.bf16 or device != "cpu"):
                parts = learner(batch, drawn)
            optimiser.zero_grad(set_to_none=True)
            sum(parts.values()).backward()
            nn.utils.clip_grad_norm_(stage.parameters(), 1.0)
            optimiser.step()
            _follow(average, stage, min(config.average, (step + 1) / (step + 10)))
            losses = {name: float(part.detach()) for name, part in parts.items()}
            waited_s, worked_s = waited_s + got - began, worked_s + time.perf_counter() - got
            if not all(map(torch.isfinite, parts.values())):
                raise TrainingError(f"step {step}: expected finite losses, got {losses}; lower --rate.")
            progress(step + 1, config.steps)
            done = step + 1 in (config.steps, stop)
            if board and (done or (step + 1) % 20 == 0):
                for name, value in losses.items():
                    board.add_scalar(f"loss/{name}", value, step + 1)
                board.add_scalar("waiting", waited_s / (waited_s + worked_s), step + 1)
            if board and (done or (step + 1) % config.save_every == 0):
                board.add_images("pictures", average.show(batch)[:8].clamp(0, 1), step + 1)
                save(config, step + 1, stage, average, optimiser)
    if board:
        board.close()
    return {**losses, "waiting": waited_s / max(waited_s + worked_s, 1e-9)}


def look_at(stage: Stage, weight: float, device: str) -> None:
    """Gives what completes pictures its perceptual loss. Raises AssetMissingError: that one's weights are missing."""
    completion = getattr(stage, "completion", stage)
    if weight > 0 and isinstance(completion, CompletionStage):
        completion.looks = Lpips("alex").to(device), weight


def begin_with(stage: Stage, path: Path) -> None:
    """Weights of another run: for the whole stage, for the part of it that has the run's name, or for an encoder those
    of the way down of a flow net."""
    tensors, record = checkpoint.read(path)
    what = record["config"]["what"].partition("-")[0]
    weights = checkpoint.under(tensors, "average.")
    part, encoder = getattr(stage, what, None), getattr(getattr(stage, "net", None), "encoder", None)
    if isinstance(encoder, Encoder) and what == "flow":
        down = checkpoint.under(weights, "net.net.")
        wanted = encoder.net.state_dict().keys()
        checkpoint.load(encoder.net, {name: value for name, value in down.items() if name in wanted}, path)
    else:
        checkpoint.load(part if isinstance(part, nn.Module) else stage, weights, path)


def save(config: Config, step: int, stage: Stage, average: Stage, optimiser: torch.optim.Optimizer) -> None:
    """All that is needed to go on: weights, their average, optimiser, and in the header config, step and data."""
    tensors = {
        **{f"weights.{name}": value for name, value in stage.state_dict().items()},
        **{f"average.{name}": value for name, value in average.state_dict().items()},
        **{f"optimiser.{name}": value for name, value in checkpoint.optimiser_tensors(optimiser).items()},
    }
    record = {"config": plain(config), "step": step, "data": data_hash(config), "version": datagen.__version__}
    checkpoint.write(config.out / LAST, tensors, record)


def plain(config: Config) -> dict[str, Any]:
    """The fields as JSON values."""
    return json.loads(json.dumps(asdict(config), default=str))


def data_hash(config: Config) -> str:
    """sha256 of what names the data: index and run of a set, or recipe and size of a stream."""
    if config.data.startswith(LIVE):
        told = json.dumps([_recipe(config).to_json(), config.seed], sort_keys=True).encode()
    else:
        files = (Path(config.data) / name for name in (RUN_FILE, INDEX_FILE))
        told = b"".join(path.read_bytes() for path in files if path.exists())
    return hashlib.sha256(told).hexdigest()


def _recipe(config: Config) -> datagen.Recipe:
    name = config.data.removeprefix(LIVE)
    if name not in PRESETS:
        raise TrainingError(f"--data: expected live: and one of {', '.join(PRESETS)}, got {config.data!r}.")
    return replace(PRESETS[name], size=config.size)


def _resume(config: Config, stage: Stage, average: Stage, optimiser: torch.optim.Optimizer) -> int:
    """The step to go on with, after putting everything back; 0 where nothing is there."""
    path = config.out / LAST
    if not path.exists():
        return 0
    tensors, record = checkpoint.read(path)
    free = {"steps", "workers", "device", "save_every", "out"}
    ours = {name: value for name, value in plain(config).items() if name not in free}
    differs = sorted(name for name, value in ours.items() if record["config"].get(name) != value)
    if differs or record["data"] != data_hash(config):
        raise TrainingError(
            f"{path}: expected a checkpoint of this very run, its {', '.join(differs) or 'data'} differ; give the same "
            "options, or another --out."
        )
    for prefix, module in (("weights.", stage), ("average.", average)):
        checkpoint.load(module, checkpoint.under(tensors, prefix), path)
    checkpoint.restore_optimiser(optimiser, checkpoint.under(tensors, "optimiser."))
    return record["step"]


def _batches(
    config: Config, layers: tuple[str, ...], start: int, rank: int, ranks: int, device: str
) -> Iterator[Batch]:
    """This process's part of every step's batch."""
    share, seed = config.batch // ranks, config.seed * ranks + rank
    if config.data.startswith(LIVE):
        recipe = _recipe(config)
        return stream(recipe, batch=share, seed=seed, start=start, layers=layers, workers=config.workers, device=device)
    return open_set(
        config.data, batch=share, seed=seed, start=start, layers=layers, workers=config.workers, device=device
    )


def _schedule(step: int, steps: int) -> float:
    """Learning rate as a share of the largest."""
    rising = max(steps // 20, 1)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + float(torch.cos(torch.tensor((step - rising) / max(steps - rising, 1) * torch.pi))))


@torch.no_grad()
def _follow(average: nn.Module, stage: nn.Module, keep: float) -> None:
    for kept, new in zip(average.state_dict().values(), stage.state_dict().values(), strict=True):
        kept.lerp_(new.to(kept.dtype), 1 - keep) if kept.is_floating_point() else kept.copy_(new)


def _join(device: str) -> tuple[int, int]:
    """Number of this process and of all, as torchrun says; (0, 1) without it."""
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return int(os.environ.get("LOCAL_RANK", "0")), ranks
