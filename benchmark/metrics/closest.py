"""The closest point of a triangle mesh, exactly, with nothing but k-d trees.

One way for everybody: libraries that do it need a compiled index of boxes which is not always there, and figures must
not hang on what is installed.
"""

import numpy as np
from scipy.spatial import cKDTree

from benchmark.metrics.measured import MetricError

MAX_CANDIDATES = 1 << 20
"""Pairs of a point and a triangle that are looked at together; a single point may have more."""


class Nearest:
    """Closest points of one surface.

    Triangles are sorted into classes of size, each with a tree of their middles. The triangle with the nearest middle
    bounds how far the surface can be; a triangle of radius r about its middle can only be nearer where its middle lies
    within that bound plus r, so each class is searched as far as its own largest radius asks for.

    Args:
        vertices: (V, 3) float64.
        faces: (F, 3) triangles; corners that no triangle has do not count.

    Raises:
        MetricError: no triangles.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray):
        if not len(faces):
            raise MetricError("surface: expected triangles, got none; check the mesh.")
        self.corners = np.asarray(vertices, np.float64)[faces]
        middles = self.corners.mean(axis=1)
        radii = np.linalg.norm(self.corners - middles[:, None], axis=2).max(axis=1)
        sizes = np.frexp(radii)[1]  # The power of two above.
        self._classes = []
        for size in np.unique(sizes):
            members = np.flatnonzero(sizes == size)
            self._classes.append((members, cKDTree(middles[members]), float(radii[members].max())))

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The closest point (n, 3) and its distance (n,), of points (n, 3)."""
        best, found = np.full(len(points), np.inf), np.zeros((len(points), 3))
        everyone = np.arange(len(points))
        for members, tree, _ in self._classes:
            self._improve(points, best, found, everyone, members[tree.query(points)[1]])
        for members, tree, radius in self._classes:
            # A little wider than needed, so that rounding leaves out nothing.
            reach = (best + radius) * (1 + 1e-9)
            for part in _parts(tree.query_ball_point(points, reach, return_length=True)):
                lists = tree.query_ball_point(points[part], reach[part])
                asked = np.repeat(part, [len(each) for each in lists])
                triangles = members[np.concatenate([np.asarray(each, np.int64) for each in lists])]
                self._improve(points, best, found, asked, triangles)
        return found, np.linalg.norm(points - found, axis=1)

    def _improve(
        self, points: np.ndarray, best: np.ndarray, found: np.ndarray, asked: np.ndarray, triangles: np.ndarray
    ) -> None:
        """Writes to `best` and `found` where a triangle is nearer; `asked` names the point of each triangle."""
        on = closest_on_triangles(points[asked], self.corners[triangles])
        distance = np.linalg.norm(points[asked] - on, axis=1)
        order = np.lexsort((triangles, distance, asked))
        first = order[np.unique(asked[order], return_index=True)[1]]
        nearer = first[distance[first] < best[asked[first]]]
        best[asked[nearer]], found[asked[nearer]] = distance[nearer], on[nearer]


def _parts(counts: np.ndarray) -> list[np.ndarray]:
    """Places of points that have candidates, in runs whose candidates fit into memory together."""
    asked = np.flatnonzero(counts)
    run = np.cumsum(counts[asked]) // MAX_CANDIDATES
    return np.split(asked, np.flatnonzero(np.diff(run)) + 1) if len(asked) else []


def closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(n, 3) closest points of triangles (n, 3, 3) to points (n, 3).

    The foot on the plane where it lies inside, else the closest of the feet on the three edges. Triangles without area
    are their edges.
    """
    edges = [_closest_on_segments(points, corners[:, i], corners[:, (i + 1) % 3]) for i in range(3)]
    squares = np.stack([((points - on) ** 2).sum(axis=1) for on in edges])
    on = np.stack(edges)[squares.argmin(axis=0), np.arange(len(points))]
    foot, inside = _foot_on_planes(points, corners)
    return np.where(inside[:, None], foot, on)


def _closest_on_segments(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    square = (along**2).sum(axis=1)
    share = ((points - start) * along).sum(axis=1) / np.where(square > 0, square, 1)
    return start + np.clip(share, 0, 1)[:, None] * along


def _foot_on_planes(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Foot of the perpendicular (n, 3), and whether it lies in the triangle."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(a, b)
    square = (normal**2).sum(axis=1)
    flat = square > 0
    safe = np.where(flat, square, 1)
    offset = points - corners[:, 0]
    u = (np.cross(offset, b) * normal).sum(axis=1) / safe
    v = (np.cross(a, offset) * normal).sum(axis=1) / safe
    foot = corners[:, 0] + u[:, None] * a + v[:, None] * b
    return foot, flat & (u >= 0) & (v >= 0) & (u + v <= 1)
