"""The loops of `renderers.oracle`, compiled, for truth over whole images: every ray against every triangle.

The oracle is the text to read; a test holds the two equal.
"""

from math import inf

import numba
import numpy as np

from meshes.surface import Surface
from renderers import oracle
from renderers.camera import Camera, project
from renderers.exact import HIDDEN, NEAR_M, OUTSIDE, SEEN

_kernel = numba.njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def _meet(o, d, corners, f):
    """Ray parameter and weights of b and c where ray (o, d) meets triangle (a, b, c) = corners[f]; inf for a miss."""
    ax, ay, az = corners[f, 0, 0], corners[f, 0, 1], corners[f, 0, 2]
    ex, ey, ez = corners[f, 1, 0] - ax, corners[f, 1, 1] - ay, corners[f, 1, 2] - az
    fx, fy, fz = corners[f, 2, 0] - ax, corners[f, 2, 1] - ay, corners[f, 2, 2] - az
    px, py, pz = d[1] * fz - d[2] * fy, d[2] * fx - d[0] * fz, d[0] * fy - d[1] * fx
    det = ex * px + ey * py + ez * pz
    tx, ty, tz = o[0] - ax, o[1] - ay, o[2] - az
    u = (tx * px + ty * py + tz * pz) / det
    if not (u >= 0 and u <= 1):
        return inf, u, u
    qx, qy, qz = ty * ez - tz * ey, tz * ex - tx * ez, tx * ey - ty * ex
    v = (d[0] * qx + d[1] * qy + d[2] * qz) / det
    inside = v >= 0 and u + v <= 1
    return (fx * qx + fy * qy + fz * qz) / det if inside else inf, u, v


@_kernel
def _nearest(origins, directions, corners, near):
    face = np.full(len(origins), -1, np.int32)
    weights, depth = np.zeros((len(origins), 3)), np.zeros(len(origins))
    for n in range(len(origins)):
        o = (origins[n, 0], origins[n, 1], origins[n, 2])
        d = (directions[n, 0], directions[n, 1], directions[n, 2])
        best = inf
        for f in range(np.uint64(len(corners))):
            t, u, v = _meet(o, d, corners, f)
            if t > near and t < best:
                best, face[n], depth[n] = t, f, t
                weights[n, 0], weights[n, 1], weights[n, 2] = 1 - u - v, u, v
    return face, weights, depth


@_kernel
def _blocked(origins, directions, depths, own, corners, near):
    hidden = np.zeros(len(origins), np.bool_)
    for n in range(len(origins)):
        o = (origins[n, 0], origins[n, 1], origins[n, 2])
        d = (directions[n, 0], directions[n, 1], directions[n, 2])
        for f in range(np.uint64(len(corners))):
            t, _, _ = _meet(o, d, corners, f)
            if t > near and t < depths[n] * (1 - 1e-9) and f != own[n]:
                hidden[n] = True
                break
    return hidden


def _labelled(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    assert (surface.cutout < 0).all(), "alpha maps are the business of renderers.oracle"
    face = np.flatnonzero(surface.face_label).astype(np.int32)
    return face, surface.vertices[surface.faces[face]]


def first_hits(surface: Surface, camera: Camera, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `renderers.oracle.first_hits`, for surfaces without alpha maps."""
    face, corners = _labelled(surface)
    origins, directions = (np.array(a) for a in zip(*oracle.rays(camera, pixels), strict=True))
    hit, weights, depth = _nearest(origins, directions, corners, NEAR_M)
    return np.where(hit < 0, -1, face[hit]).astype(np.int32), weights, depth


def point_codes(surface: Surface, camera: Camera, points: np.ndarray, own_face: np.ndarray) -> np.ndarray:
    """As `renderers.oracle.point_codes`, for surfaces without alpha maps."""
    face, corners = _labelled(surface)
    local = np.full(len(surface.faces), -1)
    local[face] = np.arange(len(face))
    rays = [oracle.ray_through(camera, point) for point in points]
    origins, directions, depths = (np.array(a) for a in zip(*rays, strict=True))
    inside = np.array([oracle.in_frame(camera, p, z) for p, z in zip(points, project(camera, points)[1], strict=True)])
    hidden = _blocked(origins, directions, depths, local[own_face], corners, NEAR_M)
    return np.where(inside, np.where(hidden, HIDDEN, SEEN), OUTSIDE).astype(np.uint8)
