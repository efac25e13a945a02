"""The person's mask on the one public photograph at hand; skips with the reason without OpenCV or the weights."""

import numpy as np
import pytest

from datagen import faces
from meshes.assets import AssetMissingError


@pytest.fixture(scope="module")
def astronaut():
    """(512, 512, 3) uint8: scikit-image's public-domain portrait."""
    return pytest.importorskip("skimage.data").astronaut()


@pytest.fixture(scope="module")
def mask(astronaut):
    reason = faces.why_not_measured("person_mask")
    if reason:
        pytest.skip(reason)
    return faces.person_mask(astronaut)


def test_the_mask_holds_face_hair_and_clothes_and_leaves_the_wall_out(mask):
    assert (mask.shape, mask.dtype) == ((512, 512), np.float32)
    assert 0 <= mask.min() <= mask.max() <= 1
    assert mask[80:150, 205:260].min() > 0.9, "face"
    assert mask[330:500, 150:350].mean() > 0.95, "suit"
    assert mask[:60, 330:440].max() < 0.1, "above the shoulder on the right"
    assert mask[:40, :100].max() < 0.1, "the upper left corner"
    assert 0.3 < mask.mean() < 0.8


def test_the_mask_follows_the_picture(astronaut, mask):
    mirrored = faces.person_mask(astronaut[:, ::-1].copy())[:, ::-1]
    assert np.mean((mirrored > 0.5) != (mask > 0.5)) < 0.03
    half = faces.person_mask(astronaut[::2, ::2].copy())
    assert half.shape == (256, 256)
    assert np.mean((half > 0.5) != (mask[::2, ::2] > 0.5)) < 0.01
    flat = faces.person_mask(astronaut[:, 100:420].copy())
    assert flat.shape == (512, 320)
    assert flat[80:150, 105:160].min() > 0.9


def test_equal_pictures_give_equal_masks(astronaut, mask):
    assert np.array_equal(faces.person_mask(astronaut), mask)


def test_small_pictures_are_taken(astronaut, mask):
    small = faces.person_mask(astronaut[::8, ::8].copy())
    assert small.shape == (64, 64)
    assert np.mean((small > 0.5) != (mask[::8, ::8] > 0.5)) < 0.1
    assert np.mean((small[:32] > 0.5) != (mask[:256:8, ::8] > 0.5)) < 0.02, "head and shoulders"


def test_a_picture_that_is_none_is_refused(mask):
    with pytest.raises(faces.FaceToolError, match=r"expected \(H, W, 3\) uint8, got \(4, 4\) float64"):
        faces.person_mask(np.zeros((4, 4)))


def test_missing_weights_name_the_command(astronaut, monkeypatch, tmp_path):
    pytest.importorskip("cv2")
    from datagen.faces.person_mask import _network

    _network.cache_clear()
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    with pytest.raises(AssetMissingError, match="run `datagen assets fetch person-mask`"):
        faces.person_mask(astronaut)
    assert "fetch person-mask" in faces.why_not_measured("person_mask")
