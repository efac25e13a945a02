"""Contact sheets: every picture lands in its cell, unchanged; what cannot be laid out is refused."""

import numpy as np
import pytest
from fake import fake_run, fake_sample
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datagen.engine import generate
from datagen.sheet import GAP_PX, SheetError, contact_sheet, dataset_sheet, distance_text, evenly_spaced
from meshes.errors import UserError


def pictures(count, shape=(20, 30, 3)):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, shape, np.uint8) for _ in range(count)]


def test_every_picture_is_in_its_cell():
    images = pictures(5)
    sheet = np.asarray(contact_sheet(images, columns=2))
    assert sheet.shape == (3 * 28 + 8, 2 * 38 + 8, 3)
    for i, image in enumerate(images):
        top, left = GAP_PX + i // 2 * 28, GAP_PX + i % 2 * 38
        assert np.array_equal(sheet[top : top + 20, left : left + 30], image)
    assert (sheet[2 * 28 + 8 :, 46:] == 255).all()


def test_labels_are_drawn_under_their_picture():
    plain = np.asarray(contact_sheet(pictures(2), 2, ["", ""]))
    labelled = np.asarray(contact_sheet(pictures(2), 2, ["", "ab"]))
    rows, columns = np.nonzero((plain != labelled).any(axis=2))
    assert rows.size > 0
    assert rows.min() >= GAP_PX + 20
    assert columns.min() >= GAP_PX + 38


@given(st.integers(1, 500), st.integers(1, 60))
def test_indices_are_spread_over_the_whole_set(count, wanted):
    indices = evenly_spaced(count, wanted)
    assert len(indices) == min(count, wanted)
    assert indices[0] == 0
    if len(indices) > 1:
        steps = np.diff(indices)
        assert indices[-1] == count - 1
        assert steps.min() >= 1
        assert steps.max() - steps.min() <= 1


def test_distances_read_as_people_say_them():
    texts = [distance_text({"distance_m": d}) for d in (0.42, 1.6, None)]
    assert texts == ["42.0 cm", "1.60 m", "infinity"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_sheet_of_a_set(tmp_path, suffix):
    generate(fake_run(), tmp_path / "set", fake_sample)
    out = dataset_sheet(tmp_path / "set", tmp_path / f"sheet{suffix}", rows=2, cell_px=48)
    with Image.open(out) as image:
        assert image.size == (3 * 56 + 8, 2 * 76 + 8)
        pixels = np.asarray(image.convert("RGB")).astype(int)
    near = fake_sample(0).layers["near_rgb"].astype(int)
    assert abs(pixels[8:56, 8:56] - near).mean() < (0.01 if suffix == ".png" else 12)


def test_refusals(tmp_path):
    cases = [
        (([], 2), "expected images and columns >= 1, got 0 and 2"),
        ((pictures(1), 0), "got 1 and 0"),
        ((pictures(1) + pictures(1, (20, 31, 3)), 2), r"image 1: .*\(20, 30, 3\).*got uint8 \(20, 31, 3\)"),
        (([np.zeros((2, 2, 3))], 1), r"image 0: .*got float64"),
        ((pictures(2), 2, ["one"]), "labels: expected 2, one an image, got 1"),
    ]
    for arguments, message in cases:
        with pytest.raises(SheetError, match=message):
            contact_sheet(*arguments)
    with pytest.raises(SheetError, match=r"expected a name that ends in \.png, \.jpg, \.webp, got '\.gif'"):
        dataset_sheet(tmp_path, tmp_path / "sheet.gif")
    with pytest.raises(UserError, match="expected a database"):
        dataset_sheet(tmp_path, tmp_path / "sheet.png")
