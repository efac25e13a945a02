"""Recipes: presets say what they promise, impossible values are refused by name, JSON goes there and back."""

import dataclasses
import math
import shlex

import pytest

from datagen.cli import _parse
from datagen.generate import command_of, run_of
from datagen.presets import PRESETS, SUMMARIES
from datagen.recipe import Recipe, RecipeError, validate
from renderers.layers import DEFAULT_LAYERS

CAMERA_FIELDS = (
    *("lens_k1", "lens_k2", "lens_p1", "lens_p2", "f_number", "shake_px", "chromatic_px", "vignetting"),
    *("vignetting_edge", "metering", "meter_each", "exposure_ev", "white_balance", "white_balance_mired"),
    *("white_balance_duv", "iso", "jpeg_quality"),
)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_survive_json(name):
    recipe = validate(PRESETS[name])
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert SUMMARIES[name]


def test_infinity_survives_json():
    recipe = Recipe(far_m=math.inf)
    assert recipe.to_json()["far_m"] == "inf"
    assert Recipe.from_json(recipe.to_json()).far_m == math.inf


def test_usc2019_is_the_published_recipe():
    recipe = PRESETS["usc2019"]
    assert (recipe.near_m, recipe.far_m, recipe.mm35_per_cm) == ((0.23, 1.60), 1.60, 0.80)
    assert recipe.yaw_deg == recipe.pitch_deg == recipe.roll_deg == (-45.0, 45.0)
    assert recipe.background == "black"
    assert recipe.people == 278


def test_cmdp_is_one_sequence_of_seven_distances():
    assert PRESETS["cmdp"].near_sequence_m == (0.61, 0.91, 1.22, 1.83, 2.44, 3.66, 4.88)
    assert PRESETS["cmdp"].steps == 7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("near_m", (1.0, 0.5)),
        ("near_m", (0.0, 0.5)),
        ("near_m", (0.2, math.nan)),
        ("near_m", (0.2, math.inf)),
        ("near_sequence_m", (0.5, -1.0)),
        ("far_m", 0.5),
        ("far_m", math.nan),
        ("mm35_per_cm", 0.0),
        ("focal_mm35", (50.0, 20.0)),
        ("crop", (0.0, 1.0)),
        ("principal_shift", (0.0, 0.9)),
        ("size", 8),
        ("size", 100_000),
        ("aspect", 0.0),
        ("people", 0),
        ("heads", ()),
        ("lights", ()),
        ("expression", (0.0, 2.0)),
        ("yaw_deg", (-200.0, 0.0)),
        ("neck_share", 1.5),
        ("gaze_deg", 90.0),
        ("light_level", (-1.0, 1.0)),
        ("background_rgb", (0, 0, 300)),
        ("extra_layers", ("near_heat",)),
        ("spp", 0),
        ("lens_k1", (-2.0, 0.0)),
        ("lens_p2", (0.0, 0.2)),
        ("f_number", (0.1, 2.0)),
        ("shake_px", (-1.0, 2.0)),
        ("chromatic_px", (0.0, 30.0)),
        ("vignetting", (0.0, 1.5)),
        ("vignetting_edge", (0.0, 1.0)),
        ("exposure_ev", (-9.0, 0.0)),
        ("white_balance_mired", (-200.0, 0.0)),
        ("white_balance_duv", (0.0, 0.5)),
        ("iso", (0.0, 100.0)),
        ("jpeg_quality", (0, 90)),
    ],
)
def test_impossible_values_are_refused_by_name(field, value):
    with pytest.raises(RecipeError, match=f"--{field.replace('_', '-')}: expected .*, got"):
        validate(dataclasses.replace(Recipe(), **{field: value}))


def test_a_far_camera_at_infinity_has_no_lens_to_distort():
    with pytest.raises(RecipeError, match="--far-distortion: expected a far camera with a lens, got one at infinity"):
        validate(Recipe(far_m=math.inf, far_distortion=True))


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "phone"])
def test_no_other_preset_has_a_real_camera(name):
    recipe, plain = PRESETS[name], Recipe()
    for field in CAMERA_FIELDS:
        assert getattr(recipe, field) == getattr(plain, field)


def test_the_phone_has_all_of_a_real_camera():
    assert not [f for f in CAMERA_FIELDS if getattr(PRESETS["phone"], f) == getattr(Recipe(), f)]


def test_unknown_fields_are_refused():
    with pytest.raises(RecipeError, match="focal_length"):
        Recipe.from_json({"focal_length": 3})


def test_layers_follow_the_table():
    assert Recipe().layers == DEFAULT_LAYERS
    recipe = Recipe(extra_layers=("near_triangle_id",), without_layers=("far_uv",))
    assert "near_triangle_id" in recipe.layers
    assert "far_uv" not in recipe.layers


@pytest.mark.parametrize(
    "changes",
    [
        {"meter_each": False, "denoise": False, "far_distortion": True, "far_film": False},
        {"f_number": None, "iso": None, "jpeg_quality": None, "focal_mm35": (24.0, 28.0)},
        {"jpeg_quality": (50, 60), "lens_k1": (-0.25, 0.0), "colour": "photo", "spp": 64, "background": "outdoor"},
    ],
)
def test_the_command_of_a_card_gives_the_recipe_back(changes):
    recipe = dataclasses.replace(PRESETS["phone"], **changes)
    command = command_of(run_of("phone", recipe, seed=1, pairs=2, shard_pairs=2))
    assert _parse(shlex.split(command)[1:]).options == recipe
