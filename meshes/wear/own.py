"""A wardrobe of the user's own: MakeHuman's folders of clothes, hair and brows, taken in where their files say CC0.

What says nothing of a licence, or names another, is left out and said to be.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshes.assets.archive import Archive, open_archive
from meshes.assets.store import cache_folder, locked, placing
from meshes.head import MeshError
from meshes.wear.mhclo import MAX_TEXT, pack_wardrobe, read_mhclo
from meshes.wear.proxy import OWN, WARDROBE, read_proxy

KINDS = ("clothes", "eyebrows", "hair")
"""MakeHuman's folders that are taken in."""

_CC0 = re.compile(r"\bCC[- ]?0\b|publicdomain/zero", re.IGNORECASE)
_OTHER = re.compile(r"\bA?L?GPL|Affero|\bCC[- ]BY\b|licenses/by|NonCommercial", re.IGNORECASE)
_HEADER = 8192
"""Bytes of a file that may state its licence."""


@dataclass(frozen=True)
class Taken:
    """What came of an import.

    Attributes:
        path: the packed wardrobe in the cache.
        names: its proxies, such as hair/bob01.
        left_out: "name: reason" of the others.
    """

    path: Path
    names: tuple[str, ...]
    left_out: tuple[str, ...]


class _Files(Mapping[str, bytes]):
    """Upstream's files by their path from the kind's folder on, read as they are asked for."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._names: dict[str, str] = {}
        for name in archive.sizes:
            parts = [archive.path.name, *name.split("/")]
            at = next((n for n, part in enumerate(parts[:-1]) if part in KINDS), None)
            if at is not None:
                self._names.setdefault("/".join(parts[at:]), name)

    def __getitem__(self, path: str) -> bytes:
        name = self._names[path]
        if self._archive.sizes[name] > MAX_TEXT:
            raise MeshError(f"{path}: expected at most {MAX_TEXT >> 20} MiB, got {self._archive.sizes[name] >> 20}.")
        return self._archive.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def is_makehuman(archive: Archive) -> bool:
    """Whether a folder or zip holds clothes as MakeHuman lays them out."""
    return any(name.endswith(".mhclo") for name in archive.sizes)


def take_in(archive: Archive) -> Taken:
    """Packs what is CC0 into the cache, in place of a wardrobe taken in before.

    Raises:
        MeshError: nothing can be taken; the message gives the reasons.
        StoreError: the cache cannot be written.
    """
    files = _Files(archive)
    refused = {path: _refusal(files, path) for path in sorted(files) if path.endswith(".mhclo")}
    left_out = tuple(f"{path}: {why}" for path, why in refused.items() if why)
    fine = tuple(path for path, why in refused.items() if not why)
    if not fine:
        said = "; ".join(left_out[:3]) or f"no .mhclo file below a folder {', '.join(KINDS)}"
        raise MeshError(
            f"{archive.path}: expected items of MakeHuman whose files say CC0, got none: {said}. "
            "Take upstream's release that is under CC0."
        )
    target = cache_folder() / OWN
    with locked(WARDROBE), placing(target) as stream:
        stream.write(pack_wardrobe(files, fine))
    return Taken(target, tuple(f"{path.split('/')[0]}/{Path(path).stem}" for path in fine), left_out)


def _refusal(files: Mapping[str, bytes], path: str) -> str:
    """Why an item is not taken, or ""."""
    try:
        return _licence_fault(files, path) or _fault(pack_wardrobe(files, (path,)), path)
    except MeshError as error:
        return str(error)


def _licence_fault(files: Mapping[str, bytes], path: str) -> str:
    """What speaks against CC0 in the headers of a binding and of the text files that it names, or ""."""
    words, folder = read_mhclo(files[path], path).words, path.rpartition("/")[0]
    texts = {path: files[path][:_HEADER].decode("utf-8", "replace")}
    for name in (words.get("obj_file", ""), words.get("material", "")):
        if (at := f"{folder}/{name}") in files:
            texts[at] = files[at][:_HEADER].decode("utf-8", "replace")
    for name, text in texts.items():
        if other := _OTHER.search(text):
            return f"{name} names another licence ({other.group()})"
    return "" if _CC0.search(texts[path]) else "its header does not say CC0"


def _fault(packed: bytes, path: str) -> str:
    """What a run would trip over in one packed item, or ""."""
    name = f"{path.split('/')[0]}/{Path(path).stem}"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "item.zip"
        place.write_bytes(packed)
        try:
            with open_archive(place) as archive:
                read_proxy(archive, name)
        except MeshError as error:
            return str(error).replace(f"{place}: ", "")
    return ""
