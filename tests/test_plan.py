"""Plans: a sample's numbers depend on (recipe, seed, index) alone and keep to the recipe."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.plan import gaze_towards, plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from meshes.skinning import rotation

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
