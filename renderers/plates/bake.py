"""The light of a room: from its windows and lamps to a lattice of probes, then twice from wall to wall.

Probes hold the irradiance on surfaces that face the six axes ("ambient cube": J. McTaggart, "Half-Life 2 / Valve
Source Shading", GDC 2004).
"""

import math
from collections.abc import Sequence

import numpy as np

from renderers.plates.cast import BOX, NOTHING, blocked, nearest
from renderers.plates.grain import hashed, kernel
from renderers.plates.paint import painted
from renderers.plates.shade import stored, surface_of
from renderers.plates.world import Emitter, World

SPACING_M = 0.45
"""Between probes, at most."""

_RAYS = 40


def baked(world: World, emitters: Sequence[Emitter]) -> World:
    """The room lit by its emitters.

    Args:
        world: indoors.
        emitters: at least one.

    Returns:
        the world with `volume` and `grid`.
    """
    size = world.room[1] - world.room[0]
    counts = np.maximum(np.ceil(size / SPACING_M).astype(int), 2)
    grid = np.stack([world.room[0] + 0.5 * size / counts, size / counts])
    shape = (*counts.tolist(), 6, 3)
    lit = world._replace(grid=grid, volume=np.zeros(shape))
    packed = np.array([[*e.middle, *e.right, *e.up, *e.radiance] for e in emitters], np.float64)
    inside = _solid(lit)
    direct = _filled(_direct(lit, packed), inside)
    lit = lit._replace(volume=direct)
    for _ in range(2):
        lit = lit._replace(volume=direct + _smooth(_filled(_bounced(lit), inside)))
    return lit


@kernel
def _direct(world, emitters):  # type: ignore[no-untyped-def]
    """Irradiance at every probe straight from the emitters: 4 x 4 points on each, shadows included."""
    volume, grid = np.zeros(world.volume.shape), world.grid
    for i in range(volume.shape[0]):
        for j in range(volume.shape[1]):
            for k in range(volume.shape[2]):
                p = (grid[0, 0] + i * grid[1, 0], grid[0, 1] + j * grid[1, 1], grid[0, 2] + k * grid[1, 2])
                for e in range(len(emitters)):
                    row = emitters[e]
                    face = np.cross(row[3:6], row[6:9])
                    for n in range(16):
                        s, t = (n % 4 - 1.5) / 2, (n // 4 - 1.5) / 2
                        a = row[0] + s * row[3] + t * row[6] - p[0]
                        b = row[1] + s * row[4] + t * row[7] - p[1]
                        c = row[2] + s * row[5] + t * row[8] - p[2]
                        square = a * a + b * b + c * c + 0.01
                        length = math.sqrt(square)
                        shining = -(a * face[0] + b * face[1] + c * face[2]) / length
                        if shining <= 0 or blocked(world, p, (a, b, c), 0.97):
                            continue
                        _spread(volume[i, j, k], a / length, b / length, c / length, row[9:], shining / 4 / square)
    return volume


@kernel
def _spread(probe, x, y, z, color, share):  # type: ignore[no-untyped-def]
    """Adds light that comes from (x, y, z) to the faces that see it."""
    for axis, along in enumerate((x, y, z)):
        face = 2 * axis + (1 if along > 0 else 0)
        for channel in range(3):
            probe[face, channel] += abs(along) * share * color[channel]


@kernel
def _bounced(world):  # type: ignore[no-untyped-def]
    """Irradiance at every probe from what the surfaces around it reflect of the light stored now."""
    volume, grid = np.zeros(world.volume.shape), world.grid
    everything = np.arange(len(world.objects))
    light, spread = np.zeros(3), np.array([0.0, 0.2])
    for i in range(volume.shape[0]):
        for j in range(volume.shape[1]):
            for k in range(volume.shape[2]):
                p = (grid[0, 0] + i * grid[1, 0], grid[0, 1] + j * grid[1, 1], grid[0, 2] + k * grid[1, 2])
                turn = 6.2831853 * hashed(i, j, k, 77)
                for n in range(_RAYS):
                    y = 1 - (2 * n + 1) / _RAYS
                    ring = math.sqrt(1 - y * y)
                    d = (ring * math.cos(2.39996323 * n + turn), y, ring * math.sin(2.39996323 * n + turn))
                    t, met = nearest(world, p, d, 1e-4, spread, everything, len(everything))
                    if met == NOTHING:
                        continue
                    x, h, z = p[0] + t * d[0], p[1] + t * d[1], p[2] + t * d[2]
                    normal, u, v, hu, hv, row, seed = surface_of(world, met, x, h, z)
                    paint = painted(world.materials[row], seed, u, v, hu, hv, 0.3, d[0], d[1], d[2])
                    arriving = stored(world, x, h, z, normal)
                    for channel in range(3):
                        light[channel] = paint[channel] * arriving[channel] / math.pi
                    _spread(volume[i, j, k], d[0], d[1], d[2], light, 4 * math.pi / _RAYS)
    return volume


def _solid(world: World) -> np.ndarray:
    """(nx, ny, nz) bool: probes that lie inside a box and see nothing of the room."""
    axes = [world.grid[0, a] + world.grid[1, a] * np.arange(world.volume.shape[a]) for a in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    inside = np.zeros(points.shape[:3], bool)
    for prim in world.prims[world.prims[:, 0] == BOX]:
        x, y, z = np.moveaxis(points - prim[1:4], -1, 0)
        along, beside = prim[7] * x + prim[8] * z, prim[7] * z - prim[8] * x
        inside |= (abs(along) < prim[4]) & (abs(y) < prim[5]) & (abs(beside) < prim[6])
    return inside


def _filled(volume: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Probes inside furniture take the mean of their free neighbours."""
    free = ~inside[..., None, None]
    total, count = _neighbours(np.where(free, volume, 0.0)), _neighbours(free.astype(float))
    return np.where(free, volume, total / np.maximum(count, 1.0))


def _smooth(volume: np.ndarray) -> np.ndarray:
    """Half of each probe and half of its neighbours' mean: the few rays' grain goes, what varies over a room stays."""
    return 0.5 * volume + 0.5 * _neighbours(volume) / _neighbours(np.ones_like(volume))


def _neighbours(values: np.ndarray) -> np.ndarray:
    """The sum over each probe's up to six neighbours."""
    total = np.zeros_like(values)
    for axis in range(3):
        upper, lower = [slice(None)] * values.ndim, [slice(None)] * values.ndim
        upper[axis], lower[axis] = slice(1, None), slice(None, -1)
        total[tuple(lower)] += values[tuple(upper)]
        total[tuple(upper)] += values[tuple(lower)]
    return total
