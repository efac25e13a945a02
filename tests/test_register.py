"""Scans registered to the ICT model: closest points and atlases by themselves, then people whose truth is known."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meshes.assets import AssetMissingError, find
from meshes.geometry import rotate
from meshes.head import Asset, Head, Identity, MeshError, Pose
from meshes.ict import Ict
from meshes.normals import vertex_normals
from meshes.register import Registration, register
from meshes.register.bake import feather, linear
from meshes.register.person import Residual, check
from meshes.register.target import barycentric_of_closest, closest, target
from meshes.register.texels import draw_atlas, sample_texture
from meshes.register.warp import graph_laplacian
from meshes.scan import Scan
from meshes.skinning import rotation
from meshes.srgb import encode
from meshes.surface import Material, Surface

SMALL = (528, 279)
COORDINATE = st.floats(-1.0, 1.0, width=32)
PERSON = {"identity000": 0.9, "identity001": -0.8, "identity003": 0.7, "identity007": 1.2, "identity015": -1.0}


def asset(name: str) -> Path:
    try:
        return find(name)
    except AssetMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def ict() -> Ict:
    return Ict(asset("ict"))


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A flat sheet of (side - 1)^2 squares in the plane z = 0, from 0 to 1."""
    line = np.linspace(0.0, 1.0, side)
    vertices = np.stack([*np.meshgrid(line, line), np.zeros((side, side))], axis=2).reshape(-1, 3)
    a = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + side + 1], 1), np.stack([a, a + side + 1, a + side], 1)])
    return vertices, faces


@example(np.zeros(3), np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
@given(arrays(np.float64, 3, elements=COORDINATE), arrays(np.float64, (3, 3), elements=COORDINATE))
def test_no_point_of_a_triangle_is_nearer_than_the_closest(point: np.ndarray, corners: np.ndarray) -> None:
    weight = barycentric_of_closest(point[None], corners[None])[0]
    assert weight.min() > -1e-9
    assert weight.sum() == pytest.approx(1.0, abs=1e-9)
    found = np.linalg.norm(weight @ corners - point)
    steps = np.arange(21) / 20
    a, b = (g.ravel() for g in np.meshgrid(steps, steps))
    inside = a + b <= 1.0
    tried = np.stack([1 - a - b, a, b], axis=1)[inside] @ corners
    assert found <= np.linalg.norm(tried - point, axis=1).min() + 1e-6


def test_closest_points_of_a_sheet_are_below() -> None:
    vertices, faces = grid(12)
    points = np.random.default_rng(0).uniform([0.1, 0.1, 0.01], [0.9, 0.9, 0.05], (200, 3))
    found = closest(target(vertices, faces, 20_000), points, np.broadcast_to([0.0, 0.0, 1.0], points.shape))
    assert np.abs(found.point - points * [1, 1, 0]).max() < 1e-9
    assert found.distance_m == pytest.approx(points[:, 2])
    assert found.cosine == pytest.approx(1.0)
    to_edge = np.minimum(points[:, :2], 1.0 - points[:, :2]).min(axis=1)
    assert np.abs(found.rim_m - to_edge).max() < 0.02


def test_of_two_sheets_the_one_that_faces_the_point_is_chosen() -> None:
    vertices, faces = grid(12)
    both = np.concatenate([vertices, vertices + np.array([0.0, 0.0, 0.004])])
    scan = target(both, np.concatenate([faces, faces[:, ::-1] + len(vertices)]), 20_000)
    points = np.full((5, 3), [0.5, 0.5, 0.003])
    up = closest(scan, points, np.broadcast_to([0.0, 0.0, 1.0], points.shape))
    down = closest(scan, points, np.broadcast_to([0.0, 0.0, -1.0], points.shape))
    assert up.point[:, 2] == pytest.approx(0.0, abs=1e-12)
    assert down.point[:, 2] == pytest.approx(0.004, abs=1e-12)


def test_a_closed_scan_has_no_rim() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    assert target(vertices, faces, 100).rim is None
    assert target(vertices, faces[:3], 100).rim is not None


def test_texels_know_where_they_are() -> None:
    uv = np.array([[0.1, 0.1], [0.9, 0.2], [0.2, 0.8]])
    texels = draw_atlas(uv, np.array([[0, 1, 2]]), (64, 48))
    row, column = np.nonzero(texels.covered)
    place = texels.gather(uv, np.array([[0, 1, 2]]))
    assert place[:, 0] == pytest.approx((column + 0.5) / 48, abs=1e-6)
    assert place[:, 1] == pytest.approx(1.0 - (row + 0.5) / 64, abs=1e-6)
    area = 0.5 * abs(np.cross([*(uv[1] - uv[0]), 0], [*(uv[2] - uv[0]), 0])[2]) * 64 * 48
    assert texels.covered.sum() == pytest.approx(area, rel=0.05)


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_linear_picture_is_looked_up_exactly(u: float, v: float) -> None:
    row, column = np.mgrid[0:40, 0:30]
    picture = np.stack([(column + 0.5) / 30, 1.0 - (row + 0.5) / 40, np.zeros((40, 30))], axis=2)
    assert sample_texture(picture, np.array([[u, v]]))[0, :2] == pytest.approx([u, v], abs=1e-9)


def test_every_code_survives_the_way_to_light_and_back() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(encode(linear(codes)), codes)


def test_a_laplacian_is_blind_to_translation() -> None:
    vertices, faces = grid(6)
    L = graph_laplacian(faces, len(vertices))
    assert np.abs(L @ np.ones(len(vertices))).max() == 0.0
    assert np.abs(L - L.T).max() == 0.0
    assert np.linalg.eigvalsh(L.toarray()).min() > -1e-9


def test_a_feather_begins_inside_the_mask() -> None:
    seen = np.zeros((60, 60), bool)
    seen[20:50, 20:50] = True
    share = feather(seen)
    assert share[~seen].max() == 0.0
    assert share[20, 20] < 0.1
    assert share[35, 35] == 1.0


def scan_of(head: Head, faces: np.ndarray | None = None) -> Scan:
    """A head as a scanner would give it: the outermost skin alone, no labels, no seams."""
    surface = head.surface
    skin = surface.faces[surface.material == 0] if faces is None else faces
    count = int(skin.max()) + 1
    rest = Surface(
        surface.vertices[:count],
        skin,
        surface.normals[:count],
        surface.uv[:count],
        surface.color[:count],
        np.ones(len(skin), np.uint8),
        np.zeros(len(skin), np.uint8),
        (Material("scan", texture=surface.materials[0].texture),),
        np.full(len(skin), -1, np.int32),
    )
    return Scan(replace(head, surface=rest), Asset("scan-test", "CC0-1.0"), 1.0, 0.063)


@pytest.fixture(scope="module")
def smiling(ict: Ict) -> Registration:
    smile = {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.3, "jawOpen": 0.05, "browInnerUp": 0.3}
    return register(scan_of(ict.head(Identity(PERSON), smile, Pose())), ict, eyes_closed=False, texels=SMALL)


def test_a_known_person_is_found_again_without_the_smile(ict: Ict, smiling: Registration) -> None:
    truth = ict.neutral(PERSON)
    front = (truth[:9409, 2] > -0.02) & (truth[:9409, 1] > -0.11)
    gap_m = np.linalg.norm(smiling.neutral_m[:9409] - truth[:9409], axis=1)[front]
    assert np.median(gap_m) < 0.0012
    assert np.percentile(gap_m, 95) < 0.004
    assert smiling.residual.face_median_m < 0.0003


def test_the_skin_of_a_known_person_is_found_again(ict: Ict, smiling: Registration) -> None:
    truth = ict.head(Identity(PERSON), {}, Pose()).surface
    corner = ict.layout.template
    cheek = np.flatnonzero(
        (np.abs(np.abs(corner.rest[:, 0]) - 0.04) < 0.01) & (np.abs(corner.rest[:, 1] + 0.03) < 0.01)
    )
    cheek = cheek[corner.normal[cheek, 2] > 0.3]
    texture = truth.materials[0].texture
    assert texture is not None
    own = truth.color[cheek] * linear(sample_texture(texture, truth.uv[cheek].astype(float)))
    found = linear(sample_texture(smiling.skin, truth.uv[cheek].astype(float)))
    assert np.median(np.abs(np.log(found / own))) < 0.08


def test_a_sphere_is_refused_with_the_figure(ict: Ict) -> None:
    head = ict.head(Identity(), {}, Pose())
    ball = head.surface.vertices.copy()
    middle = np.array([0.0, -0.03, -0.06])
    ball = middle + 0.1 * (ball - middle) / np.linalg.norm(ball - middle, axis=1)[:, None]
    faces = head.surface.faces[head.surface.material == 0]
    normals = vertex_normals(ball, head.surface.faces, np.arange(len(ball))).astype(np.float32)
    scan = scan_of(replace(head, surface=replace(head.surface, vertices=ball, normals=normals)), faces)
    with pytest.raises(MeshError, match=r"ball\.ply: expected the model's face within .* mm of the scan .*, got \d"):
        register(scan, ict, eyes_closed=False, texels=SMALL, name="ball.ply")


def test_a_head_upside_down_is_refused(ict: Ict) -> None:
    head = ict.head(Identity(), {}, Pose())
    turned = rotate(head.surface.vertices, rotation(0.0, 0.0, np.pi))
    scan = scan_of(replace(head, surface=replace(head.surface, vertices=turned)))
    with pytest.raises(MeshError, match=r"upside\.obj: expected"):
        register(scan, ict, eyes_closed=False, texels=SMALL, name="upside.obj")


def test_little_of_a_face_is_refused() -> None:
    good = Residual(0.0002, 0.001, 0.0003, 0.002, 0.0002, 0.001, 0.0007, 0.9)
    check(good, "good")
    with pytest.raises(MeshError, match=r"chin: expected at least 35 % of a face in the scan, got 12 %"):
        check(replace(good, cover=0.12), "chin")
    with pytest.raises(
        MeshError, match=r"far: expected the model's face within 1.0 mm of the scan \(median\), got 2.3 mm"
    ):
        check(replace(good, face_median_m=0.0023), "far")


def test_a_face_that_nobody_has_is_refused(ict: Ict) -> None:
    sign = np.where(np.random.default_rng(1).random(len(ict.modes_cm)) < 0.5, -2.7, 2.7)
    nobody = Identity(dict(zip(ict.modes_cm, map(float, sign), strict=True)))
    with pytest.raises(MeshError, match=r"nobody\.ply: expected a face within 2\.0 deviations .*, got 2\.\d\. Check"):
        register(scan_of(ict.head(nobody, {}, Pose())), ict, eyes_closed=False, texels=SMALL, name="nobody.ply")


def unzipped(name: str, folder: Path) -> Path:
    with zipfile.ZipFile(asset(name)) as pack:
        pack.extractall(folder)
    return folder


def lid_gap_m(registration: Registration, ict: Ict) -> float:
    upper, lower = ict.layout.lid_pairs.reshape(-1, 2).T
    return float((registration.neutral_m[upper, 1] - registration.neutral_m[lower, 1]).mean())


@pytest.mark.skipif("DATAGEN_ASSETS" not in os.environ, reason="DATAGEN_ASSETS names no folder with the scans")
def test_closed_eyes_of_lee_perry_smith_open(ict: Ict, tmp_path: Path) -> None:
    folder = unzipped("lee-perry-smith", tmp_path)
    scan = Scan.open(folder / "LeePerrySmith.glb", texture=folder / "color.jpg", ipd_m=0.066, flip_v=True)
    found = register(scan, ict, texels=SMALL)
    assert found.eyes_closed
    assert lid_gap_m(found, ict) > 0.006
    assert found.residual.face_median_m < 0.0004
    assert found.residual.face_p95_m < 0.002
    assert found.residual.cover > 0.9


@pytest.mark.skipif("DATAGEN_ASSETS" not in os.environ, reason="DATAGEN_ASSETS names no folder with the scans")
def test_the_raw_menpo_scan_with_holes_becomes_a_whole_head(ict: Ict, tmp_path: Path) -> None:
    folder = unzipped("menpo-james", tmp_path)
    found = register(Scan.open(folder / "james.obj"), ict, texels=SMALL)
    assert not found.eyes_closed
    assert found.residual.face_median_m < 0.0004
    assert found.residual.face_p95_m < 0.002
    assert found.residual.cover > 0.6
    height_m = np.ptp(found.neutral_m[:, 1])
    assert 0.25 < height_m < 0.42
    assert np.isfinite(found.neutral_m).all()
