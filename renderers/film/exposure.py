"""How bright a picture becomes: the camera measures the light it sees and aims a part of the picture at a level."""

from typing import Literal

import numpy as np

from meshes.elementary import product
from meshes.parts import Part
from renderers.light import LUMINANCE

Metering = Literal["card", "average", "centre", "face"]

FACE = (Part.FACE, Part.NOSE, Part.LIPS, Part.EYE_SOCKET, Part.EYE_LEFT, Part.EYE_RIGHT, Part.BROWS, Part.BEARD)
"""What a camera that looks for faces measures."""
FACE_OVER_CARD = 1.25
"""With a face in it the picture is aimed this much above a grey card: skin of a middle tone reflects more than 18 %."""
MIN_FACE = 0.002
"""A smaller share of the picture is no face; the centre is measured instead."""


def meter(picture: np.ndarray, part: np.ndarray, how: Metering, level: float) -> float:
    """The factor that brings the measured light to its level.

    Args:
        picture: (H, W, 3) float32 linear, exposed for a grey card.
        part: (H, W) uint8, `meshes.parts.Part` at the pixel centres.
        how: card measures nothing (1.0); average weighs all pixels alike; centre by a Gaussian about the middle, a
            quarter of the shorter side wide; face gives its pixels half of the weight and the centre the rest, so
            that a dark skin is not lit up until its surroundings burn.
        level: linear level that a grey card is to have, and the mean of what is measured. A pixel counts as no more
            than 1, as on a sensor that is full.
    """
    if how == "card":
        return 1.0
    weights, aim = np.ones(part.shape) if how == "average" else _central(*part.shape), level
    face = np.isin(part, FACE)
    if how == "face" and face.mean() >= MIN_FACE:
        weights, aim = weights / weights.sum() + face / face.sum(), FACE_OVER_CARD * level
    seen = float((np.minimum(product(picture, LUMINANCE), 1.0) * weights).sum() / weights.sum())
    return aim / seen if seen > 0 else 1.0


def _central(height: int, width: int) -> np.ndarray:
    """(H, W) float64 weights that fall off from the middle."""
    y, x = (np.arange(n) + 0.5 - n / 2 for n in (height, width))
    width_px = min(height, width) / 4
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * width_px**2))
