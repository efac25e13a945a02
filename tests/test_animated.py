"""A person made from a scan: its files, its poses, and what a damaged or hostile file is told."""

import io
import json
import shlex
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_scan_docs import scan_of_anna, snippets

from datagen import PairDataset
from datagen.animate import run_animate
from datagen.cli import main
from datagen.heads import open_model
from meshes import animated
from meshes.animated import Animated
from meshes.animated_file import ARRAYS, CARD, Card, read_person, write_person
from meshes.assets import AssetMissingError, find
from meshes.head import Head, Identity, MeshError, Pose
from meshes.ict import Ict
from meshes.register import Registration, Residual
from meshes.scan import Scan

CARD_OF_NOBODY = Card(
    name="anna",
    licence="CC-BY-4.0",
    credit="Anna, scanned by A. Person",
    scan_sha256="ab" * 32,
    model_sha256="cd" * 32,
    eyes_closed=True,
    residual_m={"face_median_m": 0.0002},
)


def nobody(folder: Path, card: Card = CARD_OF_NOBODY, points: np.ndarray | None = None) -> Path:
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.1, 0.1, (26719, 3)).round(6) if points is None else points
    write_person(folder, card, points, rng.integers(0, 256, (24, 16, 3), np.uint8))
    return folder


def test_a_person_is_read_as_written(tmp_path: Path) -> None:
    card, points, skin = read_person(nobody(tmp_path))
    rng = np.random.default_rng(0)
    assert card == CARD_OF_NOBODY
    assert np.abs(points - rng.uniform(-0.1, 0.1, (26719, 3)).round(6)).max() < 1e-12
    assert np.array_equal(skin, rng.integers(0, 256, (24, 16, 3), np.uint8))
    assert read_person(tmp_path / CARD)[0] == card


def test_equal_people_are_equal_bytes(tmp_path: Path) -> None:
    one, two = nobody(tmp_path / "one"), nobody(tmp_path / "two")
    for name in (ARRAYS, CARD):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def fuzzed(original: bytes, rng: np.random.Generator) -> bytes:
    """The bytes cut, or with a few of them changed, repeated or left out."""
    data = bytearray(original)
    kind, at = rng.integers(4), int(rng.integers(len(data)))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for place in rng.integers(len(data), size=int(rng.integers(1, 9))):
            data[place] = int(rng.integers(256))
    elif kind == 2:
        del data[at : at + int(rng.integers(1, 64))]
    else:
        data[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 64)), np.uint8))
    return bytes(data)


@pytest.mark.parametrize(("name", "cases"), [(ARRAYS, 250), (CARD, 400)])
def test_damaged_files_are_read_right_or_refused(name: str, cases: int, tmp_path: Path) -> None:
    folder, rng, refused = nobody(tmp_path), np.random.default_rng(7), 0
    original = (folder / name).read_bytes()
    for _ in range(cases):
        (folder / name).write_bytes(fuzzed(original, rng))
        said = ""
        try:
            _, points, skin = read_person(folder)
        except MeshError as error:
            said = str(error)
            refused += 1
        if said:
            assert "expected" in said, said
            assert "datagen animate" in said
        else:
            assert points.shape == (26719, 3)
            assert skin.dtype == np.uint8
    assert refused > cases // 2


def with_header(folder: Path, name: str, descr: str, shape: tuple[int, ...]) -> None:
    """Replaces one array by a header that promises `shape` and holds nothing."""
    with zipfile.ZipFile(folder / ARRAYS) as pack:
        members = {info.filename: pack.read(info) for info in pack.infolist()}
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    members[f"{name}.npy"] = stream.getvalue()
    with zipfile.ZipFile(folder / ARRAYS, "w") as pack:
        for member, data in members.items():
            pack.writestr(member, data)


@pytest.mark.parametrize(
    ("name", "descr", "shape"),
    [
        ("skin", "|u1", (1 << 40, 1 << 20, 3)),
        ("skin", "|u1", (8192, 8192, 4)),
        ("skin", "|u1", (0, 5, 3)),
        ("skin", "<f8", (10, 10, 3)),
        ("skin", "|O", (10, 10, 3)),
        ("skin", "|u1", (10, 10, 3)),
        ("neutral_um", "<i4", (1 << 50, 3)),
        ("neutral_um", "<i4", (26719,)),
        ("neutral_um", "<i4", (100, 3)),
    ],
)
def test_a_header_that_promises_too_much_is_refused(
    name: str, descr: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    folder = nobody(tmp_path)
    with_header(folder, name, descr, shape)
    with pytest.raises(MeshError, match="datagen animate"):
        read_person(folder)


def test_points_far_from_any_head_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="within 2 m of the eyes"):
        read_person(nobody(tmp_path, points=np.full((26719, 3), 3.0)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 9}, "another version"),
        ({"kind": "cat"}, "no kind"),
        ({"licence": " "}, "no licence"),
        ({"credit": 3}, "credit that is no text"),
        ({"eyes_closed": "no"}, "eyes_closed"),
        ({"look": {"hair_red": "much"}}, "look that is no table"),
        ({"look": [1]}, "look that is no table"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_card_says_what_is_wrong_with_it(change: dict[str, object], says: str, tmp_path: Path) -> None:
    path = nobody(tmp_path) / CARD
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(MeshError, match=says):
        read_person(path)


def test_without_the_model_the_command_says_what_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("DATAGEN_ASSETS", "DATAGEN_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    animated.open_ict.cache_clear()
    assert main(["animate", str(tmp_path / "anna.glb")]) == 1
    assert "datagen assets fetch ict" in capsys.readouterr().err


@pytest.fixture(scope="module")
def ict() -> Ict:
    try:
        find("ict")
    except AssetMissingError as error:
        pytest.skip(str(error))
    return animated.open_ict()


@pytest.fixture(scope="module")
def anna(ict: Ict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anna.person")
    skin = np.full((64, 32, 3), (200, 150, 130), np.uint8)
    write_person(folder, CARD_OF_NOBODY, ict.neutral({"identity000": 1.0}), skin)
    return folder


def head(model: Animated, expression: dict[str, float], pose: Pose | None = None) -> Head:
    return model.head(model.sample_identity(np.random.default_rng(0)), expression, pose or Pose())


def test_a_person_blinks_speaks_looks_and_turns(ict: Ict, anna: Path) -> None:
    model = open_model(f"animated:{anna}")
    assert isinstance(model, Animated)
    rest = head(model, {}).surface.vertices
    for expression, pose in (
        ({"eyeBlinkLeft": 1.0}, Pose()),
        ({"jawOpen": 0.5}, Pose()),
        ({}, Pose(gaze_left=(0.3, 0.0))),
        ({}, Pose(yaw=0.4)),
    ):
        assert np.abs(head(model, expression, pose).surface.vertices - rest).max() > 0.003
    assert np.array_equal(head(model, {}).surface.vertices, rest)


def test_a_person_wears_the_skin_of_the_scan_and_the_hair_of_a_style(anna: Path) -> None:
    model = Animated.open(anna)
    bald = head(model, {}).surface
    texture = bald.materials[0].texture
    assert texture is not None
    assert np.array_equal(texture, np.full((64, 32, 3), (200, 150, 130), np.uint8))
    assert (bald.color[bald.faces[bald.material == 0]] == 1.0).all()
    haired = model.head(Identity(look={"hair_length_m": 0.03}), {}, Pose()).surface
    assert len(haired.faces) > len(bald.faces)


def test_credit_and_licence_travel(anna: Path) -> None:
    assets = Animated.open(anna / CARD).assets
    assert [asset.licence for asset in assets] == ["MIT", "CC-BY-4.0"]
    assert "Anna, scanned by A. Person" in assets[1].credit
    assert "registered" in assets[1].credit
    assert assets[1].id == "animated-anna-abababab"


def test_an_unknown_expression_is_refused(anna: Path) -> None:
    with pytest.raises(MeshError, match="expected one of 51 ARKit names, got 'jawOpn'"):
        head(Animated.open(anna), {"jawOpn": 1.0})


def test_a_scan_is_registered_once(ict: Ict, anna: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is asked by content: a second opening registers nothing, another licence is another person."""
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    rest = head(Animated.open(anna), {})
    asked = []

    def opened(path: Path) -> Scan:
        scan = Scan.__new__(Scan)
        scan.rest = rest
        scan.assets = (replace(Animated.open(anna).assets[1], licence=path.stem),)
        return scan

    def registered(*arguments: object) -> Registration:
        asked.append(arguments)
        residual = Residual(0.0002, 0.001, 0.0002, 0.001, 0.0002, 0.001, 0.0007, 0.9)
        return Registration(ict.neutral({}), np.zeros((4, 4, 3), np.uint8), np.zeros((1, 3)), False, residual)

    monkeypatch.setattr(Scan, "open", opened)
    monkeypatch.setattr(animated, "register", registered)
    for name, times in (("MIT.glb", 1), ("MIT.glb", 1), ("CC0-1.0.glb", 2)):
        assert Animated.open(tmp_path / name).card.licence == Path(name).stem
        assert len(asked) == times


def test_the_page_on_scans_animates_anna(ict: Ict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anna is of the embedded model, another topology, and has holes for eyes."""
    monkeypatch.chdir(tmp_path)
    scan_of_anna(Path("anna.ply"))
    Path("anna.json").write_text(snippets("json")[0])
    for line in "".join(snippets("bash")).splitlines():
        program, *words = shlex.split(line)
        assert (program, main(words)) == ("datagen", 0), line
    card = read_person(Path("anna.person"))[0]
    assert not card.eyes_closed
    assert card.residual_m["face_median_m"] < 0.0005
    meta, other = (PairDataset("anna-moves").meta(index) for index in range(2))
    assert meta["person"]["id"] == other["person"]["id"]
    assert meta["split"] == other["split"]
    assert meta["assets"][1]["credit"].startswith(card.credit)


@pytest.mark.usefixtures("ict")  # The model is asked for before the credit.
def test_a_scan_that_owes_a_credit_is_refused_before_it_is_registered(tmp_path):
    scan_of_anna(tmp_path / "anna.ply")
    scan = tmp_path / "anna.json"
    scan.write_text(json.dumps({"scan": "anna.ply", "licence": "CC-BY-4.0"}))
    with pytest.raises(MeshError, match=r"expected a credit line for asset .* under CC-BY-4\.0, got none"):
        run_animate(scan, tmp_path / "out", None, lambda text: pytest.fail("registered"))
    assert not (tmp_path / "out").exists()
