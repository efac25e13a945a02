"""The networks of a folder, what their files say of them, and everything that is asked of them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from training.data import Batch, TrainingError, portrait
from training.evaluate import Trained, open_trained
from training.scores import Predictor
from training.stages import (
    STAGES,
    CascadeStage,
    CompletionStage,
    DistanceStage,
    FlowStage,
    QueryStage,
    carry,
    fetch,
    sure,
)
from training.train import LAST

ESTIMATORS = {"distance": "regressor", "query": "query net"}
"""Networks that tell a distance, and what the page calls them."""
WAYS = {"flow": "flow net", "cascade": "cascade", "flow-blind": "flow net without distance"}
"""Networks that tell a flow, and what the page calls them."""

Maker = Callable[[Batch], Tensor]
"""Makes far pictures (N, 3, H, W) of a batch."""

Warp = Callable[[Batch, Tensor], tuple[Tensor, Tensor]]
"""Moves the person along a flow; answers as `training.stages.carry`."""


@dataclass(frozen=True, eq=False)
class Networks:
    """Those of a folder.

    Attributes:
        trained: by name of their stage.
        files: where each lies.
    """

    trained: dict[str, Trained]
    files: dict[str, Path]

    def flow(self, name: str) -> FlowStage | CascadeStage | None:
        """A network that tells a flow, if it is there."""
        stage = self.trained[name].stage if name in self.trained else None
        return stage if isinstance(stage, (FlowStage, CascadeStage)) else None

    def estimator(self, name: str) -> DistanceStage | QueryStage | None:
        """A network that tells a distance, if it is there."""
        stage = self.trained[name].stage if name in self.trained else None
        return stage if isinstance(stage, (DistanceStage, QueryStage)) else None

    @property
    def shown_flow(self) -> FlowStage | CascadeStage | None:
        """The flow whose pictures are measured and shown: of the flow network, else of the cascade, else the blind."""
        return next((stage for name in WAYS if (stage := self.flow(name))), None)

    @property
    def shown_way(self) -> str | None:
        """What the page calls it."""
        return next((way for name, way in WAYS.items() if self.flow(name)), None)

    @property
    def completion(self) -> CompletionStage | None:
        """What fills holes: the completion network, else that of the cascade."""
        if "completion" in self.trained and isinstance(stage := self.trained["completion"].stage, CompletionStage):
            return stage
        cascade = self.flow("cascade")
        return cascade.completion if isinstance(cascade, CascadeStage) else None


def weight_files(folder: Path) -> dict[str, Path]:
    """Files by stage. Raises TrainingError where there are none."""
    choices = {name: (folder / f"{name}.safetensors", folder / name / LAST) for name in STAGES}
    found = {name: next((path for path in paths if path.is_file()), None) for name, paths in choices.items()}
    files = {name: path for name, path in found.items() if path}
    if not files:
        raise TrainingError(
            f"{folder}: expected {', '.join(f'{name}.safetensors' for name in STAGES)}, or some of them, got none; "
            "`training train` makes them."
        )
    return files


def open_networks(folder: Path) -> Networks:
    """Every network of a folder. Raises TrainingError where there is none, or a file holds another stage."""
    files = weight_files(folder)
    trained = {name: open_trained(path) for name, path in files.items()}
    for name, network in trained.items():
        if network.what != name:
            raise TrainingError(f"{files[name]}: expected weights of {name}, got {network.what}; rename the file.")
    return Networks(trained, files)


def network_record(networks: Networks, name: str) -> dict[str, Any]:
    """What the page says of a network, from the header of its file."""
    trained, path = networks.trained[name], networks.files[name]
    config = {key: value for key, value in trained.record["config"].items() if key in CONFIG}
    config["start_from"] = [_run_name(Path(start)) for start in trained.record["config"].get("start_from", ())]
    shipped = {key: value for key, value in trained.stage.state_dict().items() if "critic." not in key}
    return {
        "sha256": file_hash(path),
        "bytes": path.stat().st_size,
        "parameters": sum(value.numel() for value in shipped.values()),
        "step": trained.record.get("step"),
        "data": trained.record.get("data"),
        "version": trained.record.get("version"),
        "config": config,
    }


def _run_name(path: Path) -> str:
    return path.parent.name if path.name == LAST else path.stem


CONFIG = ("steps", "batch", "width", "levels", "stem", "rate", "perceptual", "augmented", "seed", "bf16", "device")
"""Fields of a run that the page tells; those that name folders stay out."""


def file_hash(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flow_predictors(networks: Networks) -> dict[str, Predictor]:
    """Every way to a flow that the networks offer."""
    ways: dict[str, Predictor] = {}
    if flow := networks.flow("flow"):
        ways[WAYS["flow"]] = flow.predict_flow
        for name, called in ESTIMATORS.items():
            if estimator := networks.estimator(name):
                ways[f"{WAYS['flow']}, distance by the {called}"] = _estimated(flow, estimator)
    for name in ("flow-blind", "cascade"):
        if other := networks.flow(name):
            ways[WAYS[name]] = other.predict_flow
    return ways


def _estimated(flow: FlowStage | CascadeStage, estimator: DistanceStage | QueryStage) -> Predictor:
    return lambda batch: flow.predict_flow({**batch, "distance_m": estimator.predict_distance_m(batch)})


def filled(stage: CompletionStage, batch: Batch, warped: Tensor, mass: Tensor) -> Tensor:
    """(N, 3, H, W): a warped portrait with its holes filled, however it was warped."""
    return stage.net(warped, mass, (mass > 0).to(warped.dtype), portrait(batch))


def once(predict: Predictor) -> Predictor:
    """The same predictor, which asks its network once where it is asked several times about one batch."""
    last: list[tuple[Batch, Tensor]] = []

    def asked(batch: Batch) -> Tensor:
        if not last or last[0][0] is not batch:
            last[:] = [(batch, predict(batch))]
        return last[0][1]

    return asked


AS_IT_IS, SENT, FETCHED = "near as it is", "sent forward", "fetched by the inverse flow"
WARPS: dict[str, Warp] = {SENT: carry, FETCHED: fetch}
DONE = ", completed"
"""Added to the name of a warp whose holes are filled."""
TRUE_FLOW = "true flow"


def picture_makers(networks: Networks) -> dict[str, Maker]:
    """Every way to a far picture that the networks offer, by what the page calls it."""
    ways: dict[str, Maker] = {AS_IT_IS: lambda batch: batch["near"] * batch["near_mask"]}
    flow, completion = networks.shown_flow, networks.completion
    if flow:
        predict = once(flow.predict_flow)
        for name, warp in WARPS.items():
            ways |= _warped(name, warp, predict, completion)
    cascade = networks.flow("cascade")
    if isinstance(cascade, CascadeStage):
        ways[WAYS["cascade"]] = lambda batch: cascade.completion.complete(batch, cascade.predict_flow(batch))
    return ways | _warped(
        TRUE_FLOW, lambda batch, flow: fetch(sure(batch), flow), lambda batch: batch["flow"], completion
    )


def _warped(name: str, warp: Warp, predict: Predictor, completion: CompletionStage | None) -> dict[str, Maker]:
    """A warp along a flow, and the same completed where something completes."""
    plain: dict[str, Maker] = {name: lambda batch: warp(batch, predict(batch))[0]}
    if completion is None:
        return plain
    return plain | {name + DONE: lambda batch: filled(completion, batch, *warp(batch, predict(batch)))}
