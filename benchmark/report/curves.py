"""Curves over distance as SVG that a page takes in: dots with their intervals, one line a method.

Drawn as text, so that equal figures give equal bytes and the page's style sheet decides on colours.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmark.report.figures import Figure, figure_text, level_label
from benchmark.report.markup import Markup, joined, safe, tag

WIDTH, HEIGHT = 760, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 26, 46
COLORS = 8
"""Methods beyond so many share a colour and differ in shape and dashes."""
SHAPES = 5
DASHES = ("", "7 3", "2 3", "9 3 2 3")


@dataclass(frozen=True)
class Series:
    """One method's figures by level; `style` is the same wherever the method is drawn."""

    name: str
    style: int
    points: Mapping[str, Figure]


def chart(title: str, unit: str, levels: Sequence[str], series: Sequence[Series]) -> Markup:
    """A chart of some metric.

    Args:
        title: what is drawn, for those who cannot see it.
        unit: beside the axis.
        levels: the columns, nearest distance first.
        series: lines, drawn in this order.
    """
    drawn = [Series(s.name, s.style, {k: s.points[k] for k in levels if _known(s.points.get(k))}) for s in series]
    axis = _axis([figure for s in drawn for figure in s.points.values()])
    places = {level: LEFT + (i + 0.5) * (WIDTH - LEFT - RIGHT) / len(levels) for i, level in enumerate(levels)}
    step = min(9.0, 0.5 * (WIDTH - LEFT - RIGHT) / len(levels) / max(1, len(series)))
    lines = [
        _line(s, places, (i - (len(drawn) - 1) / 2) * step, axis) for i, s in enumerate(drawn) if s.points
    ]  # fmt: skip
    return tag(
        "svg",
        tag("title", title),
        _grid(axis),
        _columns(places),
        tag("text", unit, class_="unit", x=8, y=12),
        *lines,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        class_="chart",
    )


def _known(figure: Figure | None) -> bool:
    return figure is not None and figure.value is not None and math.isfinite(figure.value)


@dataclass(frozen=True)
class Axis:
    """Values upwards: the ticks, least and greatest first and last."""

    ticks: tuple[float, ...]

    def y(self, value: float) -> float:
        """Pixels from the top, kept inside the frame."""
        low, high = self.ticks[0], self.ticks[-1]
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _axis(figures: Sequence[Figure]) -> Axis:
    ends = [v for f in figures for v in (f.value, f.low, f.high) if v is not None] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    if 0 < low < 0.6 * high:
        low = 0.0  # Lengths are compared by eye; they mean something only from zero.
    return Axis(ticks(low, high))


def ticks(low: float, high: float, wanted: int = 5) -> tuple[float, ...]:
    """Round values, about `wanted` of them, that enclose an interval."""
    span = high - low or abs(high) or 1.0
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return tuple(float(f"{i * step:.12g}") for i in range(first, last + 1))


def _grid(axis: Axis) -> Markup:
    parts = []
    for tick in axis.ticks:
        y = _px(axis.y(tick))
        parts.append(tag("path", d=f"M{LEFT} {y}H{WIDTH - RIGHT}", class_="grid"))
        parts.append(tag("text", f"{tick:g}".replace("-", "−"), x=LEFT - 8, y=y, dy="0.32em", class_="tick end"))
    return joined(parts)


def _columns(places: Mapping[str, float]) -> Markup:
    labels = [
        tag("text", level_label(level), x=_px(x), y=HEIGHT - BOTTOM + 18, class_="tick middle")
        for level, x in places.items()
    ]
    middle = _px((LEFT + WIDTH - RIGHT) / 2)
    name = tag("text", "distance of the near camera", x=middle, y=HEIGHT - 8, class_="tick middle soft")
    return joined([*labels, name])


def _line(series: Series, places: Mapping[str, float], aside: float, axis: Axis) -> Markup:
    at = [(places[level] + aside, figure) for level, figure in series.points.items()]
    points = [(x, axis.y(f.value)) for x, f in at if f.value is not None]
    whiskers = "".join(
        f"M{_px(x)} {_px(axis.y(f.low))}V{_px(axis.y(f.high))}"
        for x, f in at
        if f.low is not None and f.high is not None
    )
    path = "M" + "L".join(f"{_px(x)} {_px(y)}" for x, y in points)
    return tag(
        "g",
        tag("path", d=path, class_="line", stroke_dasharray=dashes(series.style) or None),
        tag("path", d=whiskers, class_="whisker") if whiskers else "",
        *(_dot(series, level, x, y) for level, (x, y) in zip(series.points, points, strict=True)),
        class_=f"series k{series.style % COLORS}",
        data_style=series.style,
    )


def _dot(series: Series, level: str, x: float, y: float) -> Markup:
    said = f"{series.name}, {level_label(level)}: {figure_text(series.points[level])}"
    return tag("path", tag("title", said), d=shape(series.style, x, y), class_="dot")


def dashes(style: int) -> str:
    """How a style's line is broken; nothing for a whole one."""
    return DASHES[style // COLORS % len(DASHES)]


def shape(style: int, x: float, y: float, r: float = 4.2) -> str:
    """The path of a style's dot: circle, square, triangle, diamond, cross, so that colour is never alone."""
    a, b = _px(x), _px(y)
    kind = style % SHAPES
    if kind == 0:
        return f"M{_px(x - r)} {b}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0Z"
    if kind == 1:
        s = 0.88 * r
        return f"M{_px(x - s)} {_px(y - s)}h{_px(2 * s)}v{_px(2 * s)}h{_px(-2 * s)}Z"
    if kind == 2:
        return f"M{a} {_px(y - 1.15 * r)}L{_px(x + 1.1 * r)} {_px(y + 0.8 * r)}H{_px(x - 1.1 * r)}Z"
    if kind == 3:
        d = 1.25 * r
        return f"M{a} {_px(y - d)}L{_px(x + d)} {b}L{a} {_px(y + d)}L{_px(x - d)} {b}Z"
    return f"M{a} {_px(y + 1.15 * r)}L{_px(x + 1.1 * r)} {_px(y - 0.8 * r)}H{_px(x - 1.1 * r)}Z"


def swatch(style: int) -> Markup:
    """A short piece of a style's line with its dot, for legends and tables; `swatches` draws it once a page."""
    return tag("svg", tag("use", href=f"#s{style}"), class_=f"swatch series k{style % COLORS}", aria_hidden="true")


def swatches(styles: Iterable[int]) -> Markup:
    """What `swatch` refers to, for the top of a page."""
    drawn = [
        tag("symbol", tag("path", d="M1 8H29", class_="line", stroke_dasharray=dashes(style) or None),
            tag("path", d=shape(style, 15, 8), class_="dot"), id=f"s{style}", viewBox="0 0 30 16")
        for style in styles
    ]  # fmt: skip
    return tag("svg", *drawn, class_="symbols", aria_hidden="true")


def _px(value: float) -> str:
    return safe(f"{value:.1f}".removesuffix(".0"))
