"""Photographs: lens and film change colour alone, each effect is recorded, and any number of workers gives the same."""

import dataclasses
import math

import numpy as np
import pytest

from datagen.generate import generate_pairs, run_of
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from datagen.render import render_sample
from datagen.sample import Sample
from datagen.verify import verify

SMALL = Recipe(size=64, near_m=(0.3, 0.3), lights=("studio",), glasses=0.0, hats=0.0, held=0.0)
FILM = {
    "f_number": (1.4, 1.4), "shake_px": (3.0, 3.0), "chromatic_px": (2.0, 2.0), "vignetting": (1.0, 1.0),
    "vignetting_edge": (0.5, 0.5), "metering": "average", "exposure_ev": (-1.0, -1.0), "white_balance": "grey-world",
    "white_balance_mired": (40.0, 40.0), "white_balance_duv": (0.01, 0.01), "iso": (6400.0, 6400.0),
    "jpeg_quality": (30, 30),
}  # fmt: skip
COLOUR = ("near_rgb", "far_rgb")


def sample(index: int = 0, **changes: object) -> Sample:
    return render_sample(dataclasses.replace(SMALL, **changes), 0, index)


@pytest.fixture(scope="module")
def plain() -> Sample:
    return sample()


def test_an_ideal_camera_has_no_film(plain):
    assert plain.meta["film"] is None
    assert plain.meta["cameras"]["near"]["distortion"] is None
    assert plain.meta["colour"] == {"tier": "preview"}


@pytest.mark.parametrize("field", FILM)
def test_each_effect_changes_colour_alone_and_is_recorded(plain, field):
    made = sample(**{field: FILM[field]})
    labels = [name for name in plain.layers if name not in COLOUR and not name.endswith("alpha")]
    assert all(np.array_equal(made.layers[name], plain.layers[name]) for name in labels)
    for view in ("near", "far"):
        assert abs(made.layers[f"{view}_rgb"].astype(int) - plain.layers[f"{view}_rgb"]).mean() > 0.3
        alpha, sharp = (s.layers[f"{view}_alpha"].astype(int) for s in (made, plain))
        if field == "chromatic_px":  # Resampled from a frame a little larger.
            assert abs(alpha - sharp).mean() < 2.0
        else:
            assert np.array_equal(alpha, sharp)
    assert recorded(made.meta["film"]["near"])[field] == pytest.approx(
        FILM[field][0] if field != "metering" else "average"
    )


def recorded(film: dict) -> dict:
    known = {**film, "f_number": (film["lens"] or {}).get("f_number"), "iso": (film["sensor"] or {}).get("iso")}
    return {**known, "jpeg_quality": (film["jpeg"] or {}).get("quality"), "white_balance": film["white_balance"][0]}


def test_the_lens_is_focused_on_the_nearer_eye():
    made = sample(f_number=(2.0, 2.0), yaw_deg=(30.0, 30.0))
    near, far = (made.meta["film"][view]["lens"] for view in ("near", "far"))
    for view, lens in (("near", near), ("far", far)):
        camera = made.meta["cameras"][view]
        assert lens["aperture_m"] == pytest.approx(camera["focal_mm35"] / 1000 / 2.0)
        assert camera["distance_m"] - 0.06 < lens["focus_m"] < camera["distance_m"]
    assert sample(f_number=(2.0, 2.0), far_m=math.inf).meta["film"]["far"]["lens"] is None


def test_distorted_labels_and_colour_agree():
    made = sample(size=96, lens_k1=(-0.2, -0.2), lens_p1=(0.02, 0.02))
    assert made.meta["cameras"]["near"]["distortion"]["k1"] == -0.2
    assert made.meta["cameras"]["far"]["distortion"] is None
    covered, surface = made.layers["near_alpha"] >= 128, made.layers["near_surface"]
    straight = sample(size=96).layers["near_surface"]
    assert (covered != surface).mean() < 0.02 < (straight != surface).mean()


def test_a_lens_that_no_frame_can_take_is_weakened_until_it_can():
    made = sample(lens_k1=(-1.0, -1.0), chromatic_px=(3.2, 3.2), crop=(2.0, 2.0), far_distortion=True)
    distortion = made.meta["cameras"]["near"]["distortion"]
    assert -1.0 < distortion["k1"] < 0.0
    assert math.log(-distortion["k1"], 0.9) == pytest.approx(round(math.log(-distortion["k1"], 0.9)))
    assert made.meta["cameras"]["far"]["distortion"] is not None


def test_both_pictures_share_an_exposure_unless_each_is_metered():
    shared, each = (sample(metering="average", white_balance="grey-world", meter_each=m) for m in (False, True))
    assert shared.meta["film"]["near"]["gain"] == shared.meta["film"]["far"]["gain"]
    assert shared.meta["film"]["near"]["balance"] == shared.meta["film"]["far"]["balance"]
    assert each.meta["film"]["near"]["gain"] == shared.meta["film"]["near"]["gain"]
    assert each.meta["film"]["near"]["gain"] != each.meta["film"]["far"]["gain"]


def test_the_far_picture_can_stay_clean(plain):
    made = sample(f_number=(2.0, 2.0), iso=(6400.0, 6400.0), jpeg_quality=(30, 30), far_film=False)
    assert np.array_equal(made.layers["far_rgb"], plain.layers["far_rgb"])
    assert not np.array_equal(made.layers["near_rgb"], plain.layers["near_rgb"])


@pytest.mark.parametrize("background", ["indoor", "outdoor", "any"])
def test_places_are_recorded_with_their_key(background):
    record = sample(background=background).meta["background"]
    assert record["kind"] in ("environment", "indoor", "outdoor")
    assert ("plate" in record) == (record["kind"] != "environment")


def test_everything_at_once_is_the_same_for_any_workers_and_verifies(tmp_path):
    recipe = dataclasses.replace(
        PRESETS["phone"], size=64, f_number=(1.4, 2.8), far_distortion=True, lens_k1=(-0.3, 0.3), lens_k3=(-0.1, 0.1)
    )
    run = run_of("phone", recipe, seed=5, pairs=2, shard_pairs=1)
    for workers in (1, 2):
        generate_pairs(run, tmp_path / str(workers), workers=workers)
    ones, twos = (sorted((tmp_path / str(workers)).iterdir()) for workers in (1, 2))
    assert [path.name for path in ones] == [path.name for path in twos]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(ones, twos, strict=True))
    report = verify(tmp_path / "1")
    assert report.ok, str(report)


def test_a_frame_too_wide_for_any_lens_is_left_straight():
    made = sample(lens_k1=(-1.0, -1.0), focal_mm35=(2.0, 2.0))
    assert made.meta["cameras"]["near"]["distortion"] is None
