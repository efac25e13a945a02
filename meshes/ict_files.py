"""Reads ICT-FaceKit (light): the upstream folder of OBJ files, or one packed npz. Nothing is posed here.

Everything stays as upstream has it: centimetres, +Y up, +Z out of the face, +X to the person's left.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshes.head import MeshError

VERTICES = 26719
"""Every mesh of the light model has this many vertices, in one order."""

HEIGHT_CM = (20, 80)
"""Of the neutral mesh, crown to shoulders; any other is another model or another unit."""

MATERIALS = (
    "M_Face",
    "M_BackHead",
    "M_GumsTongue",
    "M_Teeth",
    "M_ScleraLeft",
    "M_IrisLeft",
    "M_ScleraRight",
    "M_IrisRight",
    "M_LacrimalFluid",
    "M_EyeBlend",
    "M_EyeOcclusion",
    "M_EyeLashes",
)
_NEUTRAL = "generic_neutral_mesh.obj"
_INDICES = "vertex_indices.json"
_NEXT = "Download ICT-FaceKit again, or pass its FaceXModel folder."


@dataclass(frozen=True, eq=False)
class IctData:
    """The model as stored.

    Attributes:
        neutral: (V, 3) float32 cm, the mean head.
        identity: offsets (V, 3) in cm per unit coefficient, by mode number; coefficients are ~ N(0, 1).
        expression: offsets (V, 3) in cm at weight 1, by upstream name ("jawOpen", "eyeBlink_L").
        uv: (T, 2) float32, one tile of the texture per unit of u.
        faces: (F, 4) int32 into `neutral`; -1 in the last column marks a triangle.
        faces_uv: (F, 4) int32 into `uv`.
        material: (F,) uint8 index into MATERIALS.
        landmarks: (68,) int32 vertices in iBUG order.
    """

    neutral: np.ndarray
    identity: dict[int, np.ndarray]
    expression: dict[str, np.ndarray]
    uv: np.ndarray
    faces: np.ndarray
    faces_uv: np.ndarray
    material: np.ndarray
    landmarks: np.ndarray


def read_ict(path: Path) -> IctData:
    """Reads the model from `path`: an npz file, the FaceXModel folder, or the folder around it.

    Raises:
        MeshError: nothing there, or not this model.
    """
    if path.is_dir():
        data = _read_folder(path / "FaceXModel" if (path / "FaceXModel").is_dir() else path)
    elif path.is_file():
        data = _read_pack(path)
    else:
        raise MeshError(f"Expected an ICT-FaceKit folder or npz file, got {path}, which does not exist. {_NEXT}")
    _check(data, path)
    return data


def _read_pack(path: Path) -> IctData:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as pack:
            arrays = {name: pack[name] for name in pack.files}
        names, kinds = [str(n) for n in arrays["expression_names"]], [str(n) for n in arrays["material_names"]]
        return IctData(
            neutral=arrays["neutral"],
            identity=dict(enumerate(arrays["identity"])),
            expression=dict(zip(names, arrays["expression"], strict=True)),
            uv=arrays["uv"],
            faces=arrays["faces"],
            faces_uv=arrays["faces_uv"],
            material=np.array([MATERIALS.index(kind) for kind in kinds], np.uint8)[arrays["material"]],
            landmarks=arrays["landmarks68"],
        )
    # The zip and npy readers meet damage with a dozen kinds of error, and numpy's texts advise to unpickle.
    except Exception as error:
        raise MeshError(
            f"{path}: expected a packed ICT-FaceKit npz, got a file that does not read "
            f"({type(error).__name__}). {_NEXT}"
        ) from error


def _read_folder(folder: Path) -> IctData:
    neutral_file, indices_file = folder / _NEUTRAL, folder / _INDICES
    for file in (neutral_file, indices_file):
        if not file.is_file():
            raise MeshError(f"{folder}: expected {file.name} in the ICT-FaceKit folder, found none. {_NEXT}")
    text = _read_text(neutral_file)
    neutral = _vertices(text, neutral_file)
    uv, faces, faces_uv, material = _topology(text, neutral_file)
    identity, expression = {}, {}
    for file in sorted(folder.glob("*.obj")):
        if file.name == _NEUTRAL:
            continue
        offsets = _vertices(_read_text(file), file) - neutral
        mode = re.fullmatch(r"identity(\d+)", file.stem)
        if mode:
            identity[int(mode[1])] = offsets.astype(np.float32)
        else:
            expression[file.stem] = offsets.astype(np.float32)
    landmarks = _landmarks(indices_file)
    return IctData(neutral.astype(np.float32), identity, expression, uv, faces, faces_uv, material, landmarks)


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise MeshError(f"{file}: expected a text OBJ file, got one that does not read ({error}). {_NEXT}") from error


def _rows(text: str, keyword: str, columns: int) -> np.ndarray:
    """(N, columns) float64 of all lines that start with `keyword`; upstream comment heads differ in length."""
    rows = [line.split()[1 : columns + 1] for line in text.splitlines() if line.startswith(f"{keyword} ")]
    return np.array(rows, np.float64).reshape(-1, columns)


def _vertices(text: str, file: Path) -> np.ndarray:
    try:
        vertices = _rows(text, "v", 3)
    except ValueError as error:
        raise MeshError(f"{file}: expected three numbers in every v line, got {error}. {_NEXT}") from error
    if len(vertices) != VERTICES:
        raise MeshError(f"{file}: expected {VERTICES} vertices, got {len(vertices)}. {_NEXT}")
    return vertices


def _topology(text: str, file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    faces, faces_uv, material, current = [], [], [], 0
    try:
        for line in text.splitlines():
            if line.startswith("usemtl "):
                current = MATERIALS.index(line.split()[1])
            elif line.startswith("f "):
                corners = [corner.split("/")[:2] for corner in line.split()[1:]]
                missing = [-1] * (4 - len(corners))
                faces.append([int(v) - 1 for v, _ in corners] + missing)
                faces_uv.append([int(t) - 1 for _, t in corners] + missing)
                material.append(current)
        arrays = np.array(faces, np.int32).reshape(-1, 4), np.array(faces_uv, np.int32).reshape(-1, 4)
        return _rows(text, "vt", 2).astype(np.float32), *arrays, np.array(material, np.uint8)
    except ValueError as error:
        raise MeshError(
            f"{file}: expected faces v/vt of 3 or 4 corners under M_* materials, got {error}. {_NEXT}"
        ) from error


def _landmarks(file: Path) -> np.ndarray:
    try:
        return np.array(json.loads(_read_text(file))["idx_to_landmark_verts"], np.int32)
    except (ValueError, KeyError, TypeError) as error:
        raise MeshError(f"{file}: expected JSON with idx_to_landmark_verts, got {error!r}. {_NEXT}") from error


def _check(data: IctData, path: Path) -> None:
    offsets = [*data.identity.values(), *data.expression.values()]
    shapes = {array.shape for array in (data.neutral, *offsets)}
    if shapes != {(VERTICES, 3)}:
        raise MeshError(f"{path}: expected arrays of shape ({VERTICES}, 3), got {sorted(shapes)}. {_NEXT}")
    if not all(np.isfinite(array).all() for array in (data.neutral, data.uv, *offsets)):
        raise MeshError(f"{path}: expected finite positions, got NaN or infinity. {_NEXT}")
    if data.landmarks.shape != (68,) or not _within(data.landmarks, 0, VERTICES):
        raise MeshError(f"{path}: expected 68 landmark vertices, got {data.landmarks.shape}. {_NEXT}")
    if not len(data.faces) or not _within(data.faces, -1, VERTICES) or not _within(data.faces_uv, -1, len(data.uv)):
        raise MeshError(f"{path}: expected faces within the vertices and uv given, got indices out of range. {_NEXT}")
    lengths = len(data.faces), len(data.faces_uv), len(data.material)
    if len(set(lengths)) != 1:
        raise MeshError(f"{path}: expected as many faces as uv faces and materials, got {lengths}. {_NEXT}")
    if not data.identity:
        raise MeshError(f"{path}: expected modes of identity, got none: everybody would be one person. {_NEXT}")
    height_cm = float(np.ptp(data.neutral[:, 1]))
    if not HEIGHT_CM[0] <= height_cm <= HEIGHT_CM[1]:
        raise MeshError(
            f"{path}: expected a head {HEIGHT_CM[0]} to {HEIGHT_CM[1]} cm high, got {height_cm:.3g} cm. {_NEXT}"
        )
    missing = [name for k, name in enumerate(MATERIALS) if not (data.material == k).any()]
    if missing:
        raise MeshError(f"{path}: expected faces of every material, got none of {', '.join(missing)}. {_NEXT}")


def _within(index: np.ndarray, low: int, high: int) -> bool:
    return bool((index >= low).all() and (index < high).all())
