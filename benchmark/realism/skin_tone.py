"""Skin tone by the individual typology angle, from linear albedo.

Chardon et al., "Skin colour typology and suntanning pathways", International Journal of Cosmetic Science 13 (1991).
"""

import numpy as np

CLASSES = (
    ("very light", 55.0, 90.0),
    ("light", 41.0, 55.0),
    ("intermediate", 28.0, 41.0),
    ("tan", 10.0, 28.0),
    ("brown", -30.0, 10.0),
    ("dark", -90.0, -30.0),
)
"""Name and bounds in degrees, after the same source, with dark split from brown at -30 as is now usual."""

_XYZ_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # IEC 61966-2-1, D65


def lab(linear_rgb: np.ndarray) -> np.ndarray:
    """(..., 3) CIE L*, a*, b* under D65 of (..., 3) linear sRGB reflectances (CIE 15:2004)."""
    white = _XYZ_FROM_SRGB.sum(axis=1)
    relative = np.einsum("ij,...j->...i", _XYZ_FROM_SRGB, linear_rgb) / white
    f = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ita_deg(linear_rgb: np.ndarray) -> np.ndarray:
    """(...) individual typology angle in degrees: atan((L* - 50) / b*); light skin is high.

    Taken as atan2, so that skin without yellow gives a limit and not a division by zero.
    """
    lightness, _, b = np.moveaxis(lab(linear_rgb), -1, 0)
    return np.degrees(np.arctan2(lightness - 50.0, np.maximum(b, 1e-9)))


def tone_class(angle_deg: float) -> str:
    """The class of an angle within -90 to 90 degrees."""
    return next(name for name, low, _ in CLASSES if angle_deg >= low)
