"""The fixed view and what is measured in it, on a flat face whose size, place and colour are known."""

from dataclasses import replace

import numpy as np
import pytest

from datagen.faces.passport import BACKDROP_SRGB, LIGHTS, View, passport_light, portrait
from meshes.head import Head, Identity
from meshes.parts import Part
from meshes.skinning import rotation
from meshes.surface import Material
from renderers import srgb
from renderers.environment import Lamp, lamp_light
from renderers.light import LUMINANCE, irradiance
from renderers.standard_scenes import make_surface

TEXEL = 180
TINT = np.array([0.9, 0.6, 0.5])
POINTS = np.array([[0.0, 0.0, 0.0], [-0.0315, 0.0, 0.0], [0.0315, 0.0, 0.0], [0.0, -0.045, 0.0]])
FACE_PX = 512 / 2 / np.tan(np.radians(8.5)) / 1.6  # A metre at the eyes.


class _FlatFace:
    """A square of 16 cm with a tinted grey texture, its eyes at the origin; it turns about them."""

    expressions = ("jawOpen",)

    def head(self, identity, expression, pose):
        R = rotation(pose.yaw, pose.pitch, pose.roll)
        side = np.linspace(-0.08, 0.08, 9)
        x, y = np.meshgrid(side, side)
        corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
        faces = np.concatenate(
            [np.stack([corner, corner + 1, corner + 10], 1), np.stack([corner, corner + 10, corner + 9], 1)]
        )
        flat = make_surface(np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1) @ R.T, faces, Part.FACE)
        texture = np.full((8, 8, 3), TEXEL, np.uint8)
        skin = Material("skin", 0.5, 0.028, 1.0, texture)
        color = np.broadcast_to(TINT, flat.color.shape).astype(np.float32)
        surface = replace(flat, color=color, materials=(skin,))
        eyes = POINTS[[2, 1]] @ R.T
        none = np.zeros(0, np.int32)
        return Head(surface, eyes, eyes[0], eyes[1], none, np.zeros((0, 3)), R)


def test_the_face_lies_where_the_view_puts_it():
    made = portrait(_FlatFace(), Identity())
    covered = (made.rgb != BACKDROP_SRGB).any(axis=2)
    rows, columns = np.nonzero(covered)
    middle = 256 - 0.045 * FACE_PX  # Of the face, which is the eyes.
    assert np.isclose(rows.mean() + 0.5, middle, atol=0.6)
    assert np.isclose(columns.mean() + 0.5, 256, atol=0.6)
    assert np.isclose(np.ptp(columns) + 1, 0.16 * FACE_PX, atol=2)
    assert 65 < 0.0635 * FACE_PX < 70


def test_albedo_is_that_of_the_surface_whatever_the_light():
    expected = srgb.decode(np.full((1, 1, 3), TEXEL, np.uint8))[0, 0] * TINT
    for light in LIGHTS:
        assert np.allclose(portrait(_FlatFace(), Identity(), View(light=light)).albedo, expected, atol=0.01), light


def test_a_turned_face_stays_the_eyes_in_place():
    made = portrait(_FlatFace(), Identity(), View(yaw_deg=40.0))
    columns = np.nonzero((made.rgb != BACKDROP_SRGB).any(axis=2))[1]
    assert np.isclose(columns.mean() + 0.5, 256, atol=3)
    assert np.isclose(np.ptp(columns) + 1, 0.16 * FACE_PX * np.cos(np.radians(40)), atol=4)


def test_expressions_a_model_lacks_are_left_out():
    view = View(expression={"jawOpen": 0.5, "noSuchShape": 1.0})
    assert np.array_equal(portrait(_FlatFace(), Identity(), view).rgb, portrait(_FlatFace(), Identity()).rgb)


def test_equal_people_give_equal_bytes():
    a, b = (portrait(_FlatFace(), Identity()) for _ in range(2))
    assert np.array_equal(a.rgb, b.rgb)


@pytest.mark.parametrize("name", LIGHTS)
def test_every_light_leaves_a_front_card_readable(name):
    level = irradiance(passport_light(name), np.array([[0.0, 0.0, 1.0]])) @ LUMINANCE * 0.18 / np.pi
    assert 0.1 < level[0] <= 0.2 + 1e-4


def test_lamps_add_up():
    lamp = Lamp(0, 0, (20, 20), 6500, 1.0)
    front = np.array([[0.0, 0.0, 1.0]])
    one, two, ambient = (
        irradiance(lamp_light("l", lamps, a), front) for lamps, a in (([lamp], 0), ([lamp] * 2, 0), ([], 1))
    )
    assert np.allclose(two, 2 * one, rtol=1e-5)
    assert np.allclose(ambient, 1.0, rtol=0.01)
    assert np.allclose(irradiance(lamp_light("l", [lamp], 1), front), one + ambient, rtol=1e-4)
