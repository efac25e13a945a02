"""Smooth vertex normals, equal on both sides of a texture seam."""

import numba
import numpy as np


@numba.njit(cache=True)
def _accumulate(vertices: np.ndarray, faces: np.ndarray, point: np.ndarray, total: np.ndarray) -> None:
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in faces[f]:
            total[point[corner], 0] += nx
            total[point[corner], 1] += ny
            total[point[corner], 2] += nz


def vertex_normals(vertices: np.ndarray, faces: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Area-weighted normals.

    Args:
        vertices: (V, 3) float64.
        faces: (F, 3) int.
        point: (V,) int64; vertices with the same point share one normal.

    Returns:
        (V, 3) float64, unit; +Z where a vertex has no area around it.
    """
    total = np.zeros((int(point.max()) + 1, 3))
    _accumulate(vertices, faces, point, total)
    length = np.sqrt((total**2).sum(axis=1))
    flat = length < 1e-30
    total[flat], length[flat] = (0.0, 0.0, 1.0), 1.0
    return (total / length[:, None])[point]
