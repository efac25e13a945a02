"""Detail finer than the mesh, as a texture: pores, freckles, moles, brow hairs, stubble, hair roots.

Plain skin is white in it: it multiplies the colours of the mesh, and can only darken them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from meshes.atlas import SHAPE
from meshes.elementary import exp, solve
from meshes.grains import Grains, grains, grains_by_zone, spots, texels
from meshes.hair.face import BROW_DARKEST, brow_curves
from meshes.hair.hairline import hair_inside
from meshes.noise import keyed, smooth_step, value_noise
from meshes.skin_regions import SHORTEST_M, SkinTemplate
from meshes.srgb import encode

_PIMPLE, _AGE_SPOT = np.array([0.80, 0.36, 0.36]), np.array([0.55, 0.38, 0.28])


@dataclass(frozen=True, eq=False)
class _Canvas:
    """A texture being drawn, (1408, 744, 3) uint8, and the plain skin below it."""

    texture: np.ndarray
    plain: np.ndarray


@numba.njit(cache=True, nogil=True)
def _stamp_kernel(  # type: ignore[no-untyped-def]
    texture, plain, texel, form, depth, target
):
    """Lowers texels towards `target` by depth * (1 - form / 6)^3, which is close to a Gaussian and ends."""
    end = np.float32(6.0)
    rows, columns = texture.shape[:2]
    for i in range(len(texel)):
        xx, xy, yy = form[i]
        area = xx * yy - xy * xy
        wide, high = np.sqrt(end * yy / area), np.sqrt(end * xx / area)
        x, y = texel[i]
        for r in range(max(0, int(y - high)), min(rows, int(y + high) + 1)):
            for c in range(max(0, int(x - wide)), min(columns, int(x + wide) + 1)):
                dx, dy = np.float32(c + 0.5) - x, np.float32(r + 0.5) - y
                left = np.float32(1.0) - (xx * dx * dx + np.float32(2.0) * xy * dx * dy + yy * dy * dy) / end
                if left > 0.0:
                    opacity = depth[i] * left * left * left
                    for k in range(3):
                        value = plain[r, c, k] + opacity * (target[k] - plain[r, c, k])
                        texture[r, c, k] = min(texture[r, c, k], np.uint8(value))


def _stamp(
    canvas: _Canvas, seats: Grains, chosen: np.ndarray, depth: np.ndarray, radius_mm: float, ratio: np.ndarray
) -> None:
    """Darkens round spots, in place. The darkest spot wins, so the order of spots does not matter.

    Args:
        canvas: what to draw on.
        seats, chosen: (N,) indices of the grains that are the centres.
        depth: (N,) opacity of the centres in [0, 1].
        radius_mm: Gaussian deviation on the skin.
        ratio: (3,) colour of the spot over that of the skin.
    """
    form, kept = spots(seats.metric[chosen], radius_mm)
    depth = (np.clip(depth, 0.0, 1.0) * kept).astype(np.float32)
    _stamp_kernel(canvas.texture, canvas.plain, seats.texel[chosen], form, depth, _target(ratio))


def _target(ratio: np.ndarray) -> np.ndarray:
    """(3,) float32 texture value, 0 to 255, of something whose albedo is `ratio` times the skin's."""
    return encode(ratio).astype(np.float32)


def _base(template: SkinTemplate) -> np.ndarray:
    """(1408, 744, 3) uint8: even skin with pores and fine lines, the same for everybody."""
    seats, (rows, columns) = grains(template), SHAPE
    field = np.zeros(rows * columns, np.float32)
    tone = 0.035 * value_noise(seats.point, 0.0011, 1, keyed(0, 3))[0]
    nose = exp(-0.5 * (((seats.point - (0.0, -0.035, 0.030)) / (0.020, 0.022, 0.030)) ** 2).sum(axis=1))
    depth = (0.02 + 0.05 * nose + 0.025 * seats.rank) * seats.bare
    (xx, xy, yy), kept = (values.T for values in spots(seats.metric, 0.28))
    column, row = np.floor(seats.texel).astype(np.int64).T
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            x, y = column + dx + 0.5 - seats.texel[:, 0], row + dy + 0.5 - seats.texel[:, 1]
            pore = 1.5 * (tone - depth) * kept * exp(-0.5 * (xx * x * x + 2.0 * xy * x * y + yy * y * y))
            at = np.clip(row + dy, 0, rows - 1) * columns + np.clip(column + dx, 0, columns - 1)
            field += np.bincount(at, pore, rows * columns).astype(np.float32)
    # Blood shows where the surface is thin, so detail is a little stronger in green and blue.
    gain = np.array([0.8, 1.0, 1.1], np.float32)
    linear = exp(np.clip(field, -0.35, 0.0)[:, None] * gain)
    return encode(linear).reshape(rows, columns, 3)


@lru_cache(maxsize=2)
def _shared_base(template: SkinTemplate) -> np.ndarray:
    base = _base(template)
    base.setflags(write=False)
    return base


def skin_texture(
    template: SkinTemplate,
    look: Mapping[str, float],
    tone: np.ndarray,
    hair: np.ndarray,
    folds: np.ndarray | None = None,
) -> np.ndarray:
    """One person's detail, to be multiplied by `paint`.

    Args:
        template: the canonical head.
        look: from `sample_look`.
        tone, hair: (3,) linear albedo of skin and hair.
        folds: SHAPE float32 absorbance of folds (`skin_relief.FoldMaps.shade`); None for smooth skin.

    Returns:
        (1408, 744, 3) uint8 sRGB; plain skin is white.
    """
    plain = _shared_base(template)
    canvas = _Canvas(plain.copy(), plain)
    if folds is not None:
        _darken_folds(canvas.texture, folds)
    _blemishes(canvas, template, look)
    _freckles(canvas, template, look)
    _stubble(canvas, template, look, hair / tone)
    _roots(canvas, template, look, hair / tone)
    # Brows stay darker than skin, even where age has turned them grey.
    _brows(canvas, template, look, np.minimum(np.maximum(hair, BROW_DARKEST) / tone, 0.6))
    return canvas.texture


def _darken_folds(texture: np.ndarray, shade: np.ndarray) -> None:
    """Little light reaches the bottom of a fold, and what leaves it has met the skin twice, which reddens it."""
    deep = np.flatnonzero(shade > 0.01)
    codes = texture.reshape(-1, 3)
    codes[deep] = codes[deep] * exp(-shade.reshape(-1)[deep, None] * np.array([0.42, 0.62, 0.66]))


def _blemishes(canvas: _Canvas, template: SkinTemplate, look: Mapping[str, float]) -> None:
    """Red spots of young skin, brown ones of old skin."""
    seats, rng = grains_by_zone(template)["face"], keyed(int(look["seed"]), 24)
    strength = 1.0 - 0.5 * look["melanin"]
    red = rng.integers(len(seats.rank), size=int(26 * look["blemishes"]))
    for radius_mm, chosen in ((1.0, red), (0.5, red[::2])):
        _stamp(canvas, seats, chosen, rng.uniform(0.15, 0.5, len(chosen)) * strength, radius_mm, _PIMPLE)
    brown = rng.integers(len(seats.rank), size=int(30 * look["age_spots"]))
    radii = rng.choice([0.9, 1.5, 2.2], len(brown))
    depth = rng.uniform(0.12, 0.42, len(brown)) * seats.bare[brown]
    for radius_mm in (0.9, 1.5, 2.2):
        _stamp(canvas, seats, brown[radii == radius_mm], depth[radii == radius_mm], radius_mm, _AGE_SPOT)


@lru_cache(maxsize=2)
def _freckle_share(template: SkinTemplate) -> np.ndarray:
    """(face grains,) float32: how likely a grain is a freckle; most on the bridge of the nose and beside it."""
    seats = grains_by_zone(template)["face"]
    away = (np.abs(seats.point) - (0.022, 0.025, 0.020)) / (0.026, 0.022, 0.040)
    return (0.05 * (0.12 + exp(-0.5 * (away**2).sum(axis=1))) * seats.bare).astype(np.float32)


def _freckles(canvas: _Canvas, template: SkinTemplate, look: Mapping[str, float]) -> None:
    seats, rng = grains_by_zone(template)["face"], keyed(int(look["seed"]), 20)
    share = look["freckles"] * _freckle_share(template) * exp(0.7 * seats.patches(rng))
    chosen = np.flatnonzero(np.roll(seats.rank, int(rng.integers(len(share)))) < share)
    depth = rng.uniform(0.10, 0.55, len(chosen))
    ratio = np.array([0.66, 0.47, 0.36]) ** (1.0 - 0.5 * look["melanin"])
    small = seats.vigour[chosen] < 0.7
    for size, radius_mm in ((small, 0.4), (~small, 0.7)):
        _stamp(canvas, seats, chosen[size], depth[size], radius_mm, ratio)
    moles = rng.integers(len(share), size=int(look["moles"]))
    _stamp(canvas, seats, moles, rng.uniform(0.5, 0.9, len(moles)) * seats.bare[moles], 0.8, ratio**1.8)


def _stubble(canvas: _Canvas, template: SkinTemplate, look: Mapping[str, float], ratio: np.ndarray) -> None:
    if look["stubble"] < 0.02:
        return
    seats = grains_by_zone(template)["beard"]
    hairs = np.flatnonzero(seats.rank < 0.75 * seats.beard * look["stubble"] ** 0.5)
    depth = (0.10 + 0.45 * look["stubble"]) * (0.5 + seats.vigour[hairs])
    _stamp(canvas, seats, hairs, depth, 0.3, ratio)


def _roots(canvas: _Canvas, template: SkinTemplate, look: Mapping[str, float], ratio: np.ndarray) -> None:
    """Hairs where they leave the scalp; a shaved head keeps a shadow of them."""
    seats, length_m = grains_by_zone(template)["scalp"], look["hair_length_m"]
    full, receded = seats.hair.T
    hair = hair_inside(seats.point, full + look["hair_recede"] * (receded - full), look)
    ragged = 0.0015 * seats.patches(keyed(int(look["seed"]), 21))
    share = smooth_step(hair + ragged, -0.001, 0.016) * (1.0 - seats.ears) * min(1.0, 0.45 + length_m / 0.003)
    open_to_view = hair < (0.030 if length_m >= SHORTEST_M else 1.0)  # Strands cover the rest.
    roots = np.flatnonzero((seats.rank < share) & open_to_view)
    depth = min(0.9, 0.22 + length_m / 0.003) * (0.4 + 0.6 * seats.vigour[roots])
    _stamp(canvas, seats, roots, depth, 0.28 + 0.17 * min(1.0, length_m / 0.004), ratio)


@lru_cache(maxsize=2)
def _brow_chart(template: SkinTemplate) -> tuple[np.ndarray, np.ndarray]:
    """Two (10, 2) cubics, left and right brow: (x, y) in centimetres to texel coordinates.

    The brow lies on one smooth patch of the atlas, where a cubic is within a fifth of a millimetre.
    """
    p = template.rest
    near = (p[:, 1] > -0.002) & (p[:, 1] < 0.028) & (p[:, 2] > -0.015) & (template.normal[:, 2] > 0.1)
    charts = []
    for side in (1.0, -1.0):
        chosen = near & (side * p[:, 0] > 0.002) & (side * p[:, 0] < 0.062) & (template.masks["face"] > 0.5)
        terms, texel = _cubic(p[chosen, 0], p[chosen, 1]), texels(template.uv[chosen])
        normal, right = np.einsum("ni,nj->ij", terms, terms), np.einsum("ni,nk->ki", terms, texel)
        charts.append(np.stack([solve(normal, column) for column in right], axis=1))
    return charts[0], charts[1]


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = 100.0 * x, 100.0 * y
    one = np.ones_like(x)
    powers_x, powers_y = (one, x, x * x, x * x * x), (one, y, y * y, y * y * y)
    return np.stack([powers_x[i] * powers_y[j] for i in range(4) for j in range(4 - i)], axis=-1)


def _brow_shade(look: Mapping[str, float], side: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points x, y (hairs, steps) in metres along the hairs of one brow, and their opacity."""
    x, y = brow_curves(look, side, int(190 + 330 * look["brow_density"]), 26)
    t = np.linspace(0.0, 1.0, 26)
    opacity = 0.8 * np.minimum(1.0, 2.2 * (1.0 - t)) * np.minimum(1.0, 0.4 + 4.0 * t)
    return x, y, np.broadcast_to(opacity, x.shape)


def _brows(canvas: _Canvas, template: SkinTemplate, look: Mapping[str, float], ratio: np.ndarray) -> None:
    """The shade of the brows on the skin below; the hairs themselves are strands."""
    if look["brow_density"] <= 0.0:  # A photographed skin has its own.
        return
    for side, chart in zip((1.0, -1.0), _brow_chart(template), strict=True):
        x, y, opacity = _brow_shade(look, side)
        texel = np.einsum("hsk,kd->hsd", _cubic(x, y), chart).reshape(-1, 2) - 0.5
        low = np.floor(texel.min(axis=0)).astype(int) - 1
        width, height = np.ceil(texel.max(axis=0)).astype(int) + 2 - low
        cover = np.zeros(width * height)
        cell = np.floor(texel).astype(int)
        part = texel - cell
        for dx, dy in np.ndindex(2, 2):
            weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1]) * opacity.ravel()
            at = (cell[:, 1] + dy - low[1]) * width + cell[:, 0] + dx - low[0]
            cover += np.bincount(at, weight, width * height)
        alpha = (1.0 - exp(-0.14 * cover)).reshape(height, width, 1)
        window = canvas.texture[low[1] : low[1] + height, low[0] : low[0] + width]
        target = _target(1.1 * ratio)
        window[:] = np.rint(window + alpha * (target - window)).astype(np.uint8)
