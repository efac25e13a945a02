"""The sRGB transfer curve: linear light inside, 8-bit codes in textures.

Source: IEC 61966-2-1; the same piecewise curve for each of the three channels, no tone map. Encoding compares with
thresholds in compiled code, for whole arrays and for kernels that pack texels themselves.
"""

from typing import Any

import numba
import numpy as np


def linear_from_signal(signal: np.ndarray) -> np.ndarray:
    """Linear light of sRGB signals, both in [0, 1]; computed in the dtype that comes."""
    return np.where(signal <= 0.04045, signal / 12.92, ((np.maximum(signal, 0) + 0.055) / 1.055) ** 2.4)


def signal_from_linear(linear: np.ndarray) -> np.ndarray:
    """Inverse of `linear_from_signal`."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)


LINEAR_OF_CODE = linear_from_signal(np.arange(256) / 255).astype(np.float32)
"""(256,) float32: linear light of every 8-bit value."""

# Code k is nearest from threshold k up to threshold k + 1: comparing with thresholds needs no power function
# and rounds exactly as the curve does.
THRESHOLDS = np.append(linear_from_signal((np.arange(256) - 0.5) / 255), np.inf)
THRESHOLDS[0] = -np.inf

# A starting code for each of 4096 equal steps of linear light, never above the right one.
_STEPS = 4096
FIRST_CODE = (np.searchsorted(THRESHOLDS, np.arange(_STEPS + 1) / _STEPS, side="right") - 1).astype(np.uint8)


def encode(linear: np.ndarray) -> np.ndarray:
    """The nearest 8-bit sRGB value of linear light; below 0 and NaN give 0, above 1 gives 255.

    Args:
        linear: (...) float32 or float64.

    Returns:
        (...) uint8.
    """
    flat = np.ascontiguousarray(linear).reshape(-1)
    return _encode(flat, THRESHOLDS, FIRST_CODE).reshape(np.shape(linear))


@numba.njit(cache=True, nogil=True, inline="always")
def code_of(x: Any, thresholds: np.ndarray, first_code: np.ndarray) -> int:
    """The nearest code of one linear value, for compiled callers, who pass `THRESHOLDS` and `FIRST_CODE`.

    A step of `FIRST_CODE` holds one threshold at most, so one comparison finishes the search without a branch.
    """
    linear = x if x > 0 else np.float32(0)
    linear = linear if linear < 1 else np.float32(1)
    code = np.int64(first_code[np.int64(linear * np.float32(4096))])
    return code + (linear >= thresholds[code + 1])


@numba.njit(cache=True, nogil=True)
def _encode(linear: np.ndarray, thresholds: np.ndarray, first_code: np.ndarray) -> np.ndarray:
    codes = np.zeros(linear.size, np.uint8)
    for i in range(linear.size):
        codes[i] = code_of(linear[i], thresholds, first_code)
    return codes
