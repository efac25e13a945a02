"""Photographs undistorted: squares, lenses, fields, warps, masks, and whole pictures with a fake or a real face."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("tensorboard")
pytest.importorskip("cv2")

from undistort_photos import MIDDLE, MODELS, SIDE, disc, face_at, growing, mesh_at, noisy, show_one_face  # noqa: E402

from datagen import faces  # noqa: E402
from training.undistort import compose, field, mask, pipeline  # noqa: E402
from training.undistort.align import EYE_SPACING_M, SQUARE_M, Crop, crop_of, cut  # noqa: E402
from training.undistort.fill import pull_push, soft_step, widened  # noqa: E402
from training.undistort.lens import distance_m_of, focal_px_of, focal_px_of_mm35, mm35_of  # noqa: E402
from training.undistort.photo import Photo, PhotoError  # noqa: E402
from training.undistort.pipeline import Settings, undistort  # noqa: E402
from training.warp import centres  # noqa: E402


@pytest.fixture
def seen(monkeypatch):
    show_one_face(monkeypatch)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


def test_a_camera_at_infinity_is_far_too(seen):
    (told,) = undistort(Photo(noisy()), replace(MODELS, far_m=np.inf), Settings(distance_m=9.0)).faces
    assert told["changed"]
    assert told["far_cm"] is None


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
