"""Figures for the page on applications: one short table each, put between its markers."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.report.board import Board, boards
from benchmark.report.results import read_run
from benchmark.report.tables import code, figure_table, plain
from datagen.pages import Section

APPLICATIONS = ("undistortion", "camera", "verification", "landmarks", "reconstruction")
"""Sections of docs/applications.md, by the track that they are measured by."""
METRICS_SHOWN = 3
PICTURE = "pictures/applications.webp"
"""Answers side by side, beside the page."""


def markers(application: str) -> Section:
    """The lines that an application's figures stand between."""
    return Section(f"<!-- {application}: begin, made by `benchmark report` -->", f"<!-- {application}: end -->")


def application_figures(run: Path) -> dict[str, str]:
    """Markdown by application: a table for each suite that measured it, or why nobody did.

    Raises:
        UsageError: `run` is no folder of results.
    """
    return tables_of(boards(read_run(run)))


def tables_of(found: Sequence[Board]) -> dict[str, str]:
    """As `application_figures`, of results that are read already."""
    return {name: _section(found, name) for name in APPLICATIONS}


def _section(found: Sequence[Board], application: str) -> str:
    parts = [
        _suite_part(board, metrics) for board in found if (metrics := board.main_metrics(application, METRICS_SHOWN))
    ]
    if parts:
        return "\n\n".join(parts)
    reasons = {why for board in found for why in board.not_measured().get(application, {})}
    return "Not measured" + (": " if reasons else "") + "; ".join(map(plain, sorted(reasons))) + "."


def _suite_part(board: Board, metrics: Sequence[str]) -> str:
    return f"{code(board.suite.label)}, {board.suite.count} portraits:\n\n{figure_table(board, metrics)}"


def inserted(page: str, found: Sequence[Board]) -> str:
    """The page with each application's figures between its markers.

    Raises:
        ReportError: some markers are missing.
    """
    for name, text in tables_of(found).items():
        page = markers(name).inserted(page, text)
    return page
