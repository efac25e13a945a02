"""A live stream of pairs: batches of tensors straight from the generator, with no disk between.

Sample i of a stream is sample i of the set that `datagen generate` writes for the same recipe and seed, bit for bit.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from datagen.reader import collate
from datagen.recipe import Recipe, validate
from datagen.render import render_sample
from datagen.scene import check_sources
from meshes.errors import UsageError


class StreamError(UsageError):
    """A stream that cannot be; says expected, got, next step."""


@dataclass(frozen=True)
class Samples:
    """The samples of a run as a map-style data set, made when asked for.

    Attributes:
        recipe, seed: the run.
        recipe_name: preset the recipe started from, for the record.
    """

    recipe: Recipe
    seed: int
    recipe_name: str = "portrait"

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Layers by name and the record under "meta", as `PairDataset` gives them."""
        sample = render_sample(self.recipe, self.seed, index, self.recipe_name)
        return {**sample.layers, "meta": sample.meta}


def stream(
    recipe: Recipe,
    *,
    seed: int = 0,
    batch: int = 8,
    start: int = 0,
    stop: int | None = None,
    layers: Iterable[str] | None = None,
    workers: int = 2,
    device: str = "cpu",
    recipe_name: str = "portrait",
) -> Iterator[dict[str, Any]]:
    """Batches of pairs, made ahead by worker processes while the caller learns from the last one.

    Args:
        recipe: what to generate.
        seed: of the run.
        batch: samples a batch; the last one of a finite stream may hold fewer.
        start, stop: sample indices start .. stop - 1; without `stop` the stream has no end.
        layers: names to make (renderers/layers.py); the recipe's own where left out.
        workers: processes that render; 0 renders in this one, between batches.
        device: where the tensors go, as torch names it; copies to a GPU overlap with its work.
        recipe_name: preset the recipe started from, for the record.

    Yields:
        Every layer as a tensor (N, H, W, ...) on `device`, and "meta", the list of N records.

    Raises:
        StreamError: torch is missing, or numbers that make no stream.
        RecipeError, MeshError, LightError: the recipe cannot be made, said before the first batch.
    """
    _check(batch, start, stop, workers)
    wanted = _with_layers(validate(recipe), layers)
    check_sources(wanted)
    return _batches(Samples(wanted, seed, recipe_name), IndexBatches(batch, start, stop), workers, device)


def _batches(samples: Samples, indices: "IndexBatches", workers: int, device: str) -> Iterator[dict[str, Any]]:
    torch = _torch()
    loader = torch.utils.data.DataLoader(
        samples,
        batch_sampler=indices,
        collate_fn=tensors,
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        multiprocessing_context="spawn" if workers else None,
        pin_memory=device.startswith("cuda"),
    )
    for batch in loader:
        yield {name: _moved(value, device) for name, value in batch.items()}


def tensors(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`datagen.collate`, with torch tensors in place of arrays."""
    torch = _torch()
    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in collate(samples).items()
    }


def _moved(value: Any, device: str) -> Any:
    return value if isinstance(value, list) else value.to(device, non_blocking=True)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise StreamError(f"stream: expected torch, got {error}. Install it: pip install torch.") from error
    return torch


@dataclass(frozen=True)
class IndexBatches:
    """Lists of sample indices, in order; sent to workers as they come, so it may have no end."""

    batch: int
    start: int
    stop: int | None

    def __iter__(self) -> Iterator[list[int]]:
        indices = itertools.count(self.start) if self.stop is None else iter(range(self.start, self.stop))
        while chosen := list(itertools.islice(indices, self.batch)):
            yield chosen


def _with_layers(recipe: Recipe, layers: Iterable[str] | None) -> Recipe:
    if layers is None:
        return recipe
    names = tuple(layers)
    dropped = tuple(name for name in recipe.layers if name not in names)
    return validate(replace(recipe, extra_layers=names, without_layers=dropped))


def _check(batch: int, start: int, stop: int | None, workers: int) -> None:
    if batch < 1 or start < 0 or workers < 0:
        raise StreamError(
            f"stream: expected batch >= 1, start >= 0 and workers >= 0, got {batch}, {start} and {workers}. "
            "Correct the one that is off."
        )
    if stop is not None and stop <= start:
        raise StreamError(f"stream: expected stop above start {start}, got {stop}. Leave it out for no end.")
