"""The preview: energy, coverage, light from the right side, and the compiled loops against their twins."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from preview_scenes import BLACK, MATT, WHITE, ball, camera, open_to_light, square, surface_of

from meshes.surface import Material, Surface
from renderers import background
from renderers.camera import Camera, look_at, supersampled
from renderers.environment import packaged_light, studio_light
from renderers.exact import GeometryError, rasterize
from renderers.kernels_color import shade, twin
from renderers.light import EnvironmentLight, directions, irradiance, rotate
from renderers.mips import halved_twin, mip_chain
from renderers.occlusion import lit_share
from renderers.prefilter import LEVEL_ROUGHNESS, prefilter
from renderers.preview import light_up, reflectance_table, render
from renderers.radiance import LightError
from renderers.srgb import decode, encode
from renderers.standard_scenes import plain_head


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
def test_furnace_white_matt_in_white_returns_one(kind: str) -> None:
    surface = surface_of(ball())
    image = render(light_up(surface, WHITE, open_to_light(surface)), camera(kind=kind))
    assert np.allclose(image.rgb[image.alpha == 1], 1.0, atol=1e-4)


@given(st.floats(0.05, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=15, deadline=None)
def test_furnace_no_material_returns_more_than_it_gets(roughness: float, specular: float, subsurface: float) -> None:
    surface = surface_of(ball(subdivisions=3), Material("any", roughness, specular, subsurface))
    image = render(light_up(surface, WHITE, open_to_light(surface)), camera(32))
    assert image.rgb.max() <= 1.0 + 1e-4
    assert image.rgb[image.alpha == 1].min() >= 1.0 - 1e-4


def test_without_albedo_only_the_highlight_is_left() -> None:
    surface = surface_of(ball(), Material("black gloss", 0.4, 0.04), color=0.0)
    image = render(light_up(surface, WHITE, open_to_light(surface)), camera())
    centre = image.rgb[32, 32]
    scale, bias = reflectance_table(0.4)[-1]
    assert centre == pytest.approx(0.04 * scale + bias, rel=0.02)
    assert 0.03 < centre[0] < 0.05


def test_black_light_gives_black() -> None:
    surface = surface_of(ball(), Material("any", 0.3, 0.04, 1.0))
    assert not render(light_up(surface, BLACK), camera()).rgb.any()


@pytest.mark.parametrize(("azimuth_column", "brighter"), [(32, "right"), (96, "left")])
def test_light_from_the_persons_left_lights_the_right_of_the_image(azimuth_column: int, brighter: str) -> None:
    radiance = np.zeros((64, 128, 3), np.float32)
    radiance[28:36, azimuth_column - 4 : azimuth_column + 4] = 20.0
    surface = surface_of(ball(), Material("skin", 0.45, 0.028, 1.0))
    image = render(light_up(surface, EnvironmentLight(radiance, "lamp")), camera()).rgb.sum(axis=(0, 2))
    left, right = image[:32].sum(), image[32:].sum()
    assert (right > 3 * left) if brighter == "right" else (left > 3 * right)


def test_matt_colour_is_albedo_times_irradiance() -> None:
    light = studio_light(np.random.default_rng(7))
    surface = surface_of(ball(subdivisions=5), color=0.4)
    image = render(light_up(surface, light, open_to_light(surface)), camera(kind="orthographic"))
    expected = 0.4 / np.pi * irradiance(light, np.array([[0.0, 0, 1]]))[0]
    assert np.allclose(image.rgb[31:33, 31:33].mean(axis=(0, 1)), expected, rtol=0.02)


def test_skin_is_softer_and_redder_at_the_terminator() -> None:
    radiance = np.zeros((64, 128, 3), np.float32)
    radiance[28:36, 28:36] = 20.0
    maps = prefilter(EnvironmentLight(radiance, "side"))
    beyond = np.array([-0.08, 0.0, 1.0]) / np.hypot(1.0, 0.08)
    matt, skin = twin.lookup(maps.matt, beyond), twin.lookup(maps.skin, beyond)
    assert (skin > matt).all()
    assert skin[0] > skin[1] > skin[2]


def test_turning_scene_light_and_camera_together_changes_nothing() -> None:
    yaw = 2 * np.pi * 5 / 128
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    mesh, light = ball(), studio_light(np.random.default_rng(3))
    turned_mesh = mesh.copy().apply_transform(np.block([[turn, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))
    still, moved = camera(), camera()
    moved.T_camera_head[:3, :3] = moved.T_camera_head[:3, :3] @ turn.T
    material = Material("skin", 0.45, 0.028, 1.0)
    images = [
        render(light_up(surface, source, open_to_light(surface)), view).rgb
        for surface, source, view in (
            (surface_of(mesh, material), light, still),
            (surface_of(turned_mesh, material), rotate(light, yaw), moved),
        )
    ]
    difference = np.abs(images[0] - images[1])
    assert difference.mean() < 0.004 * images[0].max()
    assert difference.max() < 0.05 * images[0].max()


def test_half_covered_pixels_have_half_coverage_and_half_colour() -> None:
    # A square from -0.25 to 0.25 m at 10 pixels a metre covers columns 2.5 to 7.5 of 10.
    view = Camera(
        np.array([[10.0, 0, 5], [0, 10, 5], [0, 0, 1]]), look_at(np.zeros(3), 1.0, np.eye(3)), 10, 10, "orthographic"
    )
    surface = square(0.5)
    image = render(
        light_up(surface, WHITE, open_to_light(surface)), view, background=np.full((10, 10, 3), 0.2, np.float32)
    )
    assert image.alpha[5].tolist() == [0, 0, 0.5, 1, 1, 1, 1, 0.5, 0, 0]
    assert image.alpha[2, 2] == 0.25
    assert image.rgb[5, 2] == pytest.approx(0.5 * 1.0 + 0.5 * 0.2, abs=1e-4)
    assert image.rgb[5, 0] == pytest.approx(0.2)


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
def test_coverage_is_that_of_four_samples_of_the_label_core(kind: str) -> None:
    surface, view = surface_of(ball(subdivisions=3)), camera(48, kind=kind)
    image = render(light_up(surface, WHITE), view)
    fine = rasterize(surface, supersampled(view, 2)).triangle_id >= 0
    assert np.array_equal(image.alpha, fine.reshape(48, 2, 48, 2).mean(axis=(1, 3)))
    assert set(np.unique(image.alpha)) > {0.0, 0.5, 1.0}


def test_no_halo_between_a_white_person_and_a_white_background() -> None:
    surface = surface_of(ball())
    image = render(
        light_up(surface, WHITE, open_to_light(surface)), camera(), background=np.ones((64, 64, 3), np.float32)
    )
    assert np.allclose(image.rgb, 1.0, atol=1e-4)


def test_cut_cards_let_the_background_through() -> None:
    sheet = np.zeros((4, 4), np.uint8)
    sheet[:, 2:] = 255  # The right half stands.
    surface = square(1.0)
    cut = Surface(**{**vars(surface), "cutout": np.zeros(2, np.int32), "cutouts": (sheet,)})
    view = Camera(
        np.array([[16.0, 0, 8], [0, 16, 8], [0, 0, 1]]), look_at(np.zeros(3), 1.0, np.eye(3)), 16, 16, "orthographic"
    )
    image = render(light_up(cut, WHITE, open_to_light(cut)), view)
    assert (image.alpha[:, 9:] == 1).all()
    assert (image.alpha[:, :7] == 0).all()


def test_a_clear_shell_adds_a_sharp_highlight_and_hides_nothing() -> None:
    radiance = np.full((128, 256, 3), 0.1, np.float32)
    radiance[60:68, :4] = radiance[60:68, -4:] = 40.0
    light = EnvironmentLight(radiance, "softbox in front")
    inner, outer = ball(0.1), ball(0.101)
    both = trimesh.util.concatenate([inner, outer])
    glass = (np.arange(len(both.faces)) >= len(inner.faces)).astype(np.uint8)
    shelled = surface_of(both, material=glass, materials=(MATT, Material("glass", 0.03, 0.04, clear=True)), color=0.3)
    bare = surface_of(inner, color=0.3)
    with_shell, without = (render(light_up(s, light, open_to_light(s)), camera()) for s in (shelled, bare))
    assert np.array_equal(with_shell.alpha, without.alpha)
    extra = (with_shell.rgb - without.rgb)[..., 1]
    assert extra[31:33, 31:33].mean() == pytest.approx(0.04 * 40 - 0.04 * without.rgb[32, 32, 1], rel=0.15)
    assert np.abs(extra[32, 38:50]).max() < 0.1


def test_the_back_of_an_open_sheet_is_lit_on_the_side_that_is_seen() -> None:
    half = np.zeros((64, 128, 3), np.float32)
    half[directions(64)[..., 2] < 0] = 1.0
    surface = square()
    behind = Camera(
        np.array([[32.0, 0, 16], [0, 32, 16], [0, 0, 1]]), look_at(np.zeros(3), 1.0, np.diag([-1.0, 1, -1])), 32, 32
    )
    image = render(light_up(surface, EnvironmentLight(half, "behind"), open_to_light(surface)), behind)
    assert image.rgb[16, 16] == pytest.approx(1.0, abs=0.02)


def test_textures_are_upright_and_multiplied_by_vertex_colour() -> None:
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:4] = (255, 0, 0)  # v from 0.5 to 1: the upper half.
    texture[4:] = (0, 0, 188)
    surface = square()
    painted = Surface(**{**vars(surface), "materials": (Material("poster", specular=0.0, texture=texture),),
                         "color": np.full((4, 3), 0.5, np.float32)})  # fmt: skip
    image = render(light_up(painted, WHITE, open_to_light(painted)), camera(32, 1.0, "orthographic", 1.0))
    assert image.rgb[6, 16] == pytest.approx([0.5, 0, 0], abs=1e-3)
    assert image.rgb[25, 16] == pytest.approx([0, 0, 0.5 * decode(np.array(188, np.uint8))], abs=1e-3)


def test_a_fine_texture_seen_from_afar_is_its_mean_in_linear_light() -> None:
    checker = (
        np.kron(np.indices((128, 128)).sum(axis=0) % 2 * 255, np.ones((2, 2)))[..., None].repeat(3, 2).astype(np.uint8)
    )
    surface = square()
    painted = Surface(**{**vars(surface), "materials": (Material("checker", specular=0.0, texture=checker),)})
    image = render(light_up(painted, WHITE, open_to_light(painted)), camera(16, 1.0, "orthographic", 0.8))
    inner = image.rgb[5:11, 5:11]
    assert np.allclose(inner, 0.5, atol=0.01)


def test_mips_average_light_not_codes() -> None:
    stripes = np.tile(np.array([[0, 255]], np.uint8), (16, 8))[..., None].repeat(3, 2)
    chain = mip_chain(stripes)
    assert [level.shape[0] for level in chain] == [16, 8, 4]
    assert (chain[1] == encode(np.array([0.5]))[0]).all()


def test_reflectance_table_equals_plain_integration_over_the_hemisphere() -> None:
    roughness, nv = 0.5, 0.5
    n = 400
    cosine, azimuth = ((np.arange(n) + 0.5) / n)[:, None], ((np.arange(2 * n) + 0.5) * np.pi / n)[None]
    light = np.stack(
        np.broadcast_arrays(np.sqrt(1 - cosine**2) * np.cos(azimuth), np.sqrt(1 - cosine**2) * np.sin(azimuth), cosine)
    )
    eye = np.array([np.sqrt(1 - nv**2), 0, nv])
    half = light + eye[:, None, None]
    half /= np.linalg.norm(half, axis=0)
    alpha2, vh = roughness**4, np.einsum("k,khw->hw", eye, half)
    density = alpha2 / (np.pi * (half[2] ** 2 * (alpha2 - 1) + 1) ** 2)
    smith = [c * np.sqrt(alpha2 + (1 - alpha2) * d**2) for c, d in ((cosine, nv), (nv, cosine))]
    mirrored = density * 0.5 / (smith[0] + smith[1]) * cosine
    f0 = 0.04
    direct = ((f0 + (1 - f0) * (1 - vh) ** 5) * mirrored).mean() * 2 * np.pi
    scale, bias = reflectance_table(roughness)[16]
    assert f0 * scale + bias == pytest.approx(direct, rel=0.02)


def test_lookup_equals_its_twin() -> None:
    rng = np.random.default_rng(0)
    stack = rng.random((33, 33, 3)).astype(np.float32)
    towards = rng.normal(size=(300, 3))
    ahead = np.eye(3)
    for direction in towards:
        # A ray grid of one pixel: the camera's axes are the head's.
        compiled = shade.lookup_rays(
            stack, np.array([direction[0] / direction[2]]), np.array([direction[1] / direction[2]]), ahead, False
        )
        assert np.allclose(compiled[0, 0], twin.lookup(stack, direction / direction[2]), atol=1e-4)


@pytest.mark.parametrize("kind", ["perspective", "orthographic"])
def test_shading_equals_its_twin(kind: str) -> None:
    light, view = packaged_light("city"), camera(40, kind=kind)
    material = Material("skin", 0.47, 0.028, 0.7)
    surface = surface_of(ball(subdivisions=3), material)
    rng = np.random.default_rng(2)
    surface = Surface(
        **{**vars(surface), "color": rng.uniform(0.05, 0.7, (len(surface.vertices), 3)).astype(np.float32)}
    )
    share = rng.uniform(0.2, 1.0, (len(surface.vertices), 3)).astype(np.float32)
    hits = rasterize(surface, view)
    image = render(light_up(surface, light, share), view, hits)
    maps, table = prefilter(light), reflectance_table(material.roughness)
    inside = [
        (r, c)
        for r in range(10, 30, 3)
        for c in range(10, 30, 3)
        if (image.alpha[r - 1 : r + 2, c - 1 : c + 2] == 1).all()
    ]
    for r, c in inside:
        expected = twin.opaque(surface, share, maps, table, view, int(hits.triangle_id[r, c]), hits.barycentric[r, c])
        assert np.allclose(image.rgb[r, c], expected, rtol=2e-3, atol=1e-4)
    assert len(inside) > 30
    assert LEVEL_ROUGHNESS[0] < material.roughness < LEVEL_ROUGHNESS[-1]


def test_the_same_bytes_every_time_and_with_given_hits() -> None:
    surface, view, light = (
        surface_of(ball(), Material("skin", 0.45, 0.028, 1.0)),
        camera(),
        studio_light(np.random.default_rng(1)),
    )
    first = render(light_up(surface, light), view)
    again = render(light_up(surface, light), view, rasterize(surface, view))
    assert first.rgb.tobytes() == again.rgb.tobytes()
    assert first.alpha.tobytes() == again.alpha.tobytes()


def test_surroundings_show_what_lies_behind_the_person() -> None:
    radiance = np.zeros((64, 128, 3), np.float32)
    radiance[:, 96:] = radiance[:, :32] = 0.1
    radiance[:, 32:96] = (0.0, 1.0, 0.0)  # Behind the person, in front of the camera.
    radiance[:32, 32:96, 0] = 1.0  # Above the horizon there.
    light = EnvironmentLight(radiance, "room")
    picture = background.surroundings(camera(64, focal=1.0), light)
    assert picture.shape == (64, 64, 3)
    assert picture[32, 32, 1] == pytest.approx(1.0, abs=0.05)
    assert picture[0, 32, 0] > 0.9 > 0.1 > picture[63, 32, 0]
    flat = background.surroundings(camera(64, kind="orthographic"), light)
    assert np.ptp(flat, axis=(0, 1)).max() < 1e-6


def test_surroundings_turn_with_the_camera() -> None:
    light = packaged_light("city")
    left, right = (
        background.surroundings(
            Camera(np.array([[40.0, 0, 32], [0, 40, 32], [0, 0, 1]]), look_at(np.zeros(3), 1.0, turn), 64, 64), light
        )
        for turn in (np.eye(3), np.array([[np.cos(0.3), 0, np.sin(0.3)], [0, 1, 0], [-np.sin(0.3), 0, np.cos(0.3)]]))
    )
    # Turning the camera by 0.3 rad moves what lies in the middle by tan(0.3) * 40 = 12.4 pixels.
    moved = min((np.abs(left[20:44, 32 + d] - right[20:44, 32]).mean(), d) for d in range(-20, 21))
    assert abs(abs(moved[1]) - 12.4) < 2.5


def test_flat_backgrounds_are_black_unless_told() -> None:
    assert not background.flat(camera(8)).any()
    assert np.array_equal(background.flat(camera(8), (0.1, 0.2, 0.3))[3, 5], np.array([0.1, 0.2, 0.3], np.float32))


@pytest.mark.parametrize("shape", [(16, 24, 3), (17, 31, 3), (8, 9, 3)])
def test_compiled_mips_equal_their_twin(shape):
    texture = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(mip_chain(texture)[1], halved_twin(texture))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_light_that_is_not_finite_is_refused(value):
    radiance = np.ones((16, 32, 3), np.float32)
    radiance[3, 4, 0] = value
    with pytest.raises(LightError, match="light 'broken': expected finite radiance"):
        light_up(plain_head(16), EnvironmentLight(radiance, "broken"))


@pytest.mark.parametrize("column", ["vertices", "normals", "uv"])
@pytest.mark.parametrize("work", [light_up, lit_share, lambda surface, _: rasterize(surface, camera(8))])
def test_a_surface_of_no_numbers_is_refused_before_compiled_code_reads_it(work, column):
    surface = plain_head(16)
    rows = getattr(surface, column).copy()
    rows[5, 1] = np.nan
    with pytest.raises(GeometryError, match=f"expected finite {column}, got 1 .* first is 5.*repair the mesh"):
        work(replace(surface, **{column: rows}), WHITE)


@pytest.mark.parametrize("work", [light_up, lit_share])
def test_a_face_without_its_vertices_is_refused(work):
    surface = plain_head(16)
    faces = surface.faces.copy()
    faces[3, 0] = len(surface.vertices)
    with pytest.raises(GeometryError, match="expected face corners in"):
        work(replace(surface, faces=faces), WHITE)
