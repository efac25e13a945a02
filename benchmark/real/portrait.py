"""One photograph as the portrait that methods are shown: cut, turned and masked as training pictures are.

Eye midpoint in the middle, the square 0.30 m wide at the plane of the eyes (`training.undistort.align`), black where
there is nobody.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datagen.faces import face_mesh, find_face
from meshes.errors import UserError
from training.undistort import mask as masks
from training.undistort.align import Crop, crop_of, cut
from training.undistort.photo import PhotoError, read

LEAST_FACE_PX = 48
"""Smaller faces show nothing that could be measured."""


class RealDataError(UserError):
    """A photograph, folder or annotation that cannot be used; says which, expected, got, next step."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """A photograph, aligned.

    Attributes:
        rgb: (size, size, 3) uint8 sRGB, black where the mask is 0.
        alpha: (size, size) uint8, coverage by the person.
        crop: the square in the upright photograph.
        photo_px: (width, height) of the upright photograph.
        note: what must be said about the mask, or "".
    """

    rgb: np.ndarray
    alpha: np.ndarray
    crop: Crop
    photo_px: tuple[int, int]
    note: str = ""

    def moved_here(self, points_px: np.ndarray) -> np.ndarray:
        """(N, 2) pixels of this portrait, of (N, 2) pixels of the upright photograph."""
        size = len(self.rgb)
        return (points_px - self.crop.centre_px) @ self.crop.axes * (size / self.crop.side_px) + size / 2


def portrait(path: Path, size: int) -> Portrait:
    """The largest face of a photograph.

    Args:
        path: of the file.
        size: height and width of the portrait, pixels.

    Raises:
        RealDataError: no photograph, no face in it, or one too small.
        FaceToolError, AssetMissingError: the detector cannot run here.
    """
    rgb = _read(path)
    face = find_face(rgb)
    if face is None:
        raise RealDataError(f"{path}: expected a face, found none; leave this photograph out.")
    if (face_px := float(face.box[2:].max())) < LEAST_FACE_PX:
        raise RealDataError(
            f"{path}: expected a face of at least {LEAST_FACE_PX} pixels, got {face_px:.0f}; take the photograph at "
            "its full size."
        )
    mesh = face_mesh(rgb, face)
    crop = crop_of(mesh)
    rows, columns = crop.box(2.0, *rgb.shape[:2])
    here = (-columns.start, -rows.start)
    part, inside = np.ascontiguousarray(rgb[rows, columns]), crop.moved(*here)
    coverage, note = masks.person(part, inside, mesh + here)
    mask = np.clip(cut(coverage, inside, size), 0, 1)
    codes = np.rint(cut(part, inside, size) * mask[..., None])
    height, width = rgb.shape[:2]
    return Portrait(codes.astype(np.uint8), np.rint(255 * mask).astype(np.uint8), crop, (width, height), note)


def _read(path: Path) -> np.ndarray:
    """(H, W, 3) uint8."""
    try:
        return np.ascontiguousarray(read(path).rgb)
    except PhotoError as error:
        raise RealDataError(str(error)) from None
