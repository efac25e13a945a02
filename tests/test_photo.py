"""The photo tier: cameras to a hundredth of a pixel, the light's direction and level, and the same bytes anywhere."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.errors import UsageError
from meshes.surface import Material, Surface
from renderers import preview
from renderers.camera import Camera, dolly_camera, intrinsics, look_at, project, supersampled, unproject
from renderers.exact import GeometryError, rasterize
from renderers.light import EnvironmentLight, directions
from renderers.photo import check, render_views, variants
from renderers.picture import Quality, ThinLens, View
from renderers.radiance import LightError

pytest.importorskip("mitsuba", reason="the extra [photo] is not installed")

MATT = Material("card", roughness=1.0, specular=0.02)


def white(height: int = 8) -> EnvironmentLight:
    return EnvironmentLight(np.ones((height, 2 * height, 3), np.float32), "white")


def card(center: tuple[float, float, float] = (0, 0, 0), half_m: float = 0.1, grey: float = 0.18) -> Surface:
    """A square that faces +Z."""
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], float)
    return Surface(
        vertices=corners * half_m + np.array(center, float),
        faces=np.array([(0, 1, 2), (0, 2, 3)], np.int32),
        normals=np.tile(np.float32([0, 0, 1]), (4, 1)),
        uv=(corners[:, :2] / 2 + 0.5).astype(np.float32),
        color=np.full((4, 3), grey, np.float32),
        part=np.ones(2, np.uint8),
        material=np.zeros(2, np.uint8),
        materials=(MATT,),
        cutout=np.full(2, -1, np.int32),
    )


def near_camera(size: int = 32, principal: tuple[float, float] | None = None, distance_m: float = 0.3) -> Camera:
    middle = principal or (size / 2, size / 2)
    return Camera(intrinsics(1.5 * size, middle), look_at(np.zeros(3), distance_m, np.eye(3)), size, size)


def cameras() -> dict[str, Camera]:
    near = near_camera(principal=(19.3, 12.6))
    turn = np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
    turned = Camera(near.K, look_at(np.array([0.01, 0.02, 0.0]), 0.4, turn), 32, 32)
    return {
        "near": near_camera(),
        "off-centre": near,
        "turned": turned,
        "far": dolly_camera(near, np.zeros(3), 1.6),
        "orthographic": dolly_camera(near, np.zeros(3), np.inf),
    }


@pytest.fixture(scope="module", autouse=True)
def mitsuba() -> object:
    return variants.mitsuba()


@pytest.fixture
def compiled(mitsuba: object) -> None:
    """Arrays of rays and a lens with an opening are of the variants that a compiler makes quick."""
    if variants.choice().variant == "scalar_rgb":
        pytest.skip("needs a compiled variant of Mitsuba: Debian's libllvm19, or a GPU")


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("name", cameras())
def test_rays_pass_through_the_points_that_our_cameras_project_to_them(name: str) -> None:
    import mitsuba as mi

    from renderers.photo.rays import rays_of

    camera = cameras()[name]
    pixels = np.array([(0, 0), (32, 0), (5.5, 30.25), (16.1, 7.9)])
    depth_m = 1.6 if camera.orthographic else camera.T_camera_head[2, 3]
    points = unproject(camera, pixels, np.full(4, depth_m))
    rays = rays_of((View(camera),)).of(mi.UInt32([0] * 4))
    ray = rays.through(mi.Float(pixels[:, 0]), mi.Float(pixels[:, 1]), mi.Point2f(0, 0))
    o, d = np.array(ray.o, float).T, np.array(ray.d, float).T
    closest = o + d * np.einsum("nk,nk->n", points - o, d)[:, None]
    assert np.abs(project(camera, closest)[0] - pixels).max() < 1e-3


@pytest.mark.parametrize("name", cameras())
def test_a_marker_is_seen_where_our_camera_projects_it(name: str) -> None:
    camera = cameras()[name]
    # Turned in its plane, so that its edges cross pixels and sub-pixels evenly.
    turn = np.array([[np.cos(0.4), -np.sin(0.4), 0], [np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])
    square = card(half_m=0.02)
    marker = Surface(**{**square.__dict__, "vertices": square.vertices @ turn.T + np.array([0.004, -0.007, 0.0])})
    image = render_views(marker, white(), (View(camera),), Quality(256, denoise=False))[0]
    truth = (rasterize(marker, supersampled(camera, 32)).triangle_id >= 0).reshape(32, 32, 32, 32).mean(axis=(1, 3))
    assert 0 < truth.sum() == pytest.approx(float(image.alpha.sum()), rel=5e-3)
    assert np.abs(_centroid(image.alpha) - _centroid(truth)).max() < 0.01


def _centroid(alpha: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: alpha.shape[0], : alpha.shape[1]] + 0.5
    return np.array([(columns * alpha).sum(), (rows * alpha).sum()]) / alpha.sum()


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("name", cameras())
def test_mitsubas_own_sensor_of_the_plain_variant_agrees_with_our_camera(name: str) -> None:
    import mitsuba as mi

    from renderers.photo import plain

    camera = cameras()[name]
    sensor = mi.load_dict(plain.sensor(camera))
    pixels = np.array([(0, 0), (32, 0), (5.5, 30.25), (16.1, 7.9)])
    at = mi.Point2f(*(pixels / 32).T.astype(np.float32))
    ray, _ = sensor.sample_ray(0.0, 0.5, at, mi.Point2f(0.5))
    o, d = np.array(ray.o, float).T, np.array(ray.d, float).T
    plane_m = (0.0 - o[:, 2]) / d[:, 2]
    assert np.abs(project(camera, o + d * plane_m[:, None])[0] - pixels).max() < 2e-3


@pytest.mark.usefixtures("compiled")
def test_a_lens_blurs_a_point_to_the_disc_of_its_formula() -> None:
    camera, lens = near_camera(96), ThinLens(aperture_m=0.01, focus_m=0.2)
    point = card(half_m=0.0005)
    image = render_views(point, white(), (View(camera, lens=lens),), Quality(256, denoise=False))[0]
    rows, columns = np.mgrid[:96, :96] + 0.5
    variance = (image.alpha * ((rows - 48) ** 2 + (columns - 48) ** 2)).sum() / image.alpha.sum() / 2
    side_px = 144 * 0.001 / 0.3
    disc_px = 4 * np.sqrt(variance - side_px**2 / 12)  # A disc's variance along an axis is its squared diameter / 16.
    assert disc_px == pytest.approx(lens.blur_px(144, np.array(0.3)), rel=0.02)


def test_pinholes_of_the_plain_variant_agree_at_the_depth_of_focus() -> None:
    from renderers.photo import plain

    camera, lens = near_camera(), ThinLens(0.02, 0.3)
    sharp, near = np.array([[0.03, 0.02, 0.0]]), np.array([[0.03, 0.02, 0.1]])
    seen = np.array([project(c, sharp)[0][0] for c in plain.pinholes(View(camera, lens=lens), 64)])
    assert np.ptp(seen, axis=0).max() < 1e-9
    spread = np.array([project(c, near)[0][0] for c in plain.pinholes(View(camera, lens=lens), 64)])
    assert np.ptp(spread, axis=0).max() == pytest.approx(float(lens.blur_px(48, np.array(0.2))), rel=0.08)


@pytest.mark.usefixtures("compiled")
def test_the_sky_has_the_lights_radiance_in_the_direction_of_every_texel() -> None:
    import mitsuba as mi

    from renderers.photo.scene import sky

    radiance = np.random.default_rng(5).random((8, 16, 3), np.float32)
    scene = mi.load_dict({"type": "scene", "sky": sky(EnvironmentLight(radiance, "noise"))})
    si = mi.SurfaceInteraction3f()
    si.wi = mi.Vector3f(*(-directions(8).reshape(-1, 3).T).astype(np.float32))
    seen = np.array(scene.environment().eval(si)).T.reshape(8, 16, 3)
    assert np.abs(seen - radiance).max() < 1e-4


@pytest.mark.parametrize(("column", "brighter"), [(8, 1), (24, -1)])
def test_light_from_the_persons_left_falls_on_what_faces_left(column: int, brighter: int) -> None:
    radiance = np.zeros((16, 32, 3), np.float32)
    radiance[8, column] = 100.0
    left, right = (card((s * 0.05, 0, 0), 0.04) for s in (1, -1))
    tilt = np.array([[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]])
    pictures = []
    for surface, turn in ((left, tilt), (right, tilt.T)):
        normals = (surface.normals @ turn.T).astype(np.float32)
        turned = Surface(**{**surface.__dict__, "vertices": surface.vertices @ turn.T, "normals": normals})
        pictures.append(render_views(turned, EnvironmentLight(radiance, "lamp"), (View(near_camera()),), Quality(16)))
    lit = [picture[0].rgb.sum() for picture in pictures]
    assert brighter * (lit[0] - lit[1]) > 0.9 * max(lit)


def test_a_grey_card_has_the_same_level_as_in_the_preview() -> None:
    view, light = View(near_camera()), white(32)
    photo = render_views(card(), light, (view,), Quality(64, denoise=False))[0]
    shown = preview.render(preview.light_up(card(), light), view.camera)
    middle = (slice(12, 20), slice(12, 20))
    assert photo.rgb[middle].mean() == pytest.approx(float(shown.rgb[middle].mean()), rel=0.02)
    assert photo.rgb[middle].mean() == pytest.approx(0.18, rel=0.12)


def test_denoising_brings_a_picture_nearer_to_the_truth_and_leaves_nothing_around_it() -> None:
    radiance = np.full((16, 32, 3), 0.1, np.float32)
    radiance[5:7, 3:5] = 60.0
    light, view = EnvironmentLight(radiance, "lamp"), View(near_camera(64))
    truth = render_views(card(half_m=0.05), light, (view,), Quality(1024, denoise=False))[0]
    noisy, clean = (render_views(card(half_m=0.05), light, (view,), Quality(4, on))[0] for on in (False, True))
    assert np.square(clean.rgb - truth.rgb).mean() < 0.5 * np.square(noisy.rgb - truth.rgb).mean()
    assert not clean.rgb[clean.alpha == 0].any()


def _digest() -> str:
    views = tuple(View(camera) for camera in (near_camera(), cameras()["orthographic"]))
    images = render_views(card(), white(), views, Quality(3, seed=2**40 + 7))
    return hashlib.sha256(b"".join(image.rgb.tobytes() + image.alpha.tobytes() for image in images)).hexdigest()


def test_equal_seeds_give_equal_bytes_here_and_in_another_process() -> None:
    again = "import sys; sys.path.insert(0, 'tests'); import test_photo; print(test_photo._digest())"
    other = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True, timeout=300, check=True)
    assert _digest() == _digest() == other.stdout.strip()


PERSON = """
import hashlib
from dataclasses import replace
from datagen.presets import PRESETS
from datagen.plan import plan_sample
from datagen.scene import build_scene
from renderers import photo
from renderers.picture import Quality, View
recipe = replace(PRESETS["portrait"], size=128)
scene = build_scene(recipe, plan_sample(recipe, 4, 3))
images = photo.render_views(scene.head.surface, scene.light, (View(scene.near), View(scene.far)), Quality(4))
print(hashlib.sha256(b"".join(image.rgb.tobytes() + image.alpha.tobytes() for image in images)).hexdigest())
"""


def test_a_person_has_equal_bytes_for_any_number_of_threads() -> None:
    """Workers have one thread each, a run without workers has all."""
    told = {
        subprocess.run(
            [sys.executable, "-c", PERSON],
            capture_output=True, text=True, timeout=300, check=True, env=os.environ | {"NUMBA_NUM_THREADS": threads},
        ).stdout.split()[-1]
        for threads in ("1", "2", "3")
    }  # fmt: skip
    assert len(told) == 1


def test_bytes_do_not_depend_on_how_much_is_traced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _digest()
    if variants.choice().variant != "scalar_rgb":
        from renderers.photo import trace

        monkeypatch.setattr(trace, "TILE_PX", 700)
    assert _digest() == whole


def test_another_seed_and_another_view_are_other_noise() -> None:
    view = View(near_camera())
    first, second = render_views(card(half_m=0.047), white(), (view, view), Quality(2, denoise=False))
    other = render_views(card(half_m=0.047), white(), (view,), Quality(2, denoise=False, seed=1))[0]
    assert (first.alpha != second.alpha).any()
    assert (first.alpha != other.alpha).any()


def test_cut_away_parts_of_a_card_are_not_there() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[:, :2] = 128
    cut = Surface(**{**card().__dict__, "cutout": np.zeros(2, np.int32), "cutouts": (mask,)})
    alpha = render_views(cut, white(), (View(near_camera()),), Quality(16))[0].alpha
    assert (alpha[8:24, 6:15] == 1).all()
    assert not alpha[8:24, 17:26].any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_points_of_a_pixel_share_out_every_pair_of_dimensions(key: int, dimension: int) -> None:
    import mitsuba as mi

    if mi.variant() == "scalar_rgb":
        pytest.skip("the plain variant uses Mitsuba's own sampler")
    from renderers.photo.draws import pair

    points = np.array(pair(mi.UInt32(key), mi.UInt32(np.arange(16, dtype=np.uint32)), dimension)).T
    assert ((points >= 0) & (points < 1)).all()
    for across, down in ((1, 16), (2, 8), (4, 4), (8, 2), (16, 1)):
        cells = (points * [across, down]).astype(int)
        assert len({(int(a), int(b)) for a, b in cells}) == 16


def test_nothing_to_see_is_an_empty_picture() -> None:
    nothing = card()
    none = {"faces": nothing.faces[:0], "part": nothing.part[:0], "material": nothing.material[:0]}
    empty = Surface(**{**nothing.__dict__, **none, "cutout": nothing.cutout[:0]})
    image = render_views(empty, white(), (View(near_camera()),), Quality(1))[0]
    assert not image.rgb.any()
    assert not image.alpha.any()


def test_what_cannot_be_rendered_is_refused() -> None:
    view = View(near_camera())
    with pytest.raises(LightError, match="expected finite radiance"):
        render_views(card(), EnvironmentLight(np.full((8, 16, 3), np.nan, np.float32), "bad"), (view,), Quality())
    with pytest.raises(UsageError, match="expected 1 to 65536 paths a pixel, got 0"):
        render_views(card(), white(), (view,), Quality(spp=0))
    huge = Camera(view.camera.K, view.camera.T_camera_head, 60_000, 60_000)
    with pytest.raises(GeometryError, match="render them one at a time or smaller"):
        render_views(card(), white(), (View(huge),), Quality())


def test_a_missing_package_is_said_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"expected the package mitsuba, got none; install it: pip install"):
        check()


@pytest.fixture
def fresh_choice() -> object:
    variants.choice.cache_clear()
    yield
    variants.choice.cache_clear()


@pytest.mark.usefixtures("fresh_choice")
def test_a_machine_without_llvm_falls_back_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "_failure", lambda variant, library: "" if variant == "scalar_rgb" else "no")
    monkeypatch.delenv(variants.VARIANT_VARIABLE, raising=False)
    assert variants.choice().variant == "scalar_rgb"
    assert "libllvm19" in variants.choice().reason


@pytest.mark.usefixtures("fresh_choice")
def test_nothing_that_renders_is_an_error_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "_failure", lambda variant, library: "exit code -6: illegal instruction")
    monkeypatch.delenv(variants.VARIANT_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="expected Mitsuba to render, got: exit code -6: illegal instruction"):
        variants.choice()


@pytest.mark.usefixtures("fresh_choice")
def test_a_variant_can_be_named_and_a_wrong_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variants.VARIANT_VARIABLE, "scalar_rgb")
    assert variants.choice() == variants.Choice("scalar_rgb", "DATAGEN_MITSUBA_VARIANT says so")
    variants.choice.cache_clear()
    monkeypatch.setenv(variants.VARIANT_VARIABLE, "llvm")
    with pytest.raises(UsageError, match="expected one of cuda_ad_rgb, llvm_ad_rgb, scalar_rgb, got 'llvm'"):
        variants.choice()


def test_a_library_that_aborts_is_only_a_failed_probe(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "_PROBE", "import os; os.abort()")
    failure, sure = variants._probe("llvm_ad_rgb", None)
    assert failure.startswith("exit code -6")
    assert sure
