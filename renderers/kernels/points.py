"""Loops over points in float64: projection, what the hits of a view carry, and flow.

Every sum has one fixed order, which the numpy versions in `renderers.camera` share bit for bit.
"""

from math import sqrt

import numpy as np

from renderers.kernels.terms import NEAR_M, OUTSIDE, SEEN, U, kernel


@kernel
def see(points_head, T, lens):
    """(N, 5) float64 of head points: camera x, y, z in metres, then image u, v in pixels."""
    seen = np.zeros((len(points_head), 5))
    for n in range(len(points_head)):
        px, py, pz = points_head[n, 0], points_head[n, 1], points_head[n, 2]
        x = ((T[0, 0] * px + T[0, 1] * py) + T[0, 2] * pz) + T[0, 3]
        y = ((T[1, 0] * px + T[1, 1] * py) + T[1, 2] * pz) + T[1, 3]
        z = ((T[2, 0] * px + T[2, 1] * py) + T[2, 2] * pz) + T[2, 3]
        w = 1.0 if lens.orthographic else z
        seen[n, 0], seen[n, 1], seen[n, 2] = x, y, z
        seen[n, 3] = lens.fx * (x / w) + lens.cx
        seen[n, 4] = lens.fy * (y / w) + lens.cy
    return seen


@kernel
def _unit_in_camera(T, x, y, z):
    """A head-frame direction turned into the camera frame and brought to length 1; a zero one faces the camera."""
    cx = (T[0, 0] * x + T[0, 1] * y) + T[0, 2] * z
    cy = (T[1, 0] * x + T[1, 1] * y) + T[1, 2] * z
    cz = (T[2, 0] * x + T[2, 1] * y) + T[2, 2] * z
    length = sqrt((cx * cx + cy * cy) + cz * cz)
    if not length > 0:
        return 0.0, 0.0, -1.0
    scale = 1.0 / length
    return cx * scale, cy * scale, cz * scale


@kernel
def attributes(ids, weights, faces, table, part, T):
    """What the hits of a view carry, interpolated in float64.

    Args:
        ids, weights: (H, W) int32 and (H, W, 3) float64, the hits.
        faces: (F, 3) uint32; part: (F,) uint8.
        table: (V, 8) float64, a vertex's x, y, z, normal x, y, z, and u, v: one cache line, one vector register.
        T: (4, 4) float64, head to camera.

    Returns:
        surface (H, W) bool; normal (H, W, 3) float32, unit, in the camera frame; uv (H, W, 2) float32;
        part (H, W) uint8; and, row by row over the hits, points_head (N, 3) float64 and face (N,) int32.
    """
    height, width = ids.shape
    surface = ids >= 0
    count = np.sum(surface)
    normal, uv = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 2), np.float32)
    parts = np.zeros((height, width), np.uint8)
    points, face = np.zeros((count, 3)), np.zeros(count, np.int32)
    here = np.zeros(8)
    n = U(0)
    for r in range(U(height)):
        for c in range(U(width)):
            if ids[r, c] < 0:
                continue
            f = U(ids[r, c])
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = weights[r, c, 0], weights[r, c, 1], weights[r, c, 2]
            for q in range(U(8)):
                here[q] = (b0 * table[i, q] + b1 * table[j, q]) + b2 * table[k, q]
            normal[r, c, 0], normal[r, c, 1], normal[r, c, 2] = _unit_in_camera(T, here[3], here[4], here[5])
            uv[r, c, 0], uv[r, c, 1] = here[6], here[7]
            points[n, 0], points[n, 1], points[n, 2] = here[0], here[1], here[2]
            parts[r, c], face[n] = part[f], f
            n += U(1)
    return surface, normal, uv, parts, points, face


@kernel
def spread(surface, seen_a, seen_b, code):
    """Lay the points of view a, given row by row in both images, out on a's grid.

    Returns:
        flow (H, W, 2) float64, p_b - p_a, 0 where b has the point behind it; inside, visible (H, W) bool.
    """
    height, width = surface.shape
    flow = np.zeros((height, width, 2))
    inside, visible = np.zeros((height, width), np.bool_), np.zeros((height, width), np.bool_)
    n = U(0)
    for r in range(U(height)):
        for c in range(U(width)):
            if not surface[r, c]:
                continue
            if seen_b[n, 2] > NEAR_M:
                flow[r, c, 0] = seen_b[n, 3] - seen_a[n, 3]
                flow[r, c, 1] = seen_b[n, 4] - seen_a[n, 4]
            inside[r, c], visible[r, c] = code[n] != OUTSIDE, code[n] == SEEN
            n += U(1)
    return flow, inside, visible
