"""Eyelashes of the ICT head: single hairs tied to upstream's strips, which move with the lids and are never seen.

Upstream gives every lid three layered strips; each takes one cell of a chart, so that the layers differ.
"""

from dataclasses import fields

import numpy as np

from meshes.elementary import power, sin
from meshes.hair.bound import Bound
from meshes.lashes import bound_hairs
from meshes.noise import keyed

_CELLS, _POINTS = 6, 6
_HAIRS = (34, 34, 34, 20, 20, 20)
_LENGTH = (1.0, 0.95, 0.9, 0.8, 0.75, 0.7)


def lash_uv(points_cm: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N, 2) float64 coordinates in the chart of all cells: along the lid, and up one cell from root to tip.

    Args:
        points_cm: (N, 3) neutral positions of the strips' vertices, which tell root from tip and lid from lid.
        uv: (N, 2) upstream uv: twelve rectangles, two columns by six rows, in tile 6.
    """
    local = uv - [6.0, 0.0]
    strip = 2 * np.floor(6 * local[:, 1]).astype(int) + (local[:, 0] > 0.5)
    result = np.zeros_like(local, dtype=np.float64)
    for number, cell in zip(*_cells(points_cm, strip), strict=True):
        chosen = strip == number
        box = local[chosen]
        s, t = ((box - box.min(axis=0)) / np.maximum(np.ptp(box, axis=0), 1e-9)).T
        # Lashes grow out of the lid, so the tip is the edge farther forward.
        z = points_cm[chosen, 2]
        t = t if z[t > 0.5].mean() > z[t < 0.5].mean() else 1.0 - t
        result[chosen] = np.stack([s, (cell + 0.01 + 0.98 * t) / _CELLS], axis=1)
    return result


def _cells(points_cm: np.ndarray, strip: np.ndarray) -> tuple[list[int], list[int]]:
    """Strip numbers and the cell of each: per eye the three upper lashes take cells 0 to 2, the lower 3 to 5."""
    numbers, cells = [], []
    for side in (1.0, -1.0):
        own = np.unique(strip[side * points_cm[:, 0] > 0])
        height = [points_cm[strip == number, 1].mean() for number in own]
        numbers += [int(n) for n in own[np.argsort(height, kind="stable")[::-1]]]
        cells += [k % _CELLS for k in range(len(own))]
    return numbers, cells


def lash_hairs(faces: np.ndarray, uv: np.ndarray, x: np.ndarray) -> Bound:
    """All lashes of both eyes.

    Args:
        faces: (F, 3) int of the strips.
        uv: (V, 2) from `lash_uv`, of the vertices that the faces index.
        x: (V,) their place along the axis from the right to the left of the person.
    """
    left = x[faces[:, 0]] > 0
    paths = np.concatenate([_cell(k) for k in range(_CELLS)])
    halves = [bound_hairs(faces[side], uv, paths, 1.0) for side in (left, ~left)]
    return Bound(*(np.concatenate([getattr(half, field.name) for half in halves]) for field in fields(Bound)))


def _cell(k: int) -> np.ndarray:
    """(hairs, points, 2) hairs of one strip in loose clusters, rooted in the lid, fanning out to the corners."""
    rng, count = keyed(1, k), _HAIRS[k]
    root = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    lean = 0.10 * (root - 0.5) + 0.35 * (np.round(root * count / 3) * 3 / count - root) + rng.normal(0, 0.006, count)
    reach = _LENGTH[k] * rng.uniform(0.6, 1.0, count) * (0.6 + 0.4 * sin(np.pi * root))
    t = np.linspace(0.0, 1.0, _POINTS)
    along = root[:, None] + lean[:, None] * power(t, 1.4)
    return np.stack([along, (k + 0.01 + 0.98 * reach[:, None] * t) / _CELLS], axis=2)
