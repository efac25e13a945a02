"""A trial: weights, the set they were trained on, and the set they are asked about."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datagen
from datagen.live import tensors as stacked
from datagen.sheet import evenly_spaced
from datagen.splits import SPLITS
from meshes.errors import UsageError
from training.data import LAYERS, Batch, TrainingError, tensors
from training.train import Config, data_hash

EVERYONE = "all"
FORM = "NAME:WEIGHTS_FOLDER:SET:SPLIT:TRAINING_SET"
Meta = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """One row of questions.

    Attributes:
        name: what the page calls it, letters, digits and dashes.
        weights: folder with `flow.safetensors`, or `flow/last.safetensors`, and so on.
        data: set that is asked about.
        split: of it; None for everyone.
        trained_on: set that the weights and the mean flows learnt from.
    """

    name: str
    weights: Path
    data: Path
    split: str | None
    trained_on: Path


def parsed(text: str) -> Trial:
    """A trial as it stands on the command line. Raises UsageError."""
    parts = text.split(":")
    if len(parts) != 5 or not all(parts):
        raise UsageError(f"--trials: expected {FORM}, got {text!r}; separate five parts by colons.")
    name, weights, data, split, trained_on = parts
    if not name.replace("-", "").isalnum():
        raise UsageError(f"--trials: expected a name of letters, digits and dashes, got {name!r}; it names a picture.")
    if split not in (*SPLITS, EVERYONE):
        raise UsageError(f"--trials: expected a split of {', '.join(SPLITS)} or {EVERYONE}, got {split!r}; correct it.")
    return Trial(name, Path(weights), Path(data), None if split == EVERYONE else split, Path(trained_on))


def all_parsed(texts: tuple[str, ...]) -> list[Trial]:
    """The trials, no two of one name. Raises UsageError."""
    trials = [parsed(text) for text in texts]
    names = [trial.name for trial in trials]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"--trials: expected names that differ, got {', '.join(twice)} again; rename one.")
    return trials


def opened(path: Path, split: str | None) -> datagen.PairDataset:
    """The pairs of a set, layers of `training.data.LAYERS`. Raises TrainingError where there are none."""
    pairs = datagen.PairDataset(path, layers=LAYERS, split=split)
    if not len(pairs):
        raise TrainingError(f"{path}: expected pairs of split {split or EVERYONE}, got none; choose another split.")
    return pairs


def set_hash(path: Path) -> str:
    """sha256 of a set's run and index, as checkpoints record it."""
    return data_hash(Config("flow", str(path), Path()))


def set_record(path: Path) -> dict[str, Any]:
    """What a page says of a set: its name, recipe and hash; never where it lies."""
    pairs = datagen.PairDataset(path, layers=LAYERS)
    recipe = pairs.run.recipe
    told = {name: recipe.get(name) for name in ("heads", "near_m", "far_m", "distances", "background")}
    told |= {"name": path.name, "recipe": pairs.run.recipe_name, "pairs": len(pairs), "seed": pairs.run.seed}
    return told | {"size_px": pairs.run.height, "version": pairs.run.version, "hash": set_hash(path)}


def scenes_of(pairs: datagen.PairDataset) -> list[list[int]]:
    """Places in the set of each scene's pairs: one person in one pose, seen from several distances."""
    places: dict[int, list[int]] = {}
    for place in range(len(pairs)):
        meta = pairs.meta(place)
        places.setdefault(meta.get("scene", meta)["index"], []).append(place)
    return list(places.values())


def spread_scenes(scenes: list[list[int]], wanted: int) -> list[list[int]]:
    """At most `wanted` of them, evenly spaced; all where that is 0."""
    return [scenes[i] for i in evenly_spaced(len(scenes), wanted or len(scenes))] if scenes else []


def batches(pairs: datagen.PairDataset, places: list[int], size: int = 4) -> Iterator[tuple[Batch, list[Meta]]]:
    """Batches of chosen pairs, as `training.data.ordered` makes them, and their records."""
    for first in range(0, len(places), size):
        samples = [pairs[place] for place in places[first : first + size]]
        yield tensors(stacked(samples)), [sample["meta"] for sample in samples]


def people_of(pairs: datagen.PairDataset) -> set[str]:
    """Everybody who is shown."""
    return {pairs.meta(place)["person"]["id"] for place in range(len(pairs))}
