"""Weights to ship: the averaged ones of a run in half precision, with what they were trained on, and nothing else."""

import json
from pathlib import Path
from typing import Any

import torch

from datagen.database import RUN_FILE
from training import checkpoint
from training.train import LAST

LARGEST_BYTES = 16 << 20
"""No file of weights that ships is larger."""


def export(run: Path, out: Path) -> int:
    """Writes the averaged weights of a run's last checkpoint.

    Args:
        run: folder of a run, or a checkpoint.
        out: ends in .safetensors.

    Returns:
        Bytes written.

    Raises:
        TrainingError: no checkpoint there, or weights too large to ship.
    """
    tensors, record = checkpoint.read(run / LAST if run.is_dir() else run)
    halves = {name: value.to(torch.float16) for name, value in tensors.items() if name.startswith("average.")}
    size = sum(2 * value.numel() for value in halves.values())
    if size > LARGEST_BYTES:
        raise checkpoint.TrainingError(
            f"{run}: expected at most {LARGEST_BYTES >> 20} MiB of weights, got {size / 2**20:.1f}; train a narrower "
            "network (--width)."
        )
    checkpoint.write(out, halves, told(record))
    return out.stat().st_size


def told(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a checkpoint without paths of the machine it was made on, and with the recipe of its data."""
    config = dict(record["config"])
    data = Path(config["data"])
    begun = [Path(path).parent.name for path in config["start_from"]]
    plain = {**config, "data": data.name, "out": Path(config["out"]).name, "start_from": begun}
    return {**record, "config": plain, "set": described(data / RUN_FILE)}


def described(file: Path) -> dict[str, Any] | None:
    """What of a set's run.json lets one make it again; None of a live stream, whose recipe is in its name."""
    if not file.is_file():
        return None
    run = json.loads(file.read_text())
    return {name: run[name] for name in ("recipe_name", "recipe", "seed", "pairs", "version")}
