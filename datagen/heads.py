"""Opens head models by the names recipes use, once a process."""

import difflib
from functools import lru_cache
from pathlib import Path

from datagen.recipe import RecipeError
from meshes.assets import AssetMissingError, find
from meshes.head import HeadModel
from meshes.loaders import LICENSED


@lru_cache(maxsize=8)
def open_model(spec: str) -> HeadModel:
    """The head model for `makehuman`, `ict[:painted|:PATH]`, `valid[:avatars|:PATH]` or a `KIND:PATH`.

    Raises:
        RecipeError: unknown kind, or `ict` without a file at hand.
        MeshError: the file is there but cannot be used.
    """
    kind, _, path = spec.partition(":")
    if kind == "makehuman" and not path:
        from meshes.makehuman import MakeHuman

        return MakeHuman()
    if kind == "ict":
        return _ict(path)
    if kind == "valid":
        return _valid(path)
    if kind == "scan" and path:
        from meshes.scan import Scan

        return Scan.open(Path(path))
    if kind == "animated" and path:
        from meshes.animated import Animated

        return Animated.open(Path(path))
    if kind in LICENSED and path:
        return _licensed(kind, Path(path))
    known = ["makehuman", "ict", "valid", "scan", "animated", *LICENSED]
    near = difflib.get_close_matches(kind, known, n=1)
    hint = f" Did you mean {near[0]}?" if near and near[0] != kind else ""
    raise RecipeError(
        "--heads: expected makehuman, ict, valid, valid:avatars, or one of ict, valid, scan, animated, "
        f"{', '.join(LICENSED)} with :PATH, got {spec!r}.{hint}"
    )


def _ict(path: str) -> HeadModel:
    """ICT people with the skins of VALID faces where those are on this machine; `painted` leaves them out."""
    from meshes.ict import Ict
    from meshes.ict_people import IctPeople

    model = Path(path) if path not in ("", "painted") else _ict_path()
    try:
        return Ict(model) if path == "painted" else IctPeople(model, find("valid"))
    except AssetMissingError:
        return Ict(model)


def _valid(path: str) -> HeadModel:
    """New people of several VALID avatars; `avatars` as shipped."""
    from meshes.valid import Valid

    try:
        pack = Path(path) if path not in ("", "avatars") else find("valid")
    except AssetMissingError as error:
        raise RecipeError(f"--heads valid: {error} Or say where they are: --heads valid:PATH.") from None
    return Valid(pack, recombined=path != "avatars")


def _licensed(kind: str, path: Path) -> HeadModel:
    from meshes.loaders import read_model
    from meshes.loaders.linear_head import LinearHead

    return LinearHead(read_model(kind, path))


def _ict_path() -> Path:
    try:
        return find("ict")
    except AssetMissingError as error:
        raise RecipeError(
            f"--heads ict: {error} Or say where ICT-FaceKit is: --heads ict:PATH (its FaceXModel folder)."
        ) from None
