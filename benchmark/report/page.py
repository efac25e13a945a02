"""The page: one HTML file with everything in it, tables that need no script, and a script that sorts and chooses."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from benchmark.report import sections
from benchmark.report.board import Board, Entry
from benchmark.report.curves import swatches
from benchmark.report.leaderboard import leaderboard, panels
from benchmark.report.markup import Markup, joined, tag
from benchmark.report.naming import better
from benchmark.report.pictures import Choice, Triple, choose, triples
from benchmark.report.results import Run

PAGE_MARK = '<meta name="generator" content="benchmark report">'
"""Tells a page that a report may replace from any other file."""

PICTURED = ("lpips_alex", "dists", "ssim", "psnr_db", "epe_px")
"""What best and worst are told by: the first of these that a suite has."""


def page(boards: Sequence[Board], run: Run) -> str:
    """The whole page as text; equal results give equal text."""
    parts = {
        "style": Markup(f"<style>\n{_resource('page.css')}</style>"),
        "header": _header(boards, run),
        "controls": _suite_choice(boards),
        "suites": joined([swatches(sorted({e.style for board in boards for e in board.entries})), *_suites(boards)]),
        "script": Markup(f"<script>\n{_resource('page.js')}</script>"),
    }
    # Split at the marks rather than replace them one by one: what was put in may hold any text, a mark too.
    pieces = _resource("page.html").split("<!--")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("-->")
        filled.append(parts[name] + rest)
    return "".join(filled)


def _resource(name: str) -> str:
    return files("benchmark.report").joinpath("view_page", name).read_text(encoding="utf-8")


def _header(boards: Sequence[Board], run: Run) -> Markup:
    methods = {entry.name for board in boards for entry in board.entries}
    answers = sum(len(result.rows) for result in run.results)
    failed = sum(len(result.failures) for result in run.results)
    counts = f"{len(methods)} methods on {len(boards)} suites: {answers} answers, {failed} of them failed."
    if not run.refused:
        return tag("p", counts)
    items = [tag("li", text) for text in run.refused]
    return joined([tag("p", counts), tag("div", "Left out:", tag("ul", *items), class_="warning", role="status")])


def _suite_choice(boards: Sequence[Board]) -> Markup:
    options = [tag("option", board.suite.label, value=i) for i, board in enumerate(boards)]
    return tag("label", "Suite ", tag("select", *options, id="suite"))


def _suites(boards: Sequence[Board]) -> list[Markup]:
    galleries = _galleries(boards)
    return [_suite(i, board, *galleries[i]) for i, board in enumerate(boards)]


def _suite(index: int, board: Board, metric: str, shown: sections.Gallery) -> Markup:
    by_track = board.by_track()
    options = [
        tag("optgroup", *(tag("option", name, value=name) for name in names), label=track)
        for track, names in by_track.items()
    ]
    select = tag("label", "Metric ", tag("select", *options, class_="choose-metric"))
    return tag(
        "section",
        tag("h2", board.suite.label),
        sections.about(board),
        tag("h3", "Leaderboard"),
        leaderboard(board),
        sections.not_measured(board),
        tag("h3", "Each metric, and over distance"),
        tag("p", select, class_="controls", hidden=True),
        panels(board),
        sections.gallery(shown, metric),
        sections.failures(board),
        sections.run_time(board),
        sections.reproduce(board),
        class_="suite",
        data_suite=index,
    )


def _galleries(boards: Sequence[Board]) -> list[tuple[str, list[tuple[Entry, list[Triple]]]]]:
    """The metric and the pictures of each suite; sizes are agreed among all of them."""
    metrics = [pictured(board) for board in boards]
    wanted = [_wanted(board, metric) for board, metric in zip(boards, metrics, strict=True)]
    made = iter(triples([(entry.result, choices) for shown in wanted for entry, choices in shown]))
    galleries = [[(entry, next(made)) for entry, _ in shown] for shown in wanted]
    return [
        (metric, [(entry, found) for entry, found in shown if any(triple.answer for triple in found)])
        for metric, shown in zip(metrics, galleries, strict=True)
    ]


def _wanted(board: Board, metric: str) -> list[tuple[Entry, list[Choice]]]:
    direction = better(metric) is True
    return [(entry, choose(entry.result, metric, direction)) for entry in board.entries]


def pictured(board: Board) -> str:
    """The metric that best and worst are told by: the first of `PICTURED` that single answers have."""
    single: Mapping[str, None] = {name: None for e in board.entries for row in e.result.rows for name in row.metrics}
    known = [name for name in board.tracks if name in single]
    ranks = {base: i for i, base in enumerate(PICTURED)}
    return min(known, key=lambda name: ranks.get(name.partition("/")[0], len(ranks)), default="")
