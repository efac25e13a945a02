"""Light that falls on a scene from infinitely far: one latitude-longitude map in the head frame."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class EnvironmentLight:
    """Radiance by direction.

    Attributes:
        radiance: (h, 2h, 3) float32, linear, >= 0. Row r covers polar angle (r + 0.5) / h * pi from +Y (row 0 is
            the zenith); column c covers azimuth a = (c + 0.5) / (2h) * 2 pi, direction
            (sin a, cos a) = (x, z) x-to-the-left: column 0 looks along +Z, a quarter along +X.
        name: recorded with the sample.
        asset_ids: ids of the assets it is made of; empty for procedural light.
    """

    radiance: np.ndarray
    name: str
    asset_ids: tuple[str, ...] = ()
