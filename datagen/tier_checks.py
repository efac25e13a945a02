"""What each colour tier finds on this machine, in a sentence; each is tried in a process of its own.

A wrong library may abort or hang the process that loads it, and `datagen doctor` must do neither.
"""

import importlib.metadata
import subprocess
import sys
import time
from collections.abc import Callable

from meshes.errors import UserError

LIMIT_S = 20.0
"""How long all tiers together may take to answer; a quiet machine needs about three seconds."""
PREVIEW = {"preview": "always works; the default"}
REFUSED = 3
"""Exit code of a tier that says itself why it cannot work here."""


def findings(limit_s: float = LIMIT_S) -> dict[str, str]:
    """A sentence for each tier: what it renders with, or what it lacks and how to get it.

    Args:
        limit_s: seconds for all of them; they are asked side by side.
    """
    ask = [sys.executable, "-m", "datagen.tier_checks"]
    asked = {
        name: subprocess.Popen([*ask, name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in DESCRIBE
    }
    deadline = time.monotonic() + limit_s
    return PREVIEW | {name: answer(process, deadline, limit_s) for name, process in asked.items()}


def answer(process: subprocess.Popen[str], deadline: float, limit_s: float) -> str:
    """What a process says of its tier until `deadline` (of the monotonic clock), or how it fails to say it."""
    try:
        said, failed = process.communicate(timeout=max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"gave no answer within {limit_s:g} s; a first start takes longer: ask again, or try it"
    if process.returncode == 0:
        return said.strip()
    if process.returncode == REFUSED:
        return f"not here: {said.strip()}"
    lines = failed.strip().splitlines() or ["it said nothing"]
    return f"broken: its process ended with exit code {process.returncode}: {lines[-1]}"


def _photo() -> str:
    from renderers.photo.variants import check, choice

    check()
    chosen = choice()
    return f"{chosen.variant}: {chosen.reason}; denoised by mitsuba-oidn {importlib.metadata.version('mitsuba-oidn')}"


def _blender() -> str:
    from renderers.blender import check
    from renderers.blender.process import command

    return f"Blender {check()} by {command()[0]}"


def _pyrender() -> str:
    from renderers.adapters.opengl import platform

    found = platform()
    return f"OpenGL without a window by {found.name}: {found.driver}"


def _pytorch3d() -> str:
    from renderers.adapters.pytorch3d_tier import check, device

    check()
    where = "an NVIDIA GPU" if device() == "cuda" else "the CPU: minutes a picture"
    return f"PyTorch3D with torch {importlib.metadata.version('torch')} on {where}"


DESCRIBE: dict[str, Callable[[], str]] = {
    "photo": _photo,
    "blender": _blender,
    "pyrender": _pyrender,
    "pytorch3d": _pytorch3d,
}
"""By the names of `Recipe.colour`, the preview aside; each raises UserError with what is missing."""


def _main(name: str) -> int:
    try:
        sys.stdout.write(f"{DESCRIBE[name]()}\n")
    except UserError as error:
        sys.stdout.write(f"{error}\n")
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
