"""The undistort command: files of every kind, names, weights; nothing a user gives ends in a traceback."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("tensorboard")
pytest.importorskip("cv2")

from fake import fake_run, fake_sample  # noqa: E402
from undistort_photos import MODELS, face_at, noisy, show_one_face  # noqa: E402

from datagen.engine import generate  # noqa: E402
from training import checkpoint  # noqa: E402
from training.cli import main  # noqa: E402
from training.data import TrainingError  # noqa: E402
from training.train import LAST, Config, train  # noqa: E402
from training.undistort import command, photo, pipeline  # noqa: E402
from training.undistort.models import load  # noqa: E402
from training.undistort.photo import Photo, PhotoError  # noqa: E402


@pytest.fixture
def seen(monkeypatch):
    show_one_face(monkeypatch)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# Files


def saved(path: Path, mode: str, **options) -> Path:
    image = Image.fromarray(noisy())
    if mode == "I;16":
        image = Image.fromarray(noisy()[..., 0].astype(np.uint16) * 257)
    image = image if image.mode == mode else image.convert(mode)
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "channels", "grey", "suffix"),
    [
        ("a.png", "RGB", 3, False, ".png"),
        ("a.png", "RGBA", 4, False, ".png"),
        ("a.png", "L", 3, True, ".png"),
        ("a.png", "LA", 4, True, ".png"),
        ("a.png", "1", 3, True, ".png"),
        ("a.png", "P", 3, False, ".png"),
        ("a.png", "I;16", 3, True, ".png"),
        ("a.jpg", "RGB", 3, False, ".jpg"),
        ("a.jpg", "L", 3, True, ".jpg"),
        ("a.jpg", "CMYK", 3, False, ".jpg"),
        ("a.tif", "CMYK", 3, False, ".png"),
        ("a.tif", "RGB", 3, False, ".png"),
        ("a.webp", "RGB", 3, False, ".png"),
        ("a.gif", "P", 3, False, ".png"),
        ("a.bmp", "RGB", 3, False, ".png"),
    ],
)
def test_every_kind_of_picture_goes_through(seen, tmp_path, name, mode, channels, grey, suffix):
    path = saved(tmp_path / name, mode)
    read = photo.read(path)
    assert read.codes.shape == (200, 160, channels)
    assert (read.grey, read.suffix) == (grey, suffix)
    out = tmp_path / "out"
    assert command.run(command.Options((path,), out), MODELS) == 0
    with Image.open(out / f"a-undistorted{suffix}") as image:
        assert image.size == (160, 200)
        assert image.mode in ({3: "L", 4: "LA"} if grey else {3: "RGB", 4: "RGBA"})[channels]


def test_png_codes_come_back_as_they_were(tmp_path):
    for mode in ("RGB", "RGBA", "L"):
        read = photo.read(saved(tmp_path / f"{mode}.png", mode))
        with Image.open(tmp_path / f"{mode}.png") as before, Image.open(io.BytesIO(photo.encoded(read))) as after:
            assert np.array_equal(np.asarray(before), np.asarray(after))


def test_a_picture_taken_on_its_side_stands_up(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    exif.get_ifd(0x8769)[0xA405] = 26
    read = photo.read(saved(tmp_path / "a.jpg", "RGB", exif=exif, quality=80))
    assert read.codes.shape == (160, 200, 3)
    assert read.focal_mm35 == 26
    with Image.open(io.BytesIO(photo.encoded(read))) as image:
        assert 0x0112 not in image.getexif()
        assert image.getexif()[0x010F] == "maker"
        assert image.size == (200, 160)


@pytest.mark.parametrize("focal", ["wide", (1, 2), 0, -5])
def test_damaged_exif_data_are_no_reason_to_refuse(tmp_path, focal):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = focal
    try:
        path = saved(tmp_path / "a.jpg", "RGB", exif=exif)
    except Exception:
        pytest.skip("Pillow does not write this")
    assert photo.read(path).focal_mm35 is None
    cut_short = saved(tmp_path / "b.jpg", "RGB", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\xff\x01")
    assert photo.read(cut_short).focal_mm35 is None
    assert photo.encoded(photo.read(cut_short))


def test_a_damaged_profile_is_no_reason_either(seen, tmp_path):
    path = saved(tmp_path / "a.tif", "CMYK", icc_profile=b"no profile")
    assert photo.read(path).notes == ("converted from CMYK to sRGB",)
    other = saved(tmp_path / "b.png", "RGB", icc_profile=b"no profile")
    assert command.run(command.Options((path, other), tmp_path / "out"), MODELS) == 0


def test_quality_and_profile_are_kept(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = saved(tmp_path / "a.jpg", "RGB", quality=61, icc_profile=profile)
    with Image.open(path) as before, Image.open(io.BytesIO(photo.encoded(photo.read(path)))) as after:
        assert after.quantization == before.quantization
        assert after.info["icc_profile"] == profile
        assert after.layer == before.layer


def test_transparent_colours_do_not_reach_the_networks():
    codes = np.full((2, 2, 4), 255, np.uint8)
    codes[0, 0, 3] = 0
    assert Photo(codes).rgb[0, 0].tolist() == [0, 0, 0]
    assert Photo(codes).rgb[1, 1].tolist() == [255, 255, 255]


def test_large_pictures_are_reduced_and_larger_ones_refused(monkeypatch, seen, tmp_path, capsys):
    path = saved(tmp_path / "a.png", "RGB")
    monkeypatch.setattr(photo, "MOST_PX", 8000)
    read = photo.read(path)
    assert read.codes.shape == (100, 80, 3)
    assert read.notes == ("reduced from 160 x 200 to 80 x 100 pixels",)
    monkeypatch.setattr(photo, "REFUSED_PX", 20_000)
    with pytest.raises(PhotoError, match="got 160 x 200; make it smaller"):
        photo.read(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PhotoError, match="got more; make it smaller"):
        photo.read(path)


def truncated(path: Path) -> None:
    saved(path, "RGB")
    path.write_bytes(path.read_bytes()[:2000])


BAD = {
    "zero.jpg": lambda path: path.write_bytes(b""),
    "text.jpg": lambda path: path.write_text("no picture"),
    "cut.jpg": truncated,
    "cut.png": truncated,
    "folder.jpg": lambda path: path.mkdir(),
    "missing.jpg": lambda path: None,
    "head.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\xff" * 64),
    "float.tif": lambda path: Image.fromarray(np.zeros((9, 9), np.float32)).save(path),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_others_go_on(seen, tmp_path, capsys, name):
    BAD[name](tmp_path / name)
    good = saved(tmp_path / "good.png", "RGB")
    out = tmp_path / "out"
    assert command.run(command.Options((tmp_path / name, good), out), MODELS) == 1
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert line.startswith(f"error: {tmp_path / name}: expected ")
    assert "50 cm" in told.out
    assert sorted(path.name for path in out.iterdir()) == ["good-flow.png", "good-undistorted.png", "good.json"]


@pytest.mark.parametrize(
    ("found", "said"),
    [([], "expected a face, found none"), ([face_at(side=40.0)], "expected a face of at least 48 pixels, got 28")],
)
def test_a_picture_without_a_face_is_told(monkeypatch, tmp_path, capsys, found, said):
    monkeypatch.setattr(pipeline, "find_faces", lambda rgb: found)
    path = saved(tmp_path / "a.png", "RGB")
    assert command.run(command.Options((path,), tmp_path / "out"), MODELS) == 1
    assert f"error: {path}: {said}" in capsys.readouterr().err


def test_the_record_says_what_was_done(seen, tmp_path, capsys):
    path = saved(tmp_path / "a.b.png", "RGB")
    assert command.run(command.Options((path,), tmp_path / "out"), MODELS) == 0
    told = json.loads((tmp_path / "out" / "a.b.json").read_text())
    assert told["result"] == "a.b-undistorted.png"
    assert told["faces"][0]["distance_cm"] == 50
    assert told["warp"] == "inverse"
    assert "50 cm (44 to 57 with 68 %) by estimate, 35 mm-equivalent focal length" in capsys.readouterr().out


def test_equal_names_are_numbered_and_nothing_is_lost(seen, tmp_path):
    for folder in ("x", "y", "z"):
        (tmp_path / folder).mkdir()
    photos = (
        saved(tmp_path / "x" / "a.png", "RGB"),
        saved(tmp_path / "y" / "a.jpg", "RGB"),
        saved(tmp_path / "z" / "A.png", "RGB"),
    )
    assert command.run(command.Options(photos, tmp_path / "out"), MODELS) == 0
    results = {path.name for path in (tmp_path / "out").glob("*undistorted*")}
    assert results == {"a-undistorted.png", "a-2-undistorted.jpg", "A-3-undistorted.png"}


def test_results_are_replaced_only_when_told(seen, tmp_path, capsys):
    path, out = saved(tmp_path / "a.png", "RGB"), tmp_path / "out"
    options = command.Options((path,), out)
    assert command.run(options, MODELS) == 0
    (out / "a.json").write_text("mine")
    assert command.run(options, MODELS) == 1
    assert "expected no results of an earlier run" in capsys.readouterr().err
    assert (out / "a.json").read_text() == "mine"
    other = saved(tmp_path / "a.jpg", "RGB")
    assert command.run(replace(options, photos=(other,), overwrite=True), MODELS) == 0
    assert json.loads((out / "a.json").read_text())["photo"] == "a.jpg"
    assert not (out / "a-undistorted.png").exists()


def test_a_folder_that_cannot_be_is_told(seen, tmp_path):
    path = saved(tmp_path / "a.png", "RGB")
    with pytest.raises(PhotoError, match="choose another --out"):
        command.run(command.Options((path,), path / "out"), MODELS)
    (tmp_path / "out" / "a.json").mkdir(parents=True)
    assert command.run(command.Options((path,), tmp_path / "out", overwrite=True), MODELS) == 1


def test_ctrl_c_leaves_no_part(monkeypatch, seen, tmp_path, capsys):
    def stop(picture):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "png", stop)
    path = saved(tmp_path / "a.png", "RGB")
    assert command.run(command.Options((path,), tmp_path / "out"), MODELS) == 130
    assert not list((tmp_path / "out").iterdir())
    assert "whatever was finished is whole" in capsys.readouterr().err


# The command and its weights


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--distance-cm", "30", "--focal-mm35", "26"], "expected --distance-cm or --focal-mm35, got both"),
        (["--distance-cm", "nan"], "--distance-cm: expected 10 to 1000, got nan"),
        (["--focal-mm35", "-3"], "--focal-mm35: expected 5 to 1000, got -3"),
    ],
)
def test_impossible_options_are_misuse(tmp_path, capsys, options, said):
    assert main(["undistort", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_photograph_is_misuse(tmp_path, capsys):
    assert main(["undistort", "--out", str(tmp_path / "out"), "--weights", str(tmp_path)]) == 2
    assert "expected at least one photograph" in capsys.readouterr().err


def test_missing_weights_say_how_to_get_them(tmp_path, capsys):
    path = saved(tmp_path / "a.png", "RGB")
    assert main(["undistort", str(path), "--out", str(tmp_path / "out"), "--weights", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'flow.safetensors'}: expected the weights of a flow network" in said
    assert "training train --what flow" in said


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Networks that were hardly trained, under the names that the command looks for."""
    folder = tmp_path_factory.mktemp("weights")
    generate(fake_run(pairs=12, shard_pairs=4, size=64), folder / "set", fake_small)
    for what in ("flow", "distance", "completion"):
        shape = {"width": 8, "levels": 2, "size": 64}
        train(Config(what, str(folder / "set"), folder / what, steps=1, batch=4, workers=0, **shape))
        shutil.copy(folder / what / LAST, folder / f"{what}.safetensors")
    return folder


def fake_small(index: int):
    return fake_sample(index, size=64)


def test_trained_weights_are_asked(seen, weights, tmp_path, capsys):
    path = saved(tmp_path / "a.png", "RGB")
    assert main(["undistort", str(path), "--out", str(tmp_path / "out"), "--weights", str(weights)]) == 0
    told = json.loads((tmp_path / "out" / "a.json").read_text())["faces"][0]
    assert told["distance_low_cm"] < told["distance_cm"] < told["distance_high_cm"]
    with Image.open(tmp_path / "out" / "a-flow.png") as image:
        assert image.size == (64, 64)
    models = load(weights)
    assert models.completion is not None
    assert models.size == 64


def test_shipped_weights_say_what_they_learnt_from(weights, tmp_path):
    tensors, record = checkpoint.read(weights / "flow.safetensors")
    recipe = {"size": 128, "far_m": "inf"}
    checkpoint.write(tmp_path / "flow.safetensors", tensors, {**record, "set": {"recipe": recipe}})
    models = load(tmp_path)
    assert (models.size, models.far_m) == (128, np.inf)
    assert load(weights).far_m == 1.6


def test_weights_in_the_wrong_place_are_told(weights, tmp_path):
    shutil.copy(weights / "distance.safetensors", tmp_path / "flow.safetensors")
    with pytest.raises(TrainingError, match="expected weights that can predict flow, got those of distance"):
        load(tmp_path)
    for name in ("flow", "completion"):
        shutil.copy(weights / "flow.safetensors", tmp_path / f"{name}.safetensors")
    with pytest.raises(TrainingError, match="expected weights that can complete a portrait, got those of flow"):
        load(tmp_path)
    (tmp_path / "completion.safetensors").unlink()
    assert load(tmp_path).completion is None
    assert load(tmp_path).distance is None
