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
def _blend(table, i, j, k, b0, b1, b2, column):
    """One column of a vertex table at the point with weights (b0, b1, b2), in a fixed order."""
    return (b0 * table[i, column] + b1 * table[j, column]) + b2 * table[k, column]


@kernel
def _unit_in_camera(T, x, y, z):
    """A head-frame direction turned into the camera frame and brought to length 1; a zero one faces the camera."""
    cx = (T[0, 0] * x + T[0, 1] * y) + T[0, 2] * z
    cy = (T[1, 0] * x + T[1, 1] * y) + T[1, 2] * z
    cz = (T[2, 0] * x + T[2, 1] * y) + T[2, 2] * z
    length = sqrt((cx * cx + cy * cy) + cz * cz)
    if not length > 0:
        return 0.0, 0.0, -1.0
    return cx / length, cy / length, cz / length


@kernel
def attributes(ids, weights, faces, vertices, normals, uv, part, T):
    """What the hits of a view carry, interpolated in float64.

    Returns:
        surface (H, W) bool; normal (H, W, 3) float32 in the camera frame; uv (H, W, 2) float32;
        part (H, W) uint8; and, row by row over the hits, points_head (N, 3) float64 and face (N,) int32.
    """
    height, width = ids.shape
    surface = ids >= 0
    count = np.sum(surface)
    normal_out, uv_out = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 2), np.float32)
    part_out = np.zeros((height, width), np.uint8)
    points, face = np.zeros((count, 3)), np.zeros(count, np.int32)
    n = U(0)
    for r in range(U(height)):
        for c in range(U(width)):
            if ids[r, c] < 0:
                continue
            f = U(ids[r, c])
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            b0, b1, b2 = weights[r, c, 0], weights[r, c, 1], weights[r, c, 2]
            x, y, z = (
                _blend(normals, i, j, k, b0, b1, b2, 0),
                _blend(normals, i, j, k, b0, b1, b2, 1),
                _blend(normals, i, j, k, b0, b1, b2, 2),
            )
            normal_out[r, c, 0], normal_out[r, c, 1], normal_out[r, c, 2] = _unit_in_camera(T, x, y, z)
            uv_out[r, c, 0] = _blend(uv, i, j, k, b0, b1, b2, 0)
            uv_out[r, c, 1] = _blend(uv, i, j, k, b0, b1, b2, 1)
            part_out[r, c], face[n] = part[f], f
            for axis in range(3):
                points[n, axis] = _blend(vertices, i, j, k, b0, b1, b2, axis)
            n += U(1)
    return surface, normal_out, uv_out, part_out, points, face


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
