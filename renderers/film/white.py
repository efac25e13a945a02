"""White balance: one factor a channel, from what the picture shows and from the camera's error about it.

Factors keep the luminance of grey, so that balance and exposure do not mix.
"""

from typing import Literal

import numpy as np

from meshes.elementary import product
from renderers.light import LUMINANCE

Balance = Literal["off", "card", "grey-world", "shades-of-grey"]

MINKOWSKI = {"grey-world": 1.0, "shades-of-grey": 6.0}
"""Norms of the mean that is called white; 6 is that of G. Finlayson and E. Trezzi, "Shades of gray and colour
constancy", Color and Imaging Conference 2004."""
STRONGEST = 3.0
"""No channel is raised or lowered more than this against green."""
D65_UV = np.array([0.19784, 0.31232])
"""The white of sRGB, CIE 1960 (u, v), from its x 0.3127 and y 0.3290."""
D65_K = 6504.0
RGB_FROM_XYZ = np.linalg.inv([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
"""IEC 61966-2-1."""


def balance(picture: np.ndarray, how: Balance, card: np.ndarray) -> np.ndarray:
    """Factors (3,) float64 by which a camera whitens a picture; ones where it shows nothing to go by.

    Args:
        picture: (H, W, 3) float32 linear.
        how: off (the light keeps its colour), card (a grey card becomes grey), or by the picture's mean colour.
        card: (3,) linear colour of a grey card in this light.
    """
    white = {"off": lambda: np.ones(3), "card": lambda: card}.get(how, lambda: mean_colour(picture, MINKOWSKI[how]))()
    if not white.any():
        return np.ones(3)
    white = np.maximum(white, white.max() * 1e-6)
    return _kept(np.clip(white[1] / white, 1 / STRONGEST, STRONGEST))


def mean_colour(picture: np.ndarray, power: float) -> np.ndarray:
    """(3,) float64 Minkowski mean of a picture (H, W, 3) linear.

    Full pixels, above 1 in any channel, have lost their colour and are left out.
    """
    colours = np.maximum(picture[(picture <= 1).all(axis=-1)].astype(np.float64), 0)
    return (colours**power).mean(axis=0) ** (1 / power) if len(colours) else np.zeros(3)


def tint(mired: float, duv: float) -> np.ndarray:
    """Factors (3,) float64 by which a camera tints that takes a light for another.

    Args:
        mired: along the black bodies from 6504 K, in 1e6 / kelvin; above 0 makes the picture warmer.
        duv: across them, in CIE 1960 units; above 0 makes it greener, below pinker.
    """
    before = 1e6 / D65_K
    here, there = planckian_uv(D65_K), planckian_uv(1e6 / (before + mired))
    ahead = planckian_uv(1e6 / (before + mired + 1)) - there
    across = np.array([-ahead[1], ahead[0]]) / np.hypot(*ahead)
    shift = there - here + duv * across * np.sign(across[1])
    return _kept(np.maximum(_rgb(D65_UV + shift) / _rgb(D65_UV), 0.05))


def _rgb(uv: np.ndarray) -> np.ndarray:
    """Linear (3,) of a CIE 1960 chromaticity at luminance 1."""
    u, v = uv
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    return np.asarray(product(RGB_FROM_XYZ, np.array([x / y, 1.0, (1 - x - y) / y])))


def planckian_uv(kelvin: float) -> np.ndarray:
    """CIE 1960 (u, v) of a black body of 1000 to 15000 K.

    Source: M. Krystek, "An algorithm to calculate correlated colour temperature", Color Research & Application 10(1),
    1985, two quotients of polynomials.
    """
    T = kelvin
    u = (0.860117757 + 1.54118254e-4 * T + 1.28641212e-7 * T**2) / (1 + 8.42420235e-4 * T + 7.08145163e-7 * T**2)
    v = (0.317398726 + 4.22806245e-5 * T + 4.20481691e-8 * T**2) / (1 - 2.89741816e-5 * T + 1.61456053e-7 * T**2)
    return np.array([u, v])


def _kept(factors: np.ndarray) -> np.ndarray:
    """The same colour, with the luminance of grey kept."""
    return factors / float(product(factors, LUMINANCE))
