"""Hashes to publish: of suites as this version makes them, from labels alone, with no picture and nothing on disk.

python -m benchmark.suites.publish --suite undistort-v1 cmdp-synth-v1
"""

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import tyro
from rich.console import Console

from benchmark.suites.hashing import joined, labels_sha256
from benchmark.suites.made import PUBLISHED, SuiteError, published, why_not
from benchmark.suites.suite import Part, Suite
from benchmark.suites.table import SUITES
from datagen.database import write_file
from datagen.live import Samples
from datagen.progress import OnProgress, progress_bar, silent
from datagen.workers import ONE_THREAD, environment
from renderers.layers import PICTURED


@dataclass(frozen=True)
class Publish:
    """Computes the hashes of suites and keeps them beside those that are published; the package is written to."""

    suite: tuple[str, ...] = tuple(SUITES)
    """Suites of `benchmark suites`."""
    small: bool = False
    """Their small variants instead."""
    workers: int = 1
    """Processes that make labels."""


def sha256_of(suite: Suite, small: bool, workers: int = 1, progress: OnProgress = silent) -> str:
    """What `benchmark.suites.made.Made.sha256` is of the suite once it is made.

    Raises:
        SuiteError: assets are missing.
    """
    if reason := why_not(suite):
        raise SuiteError(reason)
    hashes, before, total = {}, 0, suite.pairs(small)
    for part in suite.parts:
        progress(before, total)
        hashes[part.name] = labels_sha256(_told(_samples(suite, part, small, workers), progress, before, total))
        before += part.pairs(small)
    return joined(hashes)


def _told(samples: Iterator[dict[str, Any]], progress: OnProgress, before: int, total: int) -> Iterator[dict[str, Any]]:
    for number, sample in enumerate(samples, before + 1):
        yield sample
        progress(number, total)


def _samples(suite: Suite, part: Part, small: bool, workers: int) -> Iterator[dict[str, Any]]:
    """In order; whole scenes go to one process, which poses each person once."""
    recipe = replace(part.made(small), without_layers=tuple(sorted(PICTURED)))
    made = Samples(recipe, suite.seed)
    with environment(ONE_THREAD), ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        # What a set on disk holds has been through JSON.
        for sample in pool.map(made.__getitem__, range(part.pairs(small)), chunksize=recipe.steps):
            yield {**sample, "meta": json.loads(json.dumps(sample["meta"]))}


def main(choice: Publish) -> None:
    """Prints every hash, and writes it down."""
    for name in choice.suite:
        suite = SUITES[name]
        with progress_bar(suite.folder(choice.small)) as progress:
            sha256 = sha256_of(suite, choice.small, choice.workers, progress)
        Console().print(f"{suite.folder(choice.small)} {sha256}")
        kept = dict(sorted({**published(), suite.folder(choice.small): sha256}.items()))
        write_file(PUBLISHED, (json.dumps(kept, indent=1) + "\n").encode())


if __name__ == "__main__":
    main(tyro.cli(Publish, description=__doc__))
