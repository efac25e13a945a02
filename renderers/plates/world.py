"""A world behind a person as a few arrays, and how it is put together piece by piece.

World axes are those of `renderers.plates.cast`; metres. Light in it has no unit before `World.gain`.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from renderers.plates.cast import BOX
from renderers.plates.paint import PLAIN

Color = tuple[float, float, float]


class World(NamedTuple):
    """What compiled rays read; made by `Builder.world`.

    Attributes:
        objects: (O, 8) lower corner, upper corner, first and last + 1 of the object's primitives.
        prims: (P, 14) shape, middle, half sizes, cos and sin of its turn about +Y, row of its material, seed, size of
            its leaves, depth in which light is lost inside its object (0: none), its object.
        materials: (M, 12) pattern, colours a and b, two sizes, unevenness, glow, gloss.
        room: (2, 3) lower and upper corner of the room; outdoors only its floor is there.
        walls: (6,) int64 rows of the materials of the faces -X +X -Y +Y -Z +Z; -1 is open sky.
        sun: (2, 3) unit vector towards the sun, and its irradiance.
        sky: (5, 3) radiance at the zenith and the horizon; irradiance from above and from below; cloudiness.
        volume: (nx, ny, nz, 6, 3) irradiance on surfaces that face -X +X -Y +Y -Z +Z, at the probes.
        grid: (2, 3) the first probe and the spacing.
        gain: (4,) what radiance is multiplied by to be in the scene's exposure, and the brightest that is left.
        indoors: lit by `volume`; else by sun and sky.
        seed: of patterns that belong to the world as a whole.
    """

    objects: np.ndarray
    prims: np.ndarray
    materials: np.ndarray
    room: np.ndarray
    walls: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    volume: np.ndarray
    grid: np.ndarray
    gain: np.ndarray
    indoors: bool
    seed: int


class Emitter(NamedTuple):
    """A bright rectangle: `middle` + s `right` + t `up` for s and t within -1 to 1, shining along right x up."""

    middle: np.ndarray
    right: np.ndarray
    up: np.ndarray
    radiance: np.ndarray


@dataclass
class Builder:
    """Collects materials, primitives and emitters; positions in world axes."""

    rng: np.random.Generator
    materials: list[list[float]] = field(default_factory=list)
    prims: list[list[float]] = field(default_factory=list)
    objects: list[tuple[int, int]] = field(default_factory=list)
    emitters: list[Emitter] = field(default_factory=list)

    def material(
        self, color: Color, pattern: int = PLAIN, second: Color = (0.0, 0.0, 0.0), sizes: tuple[float, float] = (1, 1),
        rough: float = 0.05, glow: float = 0.0, gloss: float = 0.0,
    ) -> int:  # fmt: skip
        """The row of a new material."""
        self.materials.append([pattern, *color, *second, *sizes, rough, glow, gloss])
        return len(self.materials) - 1

    def add(
        self, middle: Color, half: Color, material: int, turn_rad: float = 0.0, shape: int = BOX, leaf_m: float = 0.05,
        nook_m: float = 0.0,
    ) -> None:  # fmt: skip
        """One primitive, an object of its own unless more are added under `together`."""
        seed = int(self.rng.integers(1 << 20))
        turn = (math.cos(turn_rad), math.sin(turn_rad))
        self.prims.append([shape, *middle, *half, *turn, material, seed, leaf_m, nook_m, len(self.objects)])
        self.objects.append((len(self.prims) - 1, len(self.prims)))

    def together(self, first: int) -> None:
        """Makes one object of every object from number `first` on: tried only by rays that meet their common box."""
        if first < len(self.objects):
            begin, end = self.objects[first][0], self.objects[-1][1]
            self.objects[first:] = [(begin, end)]
            for prim in self.prims[begin:end]:
                prim[13] = first

    def world(self, room: np.ndarray, walls: list[int], seed: int, indoors: bool) -> World:
        """The arrays, unlit."""
        prims = np.array(self.prims, np.float64).reshape(-1, 14)
        none, lattice = np.zeros((2, 3)), np.stack([room[0], room[1] - room[0]])
        return World(
            _boxes(prims, self.objects), prims, np.array(self.materials, np.float64), room, np.array(walls, np.int64),
            none, np.zeros((5, 3)), np.zeros((2, 2, 2, 6, 3)), lattice, np.array([1.0, 1.0, 1.0, 1e3]), indoors, seed,
        )  # fmt: skip


def _boxes(prims: np.ndarray, objects: list[tuple[int, int]]) -> np.ndarray:
    """(O, 8): the box around each object's primitives, and their range."""
    c, s = np.abs(prims[:, 7]), np.abs(prims[:, 8])
    half = np.stack([c * prims[:, 4] + s * prims[:, 6], prims[:, 5], s * prims[:, 4] + c * prims[:, 6]], axis=1)
    low, high = prims[:, 1:4] - half, prims[:, 1:4] + half
    rows = [[*low[a:b].min(axis=0), *high[a:b].max(axis=0), a, b] for a, b in objects]
    return np.array(rows, np.float64).reshape(-1, 8)
