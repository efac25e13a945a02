"""A live stream of pairs: batches of tensors straight from the generator, with no disk between.

Sample i of a stream is sample i of the set that `datagen generate` writes for the same recipe and seed: bit for bit,
unless a device posed it, whose points differ in their last bits (docs/conventions.md).
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from datagen.device.drafts import Drafts, can_draw
from datagen.loading import loader
from datagen.reader import collate
from datagen.recipe import Recipe, validate
from datagen.render import render_sample
from datagen.scene import check_sources
from meshes.errors import UsageError
from renderers.cuda.machine import check_torch, open_machine

Posing = Literal["device", "cpu"]


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
    posing: Posing = "device",
    recipe_name: str = "portrait",
) -> Iterator[dict[str, Any]]:
    """Batches of pairs, made ahead by worker processes while the caller learns from the last one.

    Args:
        recipe: what to generate.
        seed: of the run.
        batch: samples a batch; the last one of a finite stream may hold fewer.
        start, stop: sample indices start .. stop - 1; without `stop` the stream has no end.
        layers: names to make (renderers/layers.py); the recipe's own where left out.
        workers: processes that render, or plan what a device makes; 0 leaves it to this one.
        device: where the tensors go, as torch names it. On a CUDA device labels are made where they stay, one batch
            ahead. Samples with pictures that no kernel can draw are made by the workers, whole, and copied.
        posing: who poses the built-in people where a device makes labels: the device, or the processors, slower, for
            the bits of the set on disk. Other people, and what they wear, always come from the processors.
        recipe_name: preset the recipe started from, for the record.

    Yields:
        Every layer as a tensor (N, H, W, ...) on `device`, and "meta", the list of N records.

    Raises:
        StreamError: numbers that make no stream.
        MachineError, DeviceError: torch, the device, or for labels on it CuPy, is missing.
        RecipeError, MeshError, LightError: the recipe cannot be made, said before the first batch.
    """
    _check(batch, start, stop, workers, posing)
    check_torch(device)
    wanted = with_layers(validate(recipe), layers)
    check_sources(wanted)
    indices = IndexBatches(batch, start, stop)
    if device.startswith("cuda") and (not wanted.takes_pictures or can_draw(wanted)):
        from datagen.device.batches import batches

        drafts = Drafts(wanted, seed, posing == "device")
        return batches(open_machine(device), drafts, indices, workers, recipe_name)
    return _batches(Samples(wanted, seed, recipe_name), indices, workers, device)


def _batches(samples: Samples, indices: "IndexBatches", workers: int, device: str) -> Iterator[dict[str, Any]]:
    for batch in loader(samples, indices, tensors, workers, pinned=device.startswith("cuda")):
        yield {name: _moved(value, device) for name, value in batch.items()}


def tensors(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`datagen.collate`, with torch tensors in place of arrays."""
    import torch

    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in collate(samples).items()
    }


def _moved(value: Any, device: str) -> Any:
    return value if isinstance(value, list) else value.to(device, non_blocking=True)


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


def with_layers(recipe: Recipe, layers: Iterable[str] | None) -> Recipe:
    """The recipe with these layers and no others; its own where there are none."""
    if layers is None:
        return recipe
    names = tuple(layers)
    dropped = tuple(name for name in recipe.layers if name not in names)
    return validate(replace(recipe, extra_layers=names, without_layers=dropped))


def _check(batch: int, start: int, stop: int | None, workers: int, posing: str) -> None:
    if posing not in ("device", "cpu"):
        raise StreamError(f"stream: expected posing 'device' or 'cpu', got {posing!r}. Name one of them.")
    if batch < 1 or start < 0 or workers < 0:
        raise StreamError(
            f"stream: expected batch >= 1, start >= 0 and workers >= 0, got {batch}, {start} and {workers}. "
            "Correct the one that is off."
        )
    if stop is not None and stop <= start:
        raise StreamError(f"stream: expected stop above start {start}, got {stop}. Leave it out for no end.")
