"""The hair of one person: strands carried from the canonical head to the person's own, and along with the pose."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from meshes.hair.bound import Bound, on_surface
from meshes.hair.face import brows, facial_hair
from meshes.hair.field import read, space, spread
from meshes.hair.ribbons import Ribbons, hair_material, ribbons
from meshes.hair.scalp import TRIANGLES, scalp_hair
from meshes.hair.strands import Strands
from meshes.noise import keyed
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate
from meshes.skinning import Neck, bend, rotation
from meshes.surface import Surface

LEVELS = 1024
"""Steps that the share of the skull's rotation is counted in: 0.1 mm at the tips of long hair."""


@dataclass(frozen=True, eq=False)
class Grown:
    """What grows on one person, unposed.

    Attributes:
        ribbons: hair of the head, in the frame of the person's own head; None for a bald one.
        level: (V,) int64, the share of the skull's rotation that each vertex follows, in steps of 1 / 1024.
        bound: what is tied to the skin, and the part it belongs to.
    """

    ribbons: Ribbons | None
    level: np.ndarray
    bound: tuple[tuple[Bound, Part], ...]


def grow_hair(
    template: SkinTemplate,
    look: Mapping[str, float],
    skin: np.ndarray,
    share: np.ndarray,
    tone: np.ndarray | None,
    lashes: Bound | None = None,
    triangles: int = TRIANGLES,
) -> Grown:
    """Grows what one person has: hair of the head, brows, beard, lashes.

    Args:
        template: the canonical head.
        look: from `meshes.look.sample_look`.
        skin: (V, 3) float64 metres, the person's unposed skin, vertices as in the template.
        share: (V,) in [0, 1], the part of the skull's rotation that the skin follows.
        tone: (3,) linear albedo of the skin; None where the skin is a photograph that shows its own brows.
        lashes: of the head model.
        triangles: about how many to spend on the head.
    """
    colour = np.array([look["hair_red"], look["hair_green"], look["hair_blue"]])
    ribbons, level = _head_hair(template, look, skin, share, colour, triangles)
    beard = facial_hair(template, look, colour)
    bound = [
        (None if tone is None else brows(template, look, colour, tone), Part.BROWS),
        (beard, Part.BEARD),
        (lashes, Part.LASHES),
    ]
    return Grown(ribbons, level, tuple((hairs, part) for hairs, part in bound if hairs is not None))


def _head_hair(
    template: SkinTemplate,
    look: Mapping[str, float],
    skin: np.ndarray,
    share: np.ndarray,
    colour: np.ndarray,
    triangles: int,
) -> tuple[Ribbons | None, np.ndarray]:
    bundles = scalp_hair(template, look, triangles)
    if not bundles:
        return None, np.zeros(0, np.int64)
    rng = keyed(int(look["seed"]), 35)
    around = space(template)
    warp = spread(around, np.concatenate([skin - template.rest, share[:, None]], axis=1))
    pieces, levels = [], []
    for strands in bundles:
        moved = read(around, warp, strands.path.reshape(-1, 3)).reshape(*strands.path.shape[:2], 4)
        path = _rooted(template, skin, strands, strands.path + moved[..., :3])
        pieces.append(ribbons(strands, path, colour, rng))
        level = np.rint(LEVELS * np.clip(moved[..., 3], 0.0, 1.0)).astype(np.int64)
        levels.append(np.repeat(level, 2, axis=1)[:, :-1].ravel())
    return _joined(pieces), np.concatenate(levels)


def _rooted(template: SkinTemplate, skin: np.ndarray, strands: Strands, path: np.ndarray) -> np.ndarray:
    """Strands moved so that roots lie exactly on the person's skin; the tips stay."""
    own = np.einsum("nk,nkd->nd", strands.root_weight, skin[template.faces[strands.root_face]])
    shift = np.where(strands.root_face[:, None] >= 0, own - path[:, 0], 0.0)
    fade = np.linspace(1.0, 0.0, path.shape[1])[:, None] ** 2
    return path + fade * shift[:, None]


def _joined(pieces: list[Ribbons]) -> Ribbons:
    """Several ribbons as one."""
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces[:-1]])
    columns = {f.name: np.concatenate([getattr(piece, f.name) for piece in pieces]) for f in fields(Ribbons)}
    faces = [piece.faces + start for piece, start in zip(pieces, starts, strict=True)]
    return Ribbons(**{**columns, "faces": np.concatenate(faces).astype(np.int32)})


def _posed(hair: Ribbons, level: np.ndarray, neck: Neck, angles: tuple[float, float, float]) -> Ribbons:
    """Hair when the skull turns by `angles` (yaw, pitch, roll): each vertex follows as `bend` moves its share."""
    if not any(angles):
        return hair
    share = np.arange(LEVELS + 1) / LEVELS
    R = rotation(*(share * angle for angle in angles))
    shift = bend(np.zeros((LEVELS + 1, 3)), share, neck, *angles)
    own = R[level]
    vertices = np.einsum("nij,nj->ni", own, hair.vertices) + shift[level]
    normals = np.einsum("nij,nj->ni", own.astype(np.float32), hair.normals)
    return replace(hair, vertices=vertices, normals=normals)


def with_hair(surface: Surface, hair: Grown, neck: Neck, angles: tuple[float, float, float]) -> Surface:
    """A posed head and what grows on it as one surface.

    Args:
        surface: its first vertices are those that hairs are bound to, posed.
        hair: from `grow_hair`.
        neck: the axis the skull bends about.
        angles: yaw, pitch and roll of the skull, radians.
    """
    pieces = [(on_surface(hairs, surface.vertices), part) for hairs, part in hair.bound]
    if hair.ribbons is not None:
        pieces.append((_posed(hair.ribbons, hair.level, neck, angles), Part.HAIR))
    if not pieces:
        return surface
    every, count = _joined([piece for piece, _ in pieces]), sum(len(piece.faces) for piece, _ in pieces)
    part = np.repeat([label for _, label in pieces], [len(piece.faces) for piece, _ in pieces])
    return replace(
        surface,
        vertices=np.concatenate([surface.vertices, every.vertices]),
        normals=np.concatenate([surface.normals, every.normals]),
        uv=np.concatenate([surface.uv, every.uv]),
        color=np.concatenate([surface.color, every.color]),
        faces=np.concatenate([surface.faces, every.faces + np.int32(len(surface.vertices))]),
        part=np.concatenate([surface.part, part.astype(np.uint8)]),
        material=np.concatenate([surface.material, np.full(count, len(surface.materials), np.uint8)]),
        materials=(*surface.materials, hair_material()),
        cutout=np.concatenate([surface.cutout, np.full(count, -1, np.int32)]),
    )
