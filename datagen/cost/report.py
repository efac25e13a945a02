"""The figures as Markdown, written between two markers of a page from plain JSON values alone."""

from collections.abc import Mapping
from typing import Any

from datagen.cost.growth import SHARD_PAIRS
from datagen.cost.scale import NODE_CORES
from datagen.pages import Section, grid

BEGIN, END = "<!-- cost: begin, made by `python -m datagen.cost` -->", "<!-- cost: end -->"
inserted = Section(BEGIN, END).inserted
"""A page with its generated part replaced."""
Values = Mapping[str, Any]


def markdown(figures: Values) -> str:
    """The generated section, from the content of docs/scaling.json."""
    machine = figures["machine"]
    parts = [
        f"Made by `python -m datagen.cost {' '.join(figures['options'])}` on {machine['processor']}, "
        f"{machine['cores']} cores; Python {machine['python']}. Pairs of {figures['size']} x {figures['size']} px. "
        "GPU-seconds are not measured: no GPU has rendered a set yet."
        + (f" Rows that it did not measure, kept from before: {figures['kept']}." if figures["kept"] else ""),
        *(f"- `{name}` not measured: {reason}" for name, reason in figures["missing"].items()),
        "### 1,000 pairs",
        grid(_COST_HEAD, [_cost_row(cost) for cost in figures["costs"]]),
    ]
    for target in figures["targets"]:
        parts += [
            f"### {target['name'].capitalize()}: {target['pairs']:,} pairs, {target['people']:,} people",
            f"Every figure is that of a pair of `{target['source']}` times {target['pairs']:,}.",
            grid(_BILL_HEAD, [_bill_row(row) for row in target["bills"]]),
        ]
    if any(target["limits"] for target in figures["targets"]):
        parts += ["### What grows with a set", f"{SHARD_PAIRS} pairs a shard, all default layers.", _growth(figures)]
    return "\n\n".join(parts)


_COST_HEAD = (
    "pairs of", "colour", "layers", "storage", "pairs, people measured", "core-seconds", "elapsed, s", "GPU-seconds",
    "GB", "core-seconds to read",
)  # fmt: skip


def _cost_row(cost: Values) -> list[str]:
    return [
        f"`{cost['source']}`",
        cost["colour"],
        cost["profile"],
        cost["storage"],
        f"{cost['pairs']}, {cost['people']}",
        f"{1000 * cost['core_s']:,.0f}",
        f"{1000 * cost['wall_s']:,.0f}",
        "not measured",
        f"{cost['bytes'] * 1000 / 1e9:.2f}",
        f"{1000 * cost['read_core_s']:,.0f}",
    ]


_BILL_HEAD = (
    "colour", "layers", "core-hours", f"hours on {NODE_CORES} cores", "hours on 1 GPU, on 8", "GB",
    "core-hours to read once",
)  # fmt: skip


def _bill_row(row: Values) -> list[str]:
    return [
        row["colour"],
        f"{row['profile']}, {row['storage']}",
        _short(row["core_hours"]),
        _short(row["node_hours"]),
        "not measured",
        _short(row["bytes"] / 1e9),
        _short(row["read_core_hours"]),
    ]


_GROWTH = (
    ("files in the folder", "files", 1.0, ""),
    ("share of the keys there are", "key_share", 100.0, " %"),
    ("`index.json`", "index_bytes", 1e-6, " MB"),
    ("side files, all read on opening and on resuming", "side_bytes", 1e-6, " MB"),
    ("`PairDataset(folder)`: processor time", "open_s", 1.0, " s"),
    ("its memory afterwards", "open_bytes", 1e-6, " MB"),
    ("its memory at the peak", "open_peak_bytes", 1e-6, " MB"),
)
"""What is shown, of which field, times what, in what unit."""


def _growth(figures: Values) -> str:
    targets = [target for target in figures["targets"] if target["limits"]]
    head = ("", *(target["name"] for target in targets))
    rows = [
        [shown, *(f"{_short(times * target['limits'][field])}{unit}" for target in targets)]
        for shown, field, times, unit in _GROWTH
    ]
    return grid(head, rows)


def _short(value: float) -> str:
    """Three digits, thousands apart, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
