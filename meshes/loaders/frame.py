"""Brings a face without eyeballs to metres and head axes: the mean face is laid on it, as on a user's scan.

Axes are only swapped or reversed, never turned by a few degrees: a model's own axes are better than a fit's.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshes.digest import sha256_of
from meshes.head import Asset, MeshError
from meshes.scan import ScanOptions, place
from meshes.scan_files import RawScan, check_mesh

_LIDS_M = 0.018
"""Points this near to an eyeball's centre move with it; the lids lie 12 mm before it."""
_LIDS_AT_LEAST = 16


@dataclass(frozen=True, eq=False)
class Frame:
    """x_head = metres_per_unit * R @ (x - origin).

    Attributes:
        metres_per_unit: scale of the file.
        R: (3, 3) float64, a signed permutation of the axes.
        origin: (3,) float64 units, the eye midpoint.
        eyes: (2, 3) float64 metres in head axes, person's left eyeball first.
    """

    metres_per_unit: float
    R: np.ndarray
    origin: np.ndarray
    eyes: np.ndarray

    def points(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) points of the file in metres and head axes."""
        return self.offsets(points - self.origin)

    def offsets(self, offsets: np.ndarray) -> np.ndarray:
        """(..., 3) differences of points likewise, in the precision they have."""
        axis = np.abs(self.R).argmax(axis=1)
        factor = self.metres_per_unit * self.R[np.arange(3), axis]
        return offsets[..., axis] * factor.astype(offsets.dtype)


def find_frame(points: np.ndarray, faces: np.ndarray, name: str, metres_per_unit: float | None = None) -> Frame:
    """Finds the face on a mesh.

    Args:
        points: (P, 3) float64, any unit and axes.
        faces: (F, 3) int64.
        name: of the file, for messages.
        metres_per_unit: its scale if known; else the one common unit in which the eyes are an adult's apart.

    Raises:
        MeshError: no face on it, or none of an adult's size in any common unit.
    """
    check_mesh(points, faces, name)
    blank = np.zeros((len(points), 3))
    raw = RawScan(points, faces, blank[:, :2], blank.astype(np.uint8), np.zeros(len(faces), np.int64), (None,))
    placed = place(raw, ScanOptions(metres_per_unit=metres_per_unit), name)
    R = np.round(placed.R)
    if not np.array_equal(np.abs(R).sum(axis=0), np.ones(3)) or not np.array_equal(np.abs(R).sum(axis=1), np.ones(3)):
        raise MeshError(f"{name}: expected a face along the axes of its file, got one turned away. Turn it upright.")
    half = np.array([placed.ipd_m / 2, 0.0, 0.0])
    return Frame(placed.metres_per_unit, R, placed.origin, np.stack([half, -half]))


def eye_basis(points: np.ndarray, eyes: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """(K, 2, 3) float64 metres: how each mode moves the eyeballs, as the mean of the lids around them.

    Args:
        points: (P, 3) float64 metres.
        eyes: (2, 3) float64 metres.
        modes: (K, P, 3) offsets in metres.
    """
    moved = np.zeros((len(modes), 2, 3))
    for side, eye in enumerate(eyes):
        distance_m = np.sqrt(np.square(points - eye).sum(axis=1))
        count = max(_LIDS_AT_LEAST, int((distance_m < _LIDS_M).sum()))
        lids = np.argsort(distance_m, kind="stable")[:count]
        moved[:, side] = modes[:, lids].astype(np.float64).mean(axis=1)
    return moved


def asset_of(kind: str, path: Path) -> Asset:
    """The asset of a user's file: named by kind, file and content, under whatever licence the user has."""
    digest = sha256_of(path)
    return Asset(f"{kind}-{path.stem}-{digest[:8]}", "LicenseRef-user", "", path.name, digest)
