"""Where assets lie on this machine: a mirror folder that the user names, then this user's cache.

Reading looks in both; only the cache is ever written.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from meshes.head import MeshError

MIRROR_VARIABLE = "DATAGEN_ASSETS"
"""Environment variable: a folder of packed assets, read and never written."""
CACHE_VARIABLE = "DATAGEN_CACHE"
"""Environment variable: replaces the cache folder."""
APPLICATION = "perspective-portraits"


class AssetMissingError(MeshError):
    """An asset that is not on this machine; the message says how to get it."""


class StoreError(MeshError):
    """The cache cannot be written: no room, no right, or another process is at it."""


def mirror_folder() -> Path | None:
    """The folder that DATAGEN_ASSETS names, or None."""
    folder = os.environ.get(MIRROR_VARIABLE, "")
    return Path(folder) if folder else None


def cache_folder() -> Path:
    """Where fetched and imported assets are kept; it may not exist yet.

    DATAGEN_CACHE where it is set, else the platform's folder for a user's caches (XDG on Linux).
    """
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / APPLICATION


def places(relative: str) -> Iterator[Path]:
    """Where a packed asset may lie, best first."""
    mirror = mirror_folder()
    if mirror is not None:
        yield mirror / relative
    yield cache_folder() / relative


def present(relative: str) -> Path | None:
    """The first place that holds this file or folder, or None."""
    return next((path for path in places(relative) if path.exists()), None)


@contextlib.contextmanager
def placing(path: Path) -> Iterator[BinaryIO]:
    """A new file that appears under its name whole, synced, or not at all.

    Raises:
        StoreError: the disk is full or the folder may not be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writable(path.parent):
        try:
            with part.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes a rename last; a folder that cannot be synced (some network disks) loses at most the name."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Makes the folder and turns errors of the disk inside the block into a StoreError that says what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreError(
                f"{folder}: expected room on the disk, got {error.strerror}; free some, or set "
                f"{CACHE_VARIABLE} to a folder on another disk. What was downloaded so far is kept."
            ) from error
        if isinstance(error, PermissionError) or error.errno in (errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise StoreError(
                f"{folder}: expected a folder that can be written, got {error.strerror}; "
                f"set {CACHE_VARIABLE} to one that can."
            ) from error
        raise


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Keeps other processes from writing the same asset; the system frees the lock if this one dies.

    Raises:
        StoreError: another process holds it.
    """
    import fcntl  # Reading assets needs no lock, so that it works where this module is missing.

    path = cache_folder() / f".{name}.lock"
    with writable(path.parent), path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"asset {name}: expected to be the only process that writes it, got another one at work; "
                "wait for that one, then run this again."
            ) from None
        yield
