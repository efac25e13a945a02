"""Rooms: walls, floor and ceiling, what stands along the walls, windows and lamps.

The person is at the origin, 1.2 m to 1.65 m above the floor; every piece is drawn from one generator.
"""

import math
from collections.abc import Callable

import numpy as np

from renderers.plates.cast import CROWN, CYLINDER, ELLIPSOID
from renderers.plates.paint import (
    CLOTH,
    CURTAIN,
    DOOR,
    FRONTS,
    GLOW,
    MOTIF,
    PICTURE,
    PLANKS,
    SPINE,
    STRIPES,
    TILES,
    WINDOW,
)
from renderers.plates.wall import Wall, walls_of
from renderers.plates.world import Builder, Color, Emitter, World

DAYLIGHT = 5.0
"""Radiance of what windows show over that of a lit wall, roughly; an eye adapted to the room sees it burnt out."""


def room(rng: np.random.Generator, window_side: float) -> tuple[World, list[Emitter]]:
    """A furnished room, unlit.

    Args:
        rng: decides everything.
        window_side: where the person's light comes from: -1 from -X, +1 from +X, 0 from the front; a window is there.

    Returns:
        the world and what shines in it.
    """
    b = Builder(rng)
    low = np.array([-rng.uniform(1.5, 3.4), -rng.uniform(1.2, 1.65), -(0.9 + 3.6 * rng.random() ** 1.3)])
    high = np.array([rng.uniform(1.5, 3.4), low[1] + rng.uniform(2.45, 3.1), rng.uniform(1.8, 3.5)])
    walls = _faces(b)
    left, right, behind, front = walls_of(low, high)
    _trim(b, (left, right, behind))
    light = {-1.0: left, 1.0: right}.get(window_side, front)
    for wall in (left, right, behind, front):
        _furnish(b, wall, must_have_window=wall is light, sparse=wall is front)
    _free_standing(b, low, high)
    _ceiling_light(b, low, high)
    return b.world(np.stack([low, high]), walls, int(rng.integers(1 << 20)), indoors=True), b.emitters


def soft_color(rng: np.random.Generator, low: float, high: float, strength: float) -> Color:
    """A colour of a brightness within bounds and of any hue, greyish as paint and cloth mostly are."""
    level, hue, depth = rng.uniform(low, high), rng.uniform(0, 2 * math.pi), 0.8 * strength * rng.random() ** 2
    warm = 0.06 + 0.25 * strength * rng.random()
    r, g, b = (level * (1 + depth * math.cos(hue + turn)) for turn in (0.0, -2.1, 2.1))
    return min(r * (1 + warm), 0.9), min(g, 0.9), min(b * (1 - warm), 0.9)


def _wood(b: Builder, dark: float | None = None) -> tuple[Color, Color]:
    tone = b.rng.uniform(0.05, 0.5) if dark is None else dark
    light = (tone, tone * b.rng.uniform(0.62, 0.8), tone * b.rng.uniform(0.35, 0.58))
    return (light[0] * 0.72, light[1] * 0.68, light[2] * 0.62), light


def _wooden(b: Builder, board_m: float = 0.4, gloss: float = 0.15) -> int:
    dark, light = _wood(b)
    return b.material(dark, PLANKS, light, (board_m, 1.0), gloss=gloss)


def _faces(b: Builder) -> list[int]:
    """Materials of the room's six faces."""
    rng = b.rng
    paint = soft_color(rng, 0.35, 0.78, 0.12) if rng.random() < 0.7 else soft_color(rng, 0.08, 0.4, 0.45)
    main = b.material(paint, rough=0.025)
    accent, chance = main, rng.random()
    if chance < 0.18:
        second = soft_color(rng, 0.3, 0.75, 0.25)
        pattern = STRIPES if rng.random() < 0.4 else MOTIF
        accent = b.material(paint, pattern, second, (rng.uniform(0.05, 0.22), 1.0))
    elif chance < 0.26:
        accent = b.material((0.32, 0.13, 0.08), 4, (0.42, 0.40, 0.37))
    elif chance < 0.34:
        dark, light = _wood(b)
        accent = b.material(dark, PLANKS, light, (rng.uniform(0.09, 0.2), 1.0), gloss=0.2)
    elif chance < 0.5:
        accent = b.material(soft_color(rng, 0.08, 0.5, 0.6), rough=0.03)
    white = b.material((0.8, 0.79, 0.77), rough=0.015)
    return [main, main, _floor(b), white, accent, main]


def _floor(b: Builder) -> int:
    rng = b.rng
    kind = rng.random()
    if kind < 0.55:
        dark, light = _wood(b)
        return b.material(dark, PLANKS, light, (rng.uniform(0.07, 0.2), 1.0), gloss=rng.uniform(0.2, 0.6))
    if kind < 0.75:
        tile = soft_color(rng, 0.2, 0.6, 0.15)
        side = rng.uniform(0.2, 0.6)
        return b.material(tile, TILES, (tile[0] * 0.6, tile[1] * 0.6, tile[2] * 0.6), (side, side), gloss=0.7)
    return b.material(soft_color(rng, 0.12, 0.45, 0.3), CLOTH)


def _trim(b: Builder, walls: tuple[Wall, ...]) -> None:
    """Skirting boards, sometimes a cornice and a dado rail."""
    white = b.material((0.72, 0.71, 0.69), gloss=0.15)
    height = b.rng.uniform(0.06, 0.14)
    cornice, rail = b.rng.random() < 0.35, b.rng.random() < 0.15
    for wall in walls:
        half = wall.width_m / 2
        wall.box(b, (0.0, height / 2, 0.008), (half, height / 2, 0.008), white)
        if cornice:
            wall.box(b, (0.0, wall.height_m - 0.05, 0.03), (half, 0.05, 0.03), white)
        if rail:
            wall.box(b, (0.0, 0.95, 0.012), (half, 0.03, 0.012), white)


def _furnish(b: Builder, wall: Wall, must_have_window: bool, sparse: bool) -> None:
    """Pieces side by side along a wall, with air between them."""
    at, rng = -wall.width_m / 2 + 0.15, b.rng
    placed = False
    while at < wall.width_m / 2 - 0.6:
        wanted = must_have_window and not placed and (at > -0.9 or wall.width_m < 2.4)
        chance = 0.0 if wanted else rng.random()
        piece, width = _WINDOW if wanted else _PIECES[int(chance * len(_PIECES))]
        wide = min(rng.uniform(*width), wall.width_m / 2 - 0.1 - at)
        if wide >= width[0] and not (sparse and not wanted and rng.random() < 0.6):
            piece(b, wall, at + wide / 2, wide)
            placed |= wanted or piece is _window
        at += max(wide, 0.3) + rng.uniform(0.08, 0.6)


def _window(b: Builder, wall: Wall, x: float, wide: float) -> None:
    """Glass, a frame around it, a sill, often curtains; daylight comes through it."""
    rng = b.rng
    high, foot = rng.uniform(1.1, 1.5), rng.uniform(0.75, 0.95)
    if rng.random() < 0.2:
        high, foot = 2.1, 0.06
    high = min(high, wall.height_m - foot - 0.2)
    white = b.material((0.76, 0.75, 0.73), gloss=0.2)
    glow = DAYLIGHT * rng.uniform(0.6, 1.2)
    panes = (float(rng.integers(1, 4)), float(rng.integers(1, 3)))
    pane = b.material((0.72, 0.71, 0.69), WINDOW, sizes=panes, glow=glow)
    middle = foot + high / 2
    wall.box(b, (x, middle, 0.006), (wide / 2, high / 2, 0.004), pane)
    for side in (-1.0, 1.0):
        wall.box(b, (x + side * (wide / 2 + 0.03), middle, 0.025), (0.035, high / 2 + 0.06, 0.025), white)
        wall.box(b, (x, middle + side * (high / 2 + 0.03), 0.025), (wide / 2, 0.035, 0.025), white)
    wall.box(b, (x, foot - 0.05, 0.09), (wide / 2 + 0.1, 0.018, 0.09), white)
    b.emitters.append(wall.emitter((x, middle, 0.06), (wide / 2, high / 2), 1.2 * glow * np.array([0.86, 0.95, 1.0])))
    if rng.random() < 0.6:
        _curtains(b, wall, x, wide, foot + high)
    elif rng.random() < 0.4:
        slat = b.material((0.7, 0.69, 0.66))
        first = len(b.objects)
        for n in range(int(high * rng.uniform(0.3, 0.9) / 0.05)):
            wall.box(b, (x, foot + high - 0.03 - 0.05 * n, 0.07), (wide / 2, 0.003, 0.022), slat)
        b.together(first)


def _curtains(b: Builder, wall: Wall, x: float, wide: float, top: float) -> None:
    rng = b.rng
    color = soft_color(rng, 0.15, 0.7, 0.5)
    cloth = b.material(color, CURTAIN, sizes=(rng.uniform(0.012, 0.03), 1.0), glow=rng.uniform(0.0, 0.25))
    part, foot = rng.uniform(0.2, 0.42), 0.03 if rng.random() < 0.7 else 0.8
    for side in (-1.0, 1.0):
        half = wide * part / 2
        place = (x + side * (wide / 2 + 0.12 - half * 0.6), (top + 0.12 + foot) / 2, 0.11)
        wall.box(b, place, (half, (top + 0.12 - foot) / 2, 0.03), cloth)
    wall.box(b, (x, top + 0.14, 0.11), (wide / 2 + 0.3, 0.012, 0.012), b.material((0.2, 0.18, 0.16), gloss=0.4))


def _door(b: Builder, wall: Wall, x: float, wide: float) -> None:
    color = soft_color(b.rng, 0.55, 0.8, 0.1) if b.rng.random() < 0.6 else _wood(b)[1]
    leaf, frame = b.material(color, DOOR, gloss=0.25), b.material((0.74, 0.73, 0.71), gloss=0.2)
    half = min(wide, 0.9) / 2
    wall.box(b, (x, 1.01, 0.012), (half, 1.01, 0.012), leaf)
    for side in (-1.0, 1.0):
        wall.box(b, (x + side * (half + 0.04), 1.04, 0.02), (0.045, 1.04, 0.02), frame)
    wall.box(b, (x, 2.07, 0.02), (half + 0.085, 0.045, 0.02), frame)


def _pictures(b: Builder, wall: Wall, x: float, wide: float) -> None:
    """One large picture or a few small ones, eye-high."""
    rng = b.rng
    count = int(rng.integers(1, 4)) if wide > 0.8 else 1
    frame = b.material(soft_color(rng, 0.02, 0.5, 0.2), gloss=0.3)
    for n in range(count):
        half = wide / count * rng.uniform(0.3, 0.42)
        tall = half * rng.uniform(0.7, 1.4)
        place = x + (n - (count - 1) / 2) * wide / count
        up = 1.5 + rng.uniform(-0.08, 0.2)
        print_ = b.material(soft_color(rng, 0.1, 0.6, 0.7), PICTURE, soft_color(rng, 0.05, 0.4, 0.7), gloss=0.1)
        wall.box(b, (place, up, 0.010), (half + 0.02, tall + 0.02, 0.010), frame)
        wall.box(b, (place, up, 0.018), (half, tall, 0.004), print_)


def _shelf(b: Builder, wall: Wall, x: float, wide: float) -> None:
    """A bookcase: boards, a back, and rows of books with gaps and things between them."""
    rng = b.rng
    deep, tall = rng.uniform(0.24, 0.34), min(rng.uniform(1.0, 2.2), wall.height_m - 0.2)
    wood = _wooden(b, 0.6)
    rows = max(round(tall / rng.uniform(0.3, 0.38)), 2)
    step = tall / rows
    wall.box(b, (x, tall / 2, 0.008), (wide / 2, tall / 2, 0.008), wood)
    for side in (-1.0, 1.0):
        wall.box(b, (x + side * wide / 2, tall / 2, deep / 2), (0.011, tall / 2, deep / 2), wood)
    for row in range(rows + 1):
        wall.box(b, (x, row * step, deep / 2), (wide / 2, 0.011, deep / 2), wood)
    covers = [b.material(soft_color(rng, 0.03, 0.5, 0.75), SPINE, soft_color(rng, 0.1, 0.7, 0.6)) for _ in range(9)]
    for row in range(rows):
        if rng.random() < 0.88:
            _books(
                b, wall, (x - wide / 2 + 0.015, x + wide / 2 - 0.015), row * step + 0.011, step - 0.022, deep, covers
            )
    if rng.random() < 0.5:
        _vase(b, wall, x + rng.uniform(-0.3, 0.3) * wide, tall, deep / 2)


def _books(
    b: Builder, wall: Wall, span: tuple[float, float], foot: float, room_m: float, deep: float, covers: list[int]
) -> None:
    rng, first, at = b.rng, len(b.objects), span[0]
    usual = rng.uniform(0.62, 0.85) * room_m
    while at < span[1] - 0.02:
        thick = rng.uniform(0.012, 0.045)
        if rng.random() < 0.05:
            at += rng.uniform(0.03, 0.2)
            continue
        tall = min(usual * rng.uniform(0.82, 1.12), room_m)
        front = deep - rng.uniform(0.02, 0.06)
        if at + thick < span[1]:
            place = (at + thick / 2, foot + tall / 2, front / 2 + 0.02)
            cover = covers[int(rng.integers(len(covers)))]
            wall.box(b, place, (thick / 2 - 0.0006, tall / 2, front / 2 - 0.02), cover, nook_m=0.09)
        at += thick
    b.together(first)


def _vase(b: Builder, wall: Wall, x: float, foot: float, out: float) -> None:
    color = b.material(soft_color(b.rng, 0.05, 0.7, 0.45), gloss=0.5)
    size = b.rng.uniform(0.05, 0.1)
    wall.box(b, (x, foot + size * 1.3, out), (size, size * 1.3, size), color, shape=ELLIPSOID)


def _cabinet(b: Builder, wall: Wall, x: float, wide: float) -> None:
    """A sideboard with a lamp, a plant or a vase on it, and perhaps a picture above."""
    rng = b.rng
    tall, deep = rng.uniform(0.6, 0.95), rng.uniform(0.35, 0.5)
    dark, light = _wood(b)
    color = light if rng.random() < 0.6 else soft_color(rng, 0.3, 0.75, 0.2)
    doors = wide / max(round(wide / 0.5), 1)
    front = b.material(color, FRONTS, sizes=(doors, tall if rng.random() < 0.5 else tall / 3), gloss=0.2)
    wall.box(b, (x, tall / 2, deep / 2), (wide / 2, tall / 2, deep / 2), front)
    wall.box(b, (x, tall + 0.012, deep / 2), (wide / 2 + 0.01, 0.012, deep / 2 + 0.01), b.material(dark, gloss=0.4))
    for place in (-0.3, 0.32):
        thing = rng.random()
        if thing < 0.35:
            _lamp(b, wall, x + place * wide, tall + 0.024, deep / 2, 0.45)
        elif thing < 0.6:
            _plant(b, wall, x + place * wide, tall + 0.024, deep / 2, rng.uniform(0.3, 0.5))
        elif thing < 0.85:
            _vase(b, wall, x + place * wide, tall + 0.024, deep / 2)
    if rng.random() < 0.5:
        _pictures(b, wall, x, wide * 0.8)


def _lamp(b: Builder, wall: Wall, x: float, foot: float, out: float, tall: float) -> None:
    """A foot, a stem and a shade of cloth that glows."""
    rng = b.rng
    metal = b.material(soft_color(rng, 0.03, 0.5, 0.2), gloss=0.6)
    size = rng.uniform(0.11, 0.17)
    lit = rng.uniform(1.2, 3.5) if rng.random() < 0.75 else 0.0
    warm = (1.0, rng.uniform(0.66, 0.8), rng.uniform(0.34, 0.55))
    shade = b.material(warm, GLOW, glow=lit) if lit else b.material((0.62, 0.58, 0.5), CLOTH)
    wall.box(b, (x, foot + 0.012, out), (0.09, 0.012, 0.09), metal, shape=CYLINDER)
    wall.box(b, (x, foot + tall / 2, out), (0.012, tall / 2, 0.012), metal, shape=CYLINDER)
    wall.box(b, (x, foot + tall, out), (size, size * 0.8, size), shade, shape=CYLINDER)
    if lit:
        b.emitters.append(wall.emitter((x, foot + tall, out + size + 0.02), (size, size * 0.8), lit * np.array(warm)))


def _plant(b: Builder, wall: Wall, x: float, foot: float, out: float, tall: float) -> None:
    """A pot and a few tufts of leaves."""
    rng = b.rng
    pot = b.material(soft_color(rng, 0.1, 0.7, 0.5), gloss=0.2)
    size = 0.22 * tall
    wall.box(b, (x, foot + size * 0.8, out), (size * 0.75, size * 0.8, size * 0.75), pot, shape=CYLINDER)
    green = (rng.uniform(0.03, 0.09), rng.uniform(0.12, 0.22), rng.uniform(0.02, 0.06))
    leaf = b.material(green, 8, (green[0] * 2.2, green[1] * 1.5, green[2] * 1.5), (0.06, 1.0))
    for _ in range(int(rng.integers(3, 6))):
        r = tall * rng.uniform(0.2, 0.34)
        place = (
            x + rng.normal() * tall * 0.14,
            foot + size * 1.6 + rng.uniform(0.3, 0.75) * tall,
            out + rng.normal() * tall * 0.1,
        )
        wall.box(b, place, (r, r * rng.uniform(0.8, 1.5), r), leaf, shape=CROWN, leaf_m=rng.uniform(0.04, 0.08))


def _tall_plant(b: Builder, wall: Wall, x: float, wide: float) -> None:
    _plant(b, wall, x, 0.0, 0.4, b.rng.uniform(0.9, 1.5))


def _floor_lamp(b: Builder, wall: Wall, x: float, wide: float) -> None:
    _lamp(b, wall, x, 0.0, 0.35, b.rng.uniform(1.35, 1.65))


def _sofa(b: Builder, wall: Wall, x: float, wide: float) -> None:
    """Seat, back, arms and cushions; a picture above it as often as not."""
    rng = b.rng
    cloth = b.material(soft_color(rng, 0.06, 0.5, 0.5), CLOTH)
    half = wide / 2
    wall.box(b, (x, 0.24, 0.5), (half, 0.18, 0.42), cloth)
    wall.box(b, (x, 0.60, 0.17), (half, 0.24, 0.11), cloth)
    for side in (-1.0, 1.0):
        wall.box(b, (x + side * (half - 0.09), 0.44, 0.48), (0.09, 0.16, 0.42), cloth)
    for _ in range(int(rng.integers(1, 4))):
        cushion = b.material(soft_color(rng, 0.1, 0.65, 0.5), CLOTH)
        wall.box(b, (x + rng.uniform(-0.6, 0.6) * half, 0.58, 0.34), (0.21, 0.18, 0.09), cushion, shape=ELLIPSOID)
    if rng.random() < 0.6:
        _pictures(b, wall, x, wide * 0.7)


def _kitchen(b: Builder, wall: Wall, x: float, wide: float) -> None:
    """Base units, a worktop, tiles behind it, wall units and a few things that stand about."""
    rng = b.rng
    color = soft_color(rng, 0.3, 0.78, 0.2)
    door = wide / max(round(wide / 0.55), 1)
    base = b.material(color, FRONTS, sizes=(door, 0.84), gloss=0.3)
    high = b.material(color, FRONTS, sizes=(door, 0.7), gloss=0.3)
    tile = b.material(soft_color(rng, 0.4, 0.8, 0.3), TILES, (0.45, 0.44, 0.42), (0.15, 0.075), gloss=0.5)
    wall.box(b, (x, 0.43, 0.3), (wide / 2, 0.43, 0.3), base)
    wall.box(b, (x, 0.88, 0.31), (wide / 2 + 0.01, 0.02, 0.31), _wooden(b, 0.3, 0.3))
    wall.box(b, (x, 1.15, 0.006), (wide / 2, 0.25, 0.006), tile)
    if rng.random() < 0.7:
        wall.box(b, (x, 1.75, 0.17), (wide / 2, 0.35, 0.17), high)
    for _ in range(int(rng.integers(2, 6))):
        _vase(b, wall, x + rng.uniform(-0.42, 0.42) * wide, 0.9, 0.2)


_WINDOW: tuple[Callable[[Builder, Wall, float, float], None], tuple[float, float]] = (_window, (0.9, 1.8))
_PIECES: tuple[tuple[Callable[[Builder, Wall, float, float], None], tuple[float, float]], ...] = (
    _WINDOW, _WINDOW, (_door, (0.9, 1.0)), (_pictures, (0.5, 1.5)), (_pictures, (0.5, 1.5)), (_shelf, (0.7, 1.5)),
    (_shelf, (0.8, 1.8)), (_cabinet, (0.8, 1.8)), (_cabinet, (0.8, 1.8)), (_tall_plant, (0.6, 0.8)),
    (_floor_lamp, (0.5, 0.6)), (_sofa, (1.5, 2.2)), (_kitchen, (1.6, 2.8)),
)  # fmt: skip


def _free_standing(b: Builder, low: np.ndarray, high: np.ndarray) -> None:
    """Sometimes a table with chairs in the room behind the person, never nearer to him than 70 cm."""
    rng = b.rng
    if low[2] > -2.2 or rng.random() < 0.45:
        return
    x, z = rng.uniform(low[0] + 0.8, high[0] - 0.8), rng.uniform(low[2] + 0.9, -1.3)
    wood, floor, turn = _wooden(b, 0.5, 0.4), float(low[1]), rng.uniform(-0.6, 0.6)
    b.add((x, floor + 0.73, z), (0.6, 0.018, 0.4), wood, turn)
    b.add((x, floor + 0.36, z), (0.05, 0.36, 0.05), wood, turn, CYLINDER)
    b.add(
        (x + 0.1, floor + 0.83, z),
        (0.06, 0.09, 0.06),
        b.material(soft_color(rng, 0.1, 0.7, 0.8), gloss=0.5),
        0.0,
        ELLIPSOID,
    )
    for side in (-1.0, 1.0):
        _chair(b, x + side * 0.75, floor, z + rng.uniform(-0.2, 0.2), turn, side, wood)


def _chair(b: Builder, x: float, floor: float, z: float, turn: float, side: float, wood: int) -> None:
    first = len(b.objects)
    b.add((x, floor + 0.45, z), (0.21, 0.02, 0.21), wood, turn)
    b.add((x + 0.2 * side, floor + 0.72, z), (0.012, 0.2, 0.2), wood, turn)
    for a in (-0.18, 0.18):
        for c in (-0.18, 0.18):
            b.add((x + a, floor + 0.22, z + c), (0.015, 0.22, 0.015), wood, turn)
    b.together(first)


def _ceiling_light(b: Builder, low: np.ndarray, high: np.ndarray) -> None:
    """Light from above fills the room a little; a third of the rooms show a lamp that hangs behind the person."""
    rng = b.rng
    warm = np.array([1.0, rng.uniform(0.72, 0.95), rng.uniform(0.45, 0.9)])
    x, z = float(rng.uniform(low[0], high[0]) * 0.6), float(low[2] * rng.uniform(0.35, 0.8))
    level = rng.uniform(0.4, 3.0)
    if rng.random() < 0.35:
        drop, size = rng.uniform(0.35, 0.8), rng.uniform(0.12, 0.2)
        cord, shade = b.material((0.05, 0.05, 0.05)), b.material((1.0, 0.8, 0.55), GLOW, glow=rng.uniform(1.0, 3.0))
        b.add((x, float(high[1]) - drop / 2, z), (0.004, drop / 2, 0.004), cord, 0.0, CYLINDER)
        b.add((x, float(high[1]) - drop, z), (size, size * 0.7, size), shade, 0.0, ELLIPSOID)
    middle = np.array([x, high[1] - 0.02, 0.5 * (z + 1.0)])
    b.emitters.append(Emitter(middle, np.array([0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.5]), level * warm))
