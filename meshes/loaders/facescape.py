"""One person of FaceScape: the topologically uniform OBJ files of a neutral face and of its expressions.

Every OBJ has the same points in the same order, in a unit of its own; expressions are laid on the neutral face before
their differences are taken. Described in H. Yang et al., "FaceScape" (2020).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshes.head import MeshError
from meshes.loaders.bounds import read_bytes, sensible
from meshes.loaders.frame import asset_of, find_frame
from meshes.loaders.linear import LinearModel
from meshes.parts import Part
from meshes.scan_files import read_texture

SCALE_FILE = "Rt_scale_dict.json"
"""Millimetres per unit by person and expression, as the data set gives them: {"122": {"1": [108.5, ...], ...}}."""

_KIND = "a FaceScape OBJ"
_STEP = "Pass the folder models_reg of one person, or the neutral .obj file in it (docs/models.md)."
_IMAGES = (".jpg", ".jpeg", ".png")
_NEAR_M = 0.002
"""Points that an expression moves farther than this count less and less for where the head is."""
_ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Obj:
    """An OBJ file: points (P, 3) float64, faces (F, 3) int64, uv (F, 3, 2) float64 per corner or None, its mtllib."""

    points: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None
    library: str


def read_facescape(path: Path) -> LinearModel:
    """The person in a folder of OBJ files, or of one neutral OBJ file and those beside it.

    Raises:
        MeshError: no neutral face, files of different topology, no face found, or an implausible size.
    """
    neutral_file = _neutral(path)
    file, neutral = neutral_file.name, read_obj(neutral_file)
    frame = find_frame(neutral.points, neutral.faces, file, _metres_per_unit(neutral_file))
    points = frame.points(neutral.points)
    shapes = {}
    for other in sorted(neutral_file.parent.glob("*.obj")):
        if other != neutral_file:
            moved = frame.points(_points(read_bytes(other, _KIND, _STEP), other))
            if moved.shape != points.shape:
                raise MeshError(f"{other}: expected {len(points)} points as in {file}, got {len(moved)}. {_STEP}")
            shapes[_title(other)] = laid_on(points, moved) - points
    offsets = np.stack(list(shapes.values())) if shapes else np.zeros((0, *points.shape))
    return LinearModel(
        name="facescape",
        asset=asset_of("facescape", neutral_file),
        points=points,
        faces=neutral.faces,
        part=np.full(len(neutral.faces), Part.FACE, np.uint8),
        identity=np.zeros((0, *points.shape)),
        identity_names=(),
        expression=offsets,
        expression_names=tuple(shapes),
        whole_shapes=True,
        eyes=frame.eyes,
        eye_basis=np.zeros((len(offsets), 2, 3)),
        uv=neutral.uv,
        texture=_texture(neutral_file, neutral) if neutral.uv is not None else None,
    )


def laid_on(fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """(P, 3) float64: `moving` turned, shifted and scaled so that whatever did not move lies on `fixed`.

    Weighted Procrustes (S. Umeyama, "Least-squares estimation of transformation parameters", 1991) with the weights
    of a Cauchy estimator.

    Args:
        fixed, moving: (P, 3) float64 metres, corresponding points.
    """
    weight = np.ones(len(fixed))
    out = moving
    for _ in range(_ROUNDS):
        share = weight / weight.sum()
        to, by = np.einsum("p,pk->k", share, fixed), np.einsum("p,pk->k", share, out)
        a, b = fixed - to, out - by
        u, s, vt = np.linalg.svd(np.einsum("p,pi,pj->ij", share, a, b))
        flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
        scale = float((s * flip).sum() / np.einsum("p,pk,pk->", share, b, b))
        out = scale * np.einsum("ij,pj->pi", np.einsum("ij,j,jk->ik", u, flip, vt), b) + to
        weight = 1.0 / (1.0 + np.square(out - fixed).sum(axis=1) / _NEAR_M**2)
    return out


def read_obj(path: Path) -> Obj:
    """Points, triangles and uv of an OBJ file, in the file's order; larger polygons become fans of triangles.

    Raises:
        MeshError: missing, no text, or lines that are no numbers.
    """
    data = read_bytes(path, _KIND, _STEP)
    points, uv = _points(data, path), _rows(data, b"vt", 2, path)
    corners = [line.split()[1:] for line in data.splitlines() if line.startswith(b"f ")]
    fans = [(c[0], c[k], c[k + 1]) for c in corners for k in range(1, len(c) - 1)]
    try:
        pairs = np.array([[(*corner.split(b"/"), b"0")[:2] for corner in fan] for fan in fans], "S20")
        pairs = np.where(pairs == b"", b"0", pairs).astype(np.int64).reshape(-1, 3, 2)
    except (ValueError, OverflowError) as error:
        raise MeshError(f"{path}: expected faces v/vt of whole numbers, got {str(error)[:80]}. {_STEP}") from error
    faces, seams = np.moveaxis(np.where(pairs < 0, pairs + np.array([len(points), len(uv)]), pairs - 1), 2, 0)
    if not len(faces) or faces.min() < 0 or faces.max() >= len(points):
        raise MeshError(f"{path}: expected faces among {len(points)} points, got {len(faces)} with others. {_STEP}")
    mapped = len(uv) and seams.min() >= 0 and seams.max() < len(uv)
    library = re.search(rb"^mtllib[ \t]+([^\r\n]+)", data, re.MULTILINE)
    return Obj(
        points, faces, uv[seams] if mapped else None, library[1].decode(errors="replace").strip() if library else ""
    )


def _points(data: bytes, path: Path) -> np.ndarray:
    points = _rows(data, b"v", 3, path)
    if not sensible(points):
        raise MeshError(f"{path}: expected finite positions, got NaN, infinity or beyond 1e15. {_STEP}")
    return points


def _rows(data: bytes, keyword: bytes, columns: int, path: Path) -> np.ndarray:
    """(N, columns) float64 of all lines that start with `keyword`."""
    rows = [line.split()[1 : columns + 1] for line in data.splitlines() if line.startswith(keyword + b" ")]
    try:
        return np.array(rows, "S40").astype(np.float64).reshape(-1, columns)
    except ValueError as error:
        word = keyword.decode()
        raise MeshError(f"{path}: expected {columns} numbers in every {word} line, got others. {_STEP}") from error


def _neutral(path: Path) -> Path:
    if path.is_dir():
        folder = path / "models_reg" if (path / "models_reg").is_dir() else path
        found = sorted(folder.glob("*neutral*.obj"))
        if not found:
            raise MeshError(f"{path}: expected an .obj file named neutral, found none. {_STEP}")
        return found[0]
    if path.suffix.lower() != ".obj":
        raise MeshError(f"{path}: expected a folder or an .obj file, got {path.suffix or 'neither'}. {_STEP}")
    return path


def _title(path: Path) -> str:
    """Name of an expression: that of its file without the leading number."""
    return re.sub(r"^\d+_", "", path.stem)


def _metres_per_unit(neutral: Path) -> float | None:
    """What the data set's own scale file says, where it lies in one of the folders above; else None."""
    number = re.match(r"\d+", neutral.stem)
    for folder in list(neutral.absolute().parents)[:4]:
        file = folder / SCALE_FILE
        if number and file.is_file():
            return _scale_of(file, neutral.absolute().parents[:3], number[0])
    return None


def _scale_of(file: Path, folders: Sequence[Path], number: str) -> float | None:
    try:
        people = json.loads(read_bytes(file, "a table of scales", _STEP))
        for folder in folders:
            if folder.name in people:
                return 1e-3 * float(people[folder.name][number][0])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise MeshError(
            f'{file}: expected JSON like {{"122": {{"1": [108.5]}}}}, got {type(error).__name__}. {_STEP}'
        ) from error
    return None


def _texture(path: Path, obj: Obj) -> np.ndarray | None:
    """The image that the material names, or the one named like the OBJ; None where there is neither."""
    library = path.parent / obj.library
    named = []
    if obj.library and library.is_file():
        found = re.findall(rb"^map_Kd[ \t]+([^\r\n]+)", read_bytes(library, "a material file", _STEP), re.MULTILINE)
        named = [path.parent / name.decode(errors="replace").strip() for name in found]
    beside = [path.with_suffix(kind) for kind in _IMAGES]
    return next((read_texture(image) for image in (*named, *beside) if image.is_file()), None)
