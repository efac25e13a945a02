"""Intervals of verification figures when people are drawn again, at one pass over the impostors a draw.

The readable twin is `benchmark.metrics.identity.bootstrap`, which repeats the pairs and asks one figure at a time.
Pairs are sorted once; a draw only weighs them anew: a pair of one person counts as often as that person was drawn, one
of two people as often as the product.
"""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from benchmark.metrics.identity import Comparisons
from benchmark.metrics.statistics import draws

Interval = tuple[float, float]
FIGURES = ("d_prime", "eer", "roc_auc")
ROUNDS = 500
LEAST_PEOPLE = 5
"""Of fewer people no interval is told."""


@dataclass(frozen=True, eq=False)
class Ordered:
    """Pairs from the most alike down; those without a face are last.

    Attributes:
        people: how many are drawn.
        one: (g,) int64, the person of each genuine pair.
        score: (g,) float64, the least possible score where there is no face.
        above, upto: (g,) int64, impostors with a greater score, and with a score at least as great.
        pairs: (i, 2) int64, the two people of each impostor.
        ends: (k, 2) int64, genuine pairs and impostors with a score of at least each threshold: nothing, every score
            that was met, everything.
        powers: (3, people, people) float64: number, sum and sum of squares of the impostors' scores by their people,
            those without a face left out.
    """

    people: int
    one: np.ndarray
    score: np.ndarray
    above: np.ndarray
    upto: np.ndarray
    pairs: np.ndarray
    ends: np.ndarray
    powers: np.ndarray


def ordered(compared: Comparisons, least_score: float) -> Ordered:
    """The pairs, sorted once for all draws."""
    people, index = np.unique(np.concatenate([compared.one, compared.other]), return_inverse=True)
    order = np.argsort(-compared.score, kind="stable")
    fall, one, other = (a[order] for a in (-compared.score, index[: len(order)], index[len(order) :]))
    same = one == other
    genuine, impostor, met = fall[same], fall[~same], np.unique(fall[np.isfinite(fall)])
    counts = [np.concatenate([[0], np.searchsorted(f, met, side="right"), [len(f)]]) for f in (genuine, impostor)]
    there, powers = ~same & np.isfinite(fall), np.zeros((3, len(people), len(people)))
    for power in range(3):
        np.add.at(powers[power], (one[there], other[there]), (-fall[there]) ** power)
    return Ordered(
        len(people),
        one[same],
        np.where(np.isposinf(genuine), least_score, -genuine),
        np.searchsorted(impostor, genuine, side="left"),
        np.searchsorted(impostor, genuine, side="right"),
        np.stack([one[~same], other[~same]], axis=1),
        np.stack(counts, axis=1),
        powers,
    )


def intervals(pairs: Ordered, rng: np.random.Generator, rounds: int = ROUNDS) -> dict[str, Interval]:
    """95 % intervals by name of `FIGURES`, of the draws that have the figure; left out where most have not."""
    told: dict[str, list[float]] = {name: [] for name in FIGURES}
    if pairs.people < LEAST_PEOPLE:
        return {}
    for count in draws(pairs.people, rng, rounds):
        for name, value in weighed(pairs, count).items():
            told[name].append(value)
    return {
        name: (float(low), float(high))
        for name, values in told.items()
        if 2 * len(values) >= rounds
        for low, high in [np.percentile(values, (2.5, 97.5))]
    }


def weighed(pairs: Ordered, count: np.ndarray) -> dict[str, float]:
    """Figures when each person counts so often, (people,) int64; none without pairs of both kinds."""
    weight = count[pairs.one]
    genuine = np.concatenate([[0], np.cumsum(weight)])
    impostor = np.concatenate([[0], np.cumsum(count[pairs.pairs[:, 0]] * count[pairs.pairs[:, 1]])])
    if not genuine[-1] or not impostor[-1]:
        return {}
    beaten = impostor[-1] - (impostor[pairs.above] + impostor[pairs.upto]) / 2
    area = float(weight @ beaten) / (float(genuine[-1]) * float(impostor[-1]))
    figures = {"eer": _crossing(pairs.ends, genuine, impostor), "roc_auc": area}
    d_prime = _separation(pairs, count)
    return figures if d_prime is None else {**figures, "d_prime": d_prime}


def _crossing(ends: np.ndarray, genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Where false accepts equal false rejects, on straight lines between thresholds."""

    def rates(threshold: int) -> tuple[float, float]:
        """False accepts, and how far they exceed false rejects: grows from -1 to 1."""
        far = float(impostor[ends[threshold, 1]]) / float(impostor[-1])
        return far, far - 1 + float(genuine[ends[threshold, 0]]) / float(genuine[-1])

    after = bisect_left(range(len(ends)), 0.0, key=lambda threshold: rates(threshold)[1])
    (far_a, gap_a), (far_b, gap_b) = rates(after - 1), rates(after)
    return far_a - gap_a / (gap_b - gap_a) * (far_b - far_a)


def _separation(pairs: Ordered, count: np.ndarray) -> float | None:
    """d': a genuine pair without a face counts with the least score, an impostor not at all."""
    number, total, squares = (float(count @ power @ count) for power in pairs.powers)
    if not number:
        return None
    weight = count[pairs.one]
    mean = float(np.average(pairs.score, weights=weight))
    spread = float(np.average((pairs.score - mean) ** 2, weights=weight))
    variance = squares / number - (total / number) ** 2
    deviation = float(np.sqrt(max(spread + variance, 0.0) / 2))
    return (mean - total / number) / deviation if deviation > 1e-6 else None
