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
def _meet_all(o, d, corners, out):
    """Fill `out` (3, F) with ray parameter (inf for a miss) and weights of b and c; `corners` is (abc, xyz, F)."""
    for f in range(np.uint64(corners.shape[2])):
        ax, ay, az = corners[0, 0, f], corners[0, 1, f], corners[0, 2, f]
        ex, ey, ez = corners[1, 0, f] - ax, corners[1, 1, f] - ay, corners[1, 2, f] - az
        fx, fy, fz = corners[2, 0, f] - ax, corners[2, 1, f] - ay, corners[2, 2, f] - az
        px, py, pz = d[1] * fz - d[2] * fy, d[2] * fx - d[0] * fz, d[0] * fy - d[1] * fx
        det = ex * px + ey * py + ez * pz
        tx, ty, tz = o[0] - ax, o[1] - ay, o[2] - az
        qx, qy, qz = ty * ez - tz * ey, tz * ex - tx * ez, tx * ey - ty * ex
        u = (tx * px + ty * py + tz * pz) / det
        v = (d[0] * qx + d[1] * qy + d[2] * qz) / det
        t = (fx * qx + fy * qy + fz * qz) / det
        out[0, f] = t if (u >= 0) & (v >= 0) & (u + v <= 1) else inf
        out[1, f], out[2, f] = u, v


@_kernel
def _nearest(origins, directions, corners, near):
    face = np.full(len(origins), -1, np.int32)
    weights, depth = np.zeros((len(origins), 3)), np.zeros(len(origins))
    out = np.zeros((3, corners.shape[2]))
    for n in range(len(origins)):
        o = (origins[n, 0], origins[n, 1], origins[n, 2])
        d = (directions[n, 0], directions[n, 1], directions[n, 2])
        _meet_all(o, d, corners, out)
        best = inf
        for f in range(np.uint64(out.shape[1])):
            if out[0, f] > near and out[0, f] < best:
                best, face[n], depth[n] = out[0, f], f, out[0, f]
                weights[n, 0], weights[n, 1], weights[n, 2] = 1 - out[1, f] - out[2, f], out[1, f], out[2, f]
    return face, weights, depth


@_kernel
def _blocked(origins, directions, depths, own, corners, near):
    hidden = np.zeros(len(origins), np.bool_)
    out = np.zeros((3, corners.shape[2]))
    for n in range(len(origins)):
        o = (origins[n, 0], origins[n, 1], origins[n, 2])
        d = (directions[n, 0], directions[n, 1], directions[n, 2])
        _meet_all(o, d, corners, out)
        for f in range(np.uint64(out.shape[1])):
            if out[0, f] > near and out[0, f] < depths[n] * (1 - 1e-9) and f != own[n]:
                hidden[n] = True
    return hidden


def _labelled(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    assert (surface.cutout < 0).all(), "alpha maps are the business of renderers.oracle"
    face = np.flatnonzero(surface.face_label).astype(np.int32)
    return face, np.ascontiguousarray(surface.vertices[surface.faces[face]].transpose(1, 2, 0))


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
