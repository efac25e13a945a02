"""Errors of told distances and focal lengths, each of n pictures at once.

Distances differ by factors, not by metres: a face at 25 cm told as 50 cm is as wrong as one at 1 m told as 2 m.
"""

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


def distance_log2_error(predicted_m: np.ndarray, true_m: np.ndarray) -> Measured:
    """Mean |log2(predicted / true)|, in octaves: 1 is a factor of two. Lower is better.

    Args:
        predicted_m, true_m: (n,) metres, above 0.

    Raises:
        PredictionError: a prediction is not finite, or not above 0.
        MetricError: shapes differ, or a truth is not above 0.
    """
    predicted, true = _positive(predicted_m, true_m)
    return _mean(np.abs(np.log2(predicted / true)))


def relative_focal_error(predicted_px: np.ndarray, true_px: np.ndarray) -> Measured:
    """Mean |predicted - true| / true of focal lengths (n,) in pixels. Lower is better. Errors as the distance's."""
    predicted, true = _positive(predicted_px, true_px)
    return _mean(np.abs(predicted - true) / true)


def ordering_accuracy(predicted_m: np.ndarray, true_m: np.ndarray) -> Measured:
    """Share of the pairs of pictures, true distances different, of which the farther is told; a tie tells half of it.

    It is (1 + Kendall's tau) / 2 where no two truths are equal (Kendall, "A New Measure of Rank Correlation", 1938),
    and 0.5 by chance. Higher is better. Arguments and errors as `distance_log2_error`.
    """
    predicted, true = _positive(predicted_m, true_m)
    right = pairs = 0.0
    for i in range(len(true) - 1):  # A row at a time: n² numbers need not lie in memory.
        ahead = np.sign(true[i + 1 :] - true[i])
        told = np.sign(predicted[i + 1 :] - predicted[i])
        pairs += np.count_nonzero(ahead)
        right += np.count_nonzero((ahead == told) & (ahead != 0)) + np.count_nonzero((told == 0) & (ahead != 0)) / 2
    return Measured(right / pairs, count=int(pairs)) if pairs else nothing("no two pictures differ in distance")


def _positive(predicted: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    same_shape(predicted, true, "numbers (n,)", true.ndim == 1)
    told, known = finite_prediction(predicted, "predictions"), finite_truth(true, "truths")
    for error, name, values in ((PredictionError, "predictions", told), (MetricError, "truths", known)):
        if not (values > 0).all():
            raise error(f"{name}: expected numbers above 0, got {values.min():g} at least; check their unit.")
    return told, known


def _mean(values: np.ndarray) -> Measured:
    return Measured(float(np.mean(values)), count=len(values)) if len(values) else nothing("no picture")


METRICS = (
    Metric("distance_log2_error", "octaves", False, distance_log2_error, ("predicted_m", "true_m")),
    Metric("focal_relative_error", "ratio", False, relative_focal_error, ("predicted_px", "true_px")),
    Metric("distance_ordering", "share", True, ordering_accuracy, ("predicted_m", "true_m")),
)
