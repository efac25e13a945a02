"""Predictors that learn nothing worth a network: what one must beat to have learnt anything.

Each is a `training.scores.Predictor`: a batch to its flow (N, 2, H, W).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from training.data import Batch


def zero_flow(batch: Batch) -> Tensor:
    """The picture stays as it is."""
    return torch.zeros_like(batch["flow"])


@dataclass(frozen=True, eq=False)
class MeanFlow:
    """The mean flow of pictures with the eyes in the same place, whatever the distance.

    Attributes:
        flow: (1, 2, H, W) pixels; 0 where no training picture shows a person.
    """

    flow: Tensor

    def __call__(self, batch: Batch) -> Tensor:
        """The same flow for everyone."""
        return self.flow.to(batch["flow"]).expand_as(batch["flow"])


@dataclass(frozen=True, eq=False)
class MeanFlowAtDistance:
    """The mean flow, in proportion to how much nearer than the far camera the near one is.

    A point z in front of the eye plane is magnified by 1 + z/d to first order, so flow is slope x (1/d - 1/far).

    Attributes:
        slope: (1, 2, H, W) pixels times metres.
        far_m: distance of the far camera.
    """

    slope: Tensor
    far_m: float

    def __call__(self, batch: Batch) -> Tensor:
        """Flow for each sample's true distance."""
        nearness = _nearness(batch["distance_m"], self.far_m)
        return self.slope.to(batch["flow"]) * nearness[:, None, None, None]


def _nearness(distance_m: Tensor, far_m: float) -> Tensor:
    return 1 / distance_m - 1 / far_m


def mean_flows(batches: Iterable[Batch], far_m: float) -> tuple[MeanFlow, MeanFlowAtDistance]:
    """Both of the training set, one pass: per pixel the mean, and the least-squares slope, of valid flows."""
    sums: list[Tensor | float] = [0.0, 0.0, 0.0, 0.0]
    for batch in batches:
        valid, flow = batch["near_surface"].double(), batch["flow"].double()
        near = _nearness(batch["distance_m"].double(), far_m)[:, None, None, None]
        parts = (valid * flow, valid.expand_as(flow), valid * near * flow, valid * near**2 + 0 * flow)
        sums = [total + part.sum(dim=0, keepdim=True) for total, part in zip(sums, parts, strict=True)]
    flow, count, product, square = (torch.as_tensor(total) for total in sums)
    slope = product / square.clamp_min(1e-12)
    return MeanFlow((flow / count.clamp_min(1)).float()), MeanFlowAtDistance(slope.float(), far_m)
