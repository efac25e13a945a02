"""Questions as files, for methods that run elsewhere: closed programs, other languages, other machines."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmark.methods.method import SIGHTS, Question, shown
from benchmark.suites.case import Case
from datagen.database import explained, to_json, write_file
from meshes.errors import UsageError

QUESTIONS = "questions.json"


def export(cases: Sequence[Case], sees: tuple[str, ...], folder: Path) -> int:
    """Writes ID.near.png (with the mask as alpha), ID.far.png and ID.flow.npy where they are seen, questions.json.

    Args:
        cases: of a suite.
        sees: what the method looks at.
        folder: made if missing.

    Returns:
        How many questions there are.

    Raises:
        UsageError: sights that there are not.
        DatabaseError: it cannot be written.
    """
    unknown = sorted(set(sees) - set(SIGHTS))
    if unknown:
        raise UsageError(f"--sees: expected some of {', '.join(SIGHTS)}, got {', '.join(unknown)}; correct it.")
    allowed = frozenset(sight for sight in SIGHTS if sight in {"near", *sees})
    told: dict[str, Any] = {}
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for case in cases:
            question = shown(case.question, allowed)
            told[question.id] = _plain(question)
            for name, data in _files(question).items():
                write_file(folder / name, data)
        write_file(folder / QUESTIONS, to_json({"sees": sorted(allowed), "questions": told}))
    return len(told)


def _plain(question: Question) -> dict[str, Any]:
    """Everything that is no picture and may be seen."""
    arrays = ("eye_px", "K", "landmarks_px", "landmarks_seen")
    listed = {name: value.tolist() for name in arrays if (value := getattr(question, name)) is not None}
    distance = {} if question.distance_m is None else {"distance_m": question.distance_m}
    return {"far_m": question.far_m, **distance, **listed}


def _files(question: Question) -> dict[str, bytes]:
    files = {f"{question.id}.near.png": _png(question.near_rgb, question.near_alpha)}
    if question.far_rgb is not None:
        alpha = np.full(question.far_rgb.shape[:2], 255, np.uint8) if question.far_alpha is None else question.far_alpha
        files[f"{question.id}.far.png"] = _png(question.far_rgb, alpha)
    if question.flow is not None:
        file = io.BytesIO()
        np.save(file, question.flow)
        files[f"{question.id}.flow.npy"] = file.getvalue()
    return files


def _png(rgb: np.ndarray, alpha: np.ndarray) -> bytes:
    """The colours stand before black already: laid over black by its alpha once more they would be too dark."""
    file = io.BytesIO()
    Image.fromarray(np.dstack([rgb, alpha])).save(file, "PNG")
    return file.getvalue()
