"""Numbers on their way to Dr.Jit.

It compiles into a kernel how each array lies in memory; arrays that always lie alike let compiled kernels be reused.
"""

import numpy as np
from numpy.typing import DTypeLike

BOUNDARY = 64
"""Bytes at a multiple of which every array begins."""


def aligned(values: np.ndarray, dtype: DTypeLike = np.float32) -> np.ndarray:
    """A flat copy of an array that begins at a multiple of 64 bytes."""
    flat: np.ndarray = np.asarray(values, dtype).ravel()
    room = np.zeros(flat.nbytes + BOUNDARY, np.uint8)
    start = -room.ctypes.data % BOUNDARY
    placed: np.ndarray = room[start : start + flat.nbytes].view(dtype)
    placed[:] = flat
    return placed
