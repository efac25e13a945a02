"""Photographs undistorted: squares, lenses, warps, files of every kind; nothing a user gives ends in a traceback."""

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

from datagen import faces  # noqa: E402
from datagen.engine import generate  # noqa: E402
from datagen.faces import Face  # noqa: E402
from training.cli import main  # noqa: E402
from training.data import TrainingError  # noqa: E402
from training.train import LAST, Config, train  # noqa: E402
from training.undistort import command, compose, field, mask, photo, pipeline  # noqa: E402
from training.undistort.align import EYE_SPACING_M, SQUARE_M, Crop, crop_of, cut  # noqa: E402
from training.undistort.fill import pull_push, soft_step, widened  # noqa: E402
from training.undistort.lens import distance_m_of, focal_px_of, focal_px_of_mm35, mm35_of  # noqa: E402
from training.undistort.models import Models, load  # noqa: E402
from training.undistort.photo import Photo, PhotoError  # noqa: E402
from training.undistort.pipeline import Settings, undistort  # noqa: E402
from training.warp import centres  # noqa: E402

MIDDLE, SIDE = np.array([80.0, 70.0]), 120.0
"""Where the fake face is, in pixels of a picture 160 wide and 200 high."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def mesh_at(middle=MIDDLE, side=SIDE, angle=0.0) -> np.ndarray:
    """(468, 2): a frontal face whose eyes are as far apart as `crop_of` expects of that square."""
    points, spacing = np.zeros((468, 2)), side * EYE_SPACING_M / SQUARE_M / 0.967
    points[[33, 133]], points[[362, 263]] = (-spacing / 2, 0), (spacing / 2, 0)
    points[1] = (0, spacing * 0.095 / 0.205)  # There the offset of the centre is nothing.
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T + middle


def face_at(middle=MIDDLE, side=SIDE) -> Face:
    half = side * 0.35
    return Face(np.array([middle[0] - half, middle[1] - half, 2 * half, 2 * half]), np.zeros((5, 2)), 0.9)


def disc(shape, crop: Crop) -> np.ndarray:
    """(H, W) float32: a head of 40 % of the square."""
    away = centres(torch.zeros(1, 1, *shape)).numpy()[0] - crop.centre_px[:, None, None]
    return np.clip(0.4 * crop.side_px + 0.5 - np.hypot(*away), 0, 1).astype(np.float32)


@pytest.fixture
def seen(monkeypatch):
    """Every picture shows one face at MIDDLE; no network is asked."""
    monkeypatch.setattr(pipeline, "find_faces", lambda rgb: [face_at()])
    monkeypatch.setattr(pipeline, "face_mesh", lambda rgb, face: mesh_at(face.box[:2] + face.box[2:] / 2))
    monkeypatch.setattr(mask, "person", lambda rgb, crop, mesh: (disc(rgb.shape[:2], crop), ""))


def growing(batch) -> torch.Tensor:
    """Everything moves off the eyes by a tenth."""
    return 0.1 * (centres(batch["near"]) - batch["eye_px"].view(-1, 2, 1, 1))


def known_distance(batch):
    return torch.tensor([-1.0]), torch.tensor([0.2])


MODELS = Models(growing, known_distance, None, size=64)


def noisy(height=200, width=160) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


# The square


@pytest.mark.parametrize(("scale", "angle", "shift"), [(1.0, 0.4, (0, 0)), (2.5, -1.0, (30, -7)), (0.5, 3.0, (5, 5))])
def test_the_square_moves_with_the_face(scale, angle, shift):
    points = np.random.default_rng(0).normal(size=(468, 2)) + mesh_at()
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    one, other = crop_of(points), crop_of(scale * points @ turn.T + shift)
    assert other.side_px == pytest.approx(scale * one.side_px)
    assert np.allclose(other.centre_px, scale * turn @ one.centre_px + shift)
    assert np.isclose(np.exp(1j * (other.angle_rad - one.angle_rad)), np.exp(1j * angle))


def test_a_turned_face_is_no_smaller():
    frontal, turned = mesh_at(), mesh_at()
    spacing = turned[362, 0] - turned[33, 0]
    turned[[33, 133], 0], turned[[362, 263], 0] = MIDDLE[0] - 0.4 * spacing, MIDDLE[0] + 0.4 * spacing
    turned[1, 0] += 0.44 * spacing  # The sideways part of a nose that stands out by 0.74 of the spacing.
    assert crop_of(turned).side_px == pytest.approx(crop_of(frontal).side_px, rel=0.01)


def test_cutting_keeps_places_and_ends_in_black():
    c, r = np.meshgrid(np.arange(160) + 0.5, np.arange(200) + 0.5)
    crop = Crop(MIDDLE, SIDE, 0.3)
    got = cut(np.stack([c, r], -1).astype(np.float32), crop, 60)
    place = (np.stack(np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5), -1) - 30) * (SIDE / 60)
    expected = place @ crop.axes.T + crop.centre_px
    inner = ((expected > 4) & (expected < np.array([156, 196]))).all(axis=-1)
    assert inner.mean() > 0.7
    assert np.abs(got - expected)[inner].max() < 0.3
    assert (got[(expected < -4).any(axis=-1)] == 0).all()
    assert not cut(np.ones((20, 20), np.float32), Crop(np.array([500.0, 500.0]), 10.0, 0.0), 8).any()


def test_shrinking_averages():
    stripes = np.tile(np.array([0, 255], np.uint8), (200, 80))
    got = cut(stripes, Crop(MIDDLE, SIDE, 0.0), 30)
    assert np.abs(got - 127.5).max() < 3


# The lens


def test_the_framing_rule_of_the_training_pictures():
    """0.80 mm a centimetre: a 3:2 frame whose height spans 0.30 m at the eyes."""
    for distance_m in (0.2, 0.5, 1.6):
        assert mm35_of(focal_px_of(distance_m, side_px=1000), longer_side_px=1500) == pytest.approx(80 * distance_m)


def test_distance_and_focal_length_undo_each_other():
    focal_px = focal_px_of_mm35(26.0, 4000)
    assert focal_px_of(distance_m_of(focal_px, 1700.0), 1700.0) == pytest.approx(focal_px)
    assert mm35_of(focal_px, 4000) == pytest.approx(26.0)


# Filling


def test_what_is_known_stays_and_spreads():
    values, weight = torch.rand(1, 2, 37, 50), torch.zeros(1, 1, 37, 50)
    weight[..., :5] = 1
    filled = pull_push(values, weight)
    assert torch.equal(filled[..., :5], values[..., :5])
    assert filled.min() >= 0
    assert filled.max() <= 1
    assert torch.allclose(pull_push(torch.full_like(values, 0.7), weight), torch.tensor(0.7), atol=1e-6)
    assert not pull_push(values, torch.zeros_like(weight)).any()


def test_steps_and_widening():
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])
    assert soft_step(x, 0, 1).tolist() == [0, 0, 0.5, 1, 1]
    assert soft_step(x, 1, 0).tolist() == [1, 1, 0.5, 0, 0]
    dot = torch.zeros(1, 1, 9, 9)
    dot[..., 4, 4] = 1
    assert widened(dot, 2).sum() == 25
    assert widened(dot, 0) is dot


# The field


def smooth_stretch(size=64) -> tuple[torch.Tensor, torch.Tensor]:
    """A stretch (1, 1, S, S) as of a head, and its flow."""
    away = centres(torch.zeros(1, 1, size, size)) - size / 2
    stretch = 0.25 - 0.35 * (-(away**2).sum(1, keepdim=True) / (0.25 * size) ** 2).exp()
    return stretch, stretch * away


def test_a_field_knows_the_stretch_of_a_flow_and_nothing_else():
    stretch, flow = smooth_stretch()
    across = torch.stack([-flow[:, 1], flow[:, 0]], 1)
    made = field.field_of(flow + 0.7 * across, torch.ones(1, 1, 64, 64)).stretch
    margin = (made.shape[-1] - 64) // 2
    inside = made[..., margin:-margin, margin:-margin]
    assert (inside - stretch).abs().max() < 0.01
    assert made.shape[-1] == pytest.approx(64 * field.REACH, abs=2)
    assert not made[..., 0, :].any()
    assert not made[..., :, -1].any()


def test_a_field_goes_on_beyond_the_person():
    _, flow = smooth_stretch()
    person = torch.zeros(1, 1, 64, 64)
    person[..., 20:44, 20:44] = 1
    made = field.field_of(flow, person).stretch
    assert made[0, 0, 51, 51 + 28] == pytest.approx(float(made[0, 0, 51, 51 + 12]), abs=0.05)
    assert not field.field_of(flow, torch.zeros(1, 1, 64, 64)).stretch.any()


def test_an_inverted_field_brings_points_back():
    _, flow = smooth_stretch()
    there = field.field_of(flow, torch.ones(1, 1, 64, 64))
    back, crop = there.inverted(), Crop(np.array([100.0, 100.0]), 100.0, 0.2)
    stretch, away = there.of_picture(crop, 200, 200)
    moved = away * (1 + stretch) + 100
    grid = (moved / 100 - 1).movedim(1, -1)
    h = torch.nn.functional.grid_sample(back.of_picture(crop, 200, 200)[0], grid, align_corners=False)
    error = ((1 + stretch) * (1 + h) - 1).abs()
    assert error[..., 10:-10, 10:-10].max() < 0.02


# Warping


def waves(height=200, width=200) -> torch.Tensor:
    x, y = centres(torch.zeros(1, 1, height, width))[0]
    return torch.stack(
        [0.5 + 0.4 * torch.sin(x / 9), 0.5 + 0.4 * torch.cos(y / 7), 0.5 + 0.3 * torch.sin((x + y) / 11)]
    )[None]


@pytest.mark.parametrize("warp", [compose.forward, compose.inverse])
def test_an_even_stretch_enlarges(warp):
    crop, flow = (
        Crop(np.array([100.0, 100.0]), 160.0, 0.5),
        growing({"near": torch.zeros(1, 1, 64, 64), "eye_px": torch.full((1, 2), 32.0)}),
    )
    even = field.field_of(flow, torch.ones(1, 1, 64, 64))
    got = warp(waves(), crop, even)
    place = (centres(got) - 100) / 1.1 + 100
    expected = torch.nn.functional.grid_sample(waves(), (place / 100 - 1).movedim(1, -1), align_corners=False)
    inside = (slice(None), slice(None), slice(60, 140), slice(60, 140))
    assert (got - expected)[inside].abs().max() < 0.02


def test_both_warps_agree():
    _, flow = smooth_stretch()
    head = field.field_of(flow, torch.ones(1, 1, 64, 64))
    crop = Crop(np.array([90.0, 110.0]), 120.0, -0.3)
    one, other = compose.forward(waves(), crop, head), compose.inverse(waves(), crop, head)
    assert (one - other).abs().mean() < 0.004
    assert (one - waves()).abs().mean() > 0.05


def test_bands_do_not_show(monkeypatch):
    _, flow = smooth_stretch()
    head, crop = field.field_of(flow, torch.ones(1, 1, 64, 64)), Crop(np.array([90.0, 110.0]), 120.0, -0.3)
    whole = compose.inverse(waves(), crop, head)
    monkeypatch.setattr(compose, "_BAND_PX", 200 * 33)
    assert torch.allclose(compose.inverse(waves(), crop, head), whole, atol=1e-4)


def test_of_two_points_the_nearer_is_seen():
    """The inner half of a disc grows over its outer half, which is nearer and stays."""
    away = (centres(torch.zeros(1, 1, 64, 64)) - 32).norm(dim=1, keepdim=True)
    stretch = torch.where(away < 14, 0.5, 0.0)
    flow = stretch * (centres(away) - 32)
    crop, colour = Crop(np.array([32.0, 32.0]), 64.0, 0.0), (away < 14).float()
    got = compose.forward(colour, crop, field.field_of(flow, torch.ones_like(away)))
    ring = (away > 16) & (away < 19)
    assert got[ring].mean() < 0.1


@pytest.mark.parametrize("warp", ["forward", "inverse"])
def test_what_does_not_move_stays(warp):
    crop = Crop(np.array([100.0, 100.0]), 120.0, 0.0)
    picture, person = waves(), torch.from_numpy(disc((200, 200), crop))[None, None]
    still = field.field_of(torch.zeros(1, 2, 64, 64), torch.ones(1, 1, 64, 64))
    got, coverage = compose.recompose(picture, person, crop, still, warp)
    assert (got - picture).abs().mean() < 2e-3
    assert torch.allclose(coverage, person, atol=1e-3)


def test_a_background_is_what_lies_around():
    picture, person = torch.full((1, 3, 50, 50), 0.25), torch.zeros(1, 1, 50, 50)
    picture[..., 20:30, 20:30], person[..., 20:30, 20:30] = 0.9, 1.0
    assert torch.allclose(compose.background(picture, person, 1), torch.tensor(0.25), atol=1e-5)


def test_holes_are_where_little_arrives():
    away = centres(torch.zeros(1, 1, 64, 64)) - 32
    torn = torch.cat([torch.where(away[:, :1] > 0, 8.0, 0.0), torch.zeros(1, 1, 64, 64)], 1)
    found = compose.holes(torn, torch.ones(1, 1, 64, 64))
    assert found[..., 20:44, 35:37].min() == 1
    assert found[..., 20:44, :28].max() == 0
    made = compose.patched(torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64), found, torch.ones(1, 3, 64, 64))
    assert torch.equal(made[:, :1], found)
    grown = compose.patched(torch.full((1, 3, 64, 64), 0.3), torch.ones(1, 1, 64, 64), found, None)
    assert torch.allclose(grown, torch.tensor(0.3), atol=1e-5)


# Masks


def test_neighbours_share_a_mask_between_them():
    left, right = Crop(np.array([40.0, 50.0]), 60.0, 0.0), Crop(np.array([120.0, 50.0]), 60.0, 0.0)
    everyone = np.ones((100, 160), np.float32)
    parts = [mask.own(everyone, left, [right]), mask.own(everyone, right, [left])]
    assert np.allclose(sum(parts), 1, atol=1e-5)
    assert parts[0][50, 40] == 1
    assert parts[0][50, 120] == 0
    assert mask.own(everyone, left, []) is everyone


def test_without_a_segmentation_the_head_is_an_ellipse(monkeypatch):
    crop = Crop(MIDDLE, SIDE, 0.3)
    made = mask.head_shape((200, 160), crop, mesh_at(angle=0.3))
    assert made[int(MIDDLE[1]), int(MIDDLE[0])] == pytest.approx(1)
    assert made[199].max() == 0
    span_m = np.sqrt(made.sum()) * SQUARE_M / SIDE
    assert 0.16 < span_m < 0.24


def test_islands_of_a_mask_are_no_person():
    crop = Crop(np.array([30.0, 40.0]), 50.0, 0.0)
    made = np.zeros((100, 120), np.float32)
    made[20:60, 10:50], made[70:90, 90:110] = 0.9, 0.8
    kept = mask.connected(made, crop, radius=2)
    assert np.array_equal(kept[:65], made[:65])
    assert not kept[65:].any()
    made[20:60] = 0  # A face that the mask does not know: better all of it than nothing.
    assert np.array_equal(mask.connected(made, crop, radius=2), made)


def test_a_sharpened_mask_follows_the_edge_of_the_picture():
    rgb = np.full((120, 120, 3), 200, np.uint8)
    rgb[:, 61:] = 40
    rough = np.zeros((120, 120), np.float32)
    rough[:, 59:] = 1
    made = mask.sharpened(rough, rgb, radius=4)
    assert made[:, 61:].min() > 0.9
    assert made[:, :59].max() < 0.2
    assert np.abs(made[:, 59:61]).max() < 0.6


# Whole photographs


@pytest.mark.parametrize("warp", ["forward", "inverse"])
def test_a_face_grows_and_the_rest_stays_bit_by_bit(seen, warp):
    before = noisy(400, 300)
    done = undistort(Photo(before), MODELS, Settings(warp=warp))
    after = done.photo.codes
    changed = (after != before).any(axis=-1)
    rows, columns = np.nonzero(changed)
    half = field.REACH * SIDE / 2 + 1
    assert abs(rows - MIDDLE[1]).max() <= half
    assert abs(columns - MIDDLE[0]).max() <= half
    assert changed[60:80, 30:130].mean() > 0.9
    (told,) = done.faces
    assert told["distance_cm"] == 50.0
    assert told["distance_low_cm"] == pytest.approx(50 * 2**-0.2, abs=0.06)
    assert told["distance_high_cm"] == pytest.approx(50 * 2**0.2, abs=0.06)
    assert told["focal_mm35"] == pytest.approx(36 * 0.5 * SIDE / SQUARE_M / 400, rel=0.01)
    assert done.flow_rgb.shape == (64, 64, 3)


def test_a_head_grows_by_what_the_flow_says(seen):
    before = np.zeros((400, 300, 3), np.uint8)
    before[disc((400, 300), Crop(MIDDLE, SIDE, 0.0)) > 0.5] = 200
    after = undistort(Photo(before), MODELS, Settings()).photo.codes
    grown = (after[..., 0] > 100).sum() / (before[..., 0] > 100).sum()
    assert grown == pytest.approx(1.1**2, rel=0.03)


def test_far_faces_are_left_alone(seen):
    before = noisy()
    done = undistort(Photo(before), MODELS, Settings(distance_m=1.7))
    assert np.array_equal(done.photo.codes, before)
    assert not done.faces[0]["changed"]


@pytest.mark.parametrize(
    ("settings", "exif", "cm", "source"),
    [
        (Settings(distance_m=0.3), None, 30.0, "--distance-cm"),
        (Settings(focal_mm35=20.0), None, 100 * 20 * 200 / 36 * SQUARE_M / SIDE, "--focal-mm35"),
        (Settings(distance_from="exif"), 20.0, 100 * 20 * 200 / 36 * SQUARE_M / SIDE, "EXIF"),
        (Settings(), 20.0, 50.0, "estimate"),
    ],
)
def test_the_distance_comes_from_where_it_is_told(seen, settings, exif, cm, source):
    (told,) = undistort(Photo(noisy(), focal_mm35=exif), MODELS, settings).faces
    assert told["distance_cm"] == pytest.approx(cm, rel=0.01)
    assert told["distance_source"] == source
    assert told["exif_focal_mm35"] == exif


@pytest.mark.parametrize(
    ("settings", "models", "said"),
    [
        (Settings(distance_from="exif"), MODELS, "expected a 35 mm focal length in the EXIF data"),
        (Settings(), replace(MODELS, distance=None), "expected distance.safetensors"),
        (Settings(focal_mm35=0.5), MODELS, "expected a distance above 10 cm"),
    ],
)
def test_an_unknown_or_impossible_distance_is_refused(seen, settings, models, said):
    with pytest.raises(PhotoError, match=said):
        undistort(Photo(noisy()), models, settings)


def test_several_faces_are_all_put_right(monkeypatch, seen):
    places = [(MIDDLE, SIDE), (np.array([240.0, 300.0]), 100.0), (np.array([30.0, 370.0]), 40.0)]
    monkeypatch.setattr(pipeline, "find_faces", lambda rgb: [face_at(*place) for place in places])
    before = noisy(400, 300)
    done = undistort(Photo(before), MODELS, Settings())
    assert [face["square"]["centre_px"][0] for face in done.faces] == pytest.approx([80, 240])
    assert "1 face below 48 pixels left alone" in done.notes
    assert (done.photo.codes != before)[290:310, 200:280].any()
    assert done.flow_rgb.shape == (64, 128, 3)
    one = undistort(Photo(before), MODELS, Settings(largest=True))
    assert len(one.faces) == 1
    assert not (one.photo.codes != before)[290:310, 200:280].any()


def test_a_completion_fills_holes(seen):
    def torn(batch):
        flow = growing(batch)
        return torch.where((centres(flow) - 32)[:, :1] > 6, 0.8, 0.0) * (centres(flow) - 32)

    def red(batch, flow):
        return torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand_as(batch["near"])

    grey = Photo(np.full((200, 160, 3), 128, np.uint8))
    plain = undistort(grey, replace(MODELS, flow=torn), Settings()).photo.codes
    filled = undistort(grey, replace(MODELS, flow=torn, completion=red), Settings()).photo.codes
    assert np.abs(plain.astype(int) - 128).max() <= 1
    assert (filled[..., 0] > 250).any()


def test_transparency_moves_with_the_person(seen):
    codes = np.dstack([np.full((200, 160, 3), 90, np.uint8), np.zeros((200, 160), np.uint8)])
    codes[..., 3] = np.rint(disc((200, 160), Crop(MIDDLE, SIDE, 0.0)) * 255)
    after = undistort(Photo(codes), MODELS, Settings()).photo.codes
    assert after.shape == codes.shape
    assert (after[..., 3] > 127).sum() / (codes[..., 3] > 127).sum() == pytest.approx(1.21, rel=0.03)


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


# A real photograph


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    reason = faces.why_not_measured("yunet", "face_mesh")
    if reason:
        pytest.skip(reason)
    return pytest.importorskip("skimage.data").astronaut()


def test_all_faces_are_found_the_largest_first(astronaut):
    small = np.asarray(Image.fromarray(astronaut).resize((256, 256)))
    both = np.zeros((512, 768, 3), np.uint8)
    both[:, :512], both[:256, 512:] = astronaut, small
    one, other = faces.find_faces(both)
    assert one.box[2] == pytest.approx(2 * other.box[2], rel=0.2)
    assert faces.find_face(both).box.tolist() == one.box.tolist()


def test_the_square_of_a_real_face(astronaut):
    face = faces.find_face(astronaut)
    crop = crop_of(faces.face_mesh(astronaut, face))
    assert np.linalg.norm(crop.centre_px - face.points[:2].mean(axis=0)) < 0.15 * face.eye_distance_px
    assert crop.side_px == pytest.approx(face.eye_distance_px * SQUARE_M / EYE_SPACING_M, rel=0.12)


def test_a_real_face_grows_where_it_is(astronaut):
    done = undistort(Photo(astronaut), MODELS, Settings(distance_m=0.3))
    changed = (done.photo.codes != astronaut).any(axis=-1)
    assert changed[60:180, 180:270].mean() > 0.8
    assert not changed[300:].any()
    before, after = faces.find_face(astronaut), faces.find_face(done.photo.codes)
    assert after.eye_distance_px == pytest.approx(1.1 * before.eye_distance_px, rel=0.05)
