"""The figures as Markdown: tables with targets beside results, written between two markers of a page.

Everything is read from plain JSON values, so that a page can be made again without measuring again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from datagen.pages import Section, grid

BEGIN, END = "<!-- realism: begin, made by `make realism` -->", "<!-- realism: end -->"
inserted = Section(BEGIN, END).inserted
"""A page with its generated part replaced."""

MEDIAN_TARGETS = {"makehuman": 0.45, "ict": 0.32, "valid": 0.28, "valid:avatars": 0.25}
"""Greatest wanted median cosine of different people."""
CLOSEST_TARGET = 0.75
"""Greatest wanted 95th percentile of the cosine to the closest other person."""
GENUINE_TARGET, SEPARATION_TARGET, FOUND_TARGET = 0.82, 0.24, 0.995

Result = Mapping[str, Any]


def markdown(results: list[Result], missing: Mapping[str, str], pictures: Mapping[str, list[str]], command: str) -> str:
    """The whole generated section.

    Args:
        results: `SourceResult` as JSON values, each with a "code" digest.
        missing: reasons by source that was not measured.
        pictures: links by source, relative to the page.
        command: what made it.
    """
    parts = [
        f"Made by `{command}`.",
        "### Different people look different\n\n" + table(IMPOSTOR_COLUMNS, _drawn_and_accepted(results)),
        "### One person stays that person\n\n" + table(GENUINE_COLUMNS, results),
        "### Faces are found\n\n" + table(DETECTION_COLUMNS, results) + _misses(results),
        "### Dense landmarks against the projected ground truth\n\n" + _landmark_table(results),
        "### Coverage\n\n" + _coverage(results),
        "### Pictures\n\n" + "\n\n".join(_picture(source, links) for source, links in pictures.items()),
    ]
    if missing:
        parts.insert(1, "\n".join(f"- `{source}` not measured: {reason}" for source, reason in missing.items()))
    return "\n\n".join(part for part in parts if part.strip())


def _drawn_and_accepted(results: list[Result]) -> list[Result]:
    """Each source as it is drawn; again without look-alikes where a roster passes somebody over."""
    rows = []
    for result in results:
        rows.append(result)
        if result["accepted"]["people"] < result["impostors"]["people"]:
            rows.append({**result, "impostors": result["accepted"], "roster": True})
    return rows


Column = tuple[str, Callable[[Result], str]]


def table(columns: tuple[Column, ...], results: list[Result]) -> str:
    """A Markdown table, one row a result."""
    return grid((name for name, _ in columns), ([cell(result) for _, cell in columns] for result in results))


def number(value: float | None, digits: int = 2) -> str:
    """A figure without its leading zero; a dash for none."""
    return "–" if value is None else f"{value:.{digits}f}".replace("0.", ".", 1)


def judged(value: float | None, target: float | None, *, at_most: bool) -> str:
    """A figure beside its target, to one digit more than the target, so that a near miss shows."""
    if value is None or target is None:
        return number(value)
    met = value <= target if at_most else value >= target
    return f"**{number(value, 3)}** ({'≤' if at_most else '≥'} {number(target)}: {'met' if met else 'not met'})"


def _of(result: Result, *path: str) -> Any:
    value: Any = result
    for name in path:
        value = None if value is None else value[name]
    return value


def _range(result: Result, *path: str) -> str:
    found = _of(result, *path)
    return "–" if found is None else f"{number(found['median'])} [{number(found['p5'])}, {number(found['p95'])}]"


def _median(result: Result) -> str:
    source = result["source"]
    interval = result["impostors"]["interval"]
    median = judged(_of(result, "impostors", "sface", "median"), MEDIAN_TARGETS.get(source), at_most=True)
    return f"{median}, interval {number(interval[0])} to {number(interval[1])}" if interval else "–"


def _closest(result: Result) -> str:
    closest = _of(result, "impostors", "closest")
    p95 = judged(_of(closest, "p95"), CLOSEST_TARGET, at_most=True) if closest else "–"
    return f"{number(_of(closest, 'median'))}; p95 {p95}" if closest else "–"


IMPOSTOR_COLUMNS: tuple[Column, ...] = (
    ("source", lambda r: f"`{r['source']}`" + (", with a roster" if r.get("roster") else "")),
    ("people", lambda r: str(r["impostors"]["people"])),
    ("SFace cosine, median of pairs", _median),
    (
        "p5, p95",
        lambda r: f"{number(_of(r, 'impostors', 'sface', 'p5'))}, {number(_of(r, 'impostors', 'sface', 'p95'))}",
    ),
    ("same gender and ancestry", lambda r: _range(r, "impostors", "same_group")),
    ("other skin", lambda r: _range(r, "impostors", "other_skin")),
    ("same skin", lambda r: _range(r, "impostors", "same_skin")),
    ("closest other, median", _closest),
    ("dlib distance", lambda r: _range(r, "impostors", "dlib")),
)
GENUINE_COLUMNS: tuple[Column, ...] = (
    ("source", lambda r: f"`{r['source']}`"),
    ("people, pairs", lambda r: f"{_of(r, 'genuine', 'people')}, {_of(r, 'genuine', 'sface', 'count')}"),
    ("SFace cosine, median", lambda r: judged(_of(r, "genuine", "sface", "median"), GENUINE_TARGET, at_most=False)),
    ("p5", lambda r: number(_of(r, "genuine", "sface", "p5"))),
    *(
        (f"other {kind}", lambda r, kind=kind: _range(r, "genuine", "by_change", kind))
        for kind in ("light", "expression", "turn")
    ),
    ("dlib distance", lambda r: _range(r, "genuine", "dlib")),
    ("separation", lambda r: judged(_of(r, "genuine", "separation"), SEPARATION_TARGET, at_most=False)),
    ("d'", lambda r: number(_of(r, "genuine", "d_prime"), 1)),
)
DETECTION_COLUMNS: tuple[Column, ...] = (
    ("source", lambda r: f"`{r['source']}`"),
    ("passport light, all views", lambda r: _share(r["detection"])),
    ("pairs, near picture", lambda r: _share(r["in_pairs"].get("near"))),
    ("pairs, far picture", lambda r: _share(r["in_pairs"].get("far"))),
)


def _share(detection: Mapping[str, Any] | None) -> str:
    if detection is None:
        return "–"
    found, shown = detection["found"], detection["shown"]
    met = found >= FOUND_TARGET * shown
    verdict = f"(≥ {100 * FOUND_TARGET:.1f} %: {'met' if met else 'not met'})"
    return f"{found} of {shown}, **{100 * found / shown:.1f} %** {verdict}"


def _misses(results: list[Result]) -> str:
    every = [(r["source"], d["misses"]) for r in results for d in (r["detection"], *r["in_pairs"].values())]
    missed = [f"`{source}`: {', '.join(misses)}" for source, misses in every if misses]
    return "\n\nNot found: " + "; ".join(missed) + "." if missed else ""


def _landmark_table(results: list[Result]) -> str:
    measured = [result for result in results if result["landmarks"]]
    if not measured:
        return "Not measured."
    regions = list(measured[0]["landmarks"])
    columns: tuple[Column, ...] = (
        ("source", lambda r: f"`{r['source']}`"),
        *((region, lambda r, region=region: _landmark_cell(r["landmarks"][region])) for region in regions),
    )
    return table(columns, measured)


def _landmark_cell(error: Mapping[str, float]) -> str:
    return f"{100 * error['raw']:.1f} → {100 * error['without_offset']:.1f} ({100 * error['explained']:.0f} %)"


def _coverage(results: list[Result]) -> str:
    return "\n".join(
        f"- `{result['source']}`, {name}: "
        + ", ".join(f"{label} {count}" for label, count in counts.items())
        + (f". Empty: {', '.join(empty)}." if (empty := [k for k, n in counts.items() if not n]) else ".")
        for result in results
        for name, counts in result["histograms"].items()
    )


def _picture(source: str, links: list[str]) -> str:
    what = ("people", "closest pairs with their cosine", "the same people otherwise lit, moved and turned")
    return "\n".join(f"![{source}: {text}]({link})" for text, link in zip(what, links, strict=False))
