"""Reads chosen number arrays of a MATLAB 5 .mat file, with every length checked and inflation bounded.

Follows MathWorks, "MAT-File Format" (level 5): a header of 128 bytes, then tagged elements, each perhaps deflated.
"""

import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from meshes.head import MeshError
from meshes.loaders.bounds import MAX_BYTES, read_bytes

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_MATRIX, _COMPRESSED = 14, 15
_HEAD = 4096
"""Bytes that surely hold an element's name."""


def read_mat(path: Path, names: Iterable[str], kind: str, step: str) -> dict[str, np.ndarray]:
    """The named arrays of numbers that the file holds; names it lacks are left out.

    Args:
        path: .mat file of level 5 (MATLAB's -v6 or -v7; -v7.3 is HDF5).
        names: the arrays wanted.
        kind: what the file should be, for the message.
        step: what to do where it cannot be read.

    Raises:
        MeshError: missing, no such file, damaged, or larger unpacked than `MAX_BYTES`.
    """
    data = memoryview(read_bytes(path, kind, step))
    wanted, found, budget = set(names), {}, MAX_BYTES
    try:
        order = {b"IM": "<", b"MI": ">"}[bytes(data[126:128])]
        if struct.unpack_from(order + "H", data, 124)[0] != 0x0100:
            raise ValueError("another version of the format")
        for tag, body in _elements(data[128:], order):
            if _matrix_name(tag, body, order) not in wanted:
                continue
            matrix = _inflated(body, budget, order) if tag == _COMPRESSED else body
            budget -= len(matrix)
            name, array = _matrix(matrix, order)
            found[name] = array
    except (ValueError, KeyError, struct.error, zlib.error, StopIteration) as error:
        raise MeshError(
            f"{path}: expected {kind} as a MATLAB 5 file, got damage or another ({error}). {step}"
        ) from error
    return found


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and body of each element in turn."""
    at = 0
    while at < len(data):
        first, count = struct.unpack_from(order + "II", data, at)
        small = first >> 16
        kind, start = (first & 0xFFFF, at + 4) if small else (first, at + 8)
        count = small or count
        if start + count > len(data) or (small and count > 4):
            raise ValueError(f"an element of {count} bytes where {len(data) - start} are left")
        yield kind, data[start : start + count]
        # Elements fill up to multiples of 8 bytes, deflated ones do not.
        at = at + 8 if small else start + count + (-count % 8 if kind != _COMPRESSED else 0)


def _inflated(body: memoryview, budget: int, order: str) -> memoryview:
    """The one element that is deflated in `body`, without its tag."""
    stream = zlib.decompressobj()
    unpacked = stream.decompress(body, max(1, budget))
    if not stream.eof:
        raise ValueError("an array that is cut off or larger than memory should hold")
    _, matrix = next(_elements(memoryview(unpacked), order))
    return matrix


def _matrix_name(tag: int, body: memoryview, order: str) -> str:
    """Name of a matrix; "" for another element. Of a deflated one no more is unpacked than the name needs."""
    if tag == _COMPRESSED:
        head = zlib.decompressobj().decompress(body[:_HEAD], _HEAD)
        tag, body = struct.unpack_from(order + "I", head)[0], memoryview(head)[8:]
    if tag != _MATRIX:
        return ""
    parts = _elements(body, order)
    _, _, (_, name) = (next(parts) for _ in range(3))
    return bytes(name).decode("ascii", errors="replace")


def _matrix(body: memoryview, order: str) -> tuple[str, np.ndarray]:
    parts = _elements(body, order)
    (_, flags), (_, lengths), (_, name), (stored, values) = (next(parts) for _ in range(4))
    kind = struct.unpack_from(order + "I", flags)[0]
    if kind & 0xFF not in _CLASSES or kind & 0x0800 or stored not in _TYPES:
        raise ValueError(f"no plain numbers in {bytes(name)[:40]!r}")
    shape = tuple(int(n) for n in np.frombuffer(lengths, order + "i4"))
    # MATLAB stores numbers in the smallest type that holds them.
    numbers = np.frombuffer(values, order + _TYPES[stored])
    if min(shape, default=0) < 0 or math.prod(shape) != len(numbers):
        raise ValueError(f"{len(numbers)} numbers for a matrix of shape {shape}")
    wide = numbers.astype(order + _CLASSES[kind & 0xFF], copy=False)
    return bytes(name).decode("ascii", errors="replace"), wide.reshape(shape, order="F")
