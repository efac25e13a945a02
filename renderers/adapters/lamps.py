"""An environment summed up by a few lamps and an even glow, for renderers that know no environment light.

Where the lamps stand is a median cut of the map; how bright they are is what lights all directions best.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from renderers.light import EnvironmentLight, irradiance
from renderers.occlusion import light_directions

CARDS = 192
"""Small white cards, turned evenly to all sides, on which lamps and environment are compared."""


class Lamps(NamedTuple):
    """Directional lights and ambient light.

    Attributes:
        toward: (n, 3) float64 unit vectors to the lamps, head frame.
        power: (n, 3) float64 >= 0, irradiance of a card that faces the lamp.
        glow: (3,) float64 >= 0, radiance that comes from everywhere.
    """

    toward: np.ndarray
    power: np.ndarray
    glow: np.ndarray

    def irradiance(self, normals: np.ndarray) -> np.ndarray:
        """Irradiance (n, 3) float64 of unoccluded cards with unit normals (n, 3)."""
        return np.maximum(normals @ self.toward.T, 0.0) @ self.power + np.pi * self.glow


def lamps(light: EnvironmentLight, count: int) -> Lamps:
    """The lamps whose irradiance on cards turned to all sides is nearest to the light's, by least squares.

    Args:
        light: any light, finite.
        count: most lamps wanted.
    """
    toward = light_directions(light, count)[0]
    normals = even_directions(CARDS)
    received = irradiance(light, normals)
    per_unit = np.concatenate([np.maximum(normals @ toward.T, 0.0), np.full((CARDS, 1), np.pi)], axis=1)
    powers = np.stack([nnls(per_unit, received[:, channel])[0] for channel in range(3)], axis=1)
    return Lamps(toward, powers[:-1], powers[-1])


def even_directions(count: int) -> np.ndarray:
    """(count, 3) float64 unit vectors on a spiral of the golden angle, each with about the same share of the sphere."""
    n = np.arange(count) + 0.5
    y, azimuth = 1.0 - 2.0 * n / count, np.pi * (1.0 + np.sqrt(5.0)) * n
    across = np.sqrt(1.0 - y * y)
    return np.stack([across * np.sin(azimuth), y, across * np.cos(azimuth)], axis=1)
