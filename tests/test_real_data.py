"""Photographs as cases: a look-alike of the Caltech layout made of rendered portraits, folders of pairs, bad input."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from benchmark.real import RealDataError, cmdp_cases, open_cmdp, open_pairs, pair_cases
from datagen.faces import why_not_measured
from datagen.presets import PRESETS
from datagen.render import render_sample
from datagen.sample import Sample
from meshes.errors import UserError

FEET = (2, 3, 4, 6, 8, 12, 16)
PX = 320
SIZE = 256


@pytest.fixture(scope="module")
def faces() -> None:
    if reason := why_not_measured("yunet", "face_mesh"):
        pytest.skip(reason)


@pytest.fixture(scope="module")
def sequence() -> list[Sample]:
    """One person from seven distances, as the recipe of that name has it."""
    recipe = replace(PRESETS["cmdp"], size=PX)
    return [render_sample(recipe, 11, index, "cmdp") for index in range(len(FEET))]


def write_sheet(path: Path, names: list[list[str]], points: np.ndarray | None, feet: tuple[int, ...] = FEET) -> None:
    sheet: dict[str, Any] = {
        "distancesVec_FT": np.array([feet], float),
        "distancesVec_MM": 304.8 * np.array([feet], float),
        "imagePathsOriginal": np.array(names, object),
        "numSubjects": float(len(names)),
        "numPics": float(len(feet)),
    }
    savemat(path, sheet if points is None else {**sheet, "fids_Manual_OR": points})


@pytest.fixture(scope="module")
def cmdp(sequence: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout with two people: one of the first archive, and his mirror image of the second."""
    folder = tmp_path_factory.mktemp("cmdp")
    points = np.zeros((2, 110, len(FEET)))
    names = [[f"{n + 1}_{who}/{who}-0602_{feet}.jpg" for feet in FEET] for n, who in enumerate(("ABC", "XY"))]
    for n, row in enumerate(names):
        for column, (name, sample) in enumerate(zip(row, sequence, strict=True)):
            rgb = sample.layers["near_rgb"]
            path = folder / f"CMDP_{n + 1}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rgb[:, ::-1] if n else rgb).save(path, quality=95)
            marks = np.array(sample.meta["landmarks"]["near_px"])[:55]
            # MATLAB counts from 1 at the centre of the first pixel.
            points[n, :, column] = ((PX, 0) * np.array(n) + marks * (1 - 2 * n, 1) + 0.5).T.ravel()
    write_sheet(folder / "dinfo.mat", names, points)
    return folder


def test_the_sheet_names_everybody_from_near_to_far(cmdp: Path) -> None:
    subjects = open_cmdp(cmdp)
    assert [subject.name for subject in subjects] == ["1_ABC", "2_XY"]
    assert [shot.feet for shot in subjects[0].shots] == list(FEET)
    assert subjects[1].shots[0].path == cmdp / "CMDP_2" / "2_XY" / "XY-0602_2.jpg"
    assert subjects[0].shots[0].distance_m == pytest.approx(0.6096)
    assert subjects[0].shots[0].points_px.shape == (55, 2)


def test_folders_may_lie_as_the_archives_unpack(cmdp: Path, tmp_path: Path) -> None:
    (tmp_path / "CMDP-ANNO").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "CMDP-ANNO" / "dinfo.mat").write_bytes((cmdp / "dinfo.mat").read_bytes())
    for part in ("CMDP_1", "CMDP_2"):
        (tmp_path / "images" / part).symlink_to(cmdp / part)
    assert open_cmdp(tmp_path)[0].shots[6].path.is_file()


@pytest.mark.usefixtures("faces")
def test_portraits_lie_as_training_pictures_do(cmdp: Path, sequence: list[Sample]) -> None:
    """The rendered look-alikes have their eyes in the middle and span 0.30 m already: alignment must leave them so."""
    cases = list(cmdp_cases(cmdp, SIZE, ["1_ABC"]))
    assert [case.question.id for case in cases] == [f"1_ABC-{feet:02d}ft" for feet in FEET[:-1]]
    for case, sample in zip(cases, sequence, strict=False):
        question, truth = case.question, case.truth
        assert question.near_rgb.shape == (SIZE, SIZE, 3)
        assert question.near_rgb.dtype == np.uint8
        assert not question.near_rgb[question.near_alpha == 0].any()
        assert question.distance_m == truth.distance_m == pytest.approx(0.3048 * truth.meta["feet"])
        assert question.far_m == pytest.approx(4.8768)
        expected = np.array(sample.meta["landmarks"]["near_px"])[:55] * SIZE / PX
        error = np.linalg.norm(np.array(truth.meta["cmdp55_near_px"]) - expected, axis=1)
        assert error.max() < 0.05 * SIZE
        assert np.median(error) < 0.025 * SIZE


@pytest.mark.usefixtures("faces")
def test_what_nobody_knows_of_a_photograph_stays_unknown(cmdp: Path) -> None:
    case = next(cmdp_cases(cmdp, SIZE))
    assert [case.truth.flow, case.truth.K, case.truth.focal_mm35, case.truth.near_part] == [None] * 4
    assert [case.question.flow, case.question.K, case.question.landmarks_px] == [None] * 3
    assert case.truth.person == "1_ABC"
    assert case.truth.source == "cmdp"


@pytest.mark.usefixtures("faces")
def test_mirrored_people_give_mirrored_portraits(cmdp: Path) -> None:
    first, second = (next(cmdp_cases(cmdp, SIZE, [name])) for name in ("1_ABC", "2_XY"))
    marks, mirrored = (np.array(case.truth.meta["cmdp55_far_px"]) for case in (first, second))
    assert np.abs(mirrored - ((SIZE, 0) + marks * (-1, 1))).max() < 0.03 * SIZE


def broken_sheet(folder: Path) -> None:
    data = (folder / "dinfo.mat").read_bytes()
    (folder / "dinfo.mat").write_bytes(data[: len(data) // 2])


def other_points(folder: Path) -> None:
    write_sheet(folder / "dinfo.mat", [[f"1_A/A_{feet}.jpg" for feet in FEET]], np.zeros((1, 110, 6)))


def too_few_columns(folder: Path) -> None:
    write_sheet(folder / "dinfo.mat", [["1_A/A_2.jpg", "1_A/A_3.jpg"]], None)


def out_of_the_folder(folder: Path) -> None:
    write_sheet(folder / "dinfo.mat", [[f"../A_{feet}.jpg" for feet in FEET]], None)


def not_there(folder: Path) -> None:
    write_sheet(folder / "dinfo.mat", [[f"1_A/A_{feet}.jpg" for feet in FEET]], None)


def no_sheet(folder: Path) -> None:
    (folder / "dinfo.mat").unlink()


def numbers_for_names(folder: Path) -> None:
    savemat(folder / "dinfo.mat", {"distancesVec_FT": np.array([FEET], float), "imagePathsOriginal": np.eye(7)})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (broken_sheet, r"dinfo\.mat: expected a MATLAB 5 file, got .*unpack CMDP-ANNO\.zip again"),
        (other_points, r"dinfo\.mat: expected points \(1, 110, 7\), got \(1, 110, 6\)"),
        (too_few_columns, r"expected 7 columns of photographs, one a distance, got 2"),
        (out_of_the_folder, r"expected names such as 1_ABC/ABC_2\.jpg, got \.\./A_2\.jpg"),
        (not_there, r"expected 7 photographs in CMDP_1 and CMDP_2, 7 are missing, the first is 1_A/A_2\.jpg\. Unpack"),
        (no_sheet, r"expected dinfo\.mat or CMDP-ANNO/dinfo\.mat, got no such file there\. Unpack CMDP_1\.zip"),
        (numbers_for_names, r"expected a table imagePathsOriginal of names, got float64"),
    ],
)
def test_a_damaged_set_is_named(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    write_sheet(tmp_path / "dinfo.mat", [[f"1_A/A_{feet}.jpg" for feet in FEET]], np.zeros((1, 110, 7)))
    damage(tmp_path)
    with pytest.raises(RealDataError, match=message):
        open_cmdp(tmp_path)


def test_an_unreadable_photograph_is_named(tmp_path: Path) -> None:
    names = [f"1_A/A_{feet}.jpg" for feet in FEET]
    write_sheet(tmp_path / "dinfo.mat", [names], None)
    (tmp_path / "CMDP_1" / "1_A").mkdir(parents=True)
    for name in names:
        (tmp_path / "CMDP_1" / name).write_bytes(b"no picture")
    with pytest.raises(RealDataError, match=r"A_16\.jpg: expected a photograph, got UnidentifiedImageError"):
        next(cmdp_cases(tmp_path))


def beside(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), (90, 120, 150)).save(path)


def test_pairs_in_both_layouts(tmp_path: Path) -> None:
    beside(tmp_path, "anna-1_near.jpg", "anna-1_far.PNG", "near/ben.webp", "far/ben.jpg")
    (tmp_path / "distances.csv").write_text("id,near_m,far_m\nben,0.4,2.5\n")
    anna, ben = open_pairs(tmp_path)
    assert (anna.id, anna.person, anna.near_m, anna.far_m) == ("anna-1", "anna", None, None)
    assert (ben.id, ben.person, ben.near_m, ben.far_m) == ("ben", "ben", 0.4, 2.5)
    assert ben.far.name == "ben.jpg"


@pytest.mark.parametrize(
    ("files", "distances", "message"),
    [
        ((), None, r"expected ID_near\.jpg beside ID_far\.jpg, or near/ID\.jpg and far/ID\.jpg, got none"),
        (("a_near.jpg",), None, r"expected two photographs of each ID, 'a' has no far one"),
        (("a_near.jpg", "a_far.jpg", "near/a.png"), None, r"expected one near photograph of 'a', .* is another"),
        (("a b_near.jpg", "a b_far.jpg"), None, r"expected an ID of letters, digits, dots, dashes, got 'a b'"),
        (("a_near.jpg", "a_far.jpg"), "id,near_m\nb,1\n", r"expected the id of a pair in the folder, got 'b'"),
        (("a_near.jpg", "a_far.jpg"), "id,near_m\na,40cm\n", r"expected metres above 0 as near_m of 'a', got '40cm'"),
        (("a_near.jpg", "a_far.jpg"), "near_m\n1\n", r"expected the id of a pair in the folder, got None"),
    ],
)
def test_bad_folders_of_pairs_are_named(
    tmp_path: Path, files: tuple[str, ...], distances: str | None, message: str
) -> None:
    beside(tmp_path, *files)
    if distances:
        (tmp_path / "distances.csv").write_text(distances)
    with pytest.raises(RealDataError, match=message):
        open_pairs(tmp_path)


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(RealDataError, match="expected a folder of photographs, got none there"):
        open_pairs(tmp_path / "nowhere")
    with pytest.raises(RealDataError, match="got no such folder"):
        open_cmdp(tmp_path / "nowhere")


@pytest.mark.usefixtures("faces")
def test_pairs_of_photographs_become_cases(tmp_path: Path, sequence: list[Sample]) -> None:
    for view, sample in (("near", sequence[0]), ("far", sequence[-1])):
        Image.fromarray(sample.layers["near_rgb"]).save(tmp_path / f"p_{view}.jpg", quality=95)
    with (tmp_path / "distances.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "near_m", "far_m"), ("p", 0.61, "")])
    (case,) = pair_cases(tmp_path, SIZE)
    assert (case.question.id, case.question.distance_m, case.question.far_m) == ("p", 0.61, 1.6)
    assert case.truth.far_rgb.shape == case.question.near_rgb.shape == (SIZE, SIZE, 3)
    middle = slice(SIZE // 2 - 10, SIZE // 2 + 10)
    assert case.question.near_alpha[middle, middle].min() > 200


@pytest.mark.usefixtures("faces")
@pytest.mark.parametrize(
    ("px", "message"),
    [(None, r"a_near\.jpg: expected a face, found none"), (25, r"a face of at least 48 pixels, got \d+; take")],
)
def test_photographs_without_a_usable_face_are_named(
    tmp_path: Path, sequence: list[Sample], px: int | None, message: str
) -> None:
    beside(tmp_path, "a_near.jpg", "a_far.jpg")
    if px:
        face = Image.fromarray(sequence[0].layers["near_rgb"]).resize((2 * px, 2 * px))
        canvas = Image.new("RGB", (6 * px, 6 * px), (90, 120, 150))
        canvas.paste(face, (2 * px, 2 * px))
        canvas.save(tmp_path / "a_near.jpg", quality=95)
    with pytest.raises(UserError, match=message):
        next(pair_cases(tmp_path, SIZE))
