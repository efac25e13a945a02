"""MediaPipe's selfie segmentation: how much of each pixel is person, hair and clothes included.

Run by OpenCV. The network looks at the whole picture, squeezed to a square, so it wants one person, large in the frame.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from datagen.faces.detector import checked
from datagen.faces.tools import package, weights

SIDE_PX = 256
"""Height and width of what the network looks at and answers."""


def person_mask(rgb: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1]: the network's probability of person, brought to the picture's size bilinearly.

    Args:
        rgb: (H, W, 3) uint8 sRGB.

    Raises:
        FaceToolError: another array, or OpenCV is missing.
        AssetMissingError: the weights have not been fetched.
    """
    cv2 = package("cv2")
    height, width = checked(rgb).shape[:2]
    shrinks = min(height, width) >= SIDE_PX
    small = cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    network = _network()
    network.setInput(small.astype(np.float32).transpose(2, 0, 1)[None] / 255.0)
    answer = np.asarray(network.forward(), np.float32).reshape(SIDE_PX, SIDE_PX)
    resized = cv2.resize(answer, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(resized, 0.0, 1.0)


@lru_cache(maxsize=1)
def _network() -> Any:
    return package("cv2").dnn.readNetFromTFLite(str(weights("person_mask")))
