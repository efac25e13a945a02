"""Patches of a head's skin, cut along smooth lines: what garments are tailored from.

A patch's points are weighted sums of skin points, so a patch follows every pose.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of skin.

    Attributes:
        weights: (N, P) CSR: points = weights @ skin points.
        faces: (F, 3) int64 into the N points.
    """

    weights: sparse.csr_matrix
    faces: np.ndarray

    def at(self, values: np.ndarray) -> np.ndarray:
        """Values (P, ...) of the skin at the patch's points (N, ...)."""
        return self.weights @ values


def whole(faces: np.ndarray, points: int) -> Patch:
    """The patch of all given faces (F, 3) over `points` skin points."""
    return Patch(sparse.identity(points, format="csr"), faces.astype(np.int64))


def cut(patch: Patch, field: np.ndarray) -> Patch:
    """The part of the patch where a linear field is positive, its edge exactly on the zero line.

    Args:
        patch: to be cut.
        field: (N,) float64 at its points.
    """
    split, field = _split(patch, field)
    inside = field[split.faces].sum(axis=1) > 0  # No face has both signs now.
    return _compact(replace(split, faces=split.faces[inside]))


def creased(patch: Patch, field: np.ndarray) -> Patch:
    """The same patch with edges along the field's zero line."""
    return _split(patch, field)[0]


def _split(patch: Patch, field: np.ndarray) -> tuple[Patch, np.ndarray]:
    """Splits every face that the zero line crosses; new points lie on the line, and the field is given for all."""
    field = np.where(np.abs(field) < 1e-9, 0.0, field)
    sign = np.sign(field[patch.faces])
    crossed = (sign.max(axis=1) > 0) & (sign.min(axis=1) < 0)
    ends = np.stack([patch.faces[crossed], np.roll(patch.faces[crossed], -1, axis=1)], axis=2).reshape(-1, 2)
    ends = np.unique(np.sort(ends[np.prod(np.sign(field[ends]), axis=1) < 0], axis=1), axis=0)
    low, high = field[ends].T
    share = low / (low - high)
    matrix = sparse.vstack(
        [
            patch.weights,
            sparse.diags(1 - share) @ patch.weights[ends[:, 0]] + sparse.diags(share) @ patch.weights[ends[:, 1]],
        ],
        format="csr",
    )
    new = {(int(a), int(b)): len(field) + n for n, (a, b) in enumerate(ends)}
    pieces = [piece for face in patch.faces[crossed].tolist() for piece in _pieces(face, field, new)]
    faces = np.concatenate([patch.faces[~crossed], np.array(pieces, np.int64).reshape(-1, 3)])
    return Patch(matrix, faces), np.concatenate([field, np.zeros(len(ends))])


def _pieces(face: list[int], field: np.ndarray, new: dict[tuple[int, int], int]) -> list[list[int]]:
    """The two or three triangles of a face that the line crosses, turning the way the face does."""
    ring: list[int] = []
    for a, b in zip(face, face[1:] + face[:1], strict=True):
        ring.append(a)
        crossing = new.get((min(a, b), max(a, b)))
        if crossing is not None:
            ring.append(crossing)
    start = next(n for n, corner in enumerate(ring) if corner >= len(field))
    ring = ring[start:] + ring[:start]
    if len(ring) == 4:
        return [[ring[0], ring[1], ring[2]], [ring[0], ring[2], ring[3]]]
    second = next(n for n in range(1, 5) if ring[n] >= len(field))
    if second == 2:
        return [ring[:3], [ring[0], ring[2], ring[3]], [ring[0], ring[3], ring[4]]]
    return [[ring[3], ring[4], ring[0]], [ring[0], ring[1], ring[2]], [ring[0], ring[2], ring[3]]]


def _compact(patch: Patch) -> Patch:
    used, faces = np.unique(patch.faces, return_inverse=True)
    return Patch(patch.weights[used], faces.reshape(-1, 3))


def edge(faces: np.ndarray) -> np.ndarray:
    """(E, 2) int64: edges of only one face, turning as their face does."""
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2)
    _, index, count = np.unique(np.sort(ends, axis=1), axis=0, return_inverse=True, return_counts=True)
    return ends[count[index.ravel()] == 1]
