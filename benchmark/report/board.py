"""Results put side by side: one board a suite, on which methods are ranked metric by metric."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.report.figures import ALL, Figure, figures, median_ms, split
from benchmark.report.naming import better, headline_key, track_key, track_of
from benchmark.report.results import Result, Run, Suite

HEADLINES_OF_A_TRACK = 2


@dataclass(frozen=True, eq=False)
class Entry:
    """One method on one suite. `style` is the look of its curves, the same on every board."""

    result: Result
    figures: Mapping[str, Mapping[str, Figure]]
    style: int

    @property
    def name(self) -> str:
        """Of the method."""
        return self.result.method.name

    @property
    def oracle(self) -> bool:
        """It saw what no method has in use, so it bounds the others and does not compete."""
        return self.result.method.oracle

    @property
    def median_ms(self) -> float | None:
        """Median time of a portrait, milliseconds."""
        return median_ms(self.result.rows)

    def figure(self, metric: str, level: str = ALL) -> Figure | None:
        """A figure; None where this method has none of that name."""
        return self.figures.get(metric, {}).get(level)


@dataclass(frozen=True, eq=False)
class Board:
    """A suite with everybody who answered it.

    Attributes:
        entries: by name of the method.
        tracks: track of every metric that somebody has a value of; in order of tracks, main ones of a track first.
    """

    suite: Suite
    entries: tuple[Entry, ...]
    tracks: Mapping[str, str]

    @property
    def differing(self) -> list[str]:
        """Methods that were asked something else than the first one: their figures are no match."""
        asked = [(e.result.suite.sha256, e.result.suite.count) for e in self.entries]
        return [e.name for e, one in zip(self.entries, asked, strict=True) if one != asked[0]]

    @property
    def headlines(self) -> list[str]:
        """The metrics of a first look: of each track at most two, each for one part of the picture."""
        return [name for track in self.by_track() for name in self.main_metrics(track, HEADLINES_OF_A_TRACK)]

    def main_metrics(self, track: str, most: int) -> list[str]:
        """The first metrics of a track, each for its first part of the picture alone."""
        first = {name.partition("/")[0]: name for name in reversed(self.by_track().get(track, []))}
        return sorted(first.values(), key=headline_key)[:most]

    def by_track(self) -> dict[str, list[str]]:
        """Metrics by track, in the order of `tracks`."""
        found: dict[str, list[str]] = {}
        for metric, track in self.tracks.items():
            found.setdefault(track, []).append(metric)
        return found

    def ranked(self, metric: str) -> list[Entry]:
        """Best first, those without a figure last, oracles after all others. Without a direction, by name."""
        return sorted(self.entries, key=lambda entry: (entry.oracle, _rank(entry.figure(metric), better(metric))))

    def best(self, metric: str) -> float | None:
        """The best value among methods that compete."""
        direction = better(metric)
        values = [f.value for e in self.entries if not e.oracle and (f := e.figure(metric)) and f.value is not None]
        if direction is None or len(values) < 2:
            return None
        return max(values) if direction else min(values)

    def not_measured(self) -> dict[str, dict[str, list[str]]]:
        """Names of methods by reason, by track, or by metric where only that is missing."""
        found: dict[str, dict[str, list[str]]] = {}
        for entry in self.entries:
            silent = {m: f[ALL].why for m, f in entry.figures.items() if ALL in f and f[ALL].why}
            for what, why in {**entry.result.not_measured, **silent}.items():
                found.setdefault(what, {}).setdefault(why, []).append(entry.name)
        return {what: found[what] for what in sorted(found, key=track_key)}


def boards(run: Run) -> list[Board]:
    """A board for each suite, by label."""
    styles = {name: i for i, name in enumerate(sorted({result.method.name for result in run.results}))}
    by_suite: dict[str, list[Result]] = {}
    for result in run.results:
        by_suite.setdefault(result.suite.label, []).append(result)
    return [_board(results, styles) for _, results in sorted(by_suite.items())]


def _board(results: Sequence[Result], styles: Mapping[str, int]) -> Board:
    entries = tuple(Entry(result, figures(result), styles[result.method.name]) for result in results)
    told = {split(name)[0]: track for result in results for track, names in result.summaries.items() for name in names}
    valued = {
        m for e in entries for m, levels in e.figures.items() if any(f.value is not None for f in levels.values())
    }
    tracks = {metric: told.get(metric) or track_of(metric) for metric in valued}
    order = sorted(tracks, key=lambda metric: (track_key(tracks[metric]), headline_key(metric)))
    return Board(results[0].suite, entries, {metric: tracks[metric] for metric in order})


def _rank(figure: Figure | None, higher_is_better: bool | None) -> float:
    if figure is None or figure.value is None:
        return math.inf
    return 0.0 if higher_is_better is None else -figure.value if higher_is_better else figure.value
