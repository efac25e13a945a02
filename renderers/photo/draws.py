"""Numbers for sampling: scrambled Sobol' points, a pure function of pixel, path and dimension.

Paths of one pixel share every pair of dimensions out evenly; pixels and pairs know nothing of each other.
"""

from typing import Any

import drjit as dr
import mitsuba as mi

BITS = 16
"""Paths a pixel are told apart by this many bits."""


def pair(key: Any, index: Any, dimension: Any) -> Any:
    """Two numbers in [0, 1) a lane: point `index` of the two-dimensional Sobol' sequence, shuffled and scrambled.

    Source: Burley, "Practical Hash-based Owen Scrambling", JCGT 9(4), 2020.

    Args:
        key: UInt32 of the pixel; `index`: UInt32 number of the path; `dimension`: which pair of the path.
    """
    seed = mixed(key ^ mixed(mi.UInt32(dimension) + 1))
    number = dr.brev(_permuted(dr.brev(index), seed)) & ((1 << BITS) - 1)
    first = dr.brev(_permuted(number, mixed(seed ^ 0x9E3779B9)))
    second = dr.brev(_permuted(dr.brev(_second(number)), mixed(seed ^ 0x7F4A7C15)))
    return mi.Point2f(_unit(first), _unit(second))


def mixed(x: Any) -> Any:
    """UInt32 hash of UInt32: each bit of the input turns half of the output's.

    Source: the finalizer of Appleby's MurmurHash3.
    """
    # Dr.Jit's `^=` would change the caller's array.
    x = (x ^ (x >> 16)) * 0x85EBCA6B
    x = (x ^ (x >> 13)) * 0xC2B2AE35
    return x ^ (x >> 16)


def _permuted(x: Any, seed: Any) -> Any:
    """Each bit turned by a hash of the bits below it: Owen's scrambling of mirrored bits.

    Source: Laine & Karras, "Stratified Sampling for Stochastic Transparency", EGSR 2011, with Burley's constants.
    """
    x = x + seed
    for constant in (0x6C50B47C, 0xB82F1E52, 0xC7AFE638, 0x8D22F6E6):
        x = x ^ (x * constant)
    return x


def _second(number: Any) -> Any:
    """Second coordinate of Sobol' point `number` (the first is its mirrored bits), as 32 bits."""
    result, direction = mi.UInt32(0), 1 << 31
    for bit in range(BITS):
        result ^= dr.select((number >> bit) & 1 != 0, mi.UInt32(direction), 0)
        direction ^= direction >> 1
    return result


def _unit(bits: Any) -> Any:
    """[0, 1) of the upper 24 bits, which float32 holds exactly."""
    return mi.Float(bits >> 8) * (2.0**-24)
