"""How well a flow or a distance was told, by distance: never one average over all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from meshes.parts import Part
from training.data import Batch

BIN_EDGES_M = (0.0, 0.23, 0.26, 0.30, 0.35, 0.43, 0.62, 1.05, 1.68)
"""Nearly even in 1/distance, so in strength of the distortion; the last bin is where little is left to undo."""

EARS = (Part.EAR_LEFT, Part.EAR_RIGHT)
FACE = (
    Part.FACE,
    Part.NOSE,
    Part.LIPS,
    Part.EYE_SOCKET,
    Part.EYE_LEFT,
    Part.EYE_RIGHT,
    Part.BROWS,
    Part.LASHES,
    Part.BEARD,
)

REGIONS: dict[str, tuple[Part, ...]] = {"face": FACE, "ears": EARS}
"""Parts whose visible pixels are scored."""

Predictor = Callable[[Batch], Tensor]
"""What a batch is answered: flow (N, 2, H, W) in pixels, or distance (N,) in metres."""


@dataclass
class Binned:
    """Sums and counts by distance bin.

    Attributes:
        total, count: (bins,) float64.
    """

    total: Tensor = field(default_factory=lambda: torch.zeros(len(BIN_EDGES_M) - 1, dtype=torch.float64))
    count: Tensor = field(default_factory=lambda: torch.zeros(len(BIN_EDGES_M) - 1, dtype=torch.float64))

    def add(self, distance_m: Tensor, value: Tensor, weight: Tensor) -> None:
        """Adds means (N,) of `weight` (N,) pixels each; a sample of weight 0 adds nothing."""
        index = bin_of(distance_m)
        self.total.index_add_(0, index, (value * weight).double().cpu())
        self.count.index_add_(0, index, weight.double().cpu())

    def mean(self) -> list[float | None]:
        """Mean of each bin; None where nothing fell."""
        pairs = zip(self.total.tolist(), self.count.tolist(), strict=True)
        return [total / count if count else None for total, count in pairs]


def bin_of(distance_m: Tensor) -> Tensor:
    """(N,) int64 on the CPU: the bin of each distance; beyond the last edge counts as the last bin."""
    edges = torch.tensor(BIN_EDGES_M[1:-1])
    return torch.bucketize(distance_m.float().cpu(), edges, right=True)


def region(batch: Batch, name: str) -> Tensor:
    """(N, 1, H, W) bool: near pixels of a region that the far camera sees as well."""
    parts = torch.tensor([int(part) for part in REGIONS[name]], device=batch["near_part"].device)
    return torch.isin(batch["near_part"], parts) & batch["near_visible"]


def endpoint_error(predicted: Tensor, batch: Batch, name: str) -> tuple[Tensor, Tensor]:
    """Mean end-point error (N,) in pixels over a region, 0 where it is empty, and its pixels (N,)."""
    mask = region(batch, name)
    error = (predicted - batch["flow"]).norm(dim=1, keepdim=True)
    count = mask.sum(dim=(1, 2, 3))
    return (error * mask).sum(dim=(1, 2, 3)) / count.clamp_min(1), count


@torch.no_grad()
def score_flows(
    batches: Iterable[Batch], predictors: dict[str, Predictor], scale: float = 1.0
) -> dict[str, dict[str, Binned]]:
    """End-point errors of every predictor by region and distance bin, each sample weighing the same.

    Args:
        batches: pairs that nobody learnt from.
        predictors: by name.
        scale: pixels are multiplied by this, to speak of another size.
    """
    scores = {name: {where: Binned() for where in REGIONS} for name in predictors}
    for batch in batches:
        for name, predict in predictors.items():
            flow = predict(batch)
            for where in REGIONS:
                error, count = endpoint_error(flow, batch, where)
                scores[name][where].add(batch["distance_m"], scale * error, (count > 0).float())
    return scores
