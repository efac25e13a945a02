"""What relates two views: signs, symmetries, there and back, and the masks' promises.

The geometry under it is proven against brute force in `tests/test_exact.py`.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.surface import Surface
from renderers.camera import Camera, dolly_camera, intrinsics, look_at, project
from renderers.exact import Hits, rasterize
from renderers.labels import PairLabels, ViewLabels, pair_labels, point_visibility, to_layers, view_labels
from renderers.layers import LAYERS
from renderers.standard_scenes import hard_head, make_surface, plain_head, view_from

FLIP_X = np.diag([-1.0, 1.0, 1.0])


def labels_of(surface: Surface, near: Camera, far: Camera) -> tuple[ViewLabels, ViewLabels, PairLabels]:
    a, b = view_labels(surface, near), view_labels(surface, far)
    return a, b, pair_labels(surface, a, b)


def turned(seed: int) -> np.ndarray:
    """A view rotation within 45 degrees of frontal."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    yaw, pitch = rng.uniform(-math.pi / 4, math.pi / 4, 2)
    Y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    X = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return Y @ X


def dolly_pair(seed: int, far_m: float = 1.6, size: int = 96) -> tuple[Camera, Camera]:
    rng = np.random.Generator(np.random.Philox(key=seed + 1))
    near_m, target = rng.uniform(0.25, 0.8), rng.uniform(-0.01, 0.01, 3)
    centre = tuple(size / 2 + rng.uniform(-3, 3, 2))
    near = Camera(intrinsics(3.0 * size * near_m, centre), look_at(target, near_m, turned(seed)), size, size)
    return near, dolly_camera(near, target, far_m)


@pytest.mark.parametrize("far_m", [1.6, math.inf])
def test_a_shifted_image_flows_by_the_shift(far_m: float):
    camera = dolly_camera(view_from(0.35, 96), np.zeros(3), far_m)
    K = camera.K.copy()
    K[:2, 2] += [7.0, -3.0]
    _, _, pair = labels_of(plain_head(40), camera, replace(camera, K=K))
    for labels, expected in ((pair.near_to_far, (7.0, -3.0)), (pair.far_to_near, (-7.0, 3.0))):
        moving = labels.flow.any(axis=-1)
        assert moving.sum() > 2000
        np.testing.assert_allclose(labels.flow[moving], np.broadcast_to(expected, (moving.sum(), 2)), atol=1e-9)


def test_a_head_moved_to_its_left_flows_right():
    """The person's left is the image's right: 5 mm at 1000 pixels a metre are +5 px, and -5 px on the way back."""
    camera = Camera(intrinsics(1000.0, (128.0, 128.0)), look_at(np.zeros(3), 1.0, np.eye(3)), 256, 256, "orthographic")
    T = camera.T_camera_head.copy()
    T[:3, 3] += T[:3, :3] @ [0.005, 0.0, 0.0]  # A camera that sees every point p where the first sees p + 5 mm.
    _, _, pair = labels_of(plain_head(40), camera, replace(camera, T_camera_head=T))
    there, back = pair.near_to_far, pair.far_to_near
    for labels, dx in ((there, 5.0), (back, -5.0)):
        assert labels.visible.sum() > 5000
        np.testing.assert_allclose(labels.flow[labels.visible] - [dx, 0.0], 0.0, atol=1e-9)


@pytest.mark.parametrize("far_m", [0.35, 1.6, math.inf])
def test_equal_cameras_give_exactly_zero_flow_and_see_everything(far_m: float):
    camera = dolly_camera(view_from(0.35, 128), np.zeros(3), far_m)
    view, _, pair = labels_of(hard_head(60, 300), camera, camera)
    for labels in (pair.near_to_far, pair.far_to_near):
        assert not labels.flow.any()
        np.testing.assert_array_equal(labels.visible, view.surface)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), far_m=st.sampled_from([1.6, math.inf]))
def test_flow_there_and_back_returns(seed: int, far_m: float):
    """The far camera is cut down to one pixel whose centre is exactly where a near pixel's point appears."""
    surface = plain_head(60)
    near, far = dolly_pair(seed, far_m)
    a, _, pair = labels_of(surface, near, far)
    visible = np.argwhere(pair.near_to_far.visible)
    chosen = np.random.Generator(np.random.Philox(key=seed)).choice(visible, 12)
    for row, column in chosen:
        flow = pair.near_to_far.flow[row, column]
        landing = np.array([column + 0.5, row + 0.5]) + flow
        K = far.K.copy()
        K[:2, 2] += 0.5 - landing
        spot = view_labels(surface, Camera(K, far.T_camera_head, 1, 1, far.kind))
        back = pair_labels(surface, a, spot).far_to_near
        shift = landing - 0.5  # From the one-pixel image to the far image.
        assert back.visible[0, 0]
        assert np.abs(back.flow[0, 0] - shift + flow).max() <= 1e-4


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), far_m=st.sampled_from([0.9, math.inf]))
def test_masks_imply_each_other_and_everything_is_zero_without_surface(seed: int, far_m: float):
    near, far = dolly_pair(seed, far_m)
    K = far.K * np.array([[2.0], [2.0], [1.0]])  # Zoomed, so that part of the head leaves the frame.
    a, b, pair = labels_of(hard_head(40, 100), near, replace(far, K=K))
    for view, other in ((a, pair.near_to_far), (b, pair.far_to_near)):
        assert not (other.visible & ~other.inside).any()
        assert not (other.inside & ~view.surface).any()
        for layer in (other.flow, view.normal, view.uv, view.part, view.hits.barycentric, view.hits.depth_axis_m):
            assert not layer[~view.surface].any()
            assert np.isfinite(layer).all()
    assert not pair.near_to_far.inside[a.surface].all()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), far_m=st.sampled_from([1.6, math.inf]))
def test_a_mirrored_scene_gives_mirrored_labels(seed: int, far_m: float):
    surface = plain_head(40)
    vertices, normals = surface.vertices @ FLIP_X, surface.normals @ FLIP_X.astype(np.float32)
    mirrored = replace(surface, vertices=vertices, normals=normals, faces=surface.faces[:, [0, 2, 1]])
    near, far = dolly_pair(seed, far_m)
    a, _, pair = labels_of(surface, near, far)
    c, _, twin = labels_of(mirrored, mirror(near), mirror(far))
    np.testing.assert_array_equal(a.hits.triangle_id, c.hits.triangle_id[:, ::-1])
    np.testing.assert_array_equal(pair.near_to_far.visible, twin.near_to_far.visible[:, ::-1])
    np.testing.assert_allclose(pair.near_to_far.flow, twin.near_to_far.flow[:, ::-1] * [-1, 1], atol=1e-8)
    np.testing.assert_allclose(a.normal, c.normal[:, ::-1] * [-1, 1, 1], atol=1e-6)


def mirror(camera: Camera) -> Camera:
    """The camera on the other side of the plane x = 0, its image flipped left to right."""
    K, T = camera.K.copy(), camera.T_camera_head.copy()
    K[0, 2] = camera.width - K[0, 2]
    T[:3, :3], T[:3, 3] = FLIP_X @ T[:3, :3] @ FLIP_X, FLIP_X @ T[:3, 3]
    return replace(camera, K=K, T_camera_head=T)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.5, 20.0), far_m=st.sampled_from([1.6, math.inf]))
def test_a_scaled_scene_gives_the_same_images(seed: int, scale: float, far_m: float):
    surface = plain_head(40)
    near, far = dolly_pair(seed, far_m)
    a, b, pair = labels_of(surface, near, far)
    c, d, twin = labels_of(replace(surface, vertices=surface.vertices * scale), scaled(near, scale), scaled(far, scale))
    for small, large in ((a, c), (b, d)):
        np.testing.assert_array_equal(small.hits.triangle_id, large.hits.triangle_id)
        np.testing.assert_allclose(small.hits.depth_axis_m * scale, large.hits.depth_axis_m, rtol=1e-9)
    np.testing.assert_allclose(pair.near_to_far.flow, twin.near_to_far.flow, atol=1e-7)
    np.testing.assert_array_equal(pair.far_to_near.visible, twin.far_to_near.visible)


def scaled(camera: Camera, scale: float) -> Camera:
    """The camera of a scene `scale` times as large that gives the same image."""
    K, T = camera.K.copy(), camera.T_camera_head.copy()
    T[:3, 3] *= scale
    K[:2, :2] /= scale if camera.orthographic else 1.0
    return replace(camera, K=K, T_camera_head=T)


@pytest.mark.parametrize("far_m", [1.6, math.inf])
def test_attributes_are_those_of_a_plain_numpy_interpolation(far_m: float):
    surface, camera = plain_head(), view_from(far_m, 256)
    view = view_labels(surface, camera)
    face, weight = view.hits.triangle_id[view.surface], view.hits.barycentric[view.surface]
    corners = surface.faces[face]
    points = np.einsum("nk,nkd->nd", weight, surface.vertices[corners])
    normal = np.einsum("nk,nkd->nd", weight, surface.normals[corners]) @ camera.T_camera_head[:3, :3].T
    np.testing.assert_array_equal(view.face, face)
    np.testing.assert_allclose(view.points_head, points, rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        view.normal[view.surface], normal / np.linalg.norm(normal, axis=1, keepdims=True), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(
        view.uv[view.surface], np.einsum("nk,nkd->nd", weight, surface.uv[corners]), rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(view.part[view.surface], surface.part[face])
    pixels, depth = project(camera, view.points_head)
    rows, columns = np.nonzero(view.surface)
    np.testing.assert_allclose(pixels, np.stack([columns, rows], axis=1) + 0.5, rtol=0, atol=1e-7)
    np.testing.assert_allclose(depth, view.hits.depth_axis_m[view.surface], rtol=0, atol=1e-10)


def test_a_point_behind_the_other_camera_has_no_flow_and_is_not_inside():
    surface, outside = plain_head(40), view_from(0.35, 64)
    T = outside.T_camera_head.copy()
    T[2, 3] = 0.05
    _, _, pair = labels_of(surface, outside, replace(outside, T_camera_head=T))
    seen = view_labels(surface, outside)
    _, depth = project(replace(outside, T_camera_head=T), seen.points_head)
    behind = np.zeros_like(seen.surface)
    behind[seen.surface] = depth <= 0
    assert behind.sum() > 100
    assert not pair.near_to_far.flow[behind].any()
    assert not pair.near_to_far.inside[behind].any()


def test_a_surface_without_normals_faces_the_camera():
    surface = make_surface([[0.0, 0, 1], [0, 9, 1], [9, 0, 1]], [[0, 1, 2]], normals=np.zeros((3, 3)))
    view = view_labels(surface, Camera(intrinsics(1.0, (0.0, 0.0)), np.eye(4), 8, 8))
    np.testing.assert_array_equal(np.unique(view.normal[view.surface], axis=0), [[0.0, 0.0, -1.0]])


def test_landmarks_are_seen_where_their_face_is():
    surface, camera = plain_head(), view_from(0.35, 256)
    hits = rasterize(surface, camera)
    rng = np.random.Generator(np.random.Philox(key=3))
    shown = rng.choice(np.unique(hits.triangle_id[hits.triangle_id >= 0]), 40)
    away = np.flatnonzero(surface.vertices[surface.faces].mean(axis=1)[:, 2] < -0.06)[:40]
    for faces, expected in ((shown, 1.0), (away, 0.0)):
        points = surface.vertices[surface.faces[faces]].mean(axis=1)
        seen = point_visibility(surface, camera, points, faces.astype(np.int32))
        assert abs(seen.mean() - expected) <= 0.1  # A face partly seen may have its middle hidden.


def test_layers_have_the_names_types_and_shapes_of_the_table():
    near, far = dolly_pair(5, size=64)
    a, b, pair = labels_of(plain_head(40), near, far)
    layers = to_layers(a, b, pair)
    expected = [name for name in LAYERS if not name.endswith(("_rgb", "_alpha"))]
    assert list(layers) == expected
    for name, array in layers.items():
        assert (array.dtype, array.shape) == (np.dtype(LAYERS[name].dtype), LAYERS[name].shape(64, 64)), name
    np.testing.assert_array_equal(layers["flow_far_to_near"], pair.far_to_near.flow.astype(np.float32))
    np.testing.assert_array_equal(layers["far_visible_in_near"], pair.far_to_near.visible)


def test_hits_at_hand_are_used():
    surface, camera = plain_head(40), view_from(0.35, 32)
    nothing = Hits(np.full((32, 32), -1, np.int32), np.zeros((32, 32, 3)), np.zeros((32, 32)))
    assert not view_labels(surface, camera, nothing).surface.any()
    assert view_labels(surface, camera).surface.any()
