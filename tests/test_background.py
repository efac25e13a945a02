"""Every kind of background, the lens's disc for infinity, and a person before it without a halo."""

import math

import numpy as np
import pytest
from preview_scenes import ball, surface_of

from renderers.background import backdrop, surroundings
from renderers.camera import Camera, intrinsics, look_at, project
from renderers.environment import packaged_light, studio_light
from renderers.light import Detail, EnvironmentLight, finest, normalize, rotate
from renderers.picture import Image, ThinLens, over
from renderers.preview import light_up, render

LIGHT = normalize(studio_light(np.random.default_rng(2)), 0.21)[0]


def camera(size: int = 48, focal_px: float = 60.0, kind: str = "perspective") -> Camera:
    K = intrinsics(focal_px, (size / 2, size / 2))
    return Camera(K, look_at(np.zeros(3), 0.5, np.eye(3)), size, size, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["black", "flat", "environment", "indoor", "outdoor"])
@pytest.mark.parametrize("lens", [None, ThinLens(0.01, 0.5)])
def test_every_kind_is_a_linear_picture(kind: str, lens: ThinLens | None) -> None:
    first, again = (backdrop(camera(), LIGHT, kind, 5, (0.1, 0.2, 0.3), lens) for _ in range(2))  # type: ignore[arg-type]
    assert first.shape == (48, 48, 3)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.min() >= 0
    assert first.tobytes() == again.tobytes()
    assert first.any() == (kind != "black")


@pytest.mark.parametrize("kind", ["black", "flat", "environment", "indoor", "outdoor"])
def test_a_camera_at_infinity_has_every_kind(kind: str) -> None:
    picture = backdrop(camera(32, 200.0, "orthographic"), LIGHT, kind, 5, (0.1, 0.2, 0.3))  # type: ignore[arg-type]
    assert np.isfinite(picture).all()


def test_flat_is_its_colour() -> None:
    assert np.array_equal(backdrop(camera(), LIGHT, "flat", rgb=(0.1, 0.2, 0.3))[3, 4], np.float32([0.1, 0.2, 0.3]))


def test_without_a_lens_surroundings_keep_their_look() -> None:
    assert backdrop(camera(), LIGHT, "environment").tobytes() == surroundings(camera(), LIGHT).tobytes()


def test_a_lens_shows_the_finer_map_where_it_belongs() -> None:
    """One bright texel of a light's detail lies where its direction projects to, turned with the light."""
    fine = np.zeros((512, 1024, 3), np.float32)
    fine[250, 300] = 1000.0
    coarse = EnvironmentLight(np.full((128, 256, 3), 1e-3, np.float32), "lamp", detail=Detail(lambda: fine))
    polar, azimuth = 250.5 / 512 * math.pi, 300.5 / 512 * math.pi
    light = rotate(coarse, math.pi - azimuth + 0.1)
    towards = np.array([math.sin(polar) * -math.sin(0.1), math.cos(polar), -math.sin(polar) * math.cos(0.1)])
    picture = backdrop(camera(256, 400.0), light, "environment", lens=ThinLens(1e-6, 0.5))[..., 0]
    rows, columns = np.mgrid[:256, :256] + 0.5
    centre = np.array([(picture * columns).sum(), (picture * rows).sum()]) / picture.sum()
    (expected,), _ = project(camera(256, 400.0), 1e7 * towards[None])
    assert np.abs(centre - expected).max() < 1.0


def test_a_wide_opening_blurs_more() -> None:
    light = packaged_light("city")
    spread = [
        np.abs(np.diff(backdrop(camera(96, 100.0), light, "environment", lens=ThinLens(a, 0.5)), axis=1)).mean()
        for a in (1e-6, 0.03, 0.12)
    ]
    assert spread[0] > spread[1] > spread[2]


def test_a_detail_sends_as_much_light_to_the_picture_as_the_map() -> None:
    wide = camera(64, 30.0)
    sharp = backdrop(wide, LIGHT, "environment", lens=ThinLens(1e-6, 0.5))
    assert finest(LIGHT).shape[0] == 512
    assert sharp.mean() == pytest.approx(surroundings(wide, LIGHT).mean(), rel=0.1)


def test_near_and_far_move_against_the_room_as_they_should() -> None:
    """The same wall fills more of the near view's frame: a dolly shows more of the place from close by."""
    near = camera(64, 64.0)
    far = Camera(intrinsics(256.0, (32, 32)), look_at(np.zeros(3), 2.0, np.eye(3)), 64, 64)
    pictures = [backdrop(view, LIGHT, "indoor", 21) for view in (near, far)]
    assert not np.allclose(pictures[0], pictures[1], atol=0.05)


def test_a_person_before_a_bright_place_has_no_halo() -> None:
    """Before a plate ten times brighter than he is, each pixel is the exact mix of the two by coverage."""
    view = camera(96, 110.0)
    person = render(light_up(surface_of(ball()), LIGHT), view)
    plate = backdrop(view, LIGHT, "outdoor", 3, lens=ThinLens(0.02, 0.5)) * np.float32(10)
    picture = over(person, plate)
    empty, full = person.alpha == 0, person.alpha == 1
    assert empty.any()
    assert full.any()
    assert np.array_equal(picture[empty], plate[empty])
    assert np.array_equal(picture[full], person.rgb[full])
    edge = ~(empty | full)
    own = person.rgb[edge] / person.alpha[edge][:, None]
    low, high = np.minimum(own, plate[edge]), np.maximum(own, plate[edge])
    assert (picture[edge] >= low * (1 - 1e-5)).all()
    assert (picture[edge] <= high * (1 + 1e-5)).all()


def test_coverage_mixes_light_and_not_codes() -> None:
    half = Image(np.zeros((1, 1, 3), np.float32), np.full((1, 1), 0.5, np.float32))
    assert over(half, np.ones((1, 1, 3), np.float32))[0, 0, 0] == 0.5
