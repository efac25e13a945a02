"""A smooth picture from few of its pixels: linear in between.

Its own file: numba renews a cached kernel when its own file changes.
"""

import numba
import numpy as np

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
f32 = np.float32


@kernel
def stretch(knots, height, width, step):
    """(height, width, 3) float32: linear between knots (n, m, 3) that lie `step` pixels apart from pixel (0, 0)."""
    out = np.zeros((height, width, 3), f32)
    for r in range(height):
        i, t = r // step, f32(r % step) / f32(step)
        for c in range(width):
            j, s = c // step, f32(c % step) / f32(step)
            for k in range(3):
                upper = knots[i, j, k] + s * (knots[i, j + 1, k] - knots[i, j, k])
                lower = knots[i + 1, j, k] + s * (knots[i + 1, j + 1, k] - knots[i + 1, j, k])
                out[r, c, k] = upper + t * (lower - upper)
    return out
