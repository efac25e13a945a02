"""Reads MakeHuman's clothes as upstream writes them (`.mhclo`, `.obj`, `.mhmat`) and packs them for `proxy`.

A `.mhclo` binds the vertices of an `.obj` to the vertices of the hm08 base mesh.
"""

import io
import json
import math
import posixpath
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshes.head import MeshError
from meshes.wear.proxy import MAX_VERTICES

MAX_TEXT = 64 << 20
"""Largest `.mhclo` or `.obj`, bytes."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAPS = {"diffuseTexture": "diffuse", "normalmapTexture": "normalmap", "aomapTexture": "aomap"}
_AXES = {"x_scale": "x", "y_scale": "y", "z_scale": "z"}
_BASE_VERTICES = 19158


@dataclass(frozen=True, eq=False)
class Binding:
    """What a `.mhclo` says.

    Attributes:
        ref: (V, 3) int32 hm08 vertices; weight, offset_dm: (V, 3) float64.
        scale: per axis, two hm08 vertices and the decimetres between them on the reference head.
        words: its other keywords (`obj_file`, `material`, `name`, `z_depth` ...), the first word of each.
    """

    ref: np.ndarray
    weight: np.ndarray
    offset_dm: np.ndarray
    scale: dict[str, tuple[int, int, float]]
    words: dict[str, str]


@dataclass(frozen=True, eq=False)
class Quads:
    """An `.obj`: vertex count, uv (T, 2) float32, faces and faces_uv (F, 4) int32; triangles repeat a corner."""

    vertices: int
    uv: np.ndarray
    faces: np.ndarray
    faces_uv: np.ndarray


def read_mhclo(data: bytes, name: str) -> Binding:
    """Parses a binding.

    After `verts`, the i-th line of numbers places vertex i: one integer is exactly that base vertex; three vertices and
    three weights have no offset; three more numbers are the offset. Keywords may stand between these lines.

    Args:
        data: the file.
        name: of the file, for messages.

    Raises:
        MeshError: a line that is none of these, an index outside the base mesh, numbers that are not finite.
    """
    rows: list[tuple[float, ...]] = []
    words: dict[str, str] = {}
    scale: dict[str, tuple[int, int, float]] = {}
    in_verts = False
    for number, cells in _lines(data, name):
        key = cells[0]
        if in_verts and _is_number(key):
            rows.append(_row(cells, f"{name} line {number}"))
        elif key in _AXES:
            scale[_AXES[key]] = _length(cells[1:], f"{name} line {number}")
        elif key in ("delete_verts", "weights") and in_verts:
            break
        elif key == "verts":
            in_verts = True
        else:
            words.setdefault(key, " ".join(cells[1:]))
        if len(rows) > MAX_VERTICES:
            raise MeshError(f"{name}: expected at most {MAX_VERTICES} vertices, got more.")
    if not rows or len(scale) != 3:
        raise MeshError(
            f"{name}: expected verts and x_scale, y_scale, z_scale, got {len(rows)} vertices and "
            f"{', '.join(scale) or 'no scale'}. Is it a .mhclo file?"
        )
    table = np.array(rows, np.float64)
    return Binding(table[:, :3].astype(np.int32), table[:, 3:6], table[:, 6:], scale, words)


def _lines(data: bytes, name: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and words of every line that has any, comments left out."""
    if len(data) > MAX_TEXT:
        raise MeshError(f"{name}: expected at most {MAX_TEXT >> 20} MiB, got {len(data) >> 20}.")
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        cells = line.split("#", 1)[0].split()
        if cells:
            yield number, cells


def _is_number(word: str) -> bool:
    return word[0].isdigit() or word[0] in "+-."


def _row(cells: list[str], at: str) -> tuple[float, ...]:
    """Three vertices, three weights, an offset."""
    try:
        if len(cells) == 1:
            vertex = float(int(cells[0]))
            row: tuple[float, ...] = (vertex, vertex, vertex, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        elif len(cells) in (6, 9):
            refs, rest = [float(int(c)) for c in cells[:3]], [float(c) for c in cells[3:]]
            row = (*refs, *rest, *([0.0] * (9 - len(cells))))
        else:
            raise ValueError(f"{len(cells)} numbers")
        if not all(map(math.isfinite, row)) or not all(0 <= r < _BASE_VERTICES for r in row[:3]):
            raise ValueError("a vertex outside the base mesh, or a number that is none")
    except (ValueError, OverflowError) as error:
        raise MeshError(f"{at}: expected 1, 6 or 9 numbers that bind a vertex, got {error}.") from error
    return row


def _length(cells: list[str], at: str) -> tuple[int, int, float]:
    try:
        a, b, length = int(cells[0]), int(cells[1]), float(cells[2])
        if not (0 <= a < _BASE_VERTICES and 0 <= b < _BASE_VERTICES and 0 < length < 1e6):
            raise ValueError(f"{a} {b} {length}")
    except (ValueError, IndexError, OverflowError) as error:
        raise MeshError(f"{at}: expected two base vertices and a length above 0, got {error}.") from error
    return a, b, length


def read_quads(data: bytes, name: str) -> Quads:
    """Parses the mesh of a binding: `v`, `vt` and faces `f v/vt ...` of three or four corners.

    Raises:
        MeshError: a face of other corners or without texture coordinates, or an index out of range.
    """
    vertices, uv, corners = 0, [], []
    for number, cells in _lines(data, name):
        try:
            if cells[0] == "v":
                vertices += 1
            elif cells[0] == "vt":
                uv.append((float(cells[1]), float(cells[2])))
            elif cells[0] == "f":
                pairs = [[int(part) - 1 for part in cell.split("/")[:2]] for cell in cells[1:]]
                if any(len(pair) != 2 or not 0 <= min(pair) <= max(pair) < MAX_VERTICES for pair in pairs):
                    raise ValueError("corners out of range")
                if len(pairs) not in (3, 4):
                    raise ValueError(f"{len(pairs)} corners")
                corners.append(pairs + pairs[-1:] * (4 - len(pairs)))
        except (ValueError, IndexError, OverflowError) as error:
            raise MeshError(f"{name} line {number}: expected `f v/vt` of 3 or 4 corners, got {error}.") from error
        if max(vertices, len(uv), len(corners)) > MAX_VERTICES:
            raise MeshError(f"{name}: expected at most {MAX_VERTICES} vertices and faces, got more.")
    table = np.array(corners, np.float64).reshape(-1, 4, 2)
    inside = (table >= 0).all() and (table < [max(vertices, 1), max(len(uv), 1)]).all()
    coordinates = np.array(uv, np.float32).reshape(-1, 2)
    if not len(table) or not inside or not np.isfinite(coordinates).all():
        raise MeshError(f"{name}: expected faces within {vertices} vertices and {len(uv)} finite uv, got others.")
    return Quads(vertices, coordinates, table[..., 0].astype(np.int32), table[..., 1].astype(np.int32))


def read_mhmat(data: bytes, name: str) -> dict[str, str]:
    """File names of a material's maps: diffuse, normalmap, aomap. Raises MeshError: too large."""
    found = {cells[0]: cells[1] for _, cells in _lines(data, name) if len(cells) > 1}
    return {ours: found[theirs] for theirs, ours in _MAPS.items() if theirs in found}


def pack_wardrobe(files: Mapping[str, bytes], bindings: Iterable[str] | None = None) -> bytes:
    """Packs upstream's files into the zip that `meshes.wear.proxy` reads; equal files give equal bytes.

    Args:
        files: bytes by upstream's path, such as clothes/shirt/shirt.mhclo, shirt.obj, shirt.mhmat, shirt.png. Every
            `.mhclo` becomes a proxy named after its first folder and its own name.
        bindings: those of the `.mhclo` to pack; None for all.

    Raises:
        MeshError: a file that does not read, or one that another names and that is not there.
    """
    index: dict[str, Any] = {}
    packed: dict[str, bytes] = {}
    for path in sorted(bindings or (name for name in files if name.endswith(".mhclo"))):
        name = f"{path.split('/')[0]}/{posixpath.basename(path).removesuffix('.mhclo')}"
        binding = read_mhclo(files[path], path)
        quads = read_quads(*_beside(files, path, binding.words.get("obj_file", "")))
        if quads.vertices != len(binding.ref):
            raise MeshError(f"{path}: expected {quads.vertices} bound vertices as in its .obj, got {len(binding.ref)}.")
        textures = _textures(files, path, binding, packed)
        packed[f"{name}.npz"] = _npz(binding, quads)
        index[name] = {"file": f"{name}.npz", "textures": textures, "scale_base": binding.scale}
    packed["index.json"] = json.dumps(index, indent=1, sort_keys=True).encode()
    return _zipped(packed)


def _beside(files: Mapping[str, bytes], path: str, wanted: str) -> tuple[bytes, str]:
    """A file that `path` names, relative to its own folder: bytes and path."""
    at = posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted.replace("\\", "/")))
    if not wanted or at not in files:
        raise MeshError(f"{path}: expected the file {wanted or 'obj_file'} beside it, got none. Fetch it too.")
    return files[at], at


def _textures(files: Mapping[str, bytes], path: str, binding: Binding, packed: dict[str, bytes]) -> dict[str, str]:
    """Maps of the binding's material by kind; their bytes go to `packed`. A binding may have no material."""
    material = binding.words.get("material", "")
    if not material:
        return {}
    data, at = _beside(files, path, material)
    names = {}
    for kind, wanted in read_mhmat(data, at).items():
        picture, where = _beside(files, at, wanted)
        names[kind] = where.replace("/", "_")
        packed[f"textures/{names[kind]}"] = picture
    return names


def _npz(binding: Binding, quads: Quads) -> bytes:
    arrays = {
        "faces": quads.faces,
        "faces_uv": quads.faces_uv,
        "uv": quads.uv,
        "ref_base": binding.ref,
        "weight": binding.weight.astype(np.float32),
        "offset": binding.offset_dm.astype(np.float32),
    }
    members = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    return _zipped(members)


def _zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip whose bytes depend on its members alone: sorted, stored, dated the earliest there is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])
    return buffer.getvalue()
