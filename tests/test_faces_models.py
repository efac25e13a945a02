"""The detector, both embedders and the face mesh, on the one public photograph at hand and on altered copies of it.

Each test skips with the reason where a package or a weight file is missing.
"""

import numpy as np
import pytest

from datagen import faces
from datagen.faces import tools
from datagen.faces.embedders import CHIP_POINTS, face_chip
from meshes.assets import AssetMissingError


def _need(*models):
    reason = faces.why_not_measured(*models)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def astronaut():
    """(512, 512, 3) uint8: scikit-image's public-domain portrait."""
    return pytest.importorskip("skimage.data").astronaut()


@pytest.fixture(scope="module")
def face(astronaut):
    _need("yunet")
    return faces.find_face(astronaut)


def _altered(picture):
    brighter = np.clip(picture.astype(int) + 40, 0, 255).astype(np.uint8)
    return {"mirrored": picture[:, ::-1].copy(), "darker": picture // 2, "brighter": brighter}


def test_the_face_lies_where_it_is(face):
    assert face.score > 0.8
    right_eye, left_eye, nose, right_mouth, left_mouth = face.points
    assert np.linalg.norm(face.points.mean(axis=0) - (223, 126)) < 5
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_no_face_in_a_plain_picture():
    _need("yunet")
    assert faces.find_face(np.full((240, 320, 3), 127, np.uint8)) is None


def test_points_scale_with_the_picture(astronaut, face):
    doubled = faces.find_face(astronaut.repeat(2, axis=0).repeat(2, axis=1))
    assert np.abs(doubled.points / 2 - face.points).max() < 0.06 * face.eye_distance_px


def test_a_picture_that_is_none_is_refused():
    _need("yunet")
    with pytest.raises(faces.FaceToolError, match=r"expected \(H, W, 3\) uint8, got \(4, 4\) float64"):
        faces.find_face(np.zeros((4, 4)))


def test_the_chip_brings_the_points_to_their_places(astronaut, face):
    cv2 = pytest.importorskip("cv2")
    matrix, _ = cv2.estimateAffinePartial2D(face.points, CHIP_POINTS, method=cv2.LMEDS)
    placed = face.points @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(placed - CHIP_POINTS).max() < 6
    assert face_chip(astronaut, face).shape == (112, 112, 3)


def test_sface_knows_an_altered_face_again(astronaut, face):
    _need("sface")
    own = faces.sface(astronaut, face)
    assert own.shape == (128,)
    assert np.isclose(np.linalg.norm(own), 1.0, atol=1e-5)
    for name, picture in _altered(astronaut).items():
        other = faces.sface(picture, faces.find_face(picture))
        assert faces.cosine(own[None], other[None])[0, 0] > 0.85, name


def test_sface_tells_the_face_from_a_scrambled_one(astronaut, face):
    _need("sface")
    left, top, width, height = face.box.astype(int)
    scrambled = astronaut.copy()
    scrambled[top : top + height, left : left + width] = astronaut[top : top + height, left : left + width][::-1]
    own, other = (faces.sface(picture, face) for picture in (astronaut, scrambled))
    assert faces.cosine(own[None], other[None])[0, 0] < 0.5


def test_dlib_knows_an_altered_face_again(astronaut, face):
    _need("dlib_5pt", "dlib_resnet")
    own = faces.dlib_descriptor(astronaut, face)
    assert own.shape == (128,)
    for name, picture in _altered(astronaut).items():
        assert np.linalg.norm(own - faces.dlib_descriptor(picture, faces.find_face(picture))) < 0.35, name


def test_the_mesh_agrees_with_the_detector_and_turns_with_the_picture(astronaut, face):
    _need("face_mesh")
    points = faces.face_mesh(astronaut, face)
    assert points.shape == (468, 2)
    landmarks = points[faces.IBUG_68]
    five = np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[30], landmarks[48], landmarks[54]])
    assert np.abs(five - face.points).max() < 0.2 * face.eye_distance_px
    turned = np.rot90(astronaut, -1).copy()  # (x, y) -> (512 - y, x): a quarter turn to the right.
    moved = faces.Face(face.box[[1, 0, 3, 2]], np.column_stack([512 - face.points[:, 1], face.points[:, 0]]), 1.0)
    moved.box[0] = 512 - moved.box[0] - moved.box[2]
    expected = np.column_stack([512 - points[:, 1], points[:, 0]])
    assert np.abs(faces.face_mesh(turned, moved) - expected).max() < 0.03 * face.eye_distance_px


def test_equal_pictures_give_equal_bytes(astronaut, face):
    _need("sface", "face_mesh")
    again = faces.find_face(astronaut)
    assert np.array_equal(again.points, face.points)
    assert np.array_equal(faces.sface(astronaut, again), faces.sface(astronaut, face))
    assert np.array_equal(faces.face_mesh(astronaut, again), faces.face_mesh(astronaut, face))


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    with pytest.raises(AssetMissingError, match="datagen assets fetch face-models"):
        tools.weights("sface")
    with pytest.raises(
        faces.FaceToolError, match=r"expected the package no_such_package.*perspective-portraits\[eval\]"
    ):
        tools.package("no_such_package")
    monkeypatch.setitem(tools.MODELS, "sface", ("no_such_package",))
    assert "no_such_package" in faces.why_not_measured("sface")
