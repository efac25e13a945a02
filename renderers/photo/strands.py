"""Hair as curves: the centre lines of ribbons, and the single hairs that each ribbon stands for.

Only pictures of tiers that trace paths use them; labels see the ribbons. Needs no renderer.
"""

from dataclasses import dataclass

import numpy as np

from meshes.noise import keyed
from meshes.surface import Surface
from renderers.light import LUMINANCE

_HAIR_M = 0.00011
"""Width of a single hair with the air beside it: a ribbon is as many hairs as it is wide."""
_THICK = 0.45
"""Half the thickness of the bundle that a ribbon becomes, as a share of half its width."""
_WANDER = 0.15
"""How far a hair leaves its place and comes back, as a share of half the width."""
_EVEN = 0.35
"""How much of the darkness of lower layers is taken back: a path tracer shades them itself."""


@dataclass(frozen=True, eq=False)
class Strands:
    """N ribbons as their centre lines, laid end to end: strand i is `points[first[i]:first[i + 1]]`, root first.

    Attributes:
        points: (P, 3) float64 metres, head frame; at least two a strand.
        across_m: (P, 3) float64, half the width of the ribbon there: from the centre line to its second edge.
        color: (P, 3) float32 linear albedo.
        first: (N + 1,) int64.
        part: (N,) uint8, ids of `meshes.parts.PARTS`.
        faces: (F,) bool, faces of the surface that the strands stand for.
    """

    points: np.ndarray
    across_m: np.ndarray
    color: np.ndarray
    first: np.ndarray
    part: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True, eq=False)
class Hairs:
    """N round hairs, laid end to end as `Strands` are.

    Attributes:
        points: (P, 3) float32 metres, head frame; at least two a hair.
        radius_m: (P,) float32.
        albedo: (N, 3) float32 linear, the colour of a dense volume of such hair.
        first: (N + 1,) int64.
        part: (N,) uint8.
    """

    points: np.ndarray
    radius_m: np.ndarray
    albedo: np.ndarray
    first: np.ndarray
    part: np.ndarray


def strands_of(surface: Surface) -> Strands:
    """Centre lines of all ribbons of fibre materials.

    A ribbon is a run of faces over vertices in order, left and right of the strand in turn, whose windings
    alternate (`meshes.hair.ribbons.strip_faces`). A ribbon that something cuts off leaves a shorter strand. Fibre
    faces that form no ribbon are left to the mesh.
    """
    ids, low, even = _ribbon_faces(surface)
    starts = np.ones(len(ids), bool)
    starts[1:] = (np.diff(low) != 1) | (even[1:] == even[:-1])
    begin, length = _runs(starts)
    # A run that begins with the second face of a row has lost the first corner of that row.
    cut_off = ~even[begin]
    begin, length = begin + cut_off, length - cut_off
    begin, length = begin[length > 0], length[length > 0]
    count = length // 2 + 1 + length % 2
    first = np.concatenate([[0], np.cumsum(count)])
    row = np.arange(first[-1]) - np.repeat(first[:-1], count)
    left = np.repeat(low[begin], count) + 2 * row
    right = np.minimum(left + 1, np.repeat(low[begin] + length + 1, count))
    edge_a, edge_b = surface.vertices[left], surface.vertices[right]
    covered = np.zeros(len(surface.faces), bool)
    covered[ids] = True
    return Strands(
        points=0.5 * (edge_a + edge_b),
        across_m=0.5 * (edge_b - edge_a),
        color=surface.color[left],
        first=first,
        part=surface.part[ids[begin]],
        faces=covered,
    )


def _ribbon_faces(surface: Surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of fibre faces over three vertices in order, the first vertex of each, and whether it begins a row."""
    fibre = np.array([material.fibre for material in surface.materials], bool)
    ids = np.flatnonzero(fibre[surface.material] & (surface.cutout < 0))
    faces = surface.faces[ids].astype(np.int64)
    even = faces[:, 1] == faces[:, 0] + 1
    in_order = (faces - faces[:, :1] == np.where(even[:, None], [0, 1, 2], [0, 2, 1])).all(axis=1)
    return ids[in_order], faces[in_order, 0], even[in_order]


def _runs(starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First element and length of every run, from where (n,) runs start."""
    start = np.flatnonzero(starts)
    return start, np.diff(np.append(start, len(starts)))


def hairs_of(strands: Strands) -> Hairs:
    """The single hairs of every ribbon: side by side across it, some above others, ending where it narrows.

    Hairs stay within the ribbon's width and about half of that off its plane, so that the outline of a head stays.
    Equal strands give equal bytes.
    """
    sizes, pieces = np.diff(strands.first), []
    color, rng = _even_color(strands), keyed(0, 90)
    for size in np.unique(sizes):
        own = np.flatnonzero(sizes == size)
        rows = strands.first[own][:, None] + np.arange(size)
        parent, paths, slim = _single(strands.points[rows], strands.across_m[rows], rng)
        shade = np.exp(0.12 * rng.standard_normal((len(parent), 1)))
        pieces.append((paths, slim, np.clip(color[own[parent]] * shade, 0.0, 1.0), strands.part[own[parent]]))
    count = np.concatenate([np.zeros(1, np.int64), *(np.full(len(p[0]), p[0].shape[1]) for p in pieces)])
    nothing = (np.zeros((0, 1, 3)), np.zeros((0, 1)), np.zeros((0, 3)), np.zeros(0, np.uint8))
    points, radius_m, albedo, part = zip(nothing, *pieces, strict=True)
    return Hairs(
        points=np.concatenate([p.reshape(-1, 3) for p in points]).astype(np.float32),
        radius_m=np.concatenate([r.ravel() for r in radius_m]).astype(np.float32),
        albedo=np.concatenate(albedo).astype(np.float32),
        first=np.cumsum(count),
        part=np.concatenate(part),
    )


def _even_color(strands: Strands) -> np.ndarray:
    """(N, 3) float64: the colour of every strand without the shade that roots and lower layers are painted with."""
    if not len(strands.part):
        return np.zeros((0, 3))
    color = np.maximum.reduceat(strands.color.astype(np.float64), strands.first[:-1])
    level = np.maximum(color @ LUMINANCE, 1e-6)
    for part in np.unique(strands.part):
        own = strands.part == part
        color[own] *= ((np.quantile(level[own], 0.8) / level[own]) ** _EVEN)[:, None]
    return color


def _single(
    points: np.ndarray, across_m: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ribbons of S points as hairs of S points.

    Args:
        points, across_m: (N, S, 3) float64 metres.
        rng: where in their ribbon hairs lie.

    Returns:
        (M,) the ribbon of each hair, (M, S, 3) points and (M, S) radii in metres.
    """
    half = np.linalg.norm(across_m, axis=2)
    widest = half.max(axis=1)
    split = np.maximum(np.rint(2.0 * widest / _HAIR_M - 0.25), 1).astype(np.int64)
    parent = np.repeat(np.arange(len(split)), split)
    turn = np.arange(len(parent)) - np.repeat(np.cumsum(split) - split, split)
    place = 2.0 * (turn + rng.random(len(parent))) / split[parent] - 1.0
    place[split[parent] == 1] = 0.0
    at = _ends(half / widest[:, None], parent, np.abs(place))[:, None] * np.linspace(0.0, 1.0, points.shape[1])
    # Until it narrows to its tip a ribbon's width says where its hairs run; from there on they keep apart.
    wide = np.maximum.accumulate(half, axis=1)
    side, off = _frame(points, across_m)
    wave = _WANDER * np.sin(
        rng.uniform(0, 2 * np.pi, (2, len(parent), 1)) + rng.uniform(2, 9, (2, len(parent), 1)) * at
    )
    lone = (split[parent] == 1)[:, None]
    beside = np.where(lone, 0.0, np.clip(place[:, None] + wave[0], -1.0, 1.0)) * _at(wide, parent, at)
    height = np.where(lone, 0.0, rng.uniform(-_THICK, _THICK, (len(parent), 1)) + wave[1]) * _at(wide, parent, at)
    path = _at(points, parent, at)
    path += beside[..., None] * _at(side, parent, at) + height[..., None] * _at(off, parent, at)
    slim = np.where(lone, 0.75, 1.0) * np.minimum(1.0, 0.3 + 2.8 * (1.0 - np.linspace(0.0, 1.0, points.shape[1])))
    return parent, path, (widest / split)[parent][:, None] * slim


def _ends(share: np.ndarray, parent: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(M,) in (0, 1]: how far along its ribbon each hair goes, to where the ribbon has become too narrow for it.

    Args:
        share: (N, S) width of the ribbon as a share of its widest.
        parent: (M,) the ribbon of each hair; place: (M,) in [0, 1], its distance from the middle of the ribbon.
    """
    last = share.shape[1] - 1
    inside = share[parent] >= place[:, None]
    knot = last - inside[:, ::-1].argmax(axis=1)
    here, there = share[parent, knot], share[parent, np.minimum(knot + 1, last)]
    beyond = np.clip((here - place) / np.maximum(here - there, 1e-9), 0.0, 1.0)
    return np.minimum((knot + beyond * (knot < last)) / last, 1.0)


def _frame(points: np.ndarray, across_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (N, S, 3) across a ribbon and off its plane; at a pointed tip those of the point before."""
    size = np.linalg.norm(across_m, axis=2, keepdims=True)
    side = across_m / np.maximum(size, 1e-12)
    side[:, -1:] = np.where(size[:, -1:] > 1e-9, side[:, -1:], side[:, -2:-1])
    off = np.cross(side, np.gradient(points, axis=1))
    return side, off / np.maximum(np.linalg.norm(off, axis=2, keepdims=True), 1e-12)


def _at(values: np.ndarray, parent: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values (N, S, ...) of the ribbons of hairs at places (M, S) in [0, 1] along them: a cubic through the points.

    E. Catmull, R. Rom, "A class of local interpolating splines", 1974; slopes at the ends are those of the chord.
    """
    last = values.shape[1] - 1
    knot = np.minimum((at * last).astype(np.int64), last - 1)
    t = (at * last - knot).reshape(at.shape + (1,) * (values.ndim - 2))
    before, here, there, after = (values[parent[:, None], np.clip(knot + step, 0, last)] for step in (-1, 0, 1, 2))
    slope, next_slope = 0.5 * (there - before), 0.5 * (after - here)
    chord = there - here
    return here + t * (slope + t * (3 * chord - 2 * slope - next_slope + t * (slope + next_slope - 2 * chord)))
