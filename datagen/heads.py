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
    """The head model for `makehuman`, `ict[:painted|:ccby|:PATH]`, `valid[:avatars|:PATH]` or a `KIND:PATH`.

    Raises:
        RecipeError: unknown kind, or one whose assets are not on this machine; says what to fetch.
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
        "--heads: expected makehuman, ict, ict:painted, ict:ccby, valid, valid:avatars, or one of ict, valid, scan, "
        f"animated, {', '.join(LICENSED)} with :PATH, got {spec!r}.{hint}"
    )


def _ict(which: str) -> HeadModel:
    """ICT people with the skins of VALID faces, `ccby` with one of a scan as well; `painted` and PATH paint them.

    What a name stands for never depends on the machine: equal recipes give equal people or none.
    """
    from meshes.ict import Ict
    from meshes.ict_people import IctPeople

    if which not in ("", "painted", "ccby"):
        return Ict(Path(which))
    if which == "painted":
        return Ict(_needed("ict:painted", "ict", "say where ICT-FaceKit is: --heads ict:PATH (its FaceXModel folder)"))
    spec = f"ict:{which}".rstrip(":")
    ict = _needed(spec, "ict", "say --heads makehuman, which is built in")
    valid = _needed(spec, "valid", "say --heads ict:painted, whose skins are painted")
    scan = _needed(spec, "lee-perry-smith", "say --heads ict, which goes without it") if which == "ccby" else None
    return IctPeople(ict, valid, scan)


def _needed(spec: str, name: str, instead: str) -> Path:
    try:
        return find(name)
    except AssetMissingError as error:
        raise RecipeError(f"--heads {spec}: {error} Or {instead}.") from None


def _valid(path: str) -> HeadModel:
    """New people of several VALID avatars; `avatars` as shipped."""
    from meshes.valid import Valid

    here = path in ("", "avatars")
    pack = _needed("valid", "valid", "say where they are: --heads valid:PATH") if here else Path(path)
    return Valid(pack, recombined=path != "avatars")


def _licensed(kind: str, path: Path) -> HeadModel:
    from meshes.loaders import read_model
    from meshes.loaders.linear_head import LinearHead

    return LinearHead(read_model(kind, path))
