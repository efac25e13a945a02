"""Random patterns at a point, box-filtered to the width of a sample: value noise, bars and leaves.

Everything depends on whole-number keys alone; `w` is always the width in metres that one sample covers.
"""

import math

import numba

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")


@kernel
def hashed(i: int, j: int, k: int, seed: int) -> float:
    """A number in [0, 1) for a cell of a lattice. The mixing is that of C. Wellons' "lowbias32" (2018)."""
    x = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791) ^ (seed * 40503)
    x &= 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return (x ^ (x >> 16)) / 4294967296.0


@kernel
def noise(x: float, y: float, z: float, seed: int) -> float:
    """Smooth noise in [-1, 1] on the unit lattice, quintic between (K. Perlin, "Improving noise", 2002)."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    a, b, c = x - i, y - j, z - k
    a, b, c = _ease(a), _ease(b), _ease(c)
    total = 0.0
    for corner in range(8):
        di, dj, dk = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (a if di else 1 - a) * (b if dj else 1 - b) * (c if dk else 1 - c)
        total += weight * hashed(int(i) + di, int(j) + dj, int(k) + dk, seed)
    return 2.0 * total - 1.0


@kernel
def _ease(t: float) -> float:
    return t * t * t * (t * (t * 6 - 15) + 10)


@kernel
def cloudy(x: float, y: float, z: float, octaves: int, w: float, seed: int) -> float:
    """Noise of wavelength 1 and finer, each octave half as strong; what is finer than the sample fades away."""
    total, strength = 0.0, 1.0
    for octave in range(octaves):
        keep = min(max(1.5 - 2.0 * w, 0.0), 1.0)
        if keep <= 0:
            break
        total += keep * strength * noise(x, y, z, seed + octave)
        x, y, z, w, strength = 2 * x + 7.3, 2 * y + 1.7, 2 * z + 3.1, 2 * w, 0.5 * strength
    return total


@kernel
def bars(x: float, period: float, width: float, w: float) -> float:
    """Share of the sample around x that bars cover: from every multiple of `period` on, `width` wide."""
    return min(max((_bars_until(x + w / 2, period, width) - _bars_until(x - w / 2, period, width)) / w, 0.0), 1.0)


@kernel
def _bars_until(x: float, period: float, width: float) -> float:
    whole = math.floor(x / period)
    return whole * width + min(x - whole * period, width)


@kernel
def within(distance: float, w: float) -> float:
    """Share of a sample inside an edge that lies `distance` away (negative: outside)."""
    return min(max(0.5 + distance / w, 0.0), 1.0)


@kernel
def leaves(u: float, v: float, size: float, seed: int, w: float, full: float) -> tuple[float, float, float]:
    """Leaves strewn over a plane, in a share `full` of its cells.

    Returns:
        share of the sample that is leaf, how the leaf is turned to the light in [0, 1], its tint in [0, 1].
    """
    u, v, w = u / size, v / size, w / size
    i, j = math.floor(u), math.floor(v)
    best, turned, tint = 0.0, 0.5, 0.5
    if w > 1.2:
        # Too far to tell leaves apart: clumps remain.
        clump = full + 0.5 * hashed(i // 2, j // 2, 5, seed) + 0.3 * hashed(i, j, 7, seed) - 0.4
        return clump, 0.3 + 0.4 * hashed(i // 2, j // 2, 6, seed), 0.5
    top = -1.0
    for di in range(-1, 2):
        for dj in range(-1, 2):
            a, b = i + di, j + dj
            order = hashed(a, b, 0, seed)
            if order <= top or hashed(a, b, 5, seed) > full:
                continue
            angle = 6.2831853 * hashed(a, b, 3, seed)
            x, y = u - a - hashed(a, b, 1, seed), v - b - hashed(a, b, 2, seed)
            along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
            length = 0.62 + 0.25 * order
            half = 0.36 * max(1 - (along / length) ** 2, 0.0)
            share = within(half - abs(across), w + 0.02) if abs(along) < length else 0.0
            if share > 0.5 or (share > best and best < 0.5):
                best, top = share, order
                turned = 0.5 + 0.5 * math.sin(angle + 2.0 * order) * (1 - 0.5 * abs(across) / 0.36)
                tint = hashed(a, b, 4, seed)
    return best, turned, tint
