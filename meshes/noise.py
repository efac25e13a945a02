"""Smooth random fields in space: the variation that skin and hair show at every scale.

Everything is keyed: equal keys and points give equal numbers, whatever was drawn before.
"""

import numba
import numpy as np

_LATTICE = 32  # Fields repeat after 32 cells, too far apart for the eye to notice.


def keyed(key: int, stream: int) -> np.random.Generator:
    """A generator that depends on (key, stream) alone.

    Args:
        key: whose pattern it is, a non-negative integer.
        stream: which pattern of that owner.
    """
    return np.random.Generator(np.random.Philox(key=[key, stream]))


def value_noise(points: np.ndarray, wavelength_m: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Independent smooth fields of zero mean and about unit deviation.

    Random values sit on a cubic lattice and are blended with quintic weights (K. Perlin,
    "Improving noise", 2002), so fields and their slopes are continuous.

    Args:
        points: (N, 3) metres.
        wavelength_m: spacing of the lattice.
        count: number of fields K.
        rng: draws the lattice.

    Returns:
        (K, N) float32.
    """
    lattice = rng.standard_normal((_LATTICE**3, count), dtype=np.float32)
    scaled = points / wavelength_m
    cell = np.floor(scaled)
    return _blended(lattice, cell.astype(np.int64) % _LATTICE, (scaled - cell).astype(np.float32))


@numba.njit(cache=True, nogil=True)
def _blended(lattice: np.ndarray, corner: np.ndarray, s: np.ndarray) -> np.ndarray:
    """(K, N) float32: fields in cells (N, 3) at (N, 3) float32 parts of their sides."""
    one, six, ten, fifteen = np.float32(1.0), np.float32(6.0), np.float32(10.0), np.float32(15.0)
    count = lattice.shape[1]
    out, total = np.zeros((count, len(s)), np.float32), np.zeros(count, np.float32)
    share, index = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int64)
    for n in range(len(s)):
        for a in range(3):
            share[1, a] = s[n, a] * s[n, a] * s[n, a] * (s[n, a] * (s[n, a] * six - fifteen) + ten)
            share[0, a] = one - share[1, a]
            index[0, a], index[1, a] = corner[n, a], (corner[n, a] + 1) % _LATTICE
        total[:] = 0.0
        power = np.float32(0.0)
        for i in range(2):
            for j in range(2):
                for k in range(2):
                    weight = share[i, 0] * share[j, 1] * share[k, 2]
                    row = (index[i, 0] * _LATTICE + index[j, 1]) * _LATTICE + index[k, 2]
                    for c in range(count):
                        total[c] += weight * lattice[row, c]
                    power += weight * weight
        # Blending averages neighbours, which lowers the deviation between lattice points; this restores it.
        for c in range(count):
            out[c, n] = total[c] / np.sqrt(power)
    return out


def smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, a cubic between; falls instead where `low` exceeds `high`."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
