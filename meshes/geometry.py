"""Small exact arithmetic on triangle meshes: triangulation, welding, sphere fits, polygons.

Sums run in a fixed order and call no linear-algebra library, so equal input gives equal bytes on any thread count.
"""

import numpy as np

from meshes.elementary import solve
from meshes.errors import UserError


def rotate(points: np.ndarray, R: np.ndarray, about: np.ndarray | None = None) -> np.ndarray:
    """(N, 3) float64: R applied to each of the (N, 3) points, about a point or the origin."""
    pivot = np.zeros(3) if about is None else np.asarray(about, np.float64)
    x, y, z = (np.asarray(points, np.float64) - pivot).T
    turned = [R[k, 0] * x + R[k, 1] * y + R[k, 2] * z + pivot[k] for k in range(3)]
    return np.stack(turned, axis=1)


def triangulate(polygons: np.ndarray) -> np.ndarray:
    """(T, 2) int64: polygon and half of each triangle of (F, 4) corner lists whose last corner may be -1 (a triangle).

    Half 0 has corners 0, 1, 2 and half 1 has corners 0, 2, 3: every quad is cut along the same diagonal in every
    pose. Sorted by polygon.
    """
    quad = polygons[:, 3] >= 0
    owner = np.repeat(np.arange(len(polygons)), 1 + quad)
    half = np.concatenate([[0], (owner[1:] == owner[:-1]).astype(np.int64)]) if len(owner) else owner
    return np.stack([owner, half], axis=1)


def cut_corners(polygons: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """(T, 3): the corners of the triangles that `triangulate` names, from any (F, 4) array of corner values."""
    corners = np.array([[0, 1, 2], [0, 2, 3]])[cut[:, 1]]
    return polygons[cut[:, 0, None], corners]


def weld(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joins points at exactly equal positions.

    Returns:
        first (W,) int64, one index into `points` a position; owner (N,) int64, the position of each point.
    """
    _, first, owner = np.unique(points, axis=0, return_index=True, return_inverse=True)
    return first, owner.reshape(-1)


def area_vectors(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3) float64: normal of each face, as long as twice its area."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (3,) and radius of the sphere through (N, 3) points, by linear least squares.

    |p|^2 = 2 p.c + k with r^2 = k + |c|^2 (I. Coope, "Circle fitting by linear and nonlinear least squares", 1993).

    Raises:
        UserError: the points lie in one plane, on which no sphere is to be seen.
    """
    middle = points.mean(axis=0)
    p = points - middle
    rows = np.concatenate([2.0 * p, np.ones((len(p), 1))], axis=1)
    normal = np.einsum("ni,nj->ij", rows, rows)
    solution = solve(normal, np.einsum("ni,n->i", rows, np.square(p).sum(axis=1)))
    if not np.isfinite(solution).all():
        raise UserError(
            f"eyeballs: expected points around a sphere, got {len(points)} that lie in a plane; repair the eyes."
        )
    centre = solution[:3]
    return middle + centre, float(np.sqrt(solution[3] + np.square(centre).sum()))


def inside_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """(N,) bool: (N, 2) points inside the closed polygon (K, 2), by the even-odd rule."""
    x, y = points.T
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside


def vertex_share(flag: np.ndarray, faces: np.ndarray, count: int) -> np.ndarray:
    """(count,) float32: the share of each vertex's faces for which `flag` (F,) holds; 0 for a vertex of no face."""
    corner = faces.ravel()
    total = np.bincount(corner, minlength=count)
    held = np.bincount(corner, np.repeat(flag, faces.shape[1]).astype(float), minlength=count)
    return (held / np.maximum(total, 1)).astype(np.float32)
