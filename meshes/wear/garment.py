"""Garments tailored from a model's own torso: layers of its skin, cut at a neckline and lifted off along the normals.

Tailoring happens on the canonical head (`SkinTemplate.rest`), so that cut and folds stay put while the neck bends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import sparse

from meshes.geometry import weld
from meshes.head import Head
from meshes.noise import keyed, smooth_step, value_noise
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate
from meshes.surface import Material, Surface
from meshes.wear.cloth import SPAN_M, cloth
from meshes.wear.patch import Patch, creased, cut, edge, whole
from meshes.wear.solids import Solid, joined, with_faces

KINDS = ("crew neck", "V neck", "polo", "turtleneck", "hoodie", "tank top")
"""Garments by number, as `clothes["kind"]` counts them."""

_NECK_M = -0.172
"""Height (see `_Place`) of the neck's root on the canonical head, where a crew neck sits."""
_SLOPE = 0.36  # The root of the neck rises towards the back by this much.
_NECK_Z_M = -0.095
_LIFT_M = 0.0045
_EDGE_M = 0.0004
_COVERED_M = 0.014
"""Skin this far inside every edge of the garment is never seen and left out."""


@dataclass(frozen=True, eq=False)
class _Place:
    """Where points lie on the canonical torso: metres below the neck's tilted root, |x|, front (+1) to back (-1)."""

    below: np.ndarray
    aside: np.ndarray
    front: np.ndarray


Field = Callable[[_Place], np.ndarray]


@dataclass(frozen=True)
class _Layer:
    """One thickness of cloth.

    Attributes:
        inside: positive (metres, about) where the layer is.
        lift: metres off the skin.
        creases: fields along whose zero lines the cloth folds.
        shade: factor of the garment's colour.
    """

    inside: Field
    lift: Field
    creases: tuple[Field, ...] = ()
    shade: float = 1.0


@dataclass(frozen=True, eq=False)
class Garment:
    """A garment for every head of one model.

    Attributes:
        weights: (N, skin points) CSR; each point of cloth stands on weights @ skin.
        lift_m: (N,) along the skin's normal.
        faces: (F, 3) int32.
        twin: (N,) int64, see `meshes.normals.vertex_normals`.
        uv: (N, 2) float32; shade: (N,) float32 factor of the colour.
        first: (skin points,) int64, a vertex of each skin point.
        covered: (skin faces,) bool.
    """

    weights: sparse.csr_matrix
    lift_m: np.ndarray
    faces: np.ndarray
    twin: np.ndarray
    uv: np.ndarray
    shade: np.ndarray
    first: np.ndarray
    covered: np.ndarray


def dress(head: Head, template: SkinTemplate, clothes: Mapping[str, float], *, painted: bool = True) -> Head:
    """The head in a garment; the skin under it is left out, other faces keep their order.

    Args:
        head: posed; its first vertices and faces are those of `template`.
        template: the model's skin.
        clothes: kind (number of `KINDS`), red, green, blue (linear), pattern (number of `cloth.PATTERNS`),
            second_red, second_green, second_blue (factors of the colour), period_m, seed. Empty for none.
        painted: whether the cloth gets its texture.
    """
    if not clothes:
        return head
    garment = tailor(template, int(clothes["kind"]), int(clothes["seed"]))
    return put_over(head, sewn(garment, clothes, _posed(head.surface, garment), painted=painted), garment)


def put_over(head: Head, cloth_on: Solid, garment: Garment) -> Head:
    """A head in a garment that is sewn and posed."""
    keep = np.ones(len(head.surface.faces), bool)
    keep[: len(garment.covered)] = ~garment.covered
    head = with_faces(head, keep)
    return replace(head, surface=joined(head.surface, [cloth_on]))


def _posed(surface: Surface, garment: Garment) -> np.ndarray:
    """(N, 3) float64 metres: the points of a garment on posed skin."""
    skin, normal = (a[garment.first].astype(np.float64) for a in (surface.vertices, surface.normals))
    out = garment.weights @ normal
    out /= np.sqrt(np.square(out).sum(axis=1, keepdims=True))
    return garment.weights @ skin + garment.lift_m[:, None] * out


def sewn(garment: Garment, clothes: Mapping[str, float], points: np.ndarray, *, painted: bool = True) -> Solid:
    """The garment in its cloth and colours, its points (N, 3) posed; `clothes` and `painted` as in `dress`."""
    second = tuple(clothes[f"second_{name}"] for name in ("red", "green", "blue"))
    weave = int(clothes["pattern"]), second, clothes["period_m"], int(clothes["seed"])
    stuff = cloth(*weave) if painted else Material("cloth")
    colour = np.array([clothes[name] for name in ("red", "green", "blue")]) * garment.shade[:, None]
    normals = vertex_normals(points, garment.faces, garment.twin)
    return Solid(points, garment.faces, normals, garment.uv, colour.astype(np.float32), Part.CLOTHES, stuff)


@lru_cache(maxsize=4)
def tailor(template: SkinTemplate, kind: int, seed: int) -> Garment:
    """Cuts a garment out of a model's skin.

    Args:
        template: the model's skin.
        kind: number of `KINDS`.
        seed: keys the folds.
    """
    first, owner = weld(template.rest)
    rest, skin_faces = template.rest[first], owner[template.faces]
    chosen = np.isin(template.part[template.faces[:, 0]], (Part.NECK, Part.TORSO)) & _below_jaw(rest[skin_faces])
    skin = whole(skin_faces[chosen], len(rest))
    layers = _LAYERS[KINDS[kind]]
    pieces = [_cut_layer(skin, rest, layer, seed) for layer in layers]
    starts = np.cumsum([0, *(piece.weights.shape[0] for piece in pieces)])
    place = _place(rest)
    deep = layers[0].inside(place) - _COVERED_M
    return Garment(
        weights=sparse.vstack([piece.weights for piece in pieces], format="csr"),
        lift_m=np.concatenate([piece.lift_m for piece in pieces]),
        faces=np.concatenate([piece.faces + s for piece, s in zip(pieces, starts, strict=False)]).astype(np.int32),
        twin=np.arange(starts[-1]),
        uv=np.concatenate([piece.uv for piece in pieces]),
        shade=np.concatenate([piece.shade for piece in pieces]),
        first=first,
        covered=chosen & (deep[skin_faces] > 0).all(axis=1),
    )


def _below_jaw(corners: np.ndarray) -> np.ndarray:
    below = _place(corners.reshape(-1, 3)).below.reshape(-1, 3)
    return np.all(below > -0.075, axis=1)


def _place(rest: np.ndarray) -> _Place:
    x, y, z = rest.T
    reach = np.sqrt(np.square(x) + np.square(z - _NECK_Z_M))
    return _Place(_NECK_M - (y + _SLOPE * z), np.abs(x), (z - _NECK_Z_M) / np.maximum(reach, 1e-6))


@dataclass(frozen=True, eq=False)
class _Piece:
    """One layer, sewn: as in `Garment`."""

    weights: sparse.csr_matrix
    lift_m: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    shade: np.ndarray


def _cut_layer(skin: Patch, rest: np.ndarray, layer: _Layer, seed: int) -> _Piece:
    patch = cut(skin, layer.inside(_place(rest)))
    for crease in layer.creases:
        patch = creased(patch, crease(_place(patch.at(rest))))
    at = patch.at(rest)
    place = _place(at)
    folds = value_noise(at, 0.055, 2, keyed(seed, 73)).astype(np.float64)
    loose = smooth_step(layer.inside(place), 0.0, 0.06)
    lift_m = layer.lift(place) + loose * (0.0012 * folds[0] + 0.0018 * np.abs(folds[1]))
    ends = edge(patch.faces)
    rim, hem = np.unique(ends, return_inverse=True)
    outer = hem.reshape(-1, 2) + len(at)  # The rim again, so that the edge has normals of its own.
    inner = outer + len(rim)
    band = [np.stack([outer[:, 0], inner[:, 0], outer[:, 1]], 1), np.stack([outer[:, 1], inner[:, 0], inner[:, 1]], 1)]
    lining = np.minimum(lift_m[rim] - 0.001, np.maximum(layer.lift(place)[rim] - 0.0035, _EDGE_M))
    everywhere = np.concatenate([np.arange(len(at)), rim, rim])
    return _Piece(
        weights=patch.weights[everywhere],
        lift_m=np.concatenate([lift_m, lift_m[rim], lining]),
        faces=np.concatenate([patch.faces, *band]),
        uv=_uv(at)[everywhere],
        shade=np.full(len(everywhere), layer.shade, np.float32),
    )


def _uv(rest: np.ndarray) -> np.ndarray:
    """(N, 2) float32: seen obliquely from above and in front, which stretches neither chest nor shoulders much."""
    across, down = rest[:, 0] / SPAN_M + 0.5, (rest[:, 1] + 0.6 * rest[:, 2] + 0.25) / SPAN_M + 0.5
    return np.clip(np.stack([across, down], axis=1), 0.0, 1.0).astype(np.float32)


def _scoop(depth_m: float, front: float = 0.0, half_m: float = 0.0) -> Field:
    """A neckline `depth_m` below the neck's root, `front` deeper before the throat; pointed where `half_m` is given."""

    def field(place: _Place) -> np.ndarray:
        ahead = smooth_step(place.front, 0.0, 0.9)
        if half_m:
            ahead = np.clip(1 - place.aside / half_m, 0.0, 1.0) * (place.front > 0)
        return place.below - depth_m - front * ahead

    return field


def _ribbed(inside: Field, width_m: float, lift_m: float = _LIFT_M) -> _Layer:
    """The body of a garment whose neckline has a band of ribbing a little thicker than the rest."""

    def lift(place: _Place) -> np.ndarray:
        at = inside(place)
        return lift_m * smooth_step(at, -0.010, 0.020) + 0.0013 * smooth_step(at, width_m + 0.001, width_m - 0.001)

    sides = (lambda p: inside(p) - width_m - 0.0012, lambda p: inside(p) - width_m + 0.0012)
    return _Layer(inside, lift, sides)


def _collar(top_m: float, fall_m: float, lift_m: float) -> _Layer:
    """A turned-down collar, open at the throat with two points."""

    def inside(place: _Place) -> np.ndarray:
        points = 0.022 * smooth_step(place.front, 0.55, 1.0)
        lower = fall_m + points - place.below
        upper = place.below + top_m - 0.012 * smooth_step(place.front, 0.2, 1.0)
        gap = place.aside - 0.007 - 0.55 * np.clip(place.below + 0.012, 0.0, 1.0)
        return np.minimum(np.minimum(lower, upper), np.where(place.front > 0.2, gap, 1.0))

    def lift(place: _Place) -> np.ndarray:
        return lift_m * smooth_step(place.below, -top_m - 0.010, 0.006) + 0.002

    return _Layer(inside, lift, shade=1.03)


def _hood(place: _Place) -> np.ndarray:
    """Where a lowered hood lies: round the nape, narrower to the throat."""
    low = 0.036 + 0.050 * smooth_step(place.front, 0.6, -0.6)
    return np.minimum(low - place.below, place.below + 0.012)


def _hood_lift(place: _Place) -> np.ndarray:
    bulge = smooth_step(_hood(place), 0.0, 0.020)
    return 0.0075 + bulge * (0.010 + 0.012 * smooth_step(place.front, 0.7, -0.7))


def _tank(place: _Place) -> np.ndarray:
    """Deep scoop, and straps that end before the shoulder."""
    return np.minimum(_scoop(0.020, 0.045)(place), 0.128 - place.aside + 0.30 * np.clip(place.below - 0.10, 0.0, 1.0))


def _flat(place: _Place) -> np.ndarray:
    return np.full(len(place.below), _LIFT_M)


_LAYERS: dict[str, tuple[_Layer, ...]] = {
    "crew neck": (_ribbed(_scoop(0.002, 0.012), 0.019),),
    "V neck": (_ribbed(_scoop(0.004, 0.075, 0.062), 0.014),),
    "polo": (_Layer(_scoop(-0.012, 0.055, 0.030), _flat), _collar(0.026, 0.030, 0.0085)),
    "turtleneck": (
        _Layer(_scoop(-0.004), _flat),
        _Layer(lambda p: np.minimum(p.below + 0.036, 0.012 - p.below), lambda p: np.full(len(p.below), 0.0062)),
    ),
    "hoodie": (_ribbed(_scoop(0.002, 0.020), 0.016, 0.0060), _Layer(_hood, _hood_lift)),
    "tank top": (_ribbed(_tank, 0.010, 0.0035),),
}
