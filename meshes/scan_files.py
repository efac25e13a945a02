"""Reads a user's scan: OBJ with MTL and textures, PLY with vertex colours, GLB, VRML. Nothing is scaled or turned here.

Everything that can be wrong with a file is said here, before any library that would crash or guess sees it.
"""

import importlib.util
import io
import json
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from trimesh.resolvers import FilePathResolver
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import SimpleMaterial

from meshes.head import MeshError
from meshes.loaders.wrl import WrlShape, read_wrl

FORMATS = (".obj", ".ply", ".glb", ".wrl")
MAX_BYTES = 2 << 30
MAX_FACES = 20_000_000
MAX_MESHES = 255
MAX_TEXTURE_PX = 16384 * 16384 // 4

CLAY = (184, 160, 148)
"""sRGB of a scan without colour: about as light as skin. White would burn out under light that suits skin."""

_GLB_HEADER = struct.Struct("<4sIIII")
_READABLE = ("KHR_draco_mesh_compression", "KHR_mesh_quantization", "EXT_texture_webp", "KHR_materials_unlit")
_REFUSED = {
    "EXT_meshopt_compression": "meshopt compression; re-export without it (gltfpack -noq, or untick compression)",
    "KHR_meshopt_compression": "meshopt compression; re-export without it (gltfpack -noq, or untick compression)",
    "KHR_texture_basisu": "KTX2 textures; re-export with PNG, JPEG or WebP textures",
}


@dataclass(frozen=True, eq=False)
class RawScan:
    """A scan as its file has it: any unit, any axes. One uv a vertex; seams are split vertices.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int64.
        uv: (V, 2) float64, v upwards; zeros where the file has none.
        color: (V, 3) uint8 sRGB; white under a texture, `CLAY` where the file has neither.
        material: (F,) int64 index into `textures`.
        textures: (h, w, 3) uint8 sRGB, row 0 is v = 1; None for a part without one.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    material: np.ndarray
    textures: tuple[np.ndarray | None, ...]


def read_scan(path: Path, texture: Path | None = None) -> RawScan:
    """Reads and checks a scan; several meshes become one, of which only the textured ones count if any is.

    Args:
        path: .obj, .ply, .glb or .wrl file.
        texture: image to use in place of whatever the file names.

    Raises:
        MeshError: not such a file, damaged, empty, or compressed in a way that cannot be read.
    """
    _check_path(path)
    if path.suffix.lower() in _CHECKS:
        _CHECKS[path.suffix.lower()](path, texture is not None)
    image = None if texture is None else read_texture(texture)
    raw = _merge(path, list(_meshes(path, texture is None)), image)
    check_mesh(raw.vertices, raw.faces, path.name)
    if not np.isfinite(raw.uv).all():
        raise MeshError(
            f"{path.name}: expected finite texture coordinates, got NaN or infinity. Unwrap the scan again."
        )
    return raw


def read_texture(path: Path) -> np.ndarray:
    """(h, w, 3) uint8 sRGB of an image file.

    Raises:
        MeshError: missing, not an image, truncated, or larger than 67 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _pixels(image, path.name)
    except FileNotFoundError as error:
        raise MeshError(f"{path}: expected a texture image, found no file. Put it there or pass texture=.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MeshError(
            f"{path}: expected a texture image, got one that does not read ({error}). Save it again."
        ) from error


def check_mesh(vertices: np.ndarray, faces: np.ndarray, name: str) -> None:
    """Refuses what no triangle mesh can be.

    Raises:
        MeshError: no vertices or faces, indices out of range, NaN, or no area.
    """
    if not len(vertices):
        raise MeshError(f"{name}: expected a mesh, got no vertices. Export the scan again.")
    if not len(faces):
        raise MeshError(
            f"{name}: expected triangles, got a cloud of {len(vertices)} points. Reconstruct a surface first "
            "(for example Poisson reconstruction in MeshLab)."
        )
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise MeshError(
            f"{name}: expected vertex indices from 0 to {len(vertices) - 1} in faces, got {faces.min()} to "
            f"{faces.max()}. The file is damaged; export the scan again."
        )
    bad = int((~np.isfinite(vertices)).any(axis=1).sum())
    if bad:
        raise MeshError(f"{name}: expected finite positions, got NaN or infinity in {bad} vertices. Remove them.")
    corner = vertices[faces] - vertices[faces[0, 0]]
    reach = np.abs(corner).max()
    edges = np.diff(corner / reach, axis=1) if reach > 0 else np.zeros((1, 2, 3))
    if not np.abs(np.cross(edges[:, 0], edges[:, 1])).max() > 1e-12:
        raise MeshError(f"{name}: expected a surface, got {len(faces)} triangles without area. Export the scan again.")


def _check_path(path: Path) -> None:
    known = ", ".join(FORMATS)
    if path.is_dir():
        raise MeshError(f"{path}: expected a scan file, got a folder. Pass the scan in it ({known}).")
    if not path.is_file():
        raise MeshError(f"{path}: expected a scan file, found none. Check the path.")
    if path.suffix.lower() not in FORMATS:
        raise MeshError(f"{path.name}: expected a scan as {known}, got {path.suffix or 'no extension'}. Convert it.")
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
    except OSError as error:
        raise MeshError(
            f"{path}: expected a readable scan file, got {error.strerror}. Check its permissions."
        ) from error
    if not 0 < size <= MAX_BYTES:
        raise MeshError(f"{path.name}: expected between 1 byte and 2 GiB, got {size} bytes. Decimate or export again.")


def _check_obj(path: Path, textured: bool) -> None:
    """Finds what the OBJ names: a missing material file or map would otherwise be dropped without a word."""
    faces = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.startswith(b"f "):
                faces += 1
            elif line.startswith(b"mtllib ") and not textured:
                _check_mtl(path, path.parent / line[7:].decode(errors="replace").strip())
    if faces > MAX_FACES:
        raise MeshError(f"{path.name}: expected at most {MAX_FACES} faces, got {faces}. Decimate the scan.")


def _check_mtl(path: Path, mtl: Path) -> None:
    if not mtl.is_file():
        raise MeshError(
            f"{path.name}: expected its material file {mtl.name} beside it, found none. Put it there, or pass texture=."
        )
    for line in mtl.read_text(errors="replace").splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword.lower() == "map_kd" and value.strip():
            whole = mtl.parent / value.strip()
            read_texture(whole if whole.is_file() else mtl.parent / value.split()[-1])  # Options may stand before.


def _check_ply(path: Path, textured: bool) -> None:
    """Compares the counts that the header promises with the size of the file, before memory is set aside for them."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    end = head.find(b"end_header")
    if not head.startswith(b"ply") or end < 0:
        raise MeshError(f"{path.name}: expected a PLY file, got something else or a cut-off header. Export it again.")
    words = [line.split() for line in head[:end].decode("ascii", errors="replace").splitlines()]
    counts = {w[1]: int(w[2]) for w in words if len(w) == 3 and w[0] == "element" and w[2].isdigit()}
    promised = sum(counts.values())
    if promised > path.stat().st_size - end or counts.get("face", 0) > MAX_FACES:
        raise MeshError(
            f"{path.name}: expected the {promised} elements that its header promises, got a file of "
            f"{path.stat().st_size} bytes. It is cut off or too large; export it again."
        )


def _check_glb(path: Path, textured: bool) -> None:
    """Reads the JSON chunk: its compression extensions make trimesh crash or return all-zero vertices."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_GLB_HEADER.size)
        magic, version, length, json_length, kind = _GLB_HEADER.unpack(start.ljust(_GLB_HEADER.size, b"\0"))
        if magic != b"glTF" or version != 2 or kind != 0x4E4F534A:
            raise MeshError(
                f"{path.name}: expected a binary glTF 2.0 file, got something else. Export it as GLB again."
            )
        if length > size or json_length > size:
            raise MeshError(
                f"{path.name}: expected {length} bytes, got {size}: it is cut off. Copy or export it again."
            )
        try:
            tree = json.loads(file.read(json_length))
            used = [str(name) for name in tree.get("extensionsUsed", []) + tree.get("extensionsRequired", [])]
            needed = [str(name) for name in tree.get("extensionsRequired", [])]
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            raise MeshError(f"{path.name}: expected JSON in the GLB, got {error}. Export it again.") from error
    for name in used:
        if name in _REFUSED:
            raise MeshError(f"{path.name}: expected a plain GLB, got {name}: {_REFUSED[name]}.")
    if "KHR_draco_mesh_compression" in used and importlib.util.find_spec("DracoPy") is None:
        raise MeshError(
            f"{path.name}: expected DracoPy for a Draco-compressed GLB, found it is not installed. "
            "Install it (pip install DracoPy), or re-export without compression."
        )
    unknown = [name for name in needed if name not in _READABLE]
    if unknown:
        raise MeshError(f"{path.name}: expected a plain GLB, got one that requires {unknown[0]}. Re-export without it.")


_CHECKS = {".obj": _check_obj, ".ply": _check_ply, ".glb": _check_glb}
"""What is looked at before trimesh reads a file; VRML is read here."""


def _meshes(path: Path, with_texture: bool) -> Iterator[trimesh.Trimesh]:
    """Every triangle mesh of the file, in its place in the scene; cameras, lamps and points are left out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scene = _load(path, with_texture)
            for node in scene.graph.nodes_geometry:
                T_scene_mesh, name = scene.graph[node]
                mesh = scene.geometry[name]
                if isinstance(mesh, trimesh.PointCloud):
                    check_mesh(mesh.vertices, np.zeros((0, 3), np.int64), path.name)
                if isinstance(mesh, trimesh.Trimesh):
                    yield mesh.copy().apply_transform(T_scene_mesh)
    except MeshError:
        raise
    # A reader meets hostile bytes with whatever error they provoke; to the user all say the same.
    except Exception as error:
        raise MeshError(
            f"{path.name}: expected a readable {path.suffix[1:].upper()} mesh, got {type(error).__name__} "
            f"({error}). It is damaged or cut off; export it again."
        ) from error


def _load(path: Path, with_texture: bool) -> trimesh.Scene:
    if path.suffix.lower() == ".wrl":
        return trimesh.Scene([_of_shape(shape, with_texture) for shape in read_wrl(path)])
    if path.suffix.lower() != ".obj":
        return trimesh.load_scene(path, process=False)
    # Names and comments in an old 8-bit code are no reason to refuse a mesh.
    text = io.StringIO(path.read_text(encoding="utf-8", errors="replace"))
    return trimesh.load_scene(text, file_type="obj", resolver=FilePathResolver(str(path)), process=False)


def _of_shape(shape: WrlShape, with_texture: bool) -> trimesh.Trimesh:
    mesh = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    if shape.uv is not None:
        image = Image.fromarray(read_texture(shape.texture)) if with_texture and shape.texture else None
        mesh.visual = TextureVisuals(shape.uv, material=SimpleMaterial(image=image))
    return mesh


def _merge(path: Path, meshes: list[trimesh.Trimesh], image: np.ndarray | None) -> RawScan:
    textures = [image if image is not None else _texture(mesh, path) for mesh in meshes]
    chosen = [k for k, texture in enumerate(textures) if texture is not None] or range(len(meshes))
    meshes, textures = [meshes[k] for k in chosen], [textures[k] for k in chosen]
    if not meshes:
        raise MeshError(f"{path.name}: expected a mesh, got an empty scene. Export the scan again.")
    if len(meshes) > MAX_MESHES:
        raise MeshError(f"{path.name}: expected at most {MAX_MESHES} meshes, got {len(meshes)}. Join them first.")
    start = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return RawScan(
        vertices=np.concatenate([np.asarray(mesh.vertices, np.float64) for mesh in meshes]),
        faces=np.concatenate([np.asarray(m.faces, np.int64) + s for m, s in zip(meshes, start, strict=False)]),
        uv=np.concatenate([_uv(mesh) for mesh in meshes]),
        color=np.concatenate([_vertex_color(mesh, t is not None) for mesh, t in zip(meshes, textures, strict=True)]),
        material=np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes]),
        textures=tuple(textures),
    )


def _uv(mesh: trimesh.Trimesh) -> np.ndarray:
    uv = getattr(mesh.visual, "uv", None)
    if uv is None or np.shape(uv) != (len(mesh.vertices), 2):
        return np.zeros((len(mesh.vertices), 2))
    return np.asarray(uv, np.float64)


def _vertex_color(mesh: trimesh.Trimesh, textured: bool) -> np.ndarray:
    visual = mesh.visual
    if not isinstance(visual, ColorVisuals) or visual.kind != "vertex":
        return np.full((len(mesh.vertices), 3), 255 if textured else CLAY, np.uint8)
    return np.asarray(visual.vertex_colors, np.uint8)[:, :3]


def _texture(mesh: trimesh.Trimesh, path: Path) -> np.ndarray | None:
    material = getattr(mesh.visual, "material", None)
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is None:
        return None
    try:
        return _pixels(image, path.name)
    except (OSError, ValueError, SyntaxError) as error:
        raise MeshError(
            f"{path.name}: expected a texture image in it, got one that does not read ({error})."
        ) from error


def _pixels(image: Image.Image, name: str) -> np.ndarray:
    if image.width * image.height > MAX_TEXTURE_PX:
        raise MeshError(
            f"{name}: expected a texture of at most {MAX_TEXTURE_PX} pixels, got {image.width} x {image.height}. "
            "Save it at 8192 x 8192 or less."
        )
    return np.asarray(image.convert("RGB"), np.uint8)
