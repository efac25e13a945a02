"""The label core through lenses that bend, against brute force over all triangles; truth is `renderers.oracle`.

Every ray of that truth is `renderers.lens.undistort`'s, which tests/test_lens.py holds to OpenCV's.
"""

import math
from dataclasses import replace

import brute
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from meshes.surface import Surface
from renderers import oracle
from renderers.camera import Camera, intrinsics, pixel_directions, project
from renderers.exact import HIDDEN, OUTSIDE, SEEN, GeometryError, lens_of, rasterize, see, visibility
from renderers.kernels import triangles
from renderers.labels import pair_labels, view_labels
from renderers.lens import Distortion, fits
from renderers.standard_scenes import hard_head, make_surface, plain_head, view_from

BARREL, PINCUSHION = Distortion(k1=-0.3, k2=0.08), Distortion(k1=0.4, k2=0.1)
TILTED = Distortion(k1=-0.15, k2=0.05, p1=0.01, p2=-0.01, k3=-0.01)
LENSES = {"barrel": BARREL, "pincushion": PINCUSHION, "tilted": TILTED}
every_lens = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)


def scene(name: str) -> Surface:
    return plain_head(100) if name == "plain" else hard_head(60, 1500)


def through(lens: Distortion, near_m: float, size: int, fill: float = 0.8) -> Camera:
    return replace(view_from(near_m, size, fill=fill), distortion=lens)


def assert_equal_to_truth(surface: Surface, camera: Camera, pixels: np.ndarray) -> None:
    hits, at = rasterize(surface, camera), tuple(pixels.T)
    face, weights, depth = brute.first_hits(surface, camera, pixels)
    assert np.count_nonzero(hits.triangle_id[at] != face) == 0
    np.testing.assert_allclose(hits.barycentric[at], weights, rtol=0, atol=1e-7)
    np.testing.assert_allclose(hits.depth_axis_m[at], depth, rtol=0, atol=1e-9)


def all_pixels(camera: Camera) -> np.ndarray:
    return np.argwhere(np.ones((camera.height, camera.width), bool))


@pytest.mark.parametrize("near_m", [0.25, 0.6])
@pytest.mark.parametrize("name", ["plain", "hard"])
@every_lens
def test_no_wrong_face_and_every_point_back_on_its_pixel(lens: Distortion, name: str, near_m: float):
    surface, camera = scene(name), through(lens, near_m, 128)
    rng = np.random.Generator(np.random.Philox(key=0))
    labels = view_labels(surface, camera)
    on_surface = np.argwhere(labels.surface)
    assert_equal_to_truth(
        surface, camera, np.concatenate([rng.choice(on_surface, 1200), rng.integers(0, 128, (300, 2))])
    )
    landing, _ = project(camera, labels.points_head)
    assert np.abs(landing - (on_surface[:, ::-1] + 0.5)).max() <= 1e-6


@pytest.mark.parametrize("far_m", [1.6, math.inf])
@pytest.mark.parametrize("name", ["plain", "hard"])
@every_lens
def test_no_wrong_visibility_and_no_wrong_flow(lens: Distortion, name: str, far_m: float):
    """Into the bent view and out of it, part of the head outside its frame."""
    surface, near, far = scene(name), through(lens, 0.3, 128, fill=1.5), view_from(far_m, 128)
    a, b = view_labels(surface, near), view_labels(surface, far)
    pair = pair_labels(surface, a, b)
    codes = set()
    for one, other, found in ((a, far, pair.near_to_far), (b, near, pair.far_to_near)):
        chosen = np.random.Generator(np.random.Philox(key=1)).choice(len(one.face), 800, replace=False)
        truth = brute.point_codes(surface, other, one.points_head[chosen], one.face[chosen])
        at = tuple(np.argwhere(one.surface)[chosen].T)
        np.testing.assert_array_equal(found.visible[at], truth == SEEN)
        np.testing.assert_array_equal(found.inside[at], truth != OUTSIDE)
        goal = found.flow[at] + np.stack([at[1], at[0]], axis=1) + 0.5
        assert np.abs(goal - project(other, one.points_head[chosen])[0]).max() <= 1e-6
        codes |= set(truth.tolist())
    assert codes == {SEEN, HIDDEN, OUTSIDE}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size_m=st.sampled_from([1.0, 0.05, 3e-4]), name=st.sampled_from(list(LENSES)))
def test_huge_faces_close_to_the_lens_and_through_its_plane(seed: int, size_m: float, name: str):
    """Their edges are long curves in the picture, and some reach beyond where the lens is followed."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    corners = rng.uniform(-size_m, size_m, (30, 3)) + rng.uniform(0, 1.2) * size_m * np.eye(3)[2]
    surface = make_surface(corners, np.arange(30).reshape(10, 3))
    camera = Camera(intrinsics(24.0, (16.3, 15.9)), np.eye(4), 32, 32, distortion=LENSES[name])
    assert_equal_to_truth(surface, camera, all_pixels(camera))
    face = rng.integers(0, 10, 150).astype(np.int32)
    points = np.einsum("nk,nkd->nd", rng.dirichlet(np.ones(3), 150), surface.vertices[surface.faces[face]])
    code = visibility(surface, camera, points, face)
    np.testing.assert_array_equal(code, brute.point_codes(surface, camera, points, face))


lenses = st.builds(
    Distortion,
    k1=st.floats(-0.4, 0.4),
    k2=st.floats(-0.2, 0.2),
    p1=st.floats(-0.01, 0.01),
    p2=st.floats(-0.01, 0.01),
    k3=st.floats(-0.1, 0.1),
)


@settings(max_examples=100, deadline=None)
@given(lens=lenses, seed=st.integers(0, 2**32 - 1), spread=st.floats(-3.0, 0.7))
def test_no_point_of_a_face_leaves_its_box(lens: Distortion, seed: int, spread: float):
    """Faces from a thousandth of a focal length to several, on the axis and far beyond the lens's reach."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    camera = Camera(intrinsics(500.0, (2.0, 2.0)), np.eye(4), 4, 4, distortion=lens)
    middle = rng.normal(size=2) * rng.choice([0.3, 2.0, 5.0])
    corners = np.concatenate([middle + rng.normal(size=(3, 2)) * 10.0**spread, np.ones((3, 1))], axis=1)
    corners *= rng.uniform(0.5, 2.0, (3, 1))
    seen = see(camera, corners)
    u_low, u_high, v_low, v_high = triangles._box(seen, 0, 1, 2, lens_of(camera))
    pixels, _ = project(camera, rng.dirichlet(np.full(3, 0.5), 2000) @ corners)
    assert (pixels >= [u_low, v_low]).all()
    assert (pixels <= [u_high, v_high]).all()


def test_the_box_of_a_small_face_is_not_much_larger_than_it():
    camera = through(TILTED, 0.35, 512)
    surface = plain_head()
    seen, lens = see(camera, surface.vertices), lens_of(camera)
    for i, j, k in surface.faces[::997].astype(np.uint32):
        u_low, u_high, v_low, v_high = triangles._box(seen, i, j, k, lens)
        of_corners = np.ptp(seen[[i, j, k], 3:], axis=0)
        assert (np.array([u_high - u_low, v_high - v_low]) <= 1.05 * of_corners + 0.1).all()


@given(lens=lenses)
@settings(max_examples=20, deadline=None)
def test_what_lies_beyond_the_reach_is_never_in_the_frame(lens: Distortion):
    """The bare polynomial folds it back; labels must not."""
    K = intrinsics(40.0, (32.0, 32.0))
    assume(fits(lens, K, 64, 64))
    camera = Camera(K, np.eye(4), 64, 64, distortion=lens)
    angle, r = np.meshgrid(np.linspace(0, 6.2, 40), lens.reach * np.array([1.0001, 1.1, 1.5, 3.0, 30.0]))
    points = np.stack([r * np.cos(angle), r * np.sin(angle), np.ones_like(r)], axis=-1).reshape(-1, 3)
    nothing = make_surface(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert (visibility(nothing, camera, points, np.full(len(points), -1, np.int32)) == OUTSIDE).all()
    assert np.isfinite(project(camera, points)[0]).all()


def test_a_lens_without_numbers_is_no_lens():
    surface, camera = plain_head(60), view_from(0.35, 96)
    plain, bent = rasterize(surface, camera), rasterize(surface, replace(camera, distortion=Distortion()))
    np.testing.assert_array_equal(bent.triangle_id, plain.triangle_id)
    np.testing.assert_allclose(bent.depth_axis_m, plain.depth_axis_m, rtol=0, atol=1e-12)


def test_a_frame_moved_beyond_the_lens_behind_its_back_is_refused():
    camera = through(Distortion(k1=-0.3), 0.35, 32)
    camera.K[0, 2] += 100.0
    with pytest.raises(GeometryError, match=r"expected a lens that shows all of the frame, got .*make a new camera"):
        rasterize(plain_head(40), camera)


def test_a_barrel_draws_the_corners_in_and_a_pincushion_drives_them_out():
    """A wall of 0.6 x 0.6 m a metre away: its corner's distance from the middle of the picture, by the formula."""
    corners = [[-0.3, -0.3, 1.0], [0.3, -0.3, 1.0], [0.3, 0.3, 1.0], [-0.3, 0.3, 1.0]]
    wall = make_surface(corners, [[0, 1, 2], [0, 2, 3]])
    for lens in (BARREL, PINCUSHION):
        camera = Camera(intrinsics(100.0, (64.0, 64.0)), np.eye(4), 128, 128, distortion=lens)
        reached_px = 30.0 * (1 + lens.k1 * 0.18 + lens.k2 * 0.18**2)
        diagonal = np.diagonal(rasterize(wall, camera).triangle_id >= 0)
        assert np.flatnonzero(diagonal)[-1] == math.floor(64.0 + reached_px - 0.5)


def test_the_oracle_looks_along_the_rays_of_the_core():
    camera = through(TILTED, 0.35, 16)
    origins, along = zip(*oracle.rays(camera, all_pixels(camera)), strict=True)
    bent = np.concatenate([pixel_directions(camera).reshape(-1, 2), np.ones((256, 1))], axis=1)
    np.testing.assert_allclose(along, bent @ camera.T_camera_head[:3, :3], atol=1e-15)
    assert np.ptp(origins, axis=0).max() == 0
