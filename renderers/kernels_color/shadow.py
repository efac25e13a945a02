"""Orthographic depth maps towards the light, and how much of each light reaches each vertex.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

from math import inf

import numba
import numpy as np

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

f32 = np.float32
"""Whole-number literals beside float32 would turn an expression into float64."""

U = np.uint64
"""Type of an index in inner loops: a signed one would be checked for "counted from the end"."""

LIFT, LIFT_TURNED = 0.25, 1.25
"""How far above its surface a vertex is tested, in texels of the depth map: where it faces the light, and where it
turns away from it, so that a round surface does not cut off its own soft terminator."""

WRAP = 0.2
"""A vertex turned away from a light by up to this sine still gets a share, as soft surfaces do."""


@inlined
def _fit(points, frame, size):
    """Corner (x, y) in metres and texel width that fit all points into a map, with a free texel around."""
    low_x, low_y, high_x, high_y = np.float32(inf), np.float32(inf), np.float32(-inf), np.float32(-inf)
    for n in range(len(points)):
        x = frame[0, 0] * points[n, 0] + frame[0, 1] * points[n, 1] + frame[0, 2] * points[n, 2]
        y = frame[1, 0] * points[n, 0] + frame[1, 1] * points[n, 1] + frame[1, 2] * points[n, 2]
        low_x, high_x = min(low_x, x), max(high_x, x)
        low_y, high_y = min(low_y, y), max(high_y, y)
    texel_m = max(high_x - low_x, high_y - low_y, np.float32(1e-6)) / np.float32(size - 3)
    return low_x - texel_m, low_y - texel_m, texel_m


@kernel
def placed(points, frame, x0, y0, texel_m):
    """(N, 3) float32: points in a map's texels and their height towards the light in metres.

    Args:
        points: (N, 3) float32 metres; frame: (3, 3) float32, rows right, up, towards the light.
    """
    out = np.zeros((len(points), 3), np.float32)
    for n in range(len(points)):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        out[n, 0] = (frame[0, 0] * px + frame[0, 1] * py + frame[0, 2] * pz - x0) / texel_m
        out[n, 1] = (frame[1, 0] * px + frame[1, 1] * py + frame[1, 2] * pz - y0) / texel_m
        out[n, 2] = frame[2, 0] * px + frame[2, 1] * py + frame[2, 2] * pz
    return out


@kernel
def height_map(at, faces, size):
    """(size, size) float32: the greatest height at every texel (integer position), -inf where nothing is.

    Only faces turned away from the light are drawn. A ray into a solid leaves it again through such a face, so they
    cast the same shadows as the whole, do not shade the lit side they belong to, and close an open hem or back.

    Args:
        at: (N, 3) float32 from `placed`; faces: (G, 3) uint32.
    """
    top = np.full((size, size), np.float32(-inf), np.float32)
    zero, one = np.float32(0), np.float32(1)
    for f in range(len(faces)):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        xa, ya, xb, yb, xc, yc = at[i, 0], at[i, 1], at[j, 0], at[j, 1], at[k, 0], at[k, 1]
        # Positions are positive, so truncation after adding 1 rounds up (a whole number goes one too far: its
        # texel is then left to the neighbours that share the corner).
        c0, c1 = int(min(xa, xb, xc)) + 1, int(max(xa, xb, xc))
        r0, r1 = int(min(ya, yb, yc)) + 1, int(max(ya, yb, yc))
        if c0 > c1 or r0 > r1:
            continue
        xb, yb, xc, yc = xb - xa, yb - ya, xc - xa, yc - ya
        area = xb * yc - xc * yb
        if area >= 0:
            continue
        za = at[i, 2]
        zb, zc = at[j, 2] - za, at[k, 2] - za
        inverse = one / area
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                x, y = np.float32(c) - xa, np.float32(r) - ya
                s, t = (x * yc - xc * y) * inverse, (xb * y - x * yb) * inverse
                if s >= zero and t >= zero and s + t <= one:
                    top[r, c] = max(top[r, c], za + s * zb + t * zc)
    return top


@inlined
def _seen(top, at, z, inverse):
    """How far a point at height z stands clear of one texel: 1 at or above it, 0 from a texel's width below."""
    return min(max(f32(1) - (top[at] - z) * inverse, f32(0)), f32(1))


@kernel
def visible(points, normals, frame, x0, y0, texel_m, top, size, out):
    """Bilinear mean of the four depth comparisons around every vertex, into `out` (V,) float32.

    Args:
        points, normals: (3, V) float32, so that the loop runs on many vertices at once.
        frame, x0, y0, texel_m: of the depth map `top`, (size * size,) float32 row by row.

    A vertex that falls outside is tested on the map's border, where there is no occluder.
    """
    inverse, last = f32(1) / texel_m, f32(size - 2)
    a0, a1, a2 = frame[0, 0], frame[0, 1], frame[0, 2]
    b0, b1, b2 = frame[1, 0], frame[1, 1], frame[1, 2]
    d0, d1, d2 = frame[2, 0], frame[2, 1], frame[2, 2]
    for n in range(points.shape[1]):
        nx, ny, nz = normals[0, n], normals[1, n], normals[2, n]
        turned = min(max(f32(0.5) - f32(2) * (nx * d0 + ny * d1 + nz * d2), f32(0)), f32(1))
        lift = texel_m * (f32(LIFT) + turned * f32(LIFT_TURNED - LIFT))
        px, py, pz = points[0, n] + lift * nx, points[1, n] + lift * ny, points[2, n] + lift * nz
        x = min(max((a0 * px + a1 * py + a2 * pz - x0) * inverse, f32(0)), last)
        y = min(max((b0 * px + b1 * py + b2 * pz - y0) * inverse, f32(0)), last)
        z = d0 * px + d1 * py + d2 * pz
        c, r = np.int32(x), np.int32(y)
        s, t = x - f32(c), y - f32(r)
        at = U(r * size + c)
        upper = _seen(top, at, z, inverse)
        upper += s * (_seen(top, at + U(1), z, inverse) - upper)
        lower = _seen(top, at + U(size), z, inverse)
        lower += s * (_seen(top, at + U(size + 1), z, inverse) - lower)
        out[n] = upper + t * (lower - upper)


@kernel
def gather(points, normals, corners, faces, frames, power, size):
    """Light that reaches every vertex, light that would without anything in the way, and from where it comes.

    Args:
        points, normals: (3, V) float32 of the vertices that receive light.
        corners: (N, 3) float32 and faces: (G, 3) uint32 of what casts shadows.
        frames: (D, 3, 3) float32, rows right, up, towards the light; power: (D, 3) float32.
        size: texels along a side of a depth map.

    Returns:
        (2, 3, V) float32: with and without shadows; and (4, V) float32: sums over the directions d of the open part,
        and of the open part times d.
    """
    moments = np.zeros((4, points.shape[1]), np.float32)
    sums, open_part = np.zeros((2, 3, points.shape[1]), np.float32), np.zeros(points.shape[1], np.float32)
    for d in range(len(frames)):
        frame = frames[d]
        x0, y0, texel_m = _fit(corners, frame, size)
        top = height_map(placed(corners, frame, x0, y0, texel_m), faces, size)
        visible(points, normals, frame, x0, y0, texel_m, top.ravel(), size, open_part)
        d0, d1, d2 = frame[2, 0], frame[2, 1], frame[2, 2]
        red, green, blue = power[d, 0], power[d, 1], power[d, 2]
        for n in range(points.shape[1]):
            cosine = normals[0, n] * d0 + normals[1, n] * d1 + normals[2, n] * d2
            weight = max((cosine + f32(WRAP)) * f32(1 / (1 + WRAP)), f32(0))
            seen = weight * open_part[n]
            sums[0, 0, n] += seen * red
            sums[0, 1, n] += seen * green
            sums[0, 2, n] += seen * blue
            sums[1, 0, n] += weight * red
            sums[1, 1, n] += weight * green
            sums[1, 2, n] += weight * blue
            seen = open_part[n]
            moments[0, n] += seen
            moments[1, n] += seen * d0
            moments[2, n] += seen * d1
            moments[3, n] += seen * d2
    return sums, moments
