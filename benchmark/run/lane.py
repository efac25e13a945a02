"""A lane: one process that reads cases, has methods answer them in processes of their own, and scores the answers.

A row is written as soon as it is known, under a key of everything it depends on; who writes it changes nothing in it
but the time it took.
"""

import importlib
import json
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import parent_process
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmark.methods.method import missing, shown
from benchmark.methods.opening import Described, is_shipped
from benchmark.run.answerer import Answered, Answerer
from benchmark.run.kept import Generated, Kept
from benchmark.suites.case import Case
from benchmark.tracks.track import Measurement, Track
from datagen.database import explained, write_file

THUMBNAIL_PX = 256
ROWS = ".rows"
"""Folder in the run's that rows are kept in."""


@dataclass(frozen=True)
class Asked:
    """A method and where its rows and pictures go.

    Attributes:
        method: which.
        rows: folder of its rows on this suite.
        pictures: folder of its pictures.
    """

    method: Described
    rows: Path
    pictures: Path

    def row(self, name: str) -> Path:
        """File of the row of a question."""
        return self.rows / f"{name}.json"


@dataclass(frozen=True)
class Job:
    """Some cases of a suite and everybody who is asked about them.

    Attributes:
        source: where cases come from.
        indices: of the cases.
        asked: the methods.
        tracks: names of tracks, out of `TRACKS` of the module `tracks_from`.
        truths: folder of the pictures of questions and truths.
        cache: folder of what methods are fitted to.
        limit_s: time that an answer may take.
    """

    source: Generated | Kept
    indices: tuple[int, ...]
    asked: tuple[Asked, ...]
    tracks: tuple[str, ...]
    tracks_from: str
    truths: Path
    cache: Path
    limit_s: float


_STOP: list[Event] = []


def begin(stop: Event) -> None:
    """What a lane does first: leaves Ctrl-C to its parent, who sets `stop`, and ends when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _STOP.append(stop)
    if (parent := parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@dataclass(frozen=True)
class Done:
    """What a job came to: ids of its questions in order, and how many answers were not there yet."""

    ids: tuple[str, ...]
    made: int


def work(job: Job) -> Done:
    """Asks and scores what is not known yet."""
    cases, tracks, ids, made = _cases(job.source), _tracks(job), [], 0
    for index in job.indices:
        case = cases[index]
        ids.append(case.question.id)
        with explained(job.truths):
            _write_truth(case, job.truths)
            for asked in job.asked:
                if any(stop.is_set() for stop in _STOP):
                    return Done(tuple(ids), made)
                if not asked.row(case.question.id).exists():
                    _write_row(case, asked, tracks, _answerer(asked.method.spec, job.cache, job.limit_s))
                    made += 1
    return Done(tuple(ids), made)


@lru_cache(maxsize=2)
def _cases(source: Generated | Kept) -> Any:
    return source.cases()


def _tracks(job: Job) -> dict[str, Track]:
    known: Mapping[str, Track] = importlib.import_module(job.tracks_from).TRACKS
    return {name: known[name] for name in job.tracks}


def end() -> None:
    """Ends the processes that answer for this one, and forgets its cases."""
    for answerer in _ANSWERERS.values():
        answerer.close()
    _ANSWERERS.clear()
    _cases.cache_clear()


_ANSWERERS: dict[tuple[str, Path, float], Answerer] = {}


def _answerer(spec: str, kept: Path, limit_s: float) -> Answerer:
    """Shipped methods share a process, and with it what they have loaded; everybody else is alone in one."""
    return _ANSWERERS.setdefault(("" if is_shipped(spec) else spec, kept, limit_s), Answerer(kept, limit_s))


def _write_row(case: Case, asked: Asked, tracks: Mapping[str, Track], answerer: Answerer) -> None:
    lacking = missing(case.question, asked.method.sees)
    if lacking:
        row = {**head_of(case), "status": "not asked", "why": f"nobody knows its {' or '.join(lacking)}."}
    else:
        told = answerer.ask(asked.method.spec, shown(case.question, asked.method.sees))
        row = scored(case, told, tracks)
        if told.answer is not None and told.answer.rgb is not None:
            _write_thumbnail(told.answer.rgb, asked.pictures / f"{case.question.id}.webp")
    asked.rows.mkdir(parents=True, exist_ok=True)
    write_file(asked.row(case.question.id), (json.dumps(row, sort_keys=True) + "\n").encode())


def head_of(case: Case) -> dict[str, Any]:
    """What a row says of its question."""
    truth = case.truth
    return {
        "id": case.question.id,
        "distance_m": truth.distance_m,
        "bin": None if truth.distance_m is None else _bin(truth.distance_m),
        "person": truth.person,
        "source": truth.source,
        "scene": truth.scene,
    }


def _bin(distance_m: float) -> int:
    import torch

    from training.scores import bin_of

    return int(bin_of(torch.tensor([distance_m]))[0])


def scored(case: Case, told: Answered, tracks: Mapping[str, Track]) -> dict[str, Any]:
    """A row: the figures of an answer by every track, or those of a failed one."""
    metrics: dict[str, Measurement] = {}
    observed: dict[str, list[float]] = {}
    for track in tracks.values():
        metrics |= track.failed(case) if told.answer is None else track.measure(case, told.answer)
        observed |= track.observe(case, told.answer)
    return {
        **head_of(case),
        "seconds": told.seconds,
        "status": "failed" if told.answer is None else "ok",
        "why": told.why,
        "metrics": {name: [_number(name, m.value), float(m.weight)] for name, m in metrics.items()},
        "observed": {name: [float(value) for value in values] for name, values in observed.items()},
    }


def _number(name: str, value: float | None) -> float | None:
    if value is not None and np.isnan(value):
        raise ArithmeticError(f"{name}: expected a number or None of a track, got NaN")
    return None if value is None else float(value)


def _write_truth(case: Case, folder: Path) -> None:
    """Pictures of the question and of its truth, for the report."""
    for view, rgb in (("near", case.question.near_rgb), ("far", case.truth.far_rgb)):
        path = folder / f"{case.question.id}.{view}.webp"
        if rgb is not None and not path.exists():
            _write_thumbnail(rgb, path)


def _write_thumbnail(rgb: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(rgb)
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    # Lanes may write the same picture at the same time: each its own part, and the last one stays.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    picture.save(part, format="WEBP", quality=90, method=2)
    os.replace(part, path)
