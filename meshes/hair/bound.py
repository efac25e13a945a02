"""Hairs of the face: strands tied to the skin point by point, so that they go where an expression takes it.

Each point knows its face, its place on it and how far off it stands, in a frame that turns with the skin.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import spatial

from meshes.hair.ribbons import TAPER, Ribbons, strip_faces, strips
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate

_NEIGHBOURS = 10
ROOT, SMOOTH = 0.7, 1.2
"""Width of a hair at its root, as a share, and how much of the skin's normal is in its own; see `ribbons.strips`."""


@dataclass(frozen=True, eq=False)
class Bound:
    """N strands of S points on a surface.

    Attributes:
        corner: (N, S, 3) int64 vertices of the face that each point belongs to.
        weight: (N, S, 3) float64 of these corners.
        offset_m: (N, S, 3) float64 along the face's first edge, across it, and along the normal.
        stretch: (N,) float64, how much longer than on the surface each strand is, from its root.
        half_width_m: (N,) float64.
        tilt: (N,) radians, the turn of each ribbon about its strand.
        color: (N (2 S - 1), 3) float32 linear albedo; uv: (N (2 S - 1), 2) float32.
    """

    corner: np.ndarray
    weight: np.ndarray
    offset_m: np.ndarray
    stretch: np.ndarray
    half_width_m: np.ndarray
    tilt: np.ndarray
    color: np.ndarray
    uv: np.ndarray


def frames(corner: np.ndarray, weight: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, S, 3) and frames (N, S, 3, 3) on a surface; rows of a frame are along, across and normal, unit.

    Args:
        corner, weight: as in `Bound`.
        vertices: (V, 3) float64 of the surface as it is posed.
    """
    a, b, c = (vertices[corner[..., k]] for k in range(3))
    point = weight[..., :1] * a + weight[..., 1:2] * b + weight[..., 2:] * c
    along, normal = _unit(b - a), _unit(np.cross(b - a, c - a))
    return point, np.stack([along, np.cross(normal, along), normal], axis=-2)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-12)


def on_surface(bound: Bound, vertices: np.ndarray) -> Ribbons:
    """The ribbons of bound strands where the posed surface takes them."""
    point, frame = frames(bound.corner, bound.weight, vertices)
    path = point + (bound.offset_m[..., None] * frame).sum(axis=-2)
    path = path[:, :1] + bound.stretch[:, None, None] * (path - path[:, :1])
    count, points = path.shape[:2]
    strip, shaded = strips(
        path, np.ascontiguousarray(frame[..., 2, :]), bound.half_width_m, bound.tilt, ROOT, SMOOTH, TAPER
    )
    return Ribbons(
        vertices=strip.reshape(-1, 3),
        normals=shaded.reshape(-1, 3),
        uv=bound.uv,
        color=bound.color,
        faces=strip_faces(count, points),
    )


@lru_cache(maxsize=2)
def _open_faces(template: SkinTemplate) -> tuple[np.ndarray, spatial.cKDTree]:
    """Faces (F, 3) that hair may stand on, none in mouth or eye socket, and a tree over their middles."""
    hidden = np.isin(template.part, (Part.MOUTH_INTERIOR, Part.EYE_SOCKET))
    faces = template.faces[~hidden[template.faces].any(axis=1)]
    return faces, spatial.cKDTree(template.rest[faces].mean(axis=1))


def nearest_on(
    template: SkinTemplate, points: np.ndarray, skin: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest skin to (N, 3) points near it: vertices (N, 3) int64 of its face and weights (N, 3) of them.

    Exact where the nearest place lies inside a face; past an edge the weights are clipped to it. The skin is the
    canonical head's, or a person's own (V, 3), metres.
    """
    faces, middles = _open_faces(template)
    if skin is None:
        return _nearest(template.rest, faces, middles, points)
    return _nearest(skin, faces, spatial.cKDTree(skin[faces].mean(axis=1)), points)


def nearest_uv(faces: np.ndarray, uv: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `nearest_on`, in the texture plane: places are (N, 2), uv (V, 2) of the vertices that faces (F, 3) index."""
    flat = np.concatenate([uv, np.zeros((len(uv), 1))], axis=1)
    tree = spatial.cKDTree(flat[faces].mean(axis=1))
    return _nearest(flat, faces, tree, np.concatenate([places, np.zeros((len(places), 1))], axis=1))


def _nearest(
    vertices: np.ndarray, faces: np.ndarray, middles: spatial.cKDTree, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    faces = faces[middles.query(points, _NEIGHBOURS)[1]]
    a, b, c = (vertices[faces[..., k]] for k in range(3))
    weight = _clipped_weights(points[:, None] - a, b - a, c - a)
    found = weight[..., :1] * a + weight[..., 1:2] * b + weight[..., 2:] * c
    best = np.square(found - points[:, None]).sum(axis=-1).argmin(axis=1)
    rows = np.arange(len(points))
    return faces[rows, best].astype(np.int64), weight[rows, best]


def _clipped_weights(p: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(..., 3) weights of the foot of p in the triangle (0, u, v), pushed back inside where it lies outside."""
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    pu, pv = (p * u).sum(-1), (p * v).sum(-1)
    area = np.maximum(uu * vv - uv * uv, 1e-30)
    b, c = (vv * pu - uv * pv) / area, (uu * pv - uv * pu) / area
    weight = np.maximum(np.stack([1.0 - b - c, b, c], axis=-1), 0.0)
    return weight / weight.sum(axis=-1, keepdims=True)
