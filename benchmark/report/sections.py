"""The page's parts beside the figures: pictures, failures, time, where it ran, what was asked, how to do it again."""

import json
import shlex
from collections.abc import Sequence

import numpy as np

from benchmark.report.board import Board, Entry
from benchmark.report.curves import swatch
from benchmark.report.figures import number
from benchmark.report.markup import Markup, joined, tag
from benchmark.report.pictures import Triple
from benchmark.report.results import Machine, Suite
from benchmark.run.sources import REAL

MOST_FAILURES = 40
"""Named on the page for each method; results.json names all."""

Gallery = Sequence[tuple[Entry, Sequence[Triple]]]


def about(board: Board) -> Markup:
    """One paragraph: what was asked of how many, and whether it is what everybody else was asked."""
    suite = board.suite
    parts = [
        joined([tag("b", str(suite.count)), " portraits; version ", str(suite.version)]),
        f"seed {suite.seed}" if suite.seed is not None else "",
        joined(["sha256 ", tag("code", suite.sha256[:16], title=suite.sha256), " ", agreement(suite)]),
    ]
    warning = ""
    if board.differing:
        names = ", ".join(board.differing)
        warning = tag("p", f"Asked something else than {board.entries[0].name}, so no match for it: {names}.",
                      class_="warning", role="status")  # fmt: skip
    return joined([tag("p", joined([part for part in parts if part], ", "), ".", class_="about"), warning])


def agreement(suite: Suite) -> Markup:
    """Whether the made suite is the published one, as a mark with words."""
    words, kind = AGREEMENT[suite.agrees] if suite.published else ("nothing published to compare with", "unknown")
    return tag("span", words, class_=f"agreement {kind}", title=suite.published)


AGREEMENT = {
    True: ("✓ agrees with the published one", "good"),
    False: ("✗ differs from the published one", "bad"),
    None: ("not compared with the published one", "unknown"),
}


def not_measured(board: Board) -> Markup:
    """Tracks that were left out, with the reason; nothing where none was."""
    reasons = board.not_measured()
    if not reasons:
        return Markup("")
    everybody = len(board.entries)
    items = [
        tag("li", tag("b", track), f": {why}", "" if len(names) == everybody else f" ({', '.join(names)})")
        for track, whys in reasons.items()
        for why, names in whys.items()
    ]
    return joined([tag("h3", "Not measured"), tag("ul", *items, class_="reasons")])


def gallery(shown: Gallery, metric: str) -> Markup:
    """Best, median and worst answer of each method, between the question and the truth."""
    if not shown:
        return joined([tag("h3", "Pictures"), tag("p", "No method of this suite gave pictures.", class_="note")])
    rows = [
        tag("section", tag("h4", swatch(entry.style), entry.name), tag("div", *map(_triple, parts), class_="triples"),
            class_="shown", data_style=entry.style)
        for entry, parts in shown
    ]  # fmt: skip
    note = f"By {metric}, of the answers that were given. From left to right: near, answer, truth."
    return joined([tag("h3", "Best, median and worst"), tag("p", note, class_="note"), *rows])


def _triple(triple: Triple) -> Markup:
    row = triple.choice.row
    away = "" if row.distance_m is None else f" · {100 * row.distance_m:.0f} cm"
    caption = joined([tag("b", triple.choice.kind), f" {number(triple.choice.value)}{away} · ", tag("code", row.id)])
    pictures = [
        _picture(address, f"{what}, {row.id}")
        for what, address in (("near", triple.near), ("answer", triple.answer), ("truth", triple.truth))
    ]
    return tag("figure", tag("div", *pictures, class_="triple"), tag("figcaption", caption))


def _picture(address: str | None, alt: str) -> Markup:
    if address is None:
        return tag("span", "no picture", class_="gap")
    return tag("img", src=address, alt=alt, loading="lazy")


def failures(board: Board) -> Markup:
    """Every answer that failed, and every method that could not be asked everything, with the reason."""
    parts = [_failures_of(entry) for entry in board.entries if entry.result.failures]
    left_out = [tag("li", tag("b", e.name), f": {e.result.not_asked}") for e in board.entries if e.result.not_asked]
    parts += [tag("ul", *left_out, class_="reasons")] if left_out else []
    return joined([tag("h3", "Failures"), *(parts or [tag("p", "None.", class_="note")])])


def _failures_of(entry: Entry) -> Markup:
    failed = entry.result.failures
    rows = [tag("tr", tag("td", tag("code", row.id)), tag("td", row.why or "no reason given")) for row in failed]
    more = len(rows) - MOST_FAILURES
    rest = tag("p", f"And {more} more, all in results.json.", class_="note") if more > 0 else ""
    head = tag("thead", tag("tr", tag("th", "portrait", scope="col"), tag("th", "why", scope="col")))
    table = tag("div", tag("table", head, tag("tbody", *rows[:MOST_FAILURES])), class_="scroll", tabindex=0,
                role="region", aria_label=f"Failures of {entry.name}")  # fmt: skip
    summary = tag("summary", tag("b", entry.name), f": {len(failed)} of {len(entry.result.rows)}")
    return tag("details", summary, table, rest, class_="failures")


def run_time(board: Board) -> Markup:
    """How long a portrait took, and on which machine."""
    machines = distinct_machines(board)
    heads = ("method", "median ms", "5th to 95th percentile", "answers", "digest", "machine")
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in heads)))
    rows = [_time_row(entry, machines.index(entry.result.machine)) for entry in board.entries]
    listed = [tag("li", machine_text(board, machine)) for machine in machines]
    table = tag("div", tag("table", head, tag("tbody", *rows)), class_="scroll", tabindex=0, role="region",
                aria_label="Time of a portrait")  # fmt: skip
    return joined([tag("h3", "Time and machine"), table, tag("ol", *listed, class_="machines")])


def _time_row(entry: Entry, machine: int) -> Markup:
    times = [1000 * row.seconds for row in entry.result.rows if row.seconds is not None and not row.failed]
    spread = " to ".join(number(float(v)) for v in np.percentile(times, (5, 95))) if times else "–"
    cells = (number(entry.median_ms), spread, str(len(times)))
    digest = entry.result.method.digest
    return tag(
        "tr",
        tag("th", entry.name, scope="row"),
        *(tag("td", cell, class_="figure") for cell in cells),
        tag("td", tag("code", digest[:12], title=digest)),
        tag("td", str(machine + 1), class_="figure"),
    )


def distinct_machines(board: Board) -> list[Machine]:
    """Each machine of a suite once, in the order of the methods."""
    return list(dict.fromkeys(entry.result.machine for entry in board.entries))


def machine_text(board: Board, machine: Machine) -> str:
    """A machine in one line: versions, and the days on which it answered a suite."""
    cores = f", {machine.cores} cores" if machine.cores else ""
    versions = "".join(f", {name} {version}" for name, version in machine.versions)
    dates = sorted({e.result.machine.date for e in board.entries if e.result.machine == machine} - {""})
    days = f"; {' to '.join(dict.fromkeys((dates[0], dates[-1])))}" if dates else ""
    return f"{machine.processor}{cores}; Python {machine.python}{versions}{days}"


def command(board: Board) -> str:
    """What to type for the same results."""
    small = " --small" if board.suite.small else ""
    methods = " ".join(shlex.quote(entry.name) for entry in board.entries)
    suite = f"{board.suite.name}:FOLDER" if board.suite.name in REAL else shlex.quote(board.suite.name)
    return f"benchmark run --suite {suite}{small} --method {methods} --out RUN"


def reproduce(board: Board) -> Markup:
    """The command, and the whole recipe."""
    suite = board.suite
    published = suite.published or "none"
    facts = (("made", suite.sha256), ("published", published))
    hashes = [tag("li", f"{name}: ", tag("code", text)) for name, text in facts]
    return joined([
        tag("h3", "Do it again"),
        tag("pre", f"{command(board)}\nbenchmark report RUN", tabindex=0),
        tag("p", "Hash of the suite, ", agreement(suite), ":"),
        tag("ul", *hashes, class_="hashes"),
        _recipe(suite),
    ])  # fmt: skip


def _recipe(suite: Suite) -> Markup:
    text = json.dumps(suite.recipe, indent=1, sort_keys=True, ensure_ascii=False)
    return tag("details", tag("summary", "Recipe"), tag("pre", text, tabindex=0)) if suite.recipe else Markup("")
