"""Opens head models by the names recipes use, once a process."""

import difflib
import os
from functools import lru_cache
from pathlib import Path

from datagen.recipe import RecipeError
from meshes.head import HeadModel

ICT_FILE = "ict_facekit_f16.npz"
"""Name of the packed ICT-FaceKit model in the folder that DATAGEN_ASSETS names."""


@lru_cache(maxsize=8)
def open_model(spec: str) -> HeadModel:
    """The head model for `makehuman`, `ict`, `ict:PATH`, `scan:PATH` or `animated:PATH`.

    Raises:
        RecipeError: unknown kind, or `ict` without a file at hand.
        MeshError: the file is there but cannot be used.
    """
    kind, _, path = spec.partition(":")
    if kind == "makehuman" and not path:
        from meshes.makehuman import MakeHuman

        return MakeHuman()
    if kind == "ict":
        from meshes.ict import Ict

        return Ict(Path(path) if path else _ict_path())
    if kind == "scan" and path:
        from meshes.scan import Scan

        return Scan.open(Path(path))
    if kind == "animated" and path:
        from meshes.animated import Animated

        return Animated.open(Path(path))
    near = difflib.get_close_matches(kind, ["makehuman", "ict", "scan", "animated"], n=1)
    hint = f" Did you mean {near[0]}?" if near and near[0] != kind else ""
    raise RecipeError(f"--heads: expected makehuman, ict, ict:PATH, scan:PATH or animated:PATH, got {spec!r}.{hint}")


def _ict_path() -> Path:
    folder = os.environ.get("DATAGEN_ASSETS")
    path = Path(folder or ".") / ICT_FILE
    if folder and path.is_file():
        return path
    raise RecipeError(
        f"--heads ict: expected {ICT_FILE} in the folder that the environment variable DATAGEN_ASSETS names, "
        f"got {folder or 'no such variable'}. Or say where ICT-FaceKit is: --heads ict:PATH (its FaceXModel folder)."
    )
