"""Pictures by the sRGB transfer curve of `meshes.srgb`, both ways: linear float inside, 8-bit sRGB outside."""

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
    """The nearest 8-bit sRGB value of linear light in float32, see `meshes.srgb.encode`.

    Args:
        linear: (...) float32 or float64.

    Returns:
        (...) uint8.
    """
    return curve.encode(np.asarray(linear, np.float32))


def linear_from_signal(signal: np.ndarray) -> np.ndarray:
    """The curve itself on continuous values: sRGB signal in [0, 1] to linear light, float64."""
    return curve.linear_from_signal(np.asarray(signal, np.float64))


def signal_from_linear(linear: np.ndarray) -> np.ndarray:
    """Inverse of `linear_from_signal` on [0, 1], float64."""
    return curve.signal_from_linear(np.asarray(linear, np.float64))
