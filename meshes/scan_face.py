"""Finds the face on a scan without a network: the mean face is laid on it by rotation, translation and scale.

Point-to-plane iterative closest points (Y. Chen and G. Medioni, 1992) with a free scale, from many starts.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from meshes.elementary import cos, product, sin, solve
from meshes.geometry import area_vectors, rotate
from meshes.makehuman_template import canonical_base, eye_spheres, template
from meshes.noise import keyed
from meshes.parts import Part

MEAN_IPD_M = 0.063
"""Mean of adults: N. Dodgson, "Variation and extrema of human interpupillary distance" (2004)."""

FAR_M = 0.02
"""No point of the mean face counts as farther than this from the scan."""

_SAMPLES = 20_000
_FACE_GRID_M = 0.006
_HEIGHTS_M = (0.16, 0.20, 0.25, 0.32, 0.40, 0.52, 0.75)
"""Guesses of how much of a person the scan shows, from the face alone to the chest."""
_BANDS = 8
_COARSE, _FINE = (8, 130), (30, 2000)
_HOPELESS_M = 0.010
"""Starts that settle this far off do not become a face by settling longer."""
_POINT_WEIGHT = 0.02
"""Of plain closest points beside point-to-plane: it holds the scale where the scan is flat."""


@dataclass(frozen=True, eq=False)
class FaceFit:
    """Where the mean face came to lie: x_scan = scale * R @ x_head + origin.

    Attributes:
        scale: scan units per metre of a face whose eyes are 63 mm apart.
        R: (3, 3) float64, head axes to scan axes.
        origin: (3,) float64 scan units, the eye midpoint.
        misfit_m: mean distance from the mean face to the scan in metres of that face, each at most FAR_M.
        outward: mean cosine between both normals; negative for a scan whose triangles are turned inside out.
    """

    scale: float
    R: np.ndarray
    origin: np.ndarray
    misfit_m: float
    outward: float


@dataclass(frozen=True, eq=False)
class MeanFace:
    """Points (N, 3) metres in the head frame with normals (N, 3), evenly spread over the face; eyes 63 mm apart."""

    points: np.ndarray
    normals: np.ndarray
    nose_tip: np.ndarray


@dataclass(frozen=True, eq=False)
class _Target:
    tree: cKDTree
    points: np.ndarray
    normals: np.ndarray


@lru_cache(maxsize=1)
def mean_face() -> MeanFace:
    """The face of the average embedded head, one point per 6 mm cell."""
    fixed = template()
    centres, _ = eye_spheres(canonical_base(fixed.pack, fixed.eye_vertices), fixed.eye_vertices)
    size = MEAN_IPD_M / np.sqrt(np.square(centres[0] - centres[1]).sum())
    rest, normal = size * fixed.skin.rest, np.asarray(fixed.skin.normal, np.float64)
    face = np.isin(fixed.skin.part, (Part.FACE, Part.NOSE, Part.LIPS)) & (rest[:, 2] > -0.035) & (rest[:, 1] < 0.045)
    points, normals = rest[face], normal[face]
    _, first = np.unique(np.floor(points / _FACE_GRID_M), axis=0, return_index=True)
    return MeanFace(points[first], normals[first], points[points[:, 2].argmax()])


def fit_face(vertices: np.ndarray, faces: np.ndarray, R_scan_head: np.ndarray) -> FaceFit:
    """Lays the mean face on a scan.

    Args:
        vertices: (V, 3) float64, any unit.
        faces: (F, 3) int.
        R_scan_head: (3, 3) first guess of the rotation, good to about 30 degrees.

    Returns:
        The best fit of all starts; judge it by `misfit_m`.
    """
    middle = (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    reach = float(np.ptp(vertices, axis=0).max())
    target = _sample((vertices - middle) / reach, faces)
    face = mean_face()
    few = keyed(0, 70).permutation(len(face.points))
    starts = _starts(target.points, R_scan_head, face.nose_tip)
    coarse = sorted((_settle(start, face, target, few, *_COARSE) for start in starts), key=lambda fit: fit.misfit_m)
    hopeful = [fit for fit in coarse[:4] if fit.misfit_m < _HOPELESS_M] or coarse[:1]
    best = min((_settle(fit, face, target, few, *_FINE) for fit in hopeful), key=lambda fit: fit.misfit_m)
    return FaceFit(best.scale * reach, best.R, best.origin * reach + middle, best.misfit_m, best.outward)


def _sample(vertices: np.ndarray, faces: np.ndarray) -> _Target:
    """Points evenly spread over the scan; a face-wise choice would crowd them where triangles are small."""
    area = area_vectors(vertices, faces)
    size = np.sqrt(np.square(area).sum(axis=1))
    edge = np.cumsum(size)
    rng = keyed(0, 71)
    chosen = np.searchsorted(edge, rng.random(_SAMPLES) * edge[-1], side="right").clip(max=len(faces) - 1)
    a, b = rng.random((2, _SAMPLES))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    corner = vertices[faces[chosen]]
    points = corner[:, 0] + a[:, None] * (corner[:, 1] - corner[:, 0]) + b[:, None] * (corner[:, 2] - corner[:, 0])
    normals = area[chosen] / np.maximum(size[chosen], 1e-300)[:, None]
    return _Target(cKDTree(points), points, normals)


def _starts(points: np.ndarray, R: np.ndarray, nose_tip: np.ndarray) -> list[FaceFit]:
    """The mean face with its nose on the most protruding point of each band of heights, in several sizes."""
    local = rotate(points, R.T)
    height = max(float(np.ptp(local[:, 1])), 1e-9)
    band = np.floor((local[:, 1] - local[:, 1].min()) / height * _BANDS * 0.999).astype(int)
    tips = [points[band == k][local[band == k, 2].argmax()] for k in np.unique(band)]
    scales = [height / metres for metres in _HEIGHTS_M]
    turned = rotate(nose_tip[None], R)[0]
    return [FaceFit(s, R, tip - s * turned, FAR_M, 0.0) for tip in tips for s in scales]


def _settle(start: FaceFit, face: MeanFace, target: _Target, order: np.ndarray, steps: int, count: int) -> FaceFit:
    points, normals = face.points[order[:count]], face.normals[order[:count]]
    s, R, t = start.scale, start.R, start.origin
    for _ in range(steps):
        arm = s * rotate(points, R)
        distance, near = target.tree.query(arm + t)
        same = np.abs(np.einsum("ni,ni->n", rotate(normals, R), target.normals[near])) > 0.5
        reach = max(np.median(distance), 0.004 * s)
        weight = same / (1.0 + np.square(distance / reach))
        step = _step(arm, arm + t - target.points[near], target.normals[near], weight, s)
        grown = np.clip(1.0 + step[3], 0.8, 1.25)
        s, R, t = s * grown, product(turn(step[:3]), R), t + s * step[4:]
    distance, near = target.tree.query(s * rotate(points, R) + t)
    cosine = np.einsum("ni,ni->n", rotate(normals, R), target.normals[near])
    gap = np.where(np.abs(cosine) > 0.5, np.minimum(distance / s, FAR_M), FAR_M)
    return FaceFit(float(s), R, t, float(gap.mean()), float(cosine[gap < FAR_M].sum() / max((gap < FAR_M).sum(), 1)))


def _step(arm: np.ndarray, gap: np.ndarray, normal: np.ndarray, weight: np.ndarray, scale: float) -> np.ndarray:
    """(7,) rotation vector, relative growth and translation (in `scale`) that close the weighted gaps best."""
    arm, gap = arm / scale, gap / scale
    rows = np.concatenate([np.cross(arm, normal), np.einsum("ni,ni->n", arm, normal)[:, None], normal], axis=1)
    pull = np.einsum("ni,ni->n", gap, normal)
    A = np.einsum("n,ni,nj->ij", weight, rows, rows) + 1e-9 * np.eye(7)
    b = np.einsum("n,ni,n->i", weight, rows, pull)
    for k in range(3):
        axis = np.broadcast_to(np.eye(3)[k], arm.shape)
        rows = np.concatenate([np.cross(arm, axis), arm[:, k : k + 1], axis], axis=1)
        A = A + _POINT_WEIGHT * np.einsum("n,ni,nj->ij", weight, rows, rows)
        b = b + _POINT_WEIGHT * np.einsum("n,ni,n->i", weight, rows, gap[:, k])
    return -solve(A, b)


def turn(vector: np.ndarray) -> np.ndarray:
    """(3, 3) rotation by |vector| radians about it (O. Rodrigues, 1840)."""
    angle = np.sqrt(np.square(vector).sum())
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    square = np.einsum("ij,jk->ik", cross, cross)
    return np.eye(3) + sin(angle) * cross + (1.0 - cos(angle)) * square
