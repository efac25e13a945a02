"""Plans: a sample's numbers depend on (recipe, seed, index) alone and keep to the recipe."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.film import ShotPlan
from datagen.plan import gaze_towards, plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from meshes.skinning import rotation
from renderers.lens import Distortion

INDEX = st.integers(0, 10_000)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), INDEX)
def test_a_plan_is_a_pure_function_and_prints_as_json(seed, index):
    first, again = (plan_sample(Recipe(), seed, index) for _ in range(2))
    assert json.dumps(first.to_json(), allow_nan=False) == json.dumps(again.to_json(), allow_nan=False)


def test_seed_zero_differs_from_seed_one():
    assert plan_sample(Recipe(), 0, 0) == plan_sample(Recipe(), 0, 0)
    assert plan_sample(Recipe(), 0, 0) != plan_sample(Recipe(), 1, 0)


@settings(max_examples=20, deadline=None)
@given(INDEX)
def test_numbers_keep_to_the_recipe(index):
    recipe = PRESETS["usc2019"]
    plan = plan_sample(recipe, 7, index)
    assert recipe.near_m[0] <= plan.camera.near_m <= recipe.near_m[1]
    assert plan.camera.near_focal_mm35 == pytest.approx(0.80 * 100 * plan.camera.near_m)
    assert plan.person < recipe.people
    assert max(abs(plan.pose.yaw), abs(plan.pose.pitch), abs(plan.pose.roll)) <= math.radians(35.0)


def test_near_distance_is_uniform_in_its_inverse():
    inverse = np.array([1.0 / plan_sample(Recipe(), 0, i).camera.near_m for i in range(300)])
    low, high = 1.0 / 1.60, 1.0 / 0.18
    quarters = np.histogram(inverse, 4, (low, high))[0]
    assert quarters.min() > 50


def test_the_steps_of_a_dolly_share_their_scene():
    recipe = PRESETS["cmdp"]
    plans = [plan_sample(recipe, 0, index) for index in range(7, 14)]
    assert [p.camera.near_m for p in plans] == list(recipe.near_sequence_m)
    shared = {json.dumps({**p.to_json(), "index": 0, "step": 0, "camera": 0}) for p in plans}
    assert len(shared) == 1


def test_a_person_keeps_identity_and_changes_the_rest():
    recipe = dataclasses.replace(Recipe(), people=3)
    first, again = plan_sample(recipe, 0, 1), plan_sample(recipe, 0, 4)
    assert first.identity == again.identity
    assert first.pose != again.pose
    assert first.expression != again.expression


@given(st.tuples(*[st.floats(-3, 3)] * 3))
def test_rotations_are_rotations(angles):
    R = rotation(*angles)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1.0)


def test_rotation_signs():
    front, up = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert (rotation(0.3, 0, 0) @ front)[0] > 0, "positive yaw turns the face to the person's left (+X)"
    assert (rotation(0, 0.3, 0) @ front)[1] < 0, "positive pitch looks down"
    assert (rotation(0, 0, 0.3) @ up)[0] < 0, "positive roll tips the crown to the person's right (-X)"


@given(st.floats(-0.3, 0.3), st.floats(-0.2, 0.2), st.floats(0.5, 3.0))
def test_the_gaze_points_at_its_target(x, y, z):
    target, eye = np.array([x * z, y * z, z]), np.array([0.0315, 0.0, 0.0])
    yaw, pitch = gaze_towards(target, eye)
    direction = rotation(yaw, pitch, 0.0) @ np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(direction, (target - eye) / np.linalg.norm(target - eye), atol=1e-9)


def test_eyes_at_a_near_camera_converge():
    recipe = Recipe(near_m=(0.18, 0.18), gaze_at_camera=1.0, yaw_deg=(0, 0), pitch_deg=(0, 0), roll_deg=(0, 0))
    pose = plan_sample(recipe, 0, 0).pose
    assert pose.gaze_left[0] < 0 < pose.gaze_right[0]


CAMERA = {
    "lens_k1": (-0.1, 0.1), "lens_p1": (-0.01, 0.01), "f_number": (2.0, 8.0), "shake_px": (1.0, 4.0),
    "chromatic_px": (-1.0, 1.0), "vignetting": (0.1, 0.9), "vignetting_edge": (0.1, 0.3), "metering": "face",
    "meter_each": True, "exposure_ev": (-1.0, 1.0), "white_balance": "card", "white_balance_mired": (-20.0, 20.0),
    "white_balance_duv": (-0.01, 0.01), "iso": (100.0, 3200.0), "sensor": "full-frame", "jpeg_quality": (60, 90),
}  # fmt: skip
EVERYTHING = dataclasses.replace(Recipe(), **CAMERA)


def test_a_plan_is_an_ideal_camera_unless_told():
    plan = plan_sample(Recipe(), 3, 5)
    assert plan.near_shot == plan.far_shot == ShotPlan()


@pytest.mark.parametrize("field", CAMERA)
def test_switching_one_thing_of_the_camera_on_changes_nothing_else(field):
    """Alone it draws what it draws among the others, and the rest of the plan stays."""
    alone = plan_sample(dataclasses.replace(Recipe(), **{"meter_each": True, field: CAMERA[field]}), 0, 4)
    among, plain = plan_sample(EVERYTHING, 0, 4), plan_sample(Recipe(), 0, 4)
    same_shots = {"near_shot": plain.near_shot, "far_shot": plain.far_shot}
    assert dataclasses.replace(alone, **same_shots) == plain
    for view in ("near_shot", "far_shot"):
        ours, all_on, ideal = (flat(getattr(plan, view)) for plan in (alone, among, plain))
        moved = {name for name in ours if ours[name] != ideal[name]}
        assert all(ours[name] == all_on[name] for name in moved)
        assert moved or field in ("meter_each", "sensor") or (view, field[:4]) == ("far_shot", "lens")


def flat(shot: ShotPlan) -> dict[str, object]:
    lens = dataclasses.asdict(shot.distortion or Distortion())
    return {**dataclasses.asdict(shot.film), **lens, "f_number": shot.f_number}


def test_a_lens_belongs_to_a_scene_and_a_shake_to_a_picture():
    recipe = dataclasses.replace(EVERYTHING, near_sequence_m=(0.3, 0.5, 0.8))
    first, second = plan_sample(recipe, 0, 6), plan_sample(recipe, 0, 7)
    assert first.near_shot.distortion == second.near_shot.distortion
    assert first.near_shot.film.iso == first.far_shot.film.iso == second.near_shot.film.iso
    shakes = {(plan.near_shot.film.shake_px, plan.far_shot.film.shake_px) for plan in (first, second)}
    assert len({px for pair in shakes for px in pair}) == 4
    assert first.near_shot.film.exposure_ev != first.far_shot.film.exposure_ev


def test_one_exposure_has_one_error():
    plan = plan_sample(dataclasses.replace(EVERYTHING, meter_each=False), 0, 1)
    for name in ("exposure_ev", "white_balance_mired", "white_balance_duv"):
        assert getattr(plan.near_shot.film, name) == getattr(plan.far_shot.film, name)


def test_the_far_camera_can_stay_ideal():
    plan = plan_sample(dataclasses.replace(EVERYTHING, far_film=False), 0, 1)
    assert plan.far_shot == ShotPlan()
    assert plan.near_shot == plan_sample(EVERYTHING, 0, 1).near_shot
    both = plan_sample(dataclasses.replace(EVERYTHING, far_film=False, far_distortion=True), 0, 1)
    assert both.far_shot.distortion not in (None, both.near_shot.distortion)
    assert both.far_shot.film == ShotPlan().film


def test_any_background_is_each_of_three_in_its_turn():
    kinds = [plan_sample(dataclasses.replace(Recipe(), background="any"), 0, i).background for i in range(60)]
    assert {kind: kinds.count(kind) > 10 for kind in kinds} == {"environment": True, "indoor": True, "outdoor": True}
    assert plan_sample(Recipe(), 0, 0).background == "environment"


def test_several_distances_of_a_person_are_a_ladder_even_in_the_inverse():
    recipe = dataclasses.replace(Recipe(), distances=4)
    plans = [plan_sample(recipe, 0, index) for index in range(8, 12)]
    rungs = np.diff([1.0 / plan.camera.near_m for plan in plans])
    np.testing.assert_allclose(rungs, (1.0 / 0.18 - 1.0 / 1.60) / 4)
    assert all(0.18 <= plan.camera.near_m <= 1.60 for plan in plans)
    assert {(plan.scene, plan.steps) for plan in plans} == {(2, 4)}
    shared = {json.dumps({**plan.to_json(), "index": 0, "step": 0, "camera": 0}) for plan in plans}
    assert len(shared) == 1
    assert plan_sample(recipe, 0, 0).camera.near_m != plan_sample(recipe, 0, 4).camera.near_m


def test_one_distance_a_person_is_what_it_always_was():
    assert plan_sample(Recipe(), 0, 3).camera.near_m == pytest.approx(0.39943224132634314, abs=1e-12)
