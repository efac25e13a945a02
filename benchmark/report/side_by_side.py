"""Answers beside each other, as one small picture for a page: what was asked, what the best methods made, the truth."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.report.board import Board, Entry
from benchmark.report.results import Answered
from datagen.database import explained, write_file
from datagen.sheet import contact_sheet

TRACK = "undistortion"
MOST_METHODS, MOST_PEOPLE = 5, 4
CELL_PX = 192
_QUALITY = 85
_LABEL = 27
"""Characters that fit under a cell."""


def write_sheet(found: Sequence[Board], path: Path) -> bool:
    """Writes the sheet of the first suite with pictures; False where there is nothing to show.

    Args:
        found: the results.
        path: ends in .webp.
    """
    for board in found:
        if cells := _cells(board):
            pictures, labels = zip(*cells, strict=True)
            data = io.BytesIO()
            contact_sheet(pictures, len(_shown(board)) + 2, labels).save(data, "WEBP", quality=_QUALITY, method=6)
            with explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, data.getvalue())
            return True
    return False


def _shown(board: Board) -> list[Entry]:
    """The best that compete, best first, and then what bounds them; the portrait as it is stands first anyway."""
    metrics = board.main_metrics(TRACK, 1)
    ranked = board.ranked(metrics[0]) if metrics else []
    able = [entry for entry in ranked if entry.name not in ("none", "perfect") and _folder(entry).is_dir()]
    competing = [entry for entry in able if not entry.oracle][: MOST_METHODS - 1]
    return [*competing, *[entry for entry in able if entry.oracle][: MOST_METHODS - len(competing)]]


def _folder(entry: Entry) -> Path:
    return entry.result.folder / entry.name


def _nearest(rows: Sequence[Answered]) -> list[Answered]:
    """The nearest portrait of each person, of a few evenly chosen people."""
    first: dict[str, Answered] = {}
    for row in sorted(rows, key=lambda row: (row.distance_m or np.inf, row.id)):
        first.setdefault(row.person, row)
    people = [first[name] for name in sorted(first)]
    return people[:: -(-len(people) // MOST_PEOPLE)] if people else []


def _cells(board: Board) -> list[tuple[np.ndarray, str]]:
    shown = _shown(board)
    if not shown:
        return []
    truth = shown[0].result.folder / "truth"
    cells = []
    for row in _nearest(shown[0].result.rows):
        distance = "near" if row.distance_m is None else f"near, {100 * row.distance_m:.1f} cm"
        cells.append((_picture(truth / f"{row.id}.near.webp"), distance))
        cells += [(_picture(_folder(entry) / f"{row.id}.webp"), _label(entry.name)) for entry in shown]
        cells.append((_picture(truth / f"{row.id}.far.webp"), "true far view"))
    return cells


def _label(name: str) -> str:
    return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"


def _picture(path: Path) -> np.ndarray:
    """(CELL_PX, CELL_PX, 3) uint8; grey where an answer failed and left no picture."""
    if not path.is_file():
        return np.full((CELL_PX, CELL_PX, 3), 128, np.uint8)
    with explained(path), Image.open(path) as image:
        return np.array(image.convert("RGB").resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS))
