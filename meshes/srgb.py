"""The sRGB transfer curve: linear light inside, 8-bit codes in textures.

Source: IEC 61966-2-1; the same piecewise curve for each of the three channels, no tone map.
"""

import numpy as np


def linear_from_signal(signal: np.ndarray) -> np.ndarray:
    """Linear light of sRGB signals, both in [0, 1]; computed in the dtype that comes."""
    return np.where(signal <= 0.04045, signal / 12.92, ((np.maximum(signal, 0) + 0.055) / 1.055) ** 2.4)


def signal_from_linear(linear: np.ndarray) -> np.ndarray:
    """Inverse of `linear_from_signal`."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)


def encode(linear: np.ndarray) -> np.ndarray:
    """(...) uint8 sRGB of linear light, clipped to [0, 1]."""
    return np.rint(255.0 * signal_from_linear(np.clip(linear, 0.0, 1.0))).astype(np.uint8)


LINEAR_OF_CODE = linear_from_signal(np.arange(256) / 255).astype(np.float32)
"""(256,) float32: linear light of every 8-bit value."""
