"""Packs an asset's upstream files into the one file that the toolkit reads; equal files give equal bytes."""

import io
import zipfile
from pathlib import Path

import numpy as np

from meshes.assets.archive import Archive
from meshes.assets.catalogue import Card
from meshes.assets.store import placing
from meshes.ict_files import MATERIALS, read_ict

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""A zip member's date, the earliest there is: when a file was packed must not change a byte."""


def pack(card: Card, files: Archive, out: Path, scratch: Path) -> None:
    """Writes `out` whole or not at all.

    Args:
        card: its packer says how.
        files: upstream's files under the card's names.
        out: the packed file.
        scratch: an empty folder of this process.

    Raises:
        MeshError: a file that does not read.
        StoreError: the disk is full or cannot be written.
    """
    if card.packer == "ict":
        _pack_ict(_folder_of(card, files, scratch), card, out)
    else:
        _pack_zip(card, files, out)


def _pack_zip(card: Card, files: Archive, out: Path) -> None:
    """The files as they are, with the licence and where they came from, so that both travel with them."""
    texts = {
        "LICENSE.txt": card.licence_text() + "\n",
        "SOURCE.txt": f"{card.title}\n{card.source}\n{card.credit}".strip() + "\n",
    }
    with placing(out) as stream, zipfile.ZipFile(stream, "w") as archive:
        for file in card.files:
            with archive.open(zipfile.ZipInfo(file.path, _EPOCH), "w") as member:
                for piece in files.chunks(file.path):
                    member.write(piece)
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text)


def _folder_of(card: Card, files: Archive, scratch: Path) -> Path:
    """The card's files in a folder: where they lie, or copied out of their archive under the card's own names."""
    if files.path.is_dir():
        return files.path
    for file in card.files:
        target = scratch / file.path
        with placing(target) as stream:
            for piece in files.chunks(file.path):
                stream.write(piece)
    return scratch


def _pack_ict(folder: Path, card: Card, out: Path) -> None:
    """The model's arrays as npz, offsets as float16, stored so that no version of a compressor changes a byte."""
    data = read_ict(folder)
    names = sorted(data.expression)
    arrays = {
        "neutral": data.neutral,
        "identity": np.stack([data.identity[mode] for mode in sorted(data.identity)]).astype(np.float16),
        "expression": np.stack([data.expression[name] for name in names]).astype(np.float16),
        "expression_names": np.array(names),
        "uv": data.uv,
        "faces": data.faces,
        "faces_uv": data.faces_uv,
        "material": data.material,
        "material_names": np.array(MATERIALS),
        "landmarks68": data.landmarks,
        "license": np.array(card.licence_text()),
        "note": np.array(f"{card.source}; offsets in cm as float16"),
    }
    with placing(out) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), buffer.getvalue())
