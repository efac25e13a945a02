"""What a metric returns, and how it refuses: a figure with its weight, nothing with a reason, or an error."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meshes.errors import UserError


class MetricError(UserError):
    """Arrays that cannot be compared: shapes, ranges, or a truth that is none. Says expected, got, next step."""


class PredictionError(MetricError):
    """A prediction that nothing can be measured of (NaN, infinity, a distance below 0): the method failed here.

    A runner records the sample as failed; it never drops it, or methods would gain by failing on what is hard.
    """


@dataclass(frozen=True)
class Measured:
    """One figure.

    Attributes:
        value: None where there was nothing to measure.
        weight: 1 in an average over samples, or 0 where there is no value.
        count: pixels, points or pairs that the figure is of.
        why: the reason for no value.
    """

    value: float | None
    weight: float = 1.0
    count: int = 0
    why: str = ""


@dataclass(frozen=True)
class Metric:
    """A row of the table of metrics.

    Attributes:
        name: what reports call it, its unit included.
        unit: "px", "dB", "share" (0 to 1), "ratio", "octaves", "mm" or "" for a number on a scale of its own.
        higher_is_better: the direction.
        compute: takes `needs` by name; returns a Measured.
        needs: names of the arguments that must be given.
        asset: what must have been fetched; "" for nothing.
    """

    name: str
    unit: str
    higher_is_better: bool
    compute: Callable[..., Measured]
    needs: tuple[str, ...]
    asset: str = ""


def nothing(why: str) -> Measured:
    """No value, without weight."""
    return Measured(None, 0.0, 0, why)


def finite_prediction(values: np.ndarray, what: str) -> np.ndarray:
    """The values as float64. Raises PredictionError."""
    values = np.asarray(values, np.float64)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise PredictionError(
            f"{what}: expected finite numbers from the method, got {bad} of {values.size} that are not; "
            "count this sample as failed."
        )
    return values


def finite_truth(values: np.ndarray, what: str) -> np.ndarray:
    """The values as float64. Raises MetricError: a truth must be finite where it is compared with."""
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise MetricError(f"{what}: expected a finite truth, got NaN or infinity; leave it out by the mask.")
    return values


def same_shape(predicted: np.ndarray, true: np.ndarray, form: str, fits: bool) -> None:
    """Raises MetricError where two arrays differ in shape, or their shape is not of the form."""
    if predicted.shape != true.shape or not fits:
        raise MetricError(
            f"prediction: expected {form} like the truth, got {predicted.shape} against {true.shape}; resample it."
        )


def checked_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The mask, (H, W) bool. Raises MetricError."""
    if mask.shape != shape or mask.dtype != bool:
        raise MetricError(f"mask: expected {shape} bool, got {mask.shape} {mask.dtype}; compare it with a threshold.")
    return mask
