"""Cloth: small colour maps of plain, striped, checked and heather weaves.

Maps span half a metre and more of garment, so a texel is a thread or two.
"""

from functools import lru_cache

import numba
import numpy as np

from meshes.elementary import cos
from meshes.noise import keyed
from meshes.srgb import FIRST_CODE, THRESHOLDS, code_of
from meshes.surface import Material

PATTERNS = ("plain", "stripes", "checks", "heather", "knit")
"""Weaves by number, as `clothes["pattern"]` counts them."""

SPAN_M = 0.72
"""Width and height of garment that a map covers."""

_SIZE = 1024


@lru_cache(maxsize=8)
def cloth(pattern: int, second: tuple[float, float, float], period_m: float, seed: int) -> Material:
    """The material of a weave; its map holds the second colour relative to white, the garment brings the first.

    Args:
        pattern: number of `PATTERNS`.
        second: linear factors in [0, 1] that the pattern multiplies the garment's own colour by.
        period_m: from stripe to stripe.
        seed: keys the yarn.
    """
    v, u = np.meshgrid(np.arange(_SIZE), np.arange(_SIZE), indexing="ij")
    period = max(period_m / SPAN_M * _SIZE, 4.0)
    share = _share(PATTERNS[pattern], u, v, period, seed)
    yarn = keyed(seed, 71).standard_normal((_SIZE, _SIZE))
    texture = _woven(share, np.array(second), yarn, THRESHOLDS, FIRST_CODE)
    return Material("cloth", roughness=0.85, specular=0.02, texture=texture)


@numba.njit(cache=True, nogil=True)
def _woven(
    share: np.ndarray, second: np.ndarray, yarn: np.ndarray, thresholds: np.ndarray, first_code: np.ndarray
) -> np.ndarray:
    """(h, w, 3) uint8 sRGB: threads as thick as their yarn and its neighbours', dark where they go under."""
    height, width = share.shape
    codes = np.zeros((height, width, 3), np.uint8)
    for r in range(height):
        for c in range(width):
            thick = yarn[r, c] + yarn[r - 1, c] + yarn[r, c - 1]
            thread = 1.0 + 0.045 * thick / 1.7 - 0.05 * ((r + c) % 2)
            for k in range(3):
                linear = 0.93 * (1.0 - share[r, c] * (1.0 - second[k])) * thread
                codes[r, c, k] = code_of(linear, thresholds, first_code)
    return codes


def _share(pattern: str, u: np.ndarray, v: np.ndarray, period: float, seed: int) -> np.ndarray:
    """(h, w) in [0, 1]: how much of the second colour shows."""
    if pattern == "stripes":
        return _band(v, period)
    if pattern == "checks":
        return 0.5 * _band(u, period) + 0.5 * _band(v, period)
    if pattern == "heather":
        fibres = keyed(seed, 72).standard_normal((_SIZE, _SIZE))
        for _ in range(3):
            fibres = fibres + np.roll(fibres, 1, axis=1)
        return np.clip(0.5 + 0.12 * fibres, 0.0, 1.0)
    if pattern == "knit":
        return 0.30 * (0.5 - 0.5 * cos(2 * np.pi * u / 6.0)) + 0.1 * (0.5 - 0.5 * cos(2 * np.pi * v / 4.0))
    return np.zeros(u.shape)


def _band(x: np.ndarray, period: float) -> np.ndarray:
    """Soft-edged bands of equal width."""
    return np.clip(0.5 + period / 4 * cos(2 * np.pi * x / period), 0.0, 1.0)
