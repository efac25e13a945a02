"""One VALID person before any pose: the points, pieces and textures that an identity's parents add up to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from meshes.elementary import exp
from meshes.eyes import CORNEA, IRIS, SCLERA, eye_materials, eyeball, paint_eye
from meshes.head import Identity, MeshError
from meshes.parts import Part
from meshes.surface import Material
from meshes.valid.avatar import Avatar, Morph, Piece, read_avatar
from meshes.valid.layout import Layout, build_layout, parts
from meshes.valid.people import NAMES, average_eyes, hair_of, skins_of
from meshes.valid.skin import Skins, body_texture, head_texture
from meshes.valid.template import ATLAS_TEXELS, HEAD_TEXELS
from meshes.valid.textures import Textures, read_textures

MATERIALS = ("skin", "clothes", "mouth", "hair", "sclera", "iris", "cornea")
_SKIN, _CLOTHES, _MOUTH, _HAIR = range(4)
EYE_MATERIAL = {SCLERA: 4, IRIS: 5, CORNEA: 6}

GLOBE = 1.06
"""Radius of our eyeball over the reach of upstream's front, which is flattened where the cornea would be."""

_RED_LIMIT = 0.62
"""Teeth are this white: blue over red of the linear albedo; gums and tongue are below."""
_WHITENED = (1.15, 1.25, 1.5)
"""Factors of the painted teeth, which are as yellow as ivory."""
_LIPS = [48, 51, 54, 57]
"""Landmarks that teeth follow."""


@dataclass(frozen=True, eq=False)
class Person:
    """What one identity fixes. The body comes first, then the pieces; eyeballs are added when the head is posed.

    Attributes:
        layout: of the body.
        points: (P, 3) float64 metres, head frame: V of the body, then of the pieces.
        triangles: (F, 3) int32.
        point: (P,) int64, equal for vertices that share a normal.
        uv: (P, 2) float32, v upwards, each in the texture of its material.
        part, material: (F,) uint8.
        color: (P, 3) float32, factors of the texture.
        rigid: (P,) bool, turns with the skull whatever its height: teeth and glands.
        lower_teeth: slice of `points`.
        morphs, teeth_morphs: of the body and of the lower teeth, by upstream's name.
        eye_centres, eye_radius: (2, 3) and metres.
        eye_color: colour of both eyeballs' vertices, left first.
        materials: in the order of MATERIALS.
    """

    layout: Layout
    points: np.ndarray
    triangles: np.ndarray
    point: np.ndarray
    uv: np.ndarray
    part: np.ndarray
    material: np.ndarray
    color: np.ndarray
    rigid: np.ndarray
    lower_teeth: slice
    morphs: dict[str, Morph]
    teeth_morphs: dict[str, Morph]
    eye_centres: np.ndarray
    eye_radius: float
    eye_color: np.ndarray
    materials: tuple[Material, ...]


@dataclass(frozen=True, eq=False)
class _Parents:
    """Who gives what: the leading parent of the face, the owner of hair and clothes, donors of skin.

    `body` (V, 3) and `eye_centres` (2, 3) are the sums of all shapes; `moved` (V, 3) is the body less the face's.
    """

    face: Avatar
    owner: Avatar
    skins: Skins
    layout: Layout
    body: np.ndarray
    moved: np.ndarray
    eye_centres: np.ndarray


def make_person(identity: Identity, pack: Path) -> Person:
    """Reads the parents and adds them up.

    Args:
        identity: shape: avatar names and weights that sum to 1; look: see `meshes.valid.people`.
        pack: where the avatars are.

    Raises:
        MeshError: a parent that is not among the 42, or weights that do not sum to 1.
    """
    who = _parents(identity, pack)
    pieces = _pieces(who)
    points = [who.body, *(piece.points for piece in pieces.values())]
    start = np.cumsum([0, *(len(p) for p in points)])
    faces = [piece.triangles + first for piece, first in zip(pieces.values(), start[1:], strict=False)]
    triangles = np.concatenate([who.layout.template.triangles, *faces]).astype(np.int32)
    body_part = parts(who.layout, who.body)
    part = np.concatenate([body_part, *(_piece_part(who.owner, *item) for item in pieces.items())]).astype(np.uint8)
    material = [_body_material(who.layout, body_part), *(_piece_material(*item) for item in pieces.items())]
    lower = 1 + list(pieces).index("h_TeethDown")
    return Person(
        layout=who.layout,
        points=np.concatenate(points),
        triangles=triangles,
        point=np.concatenate([who.layout.template.point, np.arange(start[1], start[-1])]),
        uv=_uv(who.layout, pieces),
        part=part,
        material=np.concatenate(material).astype(np.uint8),
        color=_color(int(start[-1]), triangles, part),
        rigid=np.repeat([False, *(name != "h_wig" for name in pieces)], np.diff(start)),
        lower_teeth=slice(int(start[lower]), int(start[lower + 1])),
        morphs=who.face.morphs,
        teeth_morphs=pieces["h_TeethDown"].morphs,
        eye_centres=who.eye_centres,
        eye_radius=GLOBE * float(np.mean([who.face.pieces[eye].points[:, 2].max() for eye in ("h_L_eye", "h_R_eye")])),
        eye_color=_eye_color(identity.look, who.skins[0][0]),
        materials=_materials(identity.look, who),
    )


def _parents(identity: Identity, pack: Path) -> _Parents:
    weights = _weights(identity.shape)
    avatars = {name: read_avatar(name, pack) for name in weights}
    face = avatars[max(weights, key=lambda name: weights[name])]
    owner = read_avatar(_known(hair_of(identity.look, face.name), "identity look"), pack)
    layout = build_layout(face.template)
    shape = sum((weight * avatars[name].points for name, weight in weights.items()), np.zeros_like(face.points))
    # Hair is modelled on the skull: it keeps its own, and the face's shape fades in from there.
    body = owner.points + layout.face_share[:, None] * (shape - owner.points)
    return _Parents(
        face=face,
        owner=owner,
        skins=tuple(
            (read_textures(pack, _known(name, "identity look")), share)
            for name, share in skins_of(identity.look, face.name).items()
        ),
        layout=layout,
        body=body,
        moved=body - face.points,
        eye_centres=sum((weight * avatars[name].eye_centres for name, weight in weights.items()), np.zeros((2, 3))),
    )


def _pieces(who: _Parents) -> dict[str, Piece]:
    """Glands and teeth of the face's leading parent, moved along with lids and lips, and the owner's wig."""
    landmarks = {"h_L_gland": [42], "h_R_gland": [39], "h_TeethUp": _LIPS, "h_TeethDown": _LIPS}
    pieces = {}
    for name, near in landmarks.items():
        shift = who.moved[who.layout.landmark_vertex[near]].mean(axis=0)
        pieces[name] = replace(who.face.pieces[name], points=who.face.pieces[name].points + shift)
    wig = who.owner.pieces.get("h_wig")
    return pieces if wig is None else {**pieces, "h_wig": wig}


def _body_material(layout: Layout, part: np.ndarray) -> np.ndarray:
    return np.where(layout.skin_face, _SKIN, np.where(part == Part.MOUTH_INTERIOR, _MOUTH, _CLOTHES))


def _color(count: int, triangles: np.ndarray, part: np.ndarray) -> np.ndarray:
    color = np.ones((count, 3), np.float32)
    color[triangles[np.isin(part, (Part.TEETH_UPPER, Part.TEETH_LOWER))]] = _WHITENED
    return color


def _weights(shape: Mapping[str, float]) -> dict[str, float]:
    for name in shape:
        _known(name, "identity shape")
    if not shape or abs(sum(shape.values()) - 1.0) > 1e-3:
        raise MeshError(
            f"identity shape: expected weights that sum to 1, got {dict(shape)}. "
            "Give one avatar weight 1, or extrapolate a pair: 1.2 and -0.2."
        )
    return dict(sorted(shape.items()))


def _known(name: str, where: str) -> str:
    if name not in NAMES:
        raise MeshError(f"{where}: expected names of the 42 VALID avatars, got {name!r}. See docs/valid.md.")
    return name


def _uv(layout: Layout, pieces: Mapping[str, Piece]) -> np.ndarray:
    """(P, 2) float32, v upwards: in the head's texture where that is used, else in the whole atlas."""
    template = layout.template
    on_head = np.zeros(len(template.uv), bool)
    on_head[template.triangles[layout.skin_face]] = True
    uv = [np.where(on_head[:, None], _in_head(template.uv), template.uv)]
    uv += [_in_head(p.uv) if name.endswith("gland") else p.uv for name, p in pieces.items()]
    whole = np.concatenate(uv)
    return np.stack([whole[:, 0], 1.0 - whole[:, 1]], axis=1).astype(np.float32)


def _in_head(uv: np.ndarray) -> np.ndarray:
    return uv * (ATLAS_TEXELS / np.array(HEAD_TEXELS))


def _piece_material(name: str, piece: Piece) -> np.ndarray:
    material = {"h_wig": _HAIR, "h_TeethUp": _MOUTH, "h_TeethDown": _MOUTH}.get(name, _SKIN)
    return np.full(len(piece.triangles), material)


def _piece_part(owner: Avatar, name: str, piece: Piece) -> np.ndarray:
    """(F,) part of each face of a piece; teeth, gums and tongue are told apart by colour and motion."""
    if not name.startswith("h_Teeth"):
        return np.full(len(piece.triangles), Part.HAIR if name == "h_wig" else Part.EYE_SOCKET)
    image = owner.textures.body
    column, row = (piece.uv[piece.triangles].mean(axis=1) * (image.shape[1], image.shape[0])).astype(int).T
    texel = image[row.clip(0, image.shape[0] - 1), column.clip(0, image.shape[1] - 1)].astype(np.float64)
    white = (texel[:, 2] > _RED_LIMIT * texel[:, 0]) & (texel.sum(axis=1) > 180)
    part = np.where(white, Part.TEETH_UPPER if name == "h_TeethUp" else Part.TEETH_LOWER, Part.MOUTH_INTERIOR)
    if name == "h_TeethDown":
        tongue = np.zeros(len(piece.points), bool)
        tongue[piece.morphs["OutMiddle_tg"][0]] = True
        part[tongue[piece.triangles].all(axis=1)] = Part.TONGUE
    return part


def _eye_color(look: Mapping[str, float], donor: Textures) -> np.ndarray:
    """Colour of both eyeballs; irises of which the look says nothing are as the donor of skin has them painted."""
    names = [f"iris_{ring}_{channel}" for ring in ("outer", "inner") for channel in ("red", "green", "blue")]
    painted = dict(zip(names, map(float, [*donor.iris, *(1.2 * donor.iris)]), strict=True))
    look = {**average_eyes(), **painted, **look}
    return np.concatenate([paint_eye(eyeball(), look, side) for side in (0, 1)])


def _materials(look: Mapping[str, float], who: _Parents) -> tuple[Material, ...]:
    owner = who.owner.textures
    darkness, redness = look.get("darkness", 0.0), look.get("redness", 0.0)
    # Melanin takes blue first and red last; blood takes green.
    tone = exp(-darkness * np.array([0.8, 1.05, 1.3]) + redness * np.array([0.3, -0.5, -0.3]))
    head = head_texture(who.skins, owner, tone)
    body = body_texture(who.skins, owner, tone)
    hair = owner.wig if owner.wig is not None else body[:8, :8]  # No face wears it.
    return (
        Material("skin", 0.6, 0.02, 1.0, head),
        Material("clothes", 0.85, 0.03, 0.0, body),
        Material("mouth", 0.3, 0.035, 0.3, body),
        Material("hair", 0.65, 0.018, 0.0, hair),
        *eye_materials(),
    )
