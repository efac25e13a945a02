"""Batches to learn from, of a set on disk or straight from the generator: the same tensors either way.

A batch is a dictionary, see `tensors`; step k of a run always holds the same samples, so a run can be resumed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import datagen
from datagen.live import stream as live
from datagen.live import tensors as stacked
from datagen.loading import loader
from datagen.recipe import Recipe
from meshes.errors import UserError

LAYERS = tuple(
    name.format(a=a, b=b)
    for a, b in (("near", "far"), ("far", "near"))
    for name in ("{a}_rgb", "{a}_alpha", "{a}_part", "{a}_surface", "{a}_visible_in_{b}", "flow_{a}_to_{b}")
)
"""What a batch is made of."""

NAMES = {
    **{f"{view}_rgb": view for view in ("near", "far")},
    **{f"{view}_alpha": f"{view}_mask" for view in ("near", "far")},
    **{f"{view}_{what}": f"{view}_{what}" for view in ("near", "far") for what in ("part", "surface")},
    "near_visible_in_far": "near_visible",
    "far_visible_in_near": "far_visible",
    "flow_near_to_far": "flow",
    "flow_far_to_near": "flow_back",
}
"""What each layer is called in a batch."""

Batch = dict[str, Tensor]


class TrainingError(UserError):
    """Data, weights or settings that cannot be learnt from; says expected, got, next step."""


def tensors(batch: dict[str, Any], device: str | torch.device = "cpu") -> Batch:
    """A collated batch of pairs as what networks take; what the batch has not, its tensor is left out.

    Returns:
        near, far: (N, 3, H, W) float32 in [0, 1], sRGB codes.
        near_mask, far_mask: (N, 1, H, W) float32 in [0, 1], coverage by the person.
        near_part, far_part: (N, 1, H, W) uint8, `meshes.parts.Part`.
        near_surface, far_surface: (N, 1, H, W) bool; flows mean something there.
        near_visible, far_visible: (N, 1, H, W) bool; the other view sees the same point.
        flow, flow_back: (N, 2, H, W) float32 pixels, near to far and far to near.
        distance_m, far_m: (N,) float32, near and far camera to the eye midpoint; far_m may be infinite.
        eye_px: (N, 2) float32 pixels, the eye midpoint, the same in both views.
        K: (N, 3, 3) float64, near intrinsics in pixels.
        landmarks_px: (N, L, 2) float64 pixels in the near picture; landmarks_seen: (N, L) bool.
    """
    planes = {NAMES[name]: _plane(batch[name], device) for name in LAYERS if name in batch}
    for name in ("near", "far", "near_mask", "far_mask"):
        if name in planes:
            planes[name] = planes[name].float() / 255
    return {**planes, **{name: value.to(device) for name, value in _recorded(batch["meta"]).items()}}


def _recorded(meta: list[dict[str, Any]]) -> Batch:
    """What the records of a batch say."""
    cameras, landmarks = ([record[name] for record in meta] for name in ("cameras", "landmarks"))
    K = torch.tensor([camera["near"]["K"] for camera in cameras], dtype=torch.float64)
    return {
        "distance_m": torch.tensor([camera["near"]["distance_m"] for camera in cameras], dtype=torch.float32),
        "far_m": torch.tensor([far_m(camera["far"]) for camera in cameras], dtype=torch.float32),
        # The optical axis of a pair passes through the eye midpoint.
        "eye_px": K[:, :2, 2].float(),
        "K": K,
        "landmarks_px": torch.tensor([mark["near_px"] for mark in landmarks], dtype=torch.float64),
        "landmarks_seen": torch.tensor([mark["near_visible"] for mark in landmarks]),
    }


def far_m(camera: dict[str, Any]) -> float:
    """Distance of a recorded camera to the eye midpoint, infinite for an orthographic one."""
    return math.inf if camera["distance_m"] is None else float(camera["distance_m"])


def portrait(batch: Batch) -> Tensor:
    """(N, 4, H, W): what a network sees of the near picture: the person before black, and the mask."""
    return torch.cat([batch["near"] * batch["near_mask"], batch["near_mask"]], dim=1)


def _plane(layer: Tensor, device: str | torch.device) -> Tensor:
    """(N, H, W) or (N, H, W, C) with its channels second."""
    layer = layer.to(device, non_blocking=True)
    return layer[:, None] if layer.dim() == 3 else layer.movedim(-1, 1)


@dataclass(frozen=True)
class Shuffled:
    """Index batches of endless epochs, each in its own keyed order; the last short batch of an epoch is left out."""

    count: int
    batch: int
    seed: int
    start: int = 0

    def __iter__(self) -> Iterator[list[int]]:
        per_epoch = self.count // self.batch
        epoch, step = divmod(self.start, per_epoch)
        while True:
            order = torch.randperm(self.count, generator=keyed(self.seed, epoch)).tolist()
            for first in range(step * self.batch, per_epoch * self.batch, self.batch):
                yield order[first : first + self.batch]
            epoch, step = epoch + 1, 0


def keyed(*key: int) -> torch.Generator:
    """A generator that depends on the key alone."""
    mixed = 0
    for number in key:
        mixed = (mixed * 6364136223846793005 + number + 1442695040888963407) % 2**63
    return torch.Generator().manual_seed(mixed)


def open(
    path: Path | str,
    *,
    batch: int = 16,
    seed: int = 0,
    start: int = 0,
    split: str | None = "train",
    layers: Sequence[str] = LAYERS,
    workers: int = 2,
    device: str = "cpu",
) -> Iterator[Batch]:
    """Endless shuffled batches of a set on disk.

    Args:
        path: folder made by `datagen generate`.
        batch: pairs a batch.
        seed: of the order.
        start: step to begin with.
        split: "train", "val", "test" or everyone.
        layers: of `LAYERS`, those to read; the fewer, the quicker.
        workers: processes that read; 0 reads in this one.
        device: where the tensors go.

    Raises:
        DatabaseError: no set there, or one without the layers of `LAYERS`.
        TrainingError: fewer pairs than a batch.
    """
    pairs = datagen.PairDataset(path, layers=layers, split=split)
    if len(pairs) < batch:
        raise TrainingError(
            f"{path}: expected at least {batch} pairs of split {split}, got {len(pairs)}; generate more, or lower "
            "--batch."
        )
    return _batches(pairs, Shuffled(len(pairs), batch, seed, start), workers, device)


def _batches(pairs: Any, indices: Any, workers: int, device: str) -> Iterator[Batch]:
    read = loader(pairs, indices, stacked, workers, prefetch=4, pinned=device.startswith("cuda"))
    return (tensors(batch, device) for batch in read)


def ordered(pairs: datagen.PairDataset, batch: int = 16, device: str = "cpu") -> Iterator[Batch]:
    """Every pair once, in order; the last batch may be short."""
    for first in range(0, len(pairs), batch):
        chosen = [pairs[index] for index in range(first, min(first + batch, len(pairs)))]
        yield tensors(stacked(chosen), device)


def stream(
    recipe: Recipe,
    *,
    batch: int = 16,
    seed: int = 0,
    start: int = 0,
    layers: Sequence[str] = LAYERS,
    workers: int = 2,
    device: str = "cpu",
) -> Iterator[Batch]:
    """Endless batches straight from the generator, new pairs each step and no disk; arguments as in `open`."""
    made = live(recipe, seed=seed, batch=batch, start=start * batch, layers=layers, workers=workers)
    return (tensors(pairs, device) for pairs in made)
