"""Any folder of near and far photographs: ID_near.* beside ID_far.*, or near/ID.* and far/ID.*.

An ID that ends in a dash and a number ("anna-2") is another pair of the same person. Distances, where they are known,
stand in `distances.csv`: id, near_m, far_m.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.methods.method import Question
from benchmark.real.portrait import RealDataError, portrait
from benchmark.suites.case import Case, Truth

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
FAR_M = 1.6
"""From where a far photograph is taken if nobody says otherwise."""
DISTANCES = "distances.csv"
_NUMBERED = re.compile(r"(.+)-\d+")
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class PhotoPair:
    """Two photographs of one person.

    Attributes:
        id: of the pair.
        near, far: the files.
        near_m, far_m: camera to eyes, metres; None where nobody knows.
    """

    id: str
    near: Path
    far: Path
    near_m: float | None = None
    far_m: float | None = None

    @property
    def person(self) -> str:
        """The ID without a number behind a dash."""
        numbered = _NUMBERED.fullmatch(self.id)
        return numbered[1] if numbered else self.id


def open_pairs(folder: Path) -> list[PhotoPair]:
    """Every pair, by ID; no picture is opened.

    Raises:
        RealDataError: no pairs, a photograph without its other, two of one name, a bad line of `distances.csv`.
    """
    if not folder.is_dir():
        raise RealDataError(f"{folder}: expected a folder of photographs, got none there; name another.")
    sides = {view: _side(folder, view) for view in ("near", "far")}
    alone = sorted(set(sides["near"]) ^ set(sides["far"]))
    if alone:
        lacking = "far" if alone[0] in sides["near"] else "near"
        raise RealDataError(
            f"{folder}: expected two photographs of each ID, {alone[0]!r} has no {lacking} one; add it, or take the "
            "other away."
        )
    if not sides["near"]:
        raise RealDataError(
            f"{folder}: expected ID_near.jpg beside ID_far.jpg, or near/ID.jpg and far/ID.jpg, got none; rename them."
        )
    distances = _distances(folder, set(sides["near"]))
    return [PhotoPair(i, sides["near"][i], sides["far"][i], *distances.get(i, ())) for i in sorted(sides["near"])]


def pair_cases(folder: Path, size: int = 512) -> Iterator[Case]:
    """Each pair as a case.

    Args:
        folder: as in `open_pairs`.
        size: height and width of the portraits, pixels.

    Raises:
        RealDataError: as `open_pairs` and `portrait` do, when the case is reached.
    """
    for scene, pair in enumerate(open_pairs(folder)):
        yield _case(pair, scene, size)


def _case(pair: PhotoPair, scene: int, size: int) -> Case:
    near, far = portrait(pair.near, size), portrait(pair.far, size)
    question = Question(
        id=pair.id,
        near_rgb=near.rgb,
        near_alpha=near.alpha,
        eye_px=np.full(2, size / 2),
        far_m=pair.far_m or FAR_M,
        distance_m=pair.near_m,
        far_rgb=far.rgb,
        far_alpha=far.alpha,
    )
    truth = Truth(
        far_rgb=far.rgb,
        far_alpha=far.alpha,
        distance_m=pair.near_m,
        person=pair.person,
        source="photos",
        scene=scene,
        meta={"notes": sorted({near.note, far.note} - {""})},
    )
    return Case(question, truth)


def _side(folder: Path, view: str) -> dict[str, Path]:
    """Photographs of one view by ID, of both layouts."""
    beside = [(path, path.stem[: -len(view) - 1]) for path in folder.glob(f"*_{view}.*")]
    below = [(path, path.stem) for path in (folder / view).glob("*")]
    found: dict[str, Path] = {}
    for path, name in sorted(beside + below):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if not _SAFE.fullmatch(name):
            raise RealDataError(f"{path}: expected an ID of letters, digits, dots, dashes, got {name!r}; rename it.")
        if name in found:
            raise RealDataError(
                f"{path}: expected one {view} photograph of {name!r}, {found[name].name} is another; take one away."
            )
        found[name] = path
    return found


def _distances(folder: Path, known: set[str]) -> dict[str, tuple[float | None, float | None]]:
    path = folder / DISTANCES
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RealDataError(f"{path}: expected lines of id,near_m,far_m, got {error}; write it as UTF-8.") from None
    return {_known(path, line, known): (_metres(path, line, "near_m"), _metres(path, line, "far_m")) for line in lines}


def _known(path: Path, line: dict[str, str | None], known: set[str]) -> str:
    name = line.get("id")
    if name not in known:
        raise RealDataError(f"{path}: expected the id of a pair in the folder, got {name!r}; correct that line.")
    return name


def _metres(path: Path, line: dict[str, str | None], column: str) -> float | None:
    text = (line.get(column) or "").strip()
    try:
        metres = float(text) if text else None
    except ValueError:
        metres = -1.0
    if metres is not None and not 0 < metres < 1000:
        raise RealDataError(f"{path}: expected metres above 0 as {column} of {line['id']!r}, got {text!r}; correct it.")
    return metres
