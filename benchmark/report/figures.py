"""Figures of a result: means over answers by distance with their intervals, beside those that the run told itself.

Every figure stands with the count of answers behind it and with how many of them failed; a failed answer is in the
mean with the worst outcome that its track defines, which the run has put there.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmark.metrics.measured import Measured
from benchmark.metrics.statistics import bootstrap_mean, draws, weighted_mean
from benchmark.report.results import Answered, Result, Told
from datagen.randomness import generator
from training.scores import BIN_EDGES_M

ALL = "all"
_LEVEL = re.compile(r"all|bin\d+|\d+(\.\d+)?ft")


@dataclass(frozen=True)
class Figure:
    """One number of a report.

    Attributes:
        value: None where there is none; `why` may say the reason.
        low, high: 95 % interval by bootstrap over people; None where there are too few.
        count: answers (or pairs) behind it, failed ones included.
        failed: failed answers among them.
        why: reason for a value of None.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int
    failed: int
    why: str = ""


Figures = Mapping[str, Mapping[str, Figure]]
"""By metric, then by level: "all", "bin3" (the fourth distance bin), "2ft"."""


def figures(result: Result) -> dict[str, dict[str, Figure]]:
    """All figures of a result, by metric and level, both in a fixed order."""
    found: dict[str, dict[str, Figure]] = {}
    for metric in sorted({name for row in result.rows for name in row.metrics}):
        rows = [row for row in result.rows if _weight(row, metric)]
        if rows:
            found[metric] = {level: _mean(part, metric) for level, part in by_level(rows).items()}
    for told in result.summaries.values():
        for name, summary in told.items():
            metric, level = split(name)
            found.setdefault(metric, {})[level] = _as_told(summary, by_level(result.rows).get(level, []))
    return {metric: _ordered(levels) for metric, levels in found.items()}


def split(name: str) -> tuple[str, str]:
    """Metric and level of a name: "d_prime/sface/bin3" is ("d_prime/sface", "bin3"); without a level it is of all."""
    metric, _, level = name.rpartition("/")
    return (metric, level) if metric and _LEVEL.fullmatch(level) else (name, ALL)


def by_level(rows: Sequence[Answered]) -> dict[str, list[Answered]]:
    """All rows, then those of each bin that has any."""
    bins = sorted({row.bin for row in rows if row.bin is not None})
    return {ALL: list(rows)} | {f"bin{i}": [row for row in rows if row.bin == i] for i in bins}


def level_key(level: str) -> tuple[int, float]:
    """Sorts levels: all, bins, feet, each from near to far."""
    if level == ALL:
        return 0, 0.0
    return (1, float(level[3:])) if level.startswith("bin") else (2, float(level[:-2]))


def level_label(level: str) -> str:
    """A level for people: "all", "23–26 cm", "2 ft". What lies beyond the last bin counts as in it."""
    if level == ALL:
        return level
    if not level.startswith("bin"):
        return f"{level[:-2]} ft"
    index = int(level[3:])
    if index == 0:
        return f"< {100 * BIN_EDGES_M[1]:.0f} cm"
    if index >= len(BIN_EDGES_M) - 2:
        return f"≥ {100 * BIN_EDGES_M[-2]:.0f} cm"
    return f"{100 * BIN_EDGES_M[index]:.0f}–{100 * BIN_EDGES_M[index + 1]:.0f} cm"


def levels_of(tables: Iterable[Mapping[str, Figure]]) -> list[str]:
    """Distances at which some table has a figure, nearest first; feet where there are feet, else bins."""
    found = {level for table in tables for level, figure in table.items() if level != ALL and figure.value is not None}
    return sorted(found, key=level_key)


def number(value: float | None, like: float | None = None) -> str:
    """Three digits or so, as many places as `like` would have; a dash for none."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value if like is None else like)
    places = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    text = f"{value:.{places}f}"
    # A rounded nought has no sign.
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def figure_text(figure: Figure) -> str:
    """A figure with its interval and count in one line."""
    interval = "" if figure.low is None or figure.high is None else f" ({interval_text(figure)})"
    failed = f", {figure.failed} failed" if figure.failed else ""
    return f"{number(figure.value)}{interval}, n {figure.count}{failed}"


def interval_text(figure: Figure) -> str:
    """Both ends of the interval; nothing where there is none."""
    if figure.low is None or figure.high is None:
        return ""
    return f"{number(figure.low, figure.value)} to {number(figure.high, figure.value)}"


def median_ms(rows: Iterable[Answered]) -> float | None:
    """Median time of the answers that were given, milliseconds."""
    seconds = [row.seconds for row in rows if row.seconds is not None and not row.failed]
    return 1000 * float(np.median(seconds)) if seconds else None


def _weight(row: Answered, metric: str) -> float:
    value, weight = row.metrics.get(metric, (None, 0.0))
    return 0.0 if value is None else weight


def _mean(rows: Sequence[Answered], metric: str) -> Figure:
    measured = [Measured(*row.metrics[metric]) for row in rows]
    low, high = bootstrap_mean(measured, _people(rows), _rng(), draw=_kept_draws) or (None, None)
    return Figure(weighted_mean(measured).value, low, high, len(rows), _failed(rows))


def _rng() -> np.random.Generator:
    return generator(0, 0, "report")


def _kept_draws(people: int, rng: np.random.Generator, rounds: int) -> np.ndarray:
    return _draws(people, rounds)


@lru_cache(maxsize=64)
def _draws(people: int, rounds: int) -> np.ndarray:
    """Drawn once for each number of people: that takes four fifths of the time of thousands of intervals."""
    return draws(people, _rng(), rounds)


def _people(rows: Sequence[Answered]) -> list[int]:
    """A number for everybody; whom nobody has named is somebody new each time."""
    names = [(row.person, "" if row.person else row.id) for row in rows]
    numbers = {name: i for i, name in enumerate(sorted(set(names)))}
    return [numbers[name] for name in names]


def _as_told(told: Told, rows: Sequence[Answered]) -> Figure:
    return Figure(told.value, told.low, told.high, told.count, _failed(rows), told.why)


def _failed(rows: Iterable[Answered]) -> int:
    return sum(row.failed for row in rows)


def _ordered(levels: Mapping[str, Figure]) -> dict[str, Figure]:
    return {level: levels[level] for level in sorted(levels, key=level_key)}
