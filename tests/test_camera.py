"""Cameras: projection and its inverse, the dolly rule, and the conventions of other tools.

Each converter is checked by the other tool's own documented formula, from a head point to a pixel.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.camera import (
    NOMINAL_DISTANCE_M,
    Camera,
    CameraError,
    depth_ray_m,
    dolly_camera,
    focal_mm35_from_px,
    focal_px_from_mm35,
    intrinsics,
    look_at,
    pixel_rays,
    project,
    supersampled,
    to_blender,
    to_opengl,
    to_pytorch3d,
    transform_points,
    unproject,
)

TARGET = np.array([0.01, -0.02, 0.03])


def rotation(seed: int) -> np.ndarray:
    Q, _ = np.linalg.qr(np.random.Generator(np.random.Philox(key=seed)).normal(size=(3, 3)))
    return Q * np.sign(np.linalg.det(Q))


def camera_of(kind: str, seed: int = 0) -> Camera:
    T = look_at(TARGET, 0.5, rotation(seed))
    K = intrinsics(700.0 if kind == "perspective" else 1400.0, (150.0, 90.0))
    return Camera(K, T, 200, 320, kind)


def points_near(target: np.ndarray, count: int = 40) -> np.ndarray:
    return target + np.random.Generator(np.random.Philox(key=9)).uniform(-0.1, 0.1, (count, 3))


both_kinds = pytest.mark.parametrize("kind", ["perspective", "orthographic"])


@both_kinds
@given(seed=st.integers(0, 2**31))
def test_unproject_undoes_project(kind: str, seed: int):
    camera, points = camera_of(kind, seed), points_near(TARGET)
    np.testing.assert_allclose(unproject(camera, *project(camera, points)), points, rtol=0, atol=1e-12)


def test_a_point_to_the_persons_left_and_above_is_right_and_up_in_the_image():
    camera = Camera(intrinsics(800.0, (128.0, 128.0)), look_at(np.zeros(3), 0.5, np.eye(3)), 256, 256)
    (pixel,), (depth,) = project(camera, np.array([[0.025, 0.05, 0.1]]))
    np.testing.assert_allclose(pixel, [128 + 800 * 0.025 / 0.4, 128 - 800 * 0.05 / 0.4])
    assert depth == pytest.approx(0.4)


def test_transform_is_a_matrix_product_in_a_fixed_order():
    T, points = look_at(TARGET, 0.5, rotation(4)), points_near(TARGET)
    np.testing.assert_allclose(transform_points(T, points), points @ T[:3, :3].T + T[:3, 3], rtol=0, atol=1e-15)
    one = np.array([transform_points(T, p[None])[0] for p in points])
    assert one.tobytes() == transform_points(T, points).tobytes()


@given(near_m=st.floats(0.15, 2.0), far_m=st.one_of(st.floats(0.15, 10.0), st.just(math.inf)), seed=st.integers(0, 99))
def test_a_dolly_keeps_the_plane_of_the_target(near_m: float, far_m: float, seed: int):
    R = rotation(seed)
    near = Camera(intrinsics(1500 * near_m, (100.0, 80.0)), look_at(TARGET, near_m, R), 200, 200)
    far = dolly_camera(near, TARGET, far_m)
    in_plane = TARGET + points_near(np.zeros(3)) @ np.diag([1.0, 1.0, 0.0]) @ R.T
    np.testing.assert_allclose(project(near, TARGET[None])[0], [[100.0, 80.0]], atol=1e-9)
    np.testing.assert_allclose(project(far, in_plane)[0], project(near, in_plane)[0], rtol=0, atol=1e-8)
    np.testing.assert_array_equal(far.T_camera_head[:3, :3], near.T_camera_head[:3, :3])
    assert far.orthographic == math.isinf(far_m)
    distance_m = project(far, TARGET[None])[1][0]
    assert distance_m == pytest.approx(NOMINAL_DISTANCE_M if math.isinf(far_m) else far_m)


def test_an_orthographic_camera_is_the_limit_of_far_ones():
    near = Camera(intrinsics(500.0, (64.0, 64.0)), look_at(TARGET, 0.5, rotation(1)), 128, 128)
    points = points_near(TARGET)
    at_infinity = project(dolly_camera(near, TARGET, math.inf), points)[0]
    gaps = [np.abs(project(dolly_camera(near, TARGET, d), points)[0] - at_infinity).max() for d in (10, 100, 1000)]
    np.testing.assert_allclose(gaps[0] / np.array(gaps), [1, 10, 100], rtol=0.05)


def test_a_dolly_returns_from_infinity():
    near = Camera(intrinsics(500.0, (64.0, 64.0)), look_at(TARGET, 0.5, rotation(1)), 128, 128)
    back = dolly_camera(dolly_camera(near, TARGET, math.inf), TARGET, 0.5)
    np.testing.assert_allclose(back.K, near.K, rtol=1e-15)
    np.testing.assert_allclose(back.T_camera_head, near.T_camera_head, rtol=0, atol=1e-15)


def test_an_impossible_dolly_is_refused_with_what_to_do():
    near = camera_of("perspective")
    with pytest.raises(CameraError, match=r"expected a target on the optical axis, got .*; aim the camera"):
        dolly_camera(near, TARGET + 0.01, 1.0)
    with pytest.raises(CameraError, match=r"expected a distance above 0 m, got -1.0; use math.inf"):
        dolly_camera(near, TARGET, -1.0)


def test_focal_lengths_of_the_35_mm_frame():
    assert focal_px_from_mm35(24.0, 512) == 512
    assert focal_px_from_mm35(50.0, 512, crop=0.5) == pytest.approx(2 * 50 * 512 / 24)
    assert focal_mm35_from_px(focal_px_from_mm35(85.0, 300, 0.7), 300, 0.7) == pytest.approx(85.0)


@both_kinds
def test_pixel_rays_go_through_pixel_centres(kind: str):
    camera = camera_of(kind)
    columns, rows = pixel_rays(camera)
    depth = 0.37
    scale = 1.0 if camera.orthographic else depth
    in_camera = np.array([[columns[5] * scale, rows[11] * scale, depth]])
    head = unproject(camera, np.array([[5.5, 11.5]]), np.array([depth]))
    np.testing.assert_allclose(transform_points(camera.T_camera_head, head), in_camera, atol=1e-15)


@both_kinds
def test_depth_along_the_ray(kind: str):
    camera = camera_of(kind)
    depth = np.random.Generator(np.random.Philox(key=0)).uniform(0.2, 0.9, (camera.height, camera.width))
    depth[3] = 0
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    seen = transform_points(camera.T_camera_head, unproject(camera, pixels, depth.ravel()))
    start = seen * [1, 1, 0] if camera.orthographic else 0.0
    expected = np.linalg.norm(seen - start, axis=1).reshape(depth.shape)
    np.testing.assert_allclose(depth_ray_m(camera, depth), expected, rtol=1e-12, atol=1e-15)
    assert not depth_ray_m(camera, depth)[3].any()


@both_kinds
def test_supersampling_scales_the_image(kind: str):
    camera, points = camera_of(kind), points_near(TARGET)
    fine = supersampled(camera, 2)
    assert (fine.height, fine.width) == (400, 640)
    np.testing.assert_allclose(project(fine, points)[0], project(camera, points)[0] * 2, rtol=1e-14)


@both_kinds
def test_opengl_puts_points_on_the_same_pixels(kind: str):
    camera, points = camera_of(kind), points_near(TARGET)
    view, projection = to_opengl(camera)
    clip = np.c_[points, np.ones(len(points))] @ (projection @ view).T
    x, y, z = (clip[:, :3] / clip[:, 3:]).T
    pixels = np.stack([(1 + x) / 2 * camera.width, (1 - y) / 2 * camera.height], axis=1)
    np.testing.assert_allclose(pixels, project(camera, points)[0], rtol=0, atol=1e-9)
    assert (np.abs(z) <= 1).all()
    nearer = np.argsort(project(camera, points)[1])
    assert (np.diff(z[nearer]) >= 0).all()


@both_kinds
def test_blender_puts_points_on_the_same_pixels(kind: str):
    """Its sensor maps lens over sensor width to the image's width; a shift moves the frame, not the picture."""
    camera, points = camera_of(kind), points_near(TARGET)
    blender = to_blender(camera)
    x, y, z = (np.c_[points, np.ones(len(points))] @ np.linalg.inv(blender.matrix_world).T)[:, :3].T
    if blender.type == "PERSP":
        x, y = (a / -z * blender.lens_mm / blender.sensor_width_mm for a in (x, y))
    else:
        x, y = x / blender.ortho_scale_m, y / blender.ortho_scale_m
    W, H = camera.width, camera.height
    pixels = np.stack([(0.5 + x - blender.shift_x) * W, H / 2 - (y - blender.shift_y) * W], axis=1)
    np.testing.assert_allclose(pixels, project(camera, points)[0], rtol=0, atol=1e-9)


def test_blender_refuses_pixels_that_are_not_square():
    camera = camera_of("perspective")
    with pytest.raises(CameraError, match=r"expected square pixels, got fx 700\.0 and fy 1400.0; resample"):
        to_blender(replace(camera, K=camera.K * [[1], [2], [1]]))


@both_kinds
def test_pytorch3d_puts_points_on_the_same_pixels(kind: str):
    """Screen space goes through its own NDC: +X left, +Y up, the shorter side spanning -1 .. 1."""
    camera, points = camera_of(kind), points_near(TARGET)
    settings = {name: value[0] for name, value in to_pytorch3d(camera).items()}
    x, y, z = (points @ settings["R"] + settings["T"]).T
    size = settings["image_size"][::-1]
    scale = min(size) / 2
    focal, centre = settings["focal_length"] / scale, -(settings["principal_point"] - size / 2) / scale
    w = 1.0 if camera.orthographic else z
    ndc = np.stack([focal[0] * x / w + centre[0], focal[1] * y / w + centre[1]], axis=1)
    np.testing.assert_allclose(size / 2 - scale * ndc, project(camera, points)[0], rtol=0, atol=1e-9)
