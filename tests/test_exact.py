"""The label core against brute force over all triangles, against Embree, and in its corner cases.

Truth is `renderers.oracle`; `tests.brute` is the same loop compiled, and the first test here holds them equal.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import brute
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.head import Identity, Pose
from meshes.makehuman import MakeHuman
from meshes.surface import Surface
from renderers import oracle
from renderers.camera import Camera, intrinsics, pixel_rays, project, supersampled
from renderers.exact import HIDDEN, OUTSIDE, SEEN, GeometryError, Hits, rasterize, see, visibility
from renderers.labels import view_labels
from renderers.standard_scenes import hard_head, make_surface, plain_head, view_from


@cache
def default_head() -> Surface:
    """The embedded head without its alpha cards, which the compiled truth leaves to the readable one."""
    surface = MakeHuman().head(Identity(), {"jawOpen": 0.3, "eyeBlinkLeft": 0.5}, Pose(yaw=0.2)).surface
    solid = surface.cutout < 0
    tables = {name: getattr(surface, name)[solid] for name in ("faces", "part", "material", "cutout")}
    return replace(surface, **tables, cutouts=())


SCENES = {"plain": plain_head, "hard": hard_head, "default": default_head}
DISTANCES_M = (0.18, 1.6, math.inf)
KINDS = ("perspective", "orthographic")


def some_pixels(hits: Hits, count: int, seed: int = 0) -> np.ndarray:
    """(count, 2) rows and columns: three in four on the surface, the rest anywhere."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    on_surface = np.argwhere(hits.triangle_id >= 0)
    anywhere = np.argwhere(np.ones_like(hits.triangle_id, bool))
    return np.concatenate([rng.choice(on_surface, count * 3 // 4), rng.choice(anywhere, count - count * 3 // 4)])


def assert_equal_to_truth(surface: Surface, camera: Camera, pixels: np.ndarray) -> None:
    hits = rasterize(surface, camera)
    at = tuple(pixels.T)
    face, weights, depth = brute.first_hits(surface, camera, pixels)
    assert np.count_nonzero(hits.triangle_id[at] != face) == 0
    np.testing.assert_allclose(hits.barycentric[at], weights, rtol=0, atol=1e-7)
    np.testing.assert_allclose(hits.depth_axis_m[at], depth, rtol=0, atol=1e-9)


def assert_flow_equal_to_truth(surface: Surface, camera: Camera, other: Camera, pixels: np.ndarray) -> None:
    """Flow from the core's surface points against flow from the oracle's, in pixels of `other`."""
    labels = view_labels(surface, camera)
    face, weights, _ = brute.first_hits(surface, camera, pixels)
    hit = face >= 0
    corners = surface.vertices[surface.faces[face[hit]]]
    truth, _ = project(other, np.einsum("nk,nkd->nd", weights[hit], corners))
    order = np.cumsum(labels.surface.ravel()).reshape(labels.surface.shape) - 1
    points = labels.points_head[order[tuple(pixels[hit].T)]]
    assert np.abs(project(other, points)[0] - truth).max() <= 1e-6


def test_the_compiled_truth_is_the_readable_one():
    surface = hard_head(24, 40)
    for distance_m in DISTANCES_M:
        camera = view_from(distance_m, 64)
        hits = rasterize(surface, camera)
        pixels = some_pixels(hits, 300)
        for readable, compiled in zip(
            oracle.first_hits(surface, camera, pixels), brute.first_hits(surface, camera, pixels), strict=True
        ):
            np.testing.assert_allclose(readable, compiled, rtol=0, atol=1e-9)
        labels = view_labels(surface, view_from(0.35, 24))
        arguments = surface, camera, labels.points_head, labels.face
        np.testing.assert_array_equal(oracle.point_codes(*arguments), brute.point_codes(*arguments))


@pytest.mark.parametrize("distance_m", DISTANCES_M)
@pytest.mark.parametrize("scene", SCENES)
def test_no_wrong_face_and_no_wrong_flow(scene: str, distance_m: float):
    surface, camera = SCENES[scene](), view_from(distance_m, 256)
    pixels = some_pixels(rasterize(surface, camera), 4000)
    assert_equal_to_truth(surface, camera, pixels)
    assert_flow_equal_to_truth(surface, camera, view_from(1.6 if distance_m < 1 else 0.18, 256), pixels[:1000])


@pytest.mark.parametrize(("near_m", "far_m"), [(0.18, 1.6), (0.35, math.inf)])
@pytest.mark.parametrize("scene", SCENES)
def test_no_wrong_visibility(scene: str, near_m: float, far_m: float):
    surface, near, far = SCENES[scene](), view_from(near_m, 256), view_from(far_m, 256)
    for a, b in ((near, far), (far, near)):
        seen = view_labels(surface, a)
        chosen = np.random.Generator(np.random.Philox(key=1)).choice(len(seen.face), 2000, replace=False)
        code = visibility(surface, b, seen.points_head, seen.face)[chosen]
        truth = brute.point_codes(surface, b, seen.points_head[chosen], seen.face[chosen])
        assert np.count_nonzero(code != truth) == 0


@pytest.mark.slow
@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("distance_m", DISTANCES_M)
@pytest.mark.parametrize("scene", SCENES)
def test_no_wrong_face_in_the_whole_image(scene: str, distance_m: float, size: int):
    surface, camera = SCENES[scene](), view_from(distance_m, size)
    assert_equal_to_truth(surface, camera, np.argwhere(np.ones((size, size), bool)))


@pytest.mark.slow
@pytest.mark.parametrize("far_m", [1.6, math.inf])
@pytest.mark.parametrize("scene", SCENES)
def test_no_wrong_visibility_at_512(scene: str, far_m: float):
    surface, near, far = SCENES[scene](), view_from(0.18, 512), view_from(far_m, 512)
    for a, b in ((near, far), (far, near)):
        seen = view_labels(surface, a)
        code = visibility(surface, b, seen.points_head, seen.face)
        assert np.count_nonzero(code != brute.point_codes(surface, b, seen.points_head, seen.face)) == 0


@pytest.mark.parametrize("scene", SCENES)
def test_embree_differs_only_where_truth_is_with_us(scene: str):
    rtcore_scene = pytest.importorskip("embreex.rtcore_scene", reason="embreex is not installed")
    mesh_construction = pytest.importorskip("embreex.mesh_construction")
    surface, camera = SCENES[scene](), view_from(0.35, 256)
    label = np.flatnonzero(surface.face_label)
    embree = rtcore_scene.EmbreeScene()
    mesh_construction.TriangleMesh(embree, surface.vertices.astype(np.float32), surface.faces[label])
    columns, rows = pixel_rays(camera)
    rays = np.stack([*np.meshgrid(columns, rows), np.ones((256, 256))], axis=-1).reshape(-1, 3)
    R, t = camera.T_camera_head[:3, :3], camera.T_camera_head[:3, 3]
    origins = np.broadcast_to(-R.T @ t, rays.shape).astype(np.float32)
    theirs = embree.run(origins, (rays @ R).astype(np.float32)).reshape(256, 256)
    theirs = np.where(theirs < 0, -1, label[theirs])
    differing = np.argwhere(theirs != rasterize(surface, camera).triangle_id)
    assert len(differing) <= 20
    if len(differing):
        assert_equal_to_truth(surface, camera, differing)


@pytest.mark.parametrize("eye_m", [0.13, 0.09, 0.05, 0.01])
def test_a_camera_inside_the_head_sees_its_inside(eye_m: float):
    surface = plain_head(40)
    outside = view_from(0.35, 48)
    T = outside.T_camera_head.copy()
    T[2, 3] = eye_m
    inside = Camera(intrinsics(0.6 * 48, (24.0, 24.0)), T, 48, 48)
    pixels = np.argwhere(np.ones((48, 48), bool))
    assert_equal_to_truth(surface, inside, pixels)
    seen = view_labels(surface, outside)
    code = visibility(surface, inside, seen.points_head, seen.face)
    np.testing.assert_array_equal(code, brute.point_codes(surface, inside, seen.points_head, seen.face))
    assert OUTSIDE in code


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size_m=st.sampled_from([1.0, 3e-4]), kind=st.sampled_from(KINDS))
def test_faces_through_the_plane_of_the_camera(seed: int, size_m: float, kind: str):
    """A handful of large faces around the camera, most of them cut by its plane or by the near limit."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    surface = make_surface(rng.uniform(-size_m, size_m, (18, 3)), np.arange(18).reshape(6, 3))
    focal_px = 16.0 if kind == "perspective" else 16.0 / size_m
    camera = Camera(intrinsics(focal_px, (16.3, 15.9)), np.eye(4), 32, 32, kind)
    assert_equal_to_truth(surface, camera, np.argwhere(np.ones((32, 32), bool)))
    face = rng.integers(0, 6, 200).astype(np.int32)
    points = np.einsum("nk,nkd->nd", rng.dirichlet(np.ones(3), 200), surface.vertices[surface.faces[face]])
    code = visibility(surface, camera, points, face)
    np.testing.assert_array_equal(code, brute.point_codes(surface, camera, points, face))


def test_a_face_seen_edge_on_does_not_hide_its_own_points():
    """Its depth under its own points is badly conditioned, so that only the face's id can tell."""
    corners = np.array([[-0.3, 0.0, 0.5], [0.4, 1e-13, 0.7], [0.1, -1e-13, 1.9]])
    R = np.linalg.qr(np.random.Generator(np.random.Philox(key=1)).normal(size=(3, 3)))[0]
    T = np.eye(4)
    T[:3, :3] = R * np.linalg.det(R)
    camera = Camera(intrinsics(10.0, (1e3, 1e3)), T, 2000, 2000)
    surface = make_surface(corners @ T[:3, :3], [[0, 1, 2]])
    weights = np.random.Generator(np.random.Philox(key=2)).dirichlet(np.ones(3), 5000)
    points = weights @ surface.vertices
    code = visibility(surface, camera, np.repeat(points, 2, axis=0), np.tile(np.array([0, -1], np.int32), 5000))
    assert (code[0::2] == SEEN).all()
    assert (code[1::2] == HIDDEN).any()


def test_the_depth_of_a_sliver_stays_between_its_corners():
    """A face that all but contains a pixel's ray: its own arithmetic would put the hit anywhere."""
    rng = np.random.Generator(np.random.Philox(key=4))
    v, u = np.mgrid[:64, :64] + 0.5
    rays = np.stack([u, v, np.ones_like(u)], axis=-1).reshape(-1, 1, 3)
    corners = rays * rng.uniform(0.5, 2.0, (4096, 3, 1)) + rng.normal(0, 1e-14, (4096, 3, 3))
    hits = rasterize(make_surface(corners.reshape(-1, 3), np.arange(4096 * 3).reshape(-1, 3)), unit_camera(64))
    hit = hits.triangle_id >= 0
    z = corners[hits.triangle_id[hit], :, 2]
    assert hit.sum() > 300
    assert (hits.depth_axis_m[hit] >= z.min(axis=1)).all()
    assert (hits.depth_axis_m[hit] <= z.max(axis=1)).all()


def square_on_pixel_centres(size: int, depth: np.ndarray, diagonals: np.ndarray) -> Surface:
    """Quads whose corners project exactly to the pixel centres of `unit_camera`; depths are powers of two."""
    v, u = np.mgrid[:size, :size] + 0.5
    vertices = (np.stack([u, v, np.ones_like(u)], axis=-1) * depth[..., None]).reshape(-1, 3)
    index = np.arange(size * size).reshape(size, size)
    a, b, c, d = (x.ravel() for x in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    flat = diagonals[:, None]
    first = np.where(flat, np.stack([a, b, c], axis=1), np.stack([a, b, d], axis=1))
    second = np.where(flat, np.stack([a, c, d], axis=1), np.stack([b, c, d], axis=1))
    return make_surface(vertices, np.concatenate([first, second]))


def unit_camera(size: int) -> Camera:
    return Camera(intrinsics(1.0, (0.0, 0.0)), np.eye(4), size, size)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_centre_on_edges_and_corners_belongs_to_exactly_one_face(seed: int):
    rng = np.random.Generator(np.random.Philox(key=seed))
    size = 5
    surface = square_on_pixel_centres(size, 2.0 ** rng.integers(-2, 3, (size, size)), rng.random(16) < 0.5)
    covered = np.zeros((size, size), int)
    for face in surface.faces:
        alone = make_surface(surface.vertices, face[None])
        covered += rasterize(alone, unit_camera(size)).triangle_id >= 0
    assert (covered[1:-1, 1:-1] == 1).all()
    assert covered.max() == 1
    np.testing.assert_array_equal(covered, rasterize(surface, unit_camera(size)).triangle_id >= 0)


def test_the_order_of_faces_changes_nothing_but_their_ids():
    surface, camera = hard_head(60, 300), view_from(0.35, 128)
    order = np.random.Generator(np.random.Philox(key=2)).permutation(len(surface.faces))
    shuffled = replace(
        surface, faces=surface.faces[order], part=surface.part[order], material=surface.material[order],
        cutout=surface.cutout[order],
    )  # fmt: skip
    a, b = rasterize(surface, camera), rasterize(shuffled, camera)
    np.testing.assert_array_equal(a.triangle_id, np.where(b.triangle_id < 0, -1, order[b.triangle_id]))
    assert a.barycentric.tobytes() == b.barycentric.tobytes()
    assert a.depth_axis_m.tobytes() == b.depth_axis_m.tobytes()


@pytest.mark.parametrize("faces", [[[0, 1, 2], [3, 4, 5]], [[2, 1, 0], [3, 4, 5]], [[3, 4, 5], [2, 1, 0]]])
def test_of_equally_near_faces_the_lowest_id_is_seen(faces: list[list[int]]):
    corners = np.array([[-40.0, -40, 1], [0, 80, 1], [80, -40, 1]])
    surface = make_surface(np.concatenate([corners, corners]), faces)
    assert (rasterize(surface, unit_camera(8)).triangle_id == 0).all()


def test_zero_area_faces_are_never_seen_and_hide_nothing():
    surface, camera = plain_head(40), view_from(0.35, 96)
    a, b, _ = surface.faces[0]
    spikes = np.array([[a, a, a], [a, a, b], [a, b, b]])
    spiked = make_surface(surface.vertices, np.concatenate([spikes, surface.faces]))
    plain, seen = rasterize(surface, camera), rasterize(spiked, camera)
    np.testing.assert_array_equal(seen.triangle_id, np.where(plain.triangle_id < 0, -1, plain.triangle_id + 3))
    labels = view_labels(spiked, camera)
    assert (visibility(spiked, camera, labels.points_head, labels.face) == SEEN).all()


def test_both_sides_of_an_open_sheet_are_seen():
    corners = [[0.0, 0, 1], [0, 9, 1], [9, 0, 1]]
    front = rasterize(make_surface(corners, [[0, 1, 2]]), unit_camera(8))
    back = rasterize(make_surface(corners, [[0, 2, 1]]), unit_camera(8))
    np.testing.assert_array_equal(front.triangle_id, back.triangle_id)
    np.testing.assert_allclose(front.barycentric, back.barycentric[..., [0, 2, 1]], atol=1e-15)


def test_labels_look_through_clear_shells_and_colour_finds_them():
    surface, camera = hard_head(), view_from(0.35, 256)
    shell, label = rasterize(surface, camera, shells="clear"), rasterize(surface, camera)
    assert set(np.unique(surface.part[shell.triangle_id[shell.triangle_id >= 0]])) == {18}
    assert not (surface.part[label.triangle_id[label.triangle_id >= 0]] == 18).any()
    over_eye = (shell.triangle_id >= 0) & (label.triangle_id >= 0) & np.isin(surface.part[label.triangle_id], (12, 13))
    gap_m = (label.depth_axis_m - shell.depth_axis_m)[over_eye]
    assert over_eye.sum() > 100
    assert gap_m.min() > 0
    assert np.median(gap_m) < 2e-4


def cut_card(uv_scale: float = 1.0) -> Surface:
    """A card with a checkered alpha map (0, 127, 128, 255) in front of a wall."""
    alpha = np.array([[0, 127, 128, 255], [255, 0, 127, 128], [128, 255, 0, 127]], np.uint8)
    corners = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    card = np.concatenate([corners * 0.2, np.full((4, 1), 0.5)], axis=1) + [0, 0, 0.03] * np.array([[0], [1], [2], [1]])
    wall = np.concatenate([corners, np.full((4, 1), 1.0)], axis=1)
    uv = (corners * [1, -1] + 1) / 2 * uv_scale
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return make_surface(
        np.concatenate([card, wall]), np.concatenate([faces, faces + 4]), uv=np.concatenate([uv, uv]),
        cutout=np.array([0, 0, -1, -1]), cutouts=(alpha,),
    )  # fmt: skip


@pytest.mark.parametrize("uv_scale", [1.0, 1.7])
@pytest.mark.parametrize("kind", KINDS)
def test_an_alpha_map_cuts_raster_and_visibility_as_it_cuts_the_oracle(kind: str, uv_scale: float):
    surface = cut_card(uv_scale)
    focal_px = 40.0 if kind == "perspective" else 60.0
    camera = Camera(intrinsics(focal_px, (24.2, 23.9)), np.eye(4), 48, 48, kind)
    hits = rasterize(surface, camera)
    face, weights, _ = oracle.first_hits(surface, camera, np.argwhere(np.ones((48, 48), bool)))
    np.testing.assert_array_equal(hits.triangle_id.ravel(), face)
    np.testing.assert_allclose(hits.barycentric.reshape(-1, 3), weights, atol=1e-12)
    assert {0, 2, 3} <= set(np.unique(face))
    aside = Camera(intrinsics(40.0, (24.2, 23.9)), np.eye(4) + 0.2 * np.eye(4, k=3), 48, 48)
    points = view_labels(surface, aside)
    code = visibility(surface, camera, points.points_head, points.face)
    np.testing.assert_array_equal(code, oracle.point_codes(surface, camera, points.points_head, points.face))
    assert {SEEN, HIDDEN} <= set(np.unique(code))


def test_sub_samples_lie_inside_their_pixel():
    surface, camera = plain_head(40), view_from(0.35, 64)
    odd = rasterize(surface, supersampled(camera, 3))
    # The middle of 3 x 3 sub-samples is the pixel's own centre.
    np.testing.assert_array_equal(odd.triangle_id[1::3, 1::3], rasterize(surface, camera).triangle_id)
    np.testing.assert_allclose(odd.depth_axis_m[1::3, 1::3], rasterize(surface, camera).depth_axis_m, atol=1e-12)


def test_threads_and_read_only_arrays_give_the_same_bytes():
    surface, camera = hard_head(60, 300), view_from(0.35, 128)
    frozen = replace(surface, vertices=surface.vertices.copy(), faces=np.asfortranarray(surface.faces))
    frozen.vertices.flags.writeable = False
    expected = [array.tobytes() for array in vars(rasterize(surface, camera)).values()]
    with ThreadPoolExecutor(2) as pool:
        for hits in pool.map(lambda s: rasterize(s, camera), [surface, frozen] * 3):
            assert [array.tobytes() for array in vars(hits).values()] == expected


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_compiled_projection_has_the_bits_of_the_readable_one(kind: str, seed: int):
    rng = np.random.Generator(np.random.Philox(key=seed))
    T = np.eye(4)
    T[:3] = rng.normal(size=(3, 4))
    camera = Camera(intrinsics(rng.uniform(1, 5000), tuple(rng.uniform(-9, 900, 2))), T, 8, 8, kind)
    points = rng.normal(size=(50, 3)) * 10.0 ** rng.uniform(-6, 3, (50, 1))
    pixels, depth = project(camera, points)
    seen = see(camera, points)
    assert seen[:, 2].tobytes() == depth.tobytes()
    assert seen[:, 3:].tobytes() == pixels.tobytes()


def test_points_outside_the_frame_or_behind_are_outside():
    surface, camera = plain_head(40), view_from(0.35, 64)
    points = np.array([[0.0, 0, 0.5], [5.0, 0, 0], [0, -5.0, 0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(
        visibility(surface, camera, points, np.full(4, -1, np.int32)), [OUTSIDE, OUTSIDE, OUTSIDE, HIDDEN]
    )


def test_an_empty_surface_gives_an_empty_view():
    surface = make_surface(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    hits = rasterize(surface, view_from(0.35, 16))
    assert (hits.triangle_id == -1).all()
    assert not hits.depth_axis_m.any()
    assert len(view_labels(surface, view_from(0.35, 16)).face) == 0


def test_unusable_input_is_refused_with_what_to_do():
    surface, camera = plain_head(8), view_from(0.35, 16)
    vertices = surface.vertices.copy()
    vertices[7] = np.nan
    with pytest.raises(GeometryError, match=r"expected finite vertices, got 1 .* first is 7.*repair the mesh"):
        rasterize(replace(surface, vertices=vertices), camera)
    with pytest.raises(GeometryError, match=r"expected face corners in 0 \.\. 1730, got -1 \.\. .*; drop the faces"):
        rasterize(replace(surface, faces=surface.faces - surface.faces.min() - 1), camera)
    with pytest.raises(GeometryError, match="expected an image of 1 to 65535 pixels a side, got 16 x 0; set"):
        rasterize(surface, replace(camera, height=0))
    with pytest.raises(
        GeometryError, match=r"expected 3056 rows of part for 1731 vertices and 3056 faces, got 1; give"
    ):
        rasterize(replace(surface, part=surface.part[:1]), camera)
    with pytest.raises(GeometryError, match=r"expected cutouts 0 \.\. 2, got 0 alpha maps; add"):
        rasterize(replace(surface, cutout=surface.cutout + 3), camera)
    with pytest.raises(GeometryError, match=r"expected a finite camera with positive focal lengths .*; build it with"):
        rasterize(surface, replace(camera, K=camera.K * np.nan))
    with pytest.raises(GeometryError, match="expected a face for each of 2 points, got 1; -1 is none"):
        visibility(surface, camera, np.zeros((2, 3)), np.zeros(1, np.int32))
