"""Which point of the mesh each texel of an atlas shows, and how colours spread to texels that show none.

Texel (row r, column c) of an (h, w) texture is sampled at u = (c + 0.5) / w, v = 1 - (r + 0.5) / h.
"""

from dataclasses import dataclass

import numba
import numpy as np
from scipy import ndimage

SHAPE = (2112, 1116)
"""Rows and columns of a baked skin: a third of a millimetre of face a texel."""


@dataclass(frozen=True, eq=False)
class Texels:
    """The atlas of a mesh, drawn once.

    Attributes:
        face: (h, w) int32, the triangle that covers the texel's centre; -1 for none.
        barycentric: (h, w, 3) float32 in that triangle.
    """

    face: np.ndarray
    barycentric: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """(h, w) bool."""
        return self.face >= 0

    def gather(self, values: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """(N, k) float64: vertex values (V, k) at the N covered texels, in row order."""
        corners = faces[self.face[self.covered]]
        return np.einsum("nk,nkd->nd", self.barycentric[self.covered].astype(np.float64), values[corners])


def draw_atlas(uv: np.ndarray, faces: np.ndarray, shape: tuple[int, int] = SHAPE) -> Texels:
    """Draws triangles into texture space; where they overlap the one with the lowest index stays.

    Args:
        uv: (V, 2) in [0, 1], v upwards.
        faces: (F, 3) int.
        shape: rows and columns.
    """
    height, width = shape
    at = np.stack([uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5], axis=1).astype(np.float64)
    face = np.full(shape, -1, np.int32)
    barycentric = np.zeros((*shape, 3), np.float32)
    _draw(at, faces.astype(np.int64), face, barycentric)
    return Texels(face, barycentric)


@numba.njit(cache=True)
def _draw(at: np.ndarray, faces: np.ndarray, face: np.ndarray, barycentric: np.ndarray) -> None:
    rows, columns = face.shape
    for f in range(len(faces)):
        (ax, ay), (bx, by), (cx, cy) = at[faces[f, 0]], at[faces[f, 1]], at[faces[f, 2]]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        for r in range(max(0, int(np.ceil(min(ay, by, cy)))), min(rows, int(np.floor(max(ay, by, cy))) + 1)):
            for c in range(max(0, int(np.ceil(min(ax, bx, cx)))), min(columns, int(np.floor(max(ax, bx, cx))) + 1)):
                s = ((bx - c) * (cy - r) - (by - r) * (cx - c)) / area
                t = ((cx - c) * (ay - r) - (cy - r) * (ax - c)) / area
                if s >= 0.0 and t >= 0.0 and s + t <= 1.0 and face[r, c] < 0:
                    face[r, c] = f
                    barycentric[r, c, 0], barycentric[r, c, 1] = s, t
                    barycentric[r, c, 2] = 1.0 - s - t


def spread(texture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """(h, w, 3): texels outside all triangles take the nearest covered one, so that no gutter bleeds in."""
    row, column = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return texture[row, column]


def sample_texture(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N, 3) float64: bilinear lookup in an (h, w, 3) texture, row 0 is v = 1; uv beyond [0, 1] repeat."""
    height, width = texture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5
    column, row = np.floor(x), np.floor(y)
    total = np.zeros((len(uv), 3))
    for dy in (0, 1):
        for dx in (0, 1):
            weight = np.abs(1 - dx - (x - column)) * np.abs(1 - dy - (y - row))
            r, c = (row + dy).astype(np.int64) % height, (column + dx).astype(np.int64) % width
            total += weight[:, None] * texture[r, c]
    return total
