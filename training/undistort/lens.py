"""Distance and focal length of a photograph, each from the other, by the scale of the eye plane.

A square of `align.SQUARE_M` metres at the eyes spans side_px = f_px x 0.30 m / distance. Focal lengths in 35 mm terms
count the longer side of the picture as 36 mm; of a 4:3 picture a maker who compares diagonals states 4 % less.
"""

from dataclasses import dataclass

from training.undistort.align import SQUARE_M

LONGER_SIDE_MM = 36.0


@dataclass(frozen=True)
class Distance:
    """How far the camera was from the eyes, metres.

    Attributes:
        metres: the value that is used.
        low, high: it lies between them with 68 %, as the network judges itself; None where nobody said.
        source: "estimate", "EXIF", "--focal-mm35" or "--distance-cm".
    """

    metres: float
    low: float | None
    high: float | None
    source: str


def focal_px_of(distance_m: float, side_px: float) -> float:
    """Focal length in pixels at which the square spans `side_px` from that distance."""
    return distance_m * side_px / SQUARE_M


def distance_m_of(focal_px: float, side_px: float) -> float:
    """Inverse of `focal_px_of`."""
    return focal_px * SQUARE_M / side_px


def mm35_of(focal_px: float, longer_side_px: int) -> float:
    """35 mm-equivalent focal length."""
    return LONGER_SIDE_MM * focal_px / longer_side_px


def focal_px_of_mm35(focal_mm35: float, longer_side_px: int) -> float:
    """Inverse of `mm35_of`."""
    return focal_mm35 * longer_side_px / LONGER_SIDE_MM
