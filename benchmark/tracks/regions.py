"""Which pixels count: regions of the near picture for flows, of the far one for pictures."""

import numpy as np

from benchmark.suites.case import Truth
from training.scores import REGIONS

SHIPPED_PX = 512
"""Flow errors are told in pixels of pictures this high, whatever size a suite has."""
PERSON = "person"
FAR_REGIONS = (PERSON, *REGIONS)
"""Regions of the far picture: everybody's outline, and the parts of `training.scores.REGIONS`."""


def near_region(truth: Truth, region: str) -> np.ndarray | None:
    """(H, W) bool: near pixels of a region of `REGIONS` that the far camera sees as well; None where nobody knows."""
    if truth.near_part is None or truth.near_visible is None:
        return None
    return np.isin(truth.near_part, [int(part) for part in REGIONS[region]]) & truth.near_visible


def far_region(truth: Truth, region: str) -> np.ndarray | None:
    """(H, W) bool: far pixels of a region of `FAR_REGIONS`, hidden from the near camera or not; None where unknown."""
    if region == PERSON:
        return None if truth.far_alpha is None else truth.far_alpha > 0
    if truth.far_part is None:
        return None
    return np.isin(truth.far_part, [int(part) for part in REGIONS[region]])


def rectangle(mask: np.ndarray, margin_px: int, least_px: int) -> tuple[slice, slice]:
    """Rows and columns around a mask that is not empty, wider by a margin, at least so long, within the picture."""
    rows, columns = (_span(np.asarray(mask.any(axis=axis)), margin_px, least_px) for axis in (1, 0))
    return rows, columns


def _span(there: np.ndarray, margin: int, least: int) -> slice:
    first, last = (int(i) for i in np.flatnonzero(there)[[0, -1]])
    more = max(margin, -(-(least - (last + 1 - first)) // 2))
    low, high = first - more, last + 1 + more
    # What a border cuts off is given back on the other side.
    low, high = min(low, len(there) - (high - low)), max(high, high - low)
    return slice(max(low, 0), min(high, len(there)))
