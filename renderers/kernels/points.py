"""Loops over points in float64: projection and its inverse, what the hits of a view carry, and flow.

Every sum has one fixed order, which the numpy versions in `renderers.camera` and `renderers.lens` share bit for bit.
"""

from math import inf, nan, sqrt

import numpy as np

from renderers.kernels.terms import NEAR_M, OUTSIDE, SEEN, U, kernel
from renderers.lens import SETTLED, SOLVED, STEPS


@kernel
def _bent(lens, x, y):
    """See `renderers.lens._bent`."""
    s = x * x + y * y
    f = 1.0 + s * (lens.k1 + s * (lens.k2 + s * lens.k3))
    tx = 2.0 * lens.p1 * (x * y) + lens.p2 * (s + 2.0 * (x * x))
    ty = lens.p1 * (s + 2.0 * (y * y)) + 2.0 * lens.p2 * (x * y)
    return s, f, tx, ty


@kernel
def distorted(lens, x, y):
    """See `renderers.lens.distort`."""
    r = sqrt(x * x + y * y)
    t = lens.reach / r if r > lens.reach else 1.0
    x, y, beyond = x * t, y * t, max(r - lens.reach, 0.0) / lens.reach
    s, f, tx, ty = _bent(lens, x, y)
    slope = 1.0 + s * (3.0 * lens.k1 + s * (5.0 * lens.k2 + s * (7.0 * lens.k3)))
    return (x * f + tx) + beyond * (x * slope + 2.0 * tx), (y * f + ty) + beyond * (y * slope + 2.0 * ty)


@kernel
def _within(lens, x, y):
    """See `renderers.lens._within`."""
    s = x * x + y * y
    t = lens.reach / sqrt(s) if s > lens.reach * lens.reach else 1.0
    return x * t, y * t


@kernel
def _newton(lens, x, y, goal_x, goal_y):
    """See `renderers.lens._newton`."""
    s, f, tx, ty = _bent(lens, x, y)
    df = 2.0 * (lens.k1 + s * (2.0 * lens.k2 + s * (3.0 * lens.k3)))
    a = f + df * (x * x) + 2.0 * (lens.p1 * y) + 6.0 * (lens.p2 * x)
    b = df * (x * y) + 2.0 * (lens.p1 * x) + 2.0 * (lens.p2 * y)
    d = f + df * (y * y) + 6.0 * (lens.p1 * y) + 2.0 * (lens.p2 * x)
    off_x, off_y, scale = (x * f + tx) - goal_x, (y * f + ty) - goal_y, 1.0 / (a * d - b * b)
    return abs(off_x) + abs(off_y), (b * off_y - d * off_x) * scale, (b * off_x - a * off_y) * scale


@kernel
def undistorted(lens, goal_x, goal_y):
    """See `renderers.lens.undistort`."""
    x, y = _within(lens, goal_x, goal_y)
    from_x, from_y, step_x, step_y, best = x, y, 0.0, 0.0, inf
    for _ in range(STEPS):
        off, newton_x, newton_y = _newton(lens, x, y, goal_x, goal_y)
        if off < best:
            from_x, from_y, step_x, step_y, best = x, y, newton_x, newton_y, off
        else:
            step_x, step_y = 0.5 * step_x, 0.5 * step_y
        x, y = _within(lens, from_x + step_x, from_y + step_y)
        if abs(x - from_x) + abs(y - from_y) <= SETTLED:
            break
    off, _, _ = _newton(lens, x, y, goal_x, goal_y)
    return (x, y) if off <= SOLVED * (1.0 + (abs(goal_x) + abs(goal_y))) else (nan, nan)


@kernel
def pixel_directions(lens):
    """x and y of every pixel centre's ray through a lens: (H, W) float64 each."""
    x, y = np.zeros((lens.height, lens.width)), np.zeros((lens.height, lens.width))
    for r in range(U(lens.height)):
        for c in range(U(lens.width)):
            goal_x, goal_y = (c + 0.5 - lens.cx) / lens.fx, (r + 0.5 - lens.cy) / lens.fy
            x[r, c], y[r, c] = undistorted(lens, goal_x, goal_y)
    return x, y


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
        shown_x, shown_y = x / w, y / w
        if lens.distorted:
            shown_x, shown_y = distorted(lens, shown_x, shown_y)
        seen[n, 3] = lens.fx * shown_x + lens.cx
        seen[n, 4] = lens.fy * shown_y + lens.cy
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
