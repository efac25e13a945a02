"""OpenGL without a window: which way to it works on this machine, tried where it can do no harm.

A missing or broken driver may end the process that loads it.
"""

import importlib.util
import os
import subprocess
import sys
from functools import lru_cache
from typing import NamedTuple

from meshes.errors import UsageError

_PROBE = """
import os, sys
os.environ["PYOPENGL_PLATFORM"] = sys.argv[1]
import pyrender
from OpenGL import GL
renderer = pyrender.OffscreenRenderer(8, 8)
print(GL.glGetString(GL.GL_RENDERER).decode())
"""


class Platform(NamedTuple):
    """One way to OpenGL without a window: `name` is PyOpenGL's; `driver` is "" where it fails, and `why` says how."""

    name: str
    driver: str
    why: str


def probe(name: str) -> Platform:
    """Whether pyrender draws by one platform of PyOpenGL ("egl", "osmesa"), tried in another process."""
    environment = {**os.environ, "PYOPENGL_PLATFORM": name}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, name], capture_output=True, text=True, timeout=60, env=environment
        )
    except subprocess.TimeoutExpired:
        return Platform(name, "", "no answer within 60 s")
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    last = lines[-1] if lines else f"exit code {done.returncode}"
    return Platform(name, last, "") if done.returncode == 0 else Platform(name, "", last)


@lru_cache(maxsize=1)
def platform() -> Platform:
    """The first platform that works, told to PyOpenGL through the environment, which worker processes inherit.

    Raises:
        UsageError: pyrender is missing, or OpenGL fails by EGL and by OSMesa; says how.
    """
    if importlib.util.find_spec("pyrender") is None:
        raise UsageError(
            "--colour pyrender: expected the package pyrender, got none; pip install 'perspective-portraits[pyrender]'."
        )
    given = os.environ.get("PYOPENGL_PLATFORM")
    tried = []
    for name in (given,) if given else ("egl", "osmesa"):
        tried.append(probe(name))
        if tried[-1].driver:
            os.environ["PYOPENGL_PLATFORM"] = name
            return tried[-1]
    raise UsageError(
        "--colour pyrender: expected OpenGL without a window, got "
        + "; ".join(f"{found.name}: {found.why}" for found in tried)
        + ". Install one, on Debian: apt install libegl1 libgl1-mesa-dri, or libosmesa6."
    )
