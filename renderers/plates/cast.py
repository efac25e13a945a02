"""Rays through a world of boxes, ellipsoids, cylinders and crowns of leaves: what each meets first.

World axes: +X right, +Y up, +Z out of the face when the world's yaw is 0; the origin is the head frame's.
"""

import math

import numpy as np

from renderers.plates.grain import kernel, leaves

BOX, ELLIPSOID, CYLINDER, CROWN = range(4)
"""Shapes. A cylinder stands upright; a crown is an ellipsoid of leaves that rays pass between."""

NOTHING = -100
"""Met nothing: the sky. From -1 down to -6 it is a face of the room: -X +X -Y +Y -Z +Z."""

_SHELLS = (1.0, 0.88, 0.75, 0.6)
_FULL = (0.22, 0.4, 0.65, 0.9)


@kernel
def turned(prim, x, y, z):  # type: ignore[no-untyped-def]
    """A point or direction in the axes of a primitive, not shifted."""
    c, s = prim[7], prim[8]
    return c * x + s * z, y, c * z - s * x


@kernel
def back(prim, x, y, z):  # type: ignore[no-untyped-def]
    """`turned` undone."""
    c, s = prim[7], prim[8]
    return c * x - s * z, y, c * z + s * x


@kernel
def inverse_of(d):  # type: ignore[no-untyped-def]
    """1 / each part of a direction, finite also where the part is 0."""
    return (
        1 / (d[0] if abs(d[0]) > 1e-12 else 1e-12),
        1 / (d[1] if abs(d[1]) > 1e-12 else 1e-12),
        1 / (d[2] if abs(d[2]) > 1e-12 else 1e-12),
    )


@kernel
def slab(lo0, hi0, lo1, hi1, lo2, hi2, o, inverse):  # type: ignore[no-untyped-def]
    """Where a ray enters and leaves a box; it misses where the entry comes after the exit."""
    a, b = (lo0 - o[0]) * inverse[0], (hi0 - o[0]) * inverse[0]
    near, far = min(a, b), max(a, b)
    a, b = (lo1 - o[1]) * inverse[1], (hi1 - o[1]) * inverse[1]
    near, far = max(near, min(a, b)), min(far, max(a, b))
    a, b = (lo2 - o[2]) * inverse[2], (hi2 - o[2]) * inverse[2]
    return max(near, min(a, b)), min(far, max(a, b))


@kernel
def _roots(a, b, c):  # type: ignore[no-untyped-def]
    """Both t of a t^2 + 2 b t + c = 0, ascending; (1, -1) where there are none."""
    under = b * b - a * c
    if under <= 0 or a == 0:
        return 1.0, -1.0
    root = math.sqrt(under)
    return (-b - root) / a, (-b + root) / a


@kernel
def _crown(prim, o, d, start, spread):  # type: ignore[no-untyped-def]
    """The first leaf on the nested shells of a crown, from outside in and out again; 1e30 if the ray slips through."""
    h0, h1, h2 = prim[4], prim[5], prim[6]
    p0, p1, p2, q0, q1, q2 = o[0] / h0, o[1] / h1, o[2] / h2, d[0] / h0, d[1] / h1, d[2] / h2
    a, b = q0 * q0 + q1 * q1 + q2 * q2, p0 * q0 + p1 * q1 + p2 * q2
    c = p0 * p0 + p1 * p1 + p2 * p2
    for k in range(2 * len(_SHELLS)):
        shell = k if k < len(_SHELLS) else 2 * len(_SHELLS) - 1 - k
        near, far = _roots(a, b, c - _SHELLS[shell] ** 2)
        if near > far:
            continue
        t = near if k < len(_SHELLS) else far
        if t <= start:
            continue
        x, y, z = o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2]
        u, v = flat_of(x / h0, y / h1, z / h2, x, y, z)
        # The outermost shells hold few leaves, which frays the outline; the inner ones close the crown.
        share, _, _ = leaves(u, v, prim[11], int(prim[10]) + 17 * k, spread[0] * t + spread[1], _FULL[shell])
        if share > 0.5:
            return t
    return 1e30


@kernel
def flat_of(n0, n1, n2, x, y, z):  # type: ignore[no-untyped-def]
    """Coordinates in the plane across the longest axis of a normal."""
    a0, a1, a2 = abs(n0), abs(n1), abs(n2)
    if a1 >= a0 and a1 >= a2:
        return x, z
    return (z, y) if a0 >= a2 else (x, y)


@kernel
def meet(prim, o, d, start, spread):  # type: ignore[no-untyped-def]
    """Where a ray meets one primitive beyond `start`; 1e30 if nowhere."""
    x, y, z = turned(prim, o[0] - prim[1], o[1] - prim[2], o[2] - prim[3])
    e, f, g = turned(prim, d[0], d[1], d[2])
    h0, h1, h2, shape = prim[4], prim[5], prim[6], int(prim[0])
    here, there = (x, y, z), (e, f, g)
    if shape == BOX:
        near, far = slab(-h0, h0, -h1, h1, -h2, h2, here, inverse_of(there))
        return near if near <= far and near > start else 1e30
    if shape == CROWN:
        return _crown(prim, here, there, start, spread)
    if shape == ELLIPSOID:
        near, far = _roots(
            (e / h0) ** 2 + (f / h1) ** 2 + (g / h2) ** 2,
            x * e / h0**2 + y * f / h1**2 + z * g / h2**2,
            (x / h0) ** 2 + (y / h1) ** 2 + (z / h2) ** 2 - 1,
        )
        return near if near <= far and near > start else 1e30
    near, far = _roots((e / h0) ** 2 + (g / h2) ** 2, x * e / h0**2 + z * g / h2**2, (x / h0) ** 2 + (z / h2) ** 2 - 1)
    slope = f if abs(f) > 1e-12 else 1e-12
    low, high = min((-h1 - y) / slope, (h1 - y) / slope), max((-h1 - y) / slope, (h1 - y) / slope)
    near, far = max(near, low), min(far, high)
    return near if near <= far and near > start else 1e30


@kernel
def nearest(world, o, d, start, spread, chosen, count):  # type: ignore[no-untyped-def]
    """What a ray meets first beyond `start`: its parameter and the primitive's number, a face of the room, or NOTHING.

    Only the first `count` objects of `chosen` are tried. `spread` (2,) is the width of the ray: its growth with the
    parameter, and what it starts with.
    """
    room, inverse = world.room, inverse_of(d)
    _, best = slab(room[0, 0], room[1, 0], room[0, 1], room[1, 1], room[0, 2], room[1, 2], o, inverse)
    best = max(best, start)
    met = -1 - _face(room, o, d, best)
    for n in range(count):
        box = world.objects[chosen[n]]
        near, far = slab(box[0], box[3], box[1], box[4], box[2], box[5], o, inverse)
        if near > far or far < start or near > best:
            continue
        for j in range(int(box[6]), int(box[7])):
            t = meet(world.prims[j], o, d, start, spread)
            if t < best:
                best, met = t, j
    if met < 0 and world.walls[-1 - met] < 0:
        return 1e30, NOTHING
    return best, met


@kernel
def _face(room, o, d, t):  # type: ignore[no-untyped-def]
    """The face of the room, 0 to 5, that the point at t is on or nearest to."""
    best, face = 1e30, 0
    for axis in range(3):
        at = o[axis] + t * d[axis]
        for side in range(2):
            away = abs(at - room[side, axis])
            if away < best:
                best, face = away, 2 * axis + side
    return face


@kernel
def blocked(world, o, d, until):  # type: ignore[no-untyped-def]
    """Whether anything but the room itself lies between a point and `until` times d further."""
    spread, inverse = np.array([0.0, 0.02]), inverse_of(d)
    for n in range(len(world.objects)):
        box = world.objects[n]
        near, far = slab(box[0], box[3], box[1], box[4], box[2], box[5], o, inverse)
        if near > far or far < 0 or near > until:
            continue
        for j in range(int(box[6]), int(box[7])):
            if meet(world.prims[j], o, d, 1e-3, spread) < until:
                return True
    return False


@kernel
def normal_of(prim, x, y, z):  # type: ignore[no-untyped-def]
    """The normal of a primitive at a point of it, and the point's face coordinates u, v, hu, hv."""
    lx, ly, lz = turned(prim, x - prim[1], y - prim[2], z - prim[3])
    h0, h1, h2, shape = prim[4], prim[5], prim[6], int(prim[0])
    if shape == BOX:
        a, b, c = abs(lx) - h0, abs(ly) - h1, abs(lz) - h2
        if b >= a and b >= c:
            n0, n1, n2, u, v, hu, hv = 0.0, np.sign(ly), 0.0, lx, lz, h0, h2
        elif a >= c:
            n0, n1, n2, u, v, hu, hv = np.sign(lx), 0.0, 0.0, lz, ly, h2, h1
        else:
            n0, n1, n2, u, v, hu, hv = 0.0, 0.0, np.sign(lz), lx, ly, h0, h1
    elif shape == CYLINDER:
        top = abs(ly) > h1 - 1e-6
        n0, n1, n2 = (0.0, np.sign(ly), 0.0) if top else (lx / h0**2, 0.0, lz / h2**2)
        u, v, hu, hv = math.atan2(lx, lz) * h0, ly, math.pi * h0, h1
    else:
        n0, n1, n2 = lx / h0**2, ly / h1**2, lz / h2**2
        u, v = flat_of(lx / h0, ly / h1, lz / h2, lx, ly, lz)
        hu, hv = h0, h1
    size = math.sqrt(n0 * n0 + n1 * n1 + n2 * n2) + 1e-30
    n0, n1, n2 = back(prim, n0 / size, n1 / size, n2 / size)
    return n0, n1, n2, u, v, hu, hv
