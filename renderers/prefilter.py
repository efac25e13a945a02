"""An environment blurred for shading: what matt, skin-like and glossy surfaces receive, by direction.

A blur whose strength depends only on the angle between two directions is, on a latitude-longitude map, a circular
convolution along every pair of rows; it is computed there, in the Fourier domain of the azimuth.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np

from renderers.light import EnvironmentLight, directions, shrink, solid_angles

LEVEL_ROUGHNESS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0)
"""Roughness of the glossy levels; between two of them shading interpolates."""

SKIN_WRAP = (0.22, 0.10, 0.06)
"""How far past the terminator red, green and blue light reach on skin, as the sine of the angle."""

_SMOOTH, _GLOSSY, _SHARP = 65, 97, 257  # Sizes of the octahedral maps; odd, so that the axes are samples.


class Prefiltered(NamedTuple):
    """Octahedral maps of one light, all float32 and linear; a white light of radiance 1 gives 1 everywhere.

    Attributes:
        matt: (n, n, 3) irradiance / pi by normal.
        skin: (n, n, 3) the same, softened at the terminator channel by channel.
        glossy: (levels, m, m, 3) GGX-filtered radiance by mirror direction, at `LEVEL_ROUGHNESS`.
        sharp: (k, k, 3) the radiance itself.
    """

    matt: np.ndarray
    skin: np.ndarray
    glossy: np.ndarray
    sharp: np.ndarray


def prefilter(light: EnvironmentLight) -> Prefiltered:
    """All maps that shading reads."""
    fine, coarse = shrink(light.radiance, 64), shrink(light.radiance, 32)
    skin = [blur(coarse, "wrap", wrap)[..., channel] for channel, wrap in enumerate(SKIN_WRAP)]
    glossy = [blur(fine if rough < 0.4 else coarse, "ggx", rough) for rough in LEVEL_ROUGHNESS]
    return Prefiltered(
        matt=to_octahedral(blur(coarse, "wrap", 0.0), _SMOOTH),
        skin=to_octahedral(np.stack(skin, axis=-1), _SMOOTH),
        glossy=np.stack([to_octahedral(level, _GLOSSY) for level in glossy]),
        sharp=to_octahedral(light.radiance, _SHARP),
    )


def blur(radiance: np.ndarray, lobe: str, width: float) -> np.ndarray:
    """Mean radiance around every direction, weighted by a lobe that depends on the angle alone.

    Args:
        radiance: (h, 2h, 3) float32.
        lobe: a key of `LOBES`.
        width: the lobe's parameter.

    Returns:
        (h, 2h, 3) float32; weights sum to 1, so a constant map stays constant.
    """
    height = radiance.shape[0]
    spectrum = np.fft.rfft(radiance.astype(np.float64), axis=1)
    parts = np.ascontiguousarray(np.concatenate([spectrum.real, spectrum.imag], axis=-1).transpose(1, 0, 2))
    mixed = _mix_rows(_row_spectrum(height, lobe, width), parts).transpose(1, 0, 2)
    return np.fft.irfft(mixed[..., :3] + 1j * mixed[..., 3:], 2 * height, axis=1).astype(np.float32)


def to_octahedral(radiance: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) float32 samples of a (h, 2h, 3) map in the directions of `octahedral_directions`."""
    rows, columns, weights = _bilinear_plan(radiance.shape[0], size)
    return _gather(np.ascontiguousarray(radiance), rows, columns, weights).reshape(size, size, 3)


def octahedral_directions(size: int) -> np.ndarray:
    """(size, size, 3) float64 unit vectors of an octahedral map's samples: row along z, column along x.

    Samples sit on the corners of the grid, so a lookup never leaves the map and folded edges agree; the zenith is in
    the middle, the nadir in the four corners. Source: Cigolle et al., JCGT 3(2), 2014.
    """
    axis = np.linspace(-1.0, 1.0, size)
    u, v = np.meshgrid(axis, axis)
    y = 1.0 - np.abs(u) - np.abs(v)
    fold = np.maximum(-y, 0.0)
    direction = np.stack([u - np.copysign(fold, u), y, v - np.copysign(fold, v)], axis=-1)
    return direction / np.linalg.norm(direction, axis=-1, keepdims=True)


def _wrapped_cosine(cosine: np.ndarray, wrap: float) -> np.ndarray:
    """Lambert's lobe for wrap 0; otherwise it reaches `wrap` past the horizon and falls off with no kink."""
    if wrap == 0:
        return np.maximum(cosine, 0)
    return np.where(cosine > wrap, cosine, np.maximum(cosine + wrap, 0) ** 2 / (4 * wrap))


def _ggx(cosine: np.ndarray, roughness: float) -> np.ndarray:
    """The lobe of GGX with normal = view = mirror direction, alpha = roughness^2 (Karis, SIGGRAPH 2013 course)."""
    alpha2 = roughness**4
    cos2_half = (1 + cosine) / 2
    return np.maximum(cosine, 0) / (cos2_half * (alpha2 - 1) + 1) ** 2


def _gaussian(cosine: np.ndarray, sigma_rad: float) -> np.ndarray:
    """A Gaussian of the angle."""
    return np.exp(-0.5 * (np.arccos(np.clip(cosine, -1, 1)) / sigma_rad) ** 2)


LOBES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "wrap": _wrapped_cosine,
    "ggx": _ggx,
    "gaussian": _gaussian,
}
"""Lobes of `blur` by name; each maps the cosine of the angle and a width to a weight."""


@lru_cache(maxsize=64)
def _row_spectrum(height: int, lobe: str, width: float) -> np.ndarray:
    """(height + 1, height, height) float64: for each frequency, how row s adds to row r."""
    vectors = directions(height)
    cosine = np.einsum("rk,sck->rsc", vectors[:, 0], vectors)
    weight = LOBES[lobe](cosine, width) * solid_angles(height)[None]
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    # The lobe is even in the azimuth difference, so its spectrum is real.
    return np.ascontiguousarray(np.fft.rfft(weight, axis=2).real.transpose(2, 0, 1))


@numba.njit(cache=True, nogil=True)
def _mix_rows(weight: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """out[f, r] = sum over s of weight[f, r, s] * parts[f, s], in that order on every machine."""
    out = np.zeros_like(parts)
    for f in range(parts.shape[0]):
        for r in range(parts.shape[1]):
            for s in range(parts.shape[1]):
                for c in range(6):
                    out[f, r, c] += weight[f, r, s] * parts[f, s, c]
    return out


@lru_cache(maxsize=16)
def _bilinear_plan(height: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (n, 2), columns (n, 2) and weights (n, 2, 2) that sample a map in the octahedral directions."""
    direction = octahedral_directions(size).reshape(-1, 3)
    row = np.arccos(np.clip(direction[:, 1], -1, 1)) / np.pi * height - 0.5
    column = np.arctan2(direction[:, 0], direction[:, 2]) / np.pi * height - 0.5
    r, c = np.floor(row).astype(np.int32), np.floor(column).astype(np.int32)
    t, s = row - r, column - c
    weights = np.stack([np.stack([(1 - t) * (1 - s), (1 - t) * s], 1), np.stack([t * (1 - s), t * s], 1)], 1)
    rows = np.clip(np.stack([r, r + 1], axis=1), 0, height - 1)
    columns = np.stack([c, c + 1], axis=1) % (2 * height)
    return rows, columns, weights.astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _gather(radiance: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    out = np.zeros((rows.shape[0], 3), np.float32)
    for i in range(rows.shape[0]):
        for a in range(2):
            for b in range(2):
                texel = radiance[rows[i, a], columns[i, b]]
                for c in range(3):
                    out[i, c] += weights[i, a, b] * texel[c]
    return out
