"""Who is in the picture: the mask that networks want, from a segmentation or, failing that, from the face alone."""

import numpy as np

from datagen.faces.tools import package
from meshes.errors import UserError
from training.undistort.align import SQUARE_M, Crop

_HEAD_M = (0.095, 0.135)
"""Half axes of the ellipse that stands for a head: sideways and up."""
_HEAD_BELOW_EYES_M = 0.005
_BLOCKS = 1.5
"""Pixels of the segmentation within which an edge is looked for."""
_CONTOUR = (0.25, 0.75)
_EVEN = 1e-3
"""Variance of brightness, codes over 255, below which a window counts as even and its mask is only smoothed."""


def person(rgb: np.ndarray, crop: Crop, mesh: np.ndarray) -> tuple[np.ndarray, str]:
    """Coverage of a picture by people, and what must be said about it.

    Args:
        rgb: (H, W, 3) uint8 sRGB, the surroundings of a face.
        crop: the face's square in it.
        mesh: (468, 2) pixels.

    Returns:
        (H, W) float32 in [0, 1], and "" or a warning.
    """
    try:
        from datagen.faces.person_mask import SIDE_PX, person_mask

        radius = round(_BLOCKS * max(rgb.shape[:2]) / SIDE_PX)
        return sharpened(connected(person_mask(rgb), crop, radius), rgb, radius), ""
    except (UserError, ImportError) as error:
        return head_shape(rgb.shape[:2], crop, mesh), f"the head's outline is a guess, without a person mask: {error}"


def head_shape(shape: tuple[int, int], crop: Crop, mesh: np.ndarray) -> np.ndarray:
    """(H, W) float32: the hull of the face mesh and an ellipse for the rest of the head, with a soft rim."""
    cv2 = package("cv2")
    mask, px_per_m = np.zeros(shape, np.uint8), crop.side_px / SQUARE_M
    hull = cv2.convexHull(np.rint(mesh - 0.5).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255)
    centre = crop.centre_px + crop.axes @ (0.0, _HEAD_BELOW_EYES_M * px_per_m) - 0.5
    sides = (2 * _HEAD_M[0] * px_per_m, 2 * _HEAD_M[1] * px_per_m)
    cv2.ellipse(mask, (tuple(map(float, centre)), sides, float(np.degrees(crop.angle_rad))), 255, -1)
    sigma = max(0.01 * crop.side_px, 0.5)
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), sigma)


def connected(mask: np.ndarray, crop: Crop, radius: int) -> np.ndarray:
    """The mask (H, W) without islands: what hangs together with the eyes, and `radius` pixels around it."""
    cv2 = package("cv2")
    _, island = cv2.connectedComponents((mask > 0.3).astype(np.uint8))
    column, row = np.clip(crop.centre_px.astype(int), 0, np.array(mask.shape[::-1]) - 1)
    if not island[row, column]:
        return mask
    ours = (island == island[row, column]).astype(np.uint8)
    return mask * cv2.dilate(ours, np.ones((2 * radius + 1, 2 * radius + 1), np.uint8))


def sharpened(mask: np.ndarray, rgb: np.ndarray, radius: int) -> np.ndarray:
    """The mask with its edges where the picture's are: in every window it is a straight line of the brightness.

    He, Sun, Tang, "Guided Image Filtering", ECCV 2010, with a grey guide.

    Args:
        mask: (H, W) float32 in [0, 1].
        rgb: (H, W, 3) uint8.
        radius: of the windows, pixels.
    """
    cv2 = package("cv2")
    # The segmentation's own pixels are steps at this size.
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.5 * radius, 0.5))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    side = 2 * max(radius, 1) + 1

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.blur(x, (side, side))

    mean_grey, mean_mask = mean(grey), mean(mask)
    slope = (mean(grey * mask) - mean_grey * mean_mask) / (mean(grey * grey) - mean_grey**2 + _EVEN)
    level = mean_mask - slope * mean_grey
    refined = mean(slope) * grey + mean(level)
    # What was sure stays sure: far from the rim a bright shirt is no less a person than a dark one.
    sure = np.clip((np.abs(2 * mean_mask - 1) - 0.9) / 0.08, 0, 1)
    refined += sure * (mask - refined)
    # A probability is not a coverage: its slope about one half is where the contour runs, and is softer than hair.
    return np.clip((refined - _CONTOUR[0]) / (_CONTOUR[1] - _CONTOUR[0]), 0, 1).astype(np.float32)


def own(mask: np.ndarray, crop: Crop, others: list[Crop]) -> np.ndarray:
    """The mask without what is nearer to another face, in units of the faces' sizes."""
    if not others:
        return mask
    height, width = mask.shape
    place = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1).astype(np.float32)
    far = [np.linalg.norm(place - one.centre_px, axis=-1) / one.side_px for one in (crop, *others)]
    nearest_other = np.minimum.reduce(far[1:])
    # A soft border a twentieth of a face wide, so that neighbours who touch do not part with a sharp line.
    return (mask * np.clip((nearest_other - far[0]) / 0.05 + 0.5, 0, 1)).astype(np.float32)
