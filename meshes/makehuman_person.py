"""One person of the embedded head: the unposed base mesh, the eyes, the neck's axis and the colours.

All metres are in the head frame of that person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from meshes.appearance import (
    displacement,
    fold_maps,
    hair_colour,
    materials,
    paint,
    skin_relief,
    skin_texture,
    skin_tone,
)
from meshes.elementary import exp
from meshes.eyes import eye_materials, eyeball, paint_eye
from meshes.hair import Grown, grow_hair
from meshes.lips import seal_lips
from meshes.makehuman_data import add_targets
from meshes.makehuman_identity import target_weights
from meshes.makehuman_template import MATERIALS, Template, eye_spheres, template
from meshes.skinning import Neck
from meshes.surface import Material

SIZE = 1.085
"""hm08 metres to life. hm08 adults are a little small: with it the mean distance between the pupils of sampled adults
becomes 63 mm, that of people (Dodgson, "Variation and extrema of human interpupillary distance", 2004)."""

_FLAT = {
    "mouth": (0.40, 0.14, 0.13),
    "tongue": (0.36, 0.12, 0.11),
    "teeth": (0.60, 0.54, 0.43),
    "lashes": (0.010, 0.008, 0.007),
}


Traits = tuple[tuple[str, float], ...]
"""Sorted (name, value) pairs of a shape or a look."""


@dataclass(frozen=True, eq=False)
class Form:
    """What stays fixed over one person's poses and has no colour; all that labels see of anybody.

    Attributes:
        base: (V, 3) float64 metres, base mesh without expression or pose.
        eye_centres, eye_radii: (2, 3) and (2,) float64 metres, left then right.
        neck: the axis the skull bends about.
        relief_m: (skin vertices,) float64, added along the normal.
        hair: what grows on the person.
    """

    base: np.ndarray
    eye_centres: np.ndarray
    eye_radii: np.ndarray
    neck: Neck
    relief_m: np.ndarray
    hair: Grown


@dataclass(frozen=True, eq=False)
class Person(Form):
    """A form in its colours.

    Attributes:
        color: (all vertices, 3) float32 linear: skin, tongue, lashes, teeth, left eye, right eye.
        materials: in the order of `makehuman_template.MATERIALS`.
    """

    color: np.ndarray
    materials: tuple[Material, ...]


@lru_cache(maxsize=4)
def person(shape: Traits, look: Traits, painted: bool = True) -> Person:
    """The person of sorted (name, value) pairs, or without colours the form alone; recent ones are kept.

    Raises:
        MeshError: unknown shape names or values out of range.
    """
    fixed, appearance = template(), dict(look)
    if not painted:
        return _unpainted(form(shape, look))
    return Person(**vars(form(shape, look)), color=_colors(appearance, fixed), materials=_materials(appearance, fixed))


@lru_cache(maxsize=4)
def form(shape: Traits, look: Traits) -> Form:
    """The form of the person; raises as `person`."""
    fixed, appearance = template(), dict(look)
    base = unposed_base(dict(shape), fixed)
    centres, radii = eye_spheres(base, fixed.eye_vertices)
    return Form(
        base=base,
        eye_centres=centres,
        eye_radii=radii,
        neck=_neck(base, fixed),
        relief_m=displacement(fixed.skin, appearance).astype(np.float64),
        hair=_hair(base, appearance, fixed),
    )


def _unpainted(bare: Form) -> Person:
    """A form without colours, its materials in name alone: a person as labels see it."""
    clear = {material.name: material for material in eye_materials()}
    materials = tuple(clear.get(name, Material(name)) for name in MATERIALS)
    vertices = len(template().point) + 2 * len(eyeball().vertices)
    return Person(**vars(bare), color=np.zeros((vertices, 3), np.float32), materials=materials)


def _hair(base: np.ndarray, look: Mapping[str, float], fixed: Template) -> Grown:
    onto = fixed.operator[: len(fixed.skin.rest)]
    return grow_hair(fixed.skin, look, onto @ base, onto @ fixed.pack.neck_bend, skin_tone(look), fixed.lashes)


def unposed_base(shape: Mapping[str, float], fixed: Template) -> np.ndarray:
    """(V, 3) float64 metres, head frame: the base mesh of one person at rest, lips together."""
    weights = target_weights(shape, tuple(fixed.pack.targets))
    vertices = add_targets(fixed.pack.vertices, weights, fixed.pack)
    vertices = SIZE * seal_lips(vertices, fixed.lip_seal)
    return vertices - eye_spheres(vertices, fixed.eye_vertices)[0].mean(axis=0)


def _neck(base: np.ndarray, fixed: Template) -> Neck:
    """Axis on the line of the joints; each node as high as the skin that turns by its share."""
    low, high = (base[fixed.pack.anchors[name]].mean(axis=0) for name in ("joint-neck", "joint-head"))
    share = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    bending = (fixed.pack.neck_bend > 0.02) & (fixed.pack.neck_bend < 0.98)
    weight = exp(-0.5 * ((fixed.pack.neck_bend[bending] - share[:, None]) / 0.08) ** 2)
    height = (weight * base[bending, 1]).sum(axis=1) / weight.sum(axis=1)
    along = (height - low[1]) / (high[1] - low[1])
    return Neck(share, low + along[:, None] * (high - low))


def _colors(look: Mapping[str, float], fixed: Template) -> np.ndarray:
    color = np.zeros((len(fixed.point), 3), np.float32)
    for name, flat in _FLAT.items():
        color[fixed.faces[fixed.material == MATERIALS.index(name)]] = flat
    color[: len(fixed.skin.rest)] = paint(fixed.skin, look)
    return np.concatenate([color, *(paint_eye(eyeball(), look, side, shaded=False) for side in (0, 1))])


def _materials(look: Mapping[str, float], fixed: Template) -> tuple[Material, ...]:
    folds = fold_maps(fixed.skin, look)
    texture = skin_texture(fixed.skin, look, skin_tone(look), hair_colour(look), folds.shade)
    table = {
        **materials(texture, skin_relief(fixed.skin, look, folds)),
        **{material.name: material for material in eye_materials()},
    }
    return tuple(table[name] for name in MATERIALS)
