"""A lens that bends: its map and the inverse against each other and against OpenCV, and how far both hold."""

from dataclasses import astuple, replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from renderers.camera import (
    Camera,
    CameraError,
    depth_ray_m,
    directions_through,
    dolly_camera,
    intrinsics,
    pixel_directions,
    pixel_rays,
    project,
    supersampled,
    to_blender,
    to_opengl,
    to_pytorch3d,
    transform_points,
    unproject,
)
from renderers.exact import lens_of, see
from renderers.kernels import points as compiled
from renderers.lens import MAX_REACH, Distortion, distort, fits, undistort

FOCAL_PX = 1000.0
BARREL, PINCUSHION = Distortion(k1=-0.28, k2=0.06), Distortion(k1=0.35, k2=-0.1, k3=0.02)
TILTED = Distortion(k1=-0.1, k2=0.02, p1=0.01, p2=-0.008, k3=-0.01)
FOLDING = Distortion(k1=-0.28)
LENSES = (BARREL, PINCUSHION, TILTED)

lenses = st.builds(
    Distortion,
    k1=st.floats(-0.4, 0.4),
    k2=st.floats(-0.2, 0.2),
    p1=st.floats(-0.01, 0.01),
    p2=st.floats(-0.01, 0.01),
    k3=st.floats(-0.1, 0.1),
)


def rng_of(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def points_within(lens: Distortion, seed: int, count: int = 300) -> np.ndarray:
    """All over the disc of the lens's reach, a third of them crowded at its rim."""
    rng = rng_of(seed)
    r = lens.reach * np.sqrt(rng.random(count))
    r[: count // 3] = lens.reach * (1.0 - 10.0 ** rng.uniform(-15, -1, count // 3))
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)


def camera_with(lens: Distortion | None, size: int = 96, focal_px: float = 80.0) -> Camera:
    T = np.eye(4)
    T[:3, 3] = [0.01, -0.02, 0.5]
    return Camera(intrinsics(focal_px, (size / 2 + 1.3, size / 2 - 0.7)), T, size, size, distortion=lens)


@settings(max_examples=150, deadline=None)
@given(lens=lenses, seed=st.integers(0, 2**32 - 1))
def test_the_inverse_undoes_the_map_up_to_its_reach(lens: Distortion, seed: int):
    points = points_within(lens, seed)
    assert FOCAL_PX * np.abs(undistort(lens, distort(lens, points)) - points).max() <= 1e-8


@settings(max_examples=60, deadline=None)
@given(lens=lenses, seed=st.integers(0, 2**32 - 1), focal_px=st.floats(700.0, 5000.0))
def test_the_map_undoes_the_inverse_all_over_a_frame(lens: Distortion, seed: int, focal_px: float):
    """Pixels to rays to pixels, to 1e-9 px; and every ray is one within reach."""
    camera = Camera(intrinsics(focal_px, (700.0, 500.0)), np.eye(4), 1024, 1424)
    assume(fits(lens, camera.K, camera.height, camera.width))
    camera = replace(camera, distortion=lens)
    pixels = rng_of(seed).uniform(0, 1, (400, 2)) * [camera.width, camera.height]
    rays = directions_through(camera, pixels)
    landing, _ = project(camera, np.concatenate([rays, np.ones((400, 1))], axis=1))
    assert np.abs(landing - pixels).max() <= 1e-9
    assert (np.hypot(*rays.T) <= lens.reach * (1 + 1e-12)).all()


@settings(max_examples=60, deadline=None)
@given(lens=lenses, seed=st.integers(0, 2**32 - 1))
def test_the_map_is_opencvs(lens: Distortion, seed: int):
    points = np.concatenate([points_within(lens, seed), np.ones((300, 1))], axis=1)
    K = intrinsics(FOCAL_PX, (320.0, 240.0))
    theirs, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, np.array(astuple(lens)))
    shown = FOCAL_PX * distort(lens, points[:, :2]) + [320.0, 240.0]
    np.testing.assert_allclose(shown, theirs[:, 0], rtol=1e-13, atol=1e-9)


@pytest.mark.parametrize("lens", LENSES)
def test_the_inverse_is_opencvs(lens: Distortion):
    """OpenCV iterates a fixed point, which needs many steps to be as close as Newton is."""
    camera = camera_with(lens)
    pixels = rng_of(1).uniform(0, 96, (200, 2))
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 2000, 1e-14)
    theirs = cv2.undistortPoints(pixels[:, None], camera.K, np.array(astuple(lens)), criteria=criteria)
    assert 80 * np.abs(directions_through(camera, pixels) - theirs[:, 0]).max() <= 1e-9


@given(lens=lenses)
def test_lengths_shrink_no_further_than_said_and_next_to_the_reach_they_do(lens: Distortion):
    """The least of the map's eigenvalues over the disc, taken by differences, against what `reach` promises."""
    points = points_within(lens, 3) * (1 - 1e-6)
    assert smallest_stretch(lens, points).min() > 0.04
    if lens.reach < MAX_REACH:  # Without tangential terms the bound is tight.
        radial = replace(lens, p1=0.0, p2=0.0)
        rim = np.array([[radial.reach * (1 - 1e-5), 0.0]])
        assert radial.reach == MAX_REACH or smallest_stretch(radial, rim).min() < 0.06


def smallest_stretch(lens: Distortion, points: np.ndarray) -> np.ndarray:
    step = 1e-6
    columns = [(distort(lens, points + e) - distort(lens, points - e)) / (2 * step) for e in step * np.eye(2)]
    J = np.stack(columns, axis=-1)
    np.testing.assert_allclose(J[:, 0, 1], J[:, 1, 0], atol=1e-6 * np.abs(J).max())
    return np.linalg.eigvalsh((J + J.transpose(0, 2, 1)) / 2)[:, 0]


@given(lens=lenses, seed=st.integers(0, 2**32 - 1))
def test_beyond_its_reach_the_map_goes_on_without_folding(lens: Distortion, seed: int):
    """No two points land together: distances along any line keep their order, near the rim and far outside."""
    rng = rng_of(seed)
    points = rng.normal(size=(200, 2)) * lens.reach * 10.0 ** rng.uniform(-1, 2, (200, 1))
    others = points + rng.normal(size=(200, 2)) * 10.0 ** rng.uniform(-4, 1, (200, 1))
    moved, landed = others - points, distort(lens, others) - distort(lens, points)
    assert ((moved * landed).sum(axis=1) > 0).all()


@given(lens=lenses, angle=st.floats(0, 6.3))
def test_at_its_reach_the_map_has_no_step_and_no_kink(lens: Distortion, angle: float):
    rim = lens.reach * np.array([np.cos(angle), np.sin(angle)])
    inner, at, outer = (distort(lens, rim * t) for t in (1 - 1e-6, 1.0, 1 + 1e-6))
    scale = 1 + np.abs(at).max()
    np.testing.assert_allclose(outer - at, at - inner, rtol=0, atol=1e-9 * scale)


def test_what_no_ray_comes_out_at_has_no_inverse():
    rim = distort(BARREL, np.array([[BARREL.reach, 0.0]]))
    assert np.isfinite(undistort(BARREL, rim * (1 - 1e-9))).all()
    assert np.isnan(undistort(BARREL, rim * 1.001)).all()
    assert np.isnan(undistort(BARREL, np.array([[np.nan, 0.0], [np.inf, 0.1], [1e300, 1e300]]))).all()


@settings(max_examples=60, deadline=None)
@given(lens=lenses, seed=st.integers(0, 2**32 - 1))
def test_the_compiled_map_and_inverse_have_the_bits_of_the_readable_ones(lens: Distortion, seed: int):
    rng = rng_of(seed)
    points = rng.normal(size=(60, 2)) * 10.0 ** rng.uniform(-3, 1, (60, 1))
    numbers = lens_of(camera_with(None))._replace(
        distorted=True, **{name: getattr(lens, name) for name in ("k1", "k2", "p1", "p2", "k3", "reach")}
    )
    bent = np.array([compiled.distorted(numbers, x, y) for x, y in points])
    straight = np.array([compiled.undistorted(numbers, x, y) for x, y in points])
    assert bent.tobytes() == distort(lens, points).tobytes()
    np.testing.assert_array_equal(straight, undistort(lens, points))


@pytest.mark.parametrize("lens", LENSES)
def test_projection_and_rays_through_a_lens_have_the_bits_of_the_readable_ones(lens: Distortion):
    camera, points = camera_with(lens), rng_of(2).normal(size=(500, 3))
    pixels, depth = project(camera, points)
    seen = see(camera, points)
    assert seen[:, 2].tobytes() == depth.tobytes()
    assert seen[:, 3:].tobytes() == pixels.tobytes()
    x, y = compiled.pixel_directions(lens_of(camera))
    assert np.stack([x, y], axis=-1).tobytes() == pixel_directions(camera).tobytes()


def test_without_a_lens_the_rays_are_those_of_rows_and_columns():
    camera = camera_with(None)
    columns, rows = pixel_rays(camera)
    np.testing.assert_array_equal(pixel_directions(camera), np.stack(np.meshgrid(columns, rows), axis=-1))


@pytest.mark.parametrize("lens", LENSES)
def test_unproject_undoes_project_through_a_lens(lens: Distortion):
    camera = camera_with(lens)
    pixels, depth = rng_of(3).uniform(0, 96, (300, 2)), rng_of(4).uniform(0.1, 3.0, 300)
    points = unproject(camera, pixels, depth)
    landing, again = project(camera, points)
    np.testing.assert_allclose(landing, pixels, rtol=0, atol=1e-10)
    np.testing.assert_allclose(again, depth, rtol=1e-14)


def test_depth_along_a_bent_ray():
    camera = camera_with(BARREL, 48)
    depth = rng_of(5).uniform(0.2, 0.9, (48, 48))
    u, v = np.meshgrid(np.arange(48) + 0.5, np.arange(48) + 0.5)
    points = unproject(camera, np.stack([u.ravel(), v.ravel()], axis=1), depth.ravel())
    expected = np.linalg.norm(transform_points(camera.T_camera_head, points), axis=1).reshape(48, 48)
    np.testing.assert_allclose(depth_ray_m(camera, depth), expected, rtol=1e-12)


def test_supersampling_keeps_the_lens():
    camera, points = camera_with(TILTED), rng_of(6).normal(size=(40, 3)) * 0.1
    fine = supersampled(camera, 3)
    assert fine.distortion == TILTED
    np.testing.assert_allclose(project(fine, points)[0], project(camera, points)[0] * 3, rtol=1e-13)


def test_the_far_view_of_a_dolly_has_no_lens_until_it_is_given_one():
    target = np.array([-0.01, 0.02, 0.0])
    near = camera_with(BARREL)
    far = dolly_camera(near, target, 1.6)
    assert far.distortion is None
    ideal_near = replace(near, distortion=None)
    in_plane = target + rng_of(7).uniform(-0.1, 0.1, (20, 3)) * [1, 1, 0]
    np.testing.assert_allclose(project(far, in_plane)[0], project(ideal_near, in_plane)[0], atol=1e-9)
    assert replace(far, distortion=BARREL).distortion == BARREL


def test_cameras_that_a_lens_cannot_serve_are_refused():
    with pytest.raises(CameraError, match=r"expected no distortion of an orthographic camera, got .*distortion=None"):
        replace(camera_with(None), kind="orthographic", distortion=BARREL)
    with pytest.raises(CameraError, match=r"expected a lens that shows all of a frame of 96 x 96 .*folds over 1\.\d+"):
        camera_with(FOLDING, focal_px=40.0)
    for name, value in (("k1", np.nan), ("p2", np.inf), ("k3", 1e7)):
        with pytest.raises(CameraError, match="expected five finite coefficients within a million, got"):
            Distortion(**{name: value})


def test_a_lens_scaled_down_fits_at_last():
    camera, lens = camera_with(None, focal_px=40.0), FOLDING
    assert not fits(lens, camera.K, 96, 96)
    while not fits(lens, camera.K, 96, 96):
        lens = lens.scaled(0.5)
    assert 0 > lens.k1 > FOLDING.k1
    assert replace(camera, distortion=lens).distortion == lens


@pytest.mark.parametrize("export", [pixel_rays, to_opengl, to_blender, to_pytorch3d])
def test_what_knows_no_lens_refuses_one_and_names_the_ideal_camera(export):
    with pytest.raises(CameraError, match=rf"{export.__name__}: expected a camera without distortion, got .*ideal\("):
        export(camera_with(BARREL))
