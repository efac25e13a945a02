"""ICT-FaceKit (light, MIT) as a head model: 100 shape modes, 51 ARKit expressions, gaze, jaw and neck.

Reads the upstream folder or one npz (`meshes.ict_files`); what is fixed over people is in `meshes.ict_layout`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from meshes.appearance import (
    displacement,
    fold_maps,
    hair_colour,
    materials,
    paint,
    sample_look,
    skin_relief,
    skin_texture,
    skin_tone,
)
from meshes.arkit import ARKIT, check_expression
from meshes.assets.contents import digest_of
from meshes.elementary import product
from meshes.eyelids import clear_of_eye, shade_eyes
from meshes.eyes import CORNEA as CLEAR
from meshes.eyes import EyeTemplate, eye_materials, eyeball, paint_eye
from meshes.gaze import LOOK_RADIANS, SIDES, eye_turns
from meshes.geometry import fit_sphere, rotate
from meshes.hair import Grown, grow_hair, with_hair
from meshes.head import PLAIN, Asset, Head, Identity, MeshError, Pose, Style
from meshes.ict_files import read_ict
from meshes.ict_layout import MATERIALS, Layout, build_layout, eye_uv
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skin_relief import at_size
from meshes.skinning import bend, rotation
from meshes.surface import Material, Surface
from meshes.wear.wardrobe import body_on_ict, clothe, wardrobe_assets

JAW_OPEN_RADIANS = 0.44
"""Turn of the lower teeth at jawOpen = 1; `Pose.jaw` adds jaw / JAW_OPEN_RADIANS to that weight, up to 1 in all."""

_OVERLAP_M = 0.0003

_DEVIATION = 0.85
"""Of shape coefficients. Upstream draws from N(0, 1); a little less keeps every face believable."""

_ASSET = Asset(
    id="ict-facekit",
    licence="MIT",
    credit="ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative Technologies, MIT",
    source="https://github.com/ICT-VGL/ICT-FaceKit",
)
_BOTH_SIDES = ("browInnerUp", "cheekPuff")  # Upstream splits these two, ARKit does not.
_FLAT = {
    Part.MOUTH_INTERIOR: (0.42, 0.13, 0.12),
    Part.TONGUE: (0.45, 0.17, 0.15),
    Part.TEETH_UPPER: (0.66, 0.58, 0.46),
    Part.TEETH_LOWER: (0.66, 0.58, 0.46),
    Part.LASHES: (0.020, 0.014, 0.011),
}
"""Linear albedo of what `meshes.appearance` does not paint."""


@dataclass(frozen=True, eq=False)
class Person:
    """What one identity fixes: neutral points and eyeballs (metres, head frame) and the look of every vertex."""

    points: np.ndarray
    eye_centres: np.ndarray
    eye_radii: np.ndarray
    relief_m: np.ndarray
    color: np.ndarray
    materials: tuple[Material, ...]
    hair: Grown


class Ict:
    """The model, read from an upstream FaceXModel folder or from a packed npz file.

    A folder may lack identity or expression files; it then has fewer modes. Identity.shape holds coefficients
    "identity000" ... in standard deviations, Identity.look what `meshes.appearance.sample_look` gives.

    Args:
        path: npz file, FaceXModel folder, or the folder around it.

    Attributes:
        mean_m: (26719, 3) float64 metres, upstream's mean head in its own axes.
        modes_cm: offsets (26719, 3) of each shape mode in centimetres a standard deviation.
        moves: rows and offsets in metres of each ARKit expression at weight 1.
        layout: what all people share.

    Raises:
        MeshError: the files are missing or are not this model.
    """

    name = "ict"
    tailored = True

    def __init__(self, path: Path | str):
        data = read_ict(Path(path))
        is_file = Path(path).is_file()
        self.assets: tuple[Asset, ...] = (replace(_ASSET, sha256=digest_of(Path(path)) if is_file else ""),)
        self.mean_m = data.neutral.astype(np.float64) / 100.0
        self.modes_cm = {f"identity{k:03d}": offsets for k, offsets in data.identity.items()}
        self.moves = {name: _moved(offsets) for name, offsets in _arkit_shapes(data.expression).items()}
        self.expressions: tuple[str, ...] = tuple(name for name in ARKIT if name in self.moves)
        self.layout = build_layout(data)
        self._eye = eyeball()
        self._person = lru_cache(maxsize=4)(self._make_person)

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """Shape coefficients ~ N(0, 0.85) and a look of random ancestry; shape and look are independent."""
        coefficients = _DEVIATION * rng.standard_normal(len(self.modes_cm))
        african, asian, caucasian = (float(share) for share in rng.dirichlet([0.35, 0.35, 0.35]))
        gender, age = float(rng.random()), float(rng.uniform(0.4, 0.85))
        look = sample_look(rng, gender=gender, age=age, african=african, asian=asian, caucasian=caucasian)
        return Identity({name: float(c) for name, c in zip(self.modes_cm, coefficients, strict=True)}, look)

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """The posed head (see `meshes.head.HeadModel`). An identity without a look gets an average one.

        Raises:
            MeshError: a shape coefficient or an expression this model does not have, or a weight outside [0, 1].
        """
        check_expression(expression, self.expressions)
        look = {**(identity.look or average_look()), **style.look}
        person = self._person(tuple(sorted(identity.shape.items())), tuple(sorted(look.items())))
        return self.clothed(self.posed(person, expression, pose), person, pose, style, hair_colour(look))

    def clothed(self, head: Head, person: Person, pose: Pose, style: Style, hair: np.ndarray) -> Head:
        """A head from `posed` with the clothes and hair cards of a style; `hair` is the (3,) linear albedo of hair."""
        angles = (pose.yaw, pose.pitch, pose.roll)
        layout = self.layout
        skin = person.points[layout.point[: len(layout.template.rest)]]
        on_body = partial(body_on_ict, self, person.points, layout.share, layout.neck, skin)
        return clothe(head, layout.template, style, on_body, angles, hair)

    def assets_of(self, identity: Identity, style: Style) -> tuple[Asset, ...]:
        """The model, and the wardrobe where the style takes from it."""
        return self.assets + wardrobe_assets(style)

    def posed(self, person: Person, expression: Mapping[str, float], pose: Pose) -> Head:
        """One person with an expression, jaw, gaze and neck; weights are by ARKit name and not checked."""
        turns = eye_turns(expression, pose)
        points = self._expressed(person.points, {**expression, **_lids_follow(turns)}, pose.jaw)
        angles = (pose.yaw, pose.pitch, pose.roll)
        points = bend(points, self.layout.share, self.layout.neck, *angles)
        centres = bend(person.eye_centres, np.ones(2), self.layout.neck, *angles)
        R = rotation(*angles)
        gaze = [product(R, rotation(*turn)) for turn in turns]
        for lid, centre, radius, axis in zip(self.layout.lids, centres, person.eye_radii, gaze, strict=True):
            points[lid] = clear_of_eye(points[lid], centre, radius, axis[:, 2])
        surface = self._surface(person, points, centres, gaze, R)
        return Head(
            surface=with_hair(surface, person.hair, self.layout.neck, angles),
            eye_centres=centres,
            nose_tip=points[self.layout.nose_tip],
            head_centre=points[self.layout.tragi].mean(axis=0),
            landmark_face=self.layout.landmark_face,
            landmark_barycentric=self.layout.landmark_barycentric,
            skull_rotation=R,
        )

    def _expressed(self, neutral: np.ndarray, weights: Mapping[str, float], jaw: float) -> np.ndarray:
        """(P, 3) float64 metres: upstream points with expression, jaw and lids. Blinks come last, on what is there."""
        points = neutral.copy()
        for name, weight in _with_jaw(weights, jaw).items():
            if name in self.moves and not name.startswith("eyeBlink"):
                rows, offsets = self.moves[name]
                points[rows] += weight * offsets
        for side, pairs in zip(SIDES, self.layout.lid_pairs, strict=True):
            name = f"eyeBlink{side}"
            if weights.get(name, 0.0) > 0.0:
                rows, offsets = self.moves[name]
                shut = _to_shut(points, rows, offsets, pairs)
                points[rows] += (weights[name] * shut)[:, None] * offsets
        return points

    def _make_person(self, shape: tuple[tuple[str, float], ...], look: tuple[tuple[str, float], ...]) -> Person:
        if "skin_a" in dict(look):
            raise MeshError(
                "identity look: expected a painted skin, got one that is taken from the VALID avatars. "
                "Run `datagen assets fetch valid`, or leave skin_a out."
            )
        return self.person(self.neutral(dict(shape)), dict(look))

    def neutral(self, shape: Mapping[str, float]) -> np.ndarray:
        """(26719, 3) float64 metres, head frame: upstream's points of a face at rest, lips together.

        Raises:
            MeshError: a coefficient of a mode that this model does not have.
        """
        points = self.mean_m.copy()
        for name, coefficient in sorted(shape.items()):
            if name not in self.modes_cm:
                raise MeshError(
                    f"identity shape: expected names among the model's {len(self.modes_cm)} modes "
                    f"(identity000 ...), got {name!r}. Leave it out, or open the model it was made for."
                )
            # A Python float would let the half-precision pack multiply in half precision.
            points += np.float64(coefficient / 100.0) * self.modes_cm[name]
        return self.rested(points)

    def rested(self, points: np.ndarray) -> np.ndarray:
        """(26719, 3) float64 metres, head frame: the points with their lips together and the eye midpoint at 0."""
        points = points.copy()
        if "mouthClose" in self.moves:  # Upstream's resting lips stand 1 to 2 mm apart on most faces.
            rows, offsets = self.moves["mouthClose"]
            points[rows] += _to_shut(points, rows, offsets, self.layout.lip_pairs)[:, None] * offsets
        return points - np.mean([fit_sphere(points[white])[0] for white in self.layout.white], axis=0)

    def person(self, neutral_m: np.ndarray, look: Mapping[str, float], skin: np.ndarray | None = None) -> Person:
        """A person from explicit points.

        Args:
            neutral_m: (26719, 3) float64 metres, head frame: upstream's points of a face at rest.
            look: from `meshes.appearance.sample_look`.
            skin: (h, w, 3) uint8 sRGB albedo on the layout's uv, row 0 is v = 1; None paints it from `look`.
        """
        globes = [fit_sphere(neutral_m[white]) for white in self.layout.white]
        return Person(
            points=neutral_m,
            eye_centres=np.array([centre for centre, _ in globes]),
            eye_radii=np.array([radius for _, radius in globes]),
            relief_m=displacement(self.layout.template, look).astype(np.float64),
            color=_colors(self.layout, self._eye, look, skin),
            materials=_materials(self.layout, look, skin),
            hair=self._hair(neutral_m, look, skin is None),
        )

    def _hair(self, neutral_m: np.ndarray, look: Mapping[str, float], painted: bool) -> Grown:
        template = self.layout.template
        own = self.layout.point[: len(template.rest)]
        # A photographed skin shows its own brows.
        tone = skin_tone(look) if painted else None
        return grow_hair(template, look, neutral_m[own], self.layout.share[own], tone, self.layout.lashes)

    def _surface(
        self, person: Person, points: np.ndarray, centres: np.ndarray, gaze: list[np.ndarray], skull: np.ndarray
    ) -> Surface:
        fixed, eye = self.layout, self._eye
        skin = points[fixed.point]
        painted = len(person.relief_m)
        normals = vertex_normals(skin, fixed.faces, fixed.point)
        skin[:painted] += person.relief_m[:, None] * normals[:painted]
        normals = vertex_normals(skin, fixed.faces, fixed.point)
        globes = [rotate(eye.vertices * r, R) + c for r, R, c in zip(person.eye_radii, gaze, centres, strict=True)]
        seen = [(g - c, points[lid] - c) for g, c, lid in zip(globes, centres, fixed.lids, strict=True)]
        starts = (len(skin), len(skin) + len(eye.vertices))
        tissue = np.array([MATERIALS.index(m.name) for m in eye_materials()], np.uint8)[eye.tissue]
        parts = [np.where(eye.tissue == CLEAR, Part.CORNEA, side) for side in (Part.EYE_LEFT, Part.EYE_RIGHT)]
        return Surface(
            vertices=np.concatenate([skin, *globes]),
            faces=np.concatenate([fixed.faces, *(eye.faces + start for start in starts)]),
            normals=np.concatenate([normals, *(rotate(eye.normals, R) for R in gaze)]).astype(np.float32),
            uv=np.concatenate([fixed.uv, eye_uv(eye.uv, 0), eye_uv(eye.uv, 1)]),
            color=shade_eyes(person.color, seen, skull),
            part=np.concatenate([fixed.part, *parts]).astype(np.uint8),
            material=np.concatenate([fixed.material, tissue, tissue]),
            materials=person.materials,
            cutout=np.full(len(fixed.faces) + 2 * len(eye.faces), -1, np.int32),
        )


def _arkit_shapes(upstream: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Offsets by ARKit name. Shapes that ARKit does not have (cheekRaiser, PupilDilate) fall out later."""
    shapes: dict[str, np.ndarray] = {}
    for name, offsets in upstream.items():
        base, _, side = name.partition("_")
        arkit = base + {"L": "Left", "R": "Right"}.get(side, side)
        if base in _BOTH_SIDES:
            arkit, offsets = base, offsets.astype(np.float32) + shapes.get(base, 0.0)
        if arkit in ARKIT:
            shapes[arkit] = offsets
    return shapes


def _moved(offsets_cm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The vertices that a shape moves, and by how much in metres."""
    rows = np.flatnonzero(np.abs(offsets_cm).max(axis=1) > 0.0)
    return rows, offsets_cm[rows].astype(np.float64) / 100.0


def _with_jaw(weights: Mapping[str, float], jaw: float) -> dict[str, float]:
    """Adds the jaw's turn. mouthClose only undoes an opening; past that it would push the lips through each other."""
    opening = min(1.0, weights.get("jawOpen", 0.0) + jaw / JAW_OPEN_RADIANS)
    return {**weights, "jawOpen": opening, "mouthClose": min(weights.get("mouthClose", 0.0), opening)}


def _to_shut(points: np.ndarray, rows: np.ndarray, offsets: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(rows,) weights of upstream's blink that just shut an eye, so that eyeBlink = 1 means shut on every face.

    Found at pairs of lid landmarks, (N, 2) upper and lower vertices ordered by x; linear in x between. Lips likewise.
    """
    moved = points.copy()
    moved[rows] += offsets
    upper, lower = pairs.T
    gap = points[upper, 1] - points[lower, 1]
    closing = gap - (moved[upper, 1] - moved[lower, 1])
    weight = np.clip((gap + _OVERLAP_M) / np.maximum(closing, 1e-4), 0.0, 1.8)
    return np.interp(points[rows, 0], points[upper, 0], weight)


def _lids_follow(turns: list[tuple[float, float]]) -> dict[str, float]:
    """Weights of the eyeLook shapes that move the lids along with eyes turned by (yaw, pitch), left eye first."""
    weights = {}
    for side, outward, (yaw, pitch) in zip(SIDES, (1.0, -1.0), turns, strict=True):
        for way, angle in (("Out", outward * yaw), ("In", -outward * yaw), ("Down", pitch), ("Up", -pitch)):
            weights[f"eyeLook{way}{side}"] = float(np.clip(angle / LOOK_RADIANS[way], 0.0, 1.0))
    return weights


@lru_cache(maxsize=1)
def average_look() -> dict[str, float]:
    """The look of nobody in particular."""
    rng = np.random.Generator(np.random.Philox(key=0))
    return sample_look(rng, gender=0.5, age=0.5, african=1 / 3, asian=1 / 3, caucasian=1 / 3)


def _colors(fixed: Layout, eye: EyeTemplate, look: Mapping[str, float], skin: np.ndarray | None) -> np.ndarray:
    """(V, 3) float32 linear: skin, then mouth, teeth and lashes, then both eyes."""
    color = np.zeros((len(fixed.point), 3), np.float32)
    for part, flat in _FLAT.items():
        color[fixed.faces[fixed.part == part]] = flat
    painted = len(fixed.template.rest)
    color[:painted] = paint(fixed.template, look) if skin is None else 1.0
    return np.concatenate([color, *(paint_eye(eye, look, side, shaded=False) for side in (0, 1))])


def _materials(fixed: Layout, look: Mapping[str, float], skin: np.ndarray | None) -> tuple[Material, ...]:
    folds = fold_maps(fixed.template, look)
    relief = skin_relief(fixed.template, look, folds)
    texture = skin
    if skin is None:
        texture = skin_texture(fixed.template, look, skin_tone(look), hair_colour(look), folds.shade)
    elif skin.shape != relief.shape:
        relief = at_size(relief, *skin.shape[:2])
    table = {**materials(texture, relief), **{material.name: material for material in eye_materials()}}
    return tuple(table[name] for name in MATERIALS)
