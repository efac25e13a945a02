"""Core-seconds and bytes of pairs that are really written and read again, by source, colour tier and layer profile."""

import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from datagen.cost.growth import Growth, growth
from datagen.database import Run, shard_name
from datagen.generate import generate_pairs, run_of
from datagen.presets import PRESETS
from datagen.reader import PairDataset
from datagen.recipe import Colour, Recipe
from datagen.shards import read_record
from datagen.storage import COMPACT, FAST, Storage
from renderers.layers import DEFAULT_LAYERS, PICTURED


@dataclass(frozen=True)
class Profile:
    """Which layers are stored, and how.

    Attributes:
        layers: default layers, in table order.
        storage: how they become bytes.
    """

    layers: tuple[str, ...]
    storage: Storage

    @property
    def pictured(self) -> bool:
        """Whether pictures are taken."""
        return not PICTURED.isdisjoint(self.layers)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What `--without-layers` names."""
        return tuple(name for name in DEFAULT_LAYERS if name not in self.layers)


_UNREAD = ("_depth_axis_m", "_normal", "_uv", "_inside_near", "_inside_far")
PROFILES: dict[str, Profile] = {
    "labels": Profile(tuple(name for name in DEFAULT_LAYERS if name not in PICTURED), COMPACT),
    "training": Profile(tuple(name for name in DEFAULT_LAYERS if not name.endswith(_UNREAD)), FAST),
    "everything": Profile(DEFAULT_LAYERS, COMPACT),
}
"""Labels alone; what the `training` command reads, in fast storage; all default layers."""


@dataclass(frozen=True)
class Source:
    """Whose pairs are measured.

    Attributes:
        preset: the named recipe.
        distances: pairs of one posed person.
    """

    preset: str
    distances: int = 1

    @property
    def recipe(self) -> Recipe:
        """The recipe at its own size."""
        return replace(PRESETS[self.preset], distances=self.distances)


SOURCES: dict[str, Source] = {
    "usc2019": Source("usc2019"),
    "portrait": Source("portrait"),
    "portrait, 10 distances": Source("portrait", distances=10),
}
"""The 2019 database's recipe, a new person for every pair, and for every ten. Of the first, 278 people take turns and a
process remembers the last few alone, so that in a run it makes a person for every pair as well."""


@dataclass(frozen=True)
class Cost:
    """What a pair costs, on average.

    Attributes:
        source, colour, profile: names of what was measured; colour is "none" where no picture is taken.
        storage: of the profile.
        pairs: measured; people: made for them.
        core_s: processor time of planning, rendering, encoding and writing, all threads and children, seconds.
        wall_s: time that passed, seconds; more than `core_s` where the machine was busy or waited for its disk.
        bytes: of the shard.
        read_core_s: processor time of decoding every stored layer, seconds.
    """

    source: str
    colour: str
    profile: str
    storage: Storage
    pairs: int
    people: int
    core_s: float
    wall_s: float
    bytes: float
    read_core_s: float


def cost_run(source: Source, colour: Colour, profile: Profile, pairs: int, size: int, seed: int = 0) -> Run:
    """The run that is measured: whole scenes, at least `pairs` pairs, in one shard."""
    recipe = replace(source.recipe, colour=colour, size=size, without_layers=profile.left_out)
    whole = -(-pairs // recipe.steps) * recipe.steps
    return run_of(source.preset, recipe, seed=seed, pairs=whole, shard_pairs=whole, storage=profile.storage)


def measured(names: tuple[str, Colour, str], pairs: int, size: int, folder: Path) -> tuple[Cost, Growth]:
    """Writes a few pairs in this process and reads them, each timed, once everything is compiled and opened.

    Args:
        names: of source, colour tier and profile.
        pairs: at least so many.
        size: height and width in pixels.
        folder: empty; the set stays in it.

    Returns:
        Averages of a pair, and how the files about the shards grow.

    Raises:
        UserError: the tier or the people are not on this machine.
    """
    source, profile = SOURCES[names[0]], PROFILES[names[2]]
    # Another seed: people of the measured run must not be at hand already.
    generate_pairs(cost_run(source, names[1], profile, 1, size, seed=1), folder / "warm")
    run, out = cost_run(source, names[1], profile, pairs, size), folder / "set"
    core_s, wall_s = core_seconds(), time.monotonic()
    generate_pairs(run, out)
    core_s, wall_s = core_seconds() - core_s, time.monotonic() - wall_s
    record = read_record(out / shard_name(0))
    cost = Cost(
        source=names[0],
        colour=names[1] if profile.pictured else "none",
        profile=names[2],
        storage=profile.storage,
        pairs=run.pairs,
        people=len(set(record.people)),
        core_s=core_s / run.pairs,
        wall_s=wall_s / run.pairs,
        bytes=record.bytes / run.pairs,
        read_core_s=_read_core_s(out),
    )
    return cost, growth(run, record, folder / "grown")


def core_seconds() -> float:
    """Processor time that this process, its threads and its finished children have taken, seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _read_core_s(folder: Path) -> float:
    """Processor time of a pair of a set that lies in the page cache."""
    pairs = PairDataset(folder)
    _exhaust(pairs)  # Compiles the decoder and fills the cache.
    start = core_seconds()
    _exhaust(pairs)
    return (core_seconds() - start) / len(pairs)


def _exhaust(pairs: Iterable[object]) -> None:
    for _ in pairs:
        pass
