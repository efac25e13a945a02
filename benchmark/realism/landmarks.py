"""How far a landmark network's points lie from the true ones, and how much of that is only another definition.

The frame: origin midway between the true outer eye corners, +x from the person's right to left corner, their
distance the unit. Networks place "the brow" or "the jaw" elsewhere than the ground truth does, always by much the
same offset; it is fitted on every other person and taken off the rest.
"""

from dataclasses import dataclass

import numpy as np

REGIONS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}
"""The 68 iBUG landmarks."""
OUTER_CORNERS = (36, 45)


@dataclass(frozen=True)
class LandmarkError:
    """Of one region, over the people that the offset was not fitted on.

    Attributes:
        raw: mean distance, as a share of the distance of the outer eye corners.
        without_offset: the same after the mean offset of each landmark is taken off.
        explained: share of the raw error that the offset makes up.
    """

    raw: float
    without_offset: float
    explained: float


def aligned(points_px: np.ndarray, true_px: np.ndarray) -> np.ndarray:
    """(n, 68, 2) points in the frame of each person's true eye corners; `true_px` is (n, >= 68, 2)."""
    right, left = (true_px[:, corner] for corner in OUTER_CORNERS)
    x = left - right
    y = np.stack([-x[:, 1], x[:, 0]], axis=1)
    offset = points_px - ((right + left) / 2)[:, None]
    axes = np.stack([x, y], axis=1) / np.einsum("nk,nk->n", x, x)[:, None, None]
    return np.einsum("nij,nlj->nli", axes, offset)


def landmark_errors(points_px: np.ndarray, true_px: np.ndarray) -> dict[str, LandmarkError]:
    """By region and "all".

    Args:
        points_px: (n, 68, 2), a network's, n >= 2.
        true_px: (n, >= 68, 2), the projected landmarks.
    """
    difference = aligned(points_px, true_px) - aligned(true_px[:, :68], true_px)
    definition = difference[::2].mean(axis=0)
    held_out = difference[1::2]
    raw, rest = (np.linalg.norm(d, axis=2).mean(axis=0) for d in (held_out, held_out - definition))
    return {
        name: _error(float(raw[region].mean()), float(rest[region].mean()))
        for name, region in {**REGIONS, "all": slice(0, 68)}.items()
    }


def _error(raw: float, rest: float) -> LandmarkError:
    return LandmarkError(raw, rest, 1.0 - rest / raw if raw > 0 else 0.0)
