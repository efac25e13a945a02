"""How far points lie from a true surface once size, place and turn are taken out.

Registration is by iterated closest points (Besl and McKay, "A Method for Registration of 3-D Shapes", 1992), trimmed
(Chetverikov et al., "The Trimmed Iterative Closest Point Algorithm", 2002), with the similarity of Umeyama,
"Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", 1991.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from benchmark.metrics.closest import Nearest
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

ROUNDS = 60
KEPT = 0.95
"""Share of points, the nearest, that each round is fitted to; the rest may have no counterpart."""


@dataclass(frozen=True, eq=False)
class Similarity:
    """x -> scale * R x + t.

    Attributes:
        scale: above 0.
        R: (3, 3) rotation.
        t: (3,).
    """

    scale: float = 1.0
    R: np.ndarray = field(default_factory=lambda: np.eye(3))
    t: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) moved."""
        return self.scale * points @ self.R.T + self.t


@dataclass(frozen=True, eq=False)
class Fit:
    """Points registered to a surface.

    Attributes:
        similarity: from the points as given to the surface.
        distance_m: (n,) from each moved point to the surface, all points.
    """

    similarity: Similarity
    distance_m: np.ndarray


def umeyama(source: np.ndarray, target: np.ndarray, scaled: bool = True) -> Similarity:
    """The similarity that brings points nearest to others, in the sum of squares; never a reflection.

    With U S Vt the singular values of (target - its mean)^T (source - its mean) / n and D = diag(1, 1, det(U Vt)):
    R = U D Vt, scale = tr(S D) / variance of source, t = mean of target - scale R mean of source.

    Args:
        source, target: (n, 3), pair by pair.
        scaled: False keeps the size.

    Raises:
        PredictionError: the source is one point.
    """
    middle_x, middle_y = source.mean(axis=0), target.mean(axis=0)
    x, y = source - middle_x, target - middle_y
    variance = float((x**2).sum()) / len(x)
    if not variance:
        raise PredictionError("points: expected several places, got one; count this sample as failed.")
    U, S, Vt = np.linalg.svd(y.T @ x / len(x))
    D = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    R = (U * D) @ Vt
    scale = float((S * D).sum()) / variance if scaled else 1.0
    return Similarity(scale, R, middle_y - scale * R @ middle_x)


def fit_to_surface(
    points: np.ndarray,
    vertices_m: np.ndarray,
    faces: np.ndarray,
    start: Similarity | None = None,
    rounds: int = ROUNDS,
    kept: float = KEPT,
) -> Fit:
    """Registers points to a surface: closest points, the nearest `kept` of them, Umeyama, again.

    Args:
        points: (n, 3) in any unit and place.
        vertices_m: (V, 3) of the true surface, metres.
        faces: (F, 3) its triangles.
        start: where to begin; as given where left out. Registration finds the nearest minimum, not the best.
        rounds: most rounds; ends before where nothing moves.
        kept: share of points in (0, 1].

    Raises:
        PredictionError: points that are not finite, or all at one place.
        MetricError: no points, or no surface.
    """
    points = finite_prediction(points, "points")
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 3:
        raise MetricError(f"points: expected at least three (n, 3), got {points.shape}; check what the method returns.")
    nearest = Nearest(finite_truth(vertices_m, "true surface"), faces)
    similarity = start or Similarity()
    for _ in range(rounds):
        moved = similarity(points)
        on_surface, distance = nearest(moved)
        close = np.argsort(distance, kind="stable")[: max(3, round(kept * len(points)))]
        similarity = umeyama(points[close], on_surface[close])
        if np.abs(similarity(points) - moved).max() < 1e-9:
            break
    return Fit(similarity, nearest(similarity(points))[1])


def surface_distance(
    predicted_points: np.ndarray, vertices_m: np.ndarray, faces: np.ndarray, start: Similarity | None = None
) -> Measured:
    """Mean distance in millimetres of all points to the true surface after `fit_to_surface`. Lower is better.

    Arguments and errors as there. Size is fitted too: the figure is of shape alone.
    """
    if not len(predicted_points):
        return nothing("no points")
    distance_m = fit_to_surface(predicted_points, vertices_m, faces, start).distance_m
    return Measured(1000 * float(distance_m.mean()), count=len(distance_m))


def point_distance(predicted_points: np.ndarray, true_points_m: np.ndarray, scaled: bool = True) -> Measured:
    """Mean distance in millimetres of points to their own true places, after Umeyama's similarity. Lower is better.

    Args:
        predicted_points, true_points_m: (n, 3), point by point; the truth in metres.
        scaled: False keeps the size that was told.

    Raises:
        PredictionError: points that are not finite, or all at one place.
        MetricError: shapes differ.
    """
    same_shape(
        predicted_points, true_points_m, "points (n, 3)", true_points_m.ndim == 2 and true_points_m.shape[1] == 3
    )
    if len(true_points_m) < 3:
        return nothing("fewer than three points")
    made, true = finite_prediction(predicted_points, "points"), finite_truth(true_points_m, "true points")
    apart = umeyama(made, true, scaled)(made) - true
    return Measured(1000 * float(np.linalg.norm(apart, axis=1).mean()), count=len(true))


METRICS = (
    Metric("surface_distance_mm", "mm", False, surface_distance, ("predicted_points", "vertices_m", "faces")),
    Metric("point_distance_mm", "mm", False, point_distance, ("predicted_points", "true_points_m")),
    Metric(
        "point_distance_sized_mm",
        "mm",
        False,
        partial(point_distance, scaled=False),
        ("predicted_points", "true_points_m"),
    ),
)
