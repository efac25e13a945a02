"""Errors of a flow over a region, in pixels of 512-pixel pictures, and what a failed flow counts as."""

from collections.abc import Callable

import numpy as np

from benchmark.metrics.flow import endpoint_error, kitti_fl, outlier_share
from benchmark.metrics.measured import Measured
from benchmark.tracks.regions import SHIPPED_PX
from benchmark.tracks.track import NOTHING, Measurement

WORST_PX = 40.0
"""A failed flow counts as so far off, or as no flow at all where that is farther; so does any flow worse than that.
No flow is 36 px off at the ears at 23 cm."""

EPE = "epe_px"
SHARES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], Measured]] = {
    "outliers_1px": lambda flow, true, mask: outlier_share(flow, true, mask, 1.0),
    "outliers_3px": lambda flow, true, mask: outlier_share(flow, true, mask, 3.0),
    "outliers_5px": lambda flow, true, mask: outlier_share(flow, true, mask, 5.0),
    "fl_kitti": kitti_fl,
}
"""Shares of pixels that are too far off, by the name of the metric."""
NAMES = (EPE, *SHARES)


def flow_errors(flow: np.ndarray, true: np.ndarray, mask: np.ndarray, names: tuple[str, ...]) -> dict[str, Measurement]:
    """Errors by name.

    Args:
        flow, true: (H, W, 2) pixels.
        mask: (H, W) bool.
        names: some of `NAMES`.

    Raises:
        MetricError: another shape, or a flow that is not finite in the mask.
    """
    scale = SHIPPED_PX / len(true)
    flow, true = flow.astype(np.float64) * scale, true.astype(np.float64) * scale
    errors = {name: told(SHARES[name](flow, true, mask)) for name in names if name != EPE}
    if EPE in names:
        error, worst = endpoint_error(flow, true, mask).value, _worst_px(true, mask)
        errors[EPE] = NOTHING if error is None or worst is None else Measurement.of(min(error, worst))
    return errors


def failed_flow(true: np.ndarray, mask: np.ndarray, names: tuple[str, ...]) -> dict[str, Measurement]:
    """What a failed flow counts as."""
    worst = _worst_px(true.astype(np.float64) * (SHIPPED_PX / len(true)), mask)
    if worst is None:
        return dict.fromkeys(names, NOTHING)
    return {name: Measurement.of(worst if name == EPE else 1.0) for name in names}


def told(measured: Measured) -> Measurement:
    """A metric's figure as a track's: every answer weighs the same."""
    return NOTHING if measured.value is None else Measurement.of(measured.value)


def _worst_px(true: np.ndarray, mask: np.ndarray) -> float | None:
    still = endpoint_error(np.zeros_like(true), true, mask).value
    return None if still is None else max(still, WORST_PX)
