"""How long each part takes for one portrait, on one thread."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch

from benchmark.baselines.measure import FITTED_HEAD, FITTED_SHAPES, MEAN_HEAD
from benchmark.baselines.networks import ESTIMATORS, FETCHED, SENT, WAYS, Networks, filled
from training.data import Batch
from training.mean_head import HeadWarp
from training.stages import CascadeStage, carry, fetch

TRIES = 5


@torch.no_grad()
def seconds_of_parts(
    networks: Networks, batch: Batch, far_m: float, heads: bool, tries: int = TRIES
) -> dict[str, float]:
    """Median seconds of every part by name, after a try that does not count.

    Args:
        networks: of a trial.
        batch: one pair.
        far_m: distance that head warps go to.
        heads: whether to time the head warps.
        tries: that count.
    """
    with one_thread():
        return {name: _median_s(partial(part, batch), tries) for name, part in _parts(networks, far_m, heads)}


def _parts(networks: Networks, far_m: float, heads: bool) -> Iterator[tuple[str, Callable[[Batch], object]]]:
    for name, called in ESTIMATORS.items():
        if estimator := networks.estimator(name):
            yield f"distance by the {called}", estimator.predict_distance_m
    for name, called in WAYS.items():
        if name != "cascade" and (flow := networks.flow(name)):
            yield called, flow.predict_flow
    yield f"warp, {SENT}", lambda batch: carry(batch, batch["flow"])
    yield f"warp, {FETCHED}", lambda batch: fetch(batch, batch["flow"])
    if completion := networks.completion:
        yield "completion net", lambda batch: filled(completion, batch, batch["near"], batch["near_mask"])
    cascade = networks.flow("cascade")
    if isinstance(cascade, CascadeStage):
        yield f"{WAYS['cascade']}, whole", lambda batch: cascade.completion.complete(batch, cascade.predict_flow(batch))
    if heads:
        yield MEAN_HEAD, HeadWarp(0, far_m)
        yield FITTED_HEAD, HeadWarp(FITTED_SHAPES, far_m)


def _median_s(part: Callable[[], object], tries: int) -> float:
    part()
    took = []
    for _ in range(tries):
        began = time.perf_counter()
        part()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread for the length of a `with` block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
