"""One trial from its folders to its figures; rows that were measured before are taken from a file."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import datagen
from benchmark.baselines.figures import figures_of
from benchmark.baselines.measure import PERCEPTUAL, Row, asked, means_of, measured
from benchmark.baselines.networks import Networks, file_hash, network_record, open_networks
from benchmark.baselines.sheets import write_sheet
from benchmark.baselines.timing import seconds_of_parts
from benchmark.baselines.trial import (
    EVERYONE,
    Trial,
    batches,
    opened,
    people_of,
    scenes_of,
    set_hash,
    set_record,
    spread_scenes,
)
from benchmark.metrics import METRICS
from datagen.database import explained, write_file
from datagen.progress import progress_bar
from datagen.sheet import evenly_spaced

FORMAT = 1
"""Raised when rows of the same pairs would come out otherwise, so that old ones are not taken for new."""


@dataclass(frozen=True)
class Effort:
    """How much is measured; see `benchmark.baselines.__main__.Baselines`."""

    scenes: int
    perceptual_scenes: int
    mean_pairs: int
    heads: bool
    time: bool

    @cached_property
    def why_no_perceptual(self) -> str:
        """Why LPIPS cannot be measured here; "" where it can."""
        grey = np.full((64, 64, 3), 0.5)
        return METRICS[PERCEPTUAL].compute(grey, grey).why


def result_of(trial: Trial, effort: Effort, folder: Path, pictures: Path) -> dict[str, Any]:
    """Everything the page says of a trial, as JSON values; writes its picture.

    Args:
        trial: what is asked of whom.
        effort: how much.
        folder: where rows are kept.
        pictures: where the sheet goes.

    Raises:
        UserError: weights or sets that cannot be read, or without pairs.
    """
    networks = open_networks(trial.weights)
    pairs, train = opened(trial.data, trial.split), opened(trial.trained_on, "train")
    chosen_means = evenly_spaced(len(train), effort.mean_pairs or len(train))
    path = folder / f"{trial.name}-{key_of(trial, effort, networks, len(pairs), len(train))}.json"
    rows = _kept(path)
    if rows is None:
        rows = _rows(trial, effort, networks, pairs, train, chosen_means)
        folder.mkdir(parents=True, exist_ok=True)
        with explained(path):
            write_file(path, json.dumps(rows).encode())
    sheet = write_sheet(pairs, networks, rows, pictures / f"baselines-{trial.name}.webp")
    people = {row["person"] for row in rows}
    return {
        "name": trial.name,
        "split": trial.split or EVERYONE,
        "asked": set_record(trial.data),
        "trained_on": set_record(trial.trained_on),
        "networks": {name: network_record(networks, name) for name in networks.trained},
        "pairs_in_split": len(pairs),
        "people": len(people),
        "people_trained_on": len(people & people_of(train)),
        "mean_flow_pairs": len(chosen_means),
        "figures": figures_of(rows),
        "seconds": _seconds(networks, pairs, train, effort) if effort.time else None,
        "picture": f"{pictures.name}/{sheet}" if sheet else None,
    }


def key_of(trial: Trial, effort: Effort, networks: Networks, pairs: int, training_pairs: int) -> str:
    """16 digits of a hash of all that decides the rows; an unfinished set changes it as it grows."""
    effect = {name: value for name, value in asdict(effort).items() if name != "time"}
    told = {
        "format": FORMAT,
        "weights": {name: file_hash(path) for name, path in sorted(networks.files.items())},
        "sets": [set_hash(trial.data), pairs, trial.split, set_hash(trial.trained_on), training_pairs],
        "effort": effect,
        "perceptual": not effort.why_no_perceptual,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _kept(path: Path) -> list[Row] | None:
    """Rows measured before; None where there are none, or the file was cut."""
    try:
        rows: list[Row] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return rows


def _rows(
    trial: Trial,
    effort: Effort,
    networks: Networks,
    pairs: datagen.PairDataset,
    train: datagen.PairDataset,
    chosen_means: list[int],
) -> list[Row]:
    far_m = float(train.run.recipe["far_m"])
    scenes = spread_scenes(scenes_of(pairs), effort.scenes)
    perceptual = {place for scene in spread_scenes(scenes, effort.perceptual_scenes) for place in scene}
    places = [place for scene in scenes for place in scene]
    means = means_of(train, chosen_means, far_m)
    with progress_bar(trial.name) as progress:
        tick = _counting(progress, len(places))
        return measured(pairs, places, perceptual, asked(networks, means, far_m, effort.heads), tick)


def _counting(progress: Callable[[int, int], None], total: int) -> Callable[[int], None]:
    done = 0
    progress(0, total)

    def tick(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return tick


def _seconds(
    networks: Networks, pairs: datagen.PairDataset, train: datagen.PairDataset, effort: Effort
) -> dict[str, float]:
    batch, _ = next(batches(pairs, [0]))
    return seconds_of_parts(networks, batch, float(train.run.recipe["far_m"]), effort.heads)
