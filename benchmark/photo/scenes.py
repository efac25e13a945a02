"""The scenes that tiers are measured on: one person of a source, a dolly pair, and close looks at what is hard.

The light is fixed: a softbox in front, a large dim one aside, and a strong lamp behind for what shines through.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datagen.plan import plan_sample
from datagen.recipe import Recipe
from datagen.scene import build_scene
from meshes.head import Head
from meshes.parts import Part
from meshes.skinning import rotation
from meshes.surface import Surface
from renderers.camera import Camera, intrinsics, look_at
from renderers.environment import Lamp, lamp_light
from renderers.light import EnvironmentLight, normalize
from renderers.picture import View

PERSON = {"makehuman": 6, "ict": 3}
"""Who: short hair that leaves the ears free, and the embedded person with a beard."""
NEAR_M, FAR_M, LEVEL = 0.28, 1.6, 0.2
_LAMPS = (
    Lamp(-32, 25, (15, 20), 5600, 0.8), Lamp(165, 10, (12, 12), 6000, 3.0), Lamp(60, 8, (26, 26), 5600, 0.3),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class BenchScene:
    """What is rendered.

    Attributes:
        source: where the person comes from, as in `Recipe.heads`.
        surface, light: the scene.
        pair: the near and the far view.
        looks: close looks by name.
    """

    source: str
    surface: Surface
    light: EnvironmentLight
    pair: tuple[View, View]
    looks: dict[str, View]


def bench_scene(source: str, size: int) -> BenchScene:
    """The scene of a source at `size` x `size` pixels; equal arguments give equal scenes.

    Raises:
        UserError: the source cannot be opened.
    """
    recipe = Recipe(
        heads=(source,), size=size, near_m=(NEAR_M, NEAR_M), far_m=FAR_M, yaw_deg=(-12.0, 12.0), pitch_deg=(-5.0, 5.0),
        expression=(0.0, 0.2), glasses=0.0, hats=0.0, earrings=0.0, headphones=0.0, held=0.0, gaze_at_camera=1.0,
    )  # fmt: skip
    posed = build_scene(recipe, plan_sample(recipe, 0, PERSON.get(source, 0)))
    light, _ = normalize(lamp_light("lamps, one behind", _LAMPS, 0.15), LEVEL)
    pair = (View(posed.near), View(posed.far))
    return BenchScene(source, posed.head.surface, light, pair, _looks(posed.head, posed.near, size))


def _looks(head: Head, near: Camera, size: int) -> dict[str, View]:
    """The whole face from near, and parts of it in a few centimetres, each from where it shows best."""
    surface, eyes = head.surface, head.eye_midpoint

    def look(target_m: np.ndarray, wide_m: float, turn_deg: float = 0.0, from_m: float = 0.35) -> View:
        K = intrinsics(size * from_m / wide_m, (size / 2, size / 2))
        turned = rotation(math.radians(turn_deg), 0.0, 0.0)
        return View(Camera(K, look_at(target_m, from_m, turned), size, size))

    middle = _middles(surface)
    return {
        "whole face": View(near),
        "eye": look(middle(Part.EYE_LEFT), 0.05),
        "ear, light behind": look(middle(Part.EAR_LEFT), 0.09, 52.0),
        "hair": look(eyes + np.array([0.03, 0.08, -0.02]), 0.11),
        "lips": look(middle(Part.LIPS), 0.08),
    }


def _middles(surface: Surface) -> Callable[[Part], np.ndarray]:
    def middle(part: Part) -> np.ndarray:
        corners = surface.vertices[surface.faces[surface.part == part]].reshape(-1, 3)
        middle_m: np.ndarray = (corners.min(axis=0) + corners.max(axis=0)) / 2
        return middle_m

    return middle
