"""How a strand grows: step by step along the comb, down with its weight, and never into the skin.

One file on purpose: numba renews a cached kernel when its own file changes, not when a file it calls does.
"""
# mypy: disable-error-code="no-untyped-def"

from typing import NamedTuple

import numba
import numpy as np

from meshes.hair.field import CELL_M

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")

SKIN_GAP_M = 0.0008
"""Every point of a strand past its root keeps at least this far from the skin."""

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


@kernel
def _skin(air, px, py, pz):
    """Signed distance to the skin at a point and its gradient, a unit vector: four numbers."""
    grid = air.grid
    x = min(max((px - air.origin[0]) / CELL_M, 0.0), grid.shape[0] - 1.001)
    y = min(max((py - air.origin[1]) / CELL_M, 0.0), grid.shape[1] - 1.001)
    z = min(max((pz - air.origin[2]) / CELL_M, 0.0), grid.shape[2] - 1.001)
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
    gx, gy, gz = x1 - x0, y1 - y0, z1 - z0
    length = max(np.sqrt(gx * gx + gy * gy + gz * gz), 1e-9)
    return (1 - a) * x0 + a * x1, gx / length, gy / length, gz / length


@kernel
def _aside(air, number, px, py, pz):
    """Shift along x that takes a point before the face out of the oval, whose width differs from strand to strand.

    Sideways alone: hair parts before the face and does not pile up above it.
    """
    width = air.guard[0] * (1.0 + 0.2 * ((number * 0.6180339887) % 1.0))
    y = (py - air.guard[1]) / air.guard[2]
    if pz < 0.0 or py > 0.022 or abs(y) >= 1.0:
        return 0.0
    edge = width * np.sqrt(1.0 - y * y)
    if abs(px) >= edge:
        return 0.0
    return edge - px if px > 0.0 else -edge - px


@kernel
def _over_forehead(px, py, pz):
    """1 above the forehead, falling to 0 where hair comes past the edge of the face; neighbours hold it there."""
    if pz < -0.045 or py < 0.0:
        return 0.0
    return min(max((0.070 - abs(px)) / 0.012, 0.0), 1.0) * min((pz + 0.045) / 0.020, 1.0)


@kernel
def _off_shoulder(py, pz):
    """Hair that reaches a shoulder slides to the chest or to the back, whichever is nearer."""
    if py > -0.090 or py < -0.230:
        return 0.0
    return 0.5 if pz > -0.085 else -0.5


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


@kernel
def integrate(seeds, air, steps):
    """(N, steps + 1, 3) float64 metres: points along the strands.

    Every step turns towards comb and gravity, then is lifted out of the skin to the strand's own layer, so that
    strands lie on one another and on the shoulders.
    """
    path = np.zeros((len(seeds.root), steps + 1, 3))
    for i in range(len(seeds.root)):
        px, py, pz = seeds.root[i, 0], seeds.root[i, 1], seeds.root[i, 2]
        dx, dy, dz = seeds.start[i, 0], seeds.start[i, 1], seeds.start[i, 2]
        path[i, 0, 0], path[i, 0, 1], path[i, 0, 2] = px, py, pz
        step = seeds.length_m[i] / steps
        end = 0.0
        for k in range(1, steps + 1):
            s = step * k
            _, gx, gy, gz = _skin(air, px, py, pz)
            cx, cy, cz = seeds.comb[i, 0], seeds.comb[i, 1], seeds.comb[i, 2]
            comb = max(np.exp(-((s / seeds.reach_m[i]) ** 2)), seeds.held[i] * _over_forehead(px, py, pz))
            if seeds.tied[i]:
                cx, cy, cz = seeds.goal[i, 0] - px, seeds.goal[i, 1] - py, seeds.goal[i, 2] - pz
                away = max(np.sqrt(cx * cx + cy * cy + cz * cz), 1e-6)
                cx, cy, cz, comb = cx / away, cy / away, cz / away, 3.0
                step = min(step, 0.6 * away)
            along = cx * gx + cy * gy + cz * gz
            cx, cy, cz = cx - along * gx, cy - along * gy, cz - along * gz
            scale = 1.2 * comb * (step / 0.010) / max(np.sqrt(cx * cx + cy * cy + cz * cz), 0.2)
            pull = seeds.weight[i] * (1.0 - comb if not seeds.tied[i] else 0.0) * (step / 0.010)
            dx, dy, dz = dx + scale * cx, dy + scale * cy - pull, dz + scale * cz
            dz += seeds.weight[i] * _off_shoulder(py, pz) * (step / 0.010)
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / length, dy / length, dz / length
            qx, qy, qz = px + step * dx, py + step * dy, pz + step * dz
            away, gx, gy, gz = _skin(air, qx, qy, qz)
            height = SKIN_GAP_M + seeds.layer_m[i] * (1.0 - np.exp(-s / (0.004 + 0.8 * seeds.layer_m[i])))
            lift = height - away
            if lift < 0.0:
                lift *= seeds.hug[i] * (1.0 if seeds.tied[i] else max(gy, 0.0))
            qx, qy, qz = qx + lift * gx, qy + lift * gy, qz + lift * gz
            qx += seeds.held[i] * _aside(air, i, qx, qy, qz)
            dx, dy, dz = qx - px, qy - py, qz - pz
            length = max(np.sqrt(dx * dx + dy * dy + dz * dz), 1e-9)
            dx, dy, dz = dx / length, dy / length, dz / length
            # The strand keeps its length, unless that would take it into the skin.
            px, py, pz = px + step * dx, py + step * dy, pz + step * dz
            away, gx, gy, gz = _skin(air, px, py, pz)
            lift = max(SKIN_GAP_M - away, 0.0)
            px, py, pz = px + lift * gx, py + lift * gy, pz + lift * gz
            path[i, k, 0], path[i, k, 1], path[i, k, 2] = px, py, pz
            if py < seeds.hem_m[i] and end == 0.0 and k > 1:
                above = path[i, k - 1, 1]
                end = k - 1 + min(max((above - seeds.hem_m[i]) / max(above - py, 1e-9), 0.0), 1.0)
        if end > 0.0:
            _shorten(path, i, max(end, 1.0))
    return path


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
    count, points = path.shape[0], path.shape[1]
    straight = path.copy()
    for i in range(count):
        g = guide[i]
        s = 0.0
        for k in range(1, points):
            t = k / (points - 1)
            toward = clump[i] * t * (2.0 - t)
            ex, ey, ez = (
                straight[i, k, 0] - straight[i, k - 1, 0],
                straight[i, k, 1] - straight[i, k - 1, 1],
                straight[i, k, 2] - straight[i, k - 1, 2],
            )
            step = max(np.sqrt(ex * ex + ey * ey + ez * ez), 1e-9)
            ex, ey, ez, s = ex / step, ey / step, ez / step, s + step
            _, ux, uy, uz = _skin(air, straight[i, k, 0], straight[i, k, 1], straight[i, k, 2])
            along = ux * ex + uy * ey + uz * ez
            ux, uy, uz = ux - along * ex, uy - along * ey, uz - along * ez
            if ux * ux + uy * uy + uz * uz < 0.04:
                ux, uy, uz = ey - ez + 0.1, ez - ex, ex - ey
                along = ux * ex + uy * ey + uz * ez
                ux, uy, uz = ux - along * ex, uy - along * ey, uz - along * ez
            length = max(np.sqrt(ux * ux + uy * uy + uz * uz), 1e-9)
            ux, uy, uz = ux / length, uy / length, uz / length
            wx, wy, wz = ey * uz - ez * uy, ez * ux - ex * uz, ex * uy - ey * ux
            radius = radius_m[i] * (1.0 - np.exp(-s / 0.025))
            angle = 2.0 * np.pi * s / pitch_m[i] + phase[i]
            a, b = radius * np.cos(angle), radius * np.sin(angle)
            path[i, k, 0] += toward * (straight[g, k, 0] - straight[i, k, 0]) + a * ux + b * wx + t * jitter_m[i, 0]
            path[i, k, 1] += toward * (straight[g, k, 1] - straight[i, k, 1]) + a * uy + b * wy + t * jitter_m[i, 1]
            path[i, k, 2] += toward * (straight[g, k, 2] - straight[i, k, 2]) + a * uz + b * wz + t * jitter_m[i, 2]


@kernel
def settle(path, air):
    """Lifts points out of the skin and cuts strands before the eyes, in place; gives directions off the skin.

    Returns:
        (N, S, 3) float64 unit vectors, away from the skin.
    """
    outward = np.zeros_like(path)
    for i in range(path.shape[0]):
        for k in range(1, path.shape[1]):
            for _ in range(2):
                away, gx, gy, gz = _skin(air, path[i, k, 0], path[i, k, 1], path[i, k, 2])
                lift = max(SKIN_GAP_M - away, 0.0)
                path[i, k, 0] += lift * gx
                path[i, k, 1] += lift * gy
                path[i, k, 2] += lift * gz
        for k in range(1, path.shape[1]):
            x, y, z = path[i, k, 0], path[i, k, 1], path[i, k, 2]
            if z > 0.0 and abs(x) < EYES_HALF_M[0] and abs(y) < EYES_HALF_M[1]:
                _shorten(path, i, max(k - 1.0, 0.6))
                break
        for k in range(path.shape[1]):
            _, gx, gy, gz = _skin(air, path[i, k, 0], path[i, k, 1], path[i, k, 2])
            outward[i, k, 0], outward[i, k, 1], outward[i, k, 2] = gx, gy, gz
    return outward
