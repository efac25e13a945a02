"""Smooth random fields in space: the variation that skin and hair show at every scale.

Everything is keyed: equal keys and points give equal numbers, whatever was drawn before.
"""

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
    cell = np.floor(points / wavelength_m)
    s = (points / wavelength_m - cell).astype(np.float32)
    t = s * s * s * (s * (s * np.float32(6.0) - np.float32(15.0)) + np.float32(10.0))
    corner = cell.astype(np.int64) % _LATTICE
    total = np.zeros((len(points), count), np.float32)
    power = np.zeros((len(points), 1), np.float32)
    for step in np.ndindex(2, 2, 2):
        weight = np.where(np.array(step) == 1, t, 1.0 - t).prod(axis=1)[:, None]
        x, y, z = ((corner + step) % _LATTICE).T
        total += weight * lattice[(x * _LATTICE + y) * _LATTICE + z]
        power += weight * weight
    # Blending averages neighbours, which lowers the deviation between lattice points; this restores it.
    return np.ascontiguousarray((total / np.sqrt(power)).T)


def smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, a cubic between; falls instead where `low` exceeds `high`."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
