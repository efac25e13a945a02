"""Brings an asset into the cache: out of the mirror folder, from a mirror server, or from its upstream."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from meshes.assets.archive import open_archive
from meshes.assets.catalogue import Card, File, card
from meshes.assets.contents import DamagedError, check
from meshes.assets.download import PATIENT, Patience, download
from meshes.assets.npm import by_npm
from meshes.assets.packing import pack
from meshes.assets.store import AssetMissingError, cache_folder, locked, mirror_folder, placing, writable
from meshes.assets.wheels import Bring, by_pip, take_packages

SERVER_VARIABLE = "DATAGEN_ASSETS_URL"
"""Environment variable: address of a mirror server, which serves the files of a mirror folder."""

OnFetch = Callable[[int, int], None]
"""Told the bytes that have arrived and the bytes there are; the second is 0 where unknown."""

_CLIENTS: dict[str, Bring] = {"wheels": by_pip, "npm": by_npm}
"""What downloads the packages of each registry."""

_HOW_ELSE = {
    "derived": "It is made from other assets and has no upstream",
    "import": "It was cropped and scaled from its upstream by hand",
}


def silent(done: int, total: int) -> None:
    """No progress shown."""


def fetch_all(names: Iterable[str], progress: OnFetch = silent) -> dict[str, Path]:
    """Several assets by name, in order; where each lies.

    All names are looked up before the first byte is asked for. Raises UnknownAssetError, or as `fetch` for the first
    asset that cannot be had; those before it are kept.
    """
    return {wanted.name: fetch(wanted, progress) for wanted in [card(name) for name in names]}


def fetch(card: Card, progress: OnFetch = silent, patience: Patience = PATIENT) -> Path:
    """The asset in the cache, checked; fetched where it is not there yet.

    Args:
        card: which.
        progress: told of bytes as they arrive.
        patience: how long to put up with servers.

    Returns:
        Its packed file or folder.

    Raises:
        DownloadError, WheelError, NpmError: it cannot be had.
        DamagedError: what was fetched is not what the card says; nothing of it is kept.
        StoreError: the disk is full, cannot be written, or another process is at it.
        AssetMissingError: it has no upstream; the message says what to do.
    """
    target = cache_folder() / card.packed
    with locked(card.name):
        for left in target.parent.glob(f".{target.name}.*.part"):
            left.unlink(missing_ok=True)  # Of a process that was killed while it packed.
        try:
            if not is_whole(card, target):
                _bring(card, target, progress, patience)
        except DamagedError:
            shutil.rmtree(_downloads(card), ignore_errors=True)
            raise
        shutil.rmtree(_downloads(card), ignore_errors=True)
    return target


def is_whole(card: Card, path: Path) -> bool:
    """Whether the asset lies there, byte for byte."""
    try:
        check(card, path)
    except (DamagedError, OSError):
        return False
    return True


def _bring(card: Card, target: Path, progress: OnFetch, patience: Patience) -> None:
    mirror, server = mirror_folder(), os.environ.get(SERVER_VARIABLE, "")
    if mirror and is_whole(card, mirror / card.packed):
        copy(mirror / card.packed, target)
    elif server:
        _from_server(card, server.rstrip("/"), target, progress, patience)
    elif card.origin in _CLIENTS:
        with scratch_folder(card) as scratch:
            take_packages(card, target, scratch, _CLIENTS[card.origin])
    elif card.origin == "upstream":
        _from_upstream(card, target, progress, patience)
    else:
        raise AssetMissingError(
            f"asset {card.name}: expected an upstream to fetch from, got none. {_HOW_ELSE[card.origin]}: get "
            f"{card.packed} from somebody who has it and run `datagen assets import {card.packed}`, or name its "
            f"server in {SERVER_VARIABLE}."
        )
    try:
        check(card, target)
    except DamagedError:
        remove(target)
        raise


def _from_server(card: Card, server: str, target: Path, progress: OnFetch, patience: Patience) -> None:
    """The packed form, as a mirror folder has it; a folder file by file."""
    if card.packer == "folder":
        files = [(f"{card.packed}/{file.path}", file) for file in card.files]
    else:
        files = [(card.packed, File(card.packed, "", card.packed_sha256, card.packed_bytes))]
    _download_all([(file, f"{server}/{path}", target.parent / path) for path, file in files], progress, patience)


def _from_upstream(card: Card, target: Path, progress: OnFetch, patience: Patience) -> None:
    folder = _downloads(card)
    _download_all([(file, file.address, folder / file.path) for file in card.files], progress, patience)
    with open_archive(folder) as files, scratch_folder(card) as scratch:
        pack(card, files, target, scratch)


def _download_all(wanted: list[tuple[File, str, Path]], progress: OnFetch, patience: Patience) -> None:
    known = [file.bytes for file, _, _ in wanted]
    total = sum(known) if all(known) else 0
    done = 0

    def on_bytes(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    for file, address, path in wanted:
        download(file, address, path, on_bytes, patience)


def _downloads(card: Card) -> Path:
    """Where upstream's files wait until all of them are there, over interruptions."""
    return cache_folder() / "downloads" / card.name


@contextmanager
def scratch_folder(card: Card) -> Iterator[Path]:
    """An empty folder in the cache (large files do not fit every /tmp), gone after the `with` block.

    It has one name an asset, whose lock the caller holds: what a killed process left there goes too.
    """
    folder = cache_folder() / f".scratch-{card.name}"
    with writable(folder.parent):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def copy(source: Path, target: Path) -> None:
    """Copies a packed file or folder into place, each file whole or not at all."""
    if source.is_dir():
        for path in sorted(source.iterdir()):
            copy(path, target / path.name)
        return
    with placing(target) as out, source.open("rb") as stream:
        shutil.copyfileobj(stream, out, 1 << 20)


def remove(path: Path) -> None:
    """Deletes a packed file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
