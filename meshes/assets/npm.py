"""Packages of the npm registry: npm downloads the tarball, nothing is installed and no script of it is run."""

import shutil
import subprocess
from pathlib import Path

from meshes.head import MeshError

NPM_TIMEOUT_S = 600.0


class NpmError(MeshError):
    """npm is missing or failed; the message says what to do."""


def by_npm(package: str, folder: Path) -> Path:
    """Downloads "NAME@VERSION" into an empty folder; returns the tarball.

    npm obeys its own settings (`.npmrc`, npm_config_registry ...), so a mirror of the registry works.

    Raises:
        NpmError: npm is not installed, or failed; the message has its last line.
    """
    program = shutil.which("npm")
    if program is None:
        raise NpmError(
            f"{package}: expected the program npm (it comes with Node.js), found none; install it, or download the "
            "package's tarball by other means and run `datagen assets import PATH`."
        )
    folder.mkdir(parents=True, exist_ok=True)
    command = [program, "pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", str(folder), package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise NpmError(f"{package}: expected npm to finish in {NPM_TIMEOUT_S:g} s; try again later.") from None
    tarballs = sorted(folder.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        raise NpmError(
            f"{package}: expected `npm pack` to bring one tarball, got: {_reason(done.stderr or done.stdout)} Mend "
            "that, or download the tarball by other means and run `datagen assets import PATH`."
        )
    return tarballs[0]


def _reason(said: str) -> str:
    """The first line that says something: npm ends with where its log lies."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[0] if lines else "no tarball."
