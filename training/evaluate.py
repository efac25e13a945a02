"""Scores of trained networks and of what they must beat, by distance, on people nobody learnt from.

training evaluate runs/flow/last.safetensors --data test-set --baselines-from train-set
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import datagen
from datagen.database import write_file
from training import checkpoint
from training.baselines import mean_flows, zero_flow
from training.data import LAYERS, Batch, TrainingError, ordered
from training.mean_head import HeadWarp
from training.scores import BIN_EDGES_M, Binned, Predictor, score_flows
from training.stages import STAGES, Stage
from training.train import LAST

SHIPPED_PX = 512
"""Errors are told in pixels of pictures this high, whatever size was worked at."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network as its checkpoint describes it, averaged weights, ready to be asked.

    Attributes:
        what: the stage it was trained as.
        stage: the module.
        record: configuration, step and data hash.
    """

    what: str
    stage: Stage
    record: dict[str, Any]


def open_trained(path: Path, device: str = "cpu") -> Trained:
    """Weights of a run or of a shipped file. Raises TrainingError where they cannot be used."""
    tensors, record = checkpoint.read(path)
    config = record["config"]
    stage = STAGES[config["what"]](config["width"], config["levels"], config["stem"])
    checkpoint.load(stage, checkpoint.under(tensors, "average."), path)
    return Trained(config["what"], stage.to(device).eval(), record)


@torch.no_grad()
def score_distances(batches: Iterable[Batch], predictors: dict[str, Predictor]) -> dict[str, Binned]:
    """Mean |log2(predicted / true)| by true distance."""
    scores = {name: Binned() for name in predictors}
    for batch in batches:
        for name, predict in predictors.items():
            error = (predict(batch) / batch["distance_m"]).log2().abs()
            scores[name].add(batch["distance_m"], error, torch.ones_like(error))
    return scores


def evaluate(weights: tuple[Path, ...], data: Path, baselines_from: Path | None, split: str | None) -> dict[str, Any]:
    """Every figure of a set of pairs.

    Args:
        weights: checkpoints.
        data: set of pairs to be asked about.
        baselines_from: training set of the mean flows; they are left out without it.
        split: of `data`; everyone if None.

    Returns:
        JSON values: "flow": {predictor: {region: [mean end-point error by bin or None]}}, pixels of 512;
        "distance": {predictor: [...]}, "count": [...], "edges_m".
    """
    stages = {path.parent.name if path.name == LAST else path.stem: open_trained(path).stage for path in weights}
    flows: dict[str, Predictor] = {"zero flow": zero_flow}
    if baselines_from:
        train = datagen.PairDataset(baselines_from, layers=LAYERS, split="train")
        far_m = float(train.run.recipe["far_m"])
        flows["mean flow"], flows["mean flow at true distance"] = mean_flows(ordered(train), far_m)
        flows["mean head, true landmarks"] = HeadWarp(0, far_m)
        flows["fitted head, true landmarks"] = HeadWarp(12, far_m)
    flows |= _asked(stages, "predict_flow")
    pairs = datagen.PairDataset(data, layers=LAYERS, split=split)
    if not len(pairs):
        raise TrainingError(f"{data}: expected pairs of split {split}, got none; choose another split.")
    scored = score_flows(ordered(pairs), flows, scale=SHIPPED_PX / pairs.run.height)
    distances = score_distances(ordered(pairs), _asked(stages, "predict_distance_m"))
    counts = scored["zero flow"]["face"].count.tolist()
    return {
        "edges_m": list(BIN_EDGES_M),
        "count": counts,
        "flow": {name: {where: kept.mean() for where, kept in row.items()} for name, row in scored.items()},
        "distance": {name: kept.mean() for name, kept in distances.items()},
    }


def _asked(stages: dict[str, Stage], question: str) -> dict[str, Predictor]:
    """Those that can answer."""
    return {name: getattr(stage, question) for name, stage in stages.items() if hasattr(stage, question)}


def table(figures: dict[str, Any]) -> Table:
    """The figures for a terminal."""
    edges = [f"{100 * a:.0f}-{100 * b:.0f}" for a, b in pairwise(BIN_EDGES_M)]
    out = Table(title=f"end-point error, px of {SHIPPED_PX}; |log2| of distance", caption="columns: near distance, cm")
    for name in ("", *edges):
        out.add_column(name, justify="right" if name else "left")
    out.add_row("pairs", *(f"{count:.0f}" for count in figures["count"]))
    for name, values in _rows(figures):
        out.add_row(name, *("-" if value is None else f"{value:.2f}" for value in values))
    return out


def _rows(figures: dict[str, Any]) -> Iterator[tuple[str, list[float | None]]]:
    for name, row in figures["flow"].items():
        for where, values in row.items():
            yield f"{name}, {where}", values
    yield from figures["distance"].items()


def report(figures: dict[str, Any], out: Path | None) -> None:
    """Prints the table, and writes the figures as JSON where told."""
    Console(width=150).print(table(figures))
    if out:
        write_file(out, json.dumps(figures, indent=2).encode())
