"""Intervals of verification figures when people are drawn again: all figures of a draw from one pass over the pairs.

The readable twin is `benchmark.metrics.identity.bootstrap`, which repeats the pairs and asks one figure at a time.
Pairs are sorted once; a draw only weighs them anew.
"""

from dataclasses import dataclass

import numpy as np

from benchmark.metrics.identity import Comparisons
from benchmark.metrics.statistics import ROUNDS, draws

Interval = tuple[float, float]
FIGURES = ("d_prime", "eer", "roc_auc")


@dataclass(frozen=True, eq=False)
class Ordered:
    """Pairs from the most alike down.

    Attributes:
        score: (n,) float64, finite; `missed` pairs, which have none, are last and stand with the least possible score.
        missed: (n,) bool.
        one, other: (n,) int64 into the drawn people.
        people: how many there are.
        ends: (k,) where each score that was met ends: the last pair of equal ones.
    """

    score: np.ndarray
    missed: np.ndarray
    one: np.ndarray
    other: np.ndarray
    people: int
    ends: np.ndarray


def ordered(compared: Comparisons, least_score: float) -> Ordered:
    """Pairs sorted, those of score -infinity last."""
    people, index = np.unique(np.concatenate([compared.one, compared.other]), return_inverse=True)
    order = np.argsort(-compared.score, kind="stable")
    score, n = compared.score[order], len(order)
    missed = np.isneginf(score)
    met = score[~missed]
    ends = np.flatnonzero(np.append(met[1:] != met[:-1], True)) if len(met) else np.zeros(0, np.int64)
    return Ordered(np.where(missed, least_score, score), missed, index[:n][order], index[n:][order], len(people), ends)


def intervals(pairs: Ordered, rng: np.random.Generator, rounds: int = ROUNDS) -> dict[str, Interval]:
    """95 % intervals by name of `FIGURES`, of the draws that have the figure; left out where most have not."""
    told: dict[str, list[float]] = {name: [] for name in FIGURES}
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
    """Figures when each person counts so often.

    A pair of one person counts as often as that person, one of two people as often as the product.

    Args:
        pairs: sorted.
        count: (people,) int64.
    """
    same = pairs.one == pairs.other
    genuine = np.where(same, count[pairs.one], 0).astype(np.float64)
    impostor = np.where(same, 0, count[pairs.one] * count[pairs.other]).astype(np.float64)
    if not genuine.any() or not impostor.any():
        return {}
    tar, far = (_curve(weight, pairs.ends) for weight in (genuine, impostor))
    figures = {"eer": _crossing(tar, far), "roc_auc": float((np.diff(far) * (tar[1:] + tar[:-1]) / 2).sum())}
    d_prime = _separation(pairs, genuine, impostor)
    return figures if d_prime is None else {**figures, "d_prime": d_prime}


def _curve(weight: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(k + 2,) share accepted at every threshold: from nothing, down to everything."""
    total = weight.sum()
    return np.concatenate([[0.0], np.cumsum(weight)[ends] / total, [1.0]])


def _crossing(tar: np.ndarray, far: np.ndarray) -> float:
    """Where false accepts equal false rejects, on straight lines."""
    gap = far - (1 - tar)
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(far[after - 1] + share * (far[after] - far[after - 1]))


def _separation(pairs: Ordered, genuine: np.ndarray, impostor: np.ndarray) -> float | None:
    """d': a genuine pair whose face was missed counts with the least score, an impostor not at all."""
    impostor = np.where(pairs.missed, 0.0, impostor)
    if not impostor.any():
        return None
    (mean_g, var_g), (mean_i, var_i) = (_moments(pairs.score, weight) for weight in (genuine, impostor))
    deviation = float(np.sqrt((var_g + var_i) / 2))
    return (mean_g - mean_i) / deviation if deviation > 1e-12 else None


def _moments(values: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    mean = float(np.average(values, weights=weight))
    return mean, float(np.average((values - mean) ** 2, weights=weight))
