"""Methods that look at no more than where the eyes are: nothing done, and means of a training suite."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmark.methods.method import Answer, Question, Sight
from benchmark.methods.moving import moved
from benchmark.suites.case import Case
from benchmark.suites.made import Made, folder_of, make
from benchmark.suites.table import MEANS
from datagen.database import appearing, explained
from training.baselines import mean_flows
from training.data import Batch
from training.warp import look_up, resize_flow

FAR_M = 1.6
"""Far distance of the training suite."""


@dataclass(frozen=True)
class Nothing:
    """The portrait as it is."""

    name: str = "none"
    sees: frozenset[Sight] = frozenset({"near"})

    def __call__(self, question: Question) -> Answer:
        """The near portrait, and no flow."""
        return Answer(rgb=question.near_rgb, flow=np.zeros((*question.near_alpha.shape, 2), np.float32))


@dataclass(frozen=True, eq=False)
class Means:
    """What `means-v1` says on average.

    Attributes:
        flow: (2, H, W) float32 pixels, the mean.
        slope: (2, H, W) float32 pixels times metres, by 1/distance - 1/far.
        distance_m: geometric mean.
    """

    flow: np.ndarray
    slope: np.ndarray
    distance_m: float


@dataclass(frozen=True)
class MeanFlow:
    """The mean flow of a training suite, whatever the portrait; says the mean distance for everybody."""

    means: Means
    name: str = "mean-flow"
    sees: frozenset[Sight] = frozenset({"near"})

    def __call__(self, question: Question) -> Answer:
        """The same flow for everyone, brought to the eyes."""
        flow = placed(self.means.flow, question)
        return Answer(moved(question, flow), flow, self.means.distance_m)


@dataclass(frozen=True)
class MeanFlowAtDistance:
    """The mean flow of a training suite, in proportion to 1/distance - 1/far distance."""

    means: Means
    name: str = "mean-flow-at-distance"
    sees: frozenset[Sight] = frozenset({"near", "distance"})

    def __call__(self, question: Question) -> Answer:
        """The flow for the true distance, brought to the eyes."""
        assert question.distance_m is not None
        flow = placed(self.means.slope * (1 / question.distance_m - 1 / question.far_m), question)
        return Answer(moved(question, flow), flow)


def placed(flow: np.ndarray, question: Question) -> np.ndarray:
    """(H, W, 2) float32: a flow (2, h, w) of pictures with the eyes in the middle, at the question's size and eyes."""
    height, width = question.near_alpha.shape
    scaled = resize_flow(torch.from_numpy(np.asarray(flow, np.float32))[None], height, width)
    shift = np.array([width, height]) / 2 - question.eye_px
    there = torch.from_numpy(shift.astype(np.float32)).view(1, 2, 1, 1).expand_as(scaled)
    return look_up(scaled, there)[0].movedim(0, -1).contiguous().numpy()


def means_of(made: Made) -> Means:
    """Means over every pair of a suite."""
    flow, slope = mean_flows(map(_batch, made.cases), FAR_M)
    # A second reading of the small suite is cheaper than holding all of it.
    logs = [np.log(case.truth.distance_m or np.nan) for case in made.cases]
    return Means(flow.flow[0].numpy(), slope.slope[0].numpy(), float(np.exp(np.mean(logs))))


def _batch(case: Case) -> Batch:
    truth = case.truth
    assert truth.near_surface is not None
    assert truth.flow is not None
    return {
        "near_surface": torch.from_numpy(truth.near_surface)[None, None],
        "flow": torch.from_numpy(truth.flow)[None].movedim(-1, 1),
        "distance_m": torch.tensor([truth.distance_m]),
    }


def means_path(cache: Path) -> Path:
    """Where the means are kept."""
    return folder_of(MEANS, True, cache) / "means.npz"


def make_means(cache: Path, workers: int) -> None:
    """Makes the training suite and its means, unless they are there."""
    path = means_path(cache)
    if path.is_file():
        return
    found = means_of(make(MEANS, True, cache=cache, workers=workers))
    with explained(path), appearing(path) as file:
        np.savez(file, flow=found.flow, slope=found.slope, distance_m=np.float64(found.distance_m))


def read_means(cache: Path) -> Means:
    """The means that `make_means` kept."""
    path = means_path(cache)
    with explained(path), path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        return Means(kept["flow"], kept["slope"], float(kept["distance_m"]))
