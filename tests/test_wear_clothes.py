"""Garments and styles: tailored from the skin, closed over what they cover, planned by recipe, recorded."""

import dataclasses
import json
import os
from functools import lru_cache

import brute
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.randomness import generator
from datagen.recipe import Recipe, RecipeError, validate
from datagen.render import render_sample
from datagen.scene import build_scene
from meshes import srgb
from meshes.head import FormModel, Head, Pose, Style
from meshes.makehuman import MakeHuman
from meshes.makehuman_template import template
from meshes.parts import Part
from meshes.skinning import rotation
from meshes.wear import cloth
from meshes.wear.garment import KINDS, dress, tailor
from meshes.wear.patch import creased, cut, edge, whole
from meshes.wear.sampling import GARMENTS, sample_clothes
from renderers.camera import Camera, intrinsics, look_at
from renderers.exact import rasterize

SHARES = ("glasses", "hats", "earrings", "headphones", "held")
EVERYTHING = dataclasses.replace(Recipe(), size=64, **dict.fromkeys(SHARES, 1.0))


def clothes_of(garment: str) -> dict[str, float]:
    return sample_clothes(generator(0, 1, "clothes"), garment)


def woven_twin(share: np.ndarray, second: np.ndarray, yarn: np.ndarray) -> np.ndarray:
    """`cloth._woven` in numpy, all threads at once."""
    row, column = np.indices(share.shape)
    colour = 1.0 - share[..., None] * (1.0 - second)
    around = yarn + np.roll(yarn, 1, axis=0) + np.roll(yarn, 1, axis=1)
    thread = 1.0 + 0.045 * around / 1.7 - 0.05 * ((row + column) % 2)
    return srgb.encode(0.93 * colour * thread[..., None])


def test_cloth_is_its_twin_in_numpy():
    rng = np.random.Generator(np.random.Philox(key=1))
    share, second, yarn = rng.random((40, 60)), rng.random(3), rng.standard_normal((40, 60))
    woven = cloth._woven(share, second, yarn, srgb.THRESHOLDS, srgb.FIRST_CODE)
    np.testing.assert_array_equal(woven, woven_twin(share, second, yarn))


@pytest.mark.parametrize("garment", ["", "hoodie"])
def test_without_colours_a_head_has_the_same_form(garment: str):
    who = MakeHuman().sample_identity(np.random.Generator(np.random.Philox(key=3)))
    style = Style(clothes=clothes_of(garment) if garment else {})
    asked = who, {"jawOpen": 0.4, "eyeBlinkLeft": 0.6}, Pose(yaw=0.3, gaze_left=(0.1, 0.2)), style
    painted, bare = MakeHuman().head(*asked), MakeHuman().form_head(*asked)
    assert isinstance(MakeHuman(), FormModel)
    for name in ("vertices", "faces", "normals", "uv", "part", "material", "cutout", "face_label", "face_solid"):
        np.testing.assert_array_equal(getattr(bare.surface, name), getattr(painted.surface, name), err_msg=name)
    for name in ("eye_centres", "landmarks", "landmark_face", "skull_rotation"):
        np.testing.assert_array_equal(getattr(bare, name), getattr(painted, name), err_msg=name)
    assert [material.name for material in bare.surface.materials] == [m.name for m in painted.surface.materials]
    coloured, plain = ({m.name for m in head.surface.materials if m.texture is not None} for head in (painted, bare))
    assert coloured - plain == {"skin", "lips", *(["cloth"] if garment else [])}


@lru_cache(maxsize=16)
def dressed(garment: str = "", yaw: float = 0.0, model: str = "makehuman") -> Head:
    if model == "makehuman":
        source = MakeHuman()
    else:
        if not os.environ.get("DATAGEN_ASSETS"):
            pytest.skip(f"{model} needs DATAGEN_ASSETS, which is not set")
        from datagen.heads import open_model

        source = open_model(model)
    who = source.sample_identity(generator(0, 1, f"identity {model}"))
    clothes = clothes_of(garment) if garment else {}
    return source.head(who, {}, Pose(yaw=yaw), Style(clothes=clothes))


def view(head: Head, yaw_deg: float, size: int, height_m: float = 0.5) -> Camera:
    middle = head.eye_midpoint - np.array([0.0, 0.10, 0.0])
    K = intrinsics(size / height_m, (size / 2, size / 2))
    return Camera(K, look_at(middle, 1.0, rotation(np.radians(yaw_deg), 0.0)), size, size)


@pytest.mark.parametrize("model", ["makehuman", "ict"])
@pytest.mark.parametrize("garment", GARMENTS)
def test_a_garment_replaces_the_skin_under_it(garment, model):
    bare, clothed = dressed("", 0.0, model), dressed(garment, 0.0, model)
    surface = clothed.surface
    on = surface.part == Part.CLOTHES
    assert on.sum() > 300
    lost = len(bare.surface.faces) + on.sum() - len(surface.faces)
    assert lost > 100
    gone = (bare.surface.part == Part.TORSO).sum() + (bare.surface.part == Part.NECK).sum()
    left = (surface.part == Part.TORSO).sum() + (surface.part == Part.NECK).sum()
    assert gone - left == lost, "only neck and torso are left out"
    np.testing.assert_array_equal(clothed.landmarks, bare.landmarks)
    assert np.isfinite(surface.vertices).all()
    assert surface.uv.min() >= 0
    assert surface.uv.max() <= 1


@pytest.mark.parametrize("yaw", [0.0, 0.5])
@pytest.mark.parametrize("garment", GARMENTS)
def test_no_hole_opens_where_skin_was_left_out(garment, yaw):
    """From the front and the side the clothed person covers every pixel that the bare one does, neck turned or not."""
    bare, clothed = dressed("", yaw), dressed(garment, yaw)
    for yaw_deg in (0.0, 50.0):
        camera = view(bare, yaw_deg, 160, 0.42)
        before, after = (rasterize(head.surface, camera) for head in (bare, clothed))
        seen = before.triangle_id >= 0
        corners = bare.surface.vertices[bare.surface.faces[before.triangle_id[seen]]]
        x, y, _ = np.einsum("nk,nkd->nd", before.barycentric[seen], corners).T
        seen[seen] = (y > -0.185) & (np.abs(x) < 0.13)  # The hem of the bust is open, dressed or not.
        assert (after.triangle_id[seen] >= 0).all()
        # Never much behind the skin that it replaces: nobody looks into the body.
        assert (after.depth_axis_m[seen] - before.depth_axis_m[seen]).max() < 0.002


@pytest.mark.parametrize("garment", GARMENTS)
def test_cloth_stands_off_the_skin(garment):
    """Millimetres, not centimetres: only a hood and a collar stand off further."""
    made = tailor(template().skin, GARMENTS.index(garment), 1)
    assert made.lift_m.min() > 0.0001
    assert made.lift_m.max() < (0.045 if garment == "hoodie" else 0.016)
    np.testing.assert_allclose(np.asarray(made.weights.sum(axis=1)).ravel(), 1.0, atol=1e-12)


def test_a_garment_follows_the_neck():
    """At the collar the cloth keeps its distance to the skin while the head turns."""
    skin = len(template().skin.rest)
    for garment in ("turtleneck", "crew"):
        made = tailor(template().skin, GARMENTS.index(garment), int(clothes_of(garment)["seed"]))
        for yaw in (0.0, 0.5):
            bare = dressed("", yaw)
            clothed = dressed(garment, yaw)
            cloth = clothed.surface.vertices[-len(made.lift_m) :]
            stood_on = made.weights @ bare.surface.vertices[:skin][made.first]
            np.testing.assert_allclose(np.linalg.norm(cloth - stood_on, axis=1), made.lift_m, rtol=0, atol=1e-6)


def test_labels_equal_brute_force_on_clothes():
    surface = dressed("polo").surface
    camera = view(dressed("polo"), 20.0, 36)
    hits = rasterize(surface, camera)
    face, _, _ = brute.first_hits(surface, camera, np.argwhere(np.ones(hits.triangle_id.shape, bool)))
    np.testing.assert_array_equal(hits.triangle_id.ravel(), face)
    assert Part.CLOTHES in set(surface.part[face[face >= 0]].tolist())


def test_no_clothes_is_no_change():
    head = dressed("")
    assert dress(head, template().skin, {}) is head
    assert len(KINDS) == len(GARMENTS)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_cutting_keeps_area_and_orientation(seed):
    """The two sides of a cut make up the whole, and a crease changes nothing but the triangles."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    side = np.arange(5)
    x, y = (a.ravel().astype(float) for a in np.meshgrid(side, side))
    points = np.stack([x, y, np.zeros(25)], axis=1)
    corner = np.array([r * 5 + c for r in range(4) for c in range(4)])
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + 6], 1), np.stack([corner, corner + 6, corner + 5], 1)]
    )
    field = rng.integers(-2, 3, 25).astype(float) if seed % 2 else rng.normal(size=25)

    def areas(patch) -> np.ndarray:
        a, b, c = (patch.at(points)[patch.faces[:, k]] for k in range(3))
        return np.cross(b - a, c - a)[:, 2] / 2

    patch = whole(faces, 25)
    sides = [areas(cut(patch, sign * field)) for sign in (1.0, -1.0)]
    flat = np.abs(field[faces]).max(axis=1) == 0
    assert sum(a.sum() for a in sides) + 0.5 * flat.sum() == pytest.approx(16.0)
    assert min(a.min(initial=0.5) for a in sides) > 0
    assert areas(creased(patch, field)).sum() == pytest.approx(16.0)
    assert edge(faces).shape == (16, 2)


@settings(max_examples=25)
@given(st.integers(0, 5000))
def test_a_style_is_pure_and_prints_as_json(index):
    plan, again = (plan_sample(EVERYTHING, 3, index) for _ in range(2))
    printed = json.loads(json.dumps(plan.to_json(), allow_nan=False))
    assert printed["style"] == json.loads(json.dumps(dataclasses.asdict(again.style)))
    assert Style(**printed["style"]) == plan.style
    assert "headphones" in plan.style.worn
    assert not {"hat", "held", "earrings"} & set(plan.style.worn)


def test_shares_are_kept_and_do_not_disturb_each_other():
    recipe = Recipe(glasses=0.3, hats=0.2, headphones=0.0, held=0.1)
    plans = [plan_sample(recipe, 0, i) for i in range(300)]
    count = {name: sum(name in p.style.worn for p in plans) for name in ("glasses", "hat", "held", "headphones")}
    assert 60 < count["glasses"] < 120
    assert 35 < count["hat"] < 85
    assert 12 < count["held"] < 50
    assert count["headphones"] == 0
    without = [plan_sample(dataclasses.replace(recipe, hats=0.0), 0, i) for i in range(40)]
    for plan, other in zip(plans[:40], without, strict=True):
        assert plan.style.worn.get("glasses") == other.style.worn.get("glasses")
        assert plan.style.clothes == other.style.clothes


def test_a_person_changes_clothes_and_keeps_the_face():
    recipe = Recipe(people=1, hair_varies=True)
    plans = [plan_sample(recipe, 0, i) for i in range(12)]
    assert len({json.dumps(dataclasses.asdict(p.identity), sort_keys=True) for p in plans}) == 1
    assert len({p.style.clothes["kind"] for p in plans}) > 2
    assert len({p.style.look["hair_style"] for p in plans}) > 2
    assert plan_sample(Recipe(people=1), 0, 0).style.look == {}


def test_plain_presets_wear_nothing():
    for name in ("usc2019", "cmdp"):
        assert not any(plan_sample(PRESETS[name], 0, i).style.worn for i in range(0, 70, 7))
    assert not plan_sample(PRESETS["usc2019"], 0, 0).style.clothes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"glasses": 1.5}, "--glasses: expected a share within 0 to 1, got 1.5"),
        ({"held": -0.1}, "--held: expected a share within 0 to 1, got -0.1"),
        ({"clothes": ()}, "--clothes: expected garments out of crew, v-neck"),
        ({"clothes": ("crew", "kilt")}, "wardrobe, none, got kilt"),
    ],
)
def test_impossible_styles_are_refused(changes, said):
    with pytest.raises(RecipeError, match="--") as caught:
        validate(Recipe(**changes))
    assert said in str(caught.value)


def test_the_nearest_camera_stays_clear_of_what_is_worn():
    """At arm's length and nearer nothing is held before the lens, and no run breaks."""
    near = dataclasses.replace(EVERYTHING, headphones=0.0, near_m=(0.18, 0.2), people=1)
    for index in range(4):
        plan = plan_sample(near, 0, index)
        assert plan.style.worn["held"]["kind"] in (0.0, 2.0)
        scene = build_scene(near, plan)
        camera_m = -scene.near.T_camera_head[:3, :3].T @ scene.near.T_camera_head[:3, 3]
        assert np.linalg.norm(scene.head.surface.vertices - camera_m, axis=1).min() > 0.01
    nearest = dataclasses.replace(near, near_m=(0.11, 0.11))
    assert plan_sample(nearest, 0, 0).style.worn["hat"]["style"] == 1.0


def test_a_sample_records_its_style_and_shows_it():
    sample = render_sample(dataclasses.replace(EVERYTHING, headphones=0.0, near_m=(0.5, 0.6)), 0, 0)
    assert set(sample.meta["style"]["worn"]) >= {"glasses", "hat"}
    assert sample.meta["style"]["clothes"]["kind"] in range(6)
    parts = set(np.unique(sample.layers["far_part"]).tolist())
    assert {Part.HAT, Part.CLOTHES} <= parts
