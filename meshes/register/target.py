"""The scan that a model is drawn onto: closest points on its triangles, and where it ends.

Everything is metres in one frame; points, triangles and their order decide every byte of the answers.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from meshes.geometry import area_vectors, weld
from meshes.noise import keyed

SAMPLES = 120_000
"""Points spread over a scan; the triangles of the nearest few are searched exactly."""

NEAREST = 6
_OPPOSED_M = 0.015
"""A surface that faces the other way is passed over for one this much farther off: lips, lids and nostrils are thin."""

_RIM_STEP_M = 0.001


@dataclass(frozen=True, eq=False)
class Target:
    """A scan made searchable.

    Attributes:
        vertices: (V, 3) float64 metres.
        faces: (F, 3) int64.
        tree: of the sample points.
        sample_face: (S,) int64, the triangle each sample lies on.
        normals: (F, 3) float64, unit, outward.
        rim: of points along open edges; None for a closed surface.
    """

    vertices: np.ndarray
    faces: np.ndarray
    tree: cKDTree
    sample_face: np.ndarray
    normals: np.ndarray
    rim: cKDTree | None

    @property
    def samples(self) -> np.ndarray:
        """(S, 3) float64 metres, evenly spread."""
        return np.asarray(self.tree.data)


@dataclass(frozen=True, eq=False)
class Closest:
    """What `closest` found for N points.

    Attributes:
        point: (N, 3) float64 metres on the scan.
        face: (N,) int64.
        barycentric: (N, 3) float64.
        distance_m: (N,) float64.
        cosine: (N,) float64 between the normals given and the scan's.
        rim_m: (N,) float64, from `point` to the nearest open edge; infinite on a closed scan.
    """

    point: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray
    distance_m: np.ndarray
    cosine: np.ndarray
    rim_m: np.ndarray


def target(vertices: np.ndarray, faces: np.ndarray, samples: int = SAMPLES) -> Target:
    """Spreads samples over a triangle mesh, by area, and finds its open edges.

    Args:
        vertices: (V, 3) float64 metres; vertices split at texture seams are joined by position.
        faces: (F, 3) int, counter-clockwise seen from outside.
        samples: how many; from a fixed key, so equal meshes give equal samples.
    """
    faces = faces.astype(np.int64)
    area = area_vectors(vertices, faces)
    size = np.sqrt(np.square(area).sum(axis=1))
    rng, edge = keyed(0, 80), np.cumsum(size)
    face = np.searchsorted(edge, rng.random(samples) * edge[-1], side="right").clip(max=len(faces) - 1)
    a, b = rng.random((2, samples))
    a, b = np.where(a + b > 1.0, 1.0 - a, a), np.where(a + b > 1.0, 1.0 - b, b)
    corner = vertices[faces[face]]
    points = corner[:, 0] + a[:, None] * (corner[:, 1] - corner[:, 0]) + b[:, None] * (corner[:, 2] - corner[:, 0])
    return Target(
        vertices=vertices,
        faces=faces,
        tree=cKDTree(points),
        sample_face=face,
        normals=area / np.maximum(size, 1e-300)[:, None],
        rim=_rim(vertices, faces),
    )


def _rim(vertices: np.ndarray, faces: np.ndarray) -> cKDTree | None:
    """Points a millimetre apart along edges that one triangle alone has."""
    first, owner = weld(vertices)
    corner = owner[faces]
    edges = np.sort(np.concatenate([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [2, 0]]]), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    ends = vertices[first[edges[(count == 1) & (edges[:, 0] != edges[:, 1])]]]
    if not len(ends):
        return None
    length = np.sqrt(np.square(ends[:, 1] - ends[:, 0]).sum(axis=1))
    steps = np.ceil(length / _RIM_STEP_M).astype(int).clip(1, 50)
    which = np.repeat(np.arange(len(ends)), steps)
    along = (np.arange(len(which)) - np.repeat(np.cumsum(steps) - steps, steps)) / steps[which]
    return cKDTree(ends[which, 0] + along[:, None] * (ends[which, 1] - ends[which, 0]))


def closest(scan: Target, points: np.ndarray, normals: np.ndarray, nearest: int = NEAREST) -> Closest:
    """For each point the nearest place on the scan that faces its way.

    Args:
        scan: from `target`.
        points, normals: (N, 3) float64 metres, and unit.
        nearest: samples whose triangles are searched.

    Returns:
        One place a point, however far; judge it by distance, cosine and rim.
    """
    _, near = scan.tree.query(points, k=nearest)
    face = scan.sample_face[near]
    corner = scan.vertices[scan.faces[face.ravel()]]
    weight = barycentric_of_closest(np.repeat(points, nearest, axis=0), corner)
    place = np.einsum("nk,nkd->nd", weight, corner).reshape(*face.shape, 3)
    distance = np.sqrt(np.square(place - points[:, None]).sum(axis=2))
    cosine = np.einsum("nkd,nd->nk", scan.normals[face], normals)
    best = np.argmin(distance + _OPPOSED_M * np.clip(0.5 - cosine, 0.0, None), axis=1)
    row = np.arange(len(points))
    chosen = place[row, best]
    rim_m = np.full(len(points), np.inf) if scan.rim is None else scan.rim.query(chosen)[0]
    return Closest(
        point=chosen,
        face=face[row, best],
        barycentric=weight.reshape(*face.shape, 3)[row, best],
        distance_m=distance[row, best],
        cosine=cosine[row, best],
        rim_m=rim_m,
    )


def barycentric_of_closest(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N, 3) float64 barycentrics of the point of each triangle that is nearest to each point.

    The nearest of the plane's foot point, where it is inside, and of the three edges' nearest points.

    Args:
        points: (N, 3).
        corners: (N, 3, 3) one triangle a point.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v, w = b - a, c - a, points - a
    uu, uv, vv = (np.einsum("nd,nd->n", x, y) for x, y in ((u, u), (u, v), (v, v)))
    wu, wv = np.einsum("nd,nd->n", w, u), np.einsum("nd,nd->n", w, v)
    area = uu * vv - uv * uv
    has_area = area > 1e-12 * uu * vv  # A triangle without area is its edges; its foot point would be noise.
    area = np.where(has_area, area, 1.0)
    s, t = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    inside = has_area & (s >= 0.0) & (t >= 0.0) & (s + t <= 1.0)
    weight = np.stack([1.0 - s - t, s, t], axis=1)
    best = np.where(inside, -1.0, np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        edge, arm = corners[:, j] - corners[:, i], points - corners[:, i]
        length = np.maximum(np.einsum("nd,nd->n", edge, edge), 1e-300)
        along = np.clip(np.einsum("nd,nd->n", arm, edge) / length, 0.0, 1.0)
        gap = np.square(arm - along[:, None] * edge).sum(axis=1)
        nearer = gap < best
        best = np.where(nearer, gap, best)
        on_edge = np.zeros_like(weight)
        on_edge[:, i], on_edge[:, j] = 1.0 - along, along
        weight = np.where(nearer[:, None], on_edge, weight)
    return weight
