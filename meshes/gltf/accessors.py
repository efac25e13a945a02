"""Typed arrays of a GLB: strided, quantised and sparse accessors as numpy arrays.

Rules of glTF 2.0, section 3.6.2, and of KHR_mesh_quantization: a normalised integer is divided by its largest value.
"""

from typing import Any

import numpy as np

from meshes.gltf.container import Container, natural
from meshes.head import MeshError

_TYPES = {5120: np.int8, 5121: np.uint8, 5122: np.int16, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT3": 9, "MAT4": 16}
_MAX_ELEMENTS = 1 << 22


def read_accessor(container: Container, index: int, width: int) -> np.ndarray:
    """(count, width): integers as stored, or float32 where the accessor holds floats or normalised integers.

    Args:
        container: the file.
        index: of the accessor.
        width: components an element that the caller can use; any other number is refused.

    Raises:
        MeshError: the accessor reaches outside its buffer, or has another width.
    """
    entry = container.item("accessors", index)
    count = natural(entry, "count")
    if _WIDTHS[entry["type"]] != width or not 0 < count <= _MAX_ELEMENTS:
        raise MeshError(
            f"{container.name}: expected accessor {index} to hold up to {_MAX_ELEMENTS} elements of {width} numbers, "
            f"got {count} of type {entry['type']}. The file is damaged; get it again."
        )
    dtype = np.dtype(_TYPES[entry["componentType"]])
    if "bufferView" in entry:
        values = _strided(container, entry, entry["bufferView"], count, width, dtype)
    else:
        values = np.zeros((count, width), dtype)
    if "sparse" in entry:
        values = _replaced(container, entry["sparse"], values)
    return _floats(values) if entry.get("normalized") is True else values


def _strided(
    container: Container, entry: dict[str, Any], view: int, count: int, width: int, dtype: np.dtype
) -> np.ndarray:
    data, size = container.view(view), width * dtype.itemsize
    stride = container.stride(view) or size
    start = natural(entry, "byteOffset", 0)
    if stride < size or start + (count - 1) * stride + size > len(data):
        raise MeshError(
            f"{container.name}: expected {count} elements of {size} bytes {stride} bytes apart, got a buffer view of "
            f"{len(data)} bytes. The file is damaged; get it again."
        )
    rows = np.lib.stride_tricks.as_strided(data[start:], (count, size), (stride, 1), writeable=False)
    return np.ascontiguousarray(rows).view(dtype.newbyteorder("<")).astype(dtype)


def _replaced(container: Container, sparse: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """The rows that a sparse accessor lists, put over its base."""
    count, where = natural(sparse, "count"), sparse["indices"]
    if not 0 < count <= len(values):
        raise ValueError(f"sparse count {count}")
    rows = _strided(container, where, where["bufferView"], count, 1, np.dtype(_TYPES[where["componentType"]]))[:, 0]
    if rows.dtype.kind != "u" or rows.max() >= len(values):
        raise ValueError("sparse indices")
    values = values.copy()
    new = sparse["values"]
    values[rows.astype(np.int64)] = _strided(container, new, new["bufferView"], count, values.shape[1], values.dtype)
    return values


def _floats(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return values
    return np.maximum(values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max), np.float32(-1.0))
