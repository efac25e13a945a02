"""Takes in what the user fetched by hand: a file or folder is recognised by its content, never by its name."""

from dataclasses import dataclass
from pathlib import Path

from meshes.assets.archive import Archive, open_archive
from meshes.assets.catalogue import Card, cards
from meshes.assets.contents import DamagedError, check, file_sha256, member_sha256
from meshes.assets.fetch import copy, is_whole, remove, scratch_folder
from meshes.assets.packing import pack
from meshes.assets.store import cache_folder, locked, placing
from meshes.head import MeshError
from meshes.wear.own import is_makehuman, take_in
from meshes.wear.proxy import WARDROBE


class UnrecognisedError(MeshError):
    """Nothing that any card describes."""


@dataclass(frozen=True)
class Imported:
    """What an import took in.

    Attributes:
        card: which asset.
        path: where it lies now.
        files: how many files of it came; all of them, except for folders such as `face-models`.
        names: what came of MakeHuman's own folders, a wardrobe of the user's own beside the asset; else nothing.
        left_out: "name: reason" of what did not.
    """

    card: Card
    path: Path
    files: int
    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def import_asset(source: Path) -> Imported:
    """Recognises a file or folder and copies it into the cache, packed and checked.

    Args:
        source: a packed asset, a wheel, an archive or folder with upstream's files under any names; or MakeHuman's
            folders of clothes, hair and brows, which become a wardrobe of the user's own.

    Raises:
        UnrecognisedError: no card fits; the message names the nearest.
        ArchiveError: damaged or hostile.
        StoreError: the cache cannot be written.
    """
    if not source.exists():
        raise UnrecognisedError(f"{source}: expected a file or folder to import, got nothing there; check the path.")
    packed = _as_packed(source)
    if packed:
        with locked(packed.name):
            copy(source, cache_folder() / packed.packed)
        return Imported(packed, cache_folder() / packed.packed, max(1, len(packed.files)))
    with open_archive(source) as archive:
        if is_makehuman(archive):
            taken = take_in(archive)
            return Imported(cards()[WARDROBE], taken.path, len(taken.names), taken.names, taken.left_out)
        return _import_files(archive)


def _as_packed(source: Path) -> Card | None:
    """The card whose packed file this is, by digest or by the arrays inside."""
    if not source.is_file():
        return None
    digest = file_sha256(source)
    exact = next((card for card in cards().values() if card.packed_sha256 == digest), None)
    if exact or source.suffix != ".npz":
        return exact
    return next((card for card in cards().values() if card.content_sha256 and is_whole(card, source)), None)


def _import_files(archive: Archive) -> Imported:
    """The largest asset whose files are all there; they may lie under any names."""
    found = _recognised(archive)
    complete = {card.name: named for card in cards().values() if (named := _sources(card, archive, found))}
    if not complete:
        raise UnrecognisedError(_nearest(archive, found))
    card = cards()[max(complete, key=lambda name: len(complete[name]))]
    named, target = complete[card.name], cache_folder() / card.packed
    with locked(card.name):
        if card.packer == "folder":
            _copy_members(archive, named, target)
        else:
            _pack_members(card, archive, named, target)
    return Imported(card, target, len(named))


def _recognised(archive: Archive) -> dict[str, str]:
    """Member by sha256, of those that are some card's file. Only members of a known size are read."""
    sizes = {file.bytes for card in cards().values() for file in card.files if file.sha256}
    return {member_sha256(archive, name): name for name, size in archive.sizes.items() if size in sizes}


def _sources(card: Card, archive: Archive, found: dict[str, str]) -> dict[str, str]:
    """Member for each of the card's files, or nothing where one is missing.

    A folder of independent files may come piece by piece. Files that are not pinned one by one are taken by name,
    where at least one pinned file is there; the packed content judges them.
    """
    by_name = {name.rpartition("/")[2]: name for name in archive.sizes}
    named = {file.path: found[file.sha256] for file in card.files if file.sha256 in found}
    if named:
        loose = [file.path for file in card.files if not file.sha256]
        named |= {path: by_name[base] for path in loose if (base := path.rpartition("/")[2]) in by_name}
    return named if card.packer == "folder" or len(named) == len(card.files) else {}


def _pack_members(card: Card, archive: Archive, named: dict[str, str], target: Path) -> None:
    with scratch_folder(card) as scratch:
        folder = scratch / "files"
        _copy_members(archive, named, folder)
        with open_archive(folder) as files:
            pack(card, files, target, scratch)
    try:
        check(card, target)
    except DamagedError:
        remove(target)
        raise


def _copy_members(archive: Archive, named: dict[str, str], folder: Path) -> None:
    for path, name in named.items():
        with placing(folder / path) as stream:
            for piece in archive.chunks(name):
                stream.write(piece)


def _nearest(archive: Archive, found: dict[str, str]) -> str:
    counts = {card.name: sum(file.sha256 in found for file in card.files) for card in cards().values()}
    name = max(counts, key=lambda name: counts[name])
    near = f"; {counts[name]} of the {len(cards()[name].files)} files of {name} are there" if counts[name] else ""
    return (
        f"{archive.path}: expected the files of one of {', '.join(cards())}, got other content{near}. "
        "`datagen assets info NAME` lists what each is made of."
    )
