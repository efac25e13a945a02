"""Smaller versions of a texture, so that a pixel reads about one texel: averaged in linear light, stored as sRGB.

The halving kernel is compiled because every new person brings a texture; `halved_twin` says what it computes.
"""

import numba
import numpy as np

from meshes.srgb import FIRST_CODE, LINEAR_OF_CODE, THRESHOLDS, code_of
from renderers.srgb import decode, encode


def chain_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Heights and widths of the maps of a chain, largest first."""
    shapes = [(height, width)]
    while min(shapes[-1]) >= 8:
        shapes.append((shapes[-1][0] // 2, shapes[-1][1] // 2))
    return shapes


def mip_chain(texture: np.ndarray) -> tuple[np.ndarray, ...]:
    """(h, w, 3) uint8 sRGB maps, each half the size of the one before, averaged in linear light; 4 texels at least."""
    chain = [texture]
    for _ in chain_shapes(*texture.shape[:2])[1:]:
        chain.append(_halve(np.ascontiguousarray(chain[-1]), LINEAR_OF_CODE, THRESHOLDS, FIRST_CODE))
    return tuple(chain)


def relief_chain(relief: np.ndarray) -> tuple[np.ndarray, ...]:
    """(h, w, 3) uint8 relief maps, each half the size of the one before, codes averaged; 4 texels at least.

    A texel of every level keeps the rise per texel of the first.
    """
    chain = [relief]
    for _ in chain_shapes(*relief.shape[:2])[1:]:
        chain.append(_mean_of_four(np.ascontiguousarray(chain[-1])))
    return tuple(chain)


def halved_twin(texture: np.ndarray) -> np.ndarray:
    """The next level (h // 2, w // 2, 3) of a texture, readable; an odd last row or column is left out."""
    height, width = (side // 2 * 2 for side in texture.shape[:2])
    quads = decode(texture[:height, :width])
    return encode((quads[::2, ::2] + quads[1::2, ::2] + quads[::2, 1::2] + quads[1::2, 1::2]) / np.float32(4))


@numba.njit(cache=True, nogil=True)
def _halve(
    texture: np.ndarray, linear_of_code: np.ndarray, thresholds: np.ndarray, first_code: np.ndarray
) -> np.ndarray:
    height, width = texture.shape[0] // 2, texture.shape[1] // 2
    half = np.zeros((height, width, 3), np.uint8)
    for r in range(height):
        for c in range(width):
            for k in range(3):
                upper = linear_of_code[texture[2 * r, 2 * c, k]] + linear_of_code[texture[2 * r + 1, 2 * c, k]]
                left = upper + linear_of_code[texture[2 * r, 2 * c + 1, k]]
                mean = (left + linear_of_code[texture[2 * r + 1, 2 * c + 1, k]]) / np.float32(4)
                half[r, c, k] = code_of(mean, thresholds, first_code)
    return half


@numba.njit(cache=True, nogil=True)
def _mean_of_four(relief: np.ndarray) -> np.ndarray:
    height, width = relief.shape[0] // 2, relief.shape[1] // 2
    half = np.zeros((height, width, 3), np.uint8)
    for r in range(height):
        for c in range(width):
            for k in range(3):
                upper = np.int32(relief[2 * r, 2 * c, k]) + np.int32(relief[2 * r, 2 * c + 1, k])
                lower = np.int32(relief[2 * r + 1, 2 * c, k]) + np.int32(relief[2 * r + 1, 2 * c + 1, k])
                half[r, c, k] = (upper + lower + 2) >> 2
    return half
