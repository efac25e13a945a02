"""What every reader of a user's model file asks first: is it there, is it bounded, are its arrays numbers.

Nothing here knows a format; messages name the file, say what was expected and what came.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from meshes.head import MeshError

MAX_BYTES = 2 << 30
"""Of a file, and of all arrays read from one; the largest models known are a quarter of it."""

LARGEST = 1e15
"""No length, variance or colour of a model comes near it in any unit; beyond, products would overflow."""

Arrays = Mapping[str, np.ndarray]


def read_bytes(path: Path, kind: str, step: str) -> bytes:
    """All bytes of a file of at most `MAX_BYTES`.

    Args:
        path: the file.
        kind: what it should be, for the message ("a FLAME model").
        step: what to do where it is not.

    Raises:
        MeshError: missing, a folder, unreadable, empty or too large.
    """
    check_file(path, kind, step)
    return path.read_bytes()


def check_file(path: Path, kind: str, step: str) -> None:
    """Refuses what cannot be read at all; arguments and errors as of `read_bytes`."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
    except OSError as error:
        raise MeshError(f"{path}: expected {kind}, got {error.strerror or error}. {step}") from error
    if not 0 < size <= MAX_BYTES:
        raise MeshError(f"{path}: expected {kind} of at most {MAX_BYTES >> 30} GiB, got {size} bytes. {step}")


def numbers(arrays: Arrays, name: str, shape: tuple[int | None, ...], file: str) -> np.ndarray:
    """One array by name, of the wanted shape, finite and of some sensible size.

    Args:
        arrays: what the file holds.
        name: which.
        shape: wanted lengths; None for any of at least 1.
        file: the file's name, for the message.

    Raises:
        MeshError: absent, no numbers, of another shape, NaN, infinity or more than `LARGEST` in it.
    """
    if name not in arrays:
        raise MeshError(f"{file}: expected an array {name}, found {', '.join(sorted(arrays)[:12]) or 'none'}.")
    array = arrays[name]
    if array.dtype.kind not in "fiu":
        raise MeshError(f"{file}: expected numbers in {name}, got {array.dtype}. Export the model again.")
    fits = array.ndim == len(shape) and all(
        n == w or (w is None and n) for n, w in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise MeshError(f"{file}: expected {name} of shape {wanted}, got {array.shape}. Is it another model?")
    if not sensible(array):
        raise MeshError(
            f"{file}: expected finite numbers in {name}, got NaN, infinity or beyond 1e15. Export the model again."
        )
    return array


def sensible(array: np.ndarray) -> bool:
    """Whether all numbers are finite and at most `LARGEST`."""
    if array.dtype.kind != "f" or not array.size:
        return True
    return bool(max(array.max(), -array.min()) <= LARGEST)  # NaN compares as False.


def indices(arrays: Arrays, name: str, shape: tuple[int | None, ...], low: int, high: int, file: str) -> np.ndarray:
    """One array of whole numbers from `low` to `high` - 1, as int64; else as `numbers`."""
    array = numbers(arrays, name, shape, file)
    # Matlab and old exporters keep indices as floating point.
    whole = array.dtype.kind in "iu" or bool((np.trunc(array) == array).all())
    if not whole or array.min() < low or array.max() >= high:
        raise MeshError(
            f"{file}: expected {name} from {low} to {high - 1}, got {array.min()} to {array.max()}. It is damaged."
        )
    return array.astype(np.int64)
