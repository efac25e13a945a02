"""Worlds behind a person: rays meet what they should, both views see one place, rooms hold the light they are given."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.camera import Camera, intrinsics, look_at, project
from renderers.environment import studio_light
from renderers.light import EnvironmentLight, irradiance, normalize
from renderers.picture import ThinLens
from renderers.plates import PlacedWorld, look, world_of
from renderers.plates.bake import baked
from renderers.plates.cast import BOX, CYLINDER, ELLIPSOID, NOTHING, nearest
from renderers.plates.paint import GLOW
from renderers.plates.view import gathered
from renderers.plates.world import Builder, Emitter, World

KINDS = ("indoor", "outdoor")
STUDIO = normalize(studio_light(np.random.default_rng(5)), 0.21)[0]
ROOM = np.array([[-3.0, -1.5, -4.0], [3.0, 1.5, 4.0]])


def view(distance_m: float, size: int = 64, mm35_per_m: float = 80.0) -> Camera:
    """A frontal camera that keeps the scale of the eye plane; infinitely far it is orthographic."""
    if math.isinf(distance_m):
        return Camera(
            intrinsics(mm35_per_m * size / 24, (size / 2, size / 2)), look_at(np.zeros(3), 1.6, np.eye(3)), size, size,
            "orthographic",
        )  # fmt: skip
    focal_px = mm35_per_m * distance_m * size / 24
    return Camera(intrinsics(focal_px, (size / 2, size / 2)), look_at(np.zeros(3), distance_m, np.eye(3)), size, size)


def dark_room(b: Builder) -> World:
    """An unlit room of black walls around what was built."""
    black = b.material((0.0, 0.0, 0.0))
    return b.world(ROOM, [black] * 6, 3, indoors=True)


def small_lamp(place_head: tuple[float, float, float], radius_m: float) -> PlacedWorld:
    """One glowing ball in a dark room that is turned against the head."""
    b, c, s = Builder(np.random.default_rng(0)), math.cos(0.3), math.sin(0.3)
    x, y, z = place_head
    place = (c * x - s * z, y, s * x + c * z)
    b.add(place, (radius_m,) * 3, b.material((1.0, 1.0, 1.0), GLOW, glow=1.0), shape=ELLIPSOID)
    return PlacedWorld(dark_room(b), 0.3)


def met_by_numpy(prim: np.ndarray, o: np.ndarray, d: np.ndarray, count: int = 20_001) -> float:
    """Where a ray first enters a primitive, by walking along it: the truth in short."""
    t = np.linspace(0, 10, count)
    c, s = prim[7], prim[8]
    x, y, z = (o + t[:, None] * d - prim[1:4]).T
    x, y, z = (c * x + s * z) / prim[4], y / prim[5], (c * z - s * x) / prim[6]
    inside = {
        BOX: np.maximum(np.maximum(abs(x), abs(y)), abs(z)) < 1,
        ELLIPSOID: x * x + y * y + z * z < 1,
        CYLINDER: (x * x + z * z < 1) & (abs(y) < 1),
    }[int(prim[0])]
    return float(t[inside.argmax()]) if inside.any() else math.inf


@given(
    st.sampled_from([BOX, ELLIPSOID, CYLINDER]),
    st.tuples(*[st.floats(0.1, 0.8)] * 3),
    st.floats(-3, 3),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
@settings(max_examples=20, deadline=None)
def test_rays_meet_what_lies_on_them(shape: int, half: tuple, turn: float, aim: tuple) -> None:  # type: ignore[type-arg]
    b = Builder(np.random.default_rng(0))
    b.add((0.2, 0.1, -2.0), half, b.material((0.5, 0.5, 0.5)), turn, shape)
    world = dark_room(b)
    o, d = np.array([0.0, 0.0, 2.0]), np.array([0.2 * aim[0], 0.2 * aim[1], -1.0])
    t, met = nearest(world, tuple(o), tuple(d), 0.0, np.zeros(2), np.arange(1), 1)
    expected = met_by_numpy(world.prims[0], o, d)
    if met >= 0 and math.isfinite(expected):
        assert t == pytest.approx(expected, abs=6e-4)
    elif met >= 0 or math.isfinite(expected):
        # Only a ray that grazes may slip between the steps: a core of 98 % is not on it.
        core = world.prims[0].copy()
        core[4:7] *= 0.98
        assert math.isinf(met_by_numpy(core, o, d))


def test_rays_end_at_the_walls() -> None:
    world = dark_room(Builder(np.random.default_rng(0)))
    for axis, sign in ((0, 1), (1, -1), (2, -1)):
        d = np.zeros(3)
        d[axis] = sign
        t, met = nearest(world, (0.0, 0.0, 0.0), tuple(d), 0.0, np.zeros(2), np.arange(0), 0)
        assert t == pytest.approx(abs(ROOM[0, axis]))
        assert met == -1 - (2 * axis + (sign > 0))


@pytest.mark.parametrize("distance_m", [0.25, 1.6, 40.0, math.inf])
def test_a_point_of_the_world_is_where_the_camera_projects_it(distance_m: float) -> None:
    place, camera = (0.05, 0.03, -2.5), view(distance_m, 256)
    placed = small_lamp(place, 0.02)
    bright = look(placed, camera)[..., 1]
    rows, columns = np.mgrid[:256, :256] + 0.5
    centre = np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
    (expected,), _ = project(camera, np.array([place]))
    assert np.abs(centre - expected).max() < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_camera_at_infinity_sees_what_a_very_far_one_does(kind: str) -> None:
    placed = world_of(kind, 4, STUDIO)  # type: ignore[arg-type]
    far, infinite = look(placed, view(3e4)), look(placed, view(math.inf))
    assert np.median(np.abs(far - infinite)) < 0.02 * far.mean()


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_a_picture_is_the_same_alone(kind: str) -> None:
    """Objects are passed over tile by tile; another cut into tiles must not change a byte."""
    placed, camera = world_of(kind, 11, STUDIO), view(0.3, 96)  # type: ignore[arg-type]
    whole = look(placed, camera)
    for r, c in ((20, 31), (50, 17), (70, 64), (90, 5)):
        K = camera.K.copy()
        K[:2, 2] -= (c - 1, r - 1)
        part = look(placed, Camera(K, camera.T_camera_head, 3, 3))
        assert np.allclose(part[1, 1], whole[r, c], rtol=1e-3, atol=1e-4)


@given(st.sampled_from(KINDS), st.integers(0, 2**63 - 1))
@settings(max_examples=12, deadline=None)
def test_every_key_gives_light_that_can_be_stored(kind: str, key: int) -> None:
    placed = world_of(kind, key, STUDIO)  # type: ignore[arg-type]
    for distance_m in (0.25, math.inf):
        picture = look(placed, view(distance_m, 40))
        assert picture.dtype == np.float32
        assert np.isfinite(picture).all()
        assert picture.min() >= 0
        assert picture.max() <= placed.world.gain[3] * 1.001


@pytest.mark.parametrize("kind", KINDS)
def test_keys_repeat_and_differ(kind: str) -> None:
    camera = view(0.3, 32)
    pictures = [look(world_of(kind, key, STUDIO), camera) for key in (0, 0, 1, 2**40)]  # type: ignore[arg-type]
    assert pictures[0].tobytes() == pictures[1].tobytes()
    assert len({picture.tobytes() for picture in pictures}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_worlds_are_as_bright_as_the_light_and_take_its_tint(kind: str) -> None:
    dim = EnvironmentLight(STUDIO.radiance * np.float32(0.25), "dim")
    red = EnvironmentLight(STUDIO.radiance * np.array([1.5, 1.0, 0.5], np.float32), "red")
    usual, darker, redder = (look(world_of(kind, 8, light), view(0.3, 32)) for light in (STUDIO, dim, red))  # type: ignore[arg-type]
    assert np.allclose(darker, usual * 0.25, rtol=1e-3)
    assert redder[..., 0].sum() / redder[..., 2].sum() > 1.7 * usual[..., 0].sum() / usual[..., 2].sum()
    card = irradiance(STUDIO, np.array([[0.0, 0.0, 1.0]])).mean() / np.pi
    assert 0.02 * card < np.median(usual) < 2 * card


def test_a_world_begins_behind_the_person() -> None:
    """A camera far outside of the room sees into it, and nothing between itself and the person."""
    placed = small_lamp((0.0, 0.0, 0.6), 0.3)
    assert not look(placed, view(5.0)).any()


def test_a_room_holds_the_light_it_is_given() -> None:
    """Every lumen of the emitter falls on a wall; each bounce adds the walls' reflectance of the one before."""
    b = Builder(np.random.default_rng(0))
    grey = b.material((0.5, 0.5, 0.5), rough=0.0)
    emitter = Emitter(np.array([0.0, 1.4, 0.0]), np.array([0.5, 0, 0]), np.array([0, 0, 0.5]), np.full(3, 2.0))
    world = baked(b.world(ROOM, [grey] * 6, 1, indoors=True), [emitter])
    size, volume = ROOM[1] - ROOM[0], world.volume[..., 0]
    areas = size.prod() / size
    flux = sum(areas[a] * volume.take(side, a)[..., 2 * a + side + 1].mean() for a in range(3) for side in (0, -1))
    given_ = np.pi * 2.0 * 1.0
    assert flux == pytest.approx(given_ * (1 + 0.5 + 0.25), rel=0.3)


def test_a_lens_spreads_a_point_over_its_disc() -> None:
    placed, camera = small_lamp((0.0, 0.0, -2.0), 0.006), view(1.6, 192)
    focal_px = float(camera.K[0, 0])
    lens = ThinLens(0.02, 1.6)
    disc = float(lens.blur_px(focal_px, np.array(3.6)))
    sharp, soft = look(placed, camera)[..., 1], look(placed, camera, lens)[..., 1]
    width = 2 * math.sqrt((soft > 0.3 * soft.max()).sum() / math.pi)
    assert width == pytest.approx(disc, abs=2.5)
    assert soft.max() < 0.3 * sharp.max()
    assert soft.sum() == pytest.approx(sharp.sum(), rel=0.3)


def gathered_by_numpy(rgb: np.ndarray, disc: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """`gathered` in the words of its docstring."""
    height, width = disc.shape
    i, j = np.mgrid[:height, :width]
    out = np.zeros(rgb.shape)
    for r in range(height):
        for c in range(width):
            size = np.where(inverse >= inverse[r, c], disc, np.minimum(disc, disc[r, c]))
            radius = np.maximum(size / 2, 0.5)
            weight = np.clip(radius + 0.5 - np.hypot(i - r, j - c), 0, 1) / radius**2
            out[r, c] = np.einsum("hw,hwc->c", weight, rgb) / weight.sum()
    return out


def test_blur_is_its_readable_twin() -> None:
    rng = np.random.default_rng(1)
    rgb, disc, inverse = rng.random((12, 15, 3)), 6 * rng.random((12, 15)), rng.random((12, 15))
    arrays = [array.astype(np.float32) for array in (rgb, disc, inverse)]
    assert np.allclose(gathered(*arrays), gathered_by_numpy(*arrays), atol=2e-5)


def test_blur_keeps_an_even_picture_even_and_a_sharp_thing_sharp() -> None:
    inverse = np.full((20, 20), 0.2, np.float32)
    disc = np.full((20, 20), 9.0, np.float32)
    even = np.full((20, 20, 3), 0.7, np.float32)
    assert np.allclose(gathered(even, disc, inverse), 0.7, atol=1e-6)
    inverse[:, :10], disc[:, :10], even[:, :10] = 0.6, 0.0, 0.0
    assert not gathered(even, disc, inverse)[:, :9].any()


def test_outdoors_is_open_to_the_sky() -> None:
    world = world_of("outdoor", 3, STUDIO).world
    _, met = nearest(world, (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 0.0, np.zeros(2), np.arange(0), 0)
    assert met == NOTHING
