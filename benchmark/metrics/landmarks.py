"""Errors of landmarks, as shares of the distance between the outer corners of the eyes.

Sagonas et al., "300 Faces In-The-Wild Challenge: Database and Results", 2016 (normalisation by the outer corners,
cumulative errors, failures and the area under the curve at 8 %).
"""

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

OUTER_EYES_68 = (36, 45)
"""The outer corners of the person's right and left eye among the 68 iBUG landmarks, from 0."""
LIMIT = 0.08
"""Errors beyond count as failures."""


def nme(
    predicted_points: np.ndarray,
    true_points: np.ndarray,
    visible: np.ndarray | None = None,
    outer_eyes: tuple[int, int] = OUTER_EYES_68,
) -> Measured:
    """Normalised mean error: mean distance of points over the true distance of the outer eye corners. Lower is better.

    Args:
        predicted_points, true_points: (K, 2) pixels.
        visible: (K,) bool, points that count; all where left out. The eye corners normalise whether they count or not.
        outer_eyes: where the two corners stand in the list.

    Raises:
        PredictionError: the prediction is not finite where it counts.
        MetricError: shapes differ, or the true eye corners coincide.
    """
    same_shape(predicted_points, true_points, "points (K, 2)", true_points.ndim == 2 and true_points.shape[1] == 2)
    counts = np.ones(len(true_points), bool) if visible is None else visible
    if counts.shape != true_points.shape[:1] or counts.dtype != bool:
        raise MetricError(f"visible: expected ({len(true_points)},) bool, got {counts.shape} {counts.dtype}.")
    if not counts.any():
        return nothing("no point is visible")
    right, left = finite_truth(true_points[list(outer_eyes)], "true eye corners")
    width = float(np.linalg.norm(left - right))
    if not width:
        raise MetricError("true eye corners: expected two places, got one twice; check the order of the points.")
    apart = finite_prediction(predicted_points[counts], "predicted points") - finite_truth(
        true_points[counts], "true points"
    )
    return Measured(float(np.mean(np.hypot(*apart.T))) / width, count=int(counts.sum()))


def failure_rate(errors: np.ndarray, limit: float = LIMIT) -> Measured:
    """Share of pictures whose error is above the limit. Lower is better.

    Args:
        errors: (n,) `nme` of each picture; infinity where no face was found.
        limit: the largest error that is no failure.

    Raises:
        PredictionError: NaN among them.
    """
    return _mean(_known(errors) > limit)


def cumulative_area(errors: np.ndarray, limit: float = LIMIT) -> Measured:
    """Area under the curve of the share of pictures with at most an error, from 0 to the limit, over the limit.

    As that curve steps up by 1/n at each error, the area is mean(max(0, 1 - error / limit)), without any grid.
    Higher is better, at most 1. Arguments and errors as `failure_rate`.
    """
    return _mean(np.clip(1 - _known(errors) / limit, 0, None))


def _known(errors: np.ndarray) -> np.ndarray:
    values = np.asarray(errors, np.float64)
    if np.isnan(values).any():
        raise PredictionError("landmark errors: expected numbers, or infinity for a face not found, got NaN.")
    return values


def _mean(values: np.ndarray) -> Measured:
    return Measured(float(np.mean(values)), count=len(values)) if len(values) else nothing("no picture")


METRICS = (
    Metric("nme", "ratio", False, nme, ("predicted_points", "true_points")),
    Metric("landmark_failures_8", "share", False, partial(failure_rate, limit=LIMIT), ("errors",)),
    Metric("landmark_auc_8", "share", True, partial(cumulative_area, limit=LIMIT), ("errors",)),
)
