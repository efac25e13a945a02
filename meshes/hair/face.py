"""Brows, beards and moustaches: strands on the face of the canonical head, bound to the skin."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from scipy import spatial

from meshes.elementary import cos, exp, norm, sin
from meshes.hair.bound import Bound, frames, nearest_on
from meshes.hair.field import space
from meshes.hair.grow import Air, Seeds, gather, integrate, settle
from meshes.hair.ribbons import strand_paint
from meshes.hair.roots import beard_roots, wisps
from meshes.hair.style import Beard, beard_of
from meshes.noise import keyed, smooth_step
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate

BROW_DARKEST = (0.022, 0.015, 0.011)
"""Brows are no lighter than hair, and no darker than this."""

_BROW_X = np.array([0.006, 0.014, 0.022, 0.032, 0.042, 0.050, 0.057])
_BROW_Y = np.array([0.0075, 0.0105, 0.0122, 0.0138, 0.0138, 0.0110, 0.0066])
_BROW_HALF_WIDTH = np.array([0.0036, 0.0042, 0.0041, 0.0036, 0.0028, 0.0018, 0.0008])
_BROW_POINTS = 5
_TRIANGLES = 36_000  # Of a full beard.
_NO_GUARD = np.array([0.0, 0.0, 1.0])


def brow_curves(look: Mapping[str, float], side: float, count: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Points x and y (hairs, steps) in metres along the hairs of one brow, seen from the front of the canonical head.

    Args:
        look: from `meshes.look.sample_look`.
        side: 1 for the person's left brow, -1 for the right.
        count: hairs.
        steps: points of each.
    """
    rng = keyed(int(look["seed"]), 22 if side > 0 else 23)
    s = rng.beta(1.25, 1.2, count)
    inner = look["brow_gap_m"]
    x = inner + s * (0.0550 - inner)
    across = np.clip(rng.normal(0.0, 0.5, count), -1.0, 1.0)
    half = np.interp(x, _BROW_X, _BROW_HALF_WIDTH) * look["brow_width"] * smooth_step(x, inner - 0.004, inner + 0.006)
    lift = look["brow_height_m"] + 0.0045 * look["brow_arch"] * exp(-(((x - 0.040) / 0.012) ** 2))
    y = np.interp(x, _BROW_X, _BROW_Y) + lift + across * half
    # Hairs stand up at the inner end, lie along the brow further out, and lean to its middle line.
    lean = np.interp(s, [0.0, 0.12, 0.35, 0.7, 1.0], [1.15, 0.85, 0.50, 0.10, -0.40])
    angle = lean - 0.45 * across * smooth_step(s, 0.05, 0.3) + rng.normal(0.0, 0.16, count)
    length = rng.uniform(0.6, 1.0, count) * np.interp(s, [0.0, 0.2, 0.7, 1.0], [0.0045, 0.0075, 0.0078, 0.0055])
    t = np.linspace(0.0, 1.0, steps)
    bend = angle[:, None] - 0.35 * t
    reach = length[:, None] * t
    return side * (x[:, None] + reach * cos(bend)), y[:, None] + reach * sin(bend)


@lru_cache(maxsize=2)
def _front(template: SkinTemplate) -> tuple[spatial.cKDTree, np.ndarray]:
    """Vertices of the forehead and the brows: a tree over their x and y, and their z."""
    p = template.rest
    seats = (p[:, 1] > -0.006) & (p[:, 1] < 0.035) & (p[:, 2] > -0.030) & (template.normal[:, 2] > 0.05)
    seats &= np.isin(template.part, (Part.FACE, Part.NOSE))
    return spatial.cKDTree(p[seats, :2]), p[seats, 2]


def brows(template: SkinTemplate, look: Mapping[str, float], colour: np.ndarray, tone: np.ndarray) -> Bound | None:
    """Both brows of one person; None where `brow_density` is 0, as on a photographed skin that shows its own.

    Args:
        template: the canonical head.
        look: from `meshes.look.sample_look`.
        colour, tone: (3,) linear albedo of hair and skin.
    """
    if look["brow_density"] <= 0.0:
        return None
    count = int(110 + 210 * look["brow_density"])
    curves = [np.stack(brow_curves(look, side, count, _BROW_POINTS), axis=2) for side in (1.0, -1.0)]
    flat = np.concatenate(curves).reshape(-1, 2)
    tree, z = _front(template)
    away, index = tree.query(flat, 3)
    weight = 1.0 / (away + 1e-5)
    depth = (weight * z[index]).sum(axis=1) / weight.sum(axis=1)
    corner, foot = nearest_on(template, np.concatenate([flat, depth[:, None]], axis=1))
    shape = (2 * count, _BROW_POINTS, 3)
    rng = keyed(int(look["seed"]), 24)
    stand = 0.00025 + 0.0011 * np.linspace(0.0, 1.0, _BROW_POINTS) * rng.uniform(0.3, 1.0, (2 * count, 1))
    offset = np.zeros(shape)
    offset[..., 2] = stand
    # Brows stay darker than skin, even where age has turned them grey.
    dark = np.minimum(np.maximum(colour, BROW_DARKEST), 0.55 * tone)
    half = 0.5 * rng.uniform(0.00016, 0.00030, 2 * count)
    color, uv = strand_paint(dark, exp(0.25 * rng.standard_normal(2 * count)), _BROW_POINTS, rng, 0.8)
    tilt = rng.normal(0.0, 0.4, 2 * count)
    return Bound(corner.reshape(shape), foot.reshape(shape), offset, np.ones(2 * count), half, tilt, color, uv)


def _kept(style: Beard, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Density (N,) and length (N,) as a share of the chin's, of a beard at points of the canonical head."""
    x, y = np.abs(p[:, 0]), p[:, 1]
    lip = smooth_step(y, -0.074, -0.066) * smooth_step(x, 0.036, 0.028)
    chin = (1.0 - lip) * smooth_step(y, -0.062, -0.072) * smooth_step(x, 0.036, 0.026)
    sides = (1.0 - lip) * (1.0 - chin) * smooth_step(x, 0.050, 0.058) * smooth_step(y, -0.066, -0.050)
    cheek = 1.0 - lip - chin - sides
    density = style.moustache * lip + style.chin * chin + style.cheek * cheek + style.sides * sides
    share = 0.8 * lip + 1.0 * chin + (0.45 + 0.35 * smooth_step(y, -0.05, -0.10)) * cheek + 0.35 * sides
    thick = 0.45 + 0.55 * lip + 0.35 * chin
    return density * thick * smooth_step(y, -0.128, -0.108), share


def facial_hair(template: SkinTemplate, look: Mapping[str, float], colour: np.ndarray) -> Bound | None:
    """The beard and moustache of one person; None for a shaven face (stubble is in the skin's texture).

    Args:
        template: the canonical head.
        look: from `meshes.look.sample_look`.
        colour: (3,) linear albedo of the hair.
    """
    style = beard_of(look)
    if style.length_m <= 0.0:
        return None
    rng = keyed(int(look["seed"]), 36)
    roots = beard_roots(template)
    points = 4 if style.length_m < 0.012 else 6
    density, share = _kept(style, roots.point)
    roots_kept = np.flatnonzero(rng.random(len(density)) < density)[: _TRIANGLES // (2 * points - 3)]
    if not len(roots_kept):
        return None
    roots, share = roots[roots_kept], share[roots_kept]
    p, count = roots.point, len(roots_kept)
    length = np.minimum(style.length_m * share, np.where(p[:, 1] > -0.066, 0.010, 1.0)) * rng.uniform(0.6, 1.05, count)
    aside = np.sign(p[:, 0]) * np.where(p[:, 1] > -0.068, 1.2, 0.15)
    comb = np.stack([aside, -np.ones(count), np.full(count, 0.25)], axis=1)
    comb += 0.18 * rng.standard_normal((count, 3))
    comb -= (comb * roots.normal).sum(axis=1, keepdims=True) * roots.normal
    comb /= norm(comb, axis=1, keepdims=True)
    lift = 0.55
    around = space(template)
    air = Air(around.distance_m, around.origin, _NO_GUARD)
    path = integrate(
        _beard_seeds(p, lift * roots.normal + np.sqrt(1 - lift**2) * comb, comb, length, rng), air, points - 1
    )
    curl = 0.0012 * smooth_step(length, 0.004, 0.020)
    wave = np.full(count, 0.011)
    jitter = 0.12 * length[:, None] * rng.standard_normal((count, 3))
    gather(path, wisps(p, 9.0), np.full(count, 0.5), curl, wave, rng.uniform(0.0, 6.3, count), jitter, air)
    settle(path, air)
    corner = np.repeat(template.faces[roots.face][:, None], points, axis=1).astype(np.int64)
    weight = np.repeat(roots.weight[:, None], points, axis=1)
    point, frame = frames(corner, weight, template.rest)
    offset = ((path - point)[..., None, :] * frame).sum(axis=-1)
    half = 0.5 * np.clip(0.00028 + 0.025 * length, 0.0003, 0.0010) * rng.uniform(0.7, 1.2, count)
    color, uv = strand_paint(colour, exp(0.25 * rng.standard_normal(count)), points, rng, 0.6)
    return Bound(corner, weight, offset, np.ones(count), half, rng.normal(0.0, 0.5, count), color, uv)


def _beard_seeds(
    p: np.ndarray, start: np.ndarray, comb: np.ndarray, length: np.ndarray, rng: np.random.Generator
) -> Seeds:
    count = len(p)
    return Seeds(
        root=p,
        start=start,
        comb=comb,
        length_m=length,
        layer_m=0.45 * length * rng.random(count),
        hem_m=np.full(count, -1.0),
        weight=np.full(count, 0.35),
        reach_m=np.full(count, 0.030),
        hug=np.zeros(count),
        goal=np.zeros((count, 3)),
        tied=np.zeros(count, bool),
        held=np.zeros(count),
    )
