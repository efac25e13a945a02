"""Loops over triangles in float64: the raster, and visibility by an irregular z-buffer.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

from math import ceil, floor, inf, sqrt
from typing import NamedTuple

import numpy as np

from renderers.kernels.terms import HIDDEN, NEAR_M, OUTSIDE, SEEN, U, kernel

BOX_MARGIN_PX = 1e-6
"""Slack of a triangle's box in the image. The box chooses candidates; the edge functions decide."""

BIN_PX = 4
"""Points are gathered by squares of this side."""

LANES = 16
"""And tested by so many at once, in SIMD; a loop of 8 the compiler would unroll instead."""


class Cuts(NamedTuple):
    """Alpha maps as flat tables.

    Attributes:
        face: (F,) int32, -1 or a row of `sheets`.
        uv: (V, 2) float32.
        sheets: (C, 3) int64, where each map begins in `texels`, its height and its width.
        texels: uint8.
    """

    face: np.ndarray
    uv: np.ndarray
    sheets: np.ndarray
    texels: np.ndarray


class Bins(NamedTuple):
    """Points of an image gathered by squares of BIN_PX.

    Attributes:
        columns: bins in a row of them.
        start: (bins + 1,) uint64, the slot where each bin's points begin.
        deepest: (bins,) float64, depth of each bin's farthest point, -inf for none.
        member: (slots,) int64, index of the point in each slot.
        table: (slots / LANES, 4, LANES) float64. Slot (g, q) has its ray (x, y, 1) (orthographic: its foot x, y), the
            depth below which a face hides it (-inf for none), and the face it lies on.
    """

    columns: np.uint64
    start: np.ndarray
    deepest: np.ndarray
    member: np.ndarray
    table: np.ndarray


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
def _bow(seen, i, j, k, lens):
    """By how much of a focal length the lens may put a point of a triangle out of the box of its bent corners.

    For p = sum w_n v_n, the map D expanded about p gives D(p) = sum w_n (D(v_n) - rest_n), as the linear terms cancel.
    |rest_n| <= M / 2 |v_n - p|^2 with M a bound of D's second derivative, and sum w_n |v_n - p|^2 =
    sum w_m w_n |v_m - v_n|^2 over pairs <= L^2 / 3, L the longest edge; so D(p) leaves the hull by at most M L^2 / 6.
    M adds up the derivatives of D's terms at the corner farthest from the axis. Beyond the reach, where D goes on
    straight, they are below those at the rim, but for the tangential, where 15 |p| is enough anywhere.
    """
    ax, ay = seen[i, 0] / seen[i, 2], seen[i, 1] / seen[i, 2]
    bx, by = seen[j, 0] / seen[j, 2], seen[j, 1] / seen[j, 2]
    cx, cy = seen[k, 0] / seen[k, 2], seen[k, 1] / seen[k, 2]
    ab = (bx - ax) * (bx - ax) + (by - ay) * (by - ay)
    bc = (cx - bx) * (cx - bx) + (cy - by) * (cy - by)
    longest2 = max(ab, bc, (ax - cx) * (ax - cx) + (ay - cy) * (ay - cy))
    s = min(max(ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy), lens.reach * lens.reach)
    radial = sqrt(s) * (6.0 * abs(lens.k1) + s * (20.0 * abs(lens.k2) + s * (42.0 * abs(lens.k3))))
    return (radial + 15.0 * (abs(lens.p1) + abs(lens.p2))) * longest2 / 6.0


@kernel
def _box(seen, i, j, k, lens):
    """Bounds (u_low, u_high, v_low, v_high) of a triangle in the image; empty (inf, -inf) where nothing is in front."""
    z_low = min(seen[i, 2], seen[j, 2], seen[k, 2])
    z_high = max(seen[i, 2], seen[j, 2], seen[k, 2])
    if not z_high > NEAR_M:
        return inf, -inf, inf, -inf
    if z_low <= NEAR_M and not lens.orthographic:
        return (-inf, inf, -inf, inf) if lens.distorted else _clipped_box(seen, i, j, k, lens)
    margin_u, margin_v = BOX_MARGIN_PX, BOX_MARGIN_PX
    if lens.distorted:
        bow = _bow(seen, i, j, k, lens)
        if not bow < 1.0:
            return -inf, inf, -inf, inf
        margin_u, margin_v = margin_u + lens.fx * bow, margin_v + lens.fy * bow
    return (
        min(seen[i, 3], seen[j, 3], seen[k, 3]) - margin_u,
        max(seen[i, 3], seen[j, 3], seen[k, 3]) + margin_u,
        min(seen[i, 4], seen[j, 4], seen[k, 4]) - margin_v,
        max(seen[i, 4], seen[j, 4], seen[k, 4]) + margin_v,
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
def _along_row(y, w, rows, r):
    """What of an edge function (x, y, w) is the same all along a pixel row: less where a lens bends the row."""
    return y * rows[r] + w if rows.ndim == 1 else w


@kernel
def _edge_at(x, y, k, columns, rows, r, c):
    """An edge function at the ray of pixel (r, c), k being `_along_row`; the tables say which line is compiled."""
    if rows.ndim == 1:
        return x * columns[c] + k
    return x * columns[r, c] + (y * rows[r, c] + k)


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
    """Whether the alpha map of a face that has one leaves the point with weights (b0, b1, b2) standing."""
    sheet = cuts.face[face]
    u = (b0 * cuts.uv[i, 0] + b1 * cuts.uv[j, 0]) + b2 * cuts.uv[k, 0]
    v = (b0 * cuts.uv[i, 1] + b1 * cuts.uv[j, 1]) + b2 * cuts.uv[k, 1]
    offset, height, width = cuts.sheets[sheet, 0], cuts.sheets[sheet, 1], cuts.sheets[sheet, 2]
    column = min(max(floor(u * width), 0), width - 1)
    row = min(max(floor((1.0 - v) * height), 0), height - 1)
    return cuts.texels[offset + row * width + column] >= 128


@kernel
def candidates(seen, faces, wanted, lens):
    """The faces whose boxes hold a pixel centre, those turned to the camera first.

    The order is for speed alone: what is behind is then mostly refused before any arithmetic. Both ends of the
    list are written for every face and one of them is kept, because a branch nobody can predict costs more.

    Returns:
        faces (n,) uint32 and boxes (n, 4) uint16: first row, row after the last, first column, column after.
    """
    order = np.zeros(len(faces), np.uint32)
    boxes = np.zeros((len(faces), 4), np.uint16)
    n, m = U(0), U(len(faces))
    for f in range(U(len(faces))):
        if not wanted[f]:
            continue
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        u_low, u_high, v_low, v_high = _box(seen, i, j, k, lens)
        if not (u_high > 0 and u_low < lens.width and v_high > 0 and v_low < lens.height):
            continue
        c0, c1 = U(ceil(max(u_low, 0.5) - 0.5)), U(floor(min(u_high, lens.width - 0.5) + 0.5))
        r0, r1 = U(ceil(max(v_low, 0.5) - 0.5)), U(floor(min(v_high, lens.height - 0.5) + 0.5))
        if c0 >= c1 or r0 >= r1:
            continue
        du, dv = seen[j, 3] - seen[i, 3], seen[j, 4] - seen[i, 4]
        turned_away = du * (seen[k, 4] - seen[i, 4]) > dv * (seen[k, 3] - seen[i, 3])
        for slot in (m - U(1), n):
            order[slot] = f
            boxes[slot, 0], boxes[slot, 1], boxes[slot, 2], boxes[slot, 3] = r0, r1, c0, c1
        n += U(not turned_away)
        m -= U(turned_away)
    return np.concatenate((order[:n], order[m:])), np.concatenate((boxes[:n], boxes[m:]))


@kernel
def _any_behind(depth, r0, r1, c0, c1, z):
    """Whether some pixel of the box shows nothing nearer than z."""
    for r in range(r0, r1):
        for c in range(c0, c1):
            if depth[r, c] >= z:
                return True
    return False


@kernel
def raster(seen, faces, order, boxes, columns, rows, orthographic, cuts):
    """Nearest face at every pixel centre; among equal depths the lowest id, so the order of faces is nothing.

    Args:
        seen: (V, 5) from `see`.
        faces: (F, 3) uint32.
        order, boxes: from `candidates`.
        columns, rows: x and y of the pixel centres' rays, (W,) and (H,); through a lens that bends, both (H, W).
        orthographic: the camera's kind.
        cuts: the alpha maps.

    Returns:
        ids (H, W) int32, -1 for none; weights (H, W, 3) float64; depth (H, W) float64, 0 for none.
    """
    height, width = len(rows), columns.shape[-1]
    depth, ids = np.full((height, width), inf), np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 3))
    inside, cut = np.zeros(width, np.uint64), cuts.face
    for n in range(U(len(order))):
        f = order[n]
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        za, zb, zc = seen[i, 2], seen[j, 2], seen[k, 2]
        z_low = min(za, zb, zc)
        r0, r1, c0, c1 = U(boxes[n, 0]), U(boxes[n, 1]), U(boxes[n, 2]), U(boxes[n, 3])
        if not _any_behind(depth, r0, r1, c0, c1, z_low):
            continue
        x0, y0, w0, x1, y1, w1, x2, y2, w2, det = _edges(seen, i, j, k, orthographic)
        if not det > 0:
            continue
        for r in range(r0, r1):
            k0, k1, k2 = _along_row(y0, w0, rows, r), _along_row(y1, w1, rows, r), _along_row(y2, w2, rows, r)
            # The few columns inside are listed first, without a branch: which they are is hard to predict.
            count = U(0)
            for c in range(c0, c1):
                e0, e1 = _edge_at(x0, y0, k0, columns, rows, r, c), _edge_at(x1, y1, k1, columns, rows, r, c)
                e2 = _edge_at(x2, y2, k2, columns, rows, r, c)
                inside[count] = c
                count += U((e0 >= 0) & (e1 >= 0) & (e2 >= 0) & (depth[r, c] >= z_low))
            for m in range(count):
                c = inside[m]
                e0, e1 = _edge_at(x0, y0, k0, columns, rows, r, c), _edge_at(x1, y1, k1, columns, rows, r, c)
                e2 = _edge_at(x2, y2, k2, columns, rows, r, c)
                total = (e0 + e1) + e2
                if not (total > 0 and _owned(e0, x0, y0) and _owned(e1, x1, y1) and _owned(e2, x2, y2)):
                    continue
                z = _depth(orthographic, e0, e1, e2, total, det, za, zb, zc)
                if z > depth[r, c] or (z == depth[r, c] and f > ids[r, c]) or not z > NEAR_M:
                    continue
                b0, b1, b2 = e0 / total, e1 / total, e2 / total
                if cut[f] < 0 or _kept(cuts, f, i, j, k, b0, b1, b2):
                    depth[r, c], ids[r, c] = z, f
                    weights[r, c, 0], weights[r, c, 1], weights[r, c, 2] = b0, b1, b2
    for r in range(U(height)):
        for c in range(U(width)):
            depth[r, c] = 0.0 if ids[r, c] < 0 else depth[r, c]
    return ids, weights, depth


@kernel
def gather(seen, own_face, lens):
    """Sort points (N, 5) from `see` into bins.

    Returns:
        code: (N,) uint8, OUTSIDE for points out of the frame or not in front of the camera, else SEEN.
        bins: the points that are inside.
    """
    columns, rows = U((lens.width + BIN_PX - 1) // BIN_PX), U((lens.height + BIN_PX - 1) // BIN_PX)
    code = np.full(len(seen), OUTSIDE, np.uint8)
    start = np.zeros(columns * rows + U(1), np.uint64)
    deepest = np.full(columns * rows, -inf)
    at = np.zeros(len(seen), np.uint64)
    for n in range(U(len(seen))):
        z, u, v = seen[n, 2], seen[n, 3], seen[n, 4]
        if z > NEAR_M and u >= 0 and u < lens.width and v >= 0 and v < lens.height:
            code[n] = SEEN
            at[n] = U(v) // U(BIN_PX) * columns + U(u) // U(BIN_PX)
            start[at[n] + U(1)] += U(1)
            deepest[at[n]] = max(deepest[at[n]], z)
    for b in range(U(1), U(len(start))):
        start[b] += start[b - U(1)]
    fill, groups = start.copy(), (start[-1] + U(LANES - 1)) // U(LANES)
    member = np.zeros(groups * U(LANES), np.int64)
    table = np.full((groups, 4, LANES), -inf)
    for n in range(U(len(seen))):
        if code[n] != SEEN:
            continue
        slot = fill[at[n]]
        fill[at[n]] += U(1)
        member[slot] = n
        g, q = slot // U(LANES), slot % U(LANES)
        w = 1.0 if lens.orthographic else seen[n, 2]
        table[g, 0, q], table[g, 1, q] = seen[n, 0] / w, seen[n, 1] / w
        table[g, 2, q], table[g, 3, q] = seen[n, 2] * (1.0 - 1e-9), own_face[n]
    return code, Bins(columns, start, deepest, member, table)


@kernel
def _any_deeper(deepest, columns, r0, r1, c0, c1, z):
    """Whether some bin of a block holds a point deeper than z."""
    for r in range(r0, r1 + U(1)):
        for c in range(c0, c1 + U(1)):
            if deepest[r * columns + c] > z:
                return True
    return False


@kernel
def _any_crossed(table, g, f, z_low, x0, y0, w0, x1, y1, w1, x2, y2, w2):
    """Whether the face may hide a point of group g: no branches and a fixed length, so it runs in SIMD."""
    found = 0
    for q in range(U(LANES)):
        x, y = table[g, 0, q], table[g, 1, q]
        e0, e1, e2 = x0 * x + (y0 * y + w0), x1 * x + (y1 * y + w1), x2 * x + (y2 * y + w2)
        found |= (e0 >= 0) & (e1 >= 0) & (e2 >= 0) & (z_low < table[g, 2, q]) & (table[g, 3, q] != f)
    return found


@kernel
def hide(seen, faces, wanted, lens, cuts, points, bins, code):
    """Mark in `code` the points that some face hides: an irregular z-buffer, exact and without a tree.

    Every face is tested, with the edge functions of the raster, against the points in the bins its box touches.
    A point is hidden by a face other than its own that crosses its ray in front of it. The 1e-9 of its depth that
    the bins take off is the rounding between neighbours that share the point's edge.

    Args:
        seen, faces, wanted, lens, cuts: the scene as in `raster`, `wanted` (F,) bool the faces that can hide.
        points: (N, 5) from `see`.
        bins, code: from `gather`.
    """
    columns, start, deepest, member, table = bins
    cut = cuts.face
    for f in range(U(len(faces))):
        if not wanted[f]:
            continue
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        u_low, u_high, v_low, v_high = _box(seen, i, j, k, lens)
        if not (u_high > 0 and u_low < lens.width and v_high > 0 and v_low < lens.height):
            continue
        c0, c1 = U(max(u_low, 0.0)) // U(BIN_PX), U(min(u_high, lens.width - 1.0)) // U(BIN_PX)
        r0, r1 = U(max(v_low, 0.0)) // U(BIN_PX), U(min(v_high, lens.height - 1.0)) // U(BIN_PX)
        za, zb, zc = seen[i, 2], seen[j, 2], seen[k, 2]
        z_low = min(za, zb, zc)
        if not _any_deeper(deepest, columns, r0, r1, c0, c1, z_low):
            continue
        x0, y0, w0, x1, y1, w1, x2, y2, w2, det = _edges(seen, i, j, k, lens.orthographic)
        for r in range(r0, r1 + U(1)):
            first, last = start[r * columns + c0], start[r * columns + c1 + U(1)]
            for g in range(first // U(LANES), (last + U(LANES - 1)) // U(LANES)):
                if not _any_crossed(table, g, f, z_low, x0, y0, w0, x1, y1, w1, x2, y2, w2):
                    continue
                for q in range(U(LANES)):
                    x, y, limit = table[g, 0, q], table[g, 1, q], table[g, 2, q]
                    e0, e1, e2 = x0 * x + (y0 * y + w0), x1 * x + (y1 * y + w1), x2 * x + (y2 * y + w2)
                    total = (e0 + e1) + e2
                    if not (e0 >= 0 and e1 >= 0 and e2 >= 0 and total > 0 and det > 0) or table[g, 3, q] == f:
                        continue
                    n = member[g * U(LANES) + q]
                    u, v = points[n, 3], points[n, 4]
                    if u < u_low or u > u_high or v < v_low or v > v_high:
                        continue
                    z = _depth(lens.orthographic, e0, e1, e2, total, det, za, zb, zc)
                    if not (z > NEAR_M and z < limit):
                        continue
                    if cut[f] < 0 or _kept(cuts, f, i, j, k, e0 / total, e1 / total, e2 / total):
                        code[n], table[g, 2, q] = HIDDEN, -inf
