"""The preview tier's photographs on a device, where lens and film leave them as they are.

What else cameras do to pictures is done by processors, and so are the pictures of all other tiers.
"""

from typing import Any

from datagen.device.placed import Placed
from datagen.device.placed import to_host as scene_on_host
from datagen.photograph import Photograph, Pictures, backdrop_rgb, photograph
from datagen.plan import Plan
from datagen.recipe import Recipe
from meshes.surface import Surface
from renderers.camera import Camera
from renderers.cuda import colour, film
from renderers.cuda.colour import DeviceLit
from renderers.cuda.device import Device
from renderers.cuda.labels import Stack, row, to_host
from renderers.film.develop import Settings, decided
from renderers.light import EnvironmentLight
from renderers.picture import Image, Quality, Tier, View, over
from renderers.preview import PreparedLight


def photograph_on(device: Device, recipe: Recipe, placed: Placed, stack: Stack, n: int) -> Pictures:
    """`datagen.photograph.photograph` of pair `n` of a stack; ask `drafts.can_draw` first.

    Args:
        device: where stack and surface are.
        recipe: of the run.
        placed: the pair.
        stack: labels of a batch.
        n: which of its pairs.

    Returns:
        Arrays of the device, or of the host where lens or film made more of the pictures.
    """
    light, looks = placed.light, placed.shape.looks
    assert isinstance(light, PreparedLight), "lights are prepared where pictures are taken"
    assert looks is not None, "and people are painted"
    lit, settings = colour.light_up(device, looks, light, placed.shape.surface), _settings(recipe, placed)
    if settings is None:
        near, far, _ = to_host(device, stack.pair(n))
        return photograph(recipe, scene_on_host(placed), near, far, _tier_of(device, lit))
    views = n, n + len(stack)
    backdrops = (_backdrop(device, placed.plan, light.light, stack.views.cameras[v]) for v in views)
    return Pictures(
        *(_taken(device, lit, stack, *shot) for shot in zip(views, backdrops, settings, strict=True))
    )  # fmt: skip


def _settings(recipe: Recipe, placed: Placed) -> tuple[Settings, Settings] | None:
    """Of both views, where nothing else happens to the light on its way; None where lens or film do more."""
    near, far = placed.plan.near_shot, placed.plan.far_shot
    bent = any(camera.distortion is not None for camera in (placed.near, placed.far))
    blurred = near.f_number is not None or far.f_number is not None
    if bent or blurred or not (near.film.plain and far.film.plain):
        return None
    first, second = (decided(one.film, placed.plan.light.level) for one in (near, far))
    if first is None or second is None:
        return None
    return first, second if recipe.meter_each else first


def _backdrop(device: Device, plan: Plan, light: EnvironmentLight, camera: Camera) -> Any:
    return film.backdrop_on(device, camera, light, plan.background, plan.plate, backdrop_rgb(plan))


def _taken(device: Device, lit: DeviceLit, stack: Stack, v: int, behind: Any, settings: Settings) -> Photograph:
    image = colour.draw(device, lit, stack.views.one(v), row(stack.hits, v))
    light = over(image, behind) * device.xp.asarray(settings.factors)
    return Photograph(film.encode(device, light), image.alpha, settings)


def _tier_of(device: Device, lit: DeviceLit) -> Tier:
    """The preview tier on a device, of a scene that is lit there already, for photographs that processors develop."""

    def take(surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality) -> tuple[Image, ...]:
        return to_host(device, tuple(colour.render(device, lit, view.camera, view.hits) for view in views))

    return take
