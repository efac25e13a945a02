"""Cards: what each asset is, where it comes from, what it must hash to, and what its licence asks for.

A card is a JSON file in `data/`; nothing is fetched, read or credited that no card describes.
"""

import difflib
import hashlib
import json
import re
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from meshes.errors import UsageError
from meshes.head import Asset, MeshError

DATA = Path(__file__).parent / "data"
"""Folder of the cards."""
TEXTS = DATA
"""Folder of the licences' texts, by SPDX name."""
CARD_BYTES = 1 << 20
"""Longest card file that is read."""

Origin = Literal["upstream", "wheels", "npm", "derived", "import"]
Packer = Literal["zip", "ict", "folder", "none"]

_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class CardError(MeshError):
    """A card that does not read; the message says expected, got, next step."""


class UnknownAssetError(UsageError):
    """A name that no card has."""


@dataclass(frozen=True)
class File:
    """One upstream file.

    Attributes:
        path: inside the asset, with forward slashes.
        address: URL at a pinned commit; "NAME==VERSION MEMBER" of a wheel on the Python package index, with
            "#sha256=HEX" after the version of a source archive; or "NAME@VERSION MEMBER" of npm's registry.
        sha256: hexadecimal; empty where only the packed content is pinned.
        bytes: size; 0 where unknown.
    """

    path: str
    address: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Card:
    """One asset.

    Attributes:
        name: what commands and `find` call it.
        title: a few words.
        what: what it is and what it is good for, for people.
        licence: SPDX expression; parts joined by " AND ".
        copyright: copyright lines of the licence's text.
        credit: the line that must travel with renders; empty where none is asked for.
        source: where it was taken from, at which commit.
        notes: what a reader of the files must know.
        origin: "upstream" (fetched file by file), "wheels" (out of packages of the Python index, by pip), "npm"
            (out of packages of npm's registry, by npm), "derived" (made from other assets), "import" (fetched by hand).
        packer: how the upstream files become `packed`: a "zip" of them, the "ict" model as npz, a "folder".
        packed: name of the file or folder in the mirror and the cache.
        packed_sha256, packed_bytes: of the mirror's packed file; empty and 0 for a folder.
        content_sha256: `meshes.assets.contents.digest` of the packed arrays, however they were compressed; or "".
        files: the upstream files.
    """

    name: str
    title: str
    what: str
    licence: str
    copyright: str
    credit: str
    source: str
    notes: str
    origin: Origin
    packer: Packer
    packed: str
    packed_sha256: str
    packed_bytes: int
    content_sha256: str
    files: tuple[File, ...]

    @property
    def licences(self) -> tuple[str, ...]:
        """The SPDX names that the expression joins."""
        return tuple(self.licence.split(" AND "))

    @property
    def bytes(self) -> int:
        """Size of what will lie on the disk: the packed file, or the files of a folder."""
        return self.packed_bytes or sum(file.bytes for file in self.files)

    @property
    def sha256(self) -> str:
        """One digest that names the content, however packed: of its arrays, or of its files' names and digests."""
        if self.content_sha256 or not self.files:
            return self.content_sha256 or self.packed_sha256
        lines = sorted(f"{file.sha256}  {file.path}\n" for file in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def how_to_get(self) -> str:
        """The command that brings it here; what has no upstream to fetch from is imported from a copy."""
        fetched = self.origin in ("upstream", "wheels", "npm")
        return f"`datagen assets fetch {self.name}`" if fetched else f"`datagen assets import {self.packed}`"

    def asset(self) -> Asset:
        """What a sample made with it records."""
        return Asset(self.name, self.licence, self.credit, self.source, self.sha256)

    def licence_text(self) -> str:
        """Copyright lines and the text of each licence."""
        texts = (licence_text(licence) for licence in self.licences)
        return "\n\n".join(filter(None, (self.copyright, *texts)))


def licence_text(licence: str) -> str:
    """What a licence asks to be shown, by SPDX name; "" for one that this package has no text of."""
    path = TEXTS / f"{licence}.txt"
    return path.read_text().strip() if re.fullmatch(r"[\w.+-]+", licence) and path.is_file() else ""


@lru_cache(maxsize=1)
def cards() -> dict[str, Card]:
    """Every card by name, sorted."""
    found = sorted(map(read_card, DATA.glob("*.json")), key=lambda card: card.name)
    return {card.name: card for card in found}


def card(name: str) -> Card:
    """The card of an asset. Raises UnknownAssetError, which lists the names."""
    if name in cards():
        return cards()[name]
    near = difflib.get_close_matches(name, cards(), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UnknownAssetError(f"asset: expected one of {', '.join(cards())}, got {name!r}.{hint}")


def read_card(path: Path) -> Card:
    """A card from its file.

    Raises:
        CardError: not a card; the message names the first field that cannot be.
    """
    with path.open("rb") as stream:
        data = stream.read(CARD_BYTES + 1)
    if len(data) > CARD_BYTES:
        _refuse(path, f"at most {CARD_BYTES} bytes", "more")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CardError(f"{path}: expected a card as JSON, got damaged text ({error}); restore it.") from None
    return _card(path, value)


def _refuse(path: Path, expected: str, got: object) -> None:
    raise CardError(f"{path}: expected {expected}, got {got}; restore the file from the package.")


def _card(path: Path, value: Any) -> Card:
    """Checks types first, so that every later check meets what it was written for."""
    record = _record(path, value, Card)
    record["files"] = tuple(_file(path, entry) for entry in record["files"])
    made = Card(**record)
    _check_card(path, made)
    return made


def _file(path: Path, value: Any) -> File:
    file = File(**_record(path, value, File))
    if not _is_plain(file.path):
        _refuse(path, "a plain relative path of each file", repr(file.path))
    if file.sha256 and not _SHA256.fullmatch(file.sha256):
        _refuse(path, f"a sha256 of {file.path}", repr(file.sha256))
    if not 0 <= file.bytes < 1 << 40:
        _refuse(path, f"a size of {file.path}", file.bytes)
    return file


def _record(path: Path, value: Any, kind: type) -> dict[str, Any]:
    """The fields of a JSON object, each of the type that the dataclass names."""
    types = {"packed_bytes": int, "bytes": int, "files": list}
    names = [field.name for field in fields(kind)]
    if not isinstance(value, dict) or set(value) != set(names):
        got = sorted(map(str, value)) if isinstance(value, dict) else type(value).__name__
        _refuse(path, f"an object with the fields {', '.join(names)}", got)
    for name in names:
        if type(value[name]) is not types.get(name, str):
            _refuse(path, f"{name} to be {types.get(name, str).__name__}", type(value[name]).__name__)
    return dict(value)


def _is_plain(path: str) -> bool:
    """Relative, downward, without anything that a shell or another system reads differently."""
    return bool(_PATH.fullmatch(path)) and not {".", ".."} & set(path.split("/"))


def _check_card(path: Path, made: Card) -> None:
    if made.name != path.stem or not _WORD.fullmatch(made.name):
        _refuse(path, "the card's name to be the file's", repr(made.name))
    if made.origin not in get_args(Origin) or made.packer not in get_args(Packer):
        _refuse(path, f"origin of {get_args(Origin)} and packer of {get_args(Packer)}", (made.origin, made.packer))
    if not made.licence or not _is_plain(made.packed) or not 0 <= made.packed_bytes < 1 << 40:
        _refuse(path, "a licence, name and size of the packed file", (made.licence, made.packed, made.packed_bytes))
    for digest in filter(None, (made.packed_sha256, made.content_sha256)):
        if not _SHA256.fullmatch(digest):
            _refuse(path, "sha256 digests", repr(digest))
    if len({file.path for file in made.files}) != len(made.files):
        _refuse(path, "each file once", "a path twice")
    if not made.sha256:
        _refuse(path, "a digest of files, arrays or packed form", "none")
