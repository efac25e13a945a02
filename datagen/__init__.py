"""Recipes, plans, pairs, shards, verification, the `datagen` command."""

from datagen.presets import PRESETS
from datagen.reader import PairDataset, collate
from datagen.recipe import Recipe, RecipeError
from datagen.sample import Sample

__version__ = "0.1.0"
__all__ = ["PRESETS", "PairDataset", "Recipe", "RecipeError", "Sample", "collate", "render_sample"]


def render_sample(recipe: Recipe, seed: int, index: int) -> Sample:
    """Sample `index` of the run (recipe, seed): the same bytes alone as in a run of any size."""
    from datagen.render import render_sample as render  # Compiled kernels load only where pictures are made.

    return render(recipe, seed, index)
