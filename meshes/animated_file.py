"""The file of an animated person: one npz of arrays and one json beside it that says whose they are.

Nothing in it is code; what is read is checked before memory is set aside for it.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from meshes.assets.store import placing
from meshes.head import MeshError
from meshes.ict_files import VERTICES

ARRAYS, CARD = "person.npz", "person.json"
KIND, VERSION = "animated-person", 1

_NEXT = "Make it again: datagen animate SCAN."
_SKIN_PX = 8192
_CARD_BYTES = 1 << 20
_REACH_UM = 2_000_000


@dataclass(frozen=True)
class Card:
    """What is known about an animated person, as JSON beside the arrays.

    Attributes:
        name: of the scan.
        licence, credit: of the scan; they travel with every sample.
        scan_sha256, model_sha256: of the files that the person was made from.
        eyes_closed: whether the scan's eyes were shut.
        residual_m: `meshes.register.Residual` by name.
        look: replaces numbers of the person's look: hair, irises. Edit it to taste.
    """

    name: str
    licence: str
    credit: str
    scan_sha256: str
    model_sha256: str
    eyes_closed: bool
    residual_m: Mapping[str, float]
    look: Mapping[str, float] = field(default_factory=dict)


def write_person(folder: Path, card: Card, neutral_m: np.ndarray, skin: np.ndarray) -> Path:
    """Writes both files into a folder; returns the json. Equal people give equal bytes."""
    with placing(folder / ARRAYS) as stream:
        np.savez_compressed(stream, neutral_um=np.rint(1e6 * neutral_m).astype(np.int32), skin=skin)
    text = json.dumps({"kind": KIND, "version": VERSION, **asdict(card)}, indent=2, sort_keys=True)
    with placing(folder / CARD) as stream:
        stream.write(text.encode() + b"\n")
    return folder / CARD


def read_person(path: Path) -> tuple[Card, np.ndarray, np.ndarray]:
    """An animated person from its folder or its json.

    Returns:
        The card, neutral points (26719, 3) float64 metres in the head frame, and skin (h, w, 3) uint8 sRGB.

    Raises:
        MeshError: missing, damaged, hostile, or of another version.
    """
    json_path = path / CARD if path.is_dir() else path
    card = _read_card(json_path)
    arrays = json_path.parent / ARRAYS
    try:
        with zipfile.ZipFile(arrays) as archive:
            points = _array(archive, "neutral_um", np.dtype(np.int32), (VERTICES, 3))
            skin = _array(archive, "skin", np.dtype(np.uint8), (_SKIN_PX, _SKIN_PX, 3))
    except MeshError:
        raise
    # Zip and npy readers meet damage with a dozen kinds of error.
    except Exception as error:
        raise MeshError(
            f"{arrays}: expected the arrays of an animated person, got a file that does not read "
            f"({type(error).__name__}). {_NEXT}"
        ) from error
    if points.shape != (VERTICES, 3) or np.abs(points.astype(np.int64)).max() > _REACH_UM:
        raise MeshError(f"{arrays}: expected {VERTICES} points within 2 m of the eyes, got others. {_NEXT}")
    if skin.ndim != 3 or skin.shape[2] != 3 or min(skin.shape) < 1:
        raise MeshError(f"{arrays}: expected a skin of (h, w, 3), got {skin.shape}. {_NEXT}")
    return card, points / 1e6, skin


def _array(archive: zipfile.ZipFile, name: str, dtype: np.dtype, most: tuple[int, ...]) -> np.ndarray:
    """One array of the npz, after its header was found to promise no more than it may."""
    with archive.open(f"{name}.npy") as stream:
        version = npy.read_magic(stream)
        shape, _, found = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(stream)
        size = int(np.prod(shape, dtype=np.int64)) if len(shape) == len(most) else -1
        fits = len(shape) == len(most) and all(0 < side <= limit for side, limit in zip(shape, most, strict=True))
        if found != dtype or not fits or size * dtype.itemsize > 1 << 28:
            raise MeshError(
                f"{archive.filename}: expected {name} as {dtype} up to {most}, got {found} {shape}. {_NEXT}"
            )
        data = stream.read(size * dtype.itemsize + 1)
    if len(data) != size * dtype.itemsize:
        raise MeshError(f"{archive.filename}: expected {size} numbers in {name}, got another count. {_NEXT}")
    return np.frombuffer(data, dtype).reshape(shape)


def _read_card(path: Path) -> Card:
    try:
        if path.stat().st_size > _CARD_BYTES:
            raise ValueError("more than 1 MiB")
        tree = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(tree, dict) or tree.pop("kind", None) != KIND:
            raise ValueError(f"no kind {KIND}")
        if tree.pop("version", None) != VERSION:
            raise ValueError(f"another version than {VERSION}")
        card = Card(**tree)
        _check(card)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise MeshError(f"{path}: expected the card of an animated person, got {error}. {_NEXT}") from error
    return card


def _check(card: Card) -> None:
    for name in ("name", "licence", "credit", "scan_sha256", "model_sha256"):
        if not isinstance(getattr(card, name), str):
            raise ValueError(f"{name} that is no text")
    if not card.licence.strip():
        raise ValueError("no licence")
    if not isinstance(card.eyes_closed, bool):
        raise ValueError("eyes_closed that is neither true nor false")
    for name in ("residual_m", "look"):
        values = getattr(card, name)
        if not isinstance(values, dict) or not all(_is_number(value) for value in values.values()):
            raise ValueError(f"{name} that is no table of numbers")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
