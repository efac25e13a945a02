"""A bundle of strands in the frame of the canonical head: what growing gives and ribbons are made of."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Strands:
    """N strands of S points each, root first.

    Attributes:
        path: (N, S, 3) float64 metres.
        outward: (N, S, 3) float64, unit, away from the skin.
        half_width_m: (N,) float64, of the ribbon.
        shade: (N,) float64, factor on the colour.
        root_face: (N,) int64 face of the skin template that it grows from, -1 where it grows from none.
        root_weight: (N, 3) float64 of the face's corners.
    """

    path: np.ndarray
    outward: np.ndarray
    half_width_m: np.ndarray
    shade: np.ndarray
    root_face: np.ndarray
    root_weight: np.ndarray
