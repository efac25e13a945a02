"""People of any `LinearModel`: identities drawn from its modes, its own expressions, joints, gaze.

Eyeballs that the model moves by a joint are replaced by those of `meshes.eyes`; models colour theirs plain white.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from meshes.appearance import materials, sample_look, skin_tone
from meshes.arkit import check_expression, sample_expression
from meshes.eyes import CORNEA as CLEAR
from meshes.eyes import eye_materials, eyeball, paint_eye
from meshes.geometry import fit_sphere, rotate
from meshes.head import PLAIN, Asset, Head, Identity, MeshError, Pose, Style
from meshes.loaders.linear import LinearModel, checked, nose_tip, outward, summed
from meshes.loaders.rig import Rig, corrected, skin, turns, world
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.scan import MEAN_HEAD_CENTRE_M, NECK_PIVOT_M
from meshes.skinning import rotation
from meshes.srgb import linear_from_signal
from meshes.surface import Material, Surface

LIMIT = 3.0
"""Coefficients are drawn no farther out than this many deviations."""

_FARTHEST = 10.0
"""Coefficients beyond this many deviations are taken for a mistake."""

_MATERIALS = ("skin", "mouth", "teeth", "tongue", "sclera", "iris", "cornea")
_FLESH = {
    Part.TEETH_UPPER: ("teeth", (0.66, 0.58, 0.46)),
    Part.TEETH_LOWER: ("teeth", (0.66, 0.58, 0.46)),
    Part.TONGUE: ("tongue", (0.45, 0.17, 0.15)),
    Part.MOUTH_INTERIOR: ("mouth", (0.42, 0.13, 0.12)),
}
"""Material and linear albedo of what is no skin."""


@dataclass(frozen=True, eq=False)
class _Person:
    """What one identity fixes, in metres about the eye midpoint: points, joints (none without a rig), both eyeballs."""

    points: np.ndarray
    joints: np.ndarray
    eyes: np.ndarray
    eye_radii: np.ndarray
    color: np.ndarray


class LinearHead:
    """A head model made of a `LinearModel`; see `meshes.head.HeadModel`.

    Identity.shape holds coefficients by mode name, in standard deviations. Identity.look holds coefficients "color000"
    ... where the model has colours of its own, else what `meshes.look.sample_look` draws.

    Attributes:
        name, assets: of the model.
        expressions: ARKit names that its joints can make, then the names of its own expressions.
        moves_eyes: whether `Pose.gaze_*` turns its eyes.

    Raises:
        MeshError: see `meshes.loaders.linear.checked`.
    """

    def __init__(self, model: LinearModel):
        self.model = checked(model)
        self.name = model.name
        self.assets: tuple[Asset, ...] = (model.asset,)
        self.moves_eyes = model.rig is not None
        self._joint_made = model.rig.expressions if model.rig else ()
        self.expressions: tuple[str, ...] = (*self._joint_made, *model.expression_names)
        self._mode = {name: k for k, name in enumerate(model.identity_names)}
        self._own = {name: k for k, name in enumerate(model.expression_names)}
        self._colors = tuple(f"color{k:03d}" for k in range(len(model.colors.basis))) if model.colors else ()
        self._tip = nose_tip(model.points, model.eyes)
        self._balls = _eyeballs(model.rig)
        own_eye = [np.isin(model.faces, ball).all(axis=1) for ball in self._balls]
        self._kept = np.flatnonzero(~np.any([np.zeros(len(model.faces), bool), *own_eye], axis=0))
        self._corner_point, self._faces, self._uv = _corners(model, self._tip)
        self._person = lru_cache(maxsize=4)(self._make_person)

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """Shape ~ N(0, 1) up to 3 deviations, colour likewise; the look where the model has no colours."""
        shape = dict(zip(self._mode, _normal(rng, len(self._mode)), strict=True))
        if self.model.texture is not None:
            return Identity(shape)
        african, asian, caucasian = (float(share) for share in rng.dirichlet([0.35, 0.35, 0.35]))
        gender, age = float(rng.random()), float(rng.uniform(0.4, 0.85))
        look = sample_look(rng, gender=gender, age=age, african=african, asian=asian, caucasian=caucasian)
        return Identity(shape, {**look, **dict(zip(self._colors, _normal(rng, len(self._colors)), strict=True))})

    def sample_expression(self, rng: np.random.Generator, strength: float) -> dict[str, float]:
        """What its joints can make of an ARKit expression, and coefficients of its own modes or one of its faces."""
        weights = sample_expression(rng, self._joint_made, strength)
        if self.model.whole_shapes and self._own:
            name = list(self._own)[int(rng.integers(len(self._own)))]
            return weights | {name: round(strength * float(rng.uniform(0.35, 1.0)), 6)}
        drawn = [round(strength * value, 6) for value in _normal(rng, len(self._own))]
        return weights | dict(zip(self._own, drawn, strict=True))

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """The posed head (see `meshes.head.HeadModel`).

        Raises:
            MeshError: a shape coefficient or expression the model does not have, or a weight out of range.
        """
        self._check(expression)
        look = {**(identity.look or _average_look()), **style.look}
        person = self._person(tuple(sorted(identity.shape.items())), tuple(sorted(look.items())))
        weights = {self._own[name]: weight for name, weight in expression.items() if name in self._own}
        points = summed(person.points, self.model.expression, weights)
        R = rotation(pose.yaw, pose.pitch, pose.roll)
        if self.model.rig is None:
            centre, tips = MEAN_HEAD_CENTRE_M, np.zeros((0, 3, 3))
            points, eyes, middle = (rotate(p, R, NECK_PIVOT_M) for p in (points, person.eyes, centre[None]))
        else:
            points, eyes, middle, tips = self._posed(person, points, weights, pose, expression, self.model.rig)
        return Head(
            surface=self._surface(person, points, eyes, tips, look),
            eye_centres=eyes,
            nose_tip=points[self._tip],
            head_centre=middle[0],
            landmark_face=np.zeros(0, np.int32),
            landmark_barycentric=np.zeros((0, 3)),
            skull_rotation=R,
        )

    def _check(self, expression: Mapping[str, float]) -> None:
        free = set() if self.model.whole_shapes else {name for name in expression if name in self._own}
        check_expression({n: w for n, w in expression.items() if n not in free}, self.expressions)
        for name in free:
            _in_range(name, expression[name])

    def _posed(
        self,
        person: _Person,
        points: np.ndarray,
        weights: dict[int, float],
        pose: Pose,
        expression: Mapping[str, float],
        rig: Rig,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Skinned points, eyeball centres (2, 3), head centre (1, 3), and the rotation of each eyeball (2, 3, 3)."""
        joints = summed(person.joints, rig.basis[len(self._mode) :], weights)
        R = turns(rig, pose, expression)
        points = skin(corrected(points, R, rig), joints, R, rig)
        turned, placed = world(joints, R, rig)
        centre = rotate((MEAN_HEAD_CENTRE_M - joints[rig.skull])[None], turned[rig.skull]) + placed[rig.skull]
        own = person.eyes - person.joints[list(rig.eyes)]
        eyes = placed[list(rig.eyes)] + np.einsum("eik,ek->ei", turned[list(rig.eyes)], own)
        return points, eyes, centre, turned[list(rig.eyes)]

    def _make_person(self, shape: tuple[tuple[str, float], ...], look: tuple[tuple[str, float], ...]) -> _Person:
        model, weights = self.model, {}
        for name, coefficient in shape:
            if name not in self._mode:
                raise MeshError(
                    f"identity shape: expected names among the {len(self._mode)} modes of {model.asset.source}, got "
                    f"{name!r}. Leave it out, or open the model it was made for."
                )
            weights[self._mode[name]] = _in_range(name, coefficient)
        points = summed(model.points, model.identity, weights)
        balls = [fit_sphere(points[ball]) for ball in self._balls]
        eyes = np.array([c for c, _ in balls]) if balls else summed(model.eyes, model.eye_basis, weights)
        midpoint = eyes.mean(axis=0)
        joints = np.zeros((0, 3)) if model.rig is None else summed(model.rig.joints, model.rig.basis, weights)
        radii = np.array([radius for _, radius in balls])
        return _Person(points - midpoint, joints - midpoint, eyes - midpoint, radii, self._paint(dict(look)))

    def _paint(self, look: Mapping[str, float]) -> np.ndarray:
        """(V, 3) float32 linear albedo of the model's own vertices."""
        model = self.model
        if model.colors is not None:
            weights = {k: look[name] for k, name in enumerate(self._colors) if name in look}
            srgb = np.clip(summed(model.colors.mean, model.colors.basis, weights), 0.0, 1.0)
            return linear_from_signal(srgb).astype(np.float32)[self._corner_point]
        tone = np.ones(3) if model.texture is not None else skin_tone(look)
        color = np.tile(tone.astype(np.float32), (len(self._corner_point), 1))
        for part, (_, flat) in _FLESH.items():
            color[self._faces[model.part == part]] = flat
        return color

    def _surface(
        self, person: _Person, points: np.ndarray, eyes: np.ndarray, gaze: np.ndarray, look: Mapping[str, float]
    ) -> Surface:
        own, kept = points[self._corner_point], self._faces[self._kept]
        normals = vertex_normals(own, kept, self._corner_point)
        eye, balls = eyeball(), list(zip(person.eye_radii, gaze, eyes, strict=False))
        starts = [len(own) + k * len(eye.vertices) for k in range(len(balls))]
        part, tissue = self.model.part[self._kept], eye.tissue + _MATERIALS.index("sclera")
        sides = (Part.EYE_LEFT, Part.EYE_RIGHT)
        parts = [np.where(eye.tissue == CLEAR, Part.CORNEA, side) for side, _ in zip(sides, balls, strict=False)]
        paints = [paint_eye(eye, look, side) for side in range(len(balls))]
        faces = np.concatenate([kept, *(eye.faces + start for start in starts)]).astype(np.int32)
        return Surface(
            vertices=np.concatenate([own, *(rotate(eye.vertices * r, R) + c for r, R, c in balls)]),
            faces=faces,
            normals=np.concatenate([normals, *(rotate(eye.normals, R) for _, R, _ in balls)]).astype(np.float32),
            uv=np.concatenate([self._uv, *(eye.uv for _ in balls)]),
            color=np.concatenate([person.color, *paints]),
            part=np.concatenate([part, *parts]).astype(np.uint8),
            material=np.concatenate([_material(part), *(tissue for _ in balls)]).astype(np.uint8),
            materials=_materials(self.model.texture),
            cutout=np.full(len(faces), -1, np.int32),
        )


def _normal(rng: np.random.Generator, count: int) -> list[float]:
    return np.clip(rng.standard_normal(count), -LIMIT, LIMIT).tolist()


def _in_range(name: str, coefficient: float) -> float:
    if not abs(coefficient) <= _FARTHEST:
        raise MeshError(f"{name}: expected a coefficient of at most {_FARTHEST:g} deviations, got {coefficient}.")
    return coefficient


def _eyeballs(rig: Rig | None) -> list[np.ndarray]:
    """The points of the left and right eyeball: those that mostly follow the eye's joint. Both or none."""
    balls = [np.flatnonzero(rig.weights[:, eye] > 0.5) for eye in rig.eyes] if rig else []
    return balls if all(len(ball) >= 8 for ball in balls) else []


def _corners(model: LinearModel, tip: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices split where uv seams need it: point of each (V,), faces (F, 3) into them, uv (V, 2) float32.

    Without uv the vertices are the model's points in their own order.
    """
    if model.uv is None:
        faces = outward(model.points, model.faces, tip)
        return np.arange(len(model.points)), faces, np.zeros((len(model.points), 2), np.float32)
    rows = np.concatenate([model.faces.reshape(-1, 1), model.uv.reshape(-1, 2)], axis=1)
    pairs, corner = np.unique(rows, axis=0, return_inverse=True)
    point, split = pairs[:, 0].astype(np.int64), corner.reshape(-1, 3)
    flipped = not np.array_equal(outward(model.points, model.faces, tip), model.faces)
    return point, split[:, ::-1] if flipped else split, pairs[:, 1:].astype(np.float32)


def _material(part: np.ndarray) -> np.ndarray:
    """(F,) uint8 index into `_MATERIALS`."""
    table = np.zeros(256, np.uint8)
    for which, (name, _) in _FLESH.items():
        table[which] = _MATERIALS.index(name)
    return table[part]


def _materials(texture: np.ndarray | None) -> tuple[Material, ...]:
    table = {**materials(texture), **{material.name: material for material in eye_materials()}}
    return tuple(table[name] for name in _MATERIALS)


@lru_cache(maxsize=1)
def _average_look() -> dict[str, float]:
    rng = np.random.Generator(np.random.Philox(key=0))
    return sample_look(rng, gender=0.5, age=0.5, african=1 / 3, asian=1 / 3, caucasian=1 / 3)
