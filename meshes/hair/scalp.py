"""The hair of the head: from a cut's numbers to strands on the canonical head."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from meshes.elementary import arccos, cos, exp, norm, power, sin, tanh
from meshes.hair.field import Space, space
from meshes.hair.grow import Air, Seeds, gather, integrate, settle
from meshes.hair.hairline import hair_inside
from meshes.hair.roots import Roots, scalp_roots, wisps
from meshes.hair.strands import Strands
from meshes.hair.style import Cut, cut_of
from meshes.noise import keyed, smooth_step, value_noise
from meshes.skin_regions import HEAD_CENTRE_M, SkinTemplate

TRIANGLES = 40_000
"""Triangles of a head of hair unless asked otherwise."""

_WHORL = np.array([0.10, 0.80, -0.59]) / norm(np.array([0.10, 0.80, -0.59]))
_TIE_M = np.array([0.0, 0.030, -0.176])
_FACE_OVAL_M = np.array([0.064, -0.035, 0.085])
_BROW_Y_M = 0.019
_LAYERS = 5.5  # How many ribbons lie over a point of the scalp, on average.
_SCALP_M2 = 0.054
_WIDEST_M, _FINEST_M = 0.0010, 0.00012


def scalp_hair(template: SkinTemplate, look: Mapping[str, float], triangles: int = TRIANGLES) -> list[Strands]:
    """Strands of one person: those on the scalp and, of tied hair, the tail or bun.

    Args:
        template: the canonical head.
        look: from `meshes.look.sample_look`.
        triangles: about how many the ribbons may have in all.
    """
    cut = cut_of(look)
    if cut.length_m <= 0.0:
        return []
    tied = cut.comb in ("tail", "bun")
    budget = triangles * 0.7 if tied else triangles
    points = _points(cut)
    rng = keyed(int(look["seed"]), 31)
    roots = _kept_roots(template, look, rng)[: int(budget / (2 * points - 3))]
    around = space(template)
    air = Air(around.distance_m, around.origin, _FACE_OVAL_M)
    seeds, fringe = _seeds(roots, cut, look, rng)
    path = integrate(seeds, air, points - 1)
    guide = wisps(roots.point, 24.0)
    side = fringe + 2 * (roots.point[:, 0] > look.get("hair_part_m", 0.028)) * (cut.comb == "part")
    guide = np.where(side == side[guide], guide, np.arange(len(guide)))
    _wind(path, guide, cut, seeds, rng, air)
    bundles = [_strands(path, settle(path, air), roots, cut, seeds.layer_m, rng)]
    if tied:
        bundles.append(_gathered(cut, air, int(0.3 * triangles), rng, around))
    return bundles


def _points(cut: Cut) -> int:
    """Points of a strand: enough for its bends."""
    if cut.length_m < 0.004:
        return 3
    if cut.comb == "out":
        return 6 if cut.length_m < 0.03 else 8
    turns = cut.length_m / cut.pitch_m if cut.curl_m > 0.0 else 0.0
    return 1 + int(np.clip(max(3.5 + 45.0 * cut.length_m, 7.0 * turns), 4, 32))


def _kept_roots(template: SkinTemplate, look: Mapping[str, float], rng: np.random.Generator) -> Roots:
    roots = scalp_roots(template)
    ragged = np.minimum(rng.exponential(0.0050, len(roots.rank)), 0.020)
    depth_m = roots.depth_m - look["hair_recede"] * roots.recede_m
    return roots[hair_inside(roots.point, depth_m, look) > ragged]


def _tangent(vector: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(N, 3) unit vectors: the part of each vector along the skin."""
    flat = vector - np.einsum("nk,nk->n", vector, normal)[:, None] * normal
    return flat / np.maximum(norm(flat, axis=1, keepdims=True), 1e-9)


def _combed(roots: Roots, cut: Cut, part_m: float, wild: np.ndarray) -> np.ndarray:
    """(N, 3) unit directions along the skin; `wild` (N,) radians turns each a little."""
    p, normal = roots.point, roots.normal
    direction = p - HEAD_CENTRE_M
    direction = direction / norm(direction, axis=1, keepdims=True)
    away = _tangent(direction * np.einsum("nk,k->n", direction, _WHORL)[:, None] - _WHORL, normal)
    behind = smooth_step(p[:, 2], -0.085, -0.140)[:, None]
    down = _tangent(np.stack([5.0 * p[:, 0], np.full(len(p), -1.0), np.full(len(p), -0.4)], axis=1), normal)
    if cut.comb == "part":
        side = tanh((p[:, 0] - part_m) / 0.004)
        fall = -0.1 - 1.4 * smooth_step(np.abs(p[:, 0]), 0.030, 0.062)
        sideways = np.stack([side, fall, np.full(len(p), -0.60)], axis=1)
        comb = _tangent(sideways, normal) * (1.0 - behind) + down * behind
    elif cut.comb == "back":
        back = np.stack([0.25 * p[:, 0] / 0.07, np.full(len(p), 0.1), np.full(len(p), -1.0)], axis=1)
        comb = _tangent(back, normal) * (1.0 - behind) + down * behind
    elif cut.comb in ("tail", "bun"):
        comb = _TIE_M - p
    else:
        # Hair over the forehead is swept aside.
        front = smooth_step(p[:, 2], -0.050, -0.010)[:, None]
        comb = away + np.sign(part_m + 1e-9) * 0.9 * front * np.cross(normal, away)
    comb = _tangent(comb, normal)
    return cos(wild)[:, None] * comb + sin(wild)[:, None] * np.cross(normal, comb)


def _seeds(roots: Roots, cut: Cut, look: Mapping[str, float], rng: np.random.Generator) -> tuple[Seeds, np.ndarray]:
    """What to grow, and which strands (N,) are a fringe."""
    p, count = roots.point, len(roots.rank)
    tied, part_m = cut.comb in ("tail", "bun"), look.get("hair_part_m", 0.028)
    swirl = value_noise(p, 0.030, 2, rng)
    wild = 0.10 * rng.standard_normal(count) + (0.0 if tied else 0.16) * swirl[0]
    comb = _combed(roots, cut, part_m, wild)
    top = smooth_step(p[:, 1], 0.005, 0.060)
    length = cut.length_m * (cut.side + (1.0 - cut.side) * top) * rng.uniform(0.82, 1.0, count)
    fringe = (cut.fringe > 0.0) & (np.abs(p[:, 0]) < 0.046) & (p[:, 2] > -0.036)
    drop = p[:, 1] - _BROW_Y_M + np.maximum(0.018 - p[:, 2], 0.0)
    drop = drop * cut.fringe * rng.uniform(0.92, 1.06, count)
    length = np.where(fringe, drop, length)
    forward = _tangent(
        np.stack([np.sign(part_m) * -0.35 + 4.0 * p[:, 0], -np.ones(count), np.ones(count)], 1), roots.normal
    )
    comb = np.where(fringe[:, None], forward, comb)
    if tied:
        length = 1.3 * norm(_TIE_M - p, axis=1)
    hem = 0.085 - 0.80 * cut.length_m + 0.04 * (cut.length_m > 0.25) * rng.random(count)
    lift = cut.lift * (1.0 if cut.comb == "out" else 0.6 + 0.4 * top)
    start = comb * np.sqrt(1.0 - lift**2)[:, None] if np.ndim(lift) else comb * np.sqrt(1.0 - lift**2)
    edge = smooth_step(roots.depth_m, 0.0, 0.030)
    if cut.comb == "part":  # Hair lies flat where it parts.
        edge = edge * np.maximum(smooth_step(np.abs(p[:, 0] - part_m), 0.0, 0.035), smooth_step(p[:, 2], -0.10, -0.13))
    layer = cut.volume_m * (0.15 + 0.85 * power(rng.random(count), 0.6)) * (0.25 + 0.75 * edge) * (0.75 + 0.25 * top)
    return Seeds(
        root=p,
        start=start + np.reshape(lift, (-1, 1)) * roots.normal,
        comb=roots.normal * (cut.comb == "out") + comb * (cut.comb != "out"),
        length_m=length,
        layer_m=np.minimum(layer, 0.6 * length),
        hem_m=np.where(fringe | (cut.length_m < 0.12) | tied, -1.0, hem),
        weight=np.full(count, 0.02 if cut.comb == "out" else np.clip(8.0 * cut.length_m, 0.1, 1.0)),
        reach_m=np.full(count, 0.10 if cut.comb == "part" else 0.12),
        hug=np.full(count, 0.7 if tied else 0.0 if cut.comb == "out" else 0.5),
        goal=_TIE_M + rng.normal(0.0, 0.004, (count, 3)),
        tied=np.full(count, tied),
        held=np.where(fringe | (cut.length_m < 0.12), 0.0, 1.0),
    ), fringe


def _wind(path: np.ndarray, guide: np.ndarray, cut: Cut, seeds: Seeds, rng: np.random.Generator, air: Air) -> None:
    """Wisps, curls and stray tips, in place."""
    count = len(guide)
    phase = (2.0 * np.pi * rng.random(count))[guide] + 0.5 * rng.standard_normal(count)
    stray = 0.02 * seeds.length_m + 0.0006
    gather(
        path,
        guide,
        cut.clump * rng.uniform(0.5, 1.1, count),
        cut.curl_m * rng.uniform(0.7, 1.2, count),
        cut.pitch_m * rng.uniform(0.85, 1.2, count)[guide],
        phase,
        np.minimum(stray, 0.006)[:, None] * rng.standard_normal((count, 3)),
        air,
    )


def _strands(
    path: np.ndarray, outward: np.ndarray, roots: Roots, cut: Cut, layer_m: np.ndarray, rng: np.random.Generator
) -> Strands:
    count = len(path)
    # Hair that lies below other hair is in its shade.
    open_to_light = 0.45 + 0.55 * np.clip(layer_m / np.maximum(0.7 * cut.volume_m, 1e-6), 0.0, 1.0)
    over_scalp = min(cut.length_m, 0.11)
    even = 0.5 * _LAYERS * (1.0 + 7.0 * min(cut.length_m, 0.2)) * _SCALP_M2 / (count * over_scalp)
    widest = min(_WIDEST_M * (1.0 + 30.0 * cut.curl_m), max(0.05 * cut.length_m, _FINEST_M))
    half = np.clip(even * rng.uniform(0.5, 1.4, count), _FINEST_M, widest)
    fine_edge = 0.6 + 0.4 * smooth_step(roots.depth_m, 0.002, 0.022)
    shade = open_to_light * exp(0.22 * rng.standard_normal(count))
    # The outermost first: a renderer that has seen them passes over most of what they hide.
    order = np.argsort(-layer_m, kind="stable")
    columns = (path, outward, half * fine_edge, shade, roots.face, roots.weight)
    return Strands(*(column[order] for column in columns))


def _gathered(cut: Cut, air: Air, triangles: int, rng: np.random.Generator, around: Space) -> Strands:
    """The tail that falls from the tie, or the bun at it."""
    points = 20
    count = triangles // (2 * points - 3)
    path = _bun(count, points, rng) if cut.comb == "bun" else _tail(cut, air, count, points, rng)
    settle(path, air)
    outward = path - (_bun_middle() if cut.comb == "bun" else path.mean(axis=0))
    outward /= np.maximum(norm(outward, axis=2, keepdims=True), 1e-9)
    return Strands(
        path=path,
        outward=outward,
        half_width_m=rng.uniform(0.0008, 0.0014, count),
        shade=exp(0.22 * rng.standard_normal(count)),
        root_face=np.full(count, -1),
        root_weight=np.zeros((count, 3)),
    )


def _tail(cut: Cut, air: Air, count: int, points: int, rng: np.random.Generator) -> np.ndarray:
    spot = rng.normal(0.0, 0.005, (count, 3))
    start = np.array([0.0, 0.15, -1.0]) + 0.35 * rng.standard_normal((count, 3))
    start /= norm(start, axis=1, keepdims=True)
    seeds = Seeds(
        root=_TIE_M + spot,
        start=start,
        comb=np.tile([0.0, 0.0, -1.0], (count, 1)),
        length_m=cut.length_m * rng.uniform(0.6, 1.0, count),
        layer_m=0.030 * rng.random(count),
        hem_m=np.full(count, -1.0),
        weight=np.full(count, 0.55),
        reach_m=np.full(count, 0.025),
        hug=np.zeros(count),
        goal=np.zeros((count, 3)),
        tied=np.zeros(count, bool),
        held=np.zeros(count),
    )
    path = integrate(seeds, air, points - 1)
    guide = wisps(path[:, 3], 20.0)
    _wind(path, guide, replace(cut, clump=0.5), seeds, rng, air)
    return path


def _bun_middle() -> np.ndarray:
    return _TIE_M + np.array([0.0, 0.004, -0.020])


def _bun(count: int, points: int, rng: np.random.Generator) -> np.ndarray:
    """(count, points, 3) metres: strands wound about the axis of the tie, as on a ball of wool pressed flat."""
    polar = arccos(rng.uniform(-0.5, 0.98, count))[:, None] + rng.normal(0.0, 0.25, (count, 1)) * np.linspace(
        -1, 1, points
    )
    turn = rng.uniform(0.0, 2.0 * np.pi, (count, 1)) + np.linspace(0.0, 1.3 * np.pi, points)
    ball = np.stack([sin(polar) * cos(turn), sin(polar) * sin(turn), -cos(polar)], axis=2)
    size = 0.033 * rng.uniform(0.8, 1.0, (count, 1, 1))
    return _bun_middle() + ball * size * [1.0, 1.0, 0.75]
