"""Walls of a room as frames to hang things in: along the wall, up from the floor, out into the room."""

import math
from dataclasses import dataclass

import numpy as np

from renderers.plates.cast import BOX
from renderers.plates.world import Builder, Color, Emitter


@dataclass(frozen=True, eq=False)
class Wall:
    """One wall.

    Attributes:
        foot: (3,) the middle of its lower edge.
        along: (3,) unit vector to the right as seen from the room.
        out: (3,) unit normal into the room.
        width_m, height_m: its size.
    """

    foot: np.ndarray
    along: np.ndarray
    out: np.ndarray
    width_m: float
    height_m: float

    def point(self, place: Color) -> Color:
        """World coordinates of (along, up, out)."""
        x, y, z = self.foot + place[0] * self.along + place[1] * np.array([0.0, 1.0, 0.0]) + place[2] * self.out
        return float(x), float(y), float(z)

    def box(
        self, b: Builder, place: Color, half: Color, material: int, shape: int = BOX, leaf_m: float = 0.05,
        nook_m: float = 0.0,
    ) -> None:  # fmt: skip
        """A primitive at (along, up, out) with half sizes in the same order."""
        turn = math.atan2(self.along[2], self.along[0])
        b.add(self.point(place), half, material, turn, shape, leaf_m, nook_m)

    def emitter(self, place: Color, half: tuple[float, float], radiance: np.ndarray) -> Emitter:
        """A bright rectangle parallel to the wall that shines into the room."""
        up = np.array([0.0, half[1], 0.0])
        return Emitter(np.array(self.point(place)), half[0] * self.along, up, radiance)


def walls_of(low: np.ndarray, high: np.ndarray) -> tuple[Wall, Wall, Wall, Wall]:
    """Walls of the room between two corners: at -X, at +X, behind the person, in front of him."""
    middle, size = (low + high) / 2, high - low
    x, z = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    return (
        Wall(np.array([low[0], low[1], middle[2]]), -z, x, size[2], size[1]),
        Wall(np.array([high[0], low[1], middle[2]]), z, -x, size[2], size[1]),
        Wall(np.array([middle[0], low[1], low[2]]), x, z, size[0], size[1]),
        Wall(np.array([middle[0], low[1], high[2]]), -x, -z, size[0], size[1]),
    )
