"""The report for programs and for text: results.csv in long form, results.json with everything, report.md."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.report.board import Board, Entry
from benchmark.report.figures import Figure, interval_text, number
from benchmark.report.naming import arrow, describe
from benchmark.report.results import OWN_FORMAT, Run
from benchmark.report.sections import command, distinct_machines, machine_text
from datagen.pages import grid
from training.scores import BIN_EDGES_M

COLUMNS = ("suite", "method", "sees", "metric", "bin", "value", "low", "high", "count", "failed")
MOST_FAILURES = 20
"""Named in the Markdown for each method; results.json names all."""
MOST_COLUMNS = 5
"""Metrics of one Markdown table; wider ones cannot be read."""


def _all_figures(entry: Entry) -> Iterator[tuple[str, str, Figure]]:
    for metric, levels in entry.figures.items():
        for level, figure in levels.items():
            yield metric, level, figure


def csv_text(boards: Sequence[Board]) -> str:
    """One line a figure. `bin` is "all", "bin0" to "bin7" (`training.scores.BIN_EDGES_M`), or "2ft"."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for board in boards:
        for entry in board.entries:
            sees = "+".join(entry.result.method.sees)
            for metric, level, f in _all_figures(entry):
                numbers = ("" if v is None else repr(v) for v in (f.value, f.low, f.high))
                writer.writerow((board.suite.label, entry.name, sees, metric, level, *numbers, f.count, f.failed))
    return file.getvalue()


def json_value(boards: Sequence[Board], run: Run) -> dict[str, Any]:
    """Everything that the page says but pictures, as plain JSON values. What is infinite is the text "inf"."""
    metrics = sorted({metric for board in boards for metric in board.tracks})
    return {
        "format": OWN_FORMAT,
        "bin_edges_m": list(BIN_EDGES_M),
        "metrics": {name: {"unit": m.unit, "higher_is_better": m.higher_is_better, "meaning": m.text}
                    for name in metrics for m in [describe(name)]},
        "suites": [_suite_value(board) for board in boards],
        "refused": list(run.refused),
    }  # fmt: skip


def _suite_value(board: Board) -> dict[str, Any]:
    suite = board.suite
    return {
        "suite": suite.label,
        "name": suite.name,
        "version": suite.version,
        "small": suite.small,
        "count": suite.count,
        "seed": suite.seed,
        "sha256": suite.sha256,
        "published": suite.published,
        "agrees": suite.agrees,
        "differing": board.differing,
        "tracks": dict(board.tracks),
        "command": command(board),
        "methods": [_method_value(entry) for entry in board.entries],
    }


def _method_value(entry: Entry) -> dict[str, Any]:
    method, machine = entry.result.method, entry.result.machine
    return {
        "method": method.name,
        "sees": list(method.sees),
        "oracle": method.oracle,
        "summary": method.summary,
        "digest": method.digest,
        "sha256": entry.result.suite.sha256,
        "answers": len(entry.result.rows),
        "not_asked": entry.result.not_asked,
        "median_ms": entry.median_ms,
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "python": machine.python,
            "versions": dict(machine.versions),
            "date": machine.date,
        },
        "not_measured": dict(entry.result.not_measured),
        "failures": [{"id": row.id, "why": row.why} for row in entry.result.failures],
        "figures": [
            {
                "metric": metric, "bin": level, "value": _plain(f.value), "low": _plain(f.low), "high": _plain(f.high),
                "count": f.count, "failed": f.failed, "why": f.why,
            }
            for metric, level, f in _all_figures(entry)
        ],
    }  # fmt: skip


def _plain(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else repr(value)


def markdown(boards: Sequence[Board], run: Run) -> str:
    """The whole report as Markdown."""
    parts = ["# Portrait undistortion benchmark"]
    if run.refused:
        parts.append("Left out:\n\n" + "\n".join(f"- {plain(text)}" for text in run.refused))
    for board in boards:
        parts += _suite_parts(board)
    return "\n\n".join(parts) + "\n"


def _suite_parts(board: Board) -> list[str]:
    suite = board.suite
    agrees = {True: "agrees with", False: "**differs from**", None: "not compared with"}[suite.agrees]
    published = f"{agrees} the published one" if suite.published else "nothing published to compare with"
    parts = [
        f"## {code(suite.label)}",
        f"{suite.count} portraits; version {suite.version}, sha256 {code(suite.sha256)}, {published}.",
    ]
    if board.differing:
        parts.append(
            "**Asked something else**, so no match for the others: " + ", ".join(map(code, board.differing)) + "."
        )
    for track, metrics in board.by_track().items():
        narrow = [metrics[i : i + MOST_COLUMNS] for i in range(0, len(metrics), MOST_COLUMNS)]
        parts += [f"### {plain(track.capitalize())}", *(figure_table(board, some) for some in narrow)]
    return [*parts, *_rest(board)]


def figure_table(board: Board, metrics: Sequence[str]) -> str:
    """Methods that have any of these metrics, best first by the first of them, oracles last and in italics."""
    ranked = [e for e in board.ranked(metrics[0]) if any(_has_value(e, metric) for metric in metrics)]
    heads = ["method", "sees", *(f"{code(m)} {arrow(m)}".strip() + _unit(m) for m in metrics)]
    rows = [
        [_method(e), plain(", ".join(e.result.method.sees)), *(_cell(board, e, m) for m in metrics)] for e in ranked
    ]
    return grid(heads, rows)


def _has_value(entry: Entry, metric: str) -> bool:
    figure = entry.figure(metric)
    return figure is not None and figure.value is not None


def _unit(metric: str) -> str:
    unit = describe(metric).unit
    return f" {unit}" if unit else ""


def _method(entry: Entry) -> str:
    return f"*{code(entry.name)}*, bound" if entry.oracle else code(entry.name)


def _cell(board: Board, entry: Entry, metric: str) -> str:
    figure = entry.figure(metric)
    if figure is None or figure.value is None:
        return f"not measured: {plain(figure.why)}" if figure and figure.why else "–"
    best = not entry.oracle and figure.value == board.best(metric)
    value = f"**{number(figure.value)}**" if best else number(figure.value)
    interval = f" ({interval_text(figure)})" if interval_text(figure) else ""
    failed = f", {figure.failed} failed" if figure.failed else ""
    return f"{value}{interval}, n {figure.count}{failed}"


def _rest(board: Board) -> list[str]:
    times = [
        [code(e.name), number(e.median_ms), f"{len(e.result.failures)} of {len(e.result.rows)}"] for e in board.entries
    ]
    parts = ["### Time and failures", grid(["method", "median ms a portrait", "failed"], times)]
    failures = [line for entry in board.entries for line in _failures(entry)]
    reasons = [
        f"- {plain(track)}: {plain(why)} ({', '.join(map(code, names))})"
        for track, whys in board.not_measured().items()
        for why, names in whys.items()
    ]
    failures += [f"- {code(e.name)}: {plain(e.result.not_asked)}" for e in board.entries if e.result.not_asked]
    parts += ["\n".join(failures)] if failures else []
    parts += ["### Not measured", "\n".join(reasons)] if reasons else []
    machines = "\n".join(f"- {plain(machine_text(board, machine))}" for machine in distinct_machines(board))
    return [*parts, "### Machine", machines, "### Do it again", f"```sh\n{command(board)}\nbenchmark report RUN\n```"]


def _failures(entry: Entry) -> list[str]:
    failed = entry.result.failures
    lines = [f"- {code(entry.name)}, {code(row.id)}: {plain(row.why)}" for row in failed[:MOST_FAILURES]]
    more = len(failed) - MOST_FAILURES
    return [*lines, f"- {code(entry.name)}: {more} more, in results.json"] if more > 0 else lines


def code(text: str) -> str:
    """Foreign text as a code span, in a table too."""
    clean = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{clean}`"


def plain(text: str) -> str:
    """Foreign text as words: nothing in it is Markdown or HTML."""
    words = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#&!" else c for c in words)
