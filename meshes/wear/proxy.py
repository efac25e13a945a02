"""Proxies of the CC0 wardrobe: meshes bound to the hm08 base mesh, read from its packed form.

A packed wardrobe is a zip: `index.json`, one npz a proxy, textures as WebP or PNG.
"""

import io
import json
import math
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from meshes.assets import card, find
from meshes.assets.archive import Archive, open_archive
from meshes.assets.store import present
from meshes.head import MeshError

WARDROBE, BINDING = "makehuman-wardrobe", "makehuman-to-ict"
"""Assets by name: the wardrobe, and where hm08's vertices lie on an ICT head."""

OWN = "makehuman_wardrobe_own.zip"
"""A wardrobe that the user imported, in the cache; used where the asset itself is not at hand."""

MAX_VERTICES, MAX_TEXTURE = 60_000, 4096
_ARRAYS = {"faces": (4, "iu"), "faces_uv": (4, "iu"), "uv": (2, "f"), "weight": (3, "f"), "offset": (3, "f")}


@dataclass(frozen=True, eq=False)
class Proxy:
    """One garment or hair piece.

    Attributes:
        faces: (F, 3) int64 into the vertices, split at texture seams.
        uv: (V, 2) float32, v upwards.
        twin: (V,) int64, one number for all vertices of one place.
        ref: (V, 3) int64 hm08 base vertices; position = sum of weight * base[ref] + offset * scale.
        weight, offset_dm: (V, 3) float64.
        scale: per axis x, y, z: two base vertices and the decimetres between them on the reference head.
        texture: (h, w, 3) uint8 sRGB.
        alpha: (h, w) uint8, or None for a solid one.
    """

    faces: np.ndarray
    uv: np.ndarray
    twin: np.ndarray
    ref: np.ndarray
    weight: np.ndarray
    offset_dm: np.ndarray
    scale: tuple[tuple[int, int, float], ...]
    texture: np.ndarray
    alpha: np.ndarray | None


@lru_cache(maxsize=8)
def proxy(name: str) -> Proxy:
    """A proxy of the wardrobe at hand, such as "clothes/male_casualsuit01" or "hair/bob01".

    Raises:
        AssetMissingError: the wardrobe, or the table of its vertex numbers, is not on this machine.
        MeshError: it is damaged or has no such proxy.
    """
    with open_archive(wardrobe_file()) as archive:
        return read_proxy(archive, name)


def wardrobe_file() -> Path:
    """The wardrobe: the asset, else the user's own.

    Raises:
        AssetMissingError: neither is on this machine.
    """
    return present(card(WARDROBE).packed) or present(OWN) or find(WARDROBE)


def proxy_names(path: Path) -> frozenset[str]:
    """The proxies that a packed wardrobe holds. Raises MeshError: it is damaged."""
    with open_archive(path) as archive:
        return frozenset(_index(archive))


@lru_cache(maxsize=1)
def base_numbers() -> np.ndarray:
    """(8799,) int64: the number in the full hm08 mesh of each vertex that mirrored packs refer to.

    Raises:
        AssetMissingError, MeshError: the table is not at hand or not a table.
    """
    path = find(BINDING)
    try:
        with np.load(path, allow_pickle=False) as data:
            return data["mh_base_index"].astype(np.int64)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MeshError(f"{path}: expected the array mh_base_index, got {error}. Fetch {BINDING} again.") from error


def read_proxy(archive: Archive, name: str) -> Proxy:
    """One proxy out of an opened wardrobe.

    Raises:
        MeshError: no such proxy; damaged, or beyond a bound.
    """
    entry = _index(archive).get(name)
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        raise MeshError(f"{archive.path}: expected a proxy {name} in index.json, got none. Fetch {WARDROBE} again.")
    arrays = read_arrays(archive.read(entry["file"]), f"{archive.path}: {name}")
    if "ref_base" in arrays:
        ref = arrays["ref_base"]
    else:
        numbers = base_numbers()
        ref = numbers[_checked(arrays["ref"], len(numbers), name)]
    texture, alpha = _textures(archive, entry, name)
    return _split(arrays, ref, _scale(entry, name), texture, alpha)


def _index(archive: Archive) -> dict[str, Any]:
    try:
        index = json.loads(archive.read("index.json"))
    except (ValueError, RecursionError) as error:
        raise MeshError(f"{archive.path}: expected index.json to be JSON, got {error}. Fetch it again.") from error
    return index if isinstance(index, dict) else {}


def read_arrays(data: bytes, said_in: str) -> dict[str, np.ndarray]:
    """The arrays of one proxy, checked: types, shapes, indices in range, finite numbers.

    Raises:
        MeshError: names the array.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            for info in file.zip.infolist():
                if info.file_size > 64 * MAX_VERTICES:
                    raise ValueError(f"{info.filename} of {info.file_size} bytes")
            arrays = {name: file[name] for name in file.files}
    except Exception as error:  # Damaged archives raise a dozen kinds.
        raise MeshError(f"{said_in}: expected an npz of a proxy, got {error}. Fetch {WARDROBE} again.") from error
    named = "ref_base" if "ref_base" in arrays else "ref"
    for name, (columns, kinds) in {**_ARRAYS, named: (3, "iu")}.items():
        array = arrays.get(name)
        if array is None or array.ndim != 2 or array.shape[1] != columns or array.dtype.kind not in kinds:
            raise MeshError(f"{said_in}: expected {name} (n, {columns}), got {_shape(array)}. Fetch {WARDROBE} again.")
        if len(array) > MAX_VERTICES or not np.isfinite(array).all():
            raise MeshError(f"{said_in}: expected at most {MAX_VERTICES} finite rows of {name}, got {len(array)}.")
    if not len(arrays["weight"]) == len(arrays["offset"]) == len(arrays[named]) or not len(arrays["faces"]):
        raise MeshError(f"{said_in}: expected weight, offset and {named} of one length, and faces, got others.")
    if len(arrays["faces"]) != len(arrays["faces_uv"]):
        raise MeshError(f"{said_in}: expected one texture corner for each corner of a face, got others.")
    return {
        **{name: arrays[name].astype(np.float64) for name in ("uv", "weight", "offset")},
        named: _checked(arrays[named], 1 << 16, said_in),
        "faces": _checked(arrays["faces"], len(arrays["weight"]), said_in),
        "faces_uv": _checked(arrays["faces_uv"], len(arrays["uv"]), said_in),
    }


def _shape(array: np.ndarray | None) -> str:
    return "none" if array is None else f"{array.dtype} {array.shape}"


def _checked(index: np.ndarray, count: int, said_in: str) -> np.ndarray:
    index = index.astype(np.int64)
    if len(index) and not (index.min() >= 0 and index.max() < count):
        raise MeshError(f"{said_in}: expected indices within 0 to {count - 1}, got {index.min()} to {index.max()}.")
    return index


def _scale(entry: dict[str, Any], name: str) -> tuple[tuple[int, int, float], ...]:
    """Vertex pairs in hm08 numbers; a mirrored pack counts its own vertices."""
    try:
        rows = [entry["scale_base" if "scale_base" in entry else "scale"][axis] for axis in "xyz"]
        pairs = [(int(a), int(b), float(d)) for a, b, d in rows]
        if not all(math.isfinite(d) and d > 0 and a >= 0 and b >= 0 for a, b, d in pairs):
            raise ValueError(str(pairs))
        if "scale_base" in entry:
            return tuple(pairs)
        numbers = base_numbers()
        return tuple((int(numbers[a]), int(numbers[b]), d) for a, b, d in pairs)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise MeshError(f"{name}: expected scale as x, y, z: [vertex, vertex, length], got {error}.") from error


def _textures(archive: Archive, entry: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Colour with the ambient occlusion map multiplied in, and alpha where the picture has one."""
    stated = entry.get("textures")
    files = stated if isinstance(stated, dict) else {}
    diffuse = files.get("diffuse")
    if not isinstance(diffuse, str):
        return np.full((4, 4, 3), 255, np.uint8), None
    colour = _picture(archive, f"textures/{diffuse}", "RGBA")
    solid = bool((colour[..., 3] == 255).all())
    rgb = colour[..., :3]
    occlusion = files.get("aomap")
    if isinstance(occlusion, str):
        shade = _picture(archive, f"textures/{occlusion}", "L")
        if shade.shape == rgb.shape[:2]:
            rgb = (rgb.astype(np.uint16) * shade[..., None] // 255).astype(np.uint8)
    return rgb, None if solid else np.ascontiguousarray(colour[..., 3])


def _picture(archive: Archive, member: str, mode: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(archive.read(member))) as image:
            if max(image.size) > MAX_TEXTURE:
                raise ValueError(f"{image.size} pixels")
            return np.asarray(image.convert(mode))
    except MeshError:
        raise
    except Exception as error:  # Pillow meets damage with many kinds of error.
        raise MeshError(f"{archive.path}: expected a picture {member}, got {error}. Fetch {WARDROBE} again.") from error


def _split(
    arrays: dict[str, np.ndarray],
    ref: np.ndarray,
    scale: tuple[tuple[int, int, float], ...],
    texture: np.ndarray,
    alpha: np.ndarray | None,
) -> Proxy:
    """One vertex for each pair of place and texture coordinate, quads as triangles."""
    pairs = np.stack([arrays["faces"].ravel(), arrays["faces_uv"].ravel()], axis=1)
    corners, index = np.unique(pairs, axis=0, return_inverse=True)
    quads = index.reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    place, uv = corners.T
    return Proxy(
        faces=faces,
        uv=arrays["uv"][uv].astype(np.float32),
        twin=place,
        ref=ref[place],
        weight=arrays["weight"][place],
        offset_dm=arrays["offset"][place],
        scale=scale,
        texture=np.ascontiguousarray(texture),
        alpha=alpha,
    )
