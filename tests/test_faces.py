"""Heads as an onlooker sees them: landmarks where people would put them, and no teeth between resting lips."""

import os
from pathlib import Path

import numpy as np
import pytest

from meshes.hair import style_look
from meshes.head import Head, HeadModel, Identity, Pose, Style
from meshes.ict import Ict
from meshes.makehuman import MakeHuman
from meshes.parts import Part
from meshes.skinning import rotation
from renderers.camera import Camera, intrinsics, look_at
from renderers.exact import rasterize
from renderers.labels import point_visibility

LEFT_EAR, RIGHT_EAR = slice(68, 72), slice(72, 76)
INNER_LIPS = set(range(60, 68))
"""Where closed lips touch: nobody sees them."""


@pytest.fixture(scope="module", params=["makehuman", "ict"])
def model(request: pytest.FixtureRequest) -> HeadModel:
    if request.param == "makehuman":
        return MakeHuman()
    if "DATAGEN_ASSETS" not in os.environ:
        pytest.skip("set DATAGEN_ASSETS to a folder with ict_facekit_f16.npz to look at ICT heads")
    return Ict(Path(os.environ["DATAGEN_ASSETS"]) / "ict_facekit_f16.npz")


@pytest.fixture(params=[None, 3, 4], ids=lambda seed: f"seed {seed}")
def head(request: pytest.FixtureRequest, model: HeadModel) -> Head:
    """A neutral person with no hair in the way."""
    shape = {} if request.param is None else model.sample_identity(np.random.default_rng(request.param)).shape
    return model.head(Identity(shape), {}, Pose(), Style(look=style_look("bald")))


def onlooker(target: np.ndarray, yaw: float, focal_px: float) -> Camera:
    """A camera one metre from a point, to the person's left (yaw > 0) or right."""
    place = look_at(target, 1.0, rotation(yaw, 0.0, 0.0))
    return Camera(intrinsics(focal_px, (256.0, 256.0)), place, 512, 512)


def seen(head: Head, yaw: float) -> np.ndarray:
    """(76,) bool: landmarks that an onlooker sees."""
    camera = onlooker(head.eye_midpoint, yaw, 800.0)
    return point_visibility(head.surface, camera, head.landmarks, head.landmark_face)


@pytest.mark.parametrize(("yaw", "ear", "other"), [(1.5, LEFT_EAR, RIGHT_EAR), (-1.5, RIGHT_EAR, LEFT_EAR)])
def test_each_ear_is_seen_from_its_own_side_alone(head: Head, yaw: float, ear: slice, other: slice) -> None:
    visible = seen(head, yaw)
    assert visible[ear].all()
    assert not visible[other].any()


def test_a_face_is_seen_from_the_front(head: Head) -> None:
    """Brows, nose and outer lips wholly; lids but for lashes in front of them; the chin."""
    visible = seen(head, 0.0)
    hidden = set(np.flatnonzero(~visible[:68]).tolist()) - INNER_LIPS
    assert hidden.isdisjoint({*range(7, 10), *range(17, 36), *range(48, 60)})
    assert visible[36:48].sum() >= 6


def test_brow_landmarks_lie_on_the_grown_brows(head: Head) -> None:
    """Hairs of the brow stand within 4 mm of the middle landmarks of each brow, and none between the brows."""
    surface = head.surface
    hairs = surface.vertices[np.unique(surface.faces[surface.part == Part.BROWS])]

    def nearest_m(mark: int) -> float:
        return float(np.linalg.norm(hairs - head.landmarks[mark], axis=1).min())

    assert max(nearest_m(mark) for mark in (18, 19, 20, 23, 24, 25)) < 0.004
    assert nearest_m(27) > 0.006


@pytest.mark.parametrize("yaw", [-0.6, 0.0, 0.6])
def test_no_tooth_shows_between_resting_lips(head: Head, yaw: float) -> None:
    """At 0.2 mm a pixel; a slit of one pixel reads as a white dot."""
    mouth = head.landmarks[48:60].mean(axis=0)
    hits = rasterize(head.surface, onlooker(mouth, yaw, 5000.0))
    part = head.surface.part[hits.triangle_id[hits.triangle_id >= 0]]
    assert np.count_nonzero(part == Part.LIPS) > 5_000
    assert not np.isin(part, (Part.TEETH_UPPER, Part.TEETH_LOWER, Part.TONGUE)).any()
