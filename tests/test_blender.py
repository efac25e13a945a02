"""The gold tier against the exact core and the preview: cameras, levels, determinism, and how it fails.

What renders needs Blender (DATAGEN_BLENDER, or bpy in this Python) and is skipped without it.
"""

import math
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshes.surface import Material, Surface
from renderers import blender, preview
from renderers.blender.exchange import scene_of, uv_per_m
from renderers.blender.process import BlenderError, Worker, command
from renderers.camera import Camera, dolly_camera, intrinsics, look_at, project, supersampled
from renderers.exact import rasterize
from renderers.light import EnvironmentLight, normalize
from renderers.picture import Quality, ThinLens, View
from renderers.standard_scenes import make_surface, plain_head, uv_sphere

QUICK = Quality(spp=4, denoise=False)


@pytest.fixture(scope="module")
def cycles() -> None:
    try:
        blender.check()
    except BlenderError as missing:
        pytest.skip(str(missing))


def _white(radiance: float = 1.0) -> EnvironmentLight:
    return EnvironmentLight(np.full((16, 32, 3), radiance, np.float32), "white")


def _sky() -> EnvironmentLight:
    """Another level and colour from each side, so that a map that is turned or mirrored shows."""
    rows, columns = np.mgrid[0:32, 0:64]
    azimuth = columns / 64 * 2 * np.pi
    red, green, blue = 1 + np.cos(azimuth), 1 + np.sin(azimuth), 2 - rows / 16
    return normalize(EnvironmentLight(np.stack([red, green, blue], axis=-1).astype(np.float32), "sky"))[0]


def _matt(surface: Surface, albedo: float = 0.18) -> Surface:
    color = np.full((len(surface.vertices), 3), albedo, np.float32)
    return replace(surface, color=color, materials=(Material("matt", roughness=1.0, specular=0.0),))


def _balls(centres: list[tuple[float, float, float]], radius_m: float) -> Surface:
    direction, _, faces = uv_sphere(24, 24)
    vertices = np.concatenate([np.array(centre) + radius_m * direction for centre in centres])
    numbered = np.concatenate([faces + i * len(direction) for i in range(len(centres))])
    return _matt(make_surface(vertices, numbered))


def _camera(distance_m: float, size: int = 96, shift: tuple[float, float] = (0.0, 0.0)) -> Camera:
    """A dolly of one framing, looking a little from the side; the principal point is off the centre by shares."""
    turned = np.array([[math.cos(0.2), 0, math.sin(0.2)], [0, 1, 0], [-math.sin(0.2), 0, math.cos(0.2)]])
    K = intrinsics(0.3 * size / 0.16, (size * (0.5 + shift[0]), size * (0.5 + shift[1])))
    return dolly_camera(Camera(K, look_at(np.zeros(3), 0.3, turned), size, size), np.zeros(3), distance_m)


def _centroid(coverage: np.ndarray, near_px: np.ndarray, reach_px: float) -> np.ndarray:
    rows, columns = np.mgrid[0 : coverage.shape[0], 0 : coverage.shape[1]] + 0.5
    here = coverage * ((abs(columns - near_px[0]) < reach_px) & (abs(rows - near_px[1]) < reach_px))
    return np.array([(here * columns).sum(), (here * rows).sum()]) / here.sum()


@pytest.mark.parametrize(
    ("distance_m", "shift"),
    [(0.3, (0.0, 0.0)), (1.6, (0.06, -0.09)), (math.inf, (0.0, 0.0)), (math.inf, (-0.08, 0.05))],
)
@pytest.mark.usefixtures("cycles")
def test_markers_are_where_the_exact_core_sees_them(distance_m: float, shift: tuple[float, float]) -> None:
    centres = [(0.0, 0.0, 0.0), (0.05, 0.045, 0.03), (-0.05, 0.045, -0.04), (0.04, -0.05, -0.03), (-0.045, -0.04, 0.02)]
    surface, camera = _balls(centres, 0.008), _camera(distance_m, shift=shift)
    (image,) = blender.render_views(surface, _white(), (View(camera),), Quality(spp=400, denoise=False))
    fine = rasterize(surface, supersampled(camera, 16)).triangle_id >= 0
    exact = fine.reshape(camera.height, 16, camera.width, 16).mean(axis=(1, 3))
    places, _ = project(camera, np.array(centres))
    off_px = [_centroid(image.alpha, place, 9.0) - _centroid(exact, place, 9.0) for place in places]
    assert np.abs(off_px).max() < 0.01


@pytest.mark.usefixtures("cycles")
def test_light_comes_from_where_it_does_in_the_preview_at_the_same_level() -> None:
    surface, light, camera = _balls([(0.0, 0.0, 0.0)], 0.05), _sky(), _camera(0.3, 48)
    (image,) = blender.render_views(surface, light, (View(camera),), Quality(spp=256, denoise=False))
    unshadowed = np.ones((len(surface.vertices), 3), np.float32)
    expected = preview.render(preview.light_up(surface, light, unshadowed), camera)
    inside = expected.alpha == 1.0
    assert abs(image.rgb[inside].mean(axis=0) / expected.rgb[inside].mean(axis=0) - 1).max() < 0.02
    assert abs(image.rgb[inside] - expected.rgb[inside]).mean() < 0.01


@pytest.mark.usefixtures("cycles")
def test_a_grey_card_gets_the_level_that_the_light_was_exposed_to() -> None:
    corner = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    card = _matt(make_surface(corner, np.array([[0, 1, 2], [0, 2, 3]])))
    camera = Camera(intrinsics(100.0, (16.0, 16.0)), look_at(np.zeros(3), 0.5, np.eye(3)), 32, 32)
    (image,) = blender.render_views(card, normalize(_sky(), 0.2)[0], (View(camera),), Quality(256, False))
    assert (image.rgb @ [0.2126, 0.7152, 0.0722]).mean() == pytest.approx(0.2, rel=0.02)
    assert image.alpha.min() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.usefixtures("cycles")
def test_scattering_under_the_skin_keeps_the_albedo_of_an_even_field() -> None:
    ball = _balls([(0.0, 0.0, 0.0)], 0.05)
    skin = replace(ball, materials=(Material("skin", specular=0.0, subsurface=1.0),))
    skin = replace(skin, color=np.full_like(skin.color, (0.45, 0.27, 0.19)))
    wide = _camera(0.3, 512)
    # Where pixels are wider than the walk, Blender shades skin as if it were matt.
    camera = replace(wide, K=intrinsics(float(wide.K[0, 0]), (16.0, 16.0)), height=32, width=32)
    (image,) = blender.render_views(skin, _white(), (View(camera),), Quality(256, False))
    np.testing.assert_allclose(image.rgb.mean(axis=(0, 1)), (0.45, 0.27, 0.19), rtol=0.025)


@pytest.mark.usefixtures("cycles")
def test_equal_seeds_give_equal_bytes_also_from_another_process_and_other_seeds_do_not() -> None:
    view, surface = View(_camera(0.3, 48)), plain_head(40)
    (first,) = blender.render_views(surface, _sky(), (view,), replace(QUICK, denoise=True))
    _kill_worker()
    (again,) = blender.render_views(surface, _sky(), (view,), replace(QUICK, denoise=True))
    (other,) = blender.render_views(surface, _sky(), (view,), replace(QUICK, seed=1))
    assert first.rgb.tobytes() == again.rgb.tobytes()
    assert first.alpha.tobytes() == again.alpha.tobytes()
    assert first.rgb.tobytes() != other.rgb.tobytes()


@pytest.mark.usefixtures("cycles")
def test_a_view_is_the_same_alone_and_among_others() -> None:
    near, far = View(_camera(0.3, 48)), View(_camera(math.inf, 32))
    both = blender.render_views(plain_head(40), _sky(), (near, far), QUICK)
    for view, image in zip((near, far), both, strict=True):
        (alone,) = blender.render_views(plain_head(40), _sky(), (view,), QUICK)
        assert alone.rgb.tobytes() == image.rgb.tobytes()


@pytest.mark.usefixtures("cycles")
def test_a_lens_blurs_a_point_into_the_disc_of_the_contract() -> None:
    camera = _camera(0.3)
    lens = ThinLens(aperture_m=0.03, focus_m=0.3)
    centre = (0.12 * np.linalg.inv(camera.T_camera_head)[:3, 2])[None]
    (image,) = blender.render_views(
        _balls([tuple(centre[0])], 0.0015), _white(), (View(camera, lens=lens),), Quality(512, False)
    )
    (place,), depth_m = project(camera, centre)
    rows, columns = np.mgrid[0:96, 0:96] + 0.5
    spread_px2 = (image.alpha * ((columns - place[0]) ** 2 + (rows - place[1]) ** 2)).sum() / image.alpha.sum()
    # The mean squared distance in a disc is half the square of its radius; the ball and the pixel add theirs.
    ball_px, pixel_px2 = 0.0015 * camera.K[0, 0] / depth_m[0], 1 / 6
    blur_px = 2 * math.sqrt(2 * (spread_px2 - pixel_px2) - ball_px**2)
    assert blur_px == pytest.approx(float(lens.blur_px(float(camera.K[0, 0]), depth_m)[0]), rel=0.02)


@pytest.mark.usefixtures("cycles")
def test_cut_outs_are_cut_where_the_labels_are_and_clear_shells_are_not_there() -> None:
    corner = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 0.04
    alpha = np.array([[255, 128, 0], [127, 255, 0], [0, 0, 255]], np.uint8)
    uv = ((corner[:, :2] / 0.04 + 1) / 2).astype(np.float32)
    card = _matt(make_surface(corner, np.array([[0, 1, 2], [0, 2, 3]]), uv=uv, cutout=0, cutouts=(alpha,)))
    camera = Camera(intrinsics(300.0, (24.0, 24.0)), look_at(np.zeros(3), 0.5, np.eye(3)), 48, 48)
    (image,) = blender.render_views(card, _white(), (View(camera),), Quality(16, False))
    np.testing.assert_array_equal(image.alpha > 0.5, rasterize(card, camera).triangle_id >= 0)
    pane = replace(
        card, materials=(Material("lens", roughness=0.02, specular=0.04, clear=True),), cutout=card.cutout - 1
    )
    (clear,) = blender.render_views(pane, _white(), (View(camera),), Quality(64, False))
    assert clear.alpha[24, 24] == pytest.approx(0.04, abs=0.03)
    assert clear.rgb[20:28, 20:28].mean() == pytest.approx(0.04, abs=0.01)


def _kill_worker() -> None:
    from renderers.blender import process

    process.worker().close()


@pytest.mark.usefixtures("cycles")
def test_a_worker_that_was_killed_is_started_again() -> None:
    _kill_worker()
    (image,) = blender.render_views(plain_head(40), _sky(), (View(_camera(0.3, 16)),), QUICK)
    assert image.rgb.max() > 0


@pytest.mark.usefixtures("cycles")
def test_blender_ends_with_the_process_that_asked_it() -> None:
    script = (
        "import os, sys; from renderers.blender.process import worker; w = worker(); "
        "print(w._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ)
    child = int(out.stdout)
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1]:
            return
        time.sleep(0.1)
    pytest.fail("Blender is still there")


@pytest.mark.usefixtures("cycles")
def test_what_goes_wrong_in_blender_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("{}")
    running = Worker(command())
    with pytest.raises(BlenderError, match=r"(?s)expected a picture, got an error.*scene\.npz"):
        running.ask(tmp_path, 60.0)
    assert not running.alive


def _program(folder: Path, body: str) -> list[str]:
    path = folder / "blender"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return [str(path)]


def test_a_blender_that_dies_says_its_last_words(tmp_path: Path) -> None:
    start = _program(tmp_path, "print('answer 4.2.0', flush=True); sys.stdin.readline(); sys.exit('out of memory')")
    running = Worker(start)
    with pytest.raises(BlenderError, match=r"(?s)but it ended.*out of memory"):
        running.ask(tmp_path, 60.0)


def test_a_python_without_bpy_is_told_by_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(BlenderError, match=r"(?s)but it ended.*No module named 'bpy'"):
        Worker(
            _program(tmp_path, "import importlib\nsys.path = []\nsys.meta_path = []\nimportlib.import_module('bpy')")
        )


def test_a_blender_that_hangs_is_stopped(tmp_path: Path) -> None:
    running = Worker(_program(tmp_path, "print('chatter'); print('answer 4.2.0', flush=True); time.sleep(600)"))
    assert running.version == "4.2.0"
    with pytest.raises(BlenderError, match="no answer for 0 s"):
        running.ask(tmp_path, 0.3)
    assert not running.alive


def test_a_wrong_name_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAGEN_BLENDER", "/no/such/python")
    with pytest.raises(BlenderError, match="which is no program; name its full path"):
        command()
    monkeypatch.setenv("DATAGEN_BLENDER", sys.executable)
    assert command()[0] == sys.executable


def test_without_blender_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATAGEN_BLENDER", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BlenderError, match=r"pip install .*\[blender\]"):
        command()


def test_the_tier_needs_no_other_renderer() -> None:
    script = "import sys; sys.modules.update(mitsuba=None, drjit=None, bpy=None); import renderers.blender"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_light_stays_within_one_piece_of_skin() -> None:
    skin = (Material("skin", subsurface=1.0), Material("cloth"))
    surface = replace(_balls([(0, 0, 0), (0.1, 0, 0), (0.2, 0, 0)], 0.03), materials=skin)
    surface = replace(surface, material=(np.arange(len(surface.faces)) >= len(surface.faces) * 2 // 3).astype(np.uint8))
    description, arrays = scene_of(surface, _white(), (), QUICK)
    assert description["bodies"] == ["body_0", "body_1", "body_2"]
    middle_x = [arrays[f"{name}.vertices"][:, 0].mean() for name in description["bodies"]]
    assert sorted(round(float(x), 2) for x in middle_x) == [0.0, 0.1, 0.2]


def test_texture_coordinates_a_metre_are_exact_on_a_sheared_chart() -> None:
    vertices = np.array([[0.0, 0, 0], [0.2, 0, 0], [0.1, 0.5, 0]])
    surface = replace(make_surface(vertices, np.array([[0, 1, 2]])), uv=np.array([[0, 0], [1, 0], [0, 1]], np.float32))
    np.testing.assert_allclose(uv_per_m(surface, np.array([0])), [[5.0, 1 / math.hypot(0.1, 0.5), 0.0]], rtol=1e-6)
