"""Which module takes the colour pictures of a recipe: one a tier, imported on use.

Each has `render_views`, a `renderers.picture.Tier`, and `check`, which says what is missing before a run starts.
"""

from importlib import import_module
from types import ModuleType

from datagen.recipe import Recipe
from renderers.picture import Tier

TIERS = {
    "preview": "renderers.preview",
    "photo": "renderers.photo",
    "blender": "renderers.blender",
    "pyrender": "renderers.adapters.pyrender_tier",
    "pytorch3d": "renderers.adapters.pytorch3d_tier",
}
"""Modules by the names of `Recipe.colour`."""


def tier(recipe: Recipe) -> Tier:
    """The function that takes the pictures.

    Raises:
        UserError: its packages are not installed; says which.
    """
    take: Tier = _module(recipe).render_views
    return take


def check_tier(recipe: Recipe) -> None:
    """Nothing where the recipe's tier can work on this machine.

    Raises:
        UserError: what is missing and how to install it.
    """
    _module(recipe).check()


def _module(recipe: Recipe) -> ModuleType:
    return import_module(TIERS[recipe.colour])
