"""A world for a key: drawn, turned, lit, and exposed for the light that falls on the person.

The same key and light give the same world in any process.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from meshes.elementary import product
from meshes.noise import keyed
from renderers.light import LUMINANCE, EnvironmentLight, directions, irradiance, shrink, solid_angles
from renderers.plates.bake import baked
from renderers.plates.indoor import room
from renderers.plates.outdoor import place
from renderers.plates.shade import stored
from renderers.plates.world import World

Place = Literal["indoor", "outdoor"]
PLACES: tuple[Place, ...] = get_args(Place)
"""Kinds of world."""

BRIGHTEST = 8.0
"""Radiance that is left of anything brighter, over that of white paper in the person's light: what a lens spreads of
a lamp or a window stays a glow and does not drown the picture."""

_STREAM = {"indoor": 71, "outdoor": 72}
_AXES = np.concatenate([np.eye(3), -np.eye(3)])


@dataclass(frozen=True, eq=False)
class PlacedWorld:
    """A world in the head frame.

    Attributes:
        world: what rays read, in its own axes.
        yaw_rad: its turn about +Y: its +Z axis points to (sin yaw, 0, cos yaw) of the head frame.
    """

    world: World
    yaw_rad: float


def world_of(kind: Place, key: int, light: EnvironmentLight) -> PlacedWorld:
    """The world of a key, as bright and as warm as the light on the person lets one expect.

    Args:
        kind: "indoor" or "outdoor".
        key: a non-negative integer below 2**63; another key is another world.
        light: the scene's, exposed; decides from where the world is lit, how brightly and in which tint.
    """
    rng = keyed(key, _STREAM[kind])
    yaw_rad = float(rng.normal() * 0.35)
    side = _brightest(light) - yaw_rad
    share = float(np.exp(rng.normal() * 0.25)) * (0.8 if kind == "indoor" else 1.1)
    if kind == "indoor":
        world, emitters = room(rng, float(np.sign(math.sin(side))) if abs(math.sin(side)) > 0.5 else 0.0)
        world = baked(world, emitters)
        own = np.mean([stored(world, 0.0, 0.0, 0.0, tuple(axis)) for axis in _AXES], axis=0)
    else:
        world, own = place(rng, side)
    return PlacedWorld(world._replace(gain=_gain(own, light, share)), yaw_rad)


def _brightest(light: EnvironmentLight) -> float:
    """The azimuth in radians, from +Z towards +X, where most of the light comes from."""
    radiance = product(shrink(light.radiance, 32), LUMINANCE)
    x, _, z = np.einsum("hw,hwk->k", radiance**2 * solid_angles(len(radiance)), directions(len(radiance)))
    return math.atan2(x, z)


def _gain(own: np.ndarray, light: EnvironmentLight, share: float) -> np.ndarray:
    """(4,): brings the irradiance a world has at the person to a share of the real one, and most of its tint."""
    wanted = irradiance(light, _AXES).mean(axis=0)
    level = share * float(product(wanted, LUMINANCE)) / float(product(own, LUMINANCE))
    tint = (wanted / max(float(product(wanted, LUMINANCE)), 1e-12)) / (own / float(product(own, LUMINANCE)))
    gain = level * np.clip(tint, 0.25, 4.0) ** 0.8
    return np.array([*gain, BRIGHTEST * max(float(product(wanted, LUMINANCE)), 1e-12) / math.pi])
