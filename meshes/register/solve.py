"""Sparse systems by conjugate gradients (M. Hestenes and E. Stiefel, 1952), scaled by the diagonal.

All sums are made in one order, so that every processor ends at the same bits: closest points are looked for between two
solves, and a last bit would grow there.
"""

import numba
import numpy as np
from scipy import sparse

TOLERANCE = 1e-12
"""Of the residual, relative to the right side."""

_MOST_STEPS = 20_000


def solve_sparse(matrix: sparse.spmatrix, right: np.ndarray, guess: np.ndarray | None = None) -> np.ndarray:
    """(n, k) float64 x of matrix x = right.

    Args:
        matrix: (n, n), symmetric and positive definite.
        right: (n, k) float64.
        guess: (n, k) of what x is near; 0 unless given.
    """
    rows = sparse.csr_matrix(matrix)
    rows.sort_indices()
    start = np.zeros_like(right) if guess is None else guess
    columns = [
        _solved(rows.data, rows.indices, rows.indptr, rows.diagonal(), column, x)
        for column, x in zip(right.T.copy(), start.T.copy(), strict=True)
    ]
    return np.stack(columns, axis=1)


@numba.njit(cache=True)
def _times(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    for row in range(len(out)):
        total = 0.0
        for at in range(indptr[row], indptr[row + 1]):
            total += data[at] * x[indices[at]]
        out[row] = total


@numba.njit(cache=True)
def _dot(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    for n in range(len(a)):
        total += a[n] * b[n]
    return total


@numba.njit(cache=True)
def _solved(
    data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, diagonal: np.ndarray, right: np.ndarray, x: np.ndarray
) -> np.ndarray:
    moved = np.empty_like(x)
    _times(data, indices, indptr, x, moved)
    residual = right - moved
    scaled = residual / diagonal
    direction, size = scaled.copy(), _dot(residual, scaled)
    enough = TOLERANCE**2 * _dot(right, right / diagonal)
    for _ in range(_MOST_STEPS):
        if size <= enough:
            break
        _times(data, indices, indptr, direction, moved)
        step = size / _dot(direction, moved)
        x = x + step * direction
        residual = residual - step * moved
        scaled = residual / diagonal
        before, size = size, _dot(residual, scaled)
        direction = scaled + (size / before) * direction
    return x
