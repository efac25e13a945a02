"""Averages over samples and their intervals. Sums are rounded once, so that no order and no batching changes a bit."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from benchmark.metrics.measured import Measured, MetricError, nothing

ROUNDS = 1000
"""Draws of a bootstrap."""


def weighted_mean(measured: Sequence[Measured], by_count: bool = False) -> Measured:
    """The mean over samples: sum(weight * value) / sum(weight). What has no value has no weight.

    Args:
        measured: of one metric.
        by_count: weigh each sample by what it was measured over (KITTI and Sintel average over the pixels of all
            pictures), instead of all samples alike.
    """
    there = [m for m in measured if m.value is not None and m.weight > 0]
    weights = [m.weight * (m.count if by_count else 1) for m in there]
    total = math.fsum(weights)
    if not total:
        return nothing("no sample had anything to measure")
    values = [m.value for m in there if m.value is not None]
    if not np.isfinite(values).all():  # Equal pictures have an infinite PSNR, and so has their mean.
        return Measured(float(np.sum(values)), 1.0, sum(m.count for m in there))
    mean = math.fsum(weight * value for weight, value in zip(weights, values, strict=True)) / total
    return Measured(mean, 1.0, sum(m.count for m in there))


def bootstrap_mean(
    measured: Sequence[Measured],
    people: Sequence[int],
    rng: np.random.Generator,
    rounds: int = ROUNDS,
    draw: Callable[[int, np.random.Generator, int], np.ndarray] | None = None,
) -> tuple[float, float] | None:
    """95 % interval of `weighted_mean` when people, not samples, are drawn again with replacement.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993 (percentile interval over clusters): samples of one
    person are alike, so their number promises more than they tell.

    Args:
        measured: of one metric.
        people: whom each sample shows.
        rng: `datagen.randomness.generator(seed, index, purpose)`.
        rounds: draws.
        draw: `draws` where left out; who has thousands of figures may keep the draws of equally many people.

    Returns:
        Low and high; None where fewer than two people have a value, or one is infinite.

    Raises:
        MetricError: not one person for each sample.
    """
    if len(people) != len(measured):
        raise MetricError(f"bootstrap: expected {len(measured)} people, got {len(people)}; name one for each sample.")
    sums: dict[int, list[tuple[float, float]]] = {}
    for person, m in zip(people, measured, strict=True):
        if m.value is not None and m.weight > 0:
            sums.setdefault(person, []).append((m.weight * m.value, m.weight))
    if len(sums) < 2 or not np.isfinite([total for rows in sums.values() for total, _ in rows]).all():
        return None
    columns = [zip(*sums[person], strict=True) for person in sorted(sums)]
    totals = np.array([[math.fsum(part) for part in column] for column in columns])
    drawn = (draw or draws)(len(totals), rng, rounds) @ totals
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return float(low), float(high)


def draws(count: int, rng: np.random.Generator, rounds: int) -> np.ndarray:
    """(rounds, count) int64: how often each of `count` is drawn, `count` times a round with replacement."""
    return rng.multinomial(count, np.full(count, 1 / count), size=rounds)
