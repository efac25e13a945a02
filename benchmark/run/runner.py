"""Asks every method about every case of a suite, side by side in processes; what is known is not asked again."""

import contextlib
import hashlib
import json
import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import benchmark
import training
from benchmark.methods.opening import Described, is_shipped, shipped
from benchmark.methods.registry import METHODS
from benchmark.run.answerer import Answerer
from benchmark.run.kept import Generated, Kept
from benchmark.run.lane import ROWS, Asked, Done, Job, begin, end, work
from benchmark.run.results import result, write_result
from benchmark.tracks.track import Track
from datagen.database import DatabaseError, to_json
from datagen.progress import OnProgress, silent
from datagen.workers import ONE_THREAD, environment
from meshes.errors import UsageError, UserError

TRACKS_FROM = "benchmark.tracks"


@dataclass(frozen=True)
class Settings:
    """How it is run; nothing here changes a figure, but for the time limit.

    Attributes:
        out: folder of results.
        cache: folder of what methods are fitted to.
        workers: processes that ask and score; each has others that answer.
        limit_s: time that an answer may take.
        tracks_from: module with `TRACKS`.
        chunk: cases that one process gets at a time; those of one person stand together, and their far picture is
            looked at once.
    """

    out: Path
    cache: Path
    workers: int = 1
    limit_s: float = 60.0
    tracks_from: str = TRACKS_FROM
    chunk: int = 8

    def __post_init__(self) -> None:
        if self.workers < 1 or not self.limit_s > 0 or self.chunk < 1:
            raise UsageError(
                f"benchmark: expected --workers 1 or more and --limit-s above 0, got {self.workers} and "
                f"{self.limit_s:g}; correct them."
            )


@dataclass(frozen=True)
class Questions:
    """A suite that is asked.

    Attributes:
        source: of its cases.
        about: what a result says of it, see `benchmark.suites.made.Made.to_json`.
        folder: of its results, within that of the run.
        tracks: names of those that its answers are measured by.
    """

    source: Generated | Kept
    about: Mapping[str, Any]
    folder: str
    tracks: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a run of one suite.

    Attributes:
        written: files of results, by method.
        failures: failed answers, by method.
        refused: why a method could not be asked at all, by what the user typed.
        made: answers that were not there yet.
    """

    written: dict[str, Path] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    made: int = 0

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return not self.refused and not any(self.failures.values())


def run_suite(
    questions: Questions, methods: Iterable[str], settings: Settings, progress: OnProgress = silent
) -> Outcome:
    """Asks, scores, keeps.

    Args:
        questions: the suite.
        methods: what the user typed for each.
        settings: how.
        progress: told the questions that everybody has answered, and all.

    Returns:
        What was written, and what failed; the failures of one method stop no other.

    Raises:
        UsageError: two methods of one name, or an unknown one.
        UserError: the results cannot be written, or a process was killed.
    """
    found, refused = describe(methods, settings)
    tracks: dict[str, Track] = {name: import_module(settings.tracks_from).TRACKS[name] for name in questions.tracks}
    base = settings.out / questions.folder
    asked = [_asked(method, questions, tracks, settings) for method in found]
    at_hand = tuple(name for name, track in tracks.items() if track.why_not() is None)
    with one_thread_each():
        count = len(questions.source.cases())
        jobs = [
            Job(questions.source, part, tuple(asked), at_hand, settings.tracks_from, base / "truth", settings.cache,
                settings.limit_s)
            for part in chunks(count, settings.chunk)
        ]  # fmt: skip
        done = _work(jobs, settings.workers, count, progress) if asked else []
    outcome = Outcome(refused=refused, made=sum(one.made for one in done))
    for one in asked:
        values = result(questions.about, one.method, _rows(one, done), tracks)
        path = base / f"{one.method.name}.json"
        write_result(path, values)
        outcome.written[one.method.name] = path
        outcome.failures[one.method.name] = values["failures"]
    return outcome


def _asked(method: Described, questions: Questions, tracks: Mapping[str, Track], settings: Settings) -> Asked:
    rows = settings.out / ROWS / key(questions.about, method, tracks, settings.limit_s)
    return Asked(method, rows, settings.out / questions.folder / method.name)


def _rows(asked: Asked, done: Sequence[Done]) -> list[dict[str, Any]]:
    """Rows of all questions, in the suite's order."""
    return [json.loads(asked.row(name).read_bytes()) for one in done for name in one.ids]


def chunks(count: int, size: int) -> list[tuple[int, ...]]:
    """Indices below `count` in runs of `size`."""
    return [tuple(range(first, min(first + size, count))) for first in range(0, count, size)]


def _work(jobs: list[Job], workers: int, count: int, progress: OnProgress) -> list[Done]:
    """All jobs, in their order whoever finishes first."""
    progress(0, count)
    lanes = _here(jobs) if workers == 1 else _beside(jobs, workers)
    done: dict[int, Done] = {}
    for place, one in lanes:
        done[place] = one
        progress(sum(len(each.ids) for each in done.values()), count)
    return [done[place] for place in range(len(jobs))]


def _here(jobs: list[Job]) -> Iterator[tuple[int, Done]]:
    try:
        for place, job in enumerate(jobs):
            yield place, work(job)
    finally:
        end()


def _beside(jobs: list[Job], workers: int) -> Iterator[tuple[int, Done]]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(max(1, min(workers, len(jobs))), context, begin, (stop,)) as pool:
        places: dict[Future[Done], int] = {pool.submit(work, job): place for place, job in enumerate(jobs)}
        try:
            for future in as_completed(places):
                yield places[future], future.result()
        except BrokenProcessPool:
            raise DatabaseError(
                "benchmark: expected its processes to finish, but one was killed (often for want of memory). Answers "
                "that are known are kept; run the same command again, with fewer --workers."
            ) from None
        except BaseException:
            stop.set()  # Ends the lanes after the answers at hand.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def one_thread_each() -> contextlib.AbstractContextManager[None]:
    """Processes that are started in the block have one thread each for their mathematics."""
    return environment({**ONE_THREAD, "OPENCV_FOR_THREADS_NUM": "1"})


def key(about: Mapping[str, Any], method: Described, tracks: Mapping[str, Track], limit_s: float) -> str:
    """Of everything that a row depends on: another suite, method, track, code or time limit has rows of its own."""
    parts = {
        "suite": [about["name"], about["sha256"]],
        "method": [method.name, method.digest, sorted(method.sees)],
        "tracks": {name: [track.version, track.why_not()] for name, track in tracks.items()},
        "code": scoring_code(),
        "limit_s": limit_s,
    }
    return hashlib.sha256(to_json(parts)).hexdigest()[:32]


@lru_cache(maxsize=1)
def scoring_code() -> str:
    """Digest of the code that asks and scores. Code of the reports changes no row."""
    root = Path(benchmark.__file__).parent
    folders = [root / name for name in ("suites", "run", "tracks", "metrics", "real")]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    digest = hashlib.sha256()
    for path in [*files, root / "methods" / "method.py", Path(training.__file__).parent / "scores.py"]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def describe(methods: Iterable[str], settings: Settings) -> tuple[list[Described], dict[str, str]]:
    """The methods that can be asked, each prepared, and why others cannot.

    Raises:
        UsageError: two of one name.
        MethodError: a name that nobody knows.
    """
    wanted = list(dict.fromkeys(methods))
    for spec in filter(is_shipped, wanted):
        shipped(spec)
    found: dict[str, Described] = {}
    refused: dict[str, str] = {}
    with one_thread_each(), Answerer(settings.cache, settings.limit_s) as together:
        for spec in wanted:
            told = _described(spec, settings, together)
            if isinstance(told, str):
                refused[spec] = told
            elif told.name in found or (told.name in METHODS and not is_shipped(spec)):
                raise UsageError(f"--method {spec}: expected a name of its own, got {told.name!r} again; rename it.")
            else:
                found[told.name] = told
    return list(found.values()), refused


def _described(spec: str, settings: Settings, together: Answerer) -> Described | str:
    """Opened in another process, as it may hang or crash; a user's own in one of its own."""
    if not is_shipped(spec):
        with Answerer(settings.cache, settings.limit_s) as alone:
            return alone.describe(spec)
    try:
        if not shipped(spec).why_not():
            shipped(spec).prepare(settings.cache, settings.workers)
    except UserError as error:
        return str(error)
    return together.describe(spec)
