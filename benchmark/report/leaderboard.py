"""The page's tables of figures: the leaderboard of a suite, and each metric with its curves, ranking and distances."""

from collections.abc import Iterable, Sequence

from benchmark.report.board import Board, Entry
from benchmark.report.curves import Series, chart, swatch
from benchmark.report.figures import ALL, Figure, interval_text, level_label, levels_of, number
from benchmark.report.markup import Markup, joined, tag
from benchmark.report.naming import ANSWERS, SIGHT_TEXTS, arrow, better, describe

NO_FIGURE = "–"
ORACLES = "Bounds: these saw what no method has in use"


def leaderboard(board: Board) -> Markup:
    """Every method with the main metrics of each track."""
    names = board.headlines
    ranked = board.ranked(names[0]) if names else list(board.entries)
    rows = [(entry, _overview_row(board, entry, names)) for entry in ranked]
    table = tag("table", _overview_head(board, names), *_bodies(rows, len(names) + 3), class_="figures overview")
    return joined([_scrolled(table, f"Leaderboard of {board.suite.label}"), _legend(board)])


def _overview_head(board: Board, names: Sequence[str]) -> Markup:
    tracks = [(track, [m for m in metrics if m in names]) for track, metrics in board.by_track().items()]
    groups = [tag("th", track, colspan=len(metrics), scope="colgroup", class_="track") for track, metrics in tracks]
    heads = [_sortable(_metric_name(name), falling=better(name) is True, title=describe(name).text) for name in names]
    first = _sortable("method", falling=False, text=True)
    last = [_sortable("failed", falling=False), _sortable("ms a portrait", falling=False)]
    return tag(
        "thead",
        tag("tr", tag("td", ""), *groups, tag("td", "", colspan=2)),
        tag("tr", first, *heads, *last),
    )


def _sortable(label: str, *, falling: bool, text: bool = False, title: str = "") -> Markup:
    """A column's head. The page's script makes it a button; `data-sort` says which way is best first."""
    order = "text" if text else "falling" if falling else "rising"
    return tag("th", label, scope="col", data_sort=order, title=title or None, class_=None if text else "figure")


def _metric_name(name: str) -> Markup:
    unit = describe(name).unit
    return joined([name, f"\u00a0{arrow(name)}" if arrow(name) else "", tag("small", f"\u00a0{unit}") if unit else ""])


def _overview_row(board: Board, entry: Entry, names: Sequence[str]) -> Markup:
    cells = [_figure_cell(entry.figure(name), board.best(name)) for name in names]
    failures, rows = len(entry.result.failures), len(entry.result.rows)
    left_out = tag("small", "not all asked", title=entry.result.not_asked) if entry.result.not_asked else ""
    failed = tag("td", f"{failures} of {rows}", left_out, data_value=failures, class_="bad" if failures else None)
    time = tag("td", number(entry.median_ms), data_value=_plain(entry.median_ms))
    return tag("tr", _method_cell(entry), *cells, failed, time)


def _figure_cell(figure: Figure | None, best: float | None) -> Markup:
    if figure is None or figure.value is None:
        why = figure.why if figure else ""
        return tag("td", tag("small", "not measured") if why else NO_FIGURE, class_="none", title=why or None)
    value = tag("b" if figure.value == best else "span", number(figure.value))
    small = tag("small", interval_text(figure), " ", _count(figure))
    return tag("td", value, small, data_value=_plain(figure.value))


def _count(figure: Figure) -> Markup:
    return tag("span", f"n {figure.count}" + (f", {figure.failed} failed" if figure.failed else ""))


def _plain(value: float | None) -> str | None:
    return None if value is None else f"{value:.7g}"


def _method_cell(entry: Entry, before: str = "") -> Markup:
    method = entry.result.method
    name = tag("span", method.name, class_="name", title=method.summary or None)
    return tag("th", before, swatch(entry.style), name, badges(method.sees), scope="row", class_="method",
               data_value=method.name)  # fmt: skip


def badges(sees: Sequence[str]) -> Markup:
    """What a method was allowed to see; what answers the question is marked."""
    made = [
        tag("span", sight, class_="badge answer" if sight in ANSWERS else "badge") for sight in sees
    ]  # fmt: skip
    return tag("span", joined(made, " "), class_="badges")


def _bodies(rows: Iterable[tuple[Entry, Markup]], columns: int) -> list[Markup]:
    """Methods that compete, then oracles under a line that says so; each is sorted within itself."""
    pairs = list(rows)
    competing = [row for entry, row in pairs if not entry.oracle]
    oracles = [row for entry, row in pairs if entry.oracle]
    line = tag("tr", tag("th", ORACLES, colspan=columns, scope="rowgroup"), class_="divide")
    bodies = [tag("tbody", *competing)] if competing else []
    return [*bodies, tag("tbody", line, *oracles)] if oracles else bodies


def _scrolled(table: Markup, label: str) -> Markup:
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


def _legend(board: Board) -> Markup:
    seen = [sight for sight in SIGHT_TEXTS if any(sight in e.result.method.sees for e in board.entries)]
    texts = [joined([badges([sight]), f" {SIGHT_TEXTS[sight]}"]) for sight in seen]
    note = (
        "Under each figure stand its 95 % interval, by bootstrap over people, and the answers that it is of. Failed "
        "ones count with the worst score. ↑ greater is better, ↓ smaller is better; bold is the best that competes."
    )
    return tag("p", note, " Allowed to see: ", joined(texts, "; "), ".", class_="note")


def panels(board: Board) -> Markup:
    """One panel a metric; the first is open."""
    return joined(_panel(board, metric, opened=i == 0) for i, metric in enumerate(board.tracks))


def _panel(board: Board, metric: str, *, opened: bool) -> Markup:
    tables = [entry.figures.get(metric, {}) for entry in board.entries]
    levels = levels_of(tables)
    about = describe(metric)
    title = tag("summary", tag("span", board.tracks[metric], class_="track"), " ", _metric_name(metric))
    parts = [tag("p", about.text, class_="note") if about.text else ""]
    graph = _chart(board, metric, levels) if levels else tag("p", "No figure by distance.", class_="note")
    parts.append(tag("div", tag("div", graph, class_="graph"), _ranking(board, metric), class_="pair"))
    if levels:
        parts.append(_distances(board, metric, levels))
    return tag("details", title, *parts, class_="metric", data_metric=metric, open=opened)


def _chart(board: Board, metric: str, levels: Sequence[str]) -> Markup:
    # The best is drawn last, above the others.
    ranked = [entry for entry in reversed(board.ranked(metric)) if metric in entry.figures]
    series = [Series(entry.name, entry.style, entry.figures[metric]) for entry in ranked]
    unit = " ".join(part for part in (metric, describe(metric).unit, arrow(metric)) if part)
    return chart(f"{metric} by distance on {board.suite.label}", unit, levels, series)


def _ranking(board: Board, metric: str) -> Markup:
    heads = [_sortable("method", falling=False, text=True),
             _sortable(_metric_name(metric), falling=better(metric) is True)]  # fmt: skip
    best = board.best(metric)
    rows = []
    for entry in board.ranked(metric):
        # Hidden until the page's script gives it something to do.
        box = tag("input", type="checkbox", checked=True, hidden=True, data_style=entry.style,
                  aria_label=f"curve of {entry.name}")  # fmt: skip
        cells = (_method_cell(entry, box), _figure_cell(entry.figure(metric), best))
        rows.append((entry, tag("tr", *cells)))
    table = tag("table", tag("thead", tag("tr", *heads)), *_bodies(rows, 2), class_="figures ranking")
    return _scrolled(table, f"Ranking by {metric}")


def _distances(board: Board, metric: str, levels: Sequence[str]) -> Markup:
    heads = [_sortable(level_label(level), falling=better(metric) is True) for level in (ALL, *levels)]
    rows = []
    for entry in board.ranked(metric):
        cells = [_figure_cell(entry.figure(metric, level), None) for level in (ALL, *levels)]
        # Thousands of such rows make the page: the name alone, the rest stands in the ranking above.
        name = tag("th", entry.name, scope="row", class_="method", data_value=entry.name)
        rows.append((entry, tag("tr", name, *cells)))
    head = tag("thead", tag("tr", _sortable("method", falling=False, text=True), *heads))
    table = tag("table", head, *_bodies(rows, len(levels) + 2), class_="figures distances")
    return tag("details", tag("summary", "Figures by distance"), _scrolled(table, f"{metric} by distance"))
