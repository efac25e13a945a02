"""What the kernels share: the compiler's settings, the camera's numbers and the codes of visibility.

Values are frozen into compiled code, so a change here asks for an emptied numba cache.
"""

from math import inf
from typing import NamedTuple

import numba
import numpy as np

NEAR_M = 1e-4
"""Nothing nearer than this along +Z is seen."""

SEEN, HIDDEN, OUTSIDE = 0, 1, 2
"""What a camera makes of a point."""

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
"""No fast-math and no parallel loops: the bits are the same on every machine."""

U = np.uint64
"""Type of an index: a signed one would be checked for "counted from the end" in every inner loop."""


class Lens(NamedTuple):
    """A camera's numbers. `K` in pixels (per metre where orthographic); the rest as in `renderers.lens.Distortion`."""

    fx: float
    fy: float
    cx: float
    cy: float
    height: int
    width: int
    orthographic: bool
    distorted: bool = False
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    reach: float = inf
