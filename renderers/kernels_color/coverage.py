"""Which pixels one sample cannot stand for, and what four samples of them see.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

from math import inf
from typing import NamedTuple

import numba
import numpy as np

NEAR_M = 1e-4
"""Nothing nearer than this along +Z is seen, as in the label core."""

CREASE = 0.75
"""Cosine between two facets below which their pixels are sampled four times."""

SLIVER_PX2, FAR_PX = 1e-4, 1e5
"""Twice the area below which, and the image coordinate above which, a face is looked for in its whole box."""

SLACK = 0.05
"""Half pixels by which a face's samples may lie outside its rounded outline."""

JUMP_PX = 6.0
"""Step in depth, in pixel widths at that depth, above which neighbouring pixels are sampled four times."""

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")


class Mesh(NamedTuple):
    """A surface packed for coverage.

    Attributes:
        faces: (F, 3) uint32.
        facet: (F, 3) float32, unit normals of the flat faces.
        uv: (V, 2) float32.
        material: (F,) uint8; clear: (F,) bool, transparent shells; cutout: (F,) int32, -1 or a row of `sheets`.
        sheets: (n, 3) int64 offset, height, width of the alpha maps in `texels`, (...) uint8.
    """

    faces: np.ndarray
    facet: np.ndarray
    uv: np.ndarray
    material: np.ndarray
    clear: np.ndarray
    cutout: np.ndarray
    sheets: np.ndarray
    texels: np.ndarray


class View(NamedTuple):
    """A camera as coverage needs it.

    Attributes:
        seen: (V, 5) float64, camera x, y, z and image u, v of the vertices.
        columns, rows: (2W,) and (2H,) float64, x and y of the rays (x, y, 1) of half-pixel centres, camera frame.
        focal: pixels, or pixels per metre where orthographic.
        orthographic: the camera's kind.
    """

    seen: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    focal: float
    orthographic: bool


@kernel
def facets(vertices, faces):
    """(F, 3) float32 unit normals of flat faces; 0 for a face without area."""
    out = np.zeros((len(faces), 3), np.float32)
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        px, py, pz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        qx, qy, qz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx
        length = np.sqrt(x * x + y * y + z * z)
        if length > 0:
            out[f, 0], out[f, 1], out[f, 2] = x / length, y / length, z / length
    return out


@inlined
def _differ(mesh, a, b, za, zb, step_m):
    """Whether two neighbouring pixels see different things: another material, a jump in depth, a crease."""
    if a < 0 or b < 0:
        return a != b
    if a == b:
        return False
    if mesh.material[a] != mesh.material[b] or abs(za - zb) > step_m:
        return True
    dot = np.float32(0)
    for k in range(3):
        dot += mesh.facet[a, k] * mesh.facet[b, k]
    return dot < CREASE


@kernel
def edges(mesh, view, ids, depth):
    """Pixels that one sample cannot stand for.

    Those that differ from a neighbour, those behind the box of a transparent shell, and those on cut-out faces.

    Returns:
        (H, W) int32: -1, or the pixel's row in the tables of `subsample`; and the number of rows.
    """
    height, width = ids.shape
    slot = np.full((height, width), -1, np.int32)
    for r in range(height):
        for c in range(width):
            a, za = ids[r, c], depth[r, c]
            step_m = JUMP_PX / view.focal * (1.0 if view.orthographic else za)
            if a >= 0 and mesh.cutout[a] >= 0:
                slot[r, c] = 0
            if c + 1 < width and _differ(mesh, a, ids[r, c + 1], za, depth[r, c + 1], step_m):
                slot[r, c], slot[r, c + 1] = 0, 0
            if r + 1 == height:
                continue
            if _differ(mesh, a, ids[r + 1, c], za, depth[r + 1, c], step_m):
                slot[r, c], slot[r + 1, c] = 0, 0
            if c + 1 < width and (a < 0) != (ids[r + 1, c + 1] < 0):
                slot[r, c], slot[r + 1, c + 1] = 0, 0
            if c > 0 and (a < 0) != (ids[r + 1, c - 1] < 0):
                slot[r, c], slot[r + 1, c - 1] = 0, 0
    for f in range(len(mesh.faces)):
        if mesh.clear[f]:
            r0, r1, c0, c1 = _box(view, mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2], height, width)
            for r in range(r0, r1 + 1):
                for c in range(c0, c1 + 1):
                    slot[r >> 1, c >> 1] = 0
    count = 0
    for r in range(height):
        for c in range(width):
            if slot[r, c] == 0:
                slot[r, c] = count
                count += 1
    return slot, count


@inlined
def _box(view, i, j, k, height, width):
    """First and last row and column, counted in half pixels, of the samples a face may hold; empty if behind."""
    seen = view.seen
    z_low, z_high = min(seen[i, 2], seen[j, 2], seen[k, 2]), max(seen[i, 2], seen[j, 2], seen[k, 2])
    if z_high <= NEAR_M:
        return 0, -1, 0, -1
    if z_low <= NEAR_M and not view.orthographic:
        return 0, 2 * height - 1, 0, 2 * width - 1
    c0, c1 = min(seen[i, 3], seen[j, 3], seen[k, 3]), max(seen[i, 3], seen[j, 3], seen[k, 3])
    r0, r1 = min(seen[i, 4], seen[j, 4], seen[k, 4]), max(seen[i, 4], seen[j, 4], seen[k, 4])
    if not (c1 >= 0 and r1 >= 0 and c0 < width and r0 < height):
        return 0, -1, 0, -1
    # Sample s lies at (s + 0.5) / 2; truncation rounds down, as all numbers here are positive.
    return (
        int(2.0 * max(r0, 0.0) + 0.5), int(min(2.0 * r1 + 0.5, 2.0 * height)) - 1,
        int(2.0 * max(c0, 0.0) + 0.5), int(min(2.0 * c1 + 0.5, 2.0 * width)) - 1,
    )  # fmt: skip


@inlined
def _planes(seen, i, j, k, orthographic):
    """The nine numbers of a face's homogeneous edge functions, row by row, as in the label core."""
    ax, ay, aw = seen[i, 0], seen[i, 1], 1.0 if orthographic else seen[i, 2]
    bx, by, bw = seen[j, 0], seen[j, 1], 1.0 if orthographic else seen[j, 2]
    cx, cy, cw = seen[k, 0], seen[k, 1], 1.0 if orthographic else seen[k, 2]
    first = (by * cw - bw * cy, bw * cx - bx * cw, bx * cy - by * cx)
    second = (cy * aw - cw * ay, cw * ax - cx * aw, cx * ay - cy * ax)
    third = (ay * bw - aw * by, aw * bx - ax * bw, ax * by - ay * bx)
    return first, second, third


@inlined
def _sliver(seen, i, j, k):
    """Whether rounding may let a face claim samples beside its outline: without area, behind the eye, far outside."""
    ua, va, ub, vb, uc, vc = seen[i, 3], seen[i, 4], seen[j, 3], seen[j, 4], seen[k, 3], seen[k, 4]
    area = (ub - ua) * (vc - va) - (uc - ua) * (vb - va)
    size = max(abs(ua), abs(ub), abs(uc), abs(va), abs(vb), abs(vc))
    return not (abs(area) > SLIVER_PX2 and size < FAR_PX and min(seen[i, 2], seen[j, 2], seen[k, 2]) > NEAR_M)


@inlined
def _stretch(seen, a, b, top, low, high):
    """The columns (low, high) widened by the part of an edge in the row of pixels from `top` to `top` + 1."""
    first, last = max(min(seen[a, 4], seen[b, 4]), top), min(max(seen[a, 4], seen[b, 4]), top + 1.0)
    # The ends of a level edge belong to the other two.
    if first > last or seen[a, 4] == seen[b, 4]:
        return low, high
    steep = (seen[b, 3] - seen[a, 3]) / (seen[b, 4] - seen[a, 4])
    u0, u1 = seen[a, 3] + (first - seen[a, 4]) * steep, seen[a, 3] + (last - seen[a, 4]) * steep
    return min(low, u0, u1), max(high, u0, u1)


@inlined
def _span(seen, i, j, k, row, c0, c1):
    """First and last column, in half pixels from c0 to c1, of the samples a face may hold in a row of pixels."""
    low, high = _stretch(seen, i, j, float(row), inf, -inf)
    low, high = _stretch(seen, j, k, float(row), low, high)
    low, high = _stretch(seen, k, i, float(row), low, high)
    if low > high:
        return c0, -1
    return max(c0, int(max(2.0 * low + 0.5 - SLACK, 0.0))), min(c1, int(max(2.0 * high + 0.5 + SLACK, 0.0)) - 1)


@kernel
def subsample(mesh, view, slot, count):
    """What the four quarter-pixel samples of every marked pixel see.

    Sample q lies at column + 0.25 + 0.5 (q % 2), row + 0.25 + 0.5 (q // 2).

    Returns:
        ids: (2, count, 4) int32, the nearest opaque face and the nearest transparent shell before it; -1 for none.
        weights: (2, count, 4, 3) float32 of their corners.
    """
    near, seen = np.full((2, count, 4), inf), view.seen
    ids = np.full((2, count, 4), -1, np.int32)
    weights = np.zeros((2, count, 4, 3), np.float32)
    for f in range(len(mesh.faces)):
        i, j, k = mesh.faces[f, 0], mesh.faces[f, 1], mesh.faces[f, 2]
        za, zb, zc = seen[i, 2], seen[j, 2], seen[k, 2]
        r0, r1, c0, c1 = _box(view, i, j, k, slot.shape[0], slot.shape[1])
        z_low, layer, sheet, ready = min(za, zb, zc), int(mesh.clear[f]), mesh.cutout[f], False
        # In a small box the exact test of every sample is the cheaper one.
        whole = r1 - r0 < 5 or c1 - c0 < 4 or _sliver(seen, i, j, k)
        for row in range(r0 >> 1, (r1 >> 1) + 1):
            left, right = (c0, c1) if whole else _span(seen, i, j, k, row, c0, c1)
            for column in range(left >> 1, (right >> 1) + 1):
                n = slot[row, column]
                if n < 0:
                    continue
                if not ready:
                    (x0, y0, w0), (x1, y1, w1), (x2, y2, w2) = _planes(seen, i, j, k, view.orthographic)
                    ready = True
                for q in range(4):
                    r, c = 2 * row + (q >> 1), 2 * column + (q & 1)
                    if r < r0 or r > r1 or c < left or c > right or z_low >= near[layer, n, q]:
                        continue
                    dx, dy = view.columns[c], view.rows[r]
                    e0, e1, e2 = x0 * dx + y0 * dy + w0, x1 * dx + y1 * dy + w1, x2 * dx + y2 * dy + w2
                    total = e0 + e1 + e2
                    if total < 0:
                        e0, e1, e2, total = -e0, -e1, -e2, -total
                    if e0 < 0 or e1 < 0 or e2 < 0 or total == 0:
                        continue
                    b0, b1, b2 = e0 / total, e1 / total, e2 / total
                    z = b0 * za + b1 * zb + b2 * zc
                    if not NEAR_M < z < near[layer, n, q]:
                        continue
                    if sheet < 0 or _kept(mesh.uv, mesh.sheets, mesh.texels, sheet, i, j, k, b0, b1, b2):
                        near[layer, n, q], ids[layer, n, q] = z, f
                        weights[layer, n, q, 0], weights[layer, n, q, 1], weights[layer, n, q, 2] = b0, b1, b2
    for n in range(count):
        for q in range(4):
            if near[1, n, q] > near[0, n, q]:
                ids[1, n, q] = -1
    return ids, weights


@kernel
def _kept(uv, sheets, texels, sheet, i, j, k, b0, b1, b2):
    """Whether an alpha map keeps the point with these weights: its nearest texel is at least 128."""
    offset, height, width = sheets[sheet, 0], sheets[sheet, 1], sheets[sheet, 2]
    u = b0 * uv[i, 0] + b1 * uv[j, 0] + b2 * uv[k, 0]
    v = b0 * uv[i, 1] + b1 * uv[j, 1] + b2 * uv[k, 1]
    column = min(max(int(np.floor(u * width)), 0), width - 1)
    row = min(max(int(np.floor((1.0 - v) * height)), 0), height - 1)
    return texels[offset + row * width + column] >= 128
