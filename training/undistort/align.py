"""The square of a photograph that looks like a training picture: eye midpoint in the middle, 0.30 m wide, upright.

Measured on 92 rendered portraits (18-160 cm, within 30 degrees of yaw), see docs/undistort.md for pictures never fitted
to: scale and place come from the face mesh by four constants, and what stays is mostly that people differ.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from datagen.faces.tools import package

SQUARE_M = 0.30
"""What the square spans at the eye plane; the framing rule of every training picture (f = 0.80 mm per cm)."""
EYE_SPACING_M = 0.063
"""Assumed of everyone; a person whose eyes are 5 % farther apart is taken for 5 % nearer and smaller."""

_RIGHT_EYE, _LEFT_EYE, _NOSE_TIP = (33, 133), (362, 263), 1
_TURN = 1.35
_SCALE = 0.967
_ASIDE = -0.142
_DOWN, _DOWN_NOSE = 0.095, -0.205


@dataclass(frozen=True, eq=False)
class Crop:
    """A square in a picture; its own coordinates are upright and run from the eye midpoint.

    Attributes:
        centre_px: (2,) float64 (x, y), the eye midpoint; (0, 0) is the picture's top-left corner.
        side_px: length of a side, pixels of the picture.
        angle_rad: from the picture's rows to the line from the person's right eye to the left.
    """

    centre_px: np.ndarray
    side_px: float
    angle_rad: float

    @property
    def axes(self) -> np.ndarray:
        """(2, 2): columns are the square's right and down in the picture."""
        c, s = math.cos(self.angle_rad), math.sin(self.angle_rad)
        return np.array([[c, -s], [s, c]])

    def moved(self, x: float, y: float) -> "Crop":
        """The same square in a picture whose corner lies elsewhere."""
        return replace(self, centre_px=np.add(self.centre_px, (x, y)))

    def box(self, reach: float, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a picture that hold the square, `reach` times as wide; within the picture."""
        half = reach * self.side_px / 2 * float(np.abs(self.axes[0]).sum())
        low, high = np.floor(self.centre_px - half).astype(int), np.ceil(self.centre_px + half).astype(int)
        (left, top), (right, bottom) = np.maximum(low, 0), np.minimum(high, (width, height))
        return slice(int(top), int(max(bottom, top))), slice(int(left), int(max(right, left)))


def crop_of(mesh: np.ndarray) -> Crop:
    """The square of a face.

    A turned face shows its eyes closer together and its nose tip aside; the root of the sum of squares of both stays
    nearly the same. The eyeballs' centres lie behind the lids, away from where the nose points.

    Args:
        mesh: (468, 2) pixels, of `datagen.faces.face_mesh`.
    """
    right, left = mesh[list(_RIGHT_EYE)].mean(axis=0), mesh[list(_LEFT_EYE)].mean(axis=0)
    middle, across = (right + left) / 2, left - right
    angle = math.atan2(across[1], across[0])
    axes = Crop(middle, 1.0, angle).axes
    nose_x, nose_y = (mesh[_NOSE_TIP] - middle) @ axes
    spacing = math.hypot(float(np.linalg.norm(across)), _TURN * nose_x)
    offset = axes @ (_ASIDE * nose_x, _DOWN * spacing + _DOWN_NOSE * nose_y)
    return Crop(middle + offset, max(_SCALE * spacing * SQUARE_M / EYE_SPACING_M, 1e-6), angle)


def cut(picture: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """The square at `size` pixels, 0 where the picture ends; averaged where it shrinks.

    Args:
        picture: (H, W) or (H, W, C), uint8 or float32.
        crop: in it.
        size: height and width of the result.

    Returns:
        (size, size) or (size, size, C) float32, in the picture's unit.
    """
    cv2 = package("cv2")
    rows, columns = crop.box(1.05, *picture.shape[:2])
    part = picture[rows, columns].astype(np.float32)
    if not part.size:
        return np.zeros((size, size, *picture.shape[2:]), np.float32)
    crop, shrunk = crop.moved(-columns.start, -rows.start), part
    share = min(1.0, size / crop.side_px)
    if share < 1:
        sides = tuple(max(1, round(side * share)) for side in part.shape[1::-1])
        shrunk = cv2.resize(part, sides, interpolation=cv2.INTER_AREA)
    ratio = np.array(shrunk.shape[1::-1]) / part.shape[1::-1]
    A = ratio[:, None] * crop.axes * (crop.side_px / size)
    corner = ratio * crop.centre_px - A @ np.full(2, size / 2)
    # OpenCV counts from pixel centres.
    M = np.column_stack([A, corner + A @ np.full(2, 0.5) - 0.5])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(shrunk, M, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
