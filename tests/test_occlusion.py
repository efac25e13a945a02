"""Soft shadows: where they fall, where they must not, and the loops against their twins."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.surface import Material, Surface
from renderers.environment import studio_light
from renderers.kernels_color import shadow, twin
from renderers.light import EnvironmentLight, directions, rotate, shrink, solid_angles
from renderers.occlusion import light_directions, lit_share

WHITE = EnvironmentLight(np.ones((64, 128, 3), np.float32), "white")


def merge(*meshes: trimesh.Trimesh) -> Surface:
    """One matt surface of several solids."""
    whole = trimesh.util.concatenate(meshes)
    vertices, faces = np.asarray(whole.vertices), np.asarray(whole.faces, np.int32)
    return Surface(
        vertices, faces, np.asarray(whole.vertex_normals, np.float32), np.zeros((len(vertices), 2), np.float32),
        np.ones((len(vertices), 3), np.float32), np.ones(len(faces), np.uint8), np.zeros(len(faces), np.uint8),
        (Material("matt"),), np.full(len(faces), -1, np.int32),
    )  # fmt: skip


def ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0), subdivisions: int = 4) -> trimesh.Trimesh:
    sphere = trimesh.creation.icosphere(subdivisions, radius)
    sphere.apply_translation(centre)
    return sphere


def lamp_above() -> EnvironmentLight:
    radiance = np.zeros((64, 128, 3), np.float32)
    radiance[:2] = 50.0
    return EnvironmentLight(radiance, "above")


def test_a_ball_alone_is_fully_lit() -> None:
    for light in (WHITE, studio_light(np.random.default_rng(1))):
        share = lit_share(merge(ball(0.1)), light)
        assert share.shape == (2562, 3)
        assert share.min() > 0.93


def test_a_small_ball_shades_a_large_one_below_it_and_nowhere_else() -> None:
    surface = merge(ball(0.1, subdivisions=5), ball(0.02, (0, 0.13, 0)))
    share = lit_share(surface, lamp_above())[:, 1]
    top, points = surface.vertices[:, 1] > 0, surface.vertices
    across = np.hypot(points[:, 0], points[:, 2])
    below = (across < 0.012) & top & (points[:, 1] < 0.105)
    beside = (across > 0.035) & (across < 0.09) & top
    assert share[below].max() < 0.15
    assert share[beside].min() > 0.9


def test_the_inside_of_a_closed_box_is_dark() -> None:
    outside = trimesh.creation.box((0.2, 0.2, 0.2)).subdivide().subdivide().subdivide()
    inside = trimesh.creation.box((0.16, 0.16, 0.16)).subdivide().subdivide().subdivide()
    inside.invert()
    surface = merge(outside, inside)
    share = lit_share(surface, WHITE)
    by_size = np.sort(np.abs(surface.vertices), axis=1)
    inner, outer = (by_size[:, 2] < 0.09) & (by_size[:, 1] < 0.065), by_size[:, 2] > 0.09
    assert share[inner].max() < 0.02
    assert share[outer].min() > 0.8


def test_a_pit_is_darker_the_deeper() -> None:
    wall = trimesh.creation.annulus(0.006, 0.03, 0.04, sections=64)
    floor = ball(0.006, (0, 0, -0.012))
    surface = merge(wall.subdivide().subdivide(), floor)
    forward = shrink(WHITE.radiance, 64) * (directions(64)[..., 2:] > 0)
    share = lit_share(surface, EnvironmentLight(forward.astype(np.float32), "front"))[:, 1]
    points = surface.vertices
    rim = (np.hypot(points[:, 0], points[:, 1]) > 0.02) & (points[:, 2] > 0.019)
    pit = (np.hypot(points[:, 0], points[:, 1]) < 0.003) & (points[:, 2] > -0.007) & (points[:, 2] < 0)
    assert share[rim].min() > 0.9
    assert share[pit].max() < 0.35


def test_clear_shells_and_cut_cards_cast_no_shadow() -> None:
    plain = merge(ball(0.1, subdivisions=3), ball(0.02, (0, 0.13, 0), 3))
    cover = np.arange(len(plain.faces)) >= 1280
    clear = Surface(**{**vars(plain), "material": cover.astype(np.uint8),
                       "materials": (Material("matt"), Material("glass", clear=True))})  # fmt: skip
    cards = Surface(**{**vars(plain), "cutout": np.where(cover, 0, -1).astype(np.int32),
                       "cutouts": (np.full((2, 2), 255, np.uint8),)})  # fmt: skip
    assert lit_share(plain, lamp_above())[:642].min() < 0.2
    lit_side = np.flatnonzero(plain.normals[:642, 1] > 0.1)
    assert lit_share(clear, lamp_above())[lit_side].min() > 0.97
    assert lit_share(cards, lamp_above())[lit_side].min() > 0.97


def test_occluder_faces_stand_for_the_whole() -> None:
    plain = merge(ball(0.1, subdivisions=3), ball(0.02, (0, 0.13, 0), 3))
    only_large = Surface(**{**vars(plain), "occluder_faces": plain.faces[:1280]})
    assert lit_share(only_large, lamp_above())[:642][plain.normals[:642, 1] > 0.1].min() > 0.97


def test_black_light_and_no_faces_leave_everything_open() -> None:
    black = EnvironmentLight(np.zeros((64, 128, 3), np.float32), "black")
    assert (lit_share(merge(ball(0.1, subdivisions=2)), black) == 1).all()
    points = merge(ball(0.1, subdivisions=2))
    empty = Surface(**{**vars(points), "faces": np.zeros((0, 3), np.int32), "part": np.zeros(0, np.uint8),
                       "material": np.zeros(0, np.uint8), "cutout": np.zeros(0, np.int32)})  # fmt: skip
    assert (lit_share(empty, WHITE) == 1).all()


def test_turning_scene_and_light_together_changes_little() -> None:
    scene, light, yaw = merge(ball(0.1), ball(0.03, (0.05, 0.1, 0.06))), studio_light(np.random.default_rng(2)), 0.7
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned = Surface(**{**vars(scene), "vertices": scene.vertices @ turn.T,
                        "normals": (scene.normals @ turn.T).astype(np.float32)})  # fmt: skip
    difference = np.abs(lit_share(scene, light) - lit_share(turned, rotate(light, yaw)))
    assert difference.mean() < 0.02


def test_the_same_bytes_every_time() -> None:
    scene, light = merge(ball(0.1, subdivisions=3), ball(0.02, (0, 0.13, 0), 3)), studio_light(np.random.default_rng(3))
    assert lit_share(scene, light).tobytes() == lit_share(scene, light).tobytes()


@given(st.integers(0, 1000), st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_a_few_directions_carry_all_the_light(seed: int, count: int) -> None:
    light = studio_light(np.random.default_rng(seed))
    toward, power = light_directions(light, count)
    energy = np.sum(light.radiance * solid_angles(128)[..., None], axis=(0, 1))
    assert len(toward) <= count
    assert np.allclose(power.sum(axis=0), energy, rtol=1e-3)
    assert np.allclose(np.linalg.norm(toward, axis=1), 1)


def test_directions_of_a_white_light_see_every_side() -> None:
    toward, power = light_directions(WHITE, 32)
    assert len(toward) == 32
    assert np.abs((toward * power[:, :1]).sum(axis=0)).max() < 0.1 * power[:, 0].sum()
    received = np.maximum(toward @ np.array([0.0, 0.6, 0.8]), 0) @ power[:, 0]
    assert received == pytest.approx(np.pi, rel=0.1)


def test_height_map_equals_its_twin() -> None:
    rng = np.random.default_rng(5)
    at = rng.uniform(1, 30, (60, 3)).astype(np.float32)
    faces = rng.integers(0, 60, (40, 3)).astype(np.uint32)
    compiled, readable = shadow.height_map(at, faces, 32), twin.height_map(at, faces.astype(int), 32)
    both = np.isfinite(compiled) & np.isfinite(readable)
    # Samples on an edge may fall to either side in float32.
    assert (np.isfinite(compiled) != np.isfinite(readable)).sum() <= 3
    assert np.quantile(np.abs(compiled[both] - readable[both]), 0.98) < 1e-3
    assert both.sum() > 200


def test_visibility_equals_its_twin() -> None:
    rng = np.random.default_rng(6)
    size, texel_m = 16, 0.002
    top = rng.uniform(0, 0.01, (size, size)).astype(np.float32)
    points = (rng.uniform(0.5, size - 2.5, (50, 3)) * texel_m).astype(np.float32)
    points[:, 2] = rng.uniform(0, 0.01, 50)
    frame = np.eye(3, dtype=np.float32)
    out = np.zeros(50, np.float32)
    shadow.visible(
        np.ascontiguousarray(points.T), np.zeros((3, 50), np.float32), frame, np.float32(0), np.float32(0),
        np.float32(texel_m), top.ravel(), size, out,
    )  # fmt: skip
    expected = [twin.visible(np.array([x / texel_m, y / texel_m, z]), top, texel_m) for x, y, z in points]
    assert np.allclose(out, expected, atol=1e-3)
    assert 0 < out.mean() < 1
