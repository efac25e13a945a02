"""Where assets lie on this machine: a mirror folder that the user names, then this user's cache.

Reading looks in both; only the cache is ever written.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from meshes.head import MeshError

MIRROR_VARIABLE = "DATAGEN_ASSETS"
"""Environment variable: a folder of packed assets, read and never written."""
CACHE_VARIABLE = "DATAGEN_CACHE"
"""Environment variable: replaces the cache folder."""
APPLICATION = "perspective-portraits"


class AssetMissingError(MeshError):
    """An asset that is not on this machine; the message says how to get it."""


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
