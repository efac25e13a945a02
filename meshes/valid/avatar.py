"""One VALID avatar in the head frame: the shared topology with this person's points, morphs and textures.

Upstream stands with its arms spread; here they hang, so that shoulders look like a portrait's.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from meshes.gltf import Glb, GltfMesh
from meshes.head import MeshError
from meshes.skinning import rotation
from meshes.valid.pack import found, members, open_glb
from meshes.valid.template import Template, build_template, check_keys, uv_keys
from meshes.valid.textures import Textures, read_textures

PIECES = ("h_L_eye", "h_R_eye", "h_L_gland", "h_R_gland", "h_TeethUp", "h_TeethDown", "h_wig")
"""Meshes besides the body; only some people have a wig."""

_BODY = "H_DDS_HighRes"
_ARM_RAD, _SHOULDER_RAD = 1.05, 0.12
"""How far arms and collar bones are turned down from the spread arms of the files."""

Morph = tuple[np.ndarray, np.ndarray]
"""(n,) int64 rows and (n, 3) float64 offsets in metres."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A mesh beside the body.

    Attributes:
        points: (N, 3) float64 metres, head frame.
        triangles: (F, 3) int32.
        uv: (N, 2) float64, v downwards.
        morphs: by upstream's name without its affixes ("MouthOpen").
    """

    points: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    morphs: dict[str, Morph]


@dataclass(frozen=True, eq=False)
class Avatar:
    """One person as shipped.

    Attributes:
        name: "White_F_2".
        template: the topology: triangles, uv.
        points: (V, 3) float64 metres, head frame, in the template's order.
        morphs: 65 morph targets of the body by upstream's name without its affixes ("MouthOpen").
        pieces: eyes, glands, teeth and wig by node name.
        eye_centres: (2, 3) float64, the eye joints, left first.
        head_joint, neck_joint: (3,) float64.
        pack: where its file is.
    """

    name: str
    template: Template
    points: np.ndarray
    morphs: dict[str, Morph]
    pieces: dict[str, Piece]
    eye_centres: np.ndarray
    head_joint: np.ndarray
    neck_joint: np.ndarray
    pack: Path

    @property
    def textures(self) -> Textures:
        """Of head, body and wig; the last few avatars' are kept."""
        return read_textures(self.pack, self.name)

    @property
    def skin(self) -> np.ndarray:
        """(1256, 1332, 3) uint8 sRGB albedo of head, ears and eyes at full size; row 0 is v = 0 of the atlas."""
        return self.textures.skin


def avatars(pack: Path | str | None = None) -> tuple[str, ...]:
    """Names of all avatars of a pack (the asset "valid" unless named), sorted.

    Raises:
        MeshError: the pack is missing or is none.
    """
    return tuple(members(found(pack)))


def read_avatar(name: str, pack: Path | str | None = None) -> Avatar:
    """One avatar; the last few are kept.

    Args:
        name: one of `avatars()`.
        pack: zip file or folder; the asset "valid" unless named.

    Raises:
        MeshError: no such avatar, or its file is damaged or is no VALID avatar.
    """
    return _read(found(pack), name)


@lru_cache(maxsize=8)
def _read(pack: Path, name: str) -> Avatar:
    glb = open_glb(pack, name)
    body = glb.mesh(_BODY)
    template = _template(pack)
    rows = _rows(body, template, glb.name)
    eyes = np.array([glb.node_position("LeftEye"), glb.node_position("RightEye")])
    origin = eyes.mean(axis=0)
    A = _moves(glb, body)
    points, morphs = _placed(glb, _BODY, body, A, rows)
    pieces = {piece: _piece(glb, piece, origin) for piece in PIECES if piece in glb.mesh_names()}
    return Avatar(
        name=name,
        template=template,
        points=_joined(points - origin, template.point),
        morphs=morphs,
        pieces=pieces,
        eye_centres=eyes - origin,
        head_joint=glb.node_position("Head") - origin,
        neck_joint=glb.node_position("Neck") - origin,
        pack=pack,
    )


@lru_cache(maxsize=2)
def _template(pack: Path) -> Template:
    glb = open_glb(pack, next(iter(members(pack))))
    body = glb.mesh(_BODY)
    A = glb.skinning_matrices(body)
    return build_template(body, _apply(A, body.positions), glb.name)


def _rows(body: GltfMesh, template: Template, name: str) -> np.ndarray:
    """(V,) the file's vertex of each template vertex."""
    keys, first = np.unique(uv_keys(body.uv), return_index=True)
    check_keys(len(keys), name)
    at = np.searchsorted(keys, template.keys).clip(max=len(keys) - 1)
    if not np.array_equal(keys[at], template.keys):
        raise MeshError(f"{name}: expected the texture coordinates of VALID, got others. Pass avatars as upstream's.")
    return first[at]


def _moves(glb: Glb, body: GltfMesh) -> np.ndarray:
    turns = {}
    for side, sign in (("Left", -1.0), ("Right", 1.0)):
        for joint, angle in (("Shoulder", _SHOULDER_RAD), ("Arm", _ARM_RAD)):
            turns[side + joint] = rotation(0.0, 0.0, sign * angle)
    return glb.skinning_matrices(body, turns)


def _placed(
    glb: Glb, node: str, mesh: GltfMesh, A: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, dict[str, Morph]]:
    """Points (len(rows), 3) and morphs of the chosen vertices, in the scene."""
    A = A[rows]
    morphs = {}
    for k, target in enumerate(mesh.target_names):
        offsets = glb.target(node, k)[rows]
        moved = np.flatnonzero(offsets.any(axis=1))
        offsets = np.einsum("vab,vb->va", A[moved, :, :3], offsets[moved])
        morphs[target.rpartition(".")[2].removesuffix("_h").removeprefix("t_")] = (moved, offsets)
    return _apply(A, mesh.positions[rows]), morphs


def _piece(glb: Glb, node: str, origin: np.ndarray) -> Piece:
    mesh = glb.mesh(node)
    rows = np.arange(len(mesh.positions))
    points, morphs = _placed(glb, node, mesh, glb.skinning_matrices(mesh), rows)
    return Piece(points - origin, mesh.triangles, mesh.uv.astype(np.float64), morphs)


def _apply(A: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.einsum("vab,vb->va", A[:, :, :3], points) + A[:, :, 3]


def _joined(points: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Both sides of every seam at their mean, so that no ray slips between them."""
    count = np.bincount(point)
    return np.stack([np.bincount(point, points[:, k]) / count for k in range(3)], axis=1)[point]
