"""How well scores tell one person's pictures from different people's.

Scores are similarities, larger for the same person: `genuine` (n,) of pairs of one person, `impostor` (m,) of pairs of
different people. A pair is accepted where its score is at least a threshold. Where no face was found a score is
-infinity: such a pair is never accepted (ISO/IEC 19795-1 counts a failure to acquire as a rejection).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmark.metrics.measured import (
    Measured,
    Metric,
    MetricError,
    PredictionError,
    finite_prediction,
    finite_truth,
    nothing,
    same_shape,
)
from benchmark.metrics.statistics import ROUNDS, draws

IMPOSTORS_PER_ERROR = 10
"""A false accept rate f is told only where at least this many over f impostors were compared."""


@dataclass(frozen=True, eq=False)
class Roc:
    """What each threshold lets through, from the strictest down.

    Attributes:
        threshold: (k,) infinity, then every score met.
        far: (k,) share of impostors accepted.
        tar: (k,) share of genuine pairs accepted.
    """

    threshold: np.ndarray
    far: np.ndarray
    tar: np.ndarray


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Scores of pairs with whom they show.

    Attributes:
        score: (n,) float64.
        one, other: (n,) int64: the person of either picture; equal in genuine pairs.
    """

    score: np.ndarray
    one: np.ndarray
    other: np.ndarray

    @property
    def genuine(self) -> np.ndarray:
        """(n,) scores of pairs of one person."""
        return self.score[self.one == self.other]

    @property
    def impostor(self) -> np.ndarray:
        """(m,) scores of pairs of two people."""
        return self.score[self.one != self.other]


def d_prime(genuine: np.ndarray, impostor: np.ndarray) -> Measured:
    """Distance of the two means over their pooled deviation: (mg - mi) / sqrt((sg² + si²) / 2). Higher is better.

    Green and Swets, "Signal Detection Theory and Psychophysics", 1966; biased variances. Faces not found must be left
    out by the caller, and told beside it: an infinite score has no mean.

    Raises:
        PredictionError: a score is not finite.
    """
    if not len(genuine) or not len(impostor):
        return nothing("no pairs of one kind")
    same, other = finite_prediction(genuine, "genuine scores"), finite_prediction(impostor, "impostor scores")
    deviation = float(np.sqrt((same.var() + other.var()) / 2))
    if not deviation:
        return nothing("all scores of a kind are equal")
    return Measured(float(same.mean() - other.mean()) / deviation, count=len(same) + len(other))


def roc(genuine: np.ndarray, impostor: np.ndarray) -> Roc:
    """Shares accepted at every threshold (Fawcett, "An introduction to ROC analysis", 2006).

    Raises:
        PredictionError: NaN among the scores.
        MetricError: no pairs of one kind.
    """
    same, other = _known(genuine, "genuine scores"), _known(impostor, "impostor scores")
    if not len(same) or not len(other):
        raise MetricError(f"roc: expected pairs of both kinds, got {len(same)} genuine and {len(other)} impostor.")
    met = np.unique(np.concatenate([same, other]))[::-1]
    threshold = np.concatenate([[np.inf], met[met > -np.inf]])
    return Roc(threshold, *(_accepted(scores, threshold) for scores in (other, same)))


def equal_error_rate(genuine: np.ndarray, impostor: np.ndarray) -> Measured:
    """The rate at which false accepts equal false rejects, on straight lines between thresholds. Lower is better.

    Where faces were not found, even accepting every score rejects some; the line then goes on to (1, 1).
    """
    if not len(genuine) or not len(impostor):
        return nothing("no pairs of one kind")
    far, tar = _closed(roc(genuine, impostor))
    gap = far - (1 - tar)  # Grows from -1 to 1.
    after = int(np.argmax(gap >= 0))
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    return Measured(float(far[before] + share * (far[after] - far[before])), count=len(genuine) + len(impostor))


def area(genuine: np.ndarray, impostor: np.ndarray) -> Measured:
    """Area under the ROC: the chance that a genuine pair scores above an impostor, ties half. Higher is better.

    Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic curve", 1982.
    """
    if not len(genuine) or not len(impostor):
        return nothing("no pairs of one kind")
    far, tar = _closed(roc(genuine, impostor))
    below = float((np.diff(far) * (tar[1:] + tar[:-1]) / 2).sum())
    return Measured(below, count=len(genuine) + len(impostor))


def tar_at_far(genuine: np.ndarray, impostor: np.ndarray, far: float) -> Measured:
    """Share of genuine pairs accepted at the laxest threshold that accepts at most `far` of the impostors.

    Higher is better. No value where fewer than 10 / far impostors were compared: the rate would hang on a few pairs.
    """
    if len(impostor) < IMPOSTORS_PER_ERROR / far or not len(genuine):
        return nothing(
            f"refused: a false accept rate of {far:g} needs {IMPOSTORS_PER_ERROR / far:.0f} impostors and a genuine "
            f"pair, got {len(impostor)} and {len(genuine)}"
        )
    curve = roc(genuine, impostor)
    return Measured(float(curve.tar[curve.far <= far].max()), count=len(genuine))


def best_threshold(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """The threshold with the best mean of accepted genuine and rejected impostor shares; of equals, the strictest.

    To be taken from another split than the one that is scored with it. Halfway to the next lower score, so that
    scores of other pictures fall on either side alike. Raises as `roc`.
    """
    curve = roc(genuine, impostor)
    best = int(np.argmax(curve.tar - curve.far))
    below = curve.threshold[best + 1] if best + 1 < len(curve.threshold) else curve.threshold[best]
    here = curve.threshold[best]
    return float(here if np.isinf(here) else (here + below) / 2)


def accuracy(genuine: np.ndarray, impostor: np.ndarray, threshold: float) -> Measured:
    """Mean of the share of genuine pairs accepted and of impostors rejected at a threshold. Higher is better.

    Both kinds weigh alike however many there are; for as many of each it is the accuracy of Huang et al., "Labeled
    Faces in the Wild", 2007.

    Args:
        genuine, impostor: scores.
        threshold: from another split, by `best_threshold`.
    """
    if not len(genuine) or not len(impostor):
        return nothing("no pairs of one kind")
    same, other = _known(genuine, "genuine scores"), _known(impostor, "impostor scores")
    right = (np.mean(same >= threshold) + np.mean(other < threshold)) / 2
    return Measured(float(right), count=len(same) + len(other))


def self_similarity(embeddings: np.ndarray, own_embeddings: np.ndarray) -> Measured:
    """Mean cosine of each picture's embedding (n, d) with that of its own truth (n, d). Higher is better.

    Raises:
        PredictionError: an embedding is not finite, or of length 0.
        MetricError: shapes differ.
    """
    same_shape(embeddings, own_embeddings, "embeddings (n, d)", own_embeddings.ndim == 2)
    if not len(embeddings):
        return nothing("no picture")
    made, own = finite_prediction(embeddings, "embeddings"), finite_truth(own_embeddings, "own embeddings")
    lengths = np.linalg.norm(made, axis=1) * np.linalg.norm(own, axis=1)
    if not lengths.all():
        raise PredictionError("embeddings: expected lengths above 0, got 0; count this sample as failed.")
    return Measured(float(np.mean((made * own).sum(axis=1) / lengths)), count=len(made))


def bootstrap(
    compared: Comparisons,
    figure: Callable[[np.ndarray, np.ndarray], Measured],
    rng: np.random.Generator,
    rounds: int = ROUNDS,
) -> tuple[float, float] | None:
    """95 % interval of a figure of (genuine, impostor) when the people are drawn again with replacement.

    Pairs share people, so they are no independent draws; whole people are. A pair of one person counts as often as
    that person was drawn, one of two people as often as the product; a person and a copy of it are no impostors.

    Args:
        compared: all pairs.
        figure: such as `equal_error_rate`, or `functools.partial(tar_at_far, far=0.01)`.
        rng: `datagen.randomness.generator(seed, index, purpose)`.
        rounds: draws.

    Returns:
        Low and high of the draws that have a figure; None where fewer than half of them have.
    """
    people, index = np.unique(np.concatenate([compared.one, compared.other]), return_inverse=True)
    one, other = index[: len(compared.one)], index[len(compared.one) :]
    same = one == other
    values = []
    for count in draws(len(people), rng, rounds):
        times = np.where(same, count[one], count[one] * count[other])
        repeated = np.repeat(compared.score, times), np.repeat(same, times)
        values.append(figure(repeated[0][repeated[1]], repeated[0][~repeated[1]]).value)
    known = [value for value in values if value is not None]
    if 2 * len(known) < rounds:
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def _known(scores: np.ndarray, what: str) -> np.ndarray:
    values = np.asarray(scores, np.float64)
    if np.isnan(values).any() or np.isposinf(values).any():
        raise PredictionError(f"{what}: expected numbers, or -infinity for a face not found, got NaN or infinity.")
    return values


def _accepted(scores: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """(k,) share of scores that are at least each threshold."""
    ordered = np.sort(scores)
    # A share of whole counts, so that 10 of 1000 is 0.01 to the last bit.
    return (len(ordered) - np.searchsorted(ordered, threshold, side="left")) / len(ordered)


def _closed(curve: Roc) -> tuple[np.ndarray, np.ndarray]:
    """The curve up to (1, 1), where everything is accepted, faces that were not found as well."""
    return np.append(curve.far, 1.0), np.append(curve.tar, 1.0)


_NEEDS = ("genuine", "impostor")
METRICS = (
    Metric("d_prime", "", True, d_prime, _NEEDS),
    Metric("eer", "share", False, equal_error_rate, _NEEDS),
    Metric("roc_auc", "share", True, area, _NEEDS),
    Metric("tar_at_far_1e-2", "share", True, partial(tar_at_far, far=1e-2), _NEEDS),
    Metric("tar_at_far_1e-3", "share", True, partial(tar_at_far, far=1e-3), _NEEDS),
    Metric("tar_at_far_1e-4", "share", True, partial(tar_at_far, far=1e-4), _NEEDS),
    Metric("verification_accuracy", "share", True, accuracy, (*_NEEDS, "threshold")),
    Metric("self_similarity", "", True, self_similarity, ("embeddings", "own_embeddings")),
)
