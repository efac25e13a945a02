"""The hair of one person: strands carried from the canonical head to the person's own, and along with the pose."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from meshes.hair.field import read, space, spread
from meshes.hair.ribbons import Ribbons, hair_material, ribbons
from meshes.hair.scalp import TRIANGLES, scalp_hair
from meshes.hair.strands import Strands
from meshes.noise import keyed
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate
from meshes.skinning import Neck, bend, rotation
from meshes.surface import Surface

_LEVELS = 1024
"""Steps that the share of the skull's rotation is counted in: 0.1 mm at the tips of long hair."""


@dataclass(frozen=True, eq=False)
class Grown:
    """What grows on one person, unposed.

    Attributes:
        ribbons: in the frame of the person's own head.
        level: (V,) int64, the share of the skull's rotation that each vertex follows, in steps of 1 / 1024.
    """

    ribbons: Ribbons
    level: np.ndarray


def grow_hair(
    template: SkinTemplate,
    look: Mapping[str, float],
    skin: np.ndarray,
    share: np.ndarray,
    colour: np.ndarray,
    triangles: int = TRIANGLES,
) -> Grown | None:
    """Grows the hair of one person's head.

    Args:
        template: the canonical head.
        look: from `meshes.look.sample_look`.
        skin: (V, 3) float64 metres, the person's unposed skin, vertices as in the template.
        share: (V,) in [0, 1], the part of the skull's rotation that the skin follows.
        colour: (3,) linear albedo.
        triangles: about how many to spend.

    Returns:
        The hair; None for a bald head.
    """
    bundles = scalp_hair(template, look, triangles)
    if not bundles:
        return None
    rng = keyed(int(look["seed"]), 35)
    around = space(template)
    warp = spread(around, np.concatenate([skin - template.rest, share[:, None]], axis=1))
    pieces, levels = [], []
    for strands in bundles:
        moved = read(around, warp, strands.path.reshape(-1, 3)).reshape(*strands.path.shape[:2], 4)
        path = _rooted(template, skin, strands, strands.path + moved[..., :3])
        pieces.append(ribbons(strands, path, colour, rng))
        level = np.rint(_LEVELS * np.clip(moved[..., 3], 0.0, 1.0)).astype(np.int64)
        levels.append(np.repeat(level, 2, axis=1)[:, :-1].ravel())
    return Grown(_joined(pieces), np.concatenate(levels))


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


def _posed(hair: Grown, neck: Neck, angles: tuple[float, float, float]) -> Ribbons:
    """The hair when the skull turns by `angles` (yaw, pitch, roll): each vertex follows as `bend` moves its share."""
    if not any(angles):
        return hair.ribbons
    share = np.arange(_LEVELS + 1) / _LEVELS
    used, index = np.unique(hair.level, return_inverse=True)
    R = rotation(*(share[used] * angle for angle in angles))
    shift = bend(np.zeros((len(used), 3)), share[used], neck, *angles)
    own = R[index]
    vertices = np.einsum("nij,nj->ni", own, hair.ribbons.vertices) + shift[index]
    normals = np.einsum("nij,nj->ni", own.astype(np.float32), hair.ribbons.normals)
    return replace(hair.ribbons, vertices=vertices, normals=normals)


def with_hair(surface: Surface, hair: Grown | None, neck: Neck, angles: tuple[float, float, float]) -> Surface:
    """A posed head and what grows on it as one surface.

    Args:
        surface: its first faces and vertices are those of the skin template, posed; its normals are up to date.
        hair: from `grow_hair`.
        neck: the axis the skull bends about.
        angles: yaw, pitch and roll of the skull, radians.
    """
    if hair is None:
        return surface
    every = _posed(hair, neck, angles)
    part = np.full(len(every.faces), Part.HAIR, np.uint8)
    return replace(
        surface,
        vertices=np.concatenate([surface.vertices, every.vertices]),
        normals=np.concatenate([surface.normals, every.normals]),
        uv=np.concatenate([surface.uv, every.uv]),
        color=np.concatenate([surface.color, every.color]),
        faces=np.concatenate([surface.faces, every.faces + np.int32(len(surface.vertices))]),
        part=np.concatenate([surface.part, part]),
        material=np.concatenate([surface.material, np.full(len(part), len(surface.materials), np.uint8)]),
        materials=(*surface.materials, hair_material()),
        cutout=np.concatenate([surface.cutout, np.full(len(part), -1, np.int32)]),
    )
