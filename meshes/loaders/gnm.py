"""Google's GNM Head v3 as a head model, from its gnm_head.npz.

Its arrays are metres with +Y up and +Z out of the face; it has neck, head and eye joints and no jaw joint: the lower
face is part of its expressions.
"""

import re
from pathlib import Path

import numpy as np

from meshes.head import MeshError
from meshes.loaders.bounds import Arrays, indices, numbers
from meshes.loaders.frame import asset_of
from meshes.loaders.linear import LinearModel
from meshes.loaders.npz import read_npz
from meshes.loaders.rig import Rig, checked_rig
from meshes.parts import Part

_KIND = "a GNM head"
_STEP = "Download the model again from its own site and pass its gnm_head.npz (docs/models.md)."
_KEYS = (
    *("template_vertex_positions", "vertex_identity_basis", "expression_basis", "triangles", "triangle_uvs"),
    *("template_joint_positions", "joint_identity_basis", "joint_parent_indices", "joint_names", "skinning_weights"),
    *("pose_correctives_regressor", "identity_names", "expression_names", "vertex_groups", "vertex_group_names"),
)
_PARTS = (
    (("tongue",), Part.TONGUE),
    (("teeth", "lower"), Part.TEETH_LOWER),
    (("teeth", "bottom"), Part.TEETH_LOWER),
    (("teeth",), Part.TEETH_UPPER),
    (("lips",), Part.LIPS),
    (("nose",), Part.NOSE),
    (("ear", "left"), Part.EAR_LEFT),
    (("ear", "right"), Part.EAR_RIGHT),
    (("neck",), Part.NECK),
    (("scalp",), Part.SCALP),
)
"""Words of a vertex group's name, and the part that its faces are; the first that fits counts."""


def read_gnm(path: Path) -> LinearModel:
    """The model in an .npz file.

    Raises:
        MeshError: no such file, damaged, or not this model.
    """
    arrays, file = read_npz(path, _KEYS, _KIND, _STEP), path.name
    template = numbers(arrays, "template_vertex_positions", (None, 3), file).astype(np.float64)
    count = len(template)
    identity = numbers(arrays, "vertex_identity_basis", (None, count, 3), file)
    expression = numbers(arrays, "expression_basis", (None, count, 3), file)
    faces = indices(arrays, "triangles", (None, 3), 0, count, file)
    rig = _rig(arrays, count, len(identity), len(expression), file)
    return LinearModel(
        name="gnm",
        asset=asset_of("gnm", path),
        points=template,
        faces=faces,
        part=_parts(arrays, faces, count, file),
        identity=identity,
        identity_names=_names(arrays, "identity_names", len(identity), file),
        expression=expression,
        expression_names=_names(arrays, "expression_names", len(expression), file),
        whole_shapes=False,
        eyes=rig.joints[list(rig.eyes)],
        eye_basis=rig.basis[:, list(rig.eyes)],
        rig=rig,
        uv=numbers(arrays, "triangle_uvs", (len(faces), 3, 2), file) if "triangle_uvs" in arrays else None,
    )


def _names(arrays: Arrays, key: str, count: int, file: str) -> tuple[str, ...]:
    names = [str(name) for name in arrays.get(key, np.zeros(0, "U1")).ravel()]
    if len(names) != count or len(set(names)) != count:
        raise MeshError(f"{file}: expected {count} different names in {key}, got {len(set(names))}. {_STEP}")
    return tuple(names)


def _rig(arrays: Arrays, points: int, people: int, expressions: int, file: str) -> Rig:
    joints = numbers(arrays, "template_joint_positions", (None, 3), file).astype(np.float64)
    count = len(joints)
    parents = numbers(arrays, "joint_parent_indices", (count,), file)
    earlier = indices({"parents": parents[1:]}, "parents", (count - 1,), 0, count, file).tolist()
    moved = numbers(arrays, "joint_identity_basis", (people, count, 3), file).astype(np.float64)
    skull, eyes = _joints(_names(arrays, "joint_names", count, file), file)
    return checked_rig(
        Rig(
            joints=joints,
            basis=np.concatenate([moved, np.zeros((expressions, count, 3))]),
            parents=(-1, *earlier),
            weights=numbers(arrays, "skinning_weights", (count, points), file).astype(np.float64).T,
            correctives=_correctives(arrays, count, points, file),
            skull=skull,
            jaw=-1,
            eyes=eyes,
        ),
        file,
    )


def _correctives(arrays: Arrays, joints: int, points: int, file: str) -> np.ndarray:
    """(9 J, P, 3); version 3 comes with zeros, which are left out."""
    table = numbers(arrays, "pose_correctives_regressor", (9 * joints, 3 * points), file)
    return table.reshape(-1, points, 3)[: len(table) if table.any() else 0]


def _joints(names: tuple[str, ...], file: str) -> tuple[int, tuple[int, int]]:
    """The joint that turns the head (the neck's where there is none of the head), and both eyes'."""
    words = [set(_words(name)) for name in names]
    found = {
        key: [j for j, word in enumerate(words) if wanted <= word]
        for key, wanted in (
            *(("left", {"left", "eye"}), ("right", {"right", "eye"})),
            *(("head", {"head"}), ("neck", {"neck"})),
        )
    }
    skull = found["head"] or found["neck"]
    if not (found["left"] and found["right"] and skull):
        raise MeshError(f"{file}: expected joints of head or neck and of both eyes, got {', '.join(names)[:200]}.")
    return skull[0], (found["left"][0], found["right"][0])


def _words(name: str) -> list[str]:
    """Words of a name; l and r are short for left and right, and plurals are one word."""
    short = {"l": "left", "r": "right", "eyes": "eye", "ears": "ear", "lip": "lips", "tooth": "teeth"}
    return [short.get(word, word) for word in re.split(r"[^a-z]+", name.lower()) if word]


def _parts(arrays: Arrays, faces: np.ndarray, count: int, file: str) -> np.ndarray:
    """(F,) uint8: the part of the first fitting group that holds all corners of a face; else the face."""
    part = np.full(len(faces), Part.FACE, np.uint8)
    if "vertex_groups" not in arrays or "vertex_group_names" not in arrays:
        return part
    groups = numbers(arrays, "vertex_groups", (None, count), file)
    names = _names(arrays, "vertex_group_names", len(groups), file)
    for wanted, which in reversed(_PARTS):
        for name, group in zip(names, groups, strict=True):
            if set(wanted) <= set(_words(name)):
                part[(group[faces] > 0.5).all(axis=1)] = which
    return part
