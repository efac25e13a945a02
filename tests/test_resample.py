"""Pictures bent as a lens bends them: the kernel against numpy, colour against the labels' own rays, and aberration."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from renderers.camera import Camera, directions_through, intrinsics, pixel_directions, project, unproject
from renderers.exact import rasterize
from renderers.lens import CameraError, Distortion
from renderers.resample import ideal, through_lens, through_lens_readable
from renderers.standard_scenes import plain_head, view_from

BARREL, PINCUSHION = Distortion(k1=-0.3, k2=0.08), Distortion(k1=0.4, k2=0.1)
TILTED = Distortion(k1=-0.15, k2=0.05, p1=0.01, p2=-0.01, k3=-0.01)
LENSES = {"barrel": BARREL, "pincushion": PINCUSHION, "tilted": TILTED, "none": None}
every_lens = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)


def camera_with(lens: Distortion | None, size: int = 64) -> Camera:
    return replace(view_from(0.3, size), distortion=lens)


def noise(camera: Camera, channels: int = 4) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key=3))
    return rng.random((camera.height, camera.width, channels), np.float32)


@pytest.mark.parametrize("scale", [1.0, 1.5])
@pytest.mark.parametrize("channel_scale", [(1.0, 1.0, 1.0), (1.004, 1.0, 0.997), (1.0, 0.9, 1.1, 1.2)])
@every_lens
def test_the_kernel_has_the_bits_of_the_readable_one(lens, channel_scale, scale: float):
    camera = camera_with(lens)
    if lens is not None:
        channel_scale = tuple(1 + (s - 1) / 10 for s in channel_scale)
    pinhole = ideal(camera, scale, channel_scale)
    picture = noise(pinhole)
    bent = through_lens(picture, pinhole, camera, channel_scale)
    assert (bent.shape, bent.dtype) == ((64, 64, 4), np.float32)
    assert bent.tobytes() == through_lens_readable(picture, pinhole, camera, channel_scale).tobytes()


@settings(max_examples=40, deadline=None)
@given(k1=st.floats(-0.15, 0.4), p1=st.floats(-0.01, 0.01), scale=st.floats(1.0, 3.0), centre=st.floats(20.0, 44.0))
def test_the_ideal_camera_sees_all_that_the_lens_shows(k1: float, p1: float, scale: float, centre: float):
    lens = Distortion(k1=k1, p1=p1, p2=-p1)
    camera = Camera(intrinsics(80.0, (centre, 64 - centre)), np.eye(4), 64, 64, distortion=lens)
    pinhole = ideal(camera, scale)
    u, v = np.meshgrid(np.linspace(0, 64, 33), np.linspace(0, 64, 33))
    bent = np.stack([u, v], axis=-1).reshape(-1, 2)
    rays = np.concatenate([directions_through(camera, bent), np.ones((len(bent), 1))], axis=1)
    seen, _ = project(pinhole, rays)
    assert (seen >= 0.5 * scale).all()
    assert (seen <= np.array([pinhole.width, pinhole.height]) - 0.5 * scale).all()
    np.testing.assert_allclose(pinhole.K[0, 0], 80.0 * scale)


def test_without_lens_and_scale_nothing_changes():
    camera = camera_with(None)
    same = ideal(camera)
    assert (same.height, same.width) == (64, 64)
    np.testing.assert_array_equal(same.K, camera.K)
    picture = noise(same)
    assert through_lens(picture, same, camera).tobytes() == picture.tobytes()


@pytest.mark.parametrize("scale", [1.0, 1.7])
@every_lens
def test_an_even_picture_stays_even_and_a_ramp_lies_where_the_rays_say(lens, scale: float):
    """x and y of the ideal picture as colours: bilinear keeps them exactly, so each pixel must show its own ray."""
    camera = camera_with(lens)
    pinhole = ideal(camera, scale)
    u, v = np.meshgrid(np.arange(pinhole.width) + 0.5, np.arange(pinhole.height) + 0.5)
    picture = np.stack([u, v, np.full_like(u, 0.25)], axis=-1).astype(np.float32)
    bent = through_lens(picture, pinhole, camera)
    rays = np.concatenate([pixel_directions(camera), np.ones((64, 64, 1))], axis=-1).reshape(-1, 3)
    free = replace(pinhole, T_camera_head=np.eye(4))
    expected = project(free, rays)[0].reshape(64, 64, 2)
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(bent[inner][..., :2], expected[inner], atol=0.02)
    assert (bent[..., 2] == 0.25).all()


def test_sub_samples_of_a_finer_picture_make_up_one_pixel():
    """At scale 2 a white half plane whose edge lies on a pixel's border stays as sharp as a box makes it."""
    camera = camera_with(None)
    fine = ideal(camera, 2.0)
    picture = np.zeros((fine.height, fine.width, 1), np.float32)
    picture[:, : fine.width // 2] = 1.0
    row = through_lens(picture, fine, camera)[32, :, 0]
    assert (row[:31] == 1).all()
    assert (row[33:] == 0).all()
    assert row[31] > 0.9 > 0.1 > row[32]


@pytest.mark.parametrize("lens", [BARREL, PINCUSHION, TILTED])
def test_colour_and_labels_bend_alike(lens: Distortion):
    """Coverage of an ideal view, bent, against the exact mask of the bent view: they part on the silhouette alone."""
    surface, camera = plain_head(100), camera_with(lens, 160)
    pinhole = ideal(camera, 2.0)
    ideal_mask = (rasterize(surface, pinhole).triangle_id >= 0).astype(np.float32)
    alpha = through_lens(ideal_mask[..., None], pinhole, camera)[..., 0]
    mask = rasterize(surface, camera).triangle_id >= 0
    differing = mask != (alpha >= 0.5)
    rim = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
    assert not (differing & ~rim).any()
    assert 0 < differing.sum() < 0.2 * rim.sum()
    assert abs(alpha.sum() - mask.sum()) < 0.01 * mask.sum()


@every_lens
def test_a_larger_channel_lies_farther_out_by_its_scale(lens):
    """White dots: where each colour's centre of mass lands, against the scale about the principal point."""
    camera = camera_with(lens, 96)
    scales = (1.02, 1.0, 0.98)
    pinhole = ideal(camera, 1.0, scales)
    u, v = np.meshgrid(np.arange(pinhole.width) + 0.5, np.arange(pinhole.height) + 0.5)
    at, _ = project(pinhole, unproject(camera, np.array([[70.3, 30.2]]), np.ones(1)))
    dot = np.exp(-((u - at[0, 0]) ** 2 + (v - at[0, 1]) ** 2) / 18).astype(np.float32)
    bent = through_lens(np.repeat(dot[..., None], 4, axis=-1), pinhole, camera, scales)
    assert bent.shape == (96, 96, 4)
    middle = camera.K[:2, 2]
    centres = np.array([ndimage.center_of_mass(bent[..., k])[::-1] for k in range(4)]) + 0.5 - middle
    np.testing.assert_allclose(centres[[0, 2]] / centres[1], np.broadcast_to([[1.02], [0.98]], (2, 2)), atol=2e-3)
    np.testing.assert_array_equal(bent[..., 3], bent[..., 1])


def test_highlights_and_light_keep_their_measure():
    """No value leaves the range of the picture: linear, no ringing."""
    camera = camera_with(PINCUSHION)
    pinhole = ideal(camera, 1.5)
    picture = noise(pinhole) ** 8 * 100
    bent = through_lens(picture, pinhole, camera)
    assert bent.min() >= 0
    assert bent.max() <= picture.max()


def test_pictures_that_do_not_belong_are_refused():
    camera = camera_with(PINCUSHION)
    pinhole = ideal(camera)
    with pytest.raises(CameraError, match=r"expected a picture of \(\d+, \d+\) pixels and channels, got \(5, 5, 3\)"):
        through_lens(np.zeros((5, 5, 3), np.float32), pinhole, camera)
    moved = replace(pinhole, T_camera_head=np.eye(4))
    with pytest.raises(CameraError, match="expected a pinhole at the camera's place, got another; make it with"):
        through_lens(noise(pinhole), moved, camera)
    small = replace(pinhole, width=pinhole.width // 2)
    with pytest.raises(CameraError, match=r"expected a picture that covers .* make its camera with ideal"):
        through_lens(noise(small), small, camera)
    with pytest.raises(CameraError, match=r"expected a picture that covers .*"):
        through_lens(noise(camera_with(None)), camera_with(None), camera_with(None), (0.9, 1.0, 1.0))
    for scale in (0.5, np.nan, 9.0):
        with pytest.raises(CameraError, match="expected a scale from 1 to 8, got"):
            ideal(camera, scale)
    for channels in ((), (np.nan, 1, 1), (0.1, 1, 1)):
        with pytest.raises(CameraError, match=r"expected a scale from 0\.5 to 2 for each channel, got"):
            ideal(camera, 1.0, channels)
    with pytest.raises(CameraError, match="expected channels that the lens can show, got scales"):
        ideal(camera_with(Distortion(k1=-0.16)), 1.0, (0.6, 1.0, 1.0))
