"""Hats: caps, beanies and brimmed hats, grown over the measured skull so that none cuts through a forehead.

Skull frame. A hat is a dome over its own tilted rim; hair above the rim is hidden inside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshes.elementary import arctan2, cos, exp, hypot, power, product, sin
from meshes.parts import Part
from meshes.surface import Material
from meshes.wear.cloth import cloth
from meshes.wear.fit import Fit
from meshes.wear.solids import Shape, Solid, grid, tube, unit

STYLES = ("cap", "beanie", "brimmed")
"""Hats by number, as `worn["hat"]["style"]` counts them."""

_FELT = Material("felt", roughness=0.8, specular=0.03)
_AROUND, _UP = 60, 16
_EASE_M = (0.0045, 0.0040, 0.0055)
_BRIM_M = 0.058
_TUCK_M = 0.006  # Hair is kept this far up inside the hat, so that no gap shows at the rim.
_SPREAD = 0.7  # Metres that hair may stand out again for each metre below the rim.
_VISOR_M = 0.070


@dataclass(frozen=True, eq=False)
class Rim:
    """The plane a hat ends at.

    Attributes:
        origin: (3,) metres, on the plane, inside the head.
        axes: (3, 3), rows are left, up (the plane's normal) and forward.
    """

    origin: np.ndarray
    axes: np.ndarray

    def height(self, points: np.ndarray) -> np.ndarray:
        """(N,) metres over the plane."""
        return product(points - self.origin, self.axes[1])


def rim_of(fit: Fit, worn: Mapping[str, float]) -> Rim:
    """Where a hat sits: over the brows, over the ears, on the back of the head.

    Args:
        fit: the head.
        worn: style and low (0 high on the forehead to 1 down on the brows).
    """
    brow = fit.landmarks[[19, 24], 1].max()
    ears = max(fit.ear(side, 0)[1] for side in (1.0, -1.0))
    front = np.array([brow + 0.034 - 0.014 * worn["low"], fit.landmarks[27, 2]])
    over_ears = np.array([ears + (0.009 if int(worn["style"]) == 1 else 0.012), fit.ear(1.0, 0)[2]])
    slope = float(np.clip((front[0] - over_ears[0]) / (front[1] - over_ears[1]), 0.10, 0.42))
    up = unit(np.array([0.0, 1.0, -slope]))
    left = np.array([1.0, 0.0, 0.0])
    z = fit.dome_centre[2]
    return Rim(np.array([0.0, front[0] - slope * (front[1] - z), z]), np.stack([left, up, np.cross(left, up)]))


@dataclass(frozen=True, eq=False)
class Hat:
    """A hat on a head.

    Attributes:
        solids: what is seen.
        rim: where it ends.
        ring_m: (around,) metres from the rim's middle to its inside, from the front over the person's left.
    """

    solids: list[Solid]
    rim: Rim
    ring_m: np.ndarray


def hat(fit: Fit, worn: Mapping[str, float]) -> Hat:
    """A hat that fits a head.

    Args:
        fit: the head.
        worn: style (number of `STYLES`), low, red, green, blue (linear), second (0 to 1, shade of band and seams),
            seed.
    """
    style, rim = int(worn["style"]), rim_of(fit, worn)
    colour = np.array([worn["red"], worn["green"], worn["blue"]])
    dome = _dome(fit, rim, _EASE_M[style])
    return Hat(_MAKERS[style](dome, rim, colour, worn), rim, hypot(dome[0, :, 0], dome[0, :, 2]) - 0.004)


def tucked(hair: np.ndarray, hat: Hat) -> tuple[np.ndarray, np.ndarray]:
    """Hair under a hat: pressed to the head at the rim, hidden above it.

    Args:
        hair: (N, 3) metres, skull frame.
        hat: on the head.

    Returns:
        (N, 3) the pressed points, and (N,) bool: hidden inside the hat.
    """
    left, up, ahead = product(hair - hat.rim.origin, hat.rim.axes.T).T
    reach = hypot(left, ahead)
    turn = np.mod(arctan2(left, ahead), 2 * np.pi) * len(hat.ring_m) / (2 * np.pi)
    limit = np.interp(turn, np.arange(len(hat.ring_m) + 1), np.append(hat.ring_m, hat.ring_m[:1]))
    limit = limit + _SPREAD * np.maximum(-up, 0.0)
    share = np.minimum(1.0, limit / np.maximum(reach, 1e-6))
    pressed = product(np.stack([left * share, up, ahead * share], axis=1), hat.rim.axes) + hat.rim.origin
    return pressed, up > _TUCK_M


def _dome(fit: Fit, rim: Rim, ease_m: float) -> np.ndarray:
    """(_UP, _AROUND, 3): the hat's outside in the rim's axes (left, up, forward), from the rim to the crown.

    Columns run from the front over the person's left.
    """
    polar = np.linspace(0.0, np.pi / 2 - 0.02, _UP)[:, None]
    azimuth = 2 * np.pi * np.arange(_AROUND) / _AROUND
    around = np.stack([sin(azimuth), np.zeros(_AROUND), cos(azimuth)], axis=1)
    directions = cos(polar)[..., None] * around + sin(polar)[..., None] * np.array([0.0, 1.0, 0.0])
    centre = fit.dome_centre - rim.origin
    reach = _reach_from_rim(fit, rim, directions, centre)
    reach = np.maximum(_smooth(reach, 4), reach) + ease_m
    return directions * _smooth(reach, 1)[..., None]


def _reach_from_rim(fit: Fit, rim: Rim, directions: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(_UP, _AROUND) metres from the rim's origin to clear of the skull."""
    reach = np.full(directions.shape[:2], 0.10)
    for _ in range(3):  # The dome is measured from another centre; this walks out along each ray until they agree.
        at = product(directions * reach[..., None], rim.axes) - centre
        far = np.sqrt(np.square(at).sum(axis=-1))
        reach = reach + (fit.dome(at / far[..., None]) - far)
    return reach


def _smooth(reach: np.ndarray, rounds: int) -> np.ndarray:
    for _ in range(rounds):
        reach = (np.roll(reach, 1, axis=1) + 2 * reach + np.roll(reach, -1, axis=1)) / 4
        padded = np.concatenate([reach[:1], reach, reach[-1:]])
        reach = (padded[:-2] + 2 * reach + padded[2:]) / 4
    return reach


def _shell(dome: np.ndarray, rim: Rim, colour: np.ndarray, stuff: Material) -> Solid:
    """The dome with a lip that turns inside to the head, and a closed crown."""
    flat = dome[0] * [1.0, 0.0, 1.0]
    inward = unit(flat)
    lip = [
        dome[0] - inward * 0.0042 + np.array([0.0, 0.010, 0.0]),
        dome[0] - inward * 0.0035,
        dome[0] - np.array([0.0, 0.0012, 0.0]),
    ]
    crown = dome[-1].mean(axis=0) + (dome[-1] - dome[-1].mean(axis=0)) * 0.01
    rows = np.concatenate([np.stack(lip), dome, crown[None]])
    shape = grid(product(rows, rim.axes) + rim.origin, round_columns=True)
    return shape.of(Part.HAT, stuff, colour, shades=True)


def _cap(dome: np.ndarray, rim: Rim, colour: np.ndarray, worn: Mapping[str, float]) -> list[Solid]:
    azimuth = 2 * np.pi * np.arange(_AROUND) / _AROUND
    seam = exp(-np.square((np.mod(azimuth + np.pi / 6, np.pi / 3) - np.pi / 6) / 0.035))
    up = np.linspace(0, 1, _UP)[:, None]
    front = exp(-np.square((np.mod(azimuth + np.pi, 2 * np.pi) - np.pi) / 0.9)) * power(sin(np.pi * up), 1.5)
    shaped = dome * (1 + 0.045 * front - 0.008 * seam * (up > 0.05))[..., None]
    stuff = cloth(0, (1.0, 1.0, 1.0), 0.02, int(worn["seed"]))
    button = shaped[-1].mean(axis=0)
    knob = tube(
        product(np.array([button - np.array([0, 0.001, 0]), button + np.array([0, 0.0025, 0])]), rim.axes) + rim.origin,
        0.0055,
        0.0055,
        rim.axes[0],
    )
    return [
        _shell(shaped, rim, colour, stuff),
        _visor(dome, rim, colour * worn["second"], stuff),
        knob.of(Part.HAT, stuff, colour),
    ]


def _visor(dome: np.ndarray, rim: Rim, colour: np.ndarray, stuff: Material) -> Solid:
    """A stiff tongue before the forehead, arched from side to side."""
    half = _AROUND * 3 // 20
    arc = np.roll(dome[0], half, axis=0)[: 2 * half + 1][::-1]
    arc = arc * [1.0, 0.0, 1.0]
    across = np.linspace(-1, 1, len(arc))
    share = np.sqrt(np.clip(1 - power(np.abs(across), 2.6), 0.0, 1.0))
    out = np.linspace(0.0, 1.0, 9)
    ahead = unit(arc * [0.35, 0.0, 1.0])
    top = (arc - ahead * 0.004)[None] + ahead * (_VISOR_M * share * out[:, None])[..., None]
    droop = share * (-0.020 * np.square(across) * power(out[:, None], 0.7) - 0.012 * np.square(out[:, None])) + 0.004
    top = top + np.stack([np.zeros_like(droop), droop, np.zeros_like(droop)], axis=-1)
    under = top - np.array([0.0, 0.0030, 0.0])
    edge = (top[-1:] + under[-1:]) / 2 + ahead * 0.0015
    sheet = np.concatenate([top, edge, under[::-1]])
    return grid(product(sheet, rim.axes) + rim.origin).of(Part.HAT, stuff, colour, shades=True)


def _beanie(dome: np.ndarray, rim: Rim, colour: np.ndarray, worn: Mapping[str, float]) -> list[Solid]:
    slouch = 1 + 0.08 * np.linspace(0, 1, _UP)[:, None] ** 2
    stuff = cloth(4, (0.6, 0.6, 0.6), 0.01, int(worn["seed"]))
    cuff = _cuff(dome, rim).of(Part.HAT, stuff, colour * (0.75 + 0.25 * worn["second"]))
    return [_shell(dome * slouch[..., None], rim, colour, stuff), cuff]


def _cuff(dome: np.ndarray, rim: Rim) -> Shape:
    """The turned-up edge of a beanie."""
    height = np.linspace(0.0, 0.048, 9)
    bulge = 0.0045 * np.sqrt(np.clip(1 - power(2 * height / 0.048 - 1, 6), 0, 1))
    rows = [_ring(dome, h, out) - np.array([0.0, 0.002, 0.0]) for h, out in zip(height, bulge, strict=True)]
    return grid(product(np.stack(rows), rim.axes) + rim.origin, round_columns=True)


def _brimmed(dome: np.ndarray, rim: Rim, colour: np.ndarray, worn: Mapping[str, float]) -> list[Solid]:
    up = np.linspace(0, 1, _UP)[:, None]
    tall = dome.copy()
    tall[..., 1] *= 1 + 0.18 * sin(np.pi / 2 * up)
    tall[..., 1] -= 0.015 * exp(-np.square(tall[..., 0] / 0.022)) * power(up, 4)
    band = _band(tall, rim).of(Part.HAT, _FELT, colour * 0.25 * worn["second"])
    return [_shell(tall, rim, colour, _FELT), band, _brim(tall, rim, colour)]


def _band(dome: np.ndarray, rim: Rim) -> Shape:
    """A ribbon about the crown, just over the brim."""
    rows = [_ring(dome, h, out) for h, out in ((0.004, 0.0), (0.0045, 0.0016), (0.026, 0.0016), (0.0265, 0.0))]
    return grid(product(np.stack(rows), rim.axes) + rim.origin, round_columns=True)


def _ring(dome: np.ndarray, height_m: float, out_m: float) -> np.ndarray:
    """(_AROUND, 3) the dome's outline at a height, moved outwards."""
    at = [[np.interp(height_m, dome[:, c, 1], dome[:, c, k]) for k in (0, 1, 2)] for c in range(_AROUND)]
    ring = np.array(at) * [1.0, 0.0, 1.0]
    return ring + unit(ring) * out_m + np.array([0.0, height_m, 0.0])


def _brim(dome: np.ndarray, rim: Rim, colour: np.ndarray) -> Solid:
    """A ring about the head: lower before and behind, curled up at the sides."""
    ring = dome[0] * [1.0, 0.0, 1.0]
    out = unit(ring)
    share = np.linspace(0.0, 1.0, 9)[:, None, None]
    curl = 0.017 * np.square(out[:, 0]) - 0.010 * np.square(out[:, 2])
    top = ring - out * 0.004 + out * _BRIM_M * share
    top = (
        top
        + power(share, 1.6) * np.stack([np.zeros(_AROUND), curl, np.zeros(_AROUND)], axis=1)
        + np.array([0.0, 0.0012, 0.0])
    )
    under = top - np.array([0.0, 0.0030, 0.0])
    edge = (top[-1:] + under[-1:]) / 2 + out * 0.0015
    sheet = np.concatenate([under, edge, top[::-1]])
    return grid(product(sheet, rim.axes) + rim.origin, round_columns=True).of(Part.HAT, _FELT, colour, shades=True)


_MAKERS = (_cap, _beanie, _brimmed)
