"""Hair of the photo tier: strands found again in ribbons, single hairs inside them, curves as Mitsuba draws them."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from datagen.heads import open_model
from meshes.hair.ribbons import TAPER, hair_material, strip_faces, strips
from meshes.head import Pose
from meshes.parts import Part
from meshes.surface import Material
from renderers.camera import Camera, intrinsics, look_at, project
from renderers.photo.strands import Hairs, hairs_of, strands_of
from renderers.standard_scenes import make_surface


def grown(counts_and_points, seed=0, half_m=0.0008):
    """A surface of ribbons, and the centre lines they were made of, one (S, 3) array each."""
    rng = np.random.default_rng(seed)
    vertices, faces, color, paths = [], [], [], []
    for count, points in counts_and_points:
        path = rng.normal(0, 0.1, (count, 1, 3)) + np.cumsum(rng.normal(0, 0.004, (count, points, 3)), axis=1)
        outward = np.tile([0.0, 0.0, 1.0], (count, points, 1))
        half, tilt = rng.uniform(0.2, 1.0, count) * half_m, rng.normal(0, 0.4, count)
        strip, _ = strips(path, outward, half, tilt, 0.55, 1.6, TAPER)
        start = sum(len(v) for v in vertices)
        faces.append(strip_faces(count, points) + start)
        vertices.append(strip.reshape(-1, 3))
        color.append(np.repeat(rng.random((count, 3), np.float32), 2 * points - 1, axis=0))
        paths += list(path)
    surface = make_surface(np.concatenate(vertices), np.concatenate(faces), Part.HAIR)
    return replace(surface, materials=(hair_material(),), color=np.concatenate(color)), paths


def lines(strands):
    return [strands.points[a:b] for a, b in zip(strands.first[:-1], strands.first[1:], strict=True)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(2, 9)), min_size=1, max_size=4), st.integers(0, 99))
def test_strands_found_are_those_grown(bundles, seed):
    surface, paths = grown(bundles, seed)
    strands = strands_of(surface)
    assert strands.faces.all()
    assert len(strands.part) == len(paths)
    for line, path in zip(lines(strands), paths, strict=True):
        np.testing.assert_allclose(line, path, rtol=0, atol=1e-15)
    tips = strands.first[1:] - 1
    assert (strands.across_m[tips] == 0).all()
    np.testing.assert_array_equal(strands.color[tips], strands.color[strands.first[:-1]])


@pytest.mark.parametrize("gone", [[0], [1], [4], [2, 3], [8]])
def test_a_ribbon_that_lost_faces_leaves_shorter_strands_on_its_line(gone):
    surface, (path,) = grown([(1, 6)])
    keep = ~np.isin(np.arange(len(surface.faces)), gone)
    cut = replace(
        surface,
        **{name: getattr(surface, name)[keep] for name in ("faces", "part", "material", "cutout")},
    )
    strands = strands_of(cut)
    assert strands.faces.all()
    assert 2 * len(strands.points) - 3 * len(strands.part) <= len(cut.faces)
    nearest = np.linalg.norm(strands.points[:, None] - path, axis=2).min(axis=1)
    whole_rows = np.linalg.norm(strands.across_m, axis=1) > 0
    assert nearest[whole_rows].max() < 1e-15
    assert nearest.max() <= 0.0008


def test_faces_that_are_no_ribbon_stay_in_the_mesh():
    surface, _ = grown([(3, 5)])
    stray = surface.faces[:2][:, [1, 0, 2]]
    faces = np.concatenate([stray, surface.faces]).astype(np.int32)
    columns = {name: getattr(surface, name) for name in ("part", "material", "cutout")}
    more = {name: np.concatenate([column[:2], column]) for name, column in columns.items()}
    strands = strands_of(replace(surface, faces=faces, **more))
    assert strands.faces.tolist() == [False, False] + [True] * 21
    plain = replace(surface, materials=(Material("cloth"),))
    assert not strands_of(plain).faces.any()
    assert len(hairs_of(strands_of(plain)).albedo) == 0


@lru_cache(maxsize=1)
def person():
    model, rng = open_model("makehuman"), np.random.Generator(np.random.Philox(key=3))
    return model.head(model.sample_identity(rng), {}, Pose(yaw=0.3)).surface


def test_every_fibre_face_of_a_person_becomes_a_strand():
    surface = person()
    fibre = np.array([material.fibre for material in surface.materials])[surface.material]
    strands = strands_of(surface)
    np.testing.assert_array_equal(strands.faces, fibre)
    assert {Part.BROWS, Part.LASHES, Part.HAIR} <= set(strands.part.tolist())
    faces_of = 2 * np.diff(strands.first) - 3
    assert faces_of.sum() == fibre.sum()


def pixels_of(camera, points):
    """Rows and columns of the pixels that points fall into, of those in the frame."""
    pixels, depth = project(camera, points)
    column, row = np.floor(pixels[depth > 0]).astype(int).T
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    return row[inside], column[inside]


def test_hairs_leave_the_outline_of_their_ribbons_by_less_than_two_pixels():
    surface = person()
    strands = strands_of(surface)
    camera = Camera(intrinsics(420.0, (128.0, 128.0)), look_at(np.zeros(3), 0.4, np.eye(3)), 256, 256)
    drawn = np.ones((256, 256), bool)
    steps, inner = np.linspace(0.0, 1.0, 9)[:, None, None], np.ones(len(strands.points), bool)
    inner[strands.first[1:] - 1] = False
    here = np.flatnonzero(inner)
    for edge in (-1.0, 0.0, 1.0):
        line = strands.points + edge * strands.across_m
        drawn[pixels_of(camera, ((1.0 - steps) * line[here] + steps * line[here + 1]).reshape(-1, 3))] = False
    away_px = ndimage.distance_transform_edt(drawn)[pixels_of(camera, hairs_of(strands).points.astype(np.float64))]
    assert away_px.max() < 2.5
    assert (away_px > 1.5).mean() < 0.01


def test_hairs_stay_in_their_ribbons_and_cover_them():
    surface, _ = grown([(40, 8)], half_m=0.001)
    strands = strands_of(surface)
    hairs = hairs_of(strands)
    half = np.linalg.norm(strands.across_m, axis=1).max()
    # Densely resampled centre lines: a cubic between points leaves the polyline by less than a tenth of a step.
    path = strands.points.reshape(40, 8, 3)
    t = np.linspace(0, 7, 300)
    dense = np.stack([[np.interp(t, np.arange(8), p[:, k]) for k in range(3)] for p in path]).transpose(0, 2, 1)
    away = np.array([np.linalg.norm(dense - p, axis=2).min() for p in hairs.points[::7].astype(np.float64)])
    assert away.max() < 1.2 * half + 0.0012
    assert len(hairs.albedo) > 8 * 40
    widths = 2 * np.maximum.reduceat(hairs.radius_m, hairs.first[:-1]).sum()
    ribbon_widths = 2 * np.maximum.reduceat(np.linalg.norm(strands.across_m, axis=1), strands.first[:-1]).sum()
    assert widths == pytest.approx(ribbon_widths, rel=1e-5)


def test_equal_strands_give_equal_hairs():
    one, two = (hairs_of(strands_of(grown([(9, 5), (4, 7)])[0])) for _ in range(2))
    for name in ("points", "radius_m", "albedo", "first", "part"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert one.points.dtype == one.radius_m.dtype == one.albedo.dtype == np.float32
    assert np.isfinite(one.points).all()
    assert (one.radius_m > 0).all()


def test_lone_hairs_follow_their_ribbons():
    surface, paths = grown([(5, 6)], half_m=0.00006)
    hairs = hairs_of(strands_of(surface))
    np.testing.assert_allclose(hairs.points, np.concatenate(paths), atol=2e-8)


def test_hair_darkens_only_as_painted():
    surface, _ = grown([(30, 5)])
    black = replace(surface, color=np.full_like(surface.color, 0.02))
    albedo = hairs_of(strands_of(black)).albedo
    assert np.exp(np.log(albedo).mean()) == pytest.approx(0.02, rel=0.05)


# What Mitsuba makes of them.


@pytest.fixture(scope="module", params=["llvm", "scalar"])
def mi(request):
    pytest.importorskip("mitsuba")
    from renderers.photo import variants

    module = variants.mitsuba()
    if request.param == "llvm" and module.variant() == "scalar_rgb":
        pytest.skip("no vectorised variant runs here")
    before = module.variant()
    module.set_variant(before if request.param == "llvm" else "scalar_rgb")
    yield module
    module.set_variant(before)


def three_hairs(radius_m=0.02):
    """Three upright hairs in red, green and blue at x = -0.1, 0, 0.1 metres."""
    y = np.linspace(-0.2, 0.2, 5)
    points = np.concatenate([np.stack([np.full(5, x), y, 0 * y], axis=1) for x in (-0.1, 0.0, 0.1)])
    albedo = np.where(np.eye(3) > 0, 0.8, 0.02)
    return Hairs(
        points.astype(np.float32), np.full(15, radius_m, np.float32), albedo.astype(np.float32),
        np.array([0, 5, 10, 15]), np.full(3, 16, np.uint8),
    )  # fmt: skip


def picture(mi, shape, spp=32, depth=6):
    place = mi.ScalarTransform4f().look_at([0, 0, 2], [0, 0, 0], [0, 1, 0]) @ mi.ScalarTransform4f().scale(0.15)
    film = {"type": "hdrfilm", "width": 15, "height": 15, "pixel_format": "rgba", "rfilter": {"type": "box"}}
    scene = {
        "type": "scene",
        "shape": shape,
        "sky": {"type": "constant"},
        "integrator": {"type": "path", "max_depth": depth, "hide_emitters": True},
        "sensor": {"type": "orthographic", "to_world": place, "film": film},
    }
    return np.array(mi.render(mi.load_dict(scene), spp=spp, seed=1))


def test_curves_stand_where_hairs_do_in_their_own_colours(mi):
    from renderers.photo.hair import hair_shapes

    seen = picture(mi, hair_shapes(three_hairs())["hair"])
    for channel, column in enumerate((2, 7, 12)):
        rgb = seen[5:10, column, :3].mean(axis=0)
        assert rgb.argmax() == channel, rgb
        assert rgb[channel] > 2 * np.delete(rgb, channel).max()
    assert seen[7, [0, 5, 9], 3].tolist() == [0, 0, 0]


def test_a_clear_hair_in_a_white_room_is_as_bright_as_the_room(mi, monkeypatch):
    from renderers.photo import hair

    monkeypatch.setattr(hair, "absorption", np.zeros_like)
    seen = picture(mi, hair.hair_shapes(three_hairs(0.03))["hair"], spp=64, depth=12)
    whole = seen[..., 3] == 1
    assert seen[whole][:, :3].mean() == pytest.approx(1.0, abs=0.02)


def test_lighter_hair_absorbs_less_and_every_colour_is_possible():
    pytest.importorskip("mitsuba")
    from renderers.photo.hair import absorption

    levels = absorption(np.linspace(0, 1, 50)[:, None].repeat(3, 1))
    assert np.isfinite(levels).all()
    assert (np.diff(levels[:, 0]) <= 0).all()


def test_control_points_draw_splines_through_the_points():
    pytest.importorskip("mitsuba")
    from renderers.photo.hair import control_points

    hairs = hairs_of(strands_of(grown([(3, 5), (2, 8)])[0]))
    control, first = control_points(hairs)
    inner = np.ones(len(control), bool)
    inner[first[:-1]] = inner[first[1:] - 1] = False
    at = np.flatnonzero(inner)
    knots = (control[at - 1, :3] + 4.0 * control[at, :3] + control[at + 1, :3]) / 6.0
    np.testing.assert_allclose(knots, hairs.points, atol=1e-7)
    np.testing.assert_array_equal(control[at, 3], hairs.radius_m)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-90, 90, width=32), min_size=8, max_size=8))
def test_curve_text_reads_back(values):
    pytest.importorskip("mitsuba")
    from renderers.photo.hair import curve_text

    points = np.array(values, np.float32).reshape(2, 4)
    text = curve_text(points, np.array([0, 1, 2])).decode()
    assert [bool(line.strip()) for line in text.splitlines()] == [True, False, True, False]
    read = [[float(word) for word in line.split()] for line in text.splitlines() if line.strip()]
    np.testing.assert_allclose(read, points, rtol=0, atol=5.1e-8)
