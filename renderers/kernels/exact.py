"""The label core's inner loops in float64: projection, raster, visibility by an irregular z-buffer.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

from math import ceil, floor, inf
from typing import NamedTuple

import numba
import numpy as np

NEAR_M = 1e-4
"""Nothing nearer than this along +Z is seen."""

BOX_MARGIN_PX = 1e-6
"""Slack of a triangle's box in the image. The box chooses candidates; the edge functions decide."""

SEEN, HIDDEN, OUTSIDE = 0, 1, 2
"""Codes of `hide`."""

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")


class Lens(NamedTuple):
    """A camera's numbers. `K` in pixels (per metre where orthographic)."""

    fx: float
    fy: float
    cx: float
    cy: float
    height: int
    width: int
    orthographic: bool


class Cuts(NamedTuple):
    """Alpha maps as flat tables: `face` (F,) int32 is -1 or a row (offset, height, width) of `sheets` in `texels`."""

    face: np.ndarray
    uv: np.ndarray
    sheets: np.ndarray
    texels: np.ndarray


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
def _crossing(seen, i, j, lens):
    """Image point where edge i-j crosses the plane z = NEAR_M / 2."""
    z = 0.5 * NEAR_M
    t = (z - seen[i, 2]) / (seen[j, 2] - seen[i, 2])
    x = seen[i, 0] + t * (seen[j, 0] - seen[i, 0])
    y = seen[i, 1] + t * (seen[j, 1] - seen[i, 1])
    return lens.fx * (x / z) + lens.cx, lens.fy * (y / z) + lens.cy


@kernel
def _clipped_box(seen, i, j, k, lens):
    """Box of the part of a triangle in front of z = NEAR_M / 2, a pixel wider to be safe."""
    u_low, u_high, v_low, v_high = inf, -inf, inf, -inf
    for a, b in ((i, j), (j, k), (k, i)):
        front_a, front_b = seen[a, 2] > 0.5 * NEAR_M, seen[b, 2] > 0.5 * NEAR_M
        if front_a:
            u_low, u_high = min(u_low, seen[a, 3]), max(u_high, seen[a, 3])
            v_low, v_high = min(v_low, seen[a, 4]), max(v_high, seen[a, 4])
        if front_a != front_b:
            u, v = _crossing(seen, a, b, lens)
            u_low, u_high = min(u_low, u), max(u_high, u)
            v_low, v_high = min(v_low, v), max(v_high, v)
    return u_low - 1.0, u_high + 1.0, v_low - 1.0, v_high + 1.0


@kernel
def _box(seen, i, j, k, lens):
    """Bounds (u_low, u_high, v_low, v_high) of a triangle in the image; empty (inf, -inf) where nothing is in front."""
    z_low = min(seen[i, 2], seen[j, 2], seen[k, 2])
    z_high = max(seen[i, 2], seen[j, 2], seen[k, 2])
    if not z_high > NEAR_M:
        return inf, -inf, inf, -inf
    if z_low <= NEAR_M and not lens.orthographic:
        return _clipped_box(seen, i, j, k, lens)
    return (
        min(seen[i, 3], seen[j, 3], seen[k, 3]) - BOX_MARGIN_PX,
        max(seen[i, 3], seen[j, 3], seen[k, 3]) + BOX_MARGIN_PX,
        min(seen[i, 4], seen[j, 4], seen[k, 4]) - BOX_MARGIN_PX,
        max(seen[i, 4], seen[j, 4], seen[k, 4]) + BOX_MARGIN_PX,
    )


@kernel
def _edges(seen, i, j, k, orthographic):
    """Homogeneous edge functions of a triangle, turned so that they are positive inside.

    With corners a, b, c as (x, y, w), w = z (perspective) or 1 (orthographic), the rows are b x c, c x a, a x b.
    Their products with a pixel's ray (dx, dy, 1) are the barycentric weights times a common factor.

    Returns:
        The nine numbers row by row, then |det(a, b, c)|, which is 0 for a triangle seen edge-on.
    """
    ax, ay, aw = seen[i, 0], seen[i, 1], 1.0 if orthographic else seen[i, 2]
    bx, by, bw = seen[j, 0], seen[j, 1], 1.0 if orthographic else seen[j, 2]
    cx, cy, cw = seen[k, 0], seen[k, 1], 1.0 if orthographic else seen[k, 2]
    x0, y0, w0 = by * cw - bw * cy, bw * cx - bx * cw, bx * cy - by * cx
    x1, y1, w1 = cy * aw - cw * ay, cw * ax - cx * aw, cx * ay - cy * ax
    x2, y2, w2 = ay * bw - aw * by, aw * bx - ax * bw, ax * by - ay * bx
    det = (ax * x0 + ay * y0) + aw * w0
    s = 1.0 if det > 0 else -1.0
    return s * x0, s * y0, s * w0, s * x1, s * y1, s * w1, s * x2, s * y2, s * w2, s * det


@kernel
def _owned(e, x, y):
    """Whether an edge function of value `e` and gradient (x, y) counts as inside: of two faces on an edge, one."""
    return e > 0 or (e == 0 and (x > 0 or (x == 0 and y > 0)))


@kernel
def _depth(orthographic, e0, e1, e2, total, det, za, zb, zc):
    """Depth of a sample, held within the triangle's own range, which rounding on a sliver might leave."""
    z = ((e0 * za + e1 * zb) + e2 * zc) / total if orthographic else det / total
    return min(max(z, min(za, zb, zc)), max(za, zb, zc))


@kernel
def _kept(cuts, face, i, j, k, b0, b1, b2):
    """Whether the alpha map of `face` leaves the point with weights (b0, b1, b2) standing."""
    sheet = cuts.face[face]
    if sheet < 0:
        return True
    u = (b0 * cuts.uv[i, 0] + b1 * cuts.uv[j, 0]) + b2 * cuts.uv[k, 0]
    v = (b0 * cuts.uv[i, 1] + b1 * cuts.uv[j, 1]) + b2 * cuts.uv[k, 1]
    offset, height, width = cuts.sheets[sheet, 0], cuts.sheets[sheet, 1], cuts.sheets[sheet, 2]
    column = min(max(int(floor(u * width)), 0), width - 1)
    row = min(max(int(floor((1.0 - v) * height)), 0), height - 1)
    return cuts.texels[offset + row * width + column] >= 128


@kernel
def candidates(seen, faces, wanted, lens):
    """The faces whose boxes hold a pixel centre, those turned to the camera first.

    The order is for speed alone: what is behind is then mostly refused before any arithmetic.

    Returns:
        faces (n,) int32 and boxes (n, 4) int32: first and last row, first and last column.
    """
    order = np.zeros(len(faces), np.int32)
    boxes = np.zeros((len(faces), 4), np.int32)
    n, m = 0, len(faces)
    for f in range(len(faces)):
        if not wanted[f]:
            continue
        i, j, k = faces[f]
        u_low, u_high, v_low, v_high = _box(seen, i, j, k, lens)
        if not (u_high > 0 and u_low < lens.width and v_high > 0 and v_low < lens.height):
            continue
        c0, c1 = int(ceil(max(u_low, 0.5) - 0.5)), int(floor(min(u_high, lens.width - 0.5) - 0.5))
        r0, r1 = int(ceil(max(v_low, 0.5) - 0.5)), int(floor(min(v_high, lens.height - 0.5) - 0.5))
        if c0 > c1 or r0 > r1:
            continue
        du, dv = seen[j, 3] - seen[i, 3], seen[j, 4] - seen[i, 4]
        turned_away = du * (seen[k, 4] - seen[i, 4]) > dv * (seen[k, 3] - seen[i, 3])
        if turned_away:
            m -= 1
        slot = m if turned_away else n
        n += not turned_away
        order[slot] = f
        boxes[slot, 0], boxes[slot, 1], boxes[slot, 2], boxes[slot, 3] = r0, r1, c0, c1
    return np.concatenate((order[:n], order[m:])), np.concatenate((boxes[:n], boxes[m:]))


@kernel
def _any_behind(depth, r0, r1, c0, c1, z):
    """Whether some pixel of the box shows nothing nearer than z."""
    for r in range(r0, r1 + 1):
        for c in range(c0, c1 + 1):
            if depth[r, c] >= z:
                return True
    return False


@kernel
def raster(seen, faces, order, boxes, columns, rows, orthographic, cuts):
    """Nearest face at every pixel centre; among equal depths the lowest id, so the order of faces is nothing.

    Args:
        seen: (V, 5) from `see`; faces: (F, 3); order, boxes: from `candidates`.
        columns, rows: (W,) and (H,), x and y of the pixel centres' rays.
        orthographic: the camera's kind; cuts: the alpha maps.

    Returns:
        ids (H, W) int32, -1 for none; weights (H, W, 3) float64; depth (H, W) float64, 0 for none.
    """
    depth = np.full((len(rows), len(columns)), inf)
    ids = np.full((len(rows), len(columns)), -1, np.int32)
    weights = np.zeros((len(rows), len(columns), 3))
    for n in range(len(order)):
        f = order[n]
        i, j, k = faces[f]
        za, zb, zc = seen[i, 2], seen[j, 2], seen[k, 2]
        z_low = min(za, zb, zc)
        r0, r1, c0, c1 = boxes[n]
        if not _any_behind(depth, r0, r1, c0, c1, z_low):
            continue
        x0, y0, w0, x1, y1, w1, x2, y2, w2, det = _edges(seen, i, j, k, orthographic)
        if not det > 0:
            continue
        for r in range(r0, r1 + 1):
            k0, k1, k2 = y0 * rows[r] + w0, y1 * rows[r] + w1, y2 * rows[r] + w2
            for c in range(c0, c1 + 1):
                e0, e1, e2 = x0 * columns[c] + k0, x1 * columns[c] + k1, x2 * columns[c] + k2
                if e0 < 0 or e1 < 0 or e2 < 0 or z_low > depth[r, c]:
                    continue
                total = (e0 + e1) + e2
                if not (total > 0 and _owned(e0, x0, y0) and _owned(e1, x1, y1) and _owned(e2, x2, y2)):
                    continue
                z = _depth(orthographic, e0, e1, e2, total, det, za, zb, zc)
                if z > depth[r, c] or (z == depth[r, c] and f > ids[r, c]) or not z > NEAR_M:
                    continue
                b0, b1, b2 = e0 / total, e1 / total, e2 / total
                if _kept(cuts, f, i, j, k, b0, b1, b2):
                    depth[r, c], ids[r, c] = z, f
                    weights[r, c, 0], weights[r, c, 1], weights[r, c, 2] = b0, b1, b2
    return ids, weights, np.where(ids < 0, 0.0, depth)


@kernel
def sort_points(seen, own_face, lens):
    """Points (N, 5) from `see`, gathered by the pixel they fall into.

    Returns:
        code: (N,) uint8, OUTSIDE for points out of the frame or not in front, else SEEN.
        member: (M,) int32, the points inside, pixel by pixel.
        start: (H W + 1,) int32, where each pixel's points begin in `member`.
        table: (M, 4) float64: ray dx, dy; image u; the depth below which something hides the point.
    """
    code = np.full(len(seen), OUTSIDE, np.uint8)
    start = np.zeros(lens.height * lens.width + 1, np.int32)
    cell = np.full(len(seen), -1, np.int32)
    for n in range(len(seen)):
        z, u, v = seen[n, 2], seen[n, 3], seen[n, 4]
        if z > NEAR_M and u >= 0 and u < lens.width and v >= 0 and v < lens.height:
            code[n] = SEEN
            cell[n] = int(v) * lens.width + int(u)
            start[cell[n] + 1] += 1
    start = np.cumsum(start).astype(np.int32)
    fill = start.copy()
    member = np.zeros(start[-1], np.int32)
    table = np.zeros((start[-1], 4))
    for n in range(len(seen)):
        if cell[n] < 0:
            continue
        slot = fill[cell[n]]
        fill[cell[n]] += 1
        w = 1.0 if lens.orthographic else seen[n, 2]
        member[slot] = n
        table[slot, 0], table[slot, 1] = seen[n, 0] / w, seen[n, 1] / w
        table[slot, 2], table[slot, 3] = seen[n, 3], seen[n, 2] * (1.0 - 1e-9)
    return code, member, start, table


@kernel
def hide(seen, faces, wanted, lens, cuts, own_face, code, member, start, table):
    """Mark in `code` the points that some face hides: an irregular z-buffer, exact and without a tree.

    Every face is tested, with the edge functions of the raster, against the points in the pixels its box touches.
    A point is hidden by a face other than its own that crosses its ray in front of it; the 1e-9 of its depth
    that `table` takes off is the rounding of neighbours that share the point's edge.
    """
    for f in range(len(faces)):
        if not wanted[f]:
            continue
        i, j, k = faces[f]
        u_low, u_high, v_low, v_high = _box(seen, i, j, k, lens)
        if not (u_high > 0 and u_low < lens.width and v_high > 0 and v_low < lens.height):
            continue
        za, zb, zc = seen[i, 2], seen[j, 2], seen[k, 2]
        z_low = min(za, zb, zc)
        ready = False
        c0, c1 = int(max(u_low, 0.0)), int(min(u_high, lens.width - 1.0))
        for r in range(int(max(v_low, 0.0)), int(min(v_high, lens.height - 1.0)) + 1):
            for slot in range(start[r * lens.width + c0], start[r * lens.width + c1 + 1]):
                limit = table[slot, 3]
                if z_low >= limit or table[slot, 2] < u_low or table[slot, 2] > u_high:
                    continue
                n = member[slot]
                if code[n] != SEEN or own_face[n] == f:
                    continue
                if not ready:
                    x0, y0, w0, x1, y1, w1, x2, y2, w2, det = _edges(seen, i, j, k, lens.orthographic)
                    ready = True
                dx, dy = table[slot, 0], table[slot, 1]
                e0, e1, e2 = x0 * dx + (y0 * dy + w0), x1 * dx + (y1 * dy + w1), x2 * dx + (y2 * dy + w2)
                total = (e0 + e1) + e2
                if e0 < 0 or e1 < 0 or e2 < 0 or not (total > 0 and det > 0):
                    continue
                z = _depth(lens.orthographic, e0, e1, e2, total, det, za, zb, zc)
                if z > NEAR_M and z < limit and _kept(cuts, f, i, j, k, e0 / total, e1 / total, e2 / total):
                    code[n] = HIDDEN
