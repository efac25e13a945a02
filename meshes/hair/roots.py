"""Where hair may grow: roots spread over scalp and beard of the canonical head, the same for everybody.

A person keeps the roots inside the own hairline, in their order; every prefix is spread evenly.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from scipy import spatial

from meshes.elementary import norm
from meshes.noise import keyed
from meshes.skin_regions import SkinTemplate, beard, hair_depth

ROOTS, BEARD_ROOTS = 14_000, 40_000


@dataclass(frozen=True, eq=False)
class Roots:
    """Places on the skin; N rows.

    Attributes:
        face: (N,) int64 into the template's faces; weight: (N, 3) float64 of its corners.
        point, normal: (N, 3) float64 metres and unit, on the canonical head.
        depth_m, recede_m: (N,) height above the full hairline, and what a receding one takes away.
        beard: (N,) in [0, 1].
        rank: (N,) uniform in [0, 1).
    """

    face: np.ndarray
    weight: np.ndarray
    point: np.ndarray
    normal: np.ndarray
    depth_m: np.ndarray
    recede_m: np.ndarray
    beard: np.ndarray
    rank: np.ndarray

    def __getitem__(self, chosen: np.ndarray | slice) -> "Roots":
        """Some of them."""
        return Roots(*(getattr(self, field.name)[chosen] for field in fields(self)))


def _scatter(template: SkinTemplate, faces: np.ndarray, count: int, stream: int) -> Roots:
    """Even spread over the faces: a golden-ratio walk over their areas, sorted by place."""
    corner = template.rest[template.faces[faces]]
    order = np.argsort(_along_curve(corner.mean(axis=1)), kind="stable")
    faces, corner = faces[order], corner[order]
    area = norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    rng = keyed(0, stream)
    walk = (np.arange(count) * 0.6180339887498949 + rng.random()) % 1.0
    chosen = np.minimum(np.searchsorted(np.cumsum(area) / area.sum(), walk), len(faces) - 1)
    a, b = rng.random((2, count))
    a, b = np.where(a + b > 1.0, 1.0 - a, a), np.where(a + b > 1.0, 1.0 - b, b)
    weight = np.stack([1.0 - a - b, a, b], axis=1)
    face = faces[chosen]
    point, normal = (np.einsum("nk,nkd->nd", weight, v[template.faces[face]]) for v in (template.rest, template.normal))
    full = hair_depth(point)
    return Roots(
        face=face,
        weight=weight,
        point=point,
        normal=normal / norm(normal, axis=1, keepdims=True),
        depth_m=full,
        recede_m=full - hair_depth(point, 1.0),
        beard=beard(point),
        rank=rng.random(count),
    )


def _along_curve(points: np.ndarray) -> np.ndarray:
    """(N,) int64 numbers along a Z-order curve of 4 mm cells: neighbours in number are mostly neighbours in space."""
    cell = np.floor((points - points.min(axis=0)) / 0.004).astype(np.int64)
    bits = [((cell[:, axis] >> bit) & 1) << (3 * bit + axis) for bit in range(8) for axis in range(3)]
    return np.sum(bits, axis=0)


@lru_cache(maxsize=2)
def scalp_roots(template: SkinTemplate) -> Roots:
    """Roots of the hair of the head."""
    seats = (hair_depth(template.rest) > -0.010) & (template.masks["ears"] < 0.5)
    return _scatter(template, np.flatnonzero(seats[template.faces].all(axis=1)), ROOTS, 40)


@lru_cache(maxsize=2)
def beard_roots(template: SkinTemplate) -> Roots:
    """Roots of beards and moustaches, lips left out."""
    bare = np.maximum(np.maximum(template.masks["lips"], template.masks["inside_mouth"]), template.masks["ears"])
    seats = (beard(template.rest) > 0.05) & (bare < 0.3)
    roots = _scatter(template, np.flatnonzero(seats[template.faces].all(axis=1)), BEARD_ROOTS, 41)
    return roots[roots.beard > roots.rank]


def wisps(points: np.ndarray, size: float) -> np.ndarray:
    """(N,) int64: the guide of each strand, the nearest of the first N / size; guides follow themselves."""
    guides = max(1, int(len(points) / size))
    return spatial.cKDTree(points[:guides]).query(points)[1].astype(np.int64)
