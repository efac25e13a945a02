"""The three trained networks that a photograph is asked of, as plain functions of a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from training.data import Batch, TrainingError
from training.evaluate import Trained, open_trained
from training.stages import CascadeStage, CompletionStage, DistanceStage

SHIPPED = Path(__file__).parents[1] / "weights"
FAR_M = 1.6
"""Distance of the far camera where the weights do not say."""
SIZE_PX = 256

Flow = Callable[[Batch], Tensor]
"""A batch's flow (N, 2, H, W), pixels."""
Distance = Callable[[Batch], tuple[Tensor, Tensor | None]]
"""Mean and, where the network tells it, standard deviation of log2 metres, each (N,)."""
Completion = Callable[[Batch, Tensor], Tensor]
"""A batch carried along a flow and completed, (N, 3, H, W)."""


@dataclass(frozen=True, eq=False)
class Models:
    """What a photograph is asked.

    A batch has near (N, 3, H, W), near_mask (N, 1, H, W), distance_m and far_m (N,), and eye_px (N, 2), the
    eye midpoint's pixel.

    Attributes:
        flow: to the far camera.
        distance: None where it is not there: then it must be told.
        completion: None where it is not there: then holes grow over.
        size: height and width of what they look at.
        far_m: distance of the far camera they learnt from.
        version: digest of the data the flow learnt from, for the record.
    """

    flow: Flow
    distance: Distance | None
    completion: Completion | None
    size: int = SIZE_PX
    far_m: float = FAR_M
    version: str = ""


def load(folder: Path | None) -> Models:
    """flow.safetensors, distance.safetensors and completion.safetensors of a folder, or those that ship.

    Raises:
        TrainingError: no flow, or weights that cannot be used.
    """
    folder = folder or SHIPPED
    path = folder / "flow.safetensors"
    if not path.is_file():
        raise TrainingError(
            f"{path}: expected the weights of a flow network, found none; train one (`training train --what flow`) "
            "and copy its last.safetensors there, or name the folder that has it with --weights."
        )
    flow, distance, completion = (_opened(folder / f"{name}.safetensors") for name in _NAMES)
    assert flow is not None
    size, far_m = _looks(flow.record)
    return Models(
        flow=_answer(flow, "predict_flow", path),
        distance=_distance(distance, folder / "distance.safetensors"),
        completion=_completion(completion, flow, folder / "completion.safetensors"),
        size=size,
        far_m=far_m,
        version=str(flow.record.get("data", "")),
    )


_NAMES = ("flow", "distance", "completion")


def _looks(record: dict[str, Any]) -> tuple[int, float]:
    """Picture size and far distance that weights learnt with: of the recipe that shipped ones name, else of the run."""
    recipe = (record.get("set") or {}).get("recipe") or {}
    return int(recipe.get("size") or record["config"].get("size") or SIZE_PX), float(recipe.get("far_m") or FAR_M)


def _opened(path: Path) -> Trained | None:
    return open_trained(path) if path.is_file() else None


def _answer(trained: Trained, question: str, path: Path) -> Callable[[Batch], Tensor]:
    """One method of a stage."""
    if not hasattr(trained.stage, question):
        raise _wrong_kind(path, question.replace("_", " "), trained.what)
    return getattr(trained.stage, question)


def _wrong_kind(path: Path, wanted: str, got: str) -> TrainingError:
    return TrainingError(f"{path}: expected weights that can {wanted}, got those of {got}; put the right file there.")


def _distance(trained: Trained | None, path: Path) -> Distance | None:
    """With its spread where the stage tells one."""
    if trained is None:
        return None
    if isinstance(trained.stage, DistanceStage):
        return trained.stage.predict_log2
    metres = _answer(trained, "predict_distance_m", path)
    return lambda batch: (metres(batch).log2(), None)


def _completion(trained: Trained | None, flow: Trained, path: Path) -> Completion | None:
    """Of a file of its own, else the one that a cascade brings."""
    if trained is None:
        return flow.stage.completion.complete if isinstance(flow.stage, CascadeStage) else None
    stage = trained.stage.completion if isinstance(trained.stage, CascadeStage) else trained.stage
    if not isinstance(stage, CompletionStage):
        raise _wrong_kind(path, "complete a portrait", trained.what)
    return stage.complete
