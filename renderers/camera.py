"""Cameras: OpenCV axes, pixel corners at integers, and the dolly rule that pairs a near and a far view.

Pixel (row r, column c) is sampled at image coordinates (c + 0.5, r + 0.5).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

FULL_FRAME_MM = (36.0, 24.0)
"""Width and height of the 3:2 frame that 35 mm-equivalent focal lengths refer to."""


@dataclass(frozen=True, eq=False)
class Camera:
    """One view.

    Attributes:
        K: (3, 3) float64. Perspective: pixels, p = (K00 x/z + K02, K11 y/z + K12).
            Orthographic: pixels per metre, p = (K00 x + K02, K11 y + K12).
        T_camera_head: (4, 4) float64, maps head points into the camera frame (+X right, +Y down, +Z forward).
        height, width: pixels.
        kind: "perspective" or "orthographic" (a camera at infinity; depth is then measured from the plane
            z = 0 of the camera frame).
    """

    K: np.ndarray
    T_camera_head: np.ndarray
    height: int
    width: int
    kind: Literal["perspective", "orthographic"] = "perspective"

    @property
    def orthographic(self) -> bool:
        """True for a camera at infinity."""
        return self.kind == "orthographic"


def focal_px_from_mm35(focal_mm35: float, height: int, crop: float = 1.0) -> float:
    """Focal length in pixels when `height` pixels show the fraction `crop` of a 3:2 frame's 24 mm height."""
    return focal_mm35 * height / (FULL_FRAME_MM[1] * crop)


def focal_mm35_from_px(focal_px: float, height: int, crop: float = 1.0) -> float:
    """Inverse of `focal_px_from_mm35`."""
    return focal_px * FULL_FRAME_MM[1] * crop / height


def look_at(target: np.ndarray, distance_m: float, view_rotation: np.ndarray) -> np.ndarray:
    """T_camera_head of a camera `distance_m` from `target`, optical axis through it.

    Args:
        target: (3,) float64 metres, head frame.
        distance_m: camera centre to target.
        view_rotation: (3, 3) float64; turns the frontal camera (on +Z of the head, upright) about the target.

    Returns:
        (4, 4) float64.
    """
    camera_from_front = np.diag([1.0, -1.0, -1.0])  # The person's left (+X) is on the image's right.
    R = camera_from_front @ view_rotation.T
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = np.array([0.0, 0.0, distance_m]) - R @ target
    return T
