"""Pictures by the sRGB transfer curve of `meshes.srgb`, both ways: linear float inside, 8-bit sRGB outside.

Encoding compares with thresholds in compiled code, for whole pictures and for kernels that pack pixels themselves.
"""

import numba
import numpy as np

from meshes import srgb as curve


def decode(code: np.ndarray) -> np.ndarray:
    """Linear light of 8-bit sRGB values.

    Args:
        code: (...) uint8.

    Returns:
        (...) float32 in [0, 1].
    """
    return curve.LINEAR_OF_CODE[code]


def encode(linear: np.ndarray) -> np.ndarray:
    """The nearest 8-bit sRGB value of linear light; below 0 and NaN give 0, above 1 gives 255.

    Args:
        linear: (...) float32 or float64.

    Returns:
        (...) uint8.
    """
    flat = np.ascontiguousarray(linear, np.float32).reshape(-1)
    return _encode(flat, THRESHOLDS, FIRST_CODE).reshape(np.shape(linear))


def linear_from_signal(signal: np.ndarray) -> np.ndarray:
    """The curve itself on continuous values: sRGB signal in [0, 1] to linear light, float64."""
    return curve.linear_from_signal(np.asarray(signal, np.float64))


def signal_from_linear(linear: np.ndarray) -> np.ndarray:
    """Inverse of `linear_from_signal` on [0, 1], float64."""
    return curve.signal_from_linear(np.asarray(linear, np.float64))


# Code k is nearest from threshold k up to threshold k + 1: comparing with thresholds needs no power function
# and rounds exactly as the curve does.
THRESHOLDS = np.append(linear_from_signal((np.arange(256) - 0.5) / 255), np.inf)
THRESHOLDS[0] = -np.inf

# A starting code for each of 4096 equal steps of linear light, never above the right one.
_STEPS = 4096
FIRST_CODE = (np.searchsorted(THRESHOLDS, np.arange(_STEPS + 1) / _STEPS, side="right") - 1).astype(np.uint8)


@numba.njit(cache=True, nogil=True, inline="always")
def code_of(x: np.float32, thresholds: np.ndarray, first_code: np.ndarray) -> int:
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
