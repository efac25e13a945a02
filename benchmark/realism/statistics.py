"""Statistics of similarities between people: pure functions on arrays.

Matrices are (n, n) similarities of n different people, symmetric; their diagonal is never read.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Where the middle nine tenths of some values lie."""

    count: int
    median: float
    p5: float
    p95: float


def spread(values: np.ndarray) -> Spread | None:
    """Median, 5th and 95th percentile; None of nothing."""
    if not len(values):
        return None
    p5, median, p95 = (float(v) for v in np.percentile(values, (5, 50, 95)))
    return Spread(len(values), median, p5, p95)


def pair_values(matrix: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
    """The values of all unordered pairs, of those that `wanted` (n, n) bool names where it is given."""
    pairs = np.triu(np.ones(matrix.shape, bool), 1)
    return matrix[pairs if wanted is None else pairs & wanted]


def same(labels: list[str]) -> np.ndarray:
    """(n, n) bool: which people share a label; an empty label is shared with nobody."""
    names = np.array(labels)
    return (names[:, None] == names[None, :]) & (names != "")[:, None]


def sharing(sets: list[frozenset[int]]) -> np.ndarray:
    """(n, n) bool: which people have something in common."""
    return np.array([[bool(a & b) for b in sets] for a in sets], bool).reshape(len(sets), len(sets))


def closest_other(similarity: np.ndarray) -> np.ndarray:
    """(n,) of each person the greatest similarity to anybody else; n >= 2."""
    return np.where(np.eye(len(similarity), dtype=bool), -np.inf, similarity).max(axis=1)


def distances(vectors: np.ndarray) -> np.ndarray:
    """(n, n) Euclidean distances between (n, d) vectors."""
    return np.linalg.norm(vectors[:, None] - vectors[None, :], axis=2)


def bootstrap_median(matrix: np.ndarray, rng: np.random.Generator, rounds: int = 1000) -> tuple[float, float]:
    """95 % interval of the median over pairs, when the people are drawn again with replacement.

    Pairs share people, so they are no independent draws; whole people are. A person drawn twice is no pair.
    """
    n = len(matrix)
    rows, columns = np.triu_indices(n, 1)
    order = np.argsort(matrix[rows, columns], kind="stable")
    values, rows, columns = matrix[rows, columns][order], rows[order], columns[order]
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=rounds)
    medians = [values[_middle(count[rows] * count[columns])] for count in drawn]
    low, high = np.percentile(medians, (2.5, 97.5))
    return float(low), float(high)


def _middle(weights: np.ndarray) -> int:
    total = np.cumsum(weights)
    return int(np.searchsorted(total, total[-1] / 2))


def separation(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """5th percentile of the same people's similarities minus 95th of different people's: above 0 is told apart."""
    return float(np.percentile(genuine, 5) - np.percentile(impostor, 95))


def d_prime(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Distance of the two means in units of their pooled deviation (Green and Swets, 1966)."""
    return float((genuine.mean() - impostor.mean()) / np.sqrt((genuine.var() + impostor.var()) / 2))
