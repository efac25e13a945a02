"""Words for what results hold: metrics, tracks, and what a method may see."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmark.metrics import METRICS
from benchmark.tracks import TRACKS

_TRACK_OF = {metric: track.name for track in TRACKS.values() for metric in track.metrics}
_ORDER = {name: i for i, name in enumerate(TRACKS)}

SIGHT_TEXTS = {
    "near": "the near portrait",
    "distance": "its true distance",
    "camera": "its true intrinsics",
    "landmarks": "its true landmarks",
    "far": "the far portrait that it should make",
    "flow": "the true flow",
}
"""What stands behind each word of `benchmark.methods.method.Sight`."""
ANSWERS = frozenset({"far", "flow"})
"""Who sees these sees the answer, or half of it."""

REGIONS = ("person", "face", "all", "sface")
"""What a first look is at: parts of the picture, points, networks."""

HEADLINES = (
    "lpips_alex", "epe_px", "dists", "ssim", "psnr_db", "d_prime", "eer", "nme", "distance_log2_error",
    "distance_ordering",
)  # fmt: skip
"""Metrics that stand before others of their track, each first for the whole of what is compared."""


@dataclass(frozen=True)
class Meaning:
    """What is known of a metric; nothing of one that nobody declared."""

    unit: str = ""
    higher_is_better: bool | None = None
    text: str = ""


def describe(name: str) -> Meaning:
    """The meaning of a metric: a row of `benchmark.metrics.METRICS`, by what stands before the first slash."""
    metric = METRICS.get(name.partition("/")[0])
    return Meaning(metric.unit, metric.higher_is_better, _first_sentence(metric.compute)) if metric else Meaning()


def _first_sentence(compute: Callable[..., Any]) -> str:
    text = inspect.getdoc(compute.func if isinstance(compute, partial) else compute) or ""
    return " ".join(text.partition("\n\n")[0].split())


def better(name: str) -> bool | None:
    """Whether greater is better; None where nobody declared it."""
    return describe(name).higher_is_better


def arrow(name: str) -> str:
    """The direction that is better, as a sign; nothing where it is unknown."""
    direction = better(name)
    return "" if direction is None else "↑" if direction else "↓"


def track_of(name: str) -> str:
    """The track whose answers have this figure; "other" for one that no track declares."""
    return _TRACK_OF.get(name, "other")


def track_key(track: str) -> tuple[int, str]:
    """Sorts tracks as they are listed, unknown ones after them."""
    return _ORDER.get(track, len(_ORDER)), track


def headline_key(name: str) -> tuple[int, int, str]:
    """Sorts metrics of a track, main ones first."""
    base, _, where = name.partition("/")
    rank = HEADLINES.index(base) if base in HEADLINES else len(HEADLINES)
    return rank, REGIONS.index(where) if where in REGIONS else len(REGIONS), name
