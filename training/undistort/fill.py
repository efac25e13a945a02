"""Pixels that nobody saw, out of those around them: averages of ever larger squares, the smallest that knows any.

The pull-push method of Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph", SIGGRAPH 1996.
"""

import torch
from torch import Tensor
from torch.nn import functional


def pull_push(values: Tensor, weight: Tensor) -> Tensor:
    """Values where weight is 1, continued smoothly to where it is 0.

    Args:
        values: (N, C, H, W).
        weight: (N, 1, H, W) in [0, 1]; what counts.

    Returns:
        (N, C, H, W); 0 where weight is 0 everywhere.
    """
    if max(values.shape[-2:]) == 1:
        return torch.where(weight > 0, values, 0.0)
    down, mass = (_halved(x) for x in (values * weight, weight))
    below = pull_push(down / mass.clamp_min(1e-6), (4 * mass).clamp_max(1.0))
    # Two by two pixels share one below; rows and columns that were added to make the count even fall away.
    size = [2 * side for side in below.shape[-2:]]
    around = functional.interpolate(below, size, mode="bilinear", align_corners=False)
    return weight * values + (1 - weight) * around[..., : values.shape[-2], : values.shape[-1]]


def _halved(x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    return functional.avg_pool2d(functional.pad(x, (0, width % 2, 0, height % 2)), 2)


def soft_step(x: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high`, a cubic between; `low` may be the larger one."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def widened(mask: Tensor, radius: int) -> Tensor:
    """The largest value within `radius` pixels along rows and columns, (N, 1, H, W)."""
    if radius < 1:
        return mask
    mask = functional.max_pool2d(mask, (2 * radius + 1, 1), 1, (radius, 0))
    return functional.max_pool2d(mask, (1, 2 * radius + 1), 1, (0, radius))
