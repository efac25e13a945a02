"""The fixed view by which people are compared: everybody before the same camera, light and background.

512 px, 1.6 m, vertical field of view 17 degrees, aimed 4.5 cm below the eyes, which are then some 65 px apart.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from datagen.colour import tier
from datagen.recipe import Recipe
from meshes.head import Head, HeadModel, Identity, Pose
from meshes.parts import Part
from meshes.skinning import rotation
from meshes.surface import Surface
from renderers import background, picture, preview, srgb
from renderers.camera import Camera, intrinsics, look_at, project
from renderers.environment import Lamp, lamp_light
from renderers.exact import Hits, rasterize
from renderers.light import EnvironmentLight, normalize

SIZE_PX = 512
DISTANCE_M = 1.6
FIELD_OF_VIEW_DEG = 17.0
BELOW_EYES_M = 0.045
BACKDROP_SRGB = (118, 130, 143)
LEVEL = 0.2
"""Linear level of an 18 % grey card that faces the front of the person."""

_KEY, _FILL, _RIM = (
    Lamp(-32, 28, (18, 22), 5600, 1.0),
    Lamp(42, 8, (26, 26), 5600, 0.45),
    Lamp(150, 35, (10, 18), 6000, 0.6),
)
LIGHTS: dict[str, tuple[tuple[Lamp, ...], float]] = {
    "three lamps": ((_KEY, _FILL, _RIM), 0.15),
    "window": ((Lamp(75, 8, (20, 30), 6500, 1.0),), 0.25),
    "overcast": ((Lamp(0, 70, (55, 55), 7000, 1.0),), 0.3),
    "lamp from above": ((Lamp(-10, 62, (10, 10), 4500, 1.0),), 0.2),
    "warm evening": ((Lamp(-55, 6, (6, 6), 3800, 1.0), Lamp(120, 10, (30, 30), 9000, 0.4)), 0.2),
}
"""Lamps and the irradiance of an even surrounding, by name; the first is the standard."""

_WHITE = EnvironmentLight(np.ones((16, 32, 3), np.float32), "white")


@dataclass(frozen=True)
class View:
    """How a person is shown; the default is the standard view, and others differ in one thing.

    Attributes:
        light: a key of `LIGHTS`.
        expression: weights by ARKit name; names a model does not have are left out.
        yaw_deg: turn of the face to the person's left; half by the neck, half by the shoulders.
        colour: the tier that takes the picture, as in `Recipe.colour`.
    """

    light: str = "three lamps"
    expression: Mapping[str, float] = field(default_factory=dict)
    yaw_deg: float = 0.0
    colour: str = "preview"


STANDARD = View()


@dataclass(frozen=True, eq=False)
class Portrait:
    """A person in a view.

    Attributes:
        rgb: (512, 512, 3) uint8 sRGB.
        landmarks_px: (L, 2) float64, projected landmarks of the head, pixels; L = 0 where it has none.
        albedo: (3,) float64 linear, median over the cheeks; NaN where they are not seen.
    """

    rgb: np.ndarray
    landmarks_px: np.ndarray
    albedo: np.ndarray


def portrait(model: HeadModel, identity: Identity, view: View = STANDARD) -> Portrait:
    """The person in the view; nothing about it is drawn by chance.

    Raises:
        MeshError: an identity the model cannot make.
        UserError: a tier that cannot run here.
    """
    turn = math.radians(view.yaw_deg) / 2
    expression = {name: weight for name, weight in view.expression.items() if name in model.expressions}
    head = model.head(identity, expression, Pose(yaw=turn))
    camera = _camera(head, rotation(-turn, 0.0, 0.0))
    hits = rasterize(head.surface, camera)
    rgb = srgb.encode(_picture(head.surface, camera, hits, view))
    return Portrait(rgb, project(camera, head.landmarks)[0], _cheek_albedo(head, camera, hits))


def _picture(surface: Surface, camera: Camera, hits: Hits, view: View) -> np.ndarray:
    """(H, W, 3) float32 linear, before the backdrop."""
    red, green, blue = srgb.decode(np.array(BACKDROP_SRGB, np.uint8)).tolist()
    backdrop, light = background.flat(camera, (red, green, blue)), passport_light(view.light)
    if view.colour == "preview":
        return preview.render(preview.light_up(surface, light), camera, hits, backdrop).rgb
    take = tier(replace(Recipe(), colour=view.colour))  # type: ignore[arg-type]
    (image,) = take(surface, light, (picture.View(camera, hits),), picture.Quality())
    return picture.over(image, backdrop)


@lru_cache(maxsize=8)
def passport_light(name: str) -> EnvironmentLight:
    """A set-up of `LIGHTS`, exposed to `LEVEL`."""
    lamps, ambient = LIGHTS[name]
    return normalize(lamp_light(name, lamps, ambient), LEVEL)[0]


def _camera(head: Head, view_rotation: np.ndarray) -> Camera:
    focal_px = SIZE_PX / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))
    target_m = head.eye_midpoint - [0.0, BELOW_EYES_M, 0.0]
    T = look_at(target_m, DISTANCE_M, view_rotation)
    return Camera(intrinsics(focal_px, (SIZE_PX / 2, SIZE_PX / 2)), T, SIZE_PX, SIZE_PX)


def _cheek_albedo(head: Head, camera: Camera, hits: Hits) -> np.ndarray:
    """Median over the face between 2 and 5 cm below the eyes and up to 5 cm to either side of their midpoint.

    Matt material under an even white light sends back exactly its albedo, so the renderer itself reads the textures.
    """
    image = preview.render(_evenly_lit(head.surface), camera, hits)
    x, y = project(camera, head.eye_midpoint[None])[0][0]
    px_per_m = camera.K[0, 0] / DISTANCE_M
    columns, rows = np.meshgrid(np.arange(SIZE_PX) + 0.5, np.arange(SIZE_PX) + 0.5)
    seen = hits.triangle_id >= 0
    cheeks = (abs(columns - x) < 0.05 * px_per_m) & (rows - y > 0.02 * px_per_m) & (rows - y < 0.05 * px_per_m) & seen
    cheeks[cheeks] = head.surface.part[hits.triangle_id[cheeks]] == Part.FACE
    return np.median(image.rgb[cheeks], axis=0).astype(np.float64) if cheeks.any() else np.full(3, np.nan)


def _evenly_lit(surface: Surface) -> preview.LitSurface:
    matt = tuple(replace(material, specular=0.0, subsurface=0.0) for material in surface.materials)
    unshadowed = np.ones((len(surface.vertices), 3), np.float32)
    return preview.light_up(replace(surface, materials=matt), _WHITE, unshadowed)
