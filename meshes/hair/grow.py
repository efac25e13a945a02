"""How a strand grows: step by step along the comb, down with its weight, and never into the skin.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""

from typing import NamedTuple

import numba
import numpy as np

from meshes.elementary import cos_of, exp_of, sin_of
from meshes.hair.field import CELL_M

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
inlined = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

SKIN_GAP_M = 0.0008
"""Every point of a strand past its root keeps at least this far from the skin."""

SHOULDER_Y_M = -0.120
"""Skin below this is that of neck and shoulders."""

PACE_M = 0.010
"""Arc length in which pulls of strength 1 turn a strand by half a right angle."""

EYES_HALF_M = (0.050, 0.015)
"""Half width and height of the window before the eyes in which no strand may end up."""


class Air(NamedTuple):
    """Where a strand may go.

    Attributes:
        grid, origin: of `field.Space`.
        guard: (3,) float64: half width, middle and half height of the oval before the face that hair flows around.
    """

    grid: np.ndarray
    origin: np.ndarray
    guard: np.ndarray


class Seeds(NamedTuple):
    """Strands to grow, one row each.

    Attributes:
        root, start, comb: (N, 3) float64: root in metres, unit directions that it leaves in and is combed in.
        length_m, layer_m: (N,) length, and height above the skin that the strand lies at.
        hem_m: (N,) height below which the strand is cut.
        weight, reach_m, hug: (N,) pull of gravity against stiffness 1, arc length over which combing fades, and how
            firmly hair is held at its layer, 0 to 1.
        goal: (N, 3) point that the comb leads to; used where `tied` (N,) is true.
        held: (N,) 1 for hair that stays combed while it is above the forehead, 0 for a fringe.
    """

    root: np.ndarray
    start: np.ndarray
    comb: np.ndarray
    length_m: np.ndarray
    layer_m: np.ndarray
    hem_m: np.ndarray
    weight: np.ndarray
    reach_m: np.ndarray
    hug: np.ndarray
    goal: np.ndarray
    tied: np.ndarray
    held: np.ndarray


@inlined
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inlined
def _moved(a, t, b):
    """a + t b."""
    return a[0] + t * b[0], a[1] + t * b[1], a[2] + t * b[2]


@inlined
def _unit(a):
    length = max(np.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]), 1e-9)
    return a[0] / length, a[1] / length, a[2] / length


@inlined
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inlined
def _row(table, i):
    return table[i, 0], table[i, 1], table[i, 2]


@inlined
def _point(path, i, k):
    return path[i, k, 0], path[i, k, 1], path[i, k, 2]


@inlined
def _put(path, i, k, p):
    path[i, k, 0], path[i, k, 1], path[i, k, 2] = p


@kernel
def _skin(air, p):
    """Signed distance to the skin at a point, and its gradient, a unit vector; linear between the nodes of the grid."""
    grid = air.grid
    x = min(max((p[0] - air.origin[0]) / CELL_M, 0.0), grid.shape[0] - 1.001)
    y = min(max((p[1] - air.origin[1]) / CELL_M, 0.0), grid.shape[1] - 1.001)
    z = min(max((p[2] - air.origin[2]) / CELL_M, 0.0), grid.shape[2] - 1.001)
    i, j, k = int(x), int(y), int(z)
    a, b, c = x - i, y - j, z - k
    v000, v001, v010, v011 = grid[i, j, k], grid[i, j, k + 1], grid[i, j + 1, k], grid[i, j + 1, k + 1]
    i += 1
    v100, v101, v110, v111 = grid[i, j, k], grid[i, j, k + 1], grid[i, j + 1, k], grid[i, j + 1, k + 1]
    x0 = (1 - b) * ((1 - c) * v000 + c * v001) + b * ((1 - c) * v010 + c * v011)
    x1 = (1 - b) * ((1 - c) * v100 + c * v101) + b * ((1 - c) * v110 + c * v111)
    y0 = (1 - a) * ((1 - c) * v000 + c * v001) + a * ((1 - c) * v100 + c * v101)
    y1 = (1 - a) * ((1 - c) * v010 + c * v011) + a * ((1 - c) * v110 + c * v111)
    z0 = (1 - a) * ((1 - b) * v000 + b * v010) + a * ((1 - b) * v100 + b * v110)
    z1 = (1 - a) * ((1 - b) * v001 + b * v011) + a * ((1 - b) * v101 + b * v111)
    return (1 - a) * x0 + a * x1, _unit((x1 - x0, y1 - y0, z1 - z0))


@inlined
def _lifted(air, p):
    """The point, moved off the skin where it is nearer than SKIN_GAP_M."""
    away, off = _skin(air, p)
    return _moved(p, max(SKIN_GAP_M - away, 0.0), off)


@inlined
def _aside(air, number, p):
    """Shift along x that takes a point before the face out of the oval, whose width differs from strand to strand.

    Sideways alone: hair parts before the face and does not pile up above it.
    """
    width = air.guard[0] * (1.0 + 0.2 * ((number * 0.6180339887) % 1.0))
    y = (p[1] - air.guard[1]) / air.guard[2]
    if p[2] < 0.0 or p[1] > 0.022 or abs(y) >= 1.0:
        return 0.0
    edge = width * np.sqrt(1.0 - y * y)
    if abs(p[0]) >= edge:
        return 0.0
    return edge - p[0] if p[0] > 0.0 else -edge - p[0]


@inlined
def _over_forehead(p):
    """1 above the forehead, falling to 0 where hair comes past the edge of the face; neighbours hold it there."""
    if p[2] < -0.045 or p[1] < 0.0:
        return 0.0
    return min(max((0.070 - abs(p[0])) / 0.012, 0.0), 1.0) * min((p[2] + 0.045) / 0.020, 1.0)


@inlined
def _off_shoulder(p):
    """Hair that reaches a shoulder slides to the chest or to the back, whichever is nearer."""
    if p[1] < -0.230:
        return 0.0
    near = min(max((-0.070 - p[1]) / 0.060, 0.0), 1.0)
    return 0.5 * near if p[2] > -0.085 else -0.5 * near


@kernel
def _shorten(path, i, last):
    """Respace the points of a strand over its part up to the (fractional) point `last`."""
    steps = path.shape[1] - 1
    old = path[i].copy()
    for k in range(1, steps + 1):
        at = last * k / steps
        j = min(int(at), steps - 1)
        t = at - j
        for m in range(3):
            path[i, k, m] = old[j, m] + t * (old[j + 1, m] - old[j, m])


@inlined
def _turned(seeds, air, i, s, step, p, direction):
    """The direction that strand i takes from p, s along it: stiffness, comb and weight in balance."""
    off = _skin(air, p)[1]
    tied = seeds.tied[i]
    comb = max(exp_of(-((s / seeds.reach_m[i]) ** 2)), seeds.held[i] * _over_forehead(p))
    toward = _unit(_moved(_row(seeds.goal, i), -1.0, p)) if tied else _row(seeds.comb, i)
    flat = _moved(toward, -_dot(toward, off), off)
    strength = (3.6 if tied else 1.2 * comb) / max(np.sqrt(_dot(flat, flat)), 0.2)
    pull = 0.0 if tied else seeds.weight[i] * (1.0 - comb)
    aside = seeds.held[i] * seeds.weight[i] * _off_shoulder(p)
    push = (strength * flat[0], strength * flat[1] - pull, strength * flat[2] + aside)
    return _unit(_moved(direction, step / PACE_M, push))


@inlined
def _settled(seeds, air, i, s, p):
    """The point, at the height above the skin at which strand i lies s along it, and clear of the face."""
    away, off = _skin(air, p)
    layer = seeds.layer_m[i]
    lift = SKIN_GAP_M + layer * (1.0 - exp_of(-s / (0.004 + 0.8 * layer))) - away
    if lift > 0.0 and p[1] < SHOULDER_Y_M:
        off = (0.25 * off[0], off[1], off[2])  # Hair that meets a shoulder does not fan out over it.
    if lift < 0.0:
        # Hair sinks onto what is below it; only tied hair is held to the skin from every side.
        lift *= seeds.hug[i] * (1.0 if seeds.tied[i] else max(off[1], 0.0))
    p = _moved(p, lift, off)
    return p[0] + seeds.held[i] * _aside(air, i, p), p[1], p[2]


@kernel
def integrate(seeds, air, steps):
    """(N, steps + 1, 3) float64 metres: points along the strands.

    Every step turns towards comb and gravity, then is lifted out of the skin to the strand's own layer, so that
    strands lie on one another and on the shoulders. A strand keeps its length, unless that took it into the skin.
    """
    path = np.zeros((len(seeds.root), steps + 1, 3))
    for i in range(len(seeds.root)):
        p, direction = _row(seeds.root, i), _row(seeds.start, i)
        _put(path, i, 0, p)
        step, end = seeds.length_m[i] / steps, 0.0
        for k in range(1, steps + 1):
            if seeds.tied[i]:
                rest = _moved(_row(seeds.goal, i), -1.0, p)
                step = min(step, 0.6 * np.sqrt(_dot(rest, rest)))
            direction = _turned(seeds, air, i, step * k, step, p, direction)
            q = _settled(seeds, air, i, step * k, _moved(p, step, direction))
            direction = _unit(_moved(q, -1.0, p))
            above, p = p[1], _lifted(air, _moved(p, step, direction))
            _put(path, i, k, p)
            if p[1] < seeds.hem_m[i] and end == 0.0 and k > 1:
                end = k - 1 + min(max((above - seeds.hem_m[i]) / max(above - p[1], 1e-9), 0.0), 1.0)
        if end > 0.0:
            _shorten(path, i, max(end, 1.0))
    return path


@inlined
def _beside(along, off):
    """Unit vectors at right angles to `along` and to each other, the first away from the skin if it can be."""
    up = _moved(off, -_dot(off, along), along)
    if _dot(up, up) < 0.04:
        # The strand leads straight off the skin: any side will do, the same for neighbours.
        other = (along[1] - along[2] + 0.1, along[2] - along[0], along[0] - along[1])
        up = _moved(other, -_dot(other, along), along)
    up = _unit(up)
    return up, _cross(along, up)


@kernel
def gather(path, guide, clump, radius_m, pitch_m, phase, jitter_m, air):
    """Draws strands towards the guide of their wisp and winds them, in place.

    Args:
        path: (N, S, 3) metres.
        guide: (N,) int64, the strand that each follows; its own number for a guide.
        clump: (N,) how much of the way to the guide a tip goes.
        radius_m, pitch_m, phase: (N,) of the curl.
        jitter_m: (N, 3) how far the tip strays.
        air: for the direction away from the skin.
    """
    straight, last = path.copy(), path.shape[1] - 1
    for i in range(path.shape[0]):
        s = 0.0
        for k in range(1, last + 1):
            t = k / last
            p = _point(straight, i, k)
            step = _moved(p, -1.0, _point(straight, i, k - 1))
            s += np.sqrt(_dot(step, step))
            up, across = _beside(_unit(step), _skin(air, p)[1])
            radius = radius_m[i] * (1.0 - exp_of(-s / 0.025))
            angle = 2.0 * np.pi * s / pitch_m[i] + phase[i]
            toward = _moved(_point(straight, guide[i], k), -1.0, p)
            p = _moved(p, clump[i] * t * (2.0 - t), toward)
            p = _moved(_moved(p, radius * cos_of(angle), up), radius * sin_of(angle), across)
            _put(path, i, k, _moved(p, t, _row(jitter_m, i)))


@kernel
def settle(path, air):
    """Lifts points out of the skin and cuts strands before the eyes, in place; gives directions off the skin.

    Returns:
        (N, S, 3) float64 unit vectors, away from the skin.
    """
    outward = np.zeros_like(path)
    for i in range(path.shape[0]):
        for k in range(1, path.shape[1]):
            _put(path, i, k, _lifted(air, _lifted(air, _point(path, i, k))))
        for k in range(1, path.shape[1]):
            x, y, z = _point(path, i, k)
            if z > 0.0 and abs(x) < EYES_HALF_M[0] and abs(y) < EYES_HALF_M[1]:
                _shorten(path, i, max(k - 1.0, 0.6))
                break
        for k in range(path.shape[1]):
            _put(outward, i, k, _skin(air, _point(path, i, k))[1])
    return outward
