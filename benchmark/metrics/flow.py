"""Errors of a flow over a mask.

The end-point error of a pixel is the length of the difference of two flow vectors (Baker et al., "A Database and
Evaluation Methodology for Optical Flow", IJCV 2011). Flows are (H, W, 2) in pixels (dx right, dy down).
"""

from functools import partial

import numpy as np

from benchmark.metrics.measured import (
    Measured,
    Metric,
    checked_mask,
    finite_prediction,
    finite_truth,
    nothing,
    same_shape,
)

KITTI_PX, KITTI_SHARE = 3.0, 0.05
"""An outlier of KITTI is farther off than both: in pixels, and as a share of the true flow's length."""


def endpoint_error(predicted_flow: np.ndarray, true_flow: np.ndarray, mask: np.ndarray) -> Measured:
    """Mean end-point error in pixels over a mask: mean |predicted - true|. Lower is better.

    Args:
        predicted_flow, true_flow: (H, W, 2) pixels.
        mask: (H, W) bool, where it counts. Elsewhere both may hold anything.

    Raises:
        PredictionError: the prediction is not finite in the mask.
        MetricError: shapes differ, or the truth is not finite in the mask.
    """
    return _mean(_errors(predicted_flow, true_flow, mask)[0])


def outlier_share(
    predicted_flow: np.ndarray, true_flow: np.ndarray, mask: np.ndarray, above_px: float = 3.0
) -> Measured:
    """Share of the mask whose end-point error is above a bound (Baker et al., "Rn"). Lower is better.

    Arguments and errors as `endpoint_error`.
    """
    return _mean(_errors(predicted_flow, true_flow, mask)[0] > above_px)


def kitti_fl(predicted_flow: np.ndarray, true_flow: np.ndarray, mask: np.ndarray) -> Measured:
    """Share of the mask with an error above 3 px and above 5 % of the true flow's length. Lower is better.

    Menze and Geiger, "Object Scene Flow for Autonomous Vehicles", CVPR 2015 ("Fl"). Arguments and errors as
    `endpoint_error`.
    """
    error, length = _errors(predicted_flow, true_flow, mask)
    return _mean((error > KITTI_PX) & (error > KITTI_SHARE * length))


def _errors(predicted: np.ndarray, true: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """End-point error and length of the true flow, (n,) float64, of the pixels in the mask."""
    same_shape(predicted, true, "a flow (H, W, 2)", true.ndim == 3 and true.shape[2] == 2)
    inside = checked_mask(mask, true.shape[:2])
    flow = finite_truth(true[inside], "true flow")
    error = finite_prediction(predicted[inside], "predicted flow") - flow
    return np.hypot(error[:, 0], error[:, 1]), np.hypot(flow[:, 0], flow[:, 1])


def _mean(values: np.ndarray) -> Measured:
    if not len(values):
        return nothing("the mask is empty")
    return Measured(float(np.mean(values)), count=len(values))


_NEEDS = ("predicted_flow", "true_flow", "mask")
METRICS = (
    Metric("epe_px", "px", False, endpoint_error, _NEEDS),
    Metric("outliers_1px", "share", False, partial(outlier_share, above_px=1.0), _NEEDS),
    Metric("outliers_3px", "share", False, partial(outlier_share, above_px=3.0), _NEEDS),
    Metric("outliers_5px", "share", False, partial(outlier_share, above_px=5.0), _NEEDS),
    Metric("fl_kitti", "share", False, kitti_fl, _NEEDS),
)
