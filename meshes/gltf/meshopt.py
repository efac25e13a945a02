"""Buffers packed by EXT_meshopt_compression, unpacked by the PyPI package `meshoptimizer` (MIT).

The package hands pointers to C, so every count, stride and length is proved to fit before a call.
"""

from types import ModuleType

import numpy as np

from meshes.head import MeshError

MAX_DECODED_BYTES = 256 << 20
"""No file unpacks to more."""

_MOST_SHRUNK = 1024
"""A vertex stream spends at least one bit a group of 16 bytes in a control byte for four, so it never shrinks more."""

_STRIDES = {
    "OCTAHEDRAL": lambda stride: stride in (4, 8),
    "QUATERNION": lambda stride: stride == 8,
    "EXPONENTIAL": lambda stride: stride % 4 == 0,
}
"""Bytes an element that each filter may be asked to treat, as the extension says."""


def decode(packed: np.ndarray, count: int, stride: int, mode: str, filtered: str, name: str) -> np.ndarray:
    """Unpacks one buffer view.

    Args:
        packed: (L,) uint8, the compressed bytes.
        count, stride: elements and bytes each, as the file declares them.
        mode: "ATTRIBUTES", "TRIANGLES" or "INDICES".
        filtered: "NONE", "OCTAHEDRAL", "QUATERNION" or "EXPONENTIAL".
        name: of the file, for messages.

    Returns:
        (count * stride,) uint8.

    Raises:
        MeshError: the package is missing, or the numbers or the bytes are not what the extension allows.
    """
    _check(len(packed), count, stride, mode, filtered, name)
    library = _library(name)
    try:
        if mode == "ATTRIBUTES":
            plain = library.decode_vertex_buffer(count, stride, packed, np.dtype((np.void, stride)))
        elif mode == "TRIANGLES":
            plain = library.decode_index_buffer(count, stride, packed)
        else:
            plain = library.decode_index_sequence(count, stride, packed)
    except (RuntimeError, ValueError) as error:
        raise MeshError(f"{name}: expected meshopt data, got bytes that do not decode. Get the file again.") from error
    # Indices of 2 bytes come back at the start of an array made for 4.
    plain = plain.view(np.uint8).reshape(-1)[: count * stride]
    if filtered == "NONE":
        return plain
    call = {"OCTAHEDRAL": "oct", "QUATERNION": "quat", "EXPONENTIAL": "exp"}[filtered]
    return getattr(library, f"decode_filter_{call}")(plain, count, stride)


def _check(length: int, count: int, stride: int, mode: str, filtered: str, name: str) -> None:
    """The extension's own rules, and that so many elements can be in so many bytes at all."""
    if mode == "ATTRIBUTES":
        sane = stride % 4 == 0 and 0 < stride <= 256 and count * stride <= _MOST_SHRUNK * length
    elif mode == "TRIANGLES":
        sane = stride in (2, 4) and count % 3 == 0 and count <= 3 * length  # At least a byte a triangle.
    else:
        sane = mode == "INDICES" and stride in (2, 4) and count <= length
    if filtered != "NONE":
        sane = sane and mode == "ATTRIBUTES" and filtered in _STRIDES and _STRIDES[filtered](stride)
    if not sane or count == 0 or length == 0:
        raise MeshError(
            f"{name}: expected a buffer that EXT_meshopt_compression allows, got {count} elements of {stride} bytes in "
            f"{length}, mode {mode[:20]}, filter {filtered[:20]}. The file is damaged; get it again."
        )


def _library(name: str) -> ModuleType:
    try:
        import meshoptimizer
    except ImportError as error:
        raise MeshError(
            f"{name}: expected the package meshoptimizer for its compressed geometry, found it is not installed. "
            "Install it: pip install 'perspective-portraits[valid]'."
        ) from error
    return meshoptimizer
