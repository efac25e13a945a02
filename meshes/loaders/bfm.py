"""The Basel Face Model: 2009 from its .mat file, 2017 and 2019 (faces and full heads) from their .h5 files.

Its faces have no eyeballs and no joints: eyes are found by the mean face, and the head turns as one piece.
Described in P. Paysan et al., "A 3D face model for pose and illumination invariant face recognition" (2009), and
T. Gerig et al., "Morphable face models - an open framework" (2018).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from meshes.head import MeshError
from meshes.loaders.bounds import MAX_BYTES, Arrays, check_file, indices, numbers
from meshes.loaders.frame import Frame, asset_of, eye_basis, find_frame
from meshes.loaders.linear import Colors, LinearModel, mode_names
from meshes.loaders.mat import read_mat
from meshes.parts import Part

_KIND = "a Basel Face Model"
_STEP = "Download the model again from its own site and pass its .mat or .h5 file (docs/models.md)."
_MAT = ("shapeMU", "shapePC", "shapeEV", "texMU", "texPC", "texEV", "tl")
_CELLS = tuple(f"{part}representer/cells" for part in ("shape/", "color/", ""))
_MODELS = ("shape", "expression", "color")
_DATASETS = (*_CELLS, *(f"{m}/model/{name}" for m in _MODELS for name in ("mean", "pcaBasis", "pcaVariance")))


def read_bfm(path: Path) -> LinearModel:
    """The model in a .mat or .h5 file.

    Raises:
        MeshError: no such file, damaged, or not this model; for .h5 also where h5py is not installed.
    """
    mat = path.suffix.lower() == ".mat"
    arrays = _as_h5(read_mat(path, _MAT, _KIND, _STEP)) if mat else _read_h5(path)
    file = path.name
    mean = numbers(arrays, "shape/model/mean", (None,), file).astype(np.float64)
    if len(mean) % 3:
        raise MeshError(f"{file}: expected three coordinates a point, got {len(mean)} numbers. {_STEP}")
    if "expression/model/mean" in arrays:
        mean = mean + numbers(arrays, "expression/model/mean", (len(mean),), file)
    points = mean.reshape(-1, 3)
    faces = _faces(arrays, len(points), file)
    frame = find_frame(points, faces, file)
    identity, expression = (_modes(arrays, model, len(points), file, frame) for model in ("shape", "expression"))
    placed = frame.points(points)
    return LinearModel(
        name="bfm",
        asset=asset_of("bfm", path),
        points=placed,
        faces=faces,
        part=np.full(len(faces), Part.FACE, np.uint8),
        identity=identity,
        identity_names=mode_names("shape", len(identity)),
        expression=expression,
        expression_names=mode_names("expression", len(expression)),
        whole_shapes=False,
        eyes=frame.eyes,
        eye_basis=np.concatenate([eye_basis(placed, frame.eyes, identity), np.zeros((len(expression), 2, 3))]),
        colors=_colors(arrays, len(points), file),
    )


def _as_h5(mat: Arrays) -> dict[str, np.ndarray]:
    """The arrays of 2009 under the names of 2017. Its EV are deviations, not variances; its indices start at 1."""
    arrays = {}
    for model, stem in (("shape", "shape"), ("color", "tex")):
        for name, key in (("mean", "MU"), ("pcaBasis", "PC"), ("pcaVariance", "EV")):
            if stem + key in mat:
                array = mat[stem + key]
                arrays[f"{model}/model/{name}"] = array if key == "PC" else array.ravel()
    if "shape/model/pcaVariance" in arrays:
        arrays["shape/model/pcaVariance"] = np.square(arrays["shape/model/pcaVariance"].astype(np.float64))
    if "color/model/pcaVariance" in arrays:
        arrays["color/model/pcaVariance"] = np.square(arrays["color/model/pcaVariance"].astype(np.float64))
    if "tl" in mat:
        arrays[_CELLS[0]] = mat["tl"].astype(np.float64) - 1.0
    return arrays


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise MeshError(
            f"{path}: expected h5py for a Basel Face Model in HDF5, found it is not installed. "
            "Install it (pip install 'perspective-portraits[bfm]')."
        ) from error
    check_file(path, _KIND, _STEP)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except MeshError:
        raise
    # The HDF5 library meets damage with OSError, RuntimeError, KeyError and more; to the user all say one.
    except Exception as error:
        raise MeshError(f"{path}: expected {_KIND} in HDF5, got damage ({str(error)[:200]}). {_STEP}") from error


def _read_h5(path: Path) -> dict[str, np.ndarray]:
    arrays, budget = {}, MAX_BYTES
    with _opened(path) as file:
        for name in _DATASETS:
            dataset = file.get(name)
            if dataset is None or not hasattr(dataset, "shape"):
                continue
            # A few bytes can promise any shape, and a data set may lie in another file.
            budget -= dataset.size * dataset.dtype.itemsize
            elsewhere = dataset.is_virtual or dataset.external or dataset.file != file
            if budget < 0 or elsewhere or dataset.dtype.kind not in "fiu":
                raise ValueError(f"{name} of shape {dataset.shape}: too large, in another file or not of numbers")
            arrays[name] = dataset[()]
    return arrays


def _faces(arrays: Arrays, count: int, file: str) -> np.ndarray:
    """(F, 3) int64; files keep them either way round."""
    name = next((name for name in _CELLS if name in arrays), _CELLS[0])
    if name in arrays and arrays[name].ndim == 2 and arrays[name].shape[0] == 3:
        arrays = {name: arrays[name].T}
    return indices(arrays, name, (None, 3), 0, count, file)


def _modes(arrays: Arrays, model: str, points: int, file: str, frame: Frame) -> np.ndarray:
    """(K, P, 3) metres per deviation; none where the file has no such model."""
    return frame.offsets(_scaled(arrays, model, points, file))


def _scaled(arrays: Arrays, model: str, points: int, file: str) -> np.ndarray:
    """(K, P, 3): basis times deviation, in the file's unit and precision."""
    basis_name, variance_name = f"{model}/model/pcaBasis", f"{model}/model/pcaVariance"
    if basis_name not in arrays and model != "shape":
        return np.zeros((0, points, 3))
    basis = numbers(arrays, basis_name, (3 * points, None), file)
    variance = numbers(arrays, variance_name, (basis.shape[1],), file)
    if variance.min() < 0:
        raise MeshError(f"{file}: expected variances of at least 0, got {variance.min():.3g}. {_STEP}")
    kind = np.float32 if basis.dtype == np.float32 else np.float64
    modes: np.ndarray = np.array(basis.T, kind, order="C")
    modes *= np.sqrt(variance.astype(np.float64))[:, None].astype(kind)
    return modes.reshape(-1, points, 3)


def _colors(arrays: Arrays, points: int, file: str) -> Colors | None:
    """Colours as sRGB in [0, 1]; 2009 has them up to 255."""
    if "color/model/mean" not in arrays:
        return None
    mean = numbers(arrays, "color/model/mean", (3 * points,), file).astype(np.float64)
    unit = 255.0 if mean.max() > 2.0 else 1.0
    basis = _scaled(arrays, "color", points, file)
    return Colors(mean.reshape(-1, 3) / unit, basis / basis.dtype.type(unit))
