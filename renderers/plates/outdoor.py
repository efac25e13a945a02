"""Streets, parks and gardens under a sun and a sky: house fronts, trees, hedges, lawns, paths and lamps.

The person stands at the origin on the ground; every piece is drawn from one generator.
"""

import math

import numpy as np

from renderers.plates.cast import CROWN, CYLINDER, ELLIPSOID
from renderers.plates.indoor import soft_color
from renderers.plates.paint import BRICK, FACADE, GRASS, LEAVES, PAVING, PLANKS, TILES
from renderers.plates.world import Builder, World

_FAR_M = 400.0


def place(rng: np.random.Generator, sun_azimuth_rad: float) -> tuple[World, np.ndarray]:
    """A place outdoors, lit.

    Args:
        rng: decides everything.
        sun_azimuth_rad: where the sun stands, from +Z towards +X of the world.

    Returns:
        the world, and the mean irradiance (3,) that six axes receive at the person.
    """
    b = Builder(rng)
    eye = rng.uniform(1.45, 1.7)
    layout = (_street, _park, _garden, _square)[int(rng.choice(4, p=[0.34, 0.3, 0.2, 0.16]))]
    ground = layout(b, -eye)
    low, high = np.array([-_FAR_M, -eye, -_FAR_M]), np.array([_FAR_M, 150.0, _FAR_M])
    world = b.world(np.stack([low, high]), [-1, -1, ground, -1, -1, -1], int(rng.integers(1 << 20)), indoors=False)
    return _lit(world, rng, sun_azimuth_rad)


def _lit(world: World, rng: np.random.Generator, azimuth: float) -> tuple[World, np.ndarray]:
    """Sun and sky: clear, hazy or overcast, higher or lower."""
    cloudy, elevation = rng.uniform(0.0, 1.0), math.radians(rng.uniform(14, 62))
    low = math.exp(-math.degrees(elevation) / 18)
    sun = np.array([1.0, 0.92 - 0.22 * low, 0.82 - 0.42 * low]) * 3.0 * max(1.0 - 1.25 * max(cloudy - 0.25, 0.0), 0.0)
    zenith = np.array([0.10, 0.19, 0.40]) * (1 - cloudy) + np.array([0.50, 0.52, 0.55]) * cloudy
    horizon = np.array([0.44, 0.49, 0.55]) * (1 - 0.2 * low) + np.array([0.12, 0.02, -0.1]) * low
    up = math.pi * (0.45 * zenith + 0.55 * horizon)
    down = 0.16 * (up + sun * math.sin(elevation)) * np.array([1.0, 0.95, 0.85])
    towards = [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
    sky = np.stack([zenith, horizon, up, down, np.full(3, 0.9 * cloudy - 0.25)])
    six = (np.abs(towards).sum() * sun + 2 * (up + down) + up + down) / 6
    return world._replace(sun=np.stack([np.array(towards), sun]), sky=sky), six


def _houses(b: Builder, ground: float, z: float, span: tuple[float, float], turn_rad: float = 0.0) -> None:
    """A row of house fronts along x, each of its own height, colour and windows."""
    rng, at = b.rng, span[0]
    while at < span[1]:
        wide, storeys, storey = rng.uniform(6, 14), int(rng.integers(2, 6)), rng.uniform(2.9, 3.8)
        high, deep = storeys * storey + rng.uniform(0.3, 1.0), 5.0
        wall = (0.30, 0.14, 0.09) if rng.random() < 0.2 else soft_color(rng, 0.16, 0.6, 0.22)
        trim = soft_color(rng, 0.35, 0.75, 0.08)
        front = b.material(wall, FACADE, trim, (storey, wide / max(round(wide / rng.uniform(2.0, 3.2)), 1)))
        back = z - deep - rng.uniform(0.0, 0.5)
        b.add((at + wide / 2, ground + high / 2, back), (wide / 2, high / 2, deep), front, turn_rad)
        roof = b.material(soft_color(rng, 0.06, 0.2, 0.4), PAVING, (0.05, 0.05, 0.05), (0.3, 0.25))
        b.add((at + wide / 2, ground + high + 0.15, back), (wide / 2 + 0.15, 0.15, deep + 0.3), roof, turn_rad)
        if rng.random() < 0.4:
            cloth = b.material(soft_color(rng, 0.1, 0.5, 1.0))
            b.add((at + wide / 2, ground + 2.7, back + deep + 0.5), (wide * 0.3, 0.12, 0.5), cloth, turn_rad)
        at += wide + (rng.uniform(1.0, 4.0) if rng.random() < 0.15 else 0.0)


def tree(b: Builder, x: float, ground: float, z: float, tall: float) -> None:
    """A trunk, and a crown of several lobes of leaves."""
    rng = b.rng
    bark = b.material((0.10, 0.075, 0.055), GRASS, (0.17, 0.14, 0.11))
    green = (rng.uniform(0.05, 0.10), rng.uniform(0.10, 0.16), rng.uniform(0.025, 0.05))
    if rng.random() < 0.12:
        green = (rng.uniform(0.25, 0.4), rng.uniform(0.13, 0.2), 0.03)
    leaf_m = rng.uniform(0.07, 0.12)
    leaf = b.material(green, LEAVES, (green[0] * 1.9, green[1] * 1.5, green[2] * 1.6), (leaf_m, 1.0))
    girth, bare = tall * rng.uniform(0.016, 0.026), tall * rng.uniform(0.26, 0.4)
    first = len(b.objects)
    b.add((x, ground + tall * 0.35, z), (girth, tall * 0.35, girth), bark, 0.0, CYLINDER)
    radius = 0.5 * (tall - bare)
    for _ in range(int(rng.integers(7, 12))):
        r = radius * rng.uniform(0.32, 0.66)
        offset = np.clip(rng.normal(size=3), -1.4, 1.4) * radius * np.array([0.5, 0.42, 0.5])
        middle = (x + float(offset[0]), ground + bare + radius + float(offset[1]), z + float(offset[2]))
        b.add(middle, (r, r * rng.uniform(0.65, 0.95), r), leaf, 0.0, CROWN, leaf_m)
    b.together(first)


def _hedge(b: Builder, span: tuple[float, float], ground: float, z: float, high: float) -> None:
    """A row of bushes grown together."""
    rng = b.rng
    green = (rng.uniform(0.035, 0.07), rng.uniform(0.08, 0.12), rng.uniform(0.02, 0.04))
    leaf_m = rng.uniform(0.05, 0.09)
    leaf = b.material(green, LEAVES, (green[0] * 2, green[1] * 1.6, green[2] * 1.6), (leaf_m, 1.0))
    dark = b.material((green[0] * 0.4, green[1] * 0.4, green[2] * 0.4), LEAVES, green, (leaf_m, 1.0))
    b.add(((span[0] + span[1]) / 2, ground + 0.42 * high, z), ((span[1] - span[0]) / 2, 0.42 * high, 0.2), dark)
    at = span[0]
    while at < span[1]:
        r = high * rng.uniform(0.5, 0.62)
        b.add((at, ground + high * 0.5, z + rng.normal() * 0.05), (r * 0.9, r, 0.45), leaf, 0.0, CROWN, leaf_m)
        at += r * rng.uniform(0.8, 1.2)


def _street_lamp(b: Builder, x: float, ground: float, z: float) -> None:
    metal = b.material((0.06, 0.07, 0.07), gloss=0.4)
    glass = b.material((0.75, 0.74, 0.7), gloss=0.4)
    b.add((x, ground + 2.0, z), (0.05, 2.0, 0.05), metal, 0.0, CYLINDER)
    b.add((x, ground + 4.1, z), (0.16, 0.2, 0.16), glass, 0.0, ELLIPSOID)
    b.add((x, ground + 4.32, z), (0.2, 0.05, 0.2), metal, 0.0, CYLINDER)


def _car(b: Builder, x: float, ground: float, z: float) -> None:
    """A parked car, side on: body, cabin with dark glass, wheels."""
    rng = b.rng
    paint = b.material(soft_color(rng, 0.03, 0.6, 0.9), gloss=0.9, rough=0.0)
    glass, tyre = b.material((0.03, 0.035, 0.04), gloss=1.0, rough=0.0), b.material((0.025, 0.025, 0.025))
    first = len(b.objects)
    b.add((x, ground + 0.56, z), (2.12, 0.27, 0.84), paint)
    b.add((x, ground + 0.84, z), (1.95, 0.10, 0.78), paint, 0.0, ELLIPSOID)
    b.add((x - 0.15, ground + 1.08, z), (1.12, 0.26, 0.72), glass)
    for pillar in (-1.2, -0.2, 0.9):
        b.add((x + pillar, ground + 1.08, z), (0.05, 0.27, 0.73), paint)
    b.add((x - 0.15, ground + 1.37, z), (1.10, 0.05, 0.71), paint)
    for wheel in (-1.3, 1.3):
        b.add((x + wheel, ground + 0.32, z), (0.32, 0.32, 0.84), tyre, 0.0, ELLIPSOID)
    b.together(first)


def _paving(b: Builder) -> int:
    stone = soft_color(b.rng, 0.16, 0.42, 0.15)
    joint = (stone[0] * 0.55, stone[1] * 0.55, stone[2] * 0.55)
    side = b.rng.uniform(0.12, 0.6)
    return b.material(stone, PAVING if b.rng.random() < 0.6 else TILES, joint, (side, side * b.rng.uniform(0.5, 1.0)))


def _lawn(b: Builder) -> int:
    green = (b.rng.uniform(0.07, 0.11), b.rng.uniform(0.12, 0.16), 0.04)
    return b.material(green, GRASS, (green[0] * 1.9, green[1] * 1.3, 0.08))


def _strip(b: Builder, ground: float, near_z: float, far_z: float, material: int, rise_m: float) -> None:
    """A band of ground across the view."""
    middle = (0.0, ground + rise_m / 2, -(near_z + far_z) / 2)
    b.add(middle, (90.0, rise_m / 2, (far_z - near_z) / 2), material)


def _street(b: Builder, ground: float) -> int:
    """Pavement, a road with parked cars, trees or lamps, house fronts on the other side, perhaps a corner."""
    rng = b.rng
    near, road = rng.uniform(1.5, 4.0), rng.uniform(5.0, 9.0)
    asphalt = b.material(soft_color(rng, 0.06, 0.13, 0.08), rough=0.14)
    _strip(b, ground, near, near + road, asphalt, 0.004)
    houses = near + road + rng.uniform(2.0, 4.0)
    _houses(b, ground, -houses, (-46.0, 46.0))
    for side in (-1.0, 1.0):
        if rng.random() < 0.5:
            x, high = side * rng.uniform(4.0, 12.0), rng.uniform(6.0, 14.0)
            front = b.material(soft_color(rng, 0.2, 0.6, 0.4), FACADE, soft_color(rng, 0.35, 0.7, 0.1), (3.3, 2.6))
            b.add((x + side * 4, ground + high / 2, -rng.uniform(3.0, 8.0) - 5), (4.0, high / 2, 5.0), front)
    at = rng.uniform(-30, -22)
    while at < 30:
        kind = rng.random()
        if kind < 0.35:
            tree(b, at, ground, -(near + road + 0.7), rng.uniform(5, 9))
        elif kind < 0.5:
            _street_lamp(b, at, ground, -(near + road + 0.5))
        if rng.random() < 0.45:
            _car(b, at, ground, -(near + road - 1.0))
        at += rng.uniform(4.6, 7.5)
    return _paving(b)


def _park(b: Builder, ground: float) -> int:
    """A lawn with trees near and far, a path, a wood or houses at its end."""
    rng = b.rng
    _strip(b, ground, near := rng.uniform(2.0, 9.0), near + rng.uniform(1.2, 3.0), _paving(b), 0.005)
    for _ in range(int(rng.integers(9, 18))):
        z = -(3.5 + 32 * rng.random() ** 0.8)
        tree(b, rng.uniform(-0.75, 0.75) * (6 - z), ground, z, rng.uniform(4.5, 11))
    if rng.random() < 0.5:
        _houses(b, ground, -rng.uniform(40, 60), (-60.0, 60.0))
    for x in np.arange(-50, 51, 5.5):
        tree(b, float(x + rng.normal()), ground, -rng.uniform(36, 44), rng.uniform(7, 13))
    if rng.random() < 0.4:
        _street_lamp(b, rng.uniform(-3, 3), ground, -near - rng.uniform(0.0, 4.0))
    return _lawn(b)


def _garden(b: Builder, ground: float) -> int:
    """A lawn closed by a hedge, a wall or a fence; trees and a house look over it."""
    rng = b.rng
    z = -rng.uniform(2.2, 9.0)
    kind = rng.random()
    if kind < 0.45:
        _hedge(b, (-14.0, 14.0), ground, z, rng.uniform(1.3, 2.3))
    elif kind < 0.75:
        brick = b.material((0.30, 0.13, 0.085), BRICK, (0.42, 0.40, 0.36))
        high = rng.uniform(1.4, 2.4)
        b.add((0.0, ground + high / 2, z), (16.0, high / 2, 0.12), brick)
        b.add((0.0, ground + high + 0.04, z), (16.0, 0.04, 0.18), _paving(b))
    else:
        tone = rng.uniform(0.1, 0.35)
        wood = b.material((tone, tone * 0.75, tone * 0.55), PLANKS, (tone * 1.3, tone, tone * 0.75), (0.12, 1.0))
        b.add((0.0, ground + 0.9, z), (16.0, 0.9, 0.02), wood)
    for _ in range(int(rng.integers(3, 8))):
        tree(b, rng.uniform(-10, 10), ground, z - rng.uniform(1.5, 12), rng.uniform(4, 9))
    if rng.random() < 0.6:
        _houses(b, ground, z - rng.uniform(8, 18), (-24.0, 24.0))
    for _ in range(int(rng.integers(0, 5))):
        x = rng.uniform(-6, 6)
        _hedge(b, (x, x + rng.uniform(0.3, 1.5)), ground, z + 0.7, rng.uniform(0.5, 1.0))
    return _lawn(b)


def _square(b: Builder, ground: float) -> int:
    """A paved square with houses on three sides, planters, lamps and a few trees."""
    rng = b.rng
    depth = rng.uniform(9, 26)
    _houses(b, ground, -depth, (-40.0, 40.0))
    for _ in range(int(rng.integers(2, 6))):
        x, z = rng.uniform(-9, 9), -rng.uniform(3.5, depth - 1.5)
        if rng.random() < 0.5:
            tree(b, x, ground, z, rng.uniform(3.5, 7))
        else:
            _street_lamp(b, x, ground, z)
    for _ in range(int(rng.integers(1, 4))):
        x, z = rng.uniform(-5, 5), -rng.uniform(2.2, 6)
        pot = b.material(soft_color(rng, 0.1, 0.4, 0.3))
        b.add((x, ground + 0.25, z), (0.6, 0.25, 0.3), pot)
        _hedge(b, (x - 0.5, x + 0.5), ground + 0.45, z, rng.uniform(0.4, 0.8))
    return _paving(b)
