"""MediaPipe's face mesh: 468 points of a found face, and which of them stand for the 68 iBUG landmarks.

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019; run by OpenCV.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from datagen.faces.detector import Face
from datagen.faces.tools import package, weights

SIDE_PX = 192
"""Height and width of what the network looks at."""

IBUG_68 = np.array(
    [
        *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw
        *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # brows
        *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
        *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
    ]
)
"""(68,) the mesh point nearest in meaning to each iBUG landmark. Jaw and brows are defined otherwise by the mesh:
errors against them are mostly definition."""

_EYE_CORNERS = (33, 263)  # the person's right and left outer corner


def face_mesh(rgb: np.ndarray, face: Face, looks: int = 3) -> np.ndarray:
    """(468, 2) float64 pixels, (0, 0) the top-left corner: the mesh of a found face.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        face: says where to look first.
        looks: each later look is framed by the points of the one before; one alone slips on turned heads.

    Raises:
        FaceToolError, AssetMissingError: a package or the weights are missing.
    """
    return face_mesh_3d(rgb, face, looks)[:, :2]


def face_mesh_3d(rgb: np.ndarray, face: Face, looks: int = 3) -> np.ndarray:
    """(468, 3) float64: `face_mesh` with the network's depth as z, in pixels too, growing away from the camera.

    Depth is told up to an unknown shift, at the scale of the picture: weak perspective, whatever the true distance.
    Arguments and errors are those of `face_mesh`.
    """
    points = _look(rgb, *_first_frame(face))
    for _ in range(looks - 1):
        points = _look(rgb, *_next_frame(points[:, :2]))
    return points


def _first_frame(face: Face) -> tuple[np.ndarray, float, float]:
    eyes, mouth = face.points[:2].mean(axis=0), face.points[3:].mean(axis=0)
    centre = np.array([face.box[0] + face.box[2] / 2, (eyes[1] + mouth[1]) / 2])
    side = 2.9 * max(face.eye_distance_px, float(np.linalg.norm(mouth - eyes)))
    return centre, side, _angle(face.points[0], face.points[1])


def _next_frame(points: np.ndarray) -> tuple[np.ndarray, float, float]:
    angle = _angle(*points[list(_EYE_CORNERS)])
    upright = points @ _turn(angle)
    low, high = upright.min(axis=0), upright.max(axis=0)
    return _turn(angle) @ ((low + high) / 2), 1.5 * float((high - low).max()), angle


def _look(rgb: np.ndarray, centre: np.ndarray, side: float, angle: float) -> np.ndarray:
    """(468, 3) of one run on a turned square; all coordinates are continuous, with pixel centres at halves."""
    cv2 = package("cv2")
    A = _turn(angle) * (side / SIDE_PX)
    corner = centre - A @ np.full(2, SIDE_PX / 2)
    centred = np.column_stack([A, corner + A @ np.full(2, 0.5) - 0.5])  # OpenCV counts from pixel centres.
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(rgb, centred, (SIDE_PX, SIDE_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    network = _network()
    network.setInput(crop.astype(np.float32).transpose(2, 0, 1)[None] / 255.0)
    points = np.asarray(network.forward(), np.float64).reshape(468, 3)
    return np.column_stack([points[:, :2] @ A.T + corner, points[:, 2] * (side / SIDE_PX)])


def _angle(right: np.ndarray, left: np.ndarray) -> float:
    x, y = left - right
    return float(np.arctan2(y, x))


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@lru_cache(maxsize=1)
def _network() -> Any:
    return package("cv2").dnn.readNetFromTFLite(str(weights("face_mesh")))
