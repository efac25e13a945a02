"""What skin, eyes and things look like in the photo tier: levels, spreading light, light from behind."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("mitsuba", reason="the photo tier needs the extra [photo]")

from meshes.eyes import eye_materials
from meshes.surface import Material, Surface
from renderers.camera import Camera, intrinsics
from renderers.light import EnvironmentLight
from renderers.photo import materials, skin, variants
from renderers.preview import reflectance_table

mi = variants.mitsuba()

SIZE = 48
PIXEL_M = 0.0004
CAMERA = Camera(
    intrinsics(1.0 / PIXEL_M, (SIZE / 2, SIZE / 2)), np.diag([1.0, -1.0, -1.0, 1.0]), SIZE, SIZE, "orthographic"
)
SKIN = Material("skin", 0.5, 0.028, 1.0)


def _flat(size: int = SIZE, slope: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Positions (size, size, 3) of a plane under `CAMERA`, `slope` metres deep a metre across; and full coverage."""
    rows, columns = (np.mgrid[:size, :size] + 0.5 - size / 2) * PIXEL_M
    return np.stack([columns, -rows, -slope * columns], axis=-1).astype(np.float32), np.ones((size, size), np.float32)


def _spread(light: np.ndarray, position: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    normal = np.broadcast_to(np.float32([0, 0, 1]), position.shape)
    return skin.scatter(light.astype(np.float32), position, normal, coverage, CAMERA)


def _ring(x: np.ndarray, s: np.ndarray) -> np.ndarray:
    """The profile times 2 pi x."""
    return (np.exp(-x / s) + np.exp(-x / (3 * s))) / (4 * s)


def twin(light: np.ndarray, position: np.ndarray, coverage: np.ndarray, pixel_m: np.ndarray) -> np.ndarray:
    """`skin.scatter` one tap at a time for whole pictures, in float64."""
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    spread = np.array(skin.SPREAD_M)
    total, weights = 1e-6 * light.astype(np.float64), np.full(light.shape, 1e-6)
    for radius, cosine, sine in skin.spiral():
        # Pixels are chosen in float32, as the compiled loop chooses them.
        dy, dx = (np.rint(radius / pixel_m * way).astype(int) for way in (sine, cosine))
        r, c = rows + dy, columns + dx
        inside = (r >= 0) & (r < light.shape[0]) & (c >= 0) & (c < light.shape[1])
        r, c = np.where(inside, r, rows), np.where(inside, c, columns)
        far = np.linalg.norm(position[r, c].astype(np.float64) - position, axis=-1)
        stretch = np.maximum(far / np.maximum(pixel_m * np.hypot(dx, dy), 1e-30), 0.5)
        stretch = np.where((dx == 0) & (dy == 0), 1.0, stretch)[..., None]
        weight = (inside * coverage[r, c])[..., None] * _ring(radius * stretch, spread)
        weight /= stretch * _ring(radius, spread[0])
        total, weights = total + weight * light[r, c], weights + weight
    return np.where(coverage[..., None] > 0, total / weights, 0.0)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.0, 5.0), st.floats(0.0, 3.0))
def test_an_even_field_stays_what_it_is(level: float, slope: float) -> None:
    position, coverage = _flat(slope=slope)
    coverage[:, :9] = 0
    light = np.full((SIZE, SIZE, 3), level, np.float32)
    light[coverage == 0] = 1e9
    out = _spread(light, position, coverage)
    np.testing.assert_allclose(out[coverage > 0], level, rtol=1e-5, atol=1e-7)
    assert (out[coverage == 0] == 0).all()


def test_the_compiled_loop_equals_its_twin() -> None:
    rng = np.random.default_rng(5)
    position, _ = _flat(24, slope=0.7)
    position[:, 12:, 2] += 0.003
    coverage = np.clip(rng.normal(0.7, 0.4, (24, 24)), 0, 1).astype(np.float32)
    light = rng.random((24, 24, 3)).astype(np.float32)
    camera = Camera(intrinsics(1.0 / PIXEL_M, (12, 12)), CAMERA.T_camera_head, 24, 24, "orthographic")
    out = skin.scatter(light, position, position, coverage, camera)
    pixel_m = skin.metres_a_pixel(position, coverage, camera)
    np.testing.assert_allclose(out, twin(light, position, coverage, pixel_m), rtol=2e-5, atol=1e-6)


def test_red_reaches_farther_over_an_edge_than_blue_and_by_the_profile() -> None:
    position, coverage = _flat()
    light = np.zeros((SIZE, SIZE, 3))
    light[:, SIZE // 2 :] = 1
    over = _spread(light, position, coverage)[SIZE // 2, : SIZE // 2][::-1]  # From the edge into the dark.
    assert over[1, 0] > over[1, 1] > over[1, 2]
    assert (np.diff(over[:8], axis=0) <= 0.02).all()
    for channel, s in enumerate(skin.SPREAD_M):
        # Beyond a straight edge at distance d: the profile over a half plane, summed in rings.
        d = (np.arange(6) + 0.5) * PIXEL_M
        x = np.linspace(1e-7, 40 * s, 200_001)
        beyond = [(_ring(x, s) * np.arccos(np.clip(at / x, -1, 1)) / np.pi).sum() * (x[1] - x[0]) for at in d]
        np.testing.assert_allclose(over[:6, channel], beyond, atol=0.035)


def test_light_does_not_leap_over_a_step_in_depth() -> None:
    position, coverage = _flat()
    position[:, SIZE // 2 :, 2] -= 0.05
    light = np.zeros((SIZE, SIZE, 3))
    light[:, SIZE // 2 :] = 1
    assert _spread(light, position, coverage)[:, : SIZE // 2].max() < 1e-4


def test_a_picture_from_afar_keeps_its_light() -> None:
    light = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)
    position, coverage = _flat()
    far = Camera(intrinsics(20.0, (SIZE / 2, SIZE / 2)), CAMERA.T_camera_head, SIZE, SIZE, "orthographic")
    np.testing.assert_allclose(skin.scatter(light, 125 * position, position, coverage, far), light, rtol=1e-5)


@given(st.floats(0, 0.1), st.floats(0, 0.1))
def test_thicker_sheets_let_less_through_and_red_most(a: float, b: float) -> None:
    thin, thick = skin.transmittance(np.array(sorted((a, b))))
    assert ((thick >= 0) & (thick <= thin) & (thin <= 1)).all()
    assert thin[0] >= thin[1] >= thin[2]


def test_transmittance_is_the_profile_summed_over_the_other_side() -> None:
    for s, passed in zip(skin.SPREAD_M, skin.transmittance(0.002), strict=True):
        r = np.linspace(0, 0.2, 2_000_001)
        x = np.hypot(r, 0.002)
        profile = (np.exp(-x / s) + np.exp(-x / (3 * s))) / (8 * np.pi * s * x)
        assert passed == pytest.approx(np.trapezoid(profile * 2 * np.pi * r, r), rel=1e-4)
    assert (skin.transmittance(np.inf) == 0).all()


def _slab(thickness_m: float, cells: int = 8, side_m: float = 0.08, material: Material = SKIN) -> Surface:
    """A closed sheet in the plane z = 0, its front towards +Z; vertices of the front come first."""
    axis = np.linspace(-side_m / 2, side_m / 2, cells + 1)
    x, y = (a.ravel() for a in np.meshgrid(axis, axis))
    sheet = np.stack([x, y, np.zeros_like(x)], axis=1)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    a, b, c, d = corner, corner + 1, corner + cells + 2, corner + cells + 1
    front = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    n, k = len(sheet), cells + 1
    rim = np.concatenate([np.arange(k), np.arange(2 * k - 1, k * k, k), np.arange(k * k - 2, k * k - k - 1, -1)])
    rim = np.concatenate([rim, np.arange(k * k - 2 * k, 0, -k)])
    after = np.roll(rim, -1)
    wall = np.concatenate([np.stack([rim, rim + n, after], axis=1), np.stack([after, rim + n, after + n], axis=1)])
    faces = np.concatenate([front, front[:, ::-1] + n, wall]).astype(np.int32)
    normals = np.repeat(np.float32([[0, 0, 1], [0, 0, -1]]), n, axis=0)
    vertices = np.concatenate([sheet, sheet - [0, 0, thickness_m]])
    none = np.zeros(len(faces), np.uint8)
    return Surface(
        vertices, faces, normals, np.zeros((2 * n, 2), np.float32), np.ones((2 * n, 3), np.float32), none + 1, none,
        (material,), np.full(len(faces), -1, np.int32),
    )  # fmt: skip


def _from_behind() -> EnvironmentLight:
    radiance = np.zeros((32, 64, 3), np.float32)
    radiance[:, 16:48] = 1
    return EnvironmentLight(radiance, "behind")


def test_a_thin_sheet_glows_by_its_transmittance_and_a_thick_one_does_not() -> None:
    middle = 40
    for thickness_m in (0.001, 0.003, 0.006):
        got = skin.glow(_slab(thickness_m), _from_behind())
        passed = skin.transmittance(thickness_m)
        np.testing.assert_allclose(got.light[middle], passed / (1 + passed), rtol=0.06)
        np.testing.assert_allclose(got.kept[middle], 1 / (1 + passed), rtol=0.06)
        assert got.light[middle, 0] > 2 * got.light[middle, 2] or thickness_m == 0.001
        # What leaves in front and what is kept behind together are no more than what arrives, and nearly all.
        both = got.light[middle] + got.kept[middle + 81]
        assert ((both > 0.93) & (both <= 1.001)).all()
    thick = skin.glow(_slab(0.03), _from_behind())
    assert not thick.light.any()
    assert (thick.kept == 1).all()


def test_only_skin_glows() -> None:
    for stuff in (Material("teeth", subsurface=1.0), Material("cloth")):
        assert not skin.glow(_slab(0.002, material=stuff), _from_behind()).light.any()


def test_nothing_comes_through_where_the_other_side_is_closed_off() -> None:
    sheet, wall = _slab(0.002), _slab(0.002, material=Material("cloth"))
    for gap_m, closed in ((0.004, True), (0.05, False)):
        both = replace(
            sheet,
            vertices=np.concatenate([sheet.vertices, wall.vertices - [0, 0, gap_m]]),
            faces=np.concatenate([sheet.faces, wall.faces + len(sheet.vertices)]),
            material=np.repeat(np.uint8([0, 1]), len(sheet.faces)),
            materials=(*sheet.materials, *wall.materials),
            **{
                name: np.concatenate([getattr(sheet, name)] * 2)
                for name in ("normals", "uv", "color", "part", "cutout")
            },
        )
        assert (skin.glow(both, _from_behind()).kept[40] == 1).all() == closed


def test_glow_is_the_same_twice() -> None:
    a, b = (skin.glow(_slab(0.002), _from_behind()) for _ in range(2))
    assert (a.light.tobytes(), a.kept.tobytes()) == (b.light.tobytes(), b.kept.tobytes())


def _answer(material: Material, cosine: float, *, matt: bool = False, chance: float = 0.0) -> float:
    """Share of a white surrounding's light that a grey (0.5) surface of a material sends to an eye at a cosine."""
    count = 1 << 14
    index = np.arange(count)
    draws = np.stack([(index + 0.5) / count, np.modf(index * 0.7548776662466927)[0]]).astype(np.float32)
    numbers = materials.numbers(material, chance)
    bsdf = mi.load_dict(materials.bsdf(material, {"type": "rgb", "value": 0.5 * numbers["lift"]}, numbers))
    context = mi.BSDFContext()
    if matt:
        context.type_mask = mi.BSDFFlags.DiffuseReflection
    total = 0.0
    for u, v in draws.T[:: 1 if mi.variant().startswith("scalar") else count]:
        si = mi.SurfaceInteraction3f()
        si.wi, si.uv, si.t = mi.Vector3f(float(np.sqrt(1 - cosine**2)), 0, cosine), mi.Point2f(0.5), mi.Float(1)
        si.sh_frame, si.n = mi.Frame3f(mi.Normal3f(0, 0, 1)), mi.Normal3f(0, 0, 1)
        si.dp_du, si.dp_dv = mi.Vector3f(1, 0, 0), mi.Vector3f(0, 1, 0)
        points = mi.Point2f(float(u), float(v)) if mi.variant().startswith("scalar") else mi.Point2f(draws)
        toward = mi.warp.square_to_cosine_hemisphere(points)
        value = bsdf.eval(context, si, toward) * (np.pi / toward.z)
        total += float(np.mean(np.array(value)))
    return total / (count if mi.variant().startswith("scalar") else 1)


@pytest.mark.parametrize(
    "material",
    [
        SKIN,
        Material("lips", 0.5, 0.028, 1.0, oil=0.5, oil_roughness=0.3),
        Material("cloth", 0.85, 0.02),
        Material("frame plastic", 0.4, 0.045),
        Material("frame metal", 0.4, 0.55),
    ],
)
def test_levels_in_a_white_surrounding_are_those_of_the_preview(material: Material) -> None:
    for cosine, tolerance in ((1.0, 0.015), (0.8, 0.015), (0.4, 0.08)):
        at = round(32 * cosine)
        tables = [reflectance_table(r)[at] for r in (material.roughness, material.oil_roughness)]
        broad, narrow = (material.specular * scale + bias for scale, bias in tables)
        share = (1 - material.oil) * broad + material.oil * narrow
        assert _answer(material, cosine) == pytest.approx(0.5 * (1 - share) + share, rel=tolerance)


@given(st.floats(0.05, 0.45), st.sampled_from((0.3, 0.8)))
@settings(deadline=None, max_examples=10)
def test_how_often_paths_follow_highlights_changes_no_level(chance: float, cosine: float) -> None:
    assert _answer(SKIN, cosine, chance=chance) == pytest.approx(_answer(SKIN, cosine), rel=1e-5)


def test_the_matt_part_alone_can_be_asked_for() -> None:
    lips = Material("lips", 0.5, 0.028, 1.0, oil=0.5)
    assert 0.46 < _answer(lips, 0.8, matt=True) < 0.5 < _answer(lips, 0.8)


def test_eyes_have_a_cornea_that_bends_light_and_tissues_do_not_bleed() -> None:
    sclera, iris, cornea = eye_materials()
    assert materials.bsdf(cornea, 0.5) == {"type": "dielectric", "int_ior": 1.376}
    assert materials.bsdf(Material("lens", clear=True), 0.5)["type"] == "thindielectric"
    assert [materials.transmits(m) for m in (sclera, iris, cornea)] == [False, False, True]
    assert [materials.scatters(m) for m in (SKIN, sclera, Material("teeth", subsurface=0.5))] == [True, False, False]


def test_relief_becomes_a_height_whose_rises_it_held() -> None:
    rows, columns = np.mgrid[:64, :96] * 2 * np.pi / np.array([64.0, 96.0])[:, None, None]
    height = 40e-6 * np.sin(3 * columns) * np.cos(2 * rows) + 15e-6 * np.sin(5 * rows)
    rise = [np.roll(height, -1, axis) - np.roll(height, 1, axis) for axis in (1, 0)]
    relief = np.full((64, 96, 3), 255, np.uint8)
    for k in (0, 1):
        relief[..., k] = np.rint(128 + rise[k] / 2 / 2e-6)
    got = materials._height(Material("skin", relief=relief))[..., 0]
    np.testing.assert_allclose(got - got.mean(), height - height.mean(), atol=2.5e-6)


def test_the_plain_variant_finds_the_same_glow() -> None:
    """One process has one variant's types, so the other one is asked in a process of its own."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_photo_looks as t; "
        "assert t.mi.variant() == 'scalar_rgb'; "
        "g = t.skin.glow(t._slab(0.002), t._from_behind()); print(*g.light[40], *g.kept[40])"
    )
    scalar = os.environ | {"DATAGEN_MITSUBA_VARIANT": "scalar_rgb"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], env=scalar, capture_output=True, text=True, check=True
    )
    here = skin.glow(_slab(0.002), _from_behind())
    np.testing.assert_allclose([float(x) for x in done.stdout.split()], [*here.light[40], *here.kept[40]], rtol=1e-4)
