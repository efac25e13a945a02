"""How bright a point of a world is: daylight outdoors, the baked light of a room indoors, and what gloss mirrors."""

import math

import numpy as np

from renderers.plates.cast import CROWN, NOTHING, blocked, nearest, normal_of
from renderers.plates.grain import cloudy, kernel, within
from renderers.plates.paint import mixed, painted

_NEAR_M = 0.4  # Further off, furniture takes no light from a wall.
_DULL = 0.012  # A mirrored share that nobody sees is not worth a ray; what is above it begins at 0.
_HAZE_M = 420.0  # What is so far away has lost most of its contrast to the air.


@kernel
def sky_of(world, d):  # type: ignore[no-untyped-def]
    """Radiance of the sky: deeper blue higher up, bright about the sun, clouds in flat layers."""
    length = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    x, y, z = d[0] / length, d[1] / length, d[2] / length
    up = max(y, 0.0)
    zenith = (world.sky[0, 0], world.sky[0, 1], world.sky[0, 2])
    horizon = (world.sky[1, 0], world.sky[1, 1], world.sky[1, 2])
    color = mixed(horizon, zenith, 1 - math.exp(-3.0 * up))
    reach = 1 / (up + 0.12)
    cloud = 0.55 * cloudy(x * reach * 1.3, z * reach * 1.3, 0.4, 6, 0.01 * reach, world.seed) + world.sky[4, 0]
    cover = min(max(cloud * 2.2, 0.0), 1.0)
    toward = max(x * world.sun[0, 0] + y * world.sun[0, 1] + z * world.sun[0, 2], 0.0)
    white = 1.15 * horizon[1] * (1.0 - 0.3 * min(max(cloud - 0.2, 0.0), 1.0))
    color = mixed(color, (white, white, 1.01 * white), cover * min(6 * up, 1.0))
    glow = 1 + 0.5 * toward**4 + 1.5 * toward**48
    color = (color[0] * glow, color[1] * glow, color[2] * glow)
    east = math.atan2(x, z) * 9
    hill = 0.018 + 0.014 * cloudy(east * 0.35, 0.5, 0.5, 2, 0.01, world.seed + 40)
    hill += 0.010 * cloudy(east * 2.5, 0.5, 0.5, 4, 0.05, world.seed + 41)
    dark = 0.45 + 0.12 * cloudy(east * 4, y * 90, 0.5, 3, 0.05, world.seed + 42)
    far = (horizon[0] * dark * 0.75, horizon[1] * dark * 0.85, horizon[2] * dark * 0.8)
    return mixed(color, far, within(hill - y, 0.004))


@kernel
def stored(world, x, y, z, n):  # type: ignore[no-untyped-def]
    """Irradiance in a room on a surface with normal n near a point: six axes, trilinear between the probes."""
    grid, volume = world.grid, world.volume
    total0, total1, total2 = 0.0, 0.0, 0.0
    at = (x + 0.5 * n[0] * grid[1, 0], y + 0.5 * n[1] * grid[1, 1], z + 0.5 * n[2] * grid[1, 2])
    i, a = _cell(at[0], grid[0, 0], grid[1, 0], volume.shape[0])
    j, b = _cell(at[1], grid[0, 1], grid[1, 1], volume.shape[1])
    k, c = _cell(at[2], grid[0, 2], grid[1, 2], volume.shape[2])
    for corner in range(8):
        di, dj, dk = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (a if di else 1 - a) * (b if dj else 1 - b) * (c if dk else 1 - c)
        probe = volume[i + di, j + dj, k + dk]
        for axis in range(3):
            lobe = probe[2 * axis + (1 if n[axis] >= 0 else 0)]
            share = weight * n[axis] * n[axis]
            total0 += share * lobe[0]
            total1 += share * lobe[1]
            total2 += share * lobe[2]
    return total0, total1, total2


@kernel
def _cell(x, origin, spacing, count):  # type: ignore[no-untyped-def]
    at = min(max((x - origin) / spacing, 0.0), count - 1.001)
    cell = int(at)
    return cell, at - cell


@kernel
def _away(box, x, y, z):  # type: ignore[no-untyped-def]
    """Distance of a point from an object's box, negative inside it; 1 where it is beyond `_NEAR_M`."""
    a = max(box[0] - x, x - box[3])
    b = max(box[1] - y, y - box[4])
    c = max(box[2] - z, z - box[5])
    if max(a, b, c) > _NEAR_M:
        return 1.0
    outside = math.sqrt(max(a, 0.0) ** 2 + max(b, 0.0) ** 2 + max(c, 0.0) ** 2)
    return outside if outside > 0 else max(a, b, c)


@kernel
def _crevice(world, met, x, y, z, about):  # type: ignore[no-untyped-def]
    """Share of the even light that reaches corners of the room, what stands by the wall, and the depth of a shelf."""
    share = 1.0
    if met < 0:
        for axis, at in enumerate((x, y, z)):
            if (-1 - met) // 2 != axis:
                for side in range(2):
                    share *= 1 - 0.28 * math.exp(-abs(at - world.room[side, axis]) / 0.22)
        across = (-1 - met) // 2
        for n in about:
            box = world.objects[n]
            away = _away(box, x, y, z)
            if away < _NEAR_M:
                # A flat picture shades a finger's breadth of its wall, a cupboard a hand's.
                reach = min(0.5 * (box[3 + across] - box[across]), 0.1)
                share *= 1 - 0.5 * (math.exp(-max(away, 0.0) / reach) - math.exp(-_NEAR_M / reach))
        return share
    if world.prims[met, 12] > 0:
        box = world.objects[int(world.prims[met, 13])]
        share *= 0.25 + 0.75 * math.exp(_away(box, x, y, z) / world.prims[met, 12])
    return share * (1 - 0.4 * math.exp(-max(y - world.room[0, 1], 0.0) / 0.2))


@kernel
def _daylight(world, met, x, y, z, n):  # type: ignore[no-untyped-def]
    """Irradiance outdoors: sun where nothing shades it, sky from above, ground from below."""
    sun = world.sun
    facing = n[0] * sun[0, 0] + n[1] * sun[0, 1] + n[2] * sun[0, 2]
    leafy = met >= 0 and int(world.prims[met, 0]) == CROWN
    if leafy:
        facing = 0.25 + 0.75 * max(facing, 0.0)
    share = 0.0
    if facing > 0 and sun[1, 1] > 0:
        start = (x + 2e-3 * n[0], y + 2e-3 * n[1], z + 2e-3 * n[2])
        towards = (sun[0, 0], sun[0, 1], sun[0, 2])
        share = 0.0 if blocked(world, start, towards, 300.0) else facing
        share = max(share, 0.35 * facing) if leafy else share
    open_ = 0.5 + 0.5 * n[1]
    dark = 1.0 if met < 0 or leafy else 1 - 0.4 * math.exp(-max(y - world.room[0, 1], 0.0) / 0.5)
    if leafy:
        prim = world.prims[met]
        deep = ((x - prim[1]) / prim[4]) ** 2 + ((y - prim[2]) / prim[5]) ** 2 + ((z - prim[3]) / prim[6]) ** 2
        dark = 0.3 + 0.7 * min(max((deep - 0.2) / 0.8, 0.0), 1.0)
    up, down = world.sky[2], world.sky[3]
    return (
        share * sun[1, 0] + dark * (open_ * up[0] + (1 - open_) * down[0]),
        share * sun[1, 1] + dark * (open_ * up[1] + (1 - open_) * down[1]),
        share * sun[1, 2] + dark * (open_ * up[2] + (1 - open_) * down[2]),
    )


@kernel
def surface_of(world, met, x, y, z):  # type: ignore[no-untyped-def]
    """Normal, face coordinates, half sizes, row of the material and seed of what was met at a point."""
    if met >= 0:
        prim = world.prims[met]
        n0, n1, n2, u, v, hu, hv = normal_of(prim, x, y, z)
        return (n0, n1, n2), u, v, hu, hv, int(prim[9]), int(prim[10])
    face, room = -1 - met, world.room
    axis, inward = face // 2, 1.0 if face % 2 == 0 else -1.0
    middle = (room[0] + room[1]) / 2
    half = (room[1] - room[0]) / 2
    if axis == 0:
        return (inward, 0.0, 0.0), z - middle[2], y - middle[1], half[2], half[1], world.walls[face], world.seed
    if axis == 1:
        return (0.0, inward, 0.0), x - middle[0], z - middle[2], half[0], half[2], world.walls[face], world.seed
    return (0.0, 0.0, inward), x - middle[0], y - middle[1], half[0], half[1], world.walls[face], world.seed


@kernel
def plain_light(world, o, d, t, met, w, about):  # type: ignore[no-untyped-def]
    """Radiance towards the viewer of what a ray met, but for its gloss; then its normal and its gloss."""
    if met == NOTHING:
        return sky_of(world, d), (0.0, 1.0, 0.0), 0.0
    x, y, z = o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2]
    n, u, v, hu, hv, row, seed = surface_of(world, met, x, y, z)
    length = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    facing = abs(n[0] * d[0] + n[1] * d[1] + n[2] * d[2]) / length
    wide = w / max(math.sqrt(facing), 0.2)
    m = world.materials[row]
    r, g, b, er, eg, eb = painted(m, seed, u, v, hu, hv, wide, d[0], d[1], d[2])
    if world.indoors:
        arriving, share = stored(world, x, y, z, n), _crevice(world, met, x, y, z, about)
    else:
        arriving, share = _daylight(world, met, x, y, z, n), 1.0
    share /= math.pi
    color = (r * share * arriving[0] + er, g * share * arriving[1] + eg, b * share * arriving[2] + eb)
    if not world.indoors:
        horizon = (world.sky[1, 0], world.sky[1, 1], world.sky[1, 2])
        color = mixed(color, horizon, 1 - math.exp(-t * length / _HAZE_M))
    return color, n, m[11]


@kernel
def seen(world, o, d, t, met, w, about, everything):  # type: ignore[no-untyped-def]
    """Radiance towards the viewer of what a ray met, with one mirrored ray where the surface is glossy."""
    color, n, gloss = plain_light(world, o, d, t, met, w, about)
    length = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    cosine = -(n[0] * d[0] + n[1] * d[1] + n[2] * d[2]) / length
    share = gloss * (0.04 + 0.96 * (1 - min(max(cosine, 0.0), 1.0)) ** 5) - _DULL
    if share <= 0:
        return color
    p = (o[0] + t * d[0] + 1e-3 * n[0], o[1] + t * d[1] + 1e-3 * n[1], o[2] + t * d[2] + 1e-3 * n[2])
    turn = 2 * length * cosine
    q = ((d[0] + turn * n[0]) / length, (d[1] + turn * n[1]) / length, (d[2] + turn * n[2]) / length)
    s, other = nearest(world, p, q, 1e-3, np.array([0.0, w]), everything, len(everything))
    mirrored, _, _ = plain_light(world, p, q, s, other, 4 * w + 0.05, everything)
    return mixed(color, mirrored, share)


@kernel
def picture(world, origin, across, down, ahead, start, spread, everything, thorough):  # type: ignore[no-untyped-def]
    """Radiance (h, w, 3) float32 and 1 / depth (h, w) float32.

    One ray through the middle of a pixel where it is like its neighbours, the mean of four where it is not: textures
    are filtered to the width of a pixel by themselves, outlines are not.

    Args:
        world: as `World`.
        origin: (3, 3): the ray of (x, y) starts at origin[0] x + origin[1] y + origin[2].
        across, down: (2 w,) and (2 h,) x and y of the rays.
        ahead: (3, 3): the ray of (x, y) goes along ahead[0] x + ahead[1] y + ahead[2]; its parameter is the depth.
        start: depth from where anything is seen.
        spread: (2,) width of a pixel: what it grows by with depth, and what it is at depth 0.
        everything: numbers of all objects.
        thorough: four rays everywhere.
    """
    height, width = len(down) // 2, len(across) // 2
    rgb, inverse = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    met, tiles = np.full((height, width), NOTHING, np.int64), (width + 15) // 16
    lists = np.zeros((tiles * ((height + 15) // 16), len(everything)), np.int64)
    counts = np.zeros(len(lists), np.int64)
    for tile in range(len(lists)):
        r, c = tile // tiles * 16, tile % tiles * 16
        x, y = across[2 * c : 2 * (c + 16)], down[2 * r : 2 * (r + 16)]
        counts[tile] = _objects_in(world, origin, ahead, x[0], x[-1], y[0], y[-1], lists[tile])
    for r in range(height):
        for c in range(width):
            tile = r // 16 * tiles + c // 16
            a, b = (across[2 * c] + across[2 * c + 1]) / 2, (down[2 * r] + down[2 * r + 1]) / 2
            met[r, c], inverse[r, c] = _take(
                world, origin, ahead, a, b, start, spread, lists[tile, : counts[tile]], everything, rgb[r, c], 1.0
            )
    plain = rgb.copy()
    for r in range(height):
        for c in range(width):
            if not (thorough or _differs(plain, met, r, c, world.gain[3])):
                continue
            tile = r // 16 * tiles + c // 16
            rgb[r, c], inverse[r, c] = 0.0, 0.0
            for q in range(4):
                _, near = _take(
                    world, origin, ahead, across[2 * c + q % 2], down[2 * r + q // 2], start, spread / 2,
                    lists[tile, : counts[tile]], everything, rgb[r, c], 0.25,
                )  # fmt: skip
                inverse[r, c] += 0.25 * near
    return rgb, inverse


@kernel
def _take(world, origin, ahead, a, b, start, spread, chosen, everything, rgb, share):  # type: ignore[no-untyped-def]
    """Adds a share of what one ray sees to a pixel; gives what it met and 1 / its depth."""
    o = origin[0] * a + origin[1] * b + origin[2]
    d = ahead[0] * a + ahead[1] * b + ahead[2]
    eye, way = (o[0], o[1], o[2]), (d[0], d[1], d[2])
    t, met = nearest(world, eye, way, start, spread, chosen, len(chosen))
    color = seen(world, eye, way, t, met, spread[0] * t + spread[1], chosen, everything)
    for k in range(3):
        rgb[k] += share * min(color[k] * world.gain[k], world.gain[3])
    return met, (0.0 if met == NOTHING else 1.0 / t)


@kernel
def _differs(rgb, met, r, c, brightest):  # type: ignore[no-untyped-def]
    """Whether a pixel shows another thing, or a clearly other brightness, than one beside it."""
    for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        i, j = min(max(r + dr, 0), len(met) - 1), min(max(c + dc, 0), met.shape[1] - 1)
        if met[i, j] != met[r, c]:
            return True
        mine, other = rgb[r, c, 1], rgb[i, j, 1]
        if abs(mine - other) > 0.12 * (mine + other) + 0.001 * brightest:
            return True
    return False


@kernel
def _objects_in(world, origin, ahead, x0, x1, y0, y1, chosen):  # type: ignore[no-untyped-def]
    """Lists objects that rays of a tile may meet or that may dim what they meet, and gives how many.

    One whose ball, grown by `_NEAR_M`, lies wholly beyond a side of the tile's pyramid is not among them.
    """
    count = 0
    o, d = np.zeros((4, 3)), np.zeros((4, 3))
    for n, (x, y) in enumerate(((x0, y0), (x1, y0), (x1, y1), (x0, y1))):
        o[n] = origin[0] * x + origin[1] * y + origin[2]
        d[n] = ahead[0] * x + ahead[1] * y + ahead[2]
    center = d[0] + d[1] + d[2] + d[3] + (o[0] + o[1] + o[2] + o[3]) / 4
    for j in range(len(world.objects)):
        box = world.objects[j]
        middle, half = (box[:3] + box[3:6]) / 2, (box[3:6] - box[:3]) / 2
        radius, outside = math.sqrt((half * half).sum()) + _NEAR_M + 0.01, False
        for n in range(4):
            m = (n + 1) % 4
            side = np.cross(o[m] + d[m] - o[n] - d[n], d[n])
            size = math.sqrt((side * side).sum())
            inward = 1.0 if (side * (center - o[n])).sum() >= 0 else -1.0
            if size > 1e-15 and inward * (side * (middle - o[n])).sum() < -radius * size:
                outside = True
        if not outside:
            chosen[count] = j
            count += 1
    return count
