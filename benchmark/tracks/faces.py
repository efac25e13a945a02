"""What the face networks see in a picture, remembered for the pictures that many methods are compared with.

Every track that looks at faces asks here, so that all of them see the same face: the largest one.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from benchmark.metrics.by_content import ByContent
from datagen.faces import Face, dlib_descriptor, face_mesh_3d, find_face, sface, why_not_measured

KEPT = 32
"""Pictures remembered; a picture of 512 pixels takes 0.8 MB."""


def mesh_of(rgb: np.ndarray) -> np.ndarray | None:
    """(468, 3) float64: face mesh of the largest face, x and y in pixels, z in the same unit away from the camera.

    None where no face is found. Raises FaceToolError, AssetMissingError where the networks cannot run here.
    """
    return _mesh(ByContent(rgb))


def sface_of(rgb: np.ndarray) -> np.ndarray | None:
    """(128,) float32 of length 1, or None; see `mesh_of`."""
    return _sface(ByContent(rgb))


def dlib_of(rgb: np.ndarray) -> np.ndarray | None:
    """(128,) float64, or None; see `mesh_of`."""
    return _dlib(ByContent(rgb))


def why_not(*models: str) -> str | None:
    """Why the detector or one of these networks cannot run here; None where all can."""
    return why_not_measured("yunet", *models) or None


@lru_cache(maxsize=KEPT)
def _face(picture: ByContent) -> Face | None:
    return find_face(picture.array)


def _seen(picture: ByContent, network: Callable[[np.ndarray, Face], np.ndarray]) -> np.ndarray | None:
    face = _face(picture)
    return None if face is None else network(picture.array, face)


@lru_cache(maxsize=KEPT)
def _mesh(picture: ByContent) -> np.ndarray | None:
    return _seen(picture, face_mesh_3d)


@lru_cache(maxsize=KEPT)
def _sface(picture: ByContent) -> np.ndarray | None:
    return _seen(picture, sface)


@lru_cache(maxsize=KEPT)
def _dlib(picture: ByContent) -> np.ndarray | None:
    return _seen(picture, dlib_descriptor)
