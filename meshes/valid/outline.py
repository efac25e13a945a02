"""Soft outlines of the face in the texture, for mixing what lies inside with what lies outside."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from meshes.valid.template import HEAD_TEXELS

AXIS = 666.7
"""Column of the face's midline."""


def whole(half: Sequence[tuple[float, float]]) -> np.ndarray:
    """(2 N, 2) a polygon symmetric about the midline, from its half, which begins and ends there."""
    points = np.array(half, np.float64)
    return np.concatenate([points, (points * [-1, 1] + [2 * AXIS, 0])[::-1]])


def soft_outline(half: Sequence[tuple[float, float]], softness: float) -> np.ndarray:
    """(1256, 1332) float32: 1 inside a symmetric outline, fading to 0 with a Gaussian of `softness` texels."""
    width, height = HEAD_TEXELS
    small = Image.new("L", (width // 4, height // 4))
    ImageDraw.Draw(small).polygon([(column, row) for column, row in whole(half) / 4], fill=255)
    soft = gaussian_filter(np.asarray(small, np.float32) / 255.0, softness / 4)
    return np.asarray(Image.fromarray(soft).resize((width, height), Image.Resampling.BILINEAR))
