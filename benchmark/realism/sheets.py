"""Contact sheets of a source: its people, its closest pairs, and one person in every condition.

Numbers say much and a look at the faces says more; every figure of the report has its picture.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.realism.protocol import Gathered
from benchmark.realism.results import impostor_matrix
from datagen.faces.shots import Shot
from datagen.sheet import contact_sheet, evenly_spaced

CELL_PX = 128
SHOWN_PEOPLE, SHOWN_PAIRS, SHOWN_SAME = 40, 9, 3


def write_sheets(gathered: Gathered, folder: Path) -> list[str]:
    """Writes the sheets of a source and returns their names, people first."""
    stem = "realism_" + gathered.source.partition("/")[0].replace(":", "_")
    sheets = {"": people_sheet(gathered), "_pairs": closest_pairs_sheet(gathered), "_same": same_people_sheet(gathered)}
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{stem}{suffix}.webp" for suffix, sheet in sheets.items() if sheet is not None]
    for name, sheet in zip(names, filter(None, sheets.values()), strict=True):
        sheet.save(folder / name, format="WEBP", quality=80, method=6)
    return names


def people_sheet(gathered: Gathered) -> Image.Image | None:
    """Different people in the passport view, by number of their draw."""
    shown = evenly_spaced(len(gathered.people), SHOWN_PEOPLE) if gathered.people else []
    cells = [_cell(gathered.standard[i]) for i in shown]
    return contact_sheet(cells, 10, [f"{gathered.people[i].number}" for i in shown]) if cells else None


def closest_pairs_sheet(gathered: Gathered) -> Image.Image | None:
    """The pairs of different people that the embedder finds most alike, side by side with their cosine."""
    matrix, kept = impostor_matrix(gathered)
    cells, labels = [], []
    for a, b in closest_pairs(matrix, SHOWN_PAIRS):
        for i in (kept[a], kept[b]):
            cells.append(_cell(gathered.standard[i]))
            labels.append(f"{gathered.people[i].number}, {matrix[a, b]:.2f}")
    return contact_sheet(cells, 6, labels) if cells else None


def closest_pairs(matrix: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The `count` pairs with the greatest similarity, greatest first, no person in two of them."""
    rows, columns = np.triu_indices(len(matrix), 1)
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    for at in np.argsort(-matrix[rows, columns], kind="stable"):
        a, b = int(rows[at]), int(columns[at])
        if len(pairs) < count and not {a, b} & used:
            pairs.append((a, b))
            used |= {a, b}
    return pairs


def same_people_sheet(gathered: Gathered) -> Image.Image | None:
    """The first people in every condition, with the cosine to their passport view."""
    cells, labels = [], []
    columns = 1 + len(gathered.conditions)
    people = min(SHOWN_SAME, *(len(shots) for shots in gathered.conditions.values())) if gathered.conditions else 0
    for i in range(people):
        own = gathered.standard[i]
        shown = [("passport", own), *((name, shots[i]) for (_, name), shots in gathered.conditions.items())]
        cells += [_cell(shot) for _, shot in shown]
        labels += [f"{name} {_similarity(own, shot)}" for name, shot in shown]
    return contact_sheet(cells, columns, labels) if cells else None


def _similarity(a: Shot, b: Shot) -> str:
    if not (len(a.sface) and len(b.sface)):
        return "missed"
    return "" if a is b else f"{float(a.sface @ b.sface):.2f}"


def _cell(shot: Shot) -> np.ndarray:
    return np.asarray(Image.fromarray(shot.thumbnail).resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS))
