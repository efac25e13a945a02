"""The relief of one person's skin, finer than the mesh: pores, folds, lip furrows, blemishes; and where it is oily.

Relief maps have the layout of `meshes.surface.Material.relief`; heights are metres along the normal.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
from PIL import Image

from meshes.atlas import SHAPE
from meshes.elementary import exp, norm
from meshes.folds import face_folds
from meshes.grains import grains, spots
from meshes.noise import keyed, value_noise
from meshes.skin_chart import face_chart, stroke, texel_points, texel_values
from meshes.skin_regions import SkinTemplate, blob

STEP_M = 2e-6
"""Rise from texel to texel of one code, as `Material.relief` defines."""

_LIP_MM = 0.9  # Mean distance of the furrows on lips.


@lru_cache(maxsize=2)
def shared_pores(template: SkinTemplate) -> np.ndarray:
    """SHAPE float32: pores, down to -1, and the fine network between them; the same for everybody."""
    seats, (rows, columns) = grains(template), SHAPE
    field = np.zeros(rows * columns, np.float32)
    near = blob(seats.point, (0.0, -36.0, 34.0), (17.0, 17.0, 30.0)) + 0.7 * blob(
        seats.point, (24.0, -28.0, 24.0), (13.0, 13.0, 22.0)
    )
    depth = (0.25 + 0.5 * near + 0.35 * seats.rank) * seats.bare
    (xx, xy, yy), kept = (values.T for values in spots(seats.metric, 0.22))
    column, row = np.floor(seats.texel).astype(np.int64).T
    for dy, dx in np.ndindex(3, 3):
        x, y = column + dx - 0.5 - seats.texel[:, 0], row + dy - 0.5 - seats.texel[:, 1]
        pore = depth * kept * exp(-0.5 * (xx * x * x + 2.0 * xy * x * y + yy * y * y))
        at = np.clip(row + dy - 1, 0, rows - 1) * columns + np.clip(column + dx - 1, 0, columns - 1)
        field += np.bincount(at, pore, rows * columns).astype(np.float32)
    pores = (_network(template) - np.clip(field, 0.0, 1.0)).reshape(SHAPE)
    pores.setflags(write=False)
    return pores


def _network(template: SkinTemplate) -> np.ndarray:
    """(texels,) float32: unevenness of the face between pores, which breaks its highlights up."""
    chart, out = face_chart(template), np.zeros(SHAPE[0] * SHAPE[1], np.float32)
    points = texel_points(template).reshape(-1, 3)[chart.texel].astype(np.float64)
    fine, finer = (value_noise(points, scale_m, 1, keyed(0, 43))[0] for scale_m in (1.5e-3, 0.9e-3))
    smooth = 1.0 - texel_values(template, np.maximum(template.masks["lips"], 0.7 * template.masks["eyelids"]))
    out[chart.texel] = (0.42 * fine + 0.34 * finer) * smooth.reshape(-1)[chart.texel]
    return out


@lru_cache(maxsize=2)
def _zones(template: SkinTemplate) -> tuple[np.ndarray, np.ndarray]:
    """Two maps SHAPE float32 in [0, 1]: where skin is oily (forehead, nose, chin, cheekbones), and the lips."""
    points = texel_points(template)
    skin = np.flatnonzero(~np.isnan(points[..., 0]))
    p = points.reshape(-1, 3)[skin]
    oily = blob(p, (0.0, -32.0, 36.0), (11.0, 20.0, 20.0)) + 0.8 * blob(p, (0.0, 42.0, 25.0), (30.0, 18.0, 25.0))
    oily = oily + 0.6 * blob(p, (0.0, -98.0, 20.0), (13.0, 9.0, 15.0))
    oily = oily + 0.7 * blob(p, (41.0, -18.0, 12.0), (13.0, 9.0, 20.0))
    maps = np.zeros((2, SHAPE[0] * SHAPE[1]), np.float32)
    maps[0, skin] = np.clip(oily, 0.0, 1.0)
    maps[1] = texel_values(template, template.masks["lips"]).reshape(-1)
    return maps[0].reshape(SHAPE), maps[1].reshape(SHAPE)

    return texel_values(template, template.masks["lips"]).reshape(-1)[skin]


@lru_cache(maxsize=2)
def _lip_furrows(template: SkinTemplate) -> np.ndarray:
    """(4, SHAPE) float32 of unit size: fields that vary across the mouth far faster than along the furrows."""
    _, lips = _zones(template)
    at = np.flatnonzero(lips.reshape(-1) > 0.02)
    p = texel_points(template).reshape(-1, 3)[at].astype(np.float64)
    # Furrows fan out from the middle of the mouth.
    fan = np.stack([p[:, 0] / (1.0 + 6.0 * np.abs(p[:, 1] + 0.067)), 0.12 * p[:, 1], 0.0 * p[:, 2]], axis=1)
    fields = value_noise(fan, _LIP_MM * 1e-3, 4, keyed(0, 41))
    out = np.zeros((4, SHAPE[0] * SHAPE[1]), np.float32)
    out[:, at] = fields * lips.reshape(-1)[at]
    return out.reshape(4, *SHAPE)


class FoldMaps(NamedTuple):
    """What folds do to the skin, SHAPE float32 each.

    Attributes:
        depth_m: of grooves.
        ridge_m: height of ridges.
        shade: how much of the light the groove keeps out, in absorbances: a narrow one more than a wide one.
    """

    depth_m: np.ndarray
    ridge_m: np.ndarray
    shade: np.ndarray


def fold_maps(template: SkinTemplate, look: Mapping[str, float]) -> FoldMaps:
    """The folds of one person."""
    chart, maps = face_chart(template), np.zeros((3, SHAPE[0] * SHAPE[1]), np.float32)
    for line_mm, width_mm, depth_um in face_folds(look):
        ridge = depth_um.sum() < 0
        stroke(maps[int(ridge)], chart, line_mm, width_mm, 1e-6 * np.abs(depth_um))
        if not ridge:
            stroke(maps[2], chart, line_mm, width_mm, 1.5e-3 * depth_um / (1.0 + 1.8 * width_mm**2))
    return FoldMaps(*maps.reshape(3, *SHAPE))


def skin_relief(template: SkinTemplate, look: Mapping[str, float], folds: FoldMaps) -> np.ndarray:
    """One person's relief map.

    Args:
        template: the canonical head.
        look: from `sample_look`.
        folds: from `fold_maps`.

    Returns:
        (1408, 744, 3) uint8.
    """
    oily, lips = _zones(template)
    weights = keyed(int(look["seed"]), 42).standard_normal(4).astype(np.float32)
    furrows = np.einsum("k,khw->hw", weights / norm(weights), _lip_furrows(template))
    height = np.float32(look["pores"] * 85e-6) * shared_pores(template) - folds.depth_m + folds.ridge_m
    height -= np.float32(look["lip_furrows"] * 150e-6) * np.abs(furrows)
    film = np.float32(look["oil"]) * (np.float32(0.30) + np.float32(0.70) * oily)
    film = film + np.float32(0.15 + 0.3 * look["lip_gloss"]) * lips
    return _coded(height, film)


def at_size(relief: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(rows, columns, 3) uint8: the same relief as a map of another size; rises per texel shrink as texels do."""
    larger = np.asarray(Image.fromarray(relief).resize((columns, rows), Image.Resampling.BILINEAR), np.float32)
    rise = (larger[..., :2] - 128.0) * np.array([relief.shape[1] / columns, relief.shape[0] / rows], np.float32)
    return np.concatenate([np.rint(128.0 + rise), larger[..., 2:]], axis=2).clip(0.0, 255.0).astype(np.uint8)


@numba.njit(cache=True, nogil=True)
def _coded(height: np.ndarray, film: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) uint8 of a height in metres, by central differences, and a film's share in [0, 1]."""
    rows, columns = height.shape
    out = np.full((rows, columns, 3), 128, np.uint8)
    scale = np.float32(0.5 / STEP_M)
    for r in range(1, rows - 1):
        for c in range(1, columns - 1):
            along = np.float32(128.5) + (height[r, c + 1] - height[r, c - 1]) * scale
            down = np.float32(128.5) + (height[r + 1, c] - height[r - 1, c]) * scale
            out[r, c, 0] = np.uint8(min(max(along, np.float32(0)), np.float32(255)))
            out[r, c, 1] = np.uint8(min(max(down, np.float32(0)), np.float32(255)))
            out[r, c, 2] = np.uint8(min(max(film[r, c], np.float32(0)), np.float32(1)) * np.float32(255))
    return out
