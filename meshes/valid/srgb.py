"""sRGB to linear light and back by table, for whole textures.

The curve is `meshes.srgb`'s, read from 65,536 steps; every code comes back as itself.
"""

from functools import lru_cache

import numpy as np

from meshes.srgb import LINEAR_OF_CODE, encode


@lru_cache(maxsize=1)
def _code_of_linear() -> np.ndarray:
    return encode(np.arange(65536) / 65535.0)


def decoded(srgb: np.ndarray) -> np.ndarray:
    """float32 linear light of uint8 sRGB."""
    return LINEAR_OF_CODE[srgb]


def encoded(linear: np.ndarray) -> np.ndarray:
    """uint8 sRGB of linear light, clipped to [0, 1]."""
    return _code_of_linear()[(np.clip(linear, 0.0, 1.0) * np.float32(65535.0) + np.float32(0.5)).astype(np.uint16)]
