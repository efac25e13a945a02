"""sRGB to linear light and back by table, for whole textures.

IEC 61966-2-1; every code comes back as itself. Meshes know nothing of renderers, which have their own.
"""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=1)
def _linear_of_code() -> np.ndarray:
    s = np.arange(256) / 255.0
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


@lru_cache(maxsize=1)
def _code_of_linear() -> np.ndarray:
    x = np.arange(65536) / 65535.0
    return np.rint(255.0 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


def decoded(srgb: np.ndarray) -> np.ndarray:
    """float32 linear light of uint8 sRGB (IEC 61966-2-1)."""
    return _linear_of_code()[srgb]


def encoded(linear: np.ndarray) -> np.ndarray:
    """uint8 sRGB of linear light, clipped to [0, 1]."""
    return _code_of_linear()[(np.clip(linear, 0.0, 1.0) * np.float32(65535.0) + np.float32(0.5)).astype(np.uint16)]
