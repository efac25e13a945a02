"""The binary glTF container: its JSON tree and its buffer views, compressed ones unpacked.

glTF 2.0 (ISO/IEC 12113:2022) with EXT_meshopt_compression. Every size is held against the file before it is used.
"""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meshes.gltf.meshopt import MAX_DECODED_BYTES, decode
from meshes.head import MeshError

READABLE = ("EXT_meshopt_compression", "KHR_mesh_quantization", "EXT_texture_webp", "KHR_materials_unlit")
"""Extensions that a file may require."""

_HEADER = struct.Struct("<4sII")
_CHUNK = struct.Struct("<I4s")


@dataclass(frozen=True, eq=False)
class Container:
    """One GLB file.

    Attributes:
        name: for messages.
        tree: the JSON chunk.
        binary: the binary chunk.
    """

    name: str
    tree: dict[str, Any]
    binary: bytes
    _views: dict[int, np.ndarray] = field(default_factory=dict)

    def item(self, kind: str, index: int) -> dict[str, Any]:
        """Entry `index` of one of the tree's lists ("accessors", "meshes" ...); IndexError where there is none."""
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise IndexError(f"{kind} {index!r}")
        entry = self.tree[kind][index]
        if not isinstance(entry, dict):
            raise TypeError(f"{kind} {index} is no object")
        return entry

    def view(self, index: int) -> np.ndarray:
        """(N,) uint8: the bytes of a buffer view, unpacked where it is compressed."""
        if index not in self._views:
            entry = self.item("bufferViews", index)
            packed = entry.get("extensions", {}).get("EXT_meshopt_compression")
            self._views[index] = self._slice(entry) if packed is None else self._unpacked(packed)
        return self._views[index]

    def stride(self, index: int) -> int:
        """Bytes from one element of a buffer view to the next; 0 where they are packed tightly."""
        entry = self.item("bufferViews", index)
        packed = entry.get("extensions", {}).get("EXT_meshopt_compression")
        return natural(entry if packed is None else packed, "byteStride", 0)

    def _slice(self, entry: dict[str, Any]) -> np.ndarray:
        if natural(entry, "buffer", 0) != 0:
            raise MeshError(
                f"{self.name}: expected all data inside the GLB, got a second buffer. Export it as one GLB."
            )
        start, length = natural(entry, "byteOffset", 0), natural(entry, "byteLength")
        if start + length > len(self.binary):
            raise MeshError(
                f"{self.name}: expected {start + length} bytes of data, got {len(self.binary)}. "
                "The file is cut off or damaged; get it again."
            )
        return np.frombuffer(self.binary, np.uint8, length, start)

    def _unpacked(self, packed: dict[str, Any]) -> np.ndarray:
        used = sum(view.nbytes for view in self._views.values())
        count, stride = natural(packed, "count"), natural(packed, "byteStride")
        if used + count * stride > MAX_DECODED_BYTES:
            raise MeshError(
                f"{self.name}: expected at most {MAX_DECODED_BYTES >> 20} MiB of geometry, got more. Decimate it."
            )
        mode, filtered = str(packed.get("mode")), str(packed.get("filter", "NONE"))
        return decode(self._slice(packed), count, stride, mode, filtered, self.name)


def read_container(data: bytes, name: str) -> Container:
    """Splits a GLB into its two chunks.

    Args:
        data: the whole file.
        name: of it, for messages.

    Raises:
        MeshError: not a GLB, cut off, or in need of an extension that is not read here.
    """
    magic, version, length = _HEADER.unpack(data[:12].ljust(12, b"\0"))
    if magic != b"glTF" or version != 2:
        raise MeshError(f"{name}: expected a binary glTF 2.0 file, got something else. Export it as GLB.")
    if length > len(data):
        raise MeshError(f"{name}: expected {length} bytes, got {len(data)}: it is cut off. Get it again.")
    chunks = _chunks(data[:length], name)
    try:
        tree = json.loads(chunks.get(b"JSON", b""))
        needed = [str(extension) for extension in tree.get("extensionsRequired", [])]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise MeshError(f"{name}: expected JSON in the GLB, got {str(error)[:60]}. Get the file again.") from error
    for extension in needed:
        if extension not in READABLE:
            raise MeshError(
                f"{name}: expected extensions among {', '.join(READABLE)}, got {extension[:60]}. Export without it."
            )
    return Container(name, tree, chunks.get(b"BIN\0", b""))


def _chunks(data: bytes, name: str) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = _HEADER.size
    while at + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if at + length > len(data):
            raise MeshError(f"{name}: expected a chunk of {length} bytes, got {len(data) - at}. Get the file again.")
        found.setdefault(kind, data[at : at + length])
        at += length
    return found


def natural(entry: dict[str, Any], key: str, default: int | None = None) -> int:
    """A count, size or offset of the tree: an integer in [0, 2^31). ValueError where it is not."""
    value = entry.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 31:
        raise ValueError(f"{key} {value!r:.40}")
    return value
