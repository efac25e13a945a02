"""The preview tier's colour on a device: soft shadows and pictures by `renderers.cuda.colour`.

Light, backdrop, lens and film stay on processors; so do the pictures of all other tiers.
"""

from datagen.recipe import Recipe
from meshes.surface import Surface
from renderers.cuda import colour
from renderers.cuda.device import Device
from renderers.cuda.labels import to_host
from renderers.light import EnvironmentLight
from renderers.picture import Image, Quality, Tier, View


def can_draw(recipe: Recipe) -> bool:
    """Whether a device can take the recipe's pictures."""
    return recipe.colour == "preview"


def tier_on(kernels: Device) -> Tier:
    """The preview tier on a device; ask `can_draw` first."""

    def take(surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality) -> tuple[Image, ...]:
        lit = colour.light_up(surface, light, kernels)
        return to_host(kernels, tuple(colour.render(lit, view.camera, view.hits, None, kernels) for view in views))

    return take
