"""The preview tier's colour on a device, where `renderers.cuda.colour` is there to draw it.

Light, lens and film stay on processors; so do the pictures of all other tiers.
"""

from importlib import import_module
from types import ModuleType

from datagen.recipe import Recipe
from meshes.surface import Surface
from renderers.cuda.device import Device
from renderers.cuda.labels import to_host
from renderers.light import EnvironmentLight
from renderers.picture import Image, Quality, Tier, View
from renderers.preview import light_up

_COLOUR = "renderers.cuda.colour"


def can_draw(recipe: Recipe) -> bool:
    """Whether a device can take the recipe's pictures."""
    return recipe.colour == "preview" and _module() is not None


def tier_on(kernels: Device) -> Tier:
    """The preview tier on a device; ask `can_draw` first."""
    colour = import_module(_COLOUR)

    def take(surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality) -> tuple[Image, ...]:
        lit = light_up(surface, light)
        return to_host(kernels, tuple(colour.render(lit, view.camera, view.hits, None, kernels) for view in views))

    return take


def _module() -> ModuleType | None:
    try:
        return import_module(_COLOUR)
    except ModuleNotFoundError:
        return None
