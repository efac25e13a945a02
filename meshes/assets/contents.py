"""Is this file the asset that a card describes? Judged by content, however it was packed."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from meshes.assets.archive import Archive, open_archive
from meshes.assets.catalogue import Card, File, cards
from meshes.head import MeshError
from meshes.ict_files import IctData, read_ict


class DamagedError(MeshError):
    """An asset that is not what its card says."""


def check(card: Card, path: Path) -> None:
    """Reads every byte of an asset.

    Args:
        card: what it should be.
        path: its packed file or folder.

    Raises:
        DamagedError: it is something else; the message names what differs first.
    """
    if card.packed_sha256 and path.is_file() and file_sha256(path) == card.packed_sha256:
        return
    try:
        difference = _difference(card, path)
    except MeshError as error:
        raise _damaged(card, path, str(error)) from error
    if difference:
        raise _damaged(card, path, difference)


def _difference(card: Card, path: Path) -> str:
    """What of the content differs from the card, or ""."""
    if card.content_sha256:
        return "" if ict_digest(read_ict(path)) == card.content_sha256 else "expected other arrays"
    if not card.files:
        return f"expected sha256 {card.packed_sha256[:16]}..., got {file_sha256(path)[:16]}..."
    with open_archive(path) as archive:
        wrong = [file.path for file in card.files if not holds(archive, file.path, file)]
    return f"expected {', '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''} as upstream has it" if wrong else ""


@lru_cache(maxsize=64)
def digest_of(path: Path) -> str:
    """The digest that names a file's content in records: an asset's own, however it was packed, else its sha256.

    So a sample made with an asset out of a mirror and one made with the same asset fetched here are the same bytes.
    """
    digest = file_sha256(path)
    for card in cards().values():
        if card.packed_sha256 == digest or (path.name == card.packed and not _unlike(card, path)):
            return card.sha256
    return digest


def _unlike(card: Card, path: Path) -> bool:
    """Whether a file's content differs from a card, or does not read at all."""
    try:
        return bool(_difference(card, path))
    except (MeshError, OSError):
        return True


def holds(archive: Archive, name: str, file: File) -> bool:
    """Whether a member is an upstream file, byte for byte."""
    return archive.sizes.get(name) == file.bytes and member_sha256(archive, name) == file.sha256


def member_sha256(archive: Archive, name: str) -> str:
    """Hexadecimal sha256 of a member."""
    digest = hashlib.sha256()
    for piece in archive.chunks(name):
        digest.update(piece)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file as it is now."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _damaged(card: Card, path: Path, difference: str) -> DamagedError:
    return DamagedError(
        f"asset {card.name}: {path} is not what its card says: {difference}; "
        f"run `datagen assets fetch {card.name}` to get it anew."
    )


def ict_digest(data: IctData) -> str:
    """sha256 of the ICT model's arrays as float16 offsets, the same for upstream's files and for either packed form.

    Hashed in a fixed order: each array's name, dtype and shape, then its bytes in C order, little-endian; offsets
    with +0 for either zero, as a vertex that does not move says nothing by its sign.
    """
    digest = hashlib.sha256()
    for name in ("neutral", "uv", "faces", "faces_uv", "material", "landmarks"):
        _update(digest, name, getattr(data, name))
    rows = {f"identity/{mode:03d}": row for mode, row in data.identity.items()}
    rows |= {f"expression/{name}": row for name, row in data.expression.items()}
    for name in sorted(rows):
        _update(digest, name, rows[name].astype("<f2") + np.float16(0))
    return digest.hexdigest()


def _update(digest: "hashlib._Hash", name: str, array: np.ndarray) -> None:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    digest.update(f"{name} {little.dtype.str} {little.shape}\n".encode())
    digest.update(little.tobytes())
