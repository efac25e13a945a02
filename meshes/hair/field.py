"""The space around the canonical head: how far the skin is, which skin is nearest, how a person's head differs.

Regular grids, so that a strand asks them at every step. Metres in the frame of the canonical head.
"""

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from scipy import ndimage, spatial

from meshes.elementary import norm
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate

CELL_M = 0.007
_MARGIN_M = (0.035, 0.060, 0.060)
_HIDDEN = (Part.MOUTH_INTERIOR, Part.EYE_SOCKET)
_PLANE_M = 0.006  # Nearer than this a skin sample stands for its tangent plane, farther for a point.


@dataclass(frozen=True, eq=False)
class Space:
    """Grids over a box around the head; node (i, j, k) lies at origin + CELL_M (i, j, k).

    Attributes:
        origin: (3,) float64 metres.
        distance_m: (nx, ny, nz) float32, signed distance to the skin, positive outside; mouth and eyes count as shut.
        nearest: (nx, ny, nz) int32 template vertex nearest to every node.
    """

    origin: np.ndarray
    distance_m: np.ndarray
    nearest: np.ndarray


@lru_cache(maxsize=2)
def space(template: SkinTemplate) -> Space:
    """The space around a canonical head, measured once a process."""
    vertex, point, normal = _samples(template)
    low, high = template.rest.min(axis=0) - _MARGIN_M, template.rest.max(axis=0) + _MARGIN_M
    shape = np.ceil((high - low) / CELL_M).astype(int) + 1
    nodes = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    places = low + CELL_M * nodes
    nearest = _nearest(point, places, np.rint((point - low) / CELL_M).astype(int), tuple(shape))
    away_m = norm(places - point[nearest], axis=1)
    height_m = np.einsum("nk,nk->n", places - point[nearest], normal[nearest])
    distance_m = np.where(away_m < _PLANE_M, height_m, np.copysign(away_m, height_m)).reshape(shape)
    return Space(
        origin=low,
        distance_m=ndimage.gaussian_filter(distance_m, 0.5).astype(np.float32),
        nearest=vertex[nearest].reshape(shape).astype(np.int32),
    )


def _nearest(point: np.ndarray, places: np.ndarray, node: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(nodes,) the sample nearest to every node: exact beside the skin, to within a cell farther off."""
    holds = np.full(shape, -1)
    holds[tuple(node.T)] = np.arange(len(point))
    away, index = ndimage.distance_transform_edt(holds < 0, return_indices=True)
    nearest = holds[tuple(index)].ravel()
    beside = np.flatnonzero(away.ravel() < 2.5)
    nearest[beside] = spatial.cKDTree(point).query(places[beside])[1]
    return nearest


def _samples(template: SkinTemplate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Template vertex (N,), point and normal (N, 3) of the skin that hair can meet: vertices and middles of faces."""
    open_to_air = ~np.isin(template.part, _HIDDEN)
    faces = template.faces[open_to_air[template.faces].all(axis=1)]
    own = np.flatnonzero(open_to_air)
    middle, normal = (values[faces].mean(axis=1) for values in (template.rest, template.normal))
    normal /= norm(normal, axis=1, keepdims=True)
    return (
        np.concatenate([own, faces[:, 0]]),
        np.concatenate([template.rest[own], middle]),
        np.concatenate([template.normal[own], normal]),
    )


def spread(around: Space, values: np.ndarray) -> np.ndarray:
    """A smooth field through space that near the skin takes its values.

    Args:
        around: the space.
        values: (V, K) on the template's vertices.

    Returns:
        (nx, ny, nz, K) float64 at the nodes, for `read`.
    """
    return ndimage.uniform_filter(values[around.nearest], size=(3, 3, 3, 1), mode="nearest")


def read(around: Space, field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, K) float64: a field of `spread` at (N, 3) points, linear between nodes."""
    return _read(around.origin, CELL_M, np.ascontiguousarray(field), np.ascontiguousarray(points))


@numba.njit(cache=True, nogil=True)
def _read(origin: np.ndarray, cell: float, field: np.ndarray, points: np.ndarray) -> np.ndarray:
    out = np.zeros((len(points), field.shape[3]))
    for n in range(len(points)):
        x, y, z = (
            (points[n, 0] - origin[0]) / cell,
            (points[n, 1] - origin[1]) / cell,
            (points[n, 2] - origin[2]) / cell,
        )
        x = min(max(x, 0.0), field.shape[0] - 1.001)
        y = min(max(y, 0.0), field.shape[1] - 1.001)
        z = min(max(z, 0.0), field.shape[2] - 1.001)
        i, j, k = int(x), int(y), int(z)
        a, b, c = x - i, y - j, z - k
        for m in range(field.shape[3]):
            low = (1 - b) * ((1 - c) * field[i, j, k, m] + c * field[i, j, k + 1, m])
            low += b * ((1 - c) * field[i, j + 1, k, m] + c * field[i, j + 1, k + 1, m])
            high = (1 - b) * ((1 - c) * field[i + 1, j, k, m] + c * field[i + 1, j, k + 1, m])
            high += b * ((1 - c) * field[i + 1, j + 1, k, m] + c * field[i + 1, j + 1, k + 1, m])
            out[n, m] = (1 - a) * low + a * high
    return out
