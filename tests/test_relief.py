"""Relief maps and films in the preview: real slopes, no light lost or won, highlights that shadows reach."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from preview_scenes import WHITE, ball, camera, open_to_light, square, surface_of

from meshes.head import MeshError
from meshes.surface import Material, Surface
from renderers.environment import studio_light
from renderers.kernels_color import twin
from renderers.light import EnvironmentLight, rotate
from renderers.mips import relief_chain
from renderers.prefilter import prefilter
from renderers.preview import light_up, render


def relief_map(along: int, down: int, film: int = 0, size: int = 64) -> np.ndarray:
    """A plane that rises by `along` codes a texel to the right and `down` codes downwards."""
    return np.tile(np.array([128 + along, 128 + down, film], np.uint8), (size, size, 1))


@pytest.mark.parametrize(("along", "down"), [(0, 0), (40, 0), (0, -60), (-80, 50)])
def test_relief_tilts_the_normal_as_a_real_slope_does(along: int, down: int) -> None:
    side_m = 64 * 2e-4  # A texel is 0.2 mm wide, so that a code, 2 micrometres, is a slope of 1 %.
    flat = square(side_m)
    material = Material("rough", specular=0.0, relief=relief_map(along, down))
    painted = Surface(**{**vars(flat), "materials": (material,)})
    rise_x, rise_y = along * 2e-6 / 2e-4, -down * 2e-6 / 2e-4
    normal = np.array([-rise_x, -rise_y, 1.0]) / np.sqrt(rise_x**2 + rise_y**2 + 1.0)
    light = studio_light(np.random.default_rng(4))
    image = render(
        light_up(painted, light, open_to_light(painted)), camera(16, 0.1, "orthographic", 1.0 * 0.1 / side_m)
    )
    assert np.allclose(image.rgb[8, 8], twin.lookup(prefilter(light).matt, normal), rtol=2e-3)


@given(st.floats(0.0, 1.0), st.floats(0.1, 0.9), st.integers(0, 255))
@settings(max_examples=10, deadline=None)
def test_furnace_two_highlights_return_what_one_does(oil: float, roughness: float, film: int) -> None:
    material = Material("oily", 0.5, 0.04, 0.5, relief=relief_map(0, 0, film), oil=oil, oil_roughness=roughness)
    surface = surface_of(ball(subdivisions=3), material)
    image = render(light_up(surface, WHITE, open_to_light(surface)), camera(32))
    assert image.rgb.max() <= 1.0 + 1e-4
    assert image.rgb[image.alpha == 1].min() >= 1.0 - 1e-4


def test_a_film_of_full_share_shines_like_a_smoother_material() -> None:
    light = studio_light(np.random.default_rng(9))
    filmed = surface_of(ball(), Material("a", 0.6, 0.04, oil=1.0, oil_roughness=0.2), color=0.0)
    smooth = surface_of(ball(), Material("b", 0.2, 0.04), color=0.0)
    first, second = (render(light_up(s, light, open_to_light(s)), camera()).rgb for s in (filmed, smooth))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_highlights_do_not_reach_through_a_wall() -> None:
    """A black glossy ball before a wall, lit from behind the wall alone: its rim stays dark."""
    radiance = np.zeros((64, 128, 3), np.float32)
    radiance[24:40, :8] = radiance[24:40, -8:] = 30.0  # Behind the camera's target, seen at grazing angles.
    back = rotate(EnvironmentLight(radiance, "back"), np.pi)
    gloss = Material("gloss", 0.3, 0.04)
    wall = trimesh.creation.box((0.6, 0.6, 0.02))
    wall.apply_translation((0.0, 0.0, -0.13))
    alone, walled = (
        surface_of(ball(), gloss, color=0.0),
        surface_of(trimesh.util.concatenate([ball(), wall]), gloss, color=0.0),
    )
    free, shut = (render(light_up(s, back), camera()) for s in (alone, walled))
    rim = (alone_alpha := free.alpha == 1) & (free.rgb[..., 1] > 0.5 * free.rgb[alone_alpha][:, 1].max())
    assert rim.sum() > 20
    assert shut.rgb[rim].mean() < 0.35 * free.rgb[rim].mean()


def test_relief_maps_shrink_by_the_mean_of_their_codes() -> None:
    relief = np.random.default_rng(5).integers(0, 256, (16, 24, 3), np.uint8)
    levels = relief_chain(relief)
    assert [level.shape[:2] for level in levels] == [(16, 24), (8, 12), (4, 6)]
    mean = relief.reshape(8, 2, 12, 2, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(levels[1] - mean).max() <= 0.5


def test_a_relief_map_of_another_size_than_the_texture_is_refused() -> None:
    surface = square()
    material = Material("skin", texture=np.zeros((8, 8, 3), np.uint8), relief=np.zeros((4, 8, 3), np.uint8))
    with pytest.raises(MeshError, match=r"material 'skin': expected a relief map as large as its texture, \(8, 8, 3\)"):
        light_up(Surface(**{**vars(surface), "materials": (material,)}), WHITE)
