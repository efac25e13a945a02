"""The loop of `renderers.resample.through_lens`; its numpy version is `renderers.resample.through_lens_readable`."""

from math import floor

import numpy as np

from renderers.kernels.points import undistorted
from renderers.kernels.terms import U, kernel


@kernel
def _between(picture, u, v, k):
    """Channel k of a picture at image coordinates (u, v), bilinear between pixel centres, its rim repeated outside."""
    height, width = picture.shape[0], picture.shape[1]
    c, r = floor(u - 0.5), floor(v - 0.5)
    a, b = (u - 0.5) - c, (v - 0.5) - r
    c0, c1 = min(max(c, 0), width - 1), min(max(c + 1, 0), width - 1)
    r0, r1 = min(max(r, 0), height - 1), min(max(r + 1, 0), height - 1)
    upper = (1.0 - a) * picture[r0, c0, k] + a * picture[r0, c1, k]
    lower = (1.0 - a) * picture[r1, c0, k] + a * picture[r1, c1, k]
    return (1.0 - b) * upper + b * lower


@kernel
def gather(picture, ideal_lens, lens, scales, scale_of, offsets):
    """The picture as a lens shows it.

    Args:
        picture: (H', W', C) float32, as the pinhole `ideal_lens` shows it.
        ideal_lens, lens: `terms.Lens`.
        scales: (S,) float64, by which some channels are larger.
        scale_of: (C,) int64, which of them each channel has.
        offsets: (n,) float64, places of the sub-samples along either side of a pixel, from its centre.

    Returns:
        (H, W, C) float32.
    """
    height, width, channels = lens.height, lens.width, picture.shape[2]
    result, total = np.zeros((height, width, channels), np.float32), np.zeros(channels)
    for r in range(U(height)):
        for c in range(U(width)):
            total[:] = 0.0
            for s in range(U(len(scales))):
                for i in range(U(len(offsets))):
                    for j in range(U(len(offsets))):
                        x = (c + 0.5 + offsets[j] - lens.cx) / lens.fx / scales[s]
                        y = (r + 0.5 + offsets[i] - lens.cy) / lens.fy / scales[s]
                        if lens.distorted:
                            x, y = undistorted(lens, x, y)
                        u, v = ideal_lens.fx * x + ideal_lens.cx, ideal_lens.fy * y + ideal_lens.cy
                        for k in range(U(channels)):
                            if scale_of[k] == s:
                                total[k] += _between(picture, u, v, k)
            for k in range(U(channels)):
                result[r, c, k] = total[k] / (len(offsets) * len(offsets))
    return result
