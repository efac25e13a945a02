"""YuNet: the boxes and five points of the faces in a picture.

Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023; run by OpenCV.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from datagen.faces.tools import FaceToolError, package, weights

LONGER_SIDE_PX = 640
"""Pictures are brought to this size before the detector looks at them."""


@dataclass(frozen=True, eq=False)
class Face:
    """One found face, in pixels of the picture.

    Attributes:
        box: (4,) float64: left, top, width, height.
        points: (5, 2) float64 (x, y): the person's right eye, left eye, nose tip, right and left corner of the mouth.
        score: the detector's own, in [0, 1].
    """

    box: np.ndarray
    points: np.ndarray
    score: float

    @property
    def eye_distance_px(self) -> float:
        """Between the two eye points."""
        return float(np.linalg.norm(self.points[1] - self.points[0]))


def find_face(rgb: np.ndarray, least_score: float = 0.6) -> Face | None:
    """The largest face, or None; see `find_faces`."""
    return next(iter(find_faces(rgb, least_score)), None)


def find_faces(rgb: np.ndarray, least_score: float = 0.6) -> list[Face]:
    """All faces, the largest first.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        least_score: faces the detector is less sure of do not count.

    Raises:
        FaceToolError: another array, or OpenCV is missing.
        AssetMissingError: the weights have not been fetched.
    """
    cv2 = package("cv2")
    scale = LONGER_SIDE_PX / max(checked(rgb).shape[:2])
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    resized = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    detector = _detector()
    detector.setScoreThreshold(least_score)
    detector.setInputSize((width, height))
    rows = detector.detect(np.ascontiguousarray(resized[..., ::-1]))[1]
    found = [] if rows is None else sorted(rows.astype(np.float64), key=lambda row: -row[2] * row[3])
    return [Face(row[:4] / scale, row[4:14].reshape(5, 2) / scale, float(row[14])) for row in found]


def checked(rgb: np.ndarray) -> np.ndarray:
    """The picture itself. Raises FaceToolError: it is no (H, W, 3) uint8 array."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise FaceToolError(
            f"picture: expected (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}; convert it to sRGB bytes."
        )
    return rgb


@lru_cache(maxsize=1)
def _detector() -> Any:
    cv2 = package("cv2")
    logging = cv2.utils.logging
    logging.setLogLevel(logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns of a setting of its own at every start.
    return cv2.FaceDetectorYN.create(str(weights("yunet")), "", (320, 320), 0.6, 0.3, 500)
