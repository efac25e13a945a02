"""What the networks are asked to make small; every mean is over valid pixels, and none at all count as zero."""

import torch
from torch import Tensor
from torch.nn import functional


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values (N, C, H, W) weighted by mask (N, 1, H, W), over all samples together; 0 of an empty mask."""
    weight = mask.to(values.dtype).expand_as(values)
    return (values * weight).sum() / weight.sum().clamp_min(1)


def flow_loss(predicted: Tensor, flow: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute error of a flow, and of its slopes between neighbours that both count.

    Args:
        predicted, flow: (N, 2, H, W) pixels.
        weight: (N, 1, H, W) >= 0, what a pixel counts; 0 where no surface is seen.
    """
    error = predicted - flow
    slopes = sum(
        masked_mean(error.diff(dim=axis).abs(), torch.minimum(*(weight.narrow(axis, i, n - 1) for i in (0, 1))))
        for axis, n in ((2, weight.shape[2]), (3, weight.shape[3]))
    )
    return masked_mean(error.abs(), weight) + slopes


def draw_queries(distance_m: Tensor, generator: torch.Generator, spread: float = 0.5) -> Tensor:
    """(N,) distances to ask about: normal in log2 about the true ones (N,), in metres."""
    noise = torch.randn(distance_m.shape, generator=generator).to(distance_m)
    return distance_m * (spread * noise).exp2()


def query_loss(farther: Tensor, distance_m: Tensor, query_m: Tensor) -> Tensor:
    """Negative log likelihood of "the distance is larger than the query", of logits (N,)."""
    return functional.binary_cross_entropy_with_logits(farther, (distance_m > query_m).to(farther.dtype))


def distance_loss(mean: Tensor, spread: Tensor, distance_m: Tensor) -> Tensor:
    """Negative log likelihood of log2 metres under a normal distribution with mean and spread (N,)."""
    z = (torch.log2(distance_m) - mean) / spread
    return (0.5 * z**2 + torch.log(spread)).mean()


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Hinge loss of a discriminator's answers to real and made pictures."""
    return functional.relu(1 - real).mean() + functional.relu(1 + made).mean()


def adversarial_loss(made: Tensor) -> Tensor:
    """What the maker of pictures gains by being believed."""
    return -made.mean()
