"""Posed scenes: the dolly rule, cameras off the skin, one light, and samples that depend on nothing else."""

import dataclasses
import hashlib
import itertools
import math

import numpy as np
import pytest

from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe, RecipeError
from datagen.render import encode, render_sample
from datagen.scene import build_scene
from meshes.makehuman_build import PACK
from renderers.camera import focal_mm35_from_px, project
from renderers.layers import PICTURED

SMALL = dataclasses.replace(PRESETS["portrait"], size=64)


def scene_of(recipe: Recipe, index: int = 0):
    return build_scene(recipe, plan_sample(recipe, 0, index))


@pytest.mark.parametrize("far_m", [1.6, 5.0, math.inf])
def test_the_dolly_pair_keeps_the_eye_plane(far_m):
    scene = scene_of(dataclasses.replace(SMALL, far_m=far_m, principal_shift=(0.05, 0.1)))
    midpoint = scene.head.eye_midpoint
    axes = scene.near.T_camera_head[:3, :3]
    plane = midpoint + np.array([[0.0, 0.0], [0.03, 0.0], [0.0, -0.05]]) @ axes[:2]
    near_px, near_depth = project(scene.near, plane)
    far_px, far_depth = project(scene.far, plane)
    np.testing.assert_allclose(near_px, far_px, atol=1e-9)
    np.testing.assert_allclose(near_px[0], scene.near.K[:2, 2], atol=1e-9)
    assert near_depth[0] == pytest.approx(scene.plan.camera.near_m)
    assert far_depth[0] == pytest.approx(far_m if math.isfinite(far_m) else 1.6)


def test_the_framing_rule_is_the_published_one():
    recipe = dataclasses.replace(PRESETS["usc2019"], size=64)
    scene = scene_of(recipe)
    focal_mm35 = focal_mm35_from_px(scene.near.K[0, 0], recipe.height)
    assert focal_mm35 == pytest.approx(0.80 * 100 * scene.plan.camera.near_m)


def test_a_free_focal_length_is_kept_by_the_near_camera():
    recipe = dataclasses.replace(SMALL, focal_mm35=(28.0, 28.0), crop=(0.5, 0.5))
    assert focal_mm35_from_px(scene_of(recipe).near.K[0, 0], 64, crop=0.5) == pytest.approx(28.0)


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_puts_a_camera_on_the_skin(name):
    """At the nearest distance and the corners of the pose ranges."""
    recipe = dataclasses.replace(PRESETS[name], near_sequence_m=(), size=64)
    nearest = min(PRESETS[name].near_sequence_m or recipe.near_m)
    yaws = {recipe.yaw_deg[0], recipe.yaw_deg[1], 180.0 if recipe.yaw_deg[1] > 90 else 0.0}
    for yaw, pitch in itertools.product(yaws, recipe.pitch_deg):
        corner = dataclasses.replace(recipe, near_m=(nearest,) * 2, yaw_deg=(yaw, yaw), pitch_deg=(pitch, pitch))
        scene_of(corner)


def test_a_camera_in_the_head_is_refused():
    recipe = dataclasses.replace(SMALL, near_m=(0.12, 0.12), yaw_deg=(180.0, 180.0))
    with pytest.raises(RecipeError, match=r"sample 0: expected the near camera at least 3 cm off .*Raise --near-m"):
        scene_of(recipe)


def test_a_sample_alone_is_the_sample_of_any_order():
    first = encode(render_sample(SMALL, 0, 1))
    for index in (5, 0, 3):
        render_sample(SMALL, 0, index)
    again = render_sample(SMALL, 0, 1)
    assert encode(again) == first
    assert again.meta == render_sample(SMALL, 0, 1).meta


def test_near_equal_to_far_has_zero_flow():
    recipe = dataclasses.replace(SMALL, near_m=(1.6, 1.6))
    sample = render_sample(recipe, 0, 0)
    assert not sample.layers["flow_near_to_far"].any()
    np.testing.assert_array_equal(sample.layers["near_rgb"], sample.layers["far_rgb"])
    np.testing.assert_array_equal(sample.layers["near_visible_in_far"], sample.layers["near_surface"])


def test_both_views_show_a_person_who_is_lit():
    layers = render_sample(SMALL, 0, 2).layers
    for view in ("near", "far"):
        person = layers[f"{view}_rgb"][layers[f"{view}_surface"]]
        assert layers[f"{view}_surface"].mean() > 0.15
        assert 10 < person.mean() < 245
        assert person.std() > 5


def test_labels_alone_are_those_of_the_pictures(monkeypatch):
    whole = render_sample(SMALL, 0, 1)
    recipe = dataclasses.replace(SMALL, without_layers=tuple(PICTURED))
    monkeypatch.setattr("datagen.render.render_pictures", None)  # No picture is taken.
    labels = render_sample(recipe, 0, 1)
    assert set(whole.layers) - set(labels.layers) == PICTURED
    assert encode(labels) == {name: data for name, data in encode(whole).items() if name not in PICTURED}
    assert labels.meta == whole.meta


def test_the_record_holds_cameras_landmarks_and_licences():
    meta = render_sample(dataclasses.replace(SMALL, far_m=math.inf), 0, 0).meta
    near, far = meta["cameras"]["near"], meta["cameras"]["far"]
    assert near["distance_nose_tip_m"] < near["distance_m"] < near["distance_head_centre_m"]
    assert (far["kind"], far["distance_m"], far["focal_px"]) == ("orthographic", None, None)
    assert len(meta["landmarks"]["near_px"]) == 76
    assert {asset["licence"] for asset in meta["assets"]} == {"CC0-1.0"}


def test_every_asset_is_named_with_the_hash_of_its_file():
    meta = render_sample(dataclasses.replace(SMALL, lights=("maps",)), 0, 0).meta
    hashes = {asset["id"]: asset["sha256"] for asset in meta["assets"]}
    assert len(hashes) == 2
    assert hashes["makehuman-hm08"] == hashlib.sha256(PACK.read_bytes()).hexdigest()
    assert all(len(value) == 64 for value in hashes.values())


def test_clearance_looks_at_skin_not_at_lashes():
    """Seen from below, a lash card may be the vertex nearest to the camera and turn its back on it."""
    for index in range(8):
        scene_of(dataclasses.replace(PRESETS["selfie"], size=64, pitch_deg=(-15.0, -15.0)), index)


def test_pairs_of_one_person_have_the_bytes_of_each_alone():
    recipe = dataclasses.replace(SMALL, distances=3, glasses=1.0)
    together = [render_sample(recipe, 0, index) for index in range(3)]
    render_sample(recipe, 0, 9)
    alone = render_sample(recipe, 0, 1)
    assert encode(together[1]) == encode(alone)
    assert together[1].meta == alone.meta
    assert together[0].meta["cameras"]["near"]["distance_m"] > together[2].meta["cameras"]["near"]["distance_m"]
