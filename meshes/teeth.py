"""Two rows of sixteen teeth with gums, woven over the plain strips that hm08 has for teeth.

A strip is a grid of 17 columns round the jaw by 4 rings: outer gum, middle, biting edge, inner rim. Every new vertex
is a weighted sum of its vertices, so teeth follow every person, expression and jaw as the strips do.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from meshes.elementary import exp, norm, power

# hm08 vertices per ring from the middle backwards: the middle, the person's left, the person's right.
_LOWER = (
    (14993, (14992, *range(14994, 15001)), range(15028, 15036)),
    (
        15012,
        (15013, 15014, 15015, 15011, 15016, 15017, 15018, 15009),
        (*range(15046, 15049), 15045, *range(15049, 15052), 15044),
    ),
    (15010, range(15001, 15009), range(15036, 15044)),
    (15027, range(15019, 15027), range(15052, 15060)),
)
_UPPER = (
    (15061, (15060, *range(15062, 15069)), range(15096, 15104)),
    (
        15079,
        (15075, 15074, 15073, 15072, 15084, 15083, 15082, 15081),
        (15109, 15108, 15107, 15106, 15117, 15116, 15115, 15114),
    ),
    (
        15069,
        (15086, 15071, 15070, 15085, 15078, 15077, 15076, 15080),
        (15119, 15105, 15104, 15118, 15112, 15111, 15110, 15113),
    ),
    (
        15087,
        (15095, 15089, 15088, 15094, 15092, 15091, 15090, 15093),
        (15127, 15121, 15120, 15126, 15124, 15123, 15122, 15125),
    ),
)
LOWER_RINGS, UPPER_RINGS = (
    np.array([[*reversed(tuple(right)), middle, *left] for middle, left, right in rings]) for rings in (_LOWER, _UPPER)
)
"""(4, 17) hm08 vertex numbers of a strip, columns from the person's right to the left."""

# Widths of crowns from the middle backwards in millimetres (Wheeler's Dental Anatomy, mesiodistal).
UPPER_WIDTHS = (8.5, 6.5, 7.5, 7.0, 7.0, 10.0, 9.0, 8.5)
LOWER_WIDTHS = (5.0, 5.5, 7.0, 7.0, 7.0, 11.0, 10.5, 10.0)

_ACROSS = np.array([0.0, 0.08, 0.3, 0.7, 0.92])  # Places of columns on a crown, 0 its near end.
_DOWN = np.array([0.0, 0.45, 0.76, 0.84, 1.0, 1.3, 1.6, 1.82, 1.95, 2.02])  # Places of rows, in rings.
_GUM = 0.80
_GUM_ROWS = int((_DOWN < _GUM).sum())


@dataclass(frozen=True, eq=False)
class ToothRow:
    """One jaw's teeth.

    Attributes:
        operator: (V, base vertices) CSR; positions = operator @ base positions.
        uv: (V, 2) float64: along the jaw and down the crown.
        faces: (T, 3) int64.
        gum: (T,) bool.
    """

    operator: sparse.csr_matrix
    uv: np.ndarray
    faces: np.ndarray
    gum: np.ndarray


def tooth_row(rings: np.ndarray, base: np.ndarray, widths: tuple[float, ...], upper: bool) -> ToothRow:
    """Weaves a row of teeth over a strip.

    Args:
        rings: (4, 17) int, base vertices of the strip.
        base: (V, 3) float64 metres; a head whose proportions place the gaps between the teeth.
        widths: of the crowns, from the middle backwards; only their ratios count.
        upper: True for the upper jaw, whose strip runs downwards.
    """
    arc = _arc(base[rings[2]])
    column, across = _columns(arc, np.array(widths))
    rows = [_row(down, across, column) for down in _DOWN]
    thick = np.interp(np.abs(column - 8), [0, 2, 4, 5], [0.33, 0.4, 0.75, 0.85])  # Incisors are thin, molars wide.
    edge = _point(column, 2.0 + thick)
    back = edge + 0.6 * (_point(column, np.full(len(column), 1.0)) - _point(column, np.full(len(column), 2.0)))
    grid = np.stack([*rows, 0.35 * rows[-1] + 0.65 * edge, edge, back])
    faces = _grid_faces(grid.shape[0], grid.shape[1], upper)
    gum = np.tile(np.repeat(np.arange(grid.shape[0] - 1) < _GUM_ROWS, grid.shape[1] - 1), 2)
    u, v = np.meshgrid(np.linspace(0, 1, grid.shape[1]), np.linspace(0, 1, grid.shape[0]))
    return ToothRow(_over_base(grid, rings, len(base)), np.stack([u.ravel(), v.ravel()], axis=1), faces, gum)


def _arc(edge: np.ndarray) -> np.ndarray:
    """(17,) length along the biting edge, 0 in the middle, negative on the person's right."""
    length = np.concatenate([[0.0], np.cumsum(norm(np.diff(edge, axis=0), axis=1))])
    return length - length[8]


def _columns(arc: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strip column (fractional) and place on its crown in [0, 1] of each new column, right to left."""
    ends = np.concatenate([[0.0], np.cumsum(widths)]) / widths.sum() * arc[-1]
    place = np.concatenate([a + _ACROSS * (b - a) for a, b in pairwise(ends)] + [ends[-1:]])
    across = np.concatenate([np.tile(_ACROSS, len(widths)), [0.0]])
    both = np.concatenate([-place[:0:-1], place])
    return np.interp(both, arc, np.arange(17.0)), np.concatenate([across[:0:-1], across])


def _row(down: float, across: np.ndarray, column: np.ndarray) -> np.ndarray:
    """(C, 4, 17) weights of one row of the outside: scalloped at the gum, grooved between crowns, round at the edge."""
    side = np.abs(2 * across - 1)  # 1 between two crowns, 0 in the middle of one.
    papilla = 0.30 * power(side, 3) * exp(-(((down - _GUM) / 0.25) ** 2))
    corner = 0.11 * power(side, 5) * np.clip((down - 1.3) / 0.7, 0, 1)
    groove = 0.17 * power(side, 6) * np.clip((down - _GUM) / 0.15, 0, 1)
    bulge = -0.05 * (1 - side**2) * np.clip((down - _GUM) / 0.2, 0, 1) * np.clip((2.1 - down) / 0.6, 0, 1)
    outside = _point(column, down + papilla - corner)
    inwards = _point(column, np.full(len(column), 3.0)) - _point(column, np.full(len(column), 2.0))
    return outside + (groove + bulge)[:, None, None] * inwards


def _point(column: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """(C, 4, 17) weights of the strip's vertices at fractional columns (Catmull-Rom) and rings (linear)."""
    low = np.clip(np.floor(ring).astype(int), 0, 2)
    t = ring - low
    along = _catmull_rom(column)
    weights = np.zeros((len(column), 4, 17))
    index = np.arange(len(column))
    weights[index, low] += (1 - t)[:, None] * along
    weights[index, low + 1] += t[:, None] * along
    return weights


def _catmull_rom(column: np.ndarray) -> np.ndarray:
    """(C, 17) weights of the cubic through the columns (Catmull and Rom 1974), ends doubled."""
    low = np.clip(np.floor(column).astype(int), 0, 15)
    t = column - low
    t2, t3 = t * t, t * t * t
    cubic = [-t + 2 * t2 - t3, 2 - 5 * t2 + 3 * t3, t + 4 * t2 - 3 * t3, -t2 + t3]
    weights = np.zeros((len(column), 17))
    for step, share in enumerate(cubic, start=-1):
        np.add.at(weights, (np.arange(len(column)), np.clip(low + step, 0, 16)), share / 2)
    return weights


def _grid_faces(rows: int, columns: int, flip: bool) -> np.ndarray:
    """(T, 3) triangles of a grid; first one half of every cell, then the other."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (x.ravel() for x in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return faces[:, ::-1] if flip else faces


def _over_base(grid: np.ndarray, rings: np.ndarray, vertices: int) -> sparse.csr_matrix:
    """(rows x columns, base vertices) CSR of the grid's weights."""
    weights = sparse.csr_matrix(grid.reshape(-1, rings.size))
    spread = sparse.coo_matrix((np.ones(rings.size), (np.arange(rings.size), rings.ravel())), (rings.size, vertices))
    return (weights @ spread.tocsr()).tocsr()
