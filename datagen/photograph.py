"""Both photographs of a scene: the tier's picture before its backdrop, then lens and film.

Tiers see pinholes without distortion; what bends light on its way is done on a larger such picture.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from datagen.colour import tier
from datagen.plan import Plan
from datagen.randomness import generator
from datagen.recipe import Recipe
from datagen.scene import PosedScene
from meshes.surface import Surface
from renderers import background, srgb
from renderers.camera import supersampled
from renderers.exact import rasterize
from renderers.film.develop import Film, Settings, channel_scale, develop, expose, measure
from renderers.film.focus import defocus
from renderers.film.jpeg import writer
from renderers.film.sensor import SENSORS
from renderers.labels import ViewLabels
from renderers.light import irradiance
from renderers.picture import Image, Quality, ThinLens, Tier, View, over
from renderers.resample import ideal, through_lens

LENSED = ("photo", "blender")
"""Tiers that trace rays through `View.lens` themselves; the others' pictures are blurred by their depth."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """What a camera hands out.

    Attributes:
        rgb: (H, W, 3) uint8 sRGB.
        alpha: (H, W) float32 in [0, 1], the part of each pixel that the person covers; neither blur nor shake is in it.
        settings: the exposure and white balance that it has.
        lens: what it was taken through; None is a pinhole.
    """

    rgb: np.ndarray
    alpha: np.ndarray
    settings: Settings
    lens: ThinLens | None = None


@dataclass(frozen=True, eq=False)
class Pictures:
    """The photographs of both views."""

    near: Photograph
    far: Photograph


@dataclass(frozen=True, eq=False)
class Shot:
    """A photograph to take.

    Attributes:
        name: "near" or "far".
        labels: of its pixels, with their camera.
        view: what the tier takes: that camera, or a larger one without distortion.
        film: what happens afterwards.
    """

    name: str
    labels: ViewLabels
    view: View
    film: Film


@dataclass(frozen=True, eq=False)
class Negative:
    """A shot when the light has fallen on the film: linear (H, W, 3) and the coverage (H, W), both float32."""

    shot: Shot
    light: np.ndarray
    alpha: np.ndarray


def photograph(
    recipe: Recipe, scene: PosedScene, near: ViewLabels, far: ViewLabels, take: Tier | None = None
) -> Pictures:
    """Both photographs, taken by the recipe's tier under one light.

    Args:
        recipe: with tier, background and metering.
        scene: the posed scene.
        near, far: labels of the two views.
        take: the tier's twin on a device; the tier itself unless given.
    """
    surface, plan = scene.head.surface, scene.plan
    shots = (
        _shot("near", surface, near, scene.near_lens, plan.near_shot.film),
        _shot("far", surface, far, scene.far_lens, plan.far_shot.film),
    )
    quality = Quality(recipe.spp, recipe.denoise, int(generator(plan.seed, plan.index, "paths").integers(1 << 31)))
    images = (take or tier(recipe))(surface, scene.light, tuple(shot.view for shot in shots), quality)
    first, second = (_negative(recipe, scene, shot, image) for shot, image in zip(shots, images, strict=True))
    settings = _measured(scene, first)
    return Pictures(
        _finished(scene, first, settings),
        _finished(scene, second, _measured(scene, second) if recipe.meter_each else settings),
    )


def _shot(name: str, surface: Surface, labels: ViewLabels, lens: ThinLens | None, film: Film) -> Shot:
    camera = labels.camera
    if camera.distortion is None and film.chromatic_px == 0:
        return Shot(name, labels, View(camera, labels.hits, lens), film)
    straight = ideal(camera, channel_scale=channel_scale(film, camera))
    return Shot(name, labels, View(straight, rasterize(surface, straight), lens), film)


def _negative(recipe: Recipe, scene: PosedScene, shot: Shot, image: Image) -> Negative:
    """The tier's picture in focus, before its backdrop, through the lens."""
    view, camera = shot.view, shot.labels.camera
    blurred = _focused(recipe, view, image)
    light = expose(over(blurred, _backdrop(scene, view)), view.camera, camera, shot.film)
    return Negative(shot, light, _coverage(recipe, scene.head.surface, shot, image))


def _focused(recipe: Recipe, view: View, image: Image) -> Image:
    if view.lens is None or view.hits is None or recipe.colour in LENSED:
        return image
    return defocus(image, view.hits.depth_axis_m, float(view.camera.K[0, 0]), view.lens)


def _coverage(recipe: Recipe, surface: Surface, shot: Shot, image: Image) -> np.ndarray:
    """Coverage of the final pixels without any blur: a label, whatever was done to the picture."""
    camera = shot.labels.camera
    if shot.view.lens is not None and recipe.colour in LENSED:
        fine = rasterize(surface, supersampled(camera, 2)).triangle_id >= 0
        return fine.reshape(camera.height, 2, camera.width, 2).mean(axis=(1, 3), dtype=np.float32)
    if shot.view.camera is camera:
        return image.alpha
    return through_lens(image.alpha[..., None], shot.view.camera, camera)[..., 0]


def _backdrop(scene: PosedScene, view: View) -> np.ndarray:
    plan = scene.plan
    return background.backdrop(view.camera, scene.light, plan.background, plan.plate, backdrop_rgb(plan), view.lens)


def backdrop_rgb(plan: Plan) -> tuple[float, float, float]:
    """Linear colour of a flat backdrop."""
    red, green, blue = srgb.decode(np.array(plan.background_rgb, np.uint8)).tolist()
    return red, green, blue


def _measured(scene: PosedScene, negative: Negative) -> Settings:
    film = negative.shot.film
    white = film.white_balance == "card"
    card = 0.18 / np.pi * irradiance(scene.light, np.array([[0.0, 0.0, 1.0]]))[0] if white else np.ones(3)
    return measure(negative.light, negative.shot.labels.part, film, card, scene.plan.light.level)


def _finished(scene: PosedScene, negative: Negative, settings: Settings) -> Photograph:
    film, name = negative.shot.film, negative.shot.name
    noise = generator(scene.plan.seed, scene.plan.index, f"{name} noise")
    return Photograph(
        develop(negative.light, settings, film, noise), negative.alpha, settings, negative.shot.view.lens
    )  # fmt: skip


def film_of(recipe: Recipe, plan: Plan, pictures: Pictures) -> dict[str, Any] | None:
    """The record of lens and film, plain JSON values; None where there is nothing to say."""
    near, far = plan.near_shot, plan.far_shot
    views = {
        "near": _film_of_view(near.film, near.f_number, pictures.near.lens, pictures.near.settings),
        "far": _film_of_view(far.film, far.f_number, pictures.far.lens, pictures.far.settings),
    }
    ideal_view = _film_of_view(Film(), None, None, Settings())
    return None if all(view == ideal_view for view in views.values()) else {**views, "meter_each": recipe.meter_each}


def _film_of_view(film: Film, f_number: float | None, lens: ThinLens | None, settings: Settings) -> dict[str, Any]:
    sensor = None if film.iso is None else {"name": film.sensor, "iso": film.iso, **asdict(SENSORS[film.sensor])}
    jpeg = None if film.jpeg_quality is None else {"quality": film.jpeg_quality, "writer": writer()}
    drawn = {k: v for k, v in asdict(film).items() if k not in ("iso", "sensor", "jpeg_quality")}
    opened = None if lens is None else {"f_number": f_number, **asdict(lens)}
    return {
        **drawn,
        "lens": opened,
        "sensor": sensor,
        "jpeg": jpeg,
        "gain": settings.gain,
        "balance": list(settings.balance),
    }
