"""Everything that is measured of a pair, as rows of JSON values: figures are made of them, without measuring again.

A row: "key", "person", "distance_m"; "flow": {way: {region: px of 512}}; "distance": {network: {"log2", "mm35",
"sigmas"}}; "pictures": {way: {region: {metric: value}}}. What is not there is None.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import datagen
from benchmark.baselines.detected import DetectedHeadWarp, why_not
from benchmark.baselines.networks import ESTIMATORS, Maker, Networks, flow_predictors, picture_makers
from benchmark.baselines.trial import Meta, batches
from benchmark.metrics import METRICS, Measured
from training.baselines import MeanFlow, MeanFlowAtDistance, mean_flows, zero_flow
from training.data import Batch
from training.evaluate import SHIPPED_PX
from training.mean_head import HeadWarp
from training.scores import EARS, REGIONS, Predictor, endpoint_error
from training.stages import DistanceStage

PLAIN = ("psnr_db", "ssim")
PERCEPTUAL = "lpips_alex"
EQUAL_DB = 100.0
"""PSNR of equal pictures, which is infinite, as it enters means."""
FITTED_SHAPES = 12
ZERO, MEAN, MEAN_AT = "zero flow", "mean flow", "mean flow at true distance"
MEAN_HEAD, FITTED_HEAD = "mean head, true landmarks", "fitted head, true landmarks"
DETECTED_HEAD = "fitted head, detected landmarks"
BASELINES = (ZERO, MEAN, MEAN_AT, DETECTED_HEAD, MEAN_HEAD, FITTED_HEAD)
TRUE_LANDMARKS = (MEAN_HEAD, FITTED_HEAD)
"""Baselines that are told what nobody knows of a photograph."""

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Asked:
    """All that is asked about every pair.

    Attributes:
        flows: ways to a flow, baselines first.
        networks: the distances are theirs.
        pictures: ways to a far picture.
    """

    flows: dict[str, Predictor]
    networks: Networks
    pictures: dict[str, Maker]


def asked(networks: Networks, means: tuple[MeanFlow, MeanFlowAtDistance], far_m: float, heads: bool) -> Asked:
    """Baselines and networks together.

    Args:
        networks: of a trial.
        means: of its training set.
        far_m: distance that head warps go to.
        heads: whether to ask the head warps, which take the longest.
    """
    flows: dict[str, Predictor] = {ZERO: zero_flow, MEAN: means[0], MEAN_AT: means[1]}
    if heads and not why_not():
        flows[DETECTED_HEAD] = DetectedHeadWarp(FITTED_SHAPES, far_m)
    if heads:
        flows |= {MEAN_HEAD: HeadWarp(0, far_m), FITTED_HEAD: HeadWarp(FITTED_SHAPES, far_m)}
    return Asked(flows | flow_predictors(networks), networks, picture_makers(networks))


def means_of(pairs: datagen.PairDataset, places: list[int], far_m: float) -> tuple[MeanFlow, MeanFlowAtDistance]:
    """Both mean flows of chosen pairs of a training set."""
    return mean_flows((batch for batch, _ in batches(pairs, places, 16)), far_m)


@torch.no_grad()
def measured(
    pairs: datagen.PairDataset,
    places: list[int],
    perceptual: set[int],
    asked: Asked,
    tick: Callable[[int], None],
) -> list[Row]:
    """A row for every chosen pair.

    Args:
        pairs: the set.
        places: chosen pairs.
        perceptual: those of them whose pictures are compared by LPIPS as well.
        asked: what is measured.
        tick: told how many more pairs are done.
    """
    rows: list[Row] = []
    for batch, metas in batches(pairs, places):
        wanted = [place in perceptual for place in places[len(rows) : len(rows) + len(metas)]]
        rows += batch_rows(batch, metas, wanted, asked)
        tick(len(metas))
    return rows


def batch_rows(batch: Batch, metas: list[Meta], perceptual: list[bool], asked: Asked) -> list[Row]:
    """The rows of a batch; `perceptual` says of which pairs LPIPS is measured."""
    flows = _flow_errors(batch, asked.flows)
    distances = distance_errors(batch, metas, asked.networks)
    pictures = {name: make(batch) for name, make in asked.pictures.items()}
    return [
        {
            "key": meta["key"],
            "person": meta["person"]["id"],
            "distance_m": meta["cameras"]["near"]["distance_m"],
            "flow": {way: {where: of[i] for where, of in errors.items()} for way, errors in flows.items()},
            "distance": {name: {what: of[i] for what, of in errors.items()} for name, errors in distances.items()},
            "pictures": {
                way: likeness(made[i], batch["far"][i] * batch["far_mask"][i], _far_regions(batch, i), perceptual[i])
                for way, made in pictures.items()
            },
        }
        for i, meta in enumerate(metas)
    ]


def _flow_errors(batch: Batch, ways: dict[str, Predictor]) -> dict[str, dict[str, list[float | None]]]:
    """End-point errors in pixels of a 512-pixel picture, one a pair; None where a region is empty."""
    scale = SHIPPED_PX / batch["near"].shape[-2]
    told = ((way, predict(batch)) for way, predict in ways.items())
    return {way: {where: _over(flow, batch, where, scale) for where in REGIONS} for way, flow in told}


def _over(flow: Tensor, batch: Batch, where: str, scale: float) -> list[float | None]:
    errors, counts = endpoint_error(flow, batch, where)
    return [scale * error if count else None for error, count in zip(errors.tolist(), counts.tolist(), strict=True)]


def distance_errors(batch: Batch, metas: list[Meta], networks: Networks) -> dict[str, dict[str, list[float | None]]]:
    """Errors of told distances, one a pair.

    Returns:
        By what the page calls the network: "log2" is log2(told / true); "mm35" is the focal length that follows minus
        the true one, where the scale of the eye plane is known; "sigmas" is how many of its own standard deviations
        the true distance lies from the told one, None of a network that tells none.
    """
    focal_mm35 = [meta["cameras"]["near"]["focal_mm35"] for meta in metas]
    found = {}
    for name, called in ESTIMATORS.items():
        if stage := networks.estimator(name):
            log2 = (stage.predict_distance_m(batch) / batch["distance_m"]).log2()
            # f = scale of the eye plane in pixels a metre x distance: both err by the same factor.
            mm35 = [f * (2.0**error - 1) for f, error in zip(focal_mm35, log2.tolist(), strict=True)]
            found[called] = {"log2": log2.tolist(), "mm35": mm35, "sigmas": _sigmas(batch, stage, log2)}
    return found


def _sigmas(batch: Batch, stage: torch.nn.Module, log2: Tensor) -> list[float | None]:
    if not isinstance(stage, DistanceStage):
        return [None] * len(log2)
    return (log2.abs() / stage.predict_log2(batch)[1]).tolist()


def _far_regions(batch: Batch, i: int) -> dict[str, np.ndarray]:
    """(H, W) bool of the true far picture by name."""
    part = batch["far_part"][i, 0].cpu().numpy()
    return {"person": batch["far_mask"][i, 0].cpu().numpy() > 0, "ears": np.isin(part, [int(ear) for ear in EARS])}


def likeness(made: Tensor, true: Tensor, regions: dict[str, np.ndarray], perceptual: bool) -> Row:
    """Metrics of two pictures (3, H, W) in [0, 1] by region; None where there is nothing to measure."""
    a, b = (picture.clamp(0, 1).movedim(0, -1).cpu().numpy() for picture in (made, true))
    names = (*PLAIN, PERCEPTUAL) if perceptual else PLAIN
    return {
        where: {name: _finite(METRICS[name].compute(a, b, mask=mask)) for name in names}
        for where, mask in regions.items()
    }


def _finite(found: Measured) -> float | None:
    return None if found.value is None else min(found.value, EQUAL_DB) if math.isinf(found.value) else found.value
