"""VALID people on the real avatars, where DATAGEN_ASSETS names a folder that has them."""

import os

import brute
import numpy as np
import pytest

from datagen.heads import open_model
from datagen.plan import plan_sample
from datagen.randomness import generator
from datagen.recipe import Recipe
from datagen.record import person_id
from meshes.head import Head, Identity, MeshError, Pose
from meshes.parts import Part
from meshes.skinning import rotation
from meshes.valid import CLUSTERS, Valid, read_avatar
from meshes.valid.clusters import FAMILIES
from meshes.valid.derive import derive
from meshes.valid.expressions import MORPHS
from meshes.valid.people import HAIR, SKIN
from renderers.camera import Camera, dolly_camera, focal_px_from_mm35, look_at
from renderers.exact import rasterize, visibility
from renderers.labels import view_labels

if not os.environ.get("DATAGEN_ASSETS"):
    pytest.skip("DATAGEN_ASSETS names no folder with valid_heads_42_mit.zip", allow_module_level=True)

FACES = ("White_M_2", "Asian_F_1", "Black_M_1", "Hispanic_F_2", "MENA_M_3", "AIAN_F_1")


@pytest.fixture(scope="module")
def model() -> Valid:
    return Valid()


def as_shipped(name: str) -> Identity:
    return Identity({name: 1.0})


def camera_at(head: Head, distance_m: float, size: int) -> Camera:
    focal_px = focal_px_from_mm35(80.0 * distance_m, size)
    K = np.array([[focal_px, 0, size / 2], [0, focal_px, size / 2], [0, 0, 1.0]])
    return Camera(K, look_at(head.eye_midpoint, distance_m, rotation(0.3, 0.1)), size, size)


@pytest.mark.slow
def test_the_tables_are_what_the_pack_gives() -> None:
    assert derive() == (CLUSTERS, FAMILIES)


def test_all_avatars_have_one_topology_and_all_morphs() -> None:
    one, two = read_avatar("White_F_2"), read_avatar("X_AIAN_M_1")
    assert one.template is two.template
    assert one.points.shape == two.points.shape
    assert set(one.morphs) == set(two.morphs)
    assert len(one.morphs) == 65
    known = set(one.morphs) | set(one.pieces["h_TeethDown"].morphs)
    assert {morph for weights in MORPHS.values() for morph in weights} <= known


def test_seams_are_shut_and_normals_agree_across_them(model: Valid) -> None:
    head = model.head(as_shipped("White_M_2"), {"jawOpen": 0.6, "mouthSmileLeft": 0.5}, Pose(yaw=0.3, pitch=-0.2))
    point = read_avatar("White_M_2").template.point
    order = np.argsort(point, kind="stable")
    twin = np.diff(point[order]) == 0
    assert twin.sum() > 200
    a, b = order[:-1][twin], order[1:][twin]
    assert np.abs(head.surface.vertices[a] - head.surface.vertices[b]).max() < 2e-5
    assert np.array_equal(head.surface.normals[a], head.surface.normals[b])


@pytest.mark.parametrize("name", FACES)
def test_heads_are_as_large_as_people(model: Valid, name: str) -> None:
    head = model.head(as_shipped(name), {}, Pose())
    marks = head.landmarks
    assert head.eye_midpoint == pytest.approx([0, 0, 0], abs=1e-12)
    assert 0.055 < np.linalg.norm(head.eye_centres[0] - head.eye_centres[1]) < 0.070
    assert 0.095 < -marks[8, 1] < 0.130
    assert marks[36, 0] < marks[39, 0] < 0 < marks[42, 0] < marks[45, 0]
    assert marks[30, 2] == marks[:68, 2].max()
    for top, back, lobe, tragus in (marks[68:72], marks[72:76]):
        assert top[1] > tragus[1] > lobe[1]
        assert back[2] < tragus[2]


@pytest.mark.parametrize("name", FACES)
def test_blinks_shut_and_lips_meet_at_rest(model: Valid, name: str) -> None:
    who = as_shipped(name)
    shut = model.head(who, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, Pose()).landmarks
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert shut[upper, 1] - shut[lower, 1] < 0.0008
    rest, opened = (model.head(who, e, Pose()).landmarks for e in ({}, {"jawOpen": 0.6}))
    assert -3e-3 < rest[62, 1] - rest[66, 1] < 0.5e-3
    assert opened[62, 1] - opened[66, 1] > 8e-3


@pytest.mark.parametrize("name", FACES)
def test_shut_eyes_show_no_eye(model: Valid, name: str) -> None:
    who = as_shipped(name)
    counts = []
    for weight in (0.0, 1.0):
        head = model.head(who, {"eyeBlinkLeft": weight, "eyeBlinkRight": weight}, Pose())
        part = view_labels(head.surface, camera_at(head, 1.6, 256)).part
        counts.append(np.isin(part, (Part.EYE_LEFT, Part.EYE_RIGHT)).sum())
    assert counts[0] > 30
    assert counts[1] <= 0.05 * counts[0]


def test_the_skull_turns_rigidly_and_the_bust_stays(model: Valid) -> None:
    who, pose = as_shipped("Black_M_1"), Pose(yaw=0.4, pitch=0.2, roll=-0.1)
    rest, turned = model.head(who, {}, Pose()), model.head(who, {}, pose)
    marks, moved = rest.landmarks[17:48], turned.landmarks[17:48]
    R = turned.skull_rotation
    assert moved - moved[0] == pytest.approx((marks - marks[0]) @ R.T, abs=1e-9)
    low = rest.surface.vertices[:, 1] < -0.28
    assert turned.surface.vertices[low] == pytest.approx(rest.surface.vertices[low], abs=1e-12)


def test_gaze_turns_the_eyes_about_their_centres(model: Valid) -> None:
    who = as_shipped("Asian_F_1")
    head = model.head(who, {"eyeLookDownLeft": 0.5}, Pose(gaze_left=(0.3, 0.0)))
    surface = head.surface
    eye = np.unique(surface.faces[np.isin(surface.part, (Part.EYE_LEFT,))])
    iris = np.array([m.name == "iris" for m in surface.materials])[surface.material] & (surface.part == Part.EYE_LEFT)
    axis = surface.vertices[np.unique(surface.faces[iris])].mean(axis=0) - head.eye_centres[0]
    expected = rotation(0.3, 0.5 * np.radians(30.0))[:, 2]
    assert axis / np.linalg.norm(axis) == pytest.approx(expected, abs=0.01)
    assert np.linalg.norm(surface.vertices[eye] - head.eye_centres[0], axis=1).max() < 0.0185


def test_all_parts_are_there_and_shells_are_clear(model: Valid) -> None:
    surface = model.head(as_shipped("Asian_M_2"), {}, Pose()).surface
    named = {Part.FACE, Part.SCALP, Part.NECK, Part.TORSO, Part.CLOTHES, Part.EAR_LEFT, Part.EAR_RIGHT, Part.LIPS}
    named |= {Part.NOSE, Part.MOUTH_INTERIOR, Part.TEETH_UPPER, Part.TEETH_LOWER, Part.TONGUE, Part.EYE_SOCKET}
    named |= {Part.EYE_LEFT, Part.EYE_RIGHT, Part.CORNEA}
    assert set(surface.part.tolist()) == {int(part) for part in named}
    assert not surface.face_label[surface.part == Part.CORNEA].any()
    assert surface.face_label[surface.part != Part.CORNEA].all()
    assert Part.HAIR in model.head(as_shipped("AIAN_F_1"), {}, Pose()).surface.part
    assert surface.uv.min() >= 0.0
    assert surface.uv.max() <= 1.0


def test_labels_are_exact_on_a_wig_and_an_open_mouth(model: Valid) -> None:
    head = model.head(as_shipped("AIAN_F_1"), {"jawOpen": 0.5, "tongueOut": 0.5}, Pose(yaw=0.3, pitch=0.1))
    near = camera_at(head, 0.25, 96)
    far = dolly_camera(near, head.eye_midpoint, 1.6)
    hits = rasterize(head.surface, near)
    pixels = np.argwhere(np.ones((96, 96), bool))[::7]
    face, _, _ = brute.first_hits(head.surface, near, pixels)
    assert np.array_equal(hits.triangle_id[tuple(pixels.T)], face)
    seen = view_labels(head.surface, near)
    chosen = slice(None, None, 9)
    code = visibility(head.surface, far, seen.points_head, seen.face)[chosen]
    truth = brute.point_codes(head.surface, far, seen.points_head[chosen], seen.face[chosen])
    assert np.array_equal(code, truth)


def test_another_skin_changes_the_face_and_leaves_hair_and_clothes(model: Valid) -> None:
    own = model.head(as_shipped("White_F_2"), {}, Pose()).surface
    other = model.head(Identity({"White_F_2": 1.0}, {f"{SKIN}Hispanic_F_2": 1.0}), {}, Pose()).surface
    assert np.array_equal(own.vertices, other.vertices)
    (own_skin, own_clothes), (skin, clothes) = ([m.texture for m in s.materials[:2]] for s in (own, other))
    donor = read_avatar("Hispanic_F_2").skin
    face, crown = (slice(480, 560), slice(560, 780)), (slice(0, 60), slice(600, 740))
    assert np.abs(skin[face].astype(int) - donor[face]).max() <= 1
    hair_change = np.abs(skin[crown].astype(float) - own_skin[crown]).mean()
    assert hair_change < 0.5 * np.abs(donor[crown].astype(float) - own_skin[crown]).mean()
    shirt = (slice(700, 800), slice(880, 930))
    assert np.abs(clothes[shirt].astype(int) - own_clothes[shirt]).max() <= 3


def test_hair_ears_and_clothes_are_the_owners_and_the_face_is_not(model: Valid) -> None:
    face, owner = (model.head(as_shipped(name), {}, Pose()) for name in ("White_M_2", "NHPI_M_1"))
    both = model.head(Identity({"White_M_2": 1.0}, {f"{HAIR}NHPI_M_1": 1.0}), {}, Pose())
    for k in (27, 30, 36, 45, 48, 54, 57, 62):
        assert both.landmarks[k] == pytest.approx(face.landmarks[k], abs=3e-4)
    body = np.unique(owner.surface.faces[np.isin(owner.surface.part, (Part.CLOTHES, Part.EAR_LEFT))])
    assert both.surface.vertices[body] == pytest.approx(owner.surface.vertices[body], abs=1e-3)
    assert np.array_equal(both.eye_centres, face.eye_centres)


def test_equal_arguments_give_equal_bytes(model: Valid) -> None:
    who = model.sample_identity(generator(0, 5, "person"))
    again = Valid()
    again.head(model.sample_identity(generator(0, 6, "person")), {"jawOpen": 1.0}, Pose(yaw=0.3))
    one, two = (m.head(who, {"jawOpen": 0.3}, Pose(pitch=0.1)).surface for m in (model, again))
    assert one.vertices.tobytes() == two.vertices.tobytes()
    for a, b in zip(one.materials, two.materials, strict=True):
        assert (a.texture is None) == (b.texture is None)
        assert a.texture is None or a.texture.tobytes() == b.texture.tobytes()


def test_bad_parents_are_refused(model: Valid) -> None:
    who = as_shipped("White_F_2")
    with pytest.raises(MeshError, match=r"expected names of the 42 VALID avatars, got 'White_F_9'"):
        model.head(Identity({"White_F_9": 1.0}), {}, Pose())
    with pytest.raises(MeshError, match=r"expected weights that sum to 1, got .*'White_F_2': 0.5"):
        model.head(Identity({"White_F_2": 0.5}), {}, Pose())
    with pytest.raises(MeshError, match=r"expected positive shares of skins"):
        model.head(Identity({"White_F_2": 1.0}, {f"{SKIN}White_F_2": 0.0}), {}, Pose())
    with pytest.raises(MeshError, match=r"expected one of 44 ARKit names, got 'cheekSquintLeft'"):
        model.head(who, {"cheekSquintLeft": 1.0}, Pose())


def test_records_name_avatars_and_pools() -> None:
    shipped, made = open_model("valid:avatars"), open_model("valid")
    plan = plan_sample(Recipe(heads=("valid:avatars",)), seed=0, index=3)
    name = next(iter(plan.identity.shape))
    assert person_id(plan, shipped.assets) == f"valid-{name}"
    assert person_id(plan_sample(Recipe(heads=("valid",)), seed=0, index=3), made.assets) == "valid-0-000003"
    assert shipped.assets[0].licence == "MIT"
    assert "Tiffany Do" in shipped.assets[0].credit
