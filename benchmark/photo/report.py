"""The figures as Markdown, written between two markers of a page from plain JSON values alone."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmark.realism.report import number, table
from datagen.pages import Section

BEGIN, END = "<!-- photo: begin, made by `make photo` -->", "<!-- photo: end -->"
inserted = Section(BEGIN, END).inserted
"""A page with its generated part replaced."""
TARGET = 0.5
"""Greatest wanted time, as a share of Cycles' for the same error."""
DEFAULT = (16, True)
"""Paths a pixel and denoising that recipes have unless told: the row that the target speaks of."""

Values = Mapping[str, Any]
Column = tuple[str, Callable[[Values], str]]


def markdown(figures: Values) -> str:
    """The generated section, from the content of docs/photo.json."""
    machine, effort = figures["machine"], figures["effort"]
    parts = [
        f"Made by `python -m benchmark.photo --size {effort['size']}` on {machine['processor']}, "
        f"{machine['cores']} cores; Python {machine['python']}, "
        + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
        + f". Pairs of {effort['size']} x {effort['size']} px, fastest of {effort['tries']}; references have "
        f"{effort['reference_spp']:,} paths a pixel.",
    ]
    parts += [f"- `{name}` not measured: {reason}" for name, reason in figures["missing"].items()]
    for source, scene in figures["scenes"].items():
        parts += [f"### Time and error, `{source}`", _summary(scene), table(POINTS, _rows(scene))]
        parts += [f"### Time at equal error, `{source}`", table(EQUAL, scene["at_equal_error"])]
    if figures["determinism"]:
        rows: list[Values] = [{"colour": colour, **same} for colour, same in figures["determinism"].items()]
        parts += ["### Equal calls, equal bytes", table(BYTES, rows)]
    if figures["realism"]:
        parts += ["### Faces", table(FACES, figures["realism"])]
    for source, sheets in figures["pictures"].items():
        parts += [f"### Side by side, `{source}`: preview, photo, Cycles"]
        parts += [
            f"{look}:\n\n![{source}, {look}: preview, photo, Cycles](pictures/{name})" for look, name in sheets.items()
        ]
    return "\n\n".join(parts)


def _summary(scene: Values) -> str:
    preview = f"{scene['triangles']:,} triangles. The preview takes {scene['preview_seconds']:.2f} s a pair."
    row = next((r for r in scene["at_equal_error"] if (r["spp"], r["denoise"]) == DEFAULT), None)
    if row is None or row["ratio"] is None:
        return preview
    met = "met" if row["ratio"] <= TARGET else "not met"
    return (
        f"{preview} At its default, {DEFAULT[0]} paths and denoised, photo takes **{_ratio(row)}** of Cycles' time for "
        f"an equal error (≤ {TARGET:g}: {met})."
    )


def _rows(scene: Values) -> list[Values]:
    """Points by number of paths: one row, both tiers, noisy and denoised."""
    rows: dict[int, dict[str, Any]] = {}
    for point in scene["points"]:
        rows.setdefault(point["spp"], {"spp": point["spp"]})[_cell_name(point["colour"], point["denoise"])] = point
    return [rows[spp] for spp in sorted(rows)]


def _cell_name(colour: str, denoise: bool) -> str:
    return f"{colour} {'denoised' if denoise else 'noisy'}"


def _point(colour: str, denoise: bool) -> Column:
    name = _cell_name(colour, denoise)
    title = name.replace("blender", "Cycles")
    return title, lambda row: f"{row[name]['seconds']:.2f} s, {row[name]['psnr_db']:.1f} dB" if name in row else "–"


def _ratio(row: Values) -> str:
    if row["ratio"] is None:
        return "–"
    return f"{'≥ ' if row['at_most'] else ''}{row['ratio']:.2f}"


def _other(row: Values) -> str:
    if row["other_seconds"] is None:
        return "never, as far as measured"
    return f"{'≤ ' if row['at_most'] else ''}{row['other_seconds']:.2f} s"


def _spread(result: Values | None) -> str:
    return "–" if result is None else f"{number(result['median'])} [{number(result['p5'])}, {number(result['p95'])}]"


def _found(detection: Values | None) -> str:
    return "–" if detection is None else f"{detection['found']} of {detection['shown']}"


def _landmarks(row: Values) -> str:
    errors = (row["landmarks"] or {}).values()
    raw = [error["raw"] for error in errors]
    return f"{100 * sum(raw) / len(raw):.1f} %" if raw else "–"


POINTS: tuple[Column, ...] = (
    ("paths a pixel", lambda row: str(row["spp"])),
    *(_point(colour, denoise) for colour in ("photo", "blender") for denoise in (False, True)),
)
EQUAL: tuple[Column, ...] = (
    ("photo", lambda row: f"{row['spp']} paths, {'denoised' if row['denoise'] else 'noisy'}"),
    ("error", lambda row: f"{row['psnr_db']:.1f} dB"),
    ("photo takes", lambda row: f"{row['seconds']:.2f} s"),
    ("Cycles takes for that", _other),
    ("ratio", _ratio),
)
BYTES: tuple[Column, ...] = (
    ("tier", lambda row: row["colour"]),
    ("twice in one process", lambda row: "equal" if row["again"] else "**differ**"),
    ("in another process", lambda row: "equal" if row["other_process"] else "**differ**"),
)
FACES: tuple[Column, ...] = (
    ("source", lambda row: f"`{row['source']}`"),
    ("tier", lambda row: row["colour"]),
    ("people", lambda row: str(row["impostors"]["people"])),
    ("SFace cosine of different people", lambda row: _spread(row["impostors"]["sface"])),
    ("of one person", lambda row: _spread((row["genuine"] or {}).get("sface"))),
    ("separation", lambda row: number((row["genuine"] or {}).get("separation"), 3)),
    ("faces found, passport light", lambda row: _found(row["detection"])),
    ("in pairs, near", lambda row: _found(row["in_pairs"].get("near"))),
    ("far", lambda row: _found(row["in_pairs"].get("far"))),
    ("landmarks, mean offset", _landmarks),
)
