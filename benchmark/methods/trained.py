"""The networks that ship, or any folder of such weights: flow, distance, completion, cascade.

A network looks at portraits of the size it was trained at; its flow is brought back to the size of the question.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmark.methods.method import Answer, MethodError, Question, Sight
from benchmark.methods.moving import codes, continued, moved, moved_with_share, picture_and_mask
from training.data import Batch
from training.evaluate import Trained, open_trained
from training.stages import CascadeStage, CompletionStage
from training.warp import resize_flow

WEIGHTS = Path(__file__).parents[2] / "training" / "weights"
"""Folder of the weights that ship."""
SIZE_PX = 256
"""What networks were trained at where their file does not say."""
_UNTOLD_M = 1.0


def weights_path(what: str) -> Path:
    """File of the weights of a stage."""
    return WEIGHTS / f"{what}.safetensors"


def why_not(*stages: str) -> str:
    """Why a method of these networks is not available; "" where it is."""
    missing = [weights_path(what) for what in stages if not weights_path(what).is_file()]
    return f"expected the weights {missing[0]}, found none; `training train` makes them." if missing else ""


@dataclass(frozen=True, eq=False)
class Network:
    """Weights and what they were trained at.

    Attributes:
        trained: the network.
        size: height and width of its portraits.
    """

    trained: Trained
    size: int

    @staticmethod
    def opened(what: str) -> "Network":
        """The network that ships for a stage. Raises MethodError where its weights are missing."""
        if reason := why_not(what):
            raise MethodError(f"{what}: {reason}")
        trained = open_trained(weights_path(what))
        record = trained.record
        return Network(trained, int(record.get("size") or record["config"].get("size") or SIZE_PX))

    def batch(self, question: Question, distance_m: float | None) -> Batch:
        """One portrait at the network's size, and the eyes in it; the distance as it is told."""
        near, mask = (_resized(picture, self.size) for picture in picture_and_mask(question))
        height, width = question.near_alpha.shape
        eyes = question.eye_px * (self.size / width, self.size / height)
        return {
            "near": near,
            "near_mask": mask,
            "distance_m": torch.tensor([distance_m or _UNTOLD_M], dtype=torch.float32),
            "far_m": torch.tensor([question.far_m], dtype=torch.float32),
            "eye_px": torch.from_numpy(eyes).float()[None],
        }

    @property
    def stage(self) -> Any:
        """The stage, asked for what only some stages tell."""
        return self.trained.stage

    @torch.no_grad()
    def distance_m(self, question: Question) -> float:
        """Of a network that tells one."""
        return float(self.stage.predict_distance_m(self.batch(question, None))[0])

    @torch.no_grad()
    def flow(self, question: Question, distance_m: float | None) -> Tensor:
        """(1, 2, S, S) pixels of the network's size, to the far distance of the question.

        A network that takes no distance only knows the way to the far distance that it learnt.
        """
        return self.stage.predict_flow(self.batch(question, distance_m))


def _resized(picture: Tensor, size: int) -> Tensor:
    smaller = size < picture.shape[-1]
    return (
        functional.interpolate(picture, (size, size), mode="area")
        if smaller
        else functional.interpolate(picture, (size, size), mode="bilinear", align_corners=False)
    )


@dataclass(frozen=True, eq=False)
class TrainedFlow:
    """A flow network, told the true distance, one that another network estimates, or none.

    Attributes:
        name, sees: as every method's.
        network: tells the flow.
        estimator: tells the distance; None takes the true one, if the method sees it.
        completion: fills what the near camera never saw; None leaves it black.
    """

    name: str
    sees: frozenset[Sight]
    network: Network
    estimator: Network | None = None
    completion: CompletionStage | None = None

    def __call__(self, question: Question) -> Answer:
        """The flow, the portrait carried along it, and the distance if it was estimated."""
        distance_m = self.estimator.distance_m(question) if self.estimator else question.distance_m
        small = self.network.flow(question, distance_m)
        flow = _array(resize_flow(small, *question.near_alpha.shape))
        estimated = distance_m if self.estimator else None
        if self.completion is None:
            return Answer(moved(question, flow), flow, estimated)
        batch = self.network.batch(question, distance_m)
        return Answer(completed(question, flow, self.completion, batch, small), flow, estimated)


@dataclass(frozen=True, eq=False)
class TrainedDistance:
    """A network that tells the distance and nothing else."""

    name: str
    network: Network
    sees: frozenset[Sight] = frozenset({"near"})

    def __call__(self, question: Question) -> Answer:
        """The distance."""
        return Answer(distance_m=self.network.distance_m(question))


@dataclass(frozen=True, eq=False)
class OracleFlowCompleted:
    """The portrait carried along the true flow, what the near camera never saw filled by the completion network."""

    network: Network
    name: str = "oracle-flow-completed"
    sees: frozenset[Sight] = frozenset({"near", "flow"})

    def __call__(self, question: Question) -> Answer:
        """The true flow, and the completed portrait."""
        assert question.flow is not None
        assert question.surface is not None
        flow = continued(question.flow, question.surface)
        size = self.network.size
        small = resize_flow(torch.from_numpy(flow).movedim(-1, 0)[None], size, size)
        batch = self.network.batch(question, None)
        return Answer(completed(question, flow, completion_of(self.network), batch, small), flow)


def completion_of(network: Network) -> CompletionStage:
    """The part of a network that completes. Raises MethodError where there is none."""
    stage = network.trained.stage
    part = stage.completion if isinstance(stage, CascadeStage) else stage
    if not isinstance(part, CompletionStage):
        raise MethodError(f"expected weights that complete portraits, got those of {network.trained.what}.")
    return part


@torch.no_grad()
def completed(question: Question, flow: np.ndarray, stage: CompletionStage, batch: Batch, small: Tensor) -> np.ndarray:
    """(H, W, 3) uint8: the portrait carried along a flow at its own size; where little arrives, what was completed.

    Args:
        question: the portrait.
        flow: (H, W, 2) pixels.
        stage: completes.
        batch, small: the portrait and the flow (1, 2, S, S) at the size that the stage was trained at.
    """
    picture, share = moved_with_share(question, flow)
    made = functional.interpolate(stage.complete(batch, small), picture.shape[-2:], mode="bilinear")
    filled = share.clamp(0, 1)
    return codes(filled * picture + (1 - filled) * made)


def _array(flow: Tensor) -> np.ndarray:
    return flow[0].movedim(0, -1).contiguous().numpy()


def flow_method(name: str, what: str, sees: frozenset[Sight], estimated: bool, completion: str = "") -> TrainedFlow:
    """A method of the weights of a stage that tells flow; a cascade's completes as well, and others with the weights
    that `completion` names."""
    network = Network.opened(what)
    estimator = Network.opened("distance") if estimated else None
    method = TrainedFlow(name, sees, network, estimator)
    completes = network if isinstance(network.trained.stage, CascadeStage) else None
    completes = Network.opened(completion) if completion else completes
    return replace(method, completion=completion_of(completes)) if completes else method
