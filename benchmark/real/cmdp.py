"""Caltech Multi-Distance Portraits: 51 people from seven distances each, in the layout of their archives.

Burgos-Artizzu, Ronchi, Perona, "Distance Estimation of an Unknown Person from a Portrait", ECCV 2014; the data are
CC-BY, doi 10.22002/D1.20110. docs/applications.md says how to fetch them. Distances are marks on the floor, which are
not quite camera to eyes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import loadmat

from benchmark.methods.method import Question
from benchmark.real.portrait import Portrait, RealDataError, portrait
from benchmark.suites.case import Case, Truth

SHEET = "dinfo.mat"
POINTS = 55
"""Landmarks that people marked: eyes, brows, nose, mouth, outline of head and hair."""
FAR_FT = 16
METRES_PER_FOOT = 0.3048
MOST_BYTES = 200 << 20
"""Of `dinfo.mat`, which holds names and points alone."""
_WANTED = ("distancesVec_FT", "imagePathsOriginal", "fids_Manual_OR")
_FOLDERS = ("CMDP_1", "CMDP_2")
_ORIENTATION = 0x0112
_NEXT = "Unpack CMDP_1.zip, CMDP_2.zip and CMDP-ANNO.zip into one folder, and name that."


@dataclass(frozen=True, eq=False)
class Shot:
    """One photograph.

    Attributes:
        path: of the file.
        feet: mark on the floor.
        points_px: (55, 2) float64 pixels as the file stores them, (0, 0) its top-left corner, or None.
    """

    path: Path
    feet: int
    points_px: np.ndarray | None

    @property
    def distance_m(self) -> float:
        """Of the mark."""
        return self.feet * METRES_PER_FOOT


@dataclass(frozen=True)
class Subject:
    """A person: the folder's name, and the photographs from near to far."""

    name: str
    shots: tuple[Shot, ...]


def open_cmdp(folder: Path) -> list[Subject]:
    """Everybody whose photographs the sheet names, in its order; no picture is opened.

    Args:
        folder: holds `dinfo.mat` (or `CMDP-ANNO/dinfo.mat`) and `CMDP_1/`, `CMDP_2/` (or these under `images/`).

    Raises:
        RealDataError: names the sheet and what is wrong with it, or the photographs that are missing.
    """
    sheet = _sheet(folder)
    named = _read_sheet(sheet)
    feet, names, points = _feet(named, sheet), _names(named, sheet), named.get("fids_Manual_OR")
    if names.shape[1] != len(feet):
        raise _damaged(sheet, f"{len(feet)} columns of photographs, one a distance", str(names.shape[1]))
    if points is not None and points.shape != (len(names), 2 * POINTS, len(feet)):
        raise _damaged(sheet, f"points {(len(names), 2 * POINTS, len(feet))}", str(points.shape))
    subjects = [_subject(folder, row, feet, None if points is None else points[i]) for i, row in enumerate(names)]
    _check_there(folder, subjects)
    return subjects


def cmdp_cases(folder: Path, size: int = 512, subjects: Sequence[str] | None = None) -> Iterator[Case]:
    """Every photograph of less than 16 feet as a question, that of 16 feet as its answer; person by person.

    Args:
        folder: as in `open_cmdp`.
        size: height and width of the portraits, pixels.
        subjects: names of the people wanted; everybody where left out.

    Raises:
        RealDataError: as `open_cmdp` and `portrait` do, when the case is reached.
    """
    everybody = open_cmdp(folder)
    for scene, subject in enumerate(everybody):
        if subjects is None or subject.name in subjects:
            yield from _cases(subject, scene, size)


def _cases(subject: Subject, scene: int, size: int) -> Iterator[Case]:
    reference = next((shot for shot in subject.shots if shot.feet == FAR_FT), None)
    if reference is None:
        raise RealDataError(f"{subject.name}: expected a photograph of {FAR_FT} ft, got none; restore dinfo.mat.")
    far = portrait(reference.path, size)
    for shot in subject.shots:
        if shot.feet < FAR_FT:
            yield _case(subject, scene, shot, portrait(shot.path, size), reference, far)


def _case(subject: Subject, scene: int, shot: Shot, near: Portrait, reference: Shot, far: Portrait) -> Case:
    question = Question(
        id=f"{subject.name}-{shot.feet:02d}ft",
        near_rgb=near.rgb,
        near_alpha=near.alpha,
        eye_px=np.full(2, len(near.rgb) / 2),
        far_m=reference.distance_m,
        distance_m=shot.distance_m,
        far_rgb=far.rgb,
        far_alpha=far.alpha,
    )
    points = {"near": _points(shot, near), "far": _points(reference, far)}
    meta: dict[str, Any] = {f"cmdp55_{view}_px": found.tolist() for view, found in points.items() if found is not None}
    truth = Truth(
        far_rgb=far.rgb,
        far_alpha=far.alpha,
        distance_m=shot.distance_m,
        person=subject.name,
        source="cmdp",
        scene=scene,
        meta={**meta, "feet": shot.feet, "notes": sorted({near.note, far.note} - {""})},
    )
    return Case(question, truth)


def _points(shot: Shot, seen: Portrait) -> np.ndarray | None:
    """(55, 2) in the portrait; None where the file asks to be turned, as nobody says whether its marks were."""
    if shot.points_px is None:
        return None
    with Image.open(shot.path) as image:
        turned = image.getexif().get(_ORIENTATION, 1) != 1
    return None if turned else seen.moved_here(shot.points_px)


def _sheet(folder: Path) -> Path:
    places = [folder / SHEET, folder / "CMDP-ANNO" / SHEET]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        got = "no such file there" if folder.is_dir() else "no such folder"
        raise RealDataError(f"{folder}: expected {SHEET} or CMDP-ANNO/{SHEET}, got {got}. {_NEXT}")
    return found


def _read_sheet(sheet: Path) -> dict[str, np.ndarray]:
    if sheet.stat().st_size > MOST_BYTES:
        raise _damaged(sheet, f"at most {MOST_BYTES >> 20} MB", f"{sheet.stat().st_size >> 20} MB")
    try:
        return loadmat(sheet, variable_names=_WANTED)
    except Exception as error:  # scipy's reader of damaged files raises whatever it stumbles over.
        raise _damaged(sheet, "a MATLAB 5 file", f"{type(error).__name__}: {error}") from None


def _feet(named: dict[str, np.ndarray], sheet: Path) -> list[int]:
    feet = named.get("distancesVec_FT")
    if feet is None or feet.dtype.kind not in "iuf" or not feet.size or not np.isfinite(feet).all():
        raise _damaged(sheet, "numbers distancesVec_FT", "none" if feet is None else f"{feet.dtype} {feet.shape}")
    return [round(float(value)) for value in feet.ravel()]


def _names(named: dict[str, np.ndarray], sheet: Path) -> np.ndarray:
    """(people, distances) of paths below `CMDP_1/` or `CMDP_2/`."""
    cells = named.get("imagePathsOriginal")
    if cells is None or cells.ndim != 2 or cells.dtype != object or not cells.size:
        raise _damaged(sheet, "a table imagePathsOriginal of names", "none" if cells is None else f"{cells.dtype}")
    # A cell holds an array of one string; the sheet may have had folders of its own put before it.
    names = [["/".join(_text(cell).replace("\\", "/").split("/")[-2:]) for cell in row] for row in cells]
    if not all(len(Path(name).parts) == 2 and ".." not in name for row in names for name in row):
        raise _damaged(sheet, "names such as 1_ABC/ABC_2.jpg", str(names[0][0]))
    return np.array(names, object)


def _text(cell: Any) -> str:
    return str(cell.ravel()[0]) if isinstance(cell, np.ndarray) and cell.size else str(cell)


def _subject(folder: Path, names: np.ndarray, feet: list[int], points: np.ndarray | None) -> Subject:
    shots = [
        Shot(_photo(folder, name), distance, None if points is None else _corner(points[:, column]))
        for column, (name, distance) in enumerate(zip(names, feet, strict=True))
    ]
    return Subject(Path(names[0]).parts[0], tuple(sorted(shots, key=lambda shot: shot.feet)))


def _corner(row: np.ndarray) -> np.ndarray:
    """(55, 2) counted from the corner, of 55 x and then 55 y that MATLAB counts from 1 at the first pixel's centre."""
    return row.reshape(2, POINTS).T.astype(np.float64) - 0.5


def _photo(folder: Path, name: str) -> Path:
    """Where a photograph lies; where it should, if it does not."""
    places = [root / part / name for root in (folder, folder / "images") for part in _FOLDERS]
    return next((place for place in places if place.is_file()), places[0])


def _check_there(folder: Path, subjects: list[Subject]) -> None:
    shots = [shot for subject in subjects for shot in subject.shots]
    missing = [shot.path for shot in shots if not shot.path.is_file()]
    if missing:
        first = "/".join(missing[0].parts[-2:])
        raise RealDataError(
            f"{folder}: expected {len(shots)} photographs in {' and '.join(_FOLDERS)}, {len(missing)} are missing, "
            f"the first is {first}. {_NEXT}"
        )


def _damaged(sheet: Path, expected: str, got: str) -> RealDataError:
    return RealDataError(f"{sheet}: expected {expected}, got {got}; unpack CMDP-ANNO.zip again.")
