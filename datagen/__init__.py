"""Recipes, plans, pairs, shards, verification, the `datagen` command."""

from collections.abc import Iterator
from typing import Any

from datagen.presets import PRESETS
from datagen.reader import PairDataset, collate
from datagen.recipe import Recipe, RecipeError
from datagen.sample import Sample

__version__ = "0.1.0"
__all__ = ["PRESETS", "PairDataset", "Recipe", "RecipeError", "Sample", "collate", "render_sample", "stream"]


def render_sample(recipe: Recipe, seed: int, index: int) -> Sample:
    """Sample `index` of the run (recipe, seed): the same bytes alone as in a run of any size."""
    from datagen.render import render_sample as render  # Compiled kernels load only where pictures are made.

    return render(recipe, seed, index)


def stream(recipe: Recipe, **options: Any) -> Iterator[dict[str, Any]]:
    """Batches of tensors straight from the generator; see `datagen.live.stream` for the options."""
    from datagen.live import stream as live

    return live(recipe, **options)
