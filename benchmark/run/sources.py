"""What a user may ask about: suites that are generated here, and photographs in folders of theirs."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.real import cmdp_cases, pair_cases
from benchmark.run.kept import INDEX, Generated, Kept, keep
from benchmark.run.runner import Questions
from benchmark.suites.case import Case
from benchmark.suites.made import Made, folder_of, make, why_not
from benchmark.suites.suite import FULL_PX, SMALL_PX, SuiteError
from benchmark.suites.table import SUITES, suite_named
from datagen.database import read_json
from datagen.progress import OnProgress


@dataclass(frozen=True)
class Real:
    """Photographs of a layout.

    Attributes:
        cases: reads them, given folder and size.
        tracks: what answers are measured by.
    """

    cases: Callable[[Path, int], Iterator[Case]]
    tracks: tuple[str, ...]


_FACES = ("undistortion", "camera", "verification", "landmarks")
REAL: dict[str, Real] = {
    "cmdp": Real(lambda folder, size: cmdp_cases(folder, size), (*_FACES, "cmdp")),
    "photos": Real(lambda folder, size: pair_cases(folder, size), _FACES),
}
"""Layouts by what stands before the path: `--suite cmdp:FOLDER`."""


@dataclass(frozen=True)
class Wanted:
    """Which variant, and where it is kept.

    Attributes:
        small: the small one.
        cache: folder of generated suites.
        workers: processes that render.
    """

    small: bool
    cache: Path
    workers: int


def questions(name: str, wanted: Wanted, progress: OnProgress) -> Questions:
    """A suite, made if it is not there yet.

    Raises:
        SuiteError: no such suite, or assets are missing.
        RealDataError, DatabaseError: photographs or the cache cannot be used.
    """
    kind, colon, path = name.partition(":")
    if colon and kind in REAL:
        return _real(kind, Path(path), wanted)
    if name not in SUITES:
        real = " or ".join(f"{layout}:FOLDER" for layout in REAL)
        raise SuiteError(f"--suite: expected {', '.join(SUITES)}, or {real}, got {name!r}; see `benchmark suites`.")
    suite = suite_named(name)
    made = make(suite, wanted.small, cache=wanted.cache, workers=wanted.workers, progress=progress)
    return of_made(made, wanted)


def of_made(made: Made, wanted: Wanted) -> Questions:
    """The questions of a suite that was made."""
    folder = folder_of(made.suite, made.small, wanted.cache)
    source = Generated(made.suite, made.small, folder)
    return Questions(source, made.to_json(), made.suite.folder(made.small), made.suite.tracks)


def _real(kind: str, path: Path, wanted: Wanted) -> Questions:
    """Photographs are read once: cutting and masking them takes longer than asking."""
    size = SMALL_PX if wanted.small else FULL_PX
    folder = wanted.cache / "benchmark" / f"{kind}-{_listing(path)[:16]}-{size}"
    if not (folder / INDEX).is_file():
        keep(REAL[kind].cases(path, size), folder)
    index = read_json(folder / INDEX)
    about = {
        "name": kind,
        "version": 1,
        "small": wanted.small,
        "count": len(index["ids"]),
        "sha256": index["sha256"],
        "published": None,
        "agrees": True,
        "recipe": {},
        "seed": None,
    }
    label = f"{kind}-small" if wanted.small else kind
    return Questions(Kept(folder), about, label, REAL[kind].tracks)


def _listing(path: Path) -> str:
    """Digest of the names, sizes and times of a folder's files."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    about = [f"{file.relative_to(path)} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return hashlib.sha256("\n".join([str(path.resolve()), *about]).encode()).hexdigest()


def suites_at_hand() -> tuple[list[str], list[str]]:
    """Suites to ask where a user names none, and what must be said: those of other people where assets are missing."""
    names, said = [], []
    for name, suite in SUITES.items():
        if name.endswith("-makehuman"):
            continue
        reason = why_not(suite)
        names.append(suite.instead if reason else name)
        said += (
            [f"{name} cannot be made here; asking {suite.instead}, which is another suite. {reason}"] if reason else []
        )
    return names, said
