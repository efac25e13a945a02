"""Colour by pyrender and PyTorch3D against the label core, where they can be had; their errors everywhere."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import types
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from adapter_scenes import cameras, pyrender_figures, pytorch3d_figures, white
from preview_scenes import ball, camera, open_to_light, square, surface_of

from meshes.errors import UsageError
from meshes.surface import Material, Surface
from renderers import preview
from renderers.adapters import opengl, pyrender_tier, pytorch3d_tier
from renderers.adapters.lamps import even_directions, lamps
from renderers.adapters.samples import mean_of_samples
from renderers.environment import packaged_light, packaged_maps
from renderers.exact import rasterize
from renderers.light import EnvironmentLight, irradiance
from renderers.picture import Quality, View
from renderers.radiance import LightError
from renderers.standard_scenes import hard_head

ROOT = Path(__file__).parents[1]


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"{module} is not installed")


@cache
def figures(platform: str) -> dict:
    """pyrender's figures, made in a process of their own on one platform of OpenGL."""
    if importlib.util.find_spec("pyrender") is None:
        pytest.skip("pyrender is not installed")
    found = opengl.probe(platform)
    if not found.driver:
        pytest.skip(f"{platform}: {found.why}")
    environment = {**os.environ, "PYOPENGL_PLATFORM": platform, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, str(ROOT / "tests" / "adapter_scenes.py"), "pyrender"]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


# Lamps for an environment.


@pytest.mark.parametrize("name", packaged_maps())
def test_lamps_light_all_sides_as_the_environment_does(name):
    light = packaged_light(name)
    normals = even_directions(300)
    wanted, got = irradiance(light, normals), lamps(light, 4).irradiance(normals)
    assert np.sqrt(((got - wanted) ** 2).mean()) < 0.12 * np.sqrt((wanted**2).mean())


def test_an_even_light_is_a_glow_and_darkness_is_none():
    even = lamps(white(0.7), 4)
    np.testing.assert_allclose(even.irradiance(even_directions(50)), 0.7 * np.pi, rtol=0.01)
    dark = lamps(white(0.0), 4)
    assert len(dark.toward) == 0
    assert not dark.glow.any()


def test_samples_are_averaged_by_the_box_filter():
    rgb, alpha = np.arange(48.0).reshape(4, 4, 3), np.arange(16.0).reshape(4, 4) / 16
    picture = mean_of_samples(rgb, alpha, 2)
    np.testing.assert_allclose(picture.rgb[1, 0], rgb[2:, :2].mean(axis=(0, 1)))
    np.testing.assert_allclose(picture.alpha[0, 1], alpha[:2, 2:].mean())


# pyrender.


@pytest.mark.parametrize("platform", ["egl", "osmesa"])
def test_pyrender_misjudges_no_pixel_off_the_silhouette(platform):
    for name, figure in figures(platform).items():
        wrong, off_silhouette, silhouette = figure["wrong"]
        assert off_silhouette == 0, name
        # EGL's coverage is that of four places around the centre; OSMesa samples the centre itself.
        assert wrong <= (0.1 if platform == "egl" else 0.005) * silhouette, name


@pytest.mark.parametrize("platform", ["egl", "osmesa"])
def test_pyrender_puts_markers_where_the_camera_says(platform):
    assert max(figure["marker_px"] for figure in figures(platform).values()) < 0.05


@pytest.mark.parametrize(("platform", "median_m"), [("egl", 1e-3), ("osmesa", 1e-6)])
def test_the_depth_of_pyrender_is_near_but_no_label(platform, median_m):
    for name, figure in figures(platform).items():
        median, _, largest = figure["depth_m"]
        assert median < median_m, name
        assert largest > 1e-7, name  # As good as the core's it never is.


@needs("pyrender")
def test_pyrender_draws_the_same_bytes_in_every_process():
    pyrender_tier.check()
    there = figures(os.environ["PYOPENGL_PLATFORM"])
    assert {n: f["bytes"] for n, f in pyrender_figures().items()} == {n: f["bytes"] for n, f in there.items()}


@needs("pyrender")
def test_pyrender_sums_lamps_in_one_order():
    """Else sums round differently from picture to picture."""
    light = packaged_light(packaged_maps()[0])
    pyrender_tier.check()
    scenes = [pyrender_tier.light_up(square(0.2), light).scene for _ in range(8)]
    order = [[float(node.light.intensity) for node in scene.light_nodes] for scene in scenes]
    assert len(set(order[0])) >= 3
    assert order == [order[0]] * 8


def pyrendered(surface: Surface, light: EnvironmentLight, *views: View):
    try:
        pyrender_tier.check()
    except UsageError as error:
        pytest.skip(str(error))
    return pyrender_tier.render_views(surface, light, views or (View(camera()),), Quality())


@needs("pyrender")
def test_pyrender_shows_white_in_white_light_and_nothing_beside_it():
    picture = pyrendered(square(0.2), white(0.8))[0]
    assert picture.rgb.shape == (64, 64, 3)
    assert picture.rgb.dtype == picture.alpha.dtype == np.float32
    np.testing.assert_allclose(picture.rgb[32, 32], 0.8, atol=0.01)
    assert picture.alpha[32, 32] == 1
    assert not picture.alpha[0].any()
    assert not picture.rgb[0].any()


@needs("pyrender")
def test_pyrender_is_lit_from_the_side_the_light_comes_from():
    radiance = np.zeros((16, 32, 3), np.float32)
    radiance[7:9, 7:9] = 20.0  # From +X, the person's left, which a frontal camera sees on the right.
    picture = pyrendered(surface_of(ball()), EnvironmentLight(radiance, "lamp"))[0]
    assert picture.rgb[32, 42:].max() > 5 * picture.rgb[32, :22].max()


@needs("pyrender")
def test_pyrender_is_as_bright_as_the_preview():
    light = packaged_light(packaged_maps()[0])
    surface, view = surface_of(ball(), Material("matt", roughness=1.0, specular=0.0), 0.5), View(camera())
    wanted = preview.render(preview.light_up(surface, light, open_to_light(surface)), view.camera)
    got = pyrendered(surface, light, view)[0]
    assert got.rgb.mean() == pytest.approx(wanted.rgb.mean(), rel=0.15)


@needs("pyrender")
def test_pyrender_reads_textures_the_right_way_up_and_cuts_cards():
    texture = np.zeros((2, 3, 3), np.uint8)
    texture[0] = 255  # Row 0 is v = 1, the top.
    alpha = np.zeros((8, 8), np.uint8)
    alpha[:, :4] = 255
    card = replace(
        square(0.2), materials=(Material("card", texture=texture),), cutout=np.zeros(2, np.int32), cutouts=(alpha,)
    )
    picture = pyrendered(card, white(0.8))[0]
    left, right = (slice(20, 30), slice(34, 44))
    assert picture.alpha[20:44, left].all()
    assert not picture.alpha[20:44, right].any()
    assert picture.rgb[20:26, left].min() > 0.5 > 0.1 > picture.rgb[38:44, left].max()
    truth = rasterize(card, camera()).triangle_id >= 0
    assert (truth != (picture.alpha >= 0.5)).mean() < 0.02


@needs("pyrender")
def test_pyrender_looks_through_clear_shells_and_draws_several_sizes():
    surface = hard_head(40, 50)
    clear = replace(surface, materials=(Material("skin"), Material("cornea", clear=True)))
    views = tuple(View(cameras(size)["near"]) for size in (48, 64))
    pictures = pyrendered(clear, white(), *views)
    assert [p.alpha.shape for p in pictures] == [(48, 48), (64, 64)]
    seen = surface.face_label
    rows = {name: getattr(surface, name)[seen] for name in ("faces", "part", "material", "cutout")}
    solid = replace(surface, **rows)
    np.testing.assert_array_equal(pictures[0].rgb, pyrendered(solid, white(), views[0])[0].rgb)


def test_pyrender_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(opengl.importlib.util, "find_spec", lambda name: None)
    opengl.platform.cache_clear()
    with pytest.raises(UsageError, match=r"expected the package pyrender, got none; pip install '.*\[pyrender\]'"):
        pyrender_tier.check()
    opengl.platform.cache_clear()


@needs("pyrender")
def test_pyrender_says_how_opengl_fails(monkeypatch):
    monkeypatch.setenv("PYOPENGL_PLATFORM", "none such")
    opengl.platform.cache_clear()
    with pytest.raises(UsageError, match=r"expected OpenGL without a window, got none such: .*apt install libegl1"):
        pyrender_tier.check()
    opengl.platform.cache_clear()


@needs("pyrender")
def test_pyrender_refuses_a_light_with_holes():
    with pytest.raises(LightError, match="expected finite radiance"):
        pyrendered(square(0.2), white(np.nan))


# PyTorch3D.


def card_before_a_wall(card: Surface, wall: Surface, alpha: np.ndarray) -> Surface:
    """Two squares as one surface, the card 1 cm in front of the wall and cut by an alpha map."""
    columns = {n: np.concatenate([getattr(card, n), getattr(wall, n)]) for n in ("normals", "uv", "color", "part")}
    return replace(
        wall,
        **columns,
        vertices=np.concatenate([card.vertices + np.array([0, 0, 0.01]), wall.vertices]),
        faces=np.concatenate([card.faces, wall.faces + len(card.vertices)]),
        material=np.repeat([0, 1], 2).astype(np.uint8),
        materials=(*card.materials, *wall.materials),
        cutout=np.repeat([0, -1], 2).astype(np.int32),
        cutouts=(alpha,),
    )


@cache
def of_pytorch3d() -> dict[str, dict]:
    return pytorch3d_figures()


@needs("pytorch3d")
def test_pytorch3d_sees_the_faces_that_the_core_sees():
    for name, figure in of_pytorch3d().items():
        wrong, off_silhouette, _ = figure["wrong"]
        assert (wrong <= 3, off_silhouette) == (True, 0), name
        wrong_ids, seen = figure["wrong_ids"]
        assert wrong_ids <= 0.003 * seen, name
        assert figure["depth_m"][1] < 1e-3, name


@needs("pytorch3d")
def test_the_flow_of_pytorch3d_is_near_the_cores():
    for name, figure in of_pytorch3d().items():
        assert figure["flow_px"][1] < 1e-3, name
        assert figure["flow_px"][2] < 0.05, name


@needs("pytorch3d")
def test_pytorch3d_puts_markers_where_the_camera_says():
    assert max(figure["marker_px"] for figure in of_pytorch3d().values()) < 0.05


@needs("pytorch3d")
def test_pytorch3d_shades_by_irradiance_textures_and_cuts():
    texture, alpha = np.zeros((2, 2, 3), np.uint8), np.zeros((8, 8), np.uint8)
    texture[0], alpha[:, :4] = 255, 255
    front = replace(square(0.1), materials=(Material("card", texture=texture),))
    wall = square(0.2)
    both = card_before_a_wall(front, wall, alpha)
    picture = pytorch3d_tier.render_views(both, white(0.8), (View(camera()),), Quality())[0]
    np.testing.assert_array_equal(picture.alpha > 0.5, rasterize(both, camera()).triangle_id >= 0)
    assert picture.rgb[24:30, 24:30].min() > 0.7  # The card's white upper half.
    assert picture.rgb[36:40, 24:30].max() < 0.01  # Its black lower half.
    assert picture.rgb[36:40, 36:40].min() > 0.5  # The wall, past what is cut away of the card.


def test_pytorch3d_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(pytorch3d_tier.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"expected the package pytorch3d, got none; docs/renderers.md says how"):
        pytorch3d_tier.check()


def test_pytorch3d_says_that_its_build_does_not_load(monkeypatch):
    package = types.ModuleType("pytorch3d")
    package.__spec__ = importlib.machinery.ModuleSpec("pytorch3d", None)
    monkeypatch.setitem(sys.modules, "pytorch3d", package)
    monkeypatch.setitem(sys.modules, "pytorch3d._C", None)
    with pytest.raises(UsageError, match=r"expected PyTorch3D built for this torch, got .*pytorch3d"):
        pytorch3d_tier.check()
