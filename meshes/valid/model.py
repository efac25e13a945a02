"""The VALID avatars as a head model: posed, expressing, looking; as shipped or recombined into new people.

Upstream's eyes give way to `meshes.eyes.eyeball`, whose cornea is clear and whose irises are not painted with glints.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from meshes.arkit import check_expression
from meshes.elementary import product
from meshes.eyelids import clear_of_eye
from meshes.eyes import CORNEA as CLEAR
from meshes.eyes import eyeball
from meshes.gaze import LOOK_RADIANS, SIDES, eye_turns
from meshes.geometry import rotate
from meshes.head import PLAIN, Asset, Head, Identity, MeshError, Pose, Style
from meshes.noise import smooth_step
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skinning import Neck, bend, rotation
from meshes.surface import Surface
from meshes.valid.avatar import Morph
from meshes.valid.expressions import EXPRESSIONS, morph_weights
from meshes.valid.layout import COLLAR_M, JAW_LINE_M, TILT
from meshes.valid.pack import asset, found, members
from meshes.valid.people import NAMES, avatar_identity, pool_name, recombined_identity
from meshes.valid.person import EYE_MATERIAL, Person, make_person

JAW_OPEN_RADIANS = 0.44
"""`Pose.jaw` adds jaw / JAW_OPEN_RADIANS to the weight of jawOpen, up to 1 in all."""

_NECK_AXIS = np.array([[0.0, -0.176, -0.125], [0.0, -0.076, -0.085]])
_MOST_SHUT = 1.6
_OVERLAP_M = 0.0004


class Valid:
    """The model. Identity.shape holds weights of avatars by name, Identity.look shares of skins and the eyes.

    Args:
        pack: the packed zip file or a folder of upstream's GLB files; the asset "valid" if None.
        recombined: draw new people of several avatars; False draws the 42 as shipped.

    Raises:
        MeshError: the pack is missing or lacks some of the 42 avatars.
    """

    name = "valid"
    expressions: tuple[str, ...] = EXPRESSIONS

    def __init__(self, pack: Path | str | None = None, *, recombined: bool = True):
        self._pack = found(pack)
        missing = [name for name in NAMES if name not in members(self._pack)]
        if missing:
            raise MeshError(
                f"{self._pack}: expected the 42 base avatars of VALID, got none for {', '.join(missing[:5])}"
                f"{' ...' if len(missing) > 5 else ''}. Get the whole set."
            )
        self.assets: tuple[Asset, ...] = (asset(self._pack),)
        self._recombined = recombined
        self._person = lru_cache(maxsize=4)(self._make_person)

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """A new person of several avatars, or one of the 42, as the model was made."""
        return recombined_identity(rng) if self._recombined else avatar_identity(rng)

    def pool_of(self, identity: Identity) -> str | None:
        """The split ("train", "val", "test") that all parents of a person belong to; None if it names none."""
        return pool_name(identity)

    def name_of(self, identity: Identity) -> str | None:
        """The name of an avatar as shipped; None for a person of several."""
        return None if self._recombined else next(iter(identity.shape))

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """The posed head (see `meshes.head.HeadModel`). Hair and clothes are the avatar's own, whatever the style.

        Raises:
            MeshError: a parent or expression that this model does not have, or a weight out of range.
        """
        check_expression(expression, self.expressions)
        look = {**identity.look, **style.look}
        person = self._person(tuple(sorted(identity.shape.items())), tuple(sorted(look.items())))
        turns = eye_turns(expression, pose)
        points = _expressed(person, {**expression, **_lids_follow(turns)}, pose.jaw)
        angles = (pose.yaw, pose.pitch, pose.roll)
        points = bend(points, _share(person), _neck(), *angles)
        centres = bend(person.eye_centres, np.ones(2), _neck(), *angles)
        R = rotation(*angles)
        gaze = [product(R, rotation(*turn)) for turn in turns]
        for lid, centre, axis in zip(person.layout.lids, centres, gaze, strict=True):
            points[lid] = clear_of_eye(points[lid], centre, person.eye_radius, axis[:, 2])
        fixed = person.layout
        return Head(
            surface=_surface(person, points, centres, gaze),
            eye_centres=centres,
            nose_tip=points[fixed.landmark_vertex[30]],
            head_centre=points[fixed.landmark_vertex[[71, 75]]].mean(axis=0),
            landmark_face=fixed.landmark_face,
            landmark_barycentric=fixed.landmark_barycentric,
            skull_rotation=R,
        )

    def _make_person(self, shape: tuple[tuple[str, float], ...], look: tuple[tuple[str, float], ...]) -> Person:
        return make_person(Identity(dict(shape), dict(look)), self._pack)


def _expressed(person: Person, weights: Mapping[str, float], jaw: float) -> np.ndarray:
    """(P, 3) float64 metres: body and pieces with expression, jaw and lids. Blinks come last, on what is there."""
    opening = min(1.0, weights.get("jawOpen", 0.0) + jaw / JAW_OPEN_RADIANS)
    open_eyed = {name: weight for name, weight in weights.items() if not name.startswith("eyeBlink")}
    points = person.points.copy()
    teeth = points[person.lower_teeth]
    for name, weight in morph_weights({**open_eyed, "jawOpen": opening}).items():
        _move(points, person.morphs, name, weight)
        _move(teeth, person.teeth_morphs, name, weight)
    for side, pairs in zip(SIDES, person.layout.lid_pairs, strict=True):
        if weights.get(f"eyeBlink{side}", 0.0) > 0.0:
            _shut(points, person.morphs[f"{side[0]}eyeClose"], pairs, weights[f"eyeBlink{side}"])
    return points


def _move(points: np.ndarray, morphs: Mapping[str, Morph], name: str, weight: float) -> None:
    if name in morphs and weight:
        rows, offsets = morphs[name]
        points[rows] += weight * offsets


def _shut(points: np.ndarray, morph: Morph, pairs: np.ndarray, weight: float) -> None:
    """Shuts an eye by `weight`: upstream's shape times what brings two pairs of lid landmarks together."""
    rows, offsets = morph
    moved = np.zeros_like(points)
    moved[rows] = offsets
    upper, lower = pairs.T
    gap = points[upper, 1] - points[lower, 1]
    closing = moved[lower, 1] - moved[upper, 1]
    full = np.clip((gap + _OVERLAP_M) / np.maximum(closing, 1e-4), 0.0, _MOST_SHUT)
    points[rows] += (weight * np.interp(points[rows, 0], points[upper, 0], full))[:, None] * offsets


def _share(person: Person) -> np.ndarray:
    """(P,) float64: how much of the skull's turn each vertex of the unposed head makes."""
    height = person.points[:, 1] + TILT * person.points[:, 2]
    share = smooth_step(height, COLLAR_M - 0.012, JAW_LINE_M).astype(np.float64)
    share[person.rigid] = 1.0
    return share


@lru_cache(maxsize=1)
def _neck() -> Neck:
    root, pivot = _NECK_AXIS
    axis = root + np.linspace(0.0, 1.0, 9)[:, None] * (pivot - root)
    share = smooth_step(axis[:, 1] + TILT * axis[:, 2], COLLAR_M - 0.012, JAW_LINE_M).astype(np.float64)
    share[0], share[-1] = 0.0, 1.0
    return Neck(share, axis)


def _lids_follow(turns: list[tuple[float, float]]) -> dict[str, float]:
    """Weights of the eyeLook shapes that move the lids along with eyes turned by (yaw, pitch), left eye first."""
    weights = {}
    for side, (_, pitch) in zip(SIDES, turns, strict=True):
        for way, angle in (("Down", pitch), ("Up", -pitch)):
            weights[f"eyeLook{way}{side}"] = float(np.clip(angle / LOOK_RADIANS[way], 0.0, 1.0))
    return weights


def _surface(person: Person, points: np.ndarray, centres: np.ndarray, gaze: list[np.ndarray]) -> Surface:
    eye, count = eyeball(), len(points)
    globes = [rotate(eye.vertices * person.eye_radius, R) + c for R, c in zip(gaze, centres, strict=True)]
    tissue = np.array([EYE_MATERIAL[k] for k in range(3)], np.uint8)[eye.tissue]
    parts = [np.where(eye.tissue == CLEAR, Part.CORNEA, side) for side in (Part.EYE_LEFT, Part.EYE_RIGHT)]
    normals = vertex_normals(points, person.triangles, person.point)
    faces = [person.triangles, eye.faces + count, eye.faces + count + len(eye.vertices)]
    return Surface(
        vertices=np.concatenate([points, *globes]),
        faces=np.concatenate(faces).astype(np.int32),
        normals=np.concatenate([normals, *(rotate(eye.normals, R) for R in gaze)]).astype(np.float32),
        uv=np.concatenate([person.uv, eye.uv, eye.uv]),
        color=np.concatenate([person.color, person.eye_color]),
        part=np.concatenate([person.part, *parts]).astype(np.uint8),
        material=np.concatenate([person.material, tissue, tissue]),
        materials=person.materials,
        cutout=np.full(sum(len(f) for f in faces), -1, np.int32),
    )
