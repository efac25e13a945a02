"""Kept results, read back: RUN/SUITE/METHOD.json as typed values, or one sentence of what is wrong with a file.

Files may be old, cut short or written by others; nothing in them is trusted before it was looked at.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.methods.method import SIGHTS
from benchmark.report.records import Record, ResultError, loaded
from meshes.errors import UsageError

FORMAT = "benchmark-result-1"
OWN_FORMAT = "benchmark-report-1"
"""Of the file that a report writes itself; where it lies among results it is passed over."""


@dataclass(frozen=True)
class Suite:
    """What was asked. `sha256` is of the made suite, `published` of the one that everybody should get, if any."""

    name: str
    version: int
    small: bool
    count: int
    sha256: str
    published: str | None
    agrees: bool | None
    seed: int | None
    recipe: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Name with the variant, as its folder has it."""
        return f"{self.name}-small" if self.small else self.name


@dataclass(frozen=True)
class MethodInfo:
    """Who answered, and what it was allowed to see. An oracle saw what no method has in use."""

    name: str
    sees: tuple[str, ...]
    summary: str
    digest: str
    oracle: bool


@dataclass(frozen=True)
class Machine:
    """Where and when it ran. The same place on another day is the same."""

    processor: str
    cores: int | None
    python: str
    versions: tuple[tuple[str, str], ...]
    date: str = field(compare=False)


@dataclass(frozen=True)
class Answered:
    """One answer: (value, weight) by metric; the value is None where there was nothing to measure."""

    id: str
    distance_m: float | None
    bin: int | None
    person: str
    seconds: float | None
    failed: bool
    why: str
    metrics: Mapping[str, tuple[float | None, float]]


@dataclass(frozen=True)
class Told:
    """A figure of all answers together, as the run told it."""

    value: float | None
    low: float | None
    high: float | None
    count: int
    why: str


@dataclass(frozen=True, eq=False)
class Result:
    """Everything that one method answered on one suite.

    Attributes:
        folder: where pictures lie: `folder`/METHOD/ID.webp and `folder`/truth/ID.near.webp, ID.far.webp.
        rows: by id.
        summaries: by track and name.
        not_measured: reasons by track.
        not_asked: why, of how many questions that lack what the method must see; "" where all were asked.
    """

    folder: Path
    suite: Suite
    method: MethodInfo
    machine: Machine
    rows: tuple[Answered, ...]
    summaries: Mapping[str, Mapping[str, Told]]
    not_measured: Mapping[str, str]
    not_asked: str

    @property
    def failures(self) -> list[Answered]:
        """Answers that could not be used."""
        return [row for row in self.rows if row.failed]


@dataclass(frozen=True, eq=False)
class Run:
    """A folder of results.

    Attributes:
        results: by suite and method.
        refused: what is wrong with each file that was left out.
    """

    results: tuple[Result, ...]
    refused: tuple[str, ...]


def read_run(folder: Path) -> Run:
    """Reads FOLDER/SUITE/METHOD.json.

    Raises:
        UsageError: no folder, or no file of results in it.
    """
    paths = sorted(
        path
        for path in folder.glob("*/*.json")
        if not path.name.startswith(".") and not path.parent.name.startswith(".")
    )
    if not paths:
        got = "an empty one" if folder.is_dir() else "none"
        raise UsageError(
            f"{folder}: expected a folder with SUITE/METHOD.json files in it, got {got}; run `benchmark run` first."
        )
    results: dict[tuple[str, str], Result] = {}
    refused = []
    for path in paths:
        try:
            if result := read_result(path):
                _add(results, result, path)
        except ResultError as error:
            refused.append(str(error))
    return Run(tuple(results[key] for key in sorted(results)), tuple(refused))


def _add(results: dict[tuple[str, str], Result], result: Result, path: Path) -> None:
    key = (result.suite.label, result.method.name)
    if key in results:
        raise ResultError(
            f"{_name(path)}: expected one result of {key[1]} on {key[0]}, got a second; keep one of the two."
        )
    results[key] = result


def read_result(path: Path) -> Result | None:
    """One file; None where it is a report's own.

    Raises:
        ResultError: it cannot be read or holds something else.
    """
    what = _name(path)
    record = Record(loaded(path, what), what)
    if record.values.get("format") == OWN_FORMAT:
        return None
    if record.values.get("format") != FORMAT:
        raise record.wrong("format", f'"{FORMAT}"', record.values.get("format"))
    return Result(
        path.parent,
        _suite(record.part("suite")),
        _method(record.part("method")),
        _machine(record.part("machine")),
        _rows(record),
        {track: _told(part) for track, part in record.parts("summaries").items()},
        {track: str(why) for track, why in record.get("not_measured", dict).items()},
        _not_asked(record),
    )


def _not_asked(record: Record) -> str:
    if record.values.get("not_asked") is None:
        return ""
    left_out = record.part("not_asked")
    count = left_out.get("count", int)
    return f"{count} not asked: {left_out.get('why', str)}" if count else ""


def _name(path: Path) -> str:
    """The last two parts name a result; what lies above differs from machine to machine."""
    return f"{path.parent.name}/{path.name}"


def _suite(record: Record) -> Suite:
    return Suite(
        record.get("name", str), record.get("version", int), record.get("small", bool), record.get("count", int),
        record.get("sha256", str), record.maybe("published", str), record.maybe("agrees", bool),
        record.maybe("seed", int), record.maybe("recipe", dict) or {},
    )  # fmt: skip


def _method(record: Record) -> MethodInfo:
    said = [str(sight) for sight in record.get("sees", list)]
    sees = tuple(sorted(said, key=lambda sight: (SIGHTS.index(sight) if sight in SIGHTS else len(SIGHTS), sight)))
    name = record.get("name", str)
    if not _is_file_name(name):
        raise record.wrong("name", "fit for a file name", name)
    return MethodInfo(
        name, sees, record.maybe("summary", str) or "", record.maybe("digest", str) or "", record.get("oracle", bool)
    )


def _machine(record: Record) -> Machine:
    versions = record.maybe("versions", dict) or {}
    return Machine(
        record.maybe("processor", str) or "unknown processor",
        record.maybe("cores", int),
        record.maybe("python", str) or "unknown",
        tuple(sorted((str(name), str(version)) for name, version in versions.items())),
        record.maybe("date", str) or "",
    )


def _rows(record: Record) -> tuple[Answered, ...]:
    rows = record.get("rows", list)
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise record.wrong(f"rows[{i}]", "an object", row)
    read = [_row(Record(row, f"{record.where}: rows[{i}]")) for i, row in enumerate(rows)]
    by_id = {row.id: row for row in read}
    if len(by_id) < len(read):
        raise record.wrong("rows", "of different ids", f"{len(read) - len(by_id)} twice")
    # Sums in floating point hang on their order, so it must not hang on who finished first.
    return tuple(by_id[key] for key in sorted(by_id))


def _row(record: Record) -> Answered:
    name = record.get("id", str)
    if not _is_file_name(name):
        raise record.wrong("id", "fit for a file name", name)
    status = record.get("status", str)
    if status not in ("ok", "failed"):
        raise record.wrong("status", '"ok" or "failed"', status)
    index = record.maybe("bin", int)
    if index is not None and not 0 <= index < 100:
        raise record.wrong("bin", "the number of a distance bin", index)
    metrics = record.part("metrics")
    return Answered(
        name, record.finite("distance_m"), index, record.maybe("person", str) or "",
        record.finite("seconds"), status == "failed", record.maybe("why", str) or "",
        {metric: _weighed(metrics, metric) for metric in metrics.values},
    )  # fmt: skip


def _is_file_name(name: str) -> bool:
    return bool(name) and name not in (".", "..") and name.isprintable() and not {"/", "\\"} & set(name)


def _weighed(metrics: Record, name: str) -> tuple[float | None, float]:
    pair = metrics.values[name]
    if not isinstance(pair, list) or len(pair) != 2:
        raise metrics.wrong(name, "[value, weight]", pair)
    both = Record({"value": pair[0], "weight": pair[1]}, f"{metrics.where}.{name}")
    value, weight = both.maybe("value", float), both.get("weight", float)
    if not 0 <= weight < math.inf:
        raise metrics.wrong(name, "of a finite weight of at least 0", pair)
    return value, weight


def _told(part: Record) -> dict[str, Told]:
    return {
        name: Told(
            record.maybe("value", float), record.maybe("low", float), record.maybe("high", float),
            record.get("count", int), record.maybe("why", str) or "",
        )
        for name in part.values
        for record in [part.part(name)]
    }  # fmt: skip
