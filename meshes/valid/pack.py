"""Where the VALID avatars are: the packed zip file, or a folder of upstream's GLB files.

An avatar is named without its outfit: `White_F_2` is `White_F_2_Default.glb`.
"""

import zipfile
from functools import lru_cache
from pathlib import Path

from meshes import assets
from meshes.assets.contents import digest_of
from meshes.gltf import Glb
from meshes.head import Asset, MeshError

_MAX_BYTES = 64 << 20
"""Upstream's files are 2 MB."""


@lru_cache(maxsize=4)
def asset(pack: Path) -> Asset:
    """What everything made of the avatars credits, with the digest of the pack at hand where it is one file."""
    return Asset(
        id="valid-avatars",
        licence="MIT",
        credit="VALID avatars, Copyright (c) 2022 Tiffany Do, MIT",
        source="https://github.com/c-frame/valid-avatars-glb",
        sha256=digest_of(pack) if pack.is_file() else "",
    )


@lru_cache(maxsize=8)
def members(pack: Path) -> dict[str, str]:
    """File in the pack by avatar name, sorted; the alphabetically first outfit where there are several.

    Raises:
        MeshError: the pack is missing, is not a zip file or folder, or holds no avatar.
    """
    if pack.is_dir():
        files = [str(path.relative_to(pack)) for path in pack.rglob("*.glb")]
    else:
        with _opened(pack) as archive:
            files = [name for name in archive.namelist() if name.endswith(".glb")]
    named = {Path(file).stem.rpartition("_")[0]: file for file in sorted(files, reverse=True)}
    if not named:
        raise MeshError(f"{pack}: expected VALID avatars (White_F_2_Default.glb ...), got none. Check the path.")
    return dict(sorted(named.items()))


def open_glb(pack: Path, name: str) -> Glb:
    """The file of one avatar.

    Raises:
        MeshError: no such avatar, or a file that is no GLB.
    """
    files = members(pack)
    if name not in files:
        raise MeshError(f"avatar: expected one of {', '.join(files)}, got {name!r}. See `meshes.valid.avatars`.")
    if pack.is_dir():
        path = pack / files[name]
        _check_size(path.stat().st_size, path.name)
        return Glb(path.read_bytes(), path.name)
    with _opened(pack) as archive:
        _check_size(archive.getinfo(files[name]).file_size, files[name])
        try:
            return Glb(archive.read(files[name]), files[name])
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            if isinstance(error, MeshError):
                raise
            raise MeshError(f"{pack.name}: expected {files[name]} whole, got {error}. Get the pack again.") from error


def found(pack: Path | str | None) -> Path:
    """The pack that a caller names, or the one among the assets."""
    return assets.find("valid") if pack is None else Path(pack)


def _opened(pack: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(pack)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise MeshError(
            f"{pack}: expected a zip file or a folder of VALID avatars, got {error}. Check the path, or get it again."
        ) from error


def _check_size(size: int, name: str) -> None:
    if size > _MAX_BYTES:
        raise MeshError(f"{name}: expected at most {_MAX_BYTES >> 20} MiB, got {size} bytes. It is no VALID avatar.")
