"""FLAME as a head model: reads generic_model.pkl and its like without unpickling it, or the same arrays as .npz.

Its arrays are metres with +Y up and +Z out of the face; joints are root, neck, jaw, left eye, right eye.
Described in T. Li et al., "Learning a model of facial shape and expression from 4D scans" (2017).
"""

from pathlib import Path

import numpy as np

from meshes.head import MeshError
from meshes.loaders.bounds import MAX_BYTES, Arrays, indices, numbers, read_bytes
from meshes.loaders.frame import asset_of
from meshes.loaders.linear import LinearModel, mode_names
from meshes.loaders.npz import read_npz
from meshes.loaders.rig import Rig, checked_rig
from meshes.loaders.unpickle import UnpickleError, read_pickle
from meshes.parts import Part

IDENTITY_MODES = 300
"""Of the modes in shapedirs, the first 300 are of people; the rest are of expressions."""

_KIND = "a FLAME model"
_STEP = "Download the model again from its own site and pass its .pkl or .npz file (docs/models.md)."
_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
_JOINTS = 5
_NECK, _JAW, _EYES = 1, 2, (3, 4)


def read_flame(path: Path) -> LinearModel:
    """The model in a .pkl or .npz file.

    Raises:
        MeshError: no such file, damaged, naming code, or not this model.
    """
    arrays = _from_pickle(path) if path.suffix.lower() == ".pkl" else read_npz(path, _KEYS, _KIND, _STEP)
    file = path.name
    template = numbers(arrays, "v_template", (None, 3), file).astype(np.float64)
    count = len(template)
    modes = np.moveaxis(numbers(arrays, "shapedirs", (count, 3, None), file), 2, 0)
    identity, expression = modes[:IDENTITY_MODES], modes[IDENTITY_MODES:]
    faces = indices(arrays, "f", (None, 3), 0, count, file)
    rig = _rig(arrays, template, modes, file)
    return LinearModel(
        name="flame",
        asset=asset_of("flame", path),
        points=template,
        faces=faces,
        part=np.full(len(faces), Part.FACE, np.uint8),
        identity=np.ascontiguousarray(identity),
        identity_names=mode_names("shape", len(identity)),
        expression=np.ascontiguousarray(expression),
        expression_names=mode_names("expression", len(expression)),
        whole_shapes=False,
        eyes=rig.joints[list(_EYES)],
        eye_basis=rig.basis[:, list(_EYES)],
        rig=rig,
    )


def _from_pickle(path: Path) -> Arrays:
    data = read_bytes(path, _KIND, _STEP)
    try:
        value = read_pickle(data, MAX_BYTES)
    except UnpickleError as error:
        raise MeshError(f"{path}: expected {_KIND}, got a pickle with {error}. Nothing was run. {_STEP}") from error
    if not isinstance(value, dict):
        raise MeshError(f"{path}: expected {_KIND}, got a pickle of {type(value).__name__}. {_STEP}")
    return {name: value[name] for name in _KEYS if isinstance(value.get(name), np.ndarray)}


def _rig(arrays: Arrays, template: np.ndarray, modes: np.ndarray, file: str) -> Rig:
    count = len(template)
    regressor = numbers(arrays, "J_regressor", (_JOINTS, count), file).astype(np.float64)
    weights = numbers(arrays, "weights", (count, _JOINTS), file).astype(np.float64)
    tree = numbers(arrays, "kintree_table", (2, _JOINTS), file)
    # The root's own parent is written as -1 or as 2^32 - 1.
    parents = (-1, *indices({"kintree_table": tree[0, 1:]}, "kintree_table", (_JOINTS - 1,), 0, _JOINTS, file).tolist())
    correctives = numbers(arrays, "posedirs", (count, 3, 9 * (_JOINTS - 1)), file)
    return checked_rig(
        Rig(
            joints=np.einsum("jp,pk->jk", regressor, template),
            basis=np.stack([np.einsum("jp,pk->jk", regressor, mode) for mode in modes]),
            parents=parents,
            weights=weights,
            correctives=np.ascontiguousarray(np.moveaxis(correctives, 2, 0)),
            skull=_NECK,
            jaw=_JAW,
            eyes=_EYES,
        ),
        file,
    )
