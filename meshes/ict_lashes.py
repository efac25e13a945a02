"""Eyelashes of the ICT head: its strips are opaque slabs, so an alpha map of single hairs cuts them.

Upstream gives every lid three layered strips; each takes one cell of the map, so that the layers differ.
"""

from functools import lru_cache

import numpy as np

from meshes.noise import keyed

_CELLS, _CELL_PX = 6, (96, 768)
_HAIRS = (34, 34, 34, 20, 20, 20)
_LENGTH = (1.0, 0.95, 0.9, 0.8, 0.75, 0.7)
_HALF_WIDTH_PX = 2.6
_STEPS = 160


def lash_uv(points_cm: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N, 2) float64 coordinates in `lash_cutout`: along the lid, and up one cell from root to tip.

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


@lru_cache(maxsize=1)
def lash_cutout() -> np.ndarray:
    """(576, 768) uint8, 255 on a hair and 0 between; row 0 is v = 1."""
    height, width = _CELL_PX
    alpha = np.concatenate([_cell(k) for k in reversed(range(_CELLS))])
    alpha.setflags(write=False)
    return alpha.reshape(_CELLS * height, width)


def _cell(k: int) -> np.ndarray:
    """(96, 768) uint8: tapering hairs in loose clusters, rooted in the bottom row, fanning out to the corners."""
    height, width = _CELL_PX
    rng, count = keyed(1, k), _HAIRS[k]
    root = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    lean = 0.10 * (root - 0.5) + 0.35 * (np.round(root * count / 3) * 3 / count - root) + rng.normal(0, 0.006, count)
    reach = _LENGTH[k] * rng.uniform(0.6, 1.0, count) * (0.6 + 0.4 * np.sin(np.pi * root))
    t = np.linspace(0.0, 1.0, _STEPS)
    x = (root[:, None] + lean[:, None] * t**1.4) * width
    y = (1.0 - reach[:, None] * t) * height
    half = _HALF_WIDTH_PX * (1.0 - 0.8 * t) * rng.uniform(0.8, 1.1, count)[:, None]
    alpha = np.zeros((height, width), np.uint8)
    for step in range(-3, 4):
        column = np.floor(x).astype(int) + step
        near = (np.abs(column + 0.5 - x) <= half) & (column >= 0) & (column < width)
        row = np.clip(np.floor(y).astype(int), 0, height - 1)
        alpha[row[near], column[near]] = 255
    return alpha
