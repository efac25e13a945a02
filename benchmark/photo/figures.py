"""What the pictures say: error against a tier's own reference, and the time that an error costs.

Pure functions of arrays and numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from renderers import srgb
from renderers.picture import Image


@dataclass(frozen=True)
class Point:
    """One way to take the pair.

    Attributes:
        colour: the tier.
        spp: paths a pixel.
        denoise: whether a denoiser cleaned it.
        seconds: for both views.
        psnr_db: against the tier's own reference.
    """

    colour: str
    spp: int
    denoise: bool
    seconds: float
    psnr_db: float


def psnr_db(images: Sequence[Image], references: Sequence[Image]) -> float:
    """Peak signal-to-noise ratio of encoded sRGB over the person's pixels of all views together.

    A pixel is the person's where the reference is covered at least half; both are seen over black, clipped to [0, 1]
    and not rounded, so that the figure goes on where eight bits end.
    """
    squares = [_squares(image, reference) for image, reference in zip(images, references, strict=True)]
    error = np.concatenate(squares).mean()
    return float(-10.0 * np.log10(error)) if error > 0 else float("inf")


def _squares(image: Image, reference: Image) -> np.ndarray:
    person = reference.alpha >= 0.5
    a, b = (
        srgb.signal_from_linear(np.clip(picture.rgb[person].astype(np.float64), 0.0, 1.0))
        for picture in (image, reference)
    )
    squares: np.ndarray = np.square(a - b).ravel()
    return squares


@dataclass(frozen=True)
class Cost:
    """The least time that reaches an error; `at_most` where the cheapest measured point is already better."""

    seconds: float
    at_most: bool


def cost_of(points: Sequence[Point], wanted_db: float) -> Cost | None:
    """Least time in which any of the points' curves reaches an error; a curve is one tier and one way of denoising.

    Between measured points the logarithm of the time goes linearly with the decibels; nothing is extrapolated: None
    where no curve reaches so far.
    """
    curves: dict[tuple[str, bool], list[Point]] = {}
    for point in points:
        curves.setdefault((point.colour, point.denoise), []).append(point)
    found = [_on_curve(curve, wanted_db) for curve in curves.values()]
    return min((cost for cost in found if cost is not None), key=lambda cost: cost.seconds, default=None)


def _on_curve(curve: list[Point], wanted_db: float) -> Cost | None:
    curve = sorted(curve, key=lambda point: point.spp)
    if curve[0].psnr_db >= wanted_db:
        return Cost(curve[0].seconds, True)
    for before, after in pairwise(curve):
        if before.psnr_db < wanted_db <= after.psnr_db:
            share = (wanted_db - before.psnr_db) / (after.psnr_db - before.psnr_db)
            return Cost(float(before.seconds * (after.seconds / before.seconds) ** share), False)
    return None
