"""Reads chosen arrays of an .npz file; what a header promises is compared with the bytes there before it is believed.

numpy's own reader sets memory aside for whatever size a header names, so a file of 1 kB could ask for terabytes.
"""

import io
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from meshes.head import MeshError
from meshes.loaders.bounds import MAX_BYTES, check_file

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: Path, names: Iterable[str], kind: str, step: str) -> dict[str, np.ndarray]:
    """The named arrays that the file holds; names it lacks are left out, arrays of objects refused.

    Args:
        path: .npz file.
        names: the arrays wanted.
        kind: what the file should be, for the message.
        step: what to do where it cannot be read.

    Raises:
        MeshError: no such file, no zip archive, damaged, or larger unpacked than `MAX_BYTES`.
    """
    check_file(path, kind, step)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = [name for name in names if name in members]
            unpacked = sum(members[name].file_size for name in wanted)
            if unpacked > MAX_BYTES:
                raise ValueError(f"{unpacked} bytes unpacked, more than {MAX_BYTES >> 30} GiB")
            return {name: _array(name, archive.read(members[name])) for name in wanted}
    # Damaged archives meet the zip, deflate and header parsers with a dozen kinds of error; to the user all say one.
    except Exception as error:
        raise MeshError(
            f"{path}: expected {kind} as .npz, got damage or another ({str(error)[:200]}). {step}"
        ) from error


def _array(name: str, data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"array {name} of npy version {version}")
    shape, fortran, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ValueError(f"Python objects in {name}; only arrays of numbers and text are read")
    count, rest = math.prod(shape), memoryview(data)[stream.tell() :]
    if dtype.itemsize == 0 or min(shape, default=0) < 0 or count * dtype.itemsize > len(rest):
        raise ValueError(f"{len(rest)} bytes for {name} of shape {shape}")
    flat = np.frombuffer(rest, dtype, count)
    return flat.reshape(shape, order="F" if fortran else "C")
