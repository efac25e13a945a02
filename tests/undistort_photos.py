"""A fake face for the tests of undistorting: where it is, what a mask and a network would say of it."""

import numpy as np
import pytest
import torch

from datagen.faces import Face
from training.undistort import mask, pipeline
from training.undistort.align import EYE_SPACING_M, SQUARE_M, Crop
from training.undistort.models import Models
from training.warp import centres

MIDDLE, SIDE = np.array([80.0, 70.0]), 120.0
"""Where the fake face is, in pixels of a picture 160 wide and 200 high."""


def mesh_at(middle=MIDDLE, side=SIDE, angle=0.0) -> np.ndarray:
    """(468, 2): a frontal face whose eyes are as far apart as `crop_of` expects of that square."""
    points, spacing = np.zeros((468, 2)), side * EYE_SPACING_M / SQUARE_M / 0.967
    points[[33, 133]], points[[362, 263]] = (-spacing / 2, 0), (spacing / 2, 0)
    points[1] = (0, spacing * 0.095 / 0.205)  # There the offset of the centre is nothing.
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T + middle


def face_at(middle=MIDDLE, side=SIDE) -> Face:
    half = side * 0.35
    return Face(np.array([middle[0] - half, middle[1] - half, 2 * half, 2 * half]), np.zeros((5, 2)), 0.9)


def disc(shape, crop: Crop) -> np.ndarray:
    """(H, W) float32: a head of 40 % of the square."""
    away = centres(torch.zeros(1, 1, *shape)).numpy()[0] - crop.centre_px[:, None, None]
    return np.clip(0.4 * crop.side_px + 0.5 - np.hypot(*away), 0, 1).astype(np.float32)


def show_one_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture shows one face at MIDDLE; no network is asked."""
    monkeypatch.setattr(pipeline, "find_faces", lambda rgb: [face_at()])
    monkeypatch.setattr(pipeline, "face_mesh", lambda rgb, face: mesh_at(face.box[:2] + face.box[2:] / 2))
    monkeypatch.setattr(mask, "person", lambda rgb, crop, mesh: (disc(rgb.shape[:2], crop), ""))


def growing(batch) -> torch.Tensor:
    """Everything moves off the eyes by a tenth."""
    return 0.1 * (centres(batch["near"]) - batch["eye_px"].view(-1, 2, 1, 1))


def known_distance(batch):
    return torch.tensor([-1.0]), torch.tensor([0.2])


MODELS = Models(growing, known_distance, None, size=64)


def noisy(height=200, width=160) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (height, width, 3), np.uint8)
