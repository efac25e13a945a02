"""Arrays that are equal to others by what they hold: what was found out about one is remembered for its like."""

import hashlib

import numpy as np


class ByContent:
    """An array as a key.

    Attributes:
        array: as it was given, in rows without gaps.
    """

    def __init__(self, array: np.ndarray):
        self.array = np.ascontiguousarray(array)
        self._key = (
            self.array.shape,
            self.array.dtype.str,
            hashlib.blake2b(self.array.data, digest_size=16).digest(),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByContent) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)
