"""ICT-FaceKit as a head model, on a small stand-in and, where DATAGEN_ASSETS names it, on the real data."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ict_model import model, write_folder, write_pack

from meshes.gaze import LOOK_RADIANS
from meshes.geometry import rotate
from meshes.head import Head, Identity, MeshError, Pose
from meshes.ict import JAW_OPEN_RADIANS, Ict
from meshes.ict_files import read_ict
from meshes.parts import Part

NEUTRAL = Identity()


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return model()


@pytest.fixture(scope="module")
def small(arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Ict:
    return Ict(write_pack(tmp_path_factory.mktemp("ict") / "ict.npz", arrays))


@pytest.fixture(scope="module")
def real() -> Ict:
    folder = os.environ.get("DATAGEN_ASSETS")
    if not folder:
        pytest.skip("DATAGEN_ASSETS names no folder with ict_facekit_f16.npz")
    return Ict(Path(folder) / "ict_facekit_f16.npz")


def eye_axis(head: Head, part: Part) -> np.ndarray:
    """Unit vector from the centre of an eye to the middle of its iris."""
    surface = head.surface
    iris = surface.part == part
    iris &= np.array([m.name == "iris" for m in surface.materials])[surface.material]
    middle = surface.vertices[np.unique(surface.faces[iris])].mean(axis=0)
    axis = middle - head.eye_centres[0 if part == Part.EYE_LEFT else 1]
    return axis / np.linalg.norm(axis)


def test_folder_and_pack_give_the_same_bytes(arrays: dict[str, np.ndarray], small: Ict, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "ICT" / "FaceXModel", arrays)
    other = Ict(folder.parent)
    who = Identity({"identity000": 0.7, "identity001": -1.2})
    expression = {"jawOpen": 0.4, "browInnerUp": 0.5}
    one, two = (m.head(who, expression, Pose(yaw=0.2)).surface for m in (small, other))
    for name in ("vertices", "faces", "normals", "uv", "color", "part", "material"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_missing_mode_files_are_missing_modes(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "FaceXModel", arrays)
    (folder / "jawOpen.obj").unlink()
    (folder / "identity000.obj").unlink()
    data = read_ict(folder)
    assert list(data.identity) == [1]
    assert "jawOpen" not in data.expression


def test_expressions_have_arkit_names(small: Ict) -> None:
    assert small.expressions == ("browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "jawOpen")


def test_a_merged_expression_moves_both_sides(small: Ict) -> None:
    rest, raised = (small.head(NEUTRAL, e, Pose()).surface.vertices for e in ({}, {"browInnerUp": 1.0}))
    moved = np.abs(raised - rest).max(axis=1) > 1e-4
    assert (rest[moved, 0] > 0.01).any()
    assert (rest[moved, 0] < -0.01).any()


def test_labels_pass_through_the_cornea_alone(small: Ict) -> None:
    surface = small.head(NEUTRAL, {}, Pose()).surface
    assert np.array_equal(~surface.face_label, surface.part == Part.CORNEA)
    assert (surface.part == Part.CORNEA).any()


def test_lashes_are_single_hairs_that_leave_the_lid_forwards(small: Ict) -> None:
    surface = small.head(NEUTRAL, {}, Pose()).surface
    lash = np.unique(surface.faces[surface.part == Part.LASHES]).reshape(-1, 11)
    root, tip = surface.vertices[lash[:, :2]].mean(axis=1), surface.vertices[lash[:, 10]]
    assert len(lash) == 2 * 162
    assert (tip[:, 2] > root[:, 2]).all()
    assert (surface.cutout == -1).all()


@pytest.mark.parametrize(
    ("pose", "left", "right"),
    [
        (Pose(), (0.0, 0.0), (0.0, 0.0)),
        (Pose(gaze_left=(0.3, 0.0)), (0.3, 0.0), (0.0, 0.0)),
        (Pose(gaze_right=(-0.2, 0.1)), (0.0, 0.0), (-0.2, 0.1)),
    ],
)
def test_gaze_turns_each_eye_about_its_centre(
    small: Ict, pose: Pose, left: tuple[float, float], right: tuple[float, float]
) -> None:
    head = small.head(NEUTRAL, {}, pose)
    for part, (yaw, pitch) in ((Part.EYE_LEFT, left), (Part.EYE_RIGHT, right)):
        expected = [np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
        assert eye_axis(head, part) == pytest.approx(expected, abs=2e-3)


def test_eye_look_weights_turn_the_eyes(real: Ict) -> None:
    inward = real.head(NEUTRAL, {"eyeLookInLeft": 1.0, "eyeLookInRight": 1.0}, Pose())
    assert eye_axis(inward, Part.EYE_LEFT)[0] == pytest.approx(-np.sin(LOOK_RADIANS["In"]), abs=2e-3)
    assert eye_axis(inward, Part.EYE_RIGHT)[0] == pytest.approx(np.sin(LOOK_RADIANS["In"]), abs=2e-3)
    down = real.head(NEUTRAL, {"eyeLookDownLeft": 1.0}, Pose())
    assert eye_axis(down, Part.EYE_LEFT)[1] == pytest.approx(-np.sin(LOOK_RADIANS["Down"]), abs=2e-3)


def test_a_turned_head_turns_rigidly_above_the_neck(small: Ict) -> None:
    straight, turned = (small.head(NEUTRAL, {}, pose) for pose in (Pose(), Pose(yaw=0.5, pitch=-0.2, roll=0.1)))
    iris = np.isin(straight.surface.part, (Part.EYE_LEFT, Part.EYE_RIGHT))
    vertices = np.unique(straight.surface.faces[iris])
    local = straight.surface.vertices[vertices] - straight.eye_midpoint
    expected = rotate(local, turned.skull_rotation) + turned.eye_midpoint
    assert turned.surface.vertices[vertices] == pytest.approx(expected, abs=1e-12)
    assert turned.nose_tip[0] > straight.nose_tip[0] + 0.02  # yaw > 0 turns the face to the person's left.


def test_the_bust_stays_when_the_head_turns(real: Ict) -> None:
    straight, turned = (real.head(NEUTRAL, {}, pose).surface for pose in (Pose(), Pose(yaw=0.7)))
    low = straight.vertices[:, 1] < -0.20
    assert low.sum() > 20
    assert turned.vertices[low] == pytest.approx(straight.vertices[low], abs=1e-9)


def test_jaw_angle_adds_to_jaw_open(small: Ict) -> None:
    by_weight, by_angle = (
        small.head(NEUTRAL, expression, pose).surface.vertices
        for expression, pose in (({"jawOpen": 0.5}, Pose()), ({"jawOpen": 0.25}, Pose(jaw=0.25 * JAW_OPEN_RADIANS)))
    )
    assert by_angle == pytest.approx(by_weight, abs=1e-12)


def test_jaw_open_turns_the_lower_teeth_by_the_stated_angle(real: Ict) -> None:
    rest, opened = (real.head(NEUTRAL, e, Pose()).surface for e in ({}, {"jawOpen": 1.0}))
    lower = np.unique(rest.faces[rest.part == Part.TEETH_LOWER])
    p, q = (s.vertices[lower] - s.vertices[lower].mean(axis=0) for s in (rest, opened))
    u, _, vt = np.linalg.svd(p.T @ q)
    assert np.arccos((np.trace(u @ vt) - 1) / 2) == pytest.approx(JAW_OPEN_RADIANS, abs=0.02)
    upper = np.unique(rest.faces[rest.part == Part.TEETH_UPPER])
    assert opened.vertices[upper] == pytest.approx(rest.vertices[upper], abs=1e-4)


@pytest.mark.parametrize("seed", [6, 7])
def test_closed_lids_meet_on_every_face(real: Ict, seed: int) -> None:
    who = Identity(real.sample_identity(np.random.default_rng(seed)).shape)
    marks = real.head(who, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, Pose()).landmarks
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert marks[upper, 1] - marks[lower, 1] < 0.0006


def test_resting_lips_meet_on_every_face(real: Ict) -> None:
    """Upstream's stand 1 to 2 mm apart on most; lips that overlap are left as they are."""
    for seed in range(4):
        who = Identity(real.sample_identity(np.random.default_rng(seed)).shape)
        rest, jaw_open = (real.head(who, expression, Pose()).landmarks for expression in ({}, {"jawOpen": 0.5}))
        for upper, lower in ((61, 67), (62, 66), (63, 65)):
            assert -2e-3 < rest[upper, 1] - rest[lower, 1] < 0.0
            assert jaw_open[upper, 1] - jaw_open[lower, 1] > 5e-3


def test_lids_stay_off_the_eyeballs(real: Ict) -> None:
    head = real.head(NEUTRAL, {"eyeBlinkLeft": 1.0, "eyeLookDownRight": 1.0}, Pose(gaze_left=(0.3, 0.2)))
    surface = head.surface
    skin = np.unique(surface.faces[np.isin(surface.part, (Part.FACE, Part.NOSE))])
    for part, centre in zip((Part.EYE_LEFT, Part.EYE_RIGHT), head.eye_centres, strict=True):
        globe = surface.vertices[np.unique(surface.faces[surface.part == part])]
        radius = np.linalg.norm(globe - centre, axis=1).max()
        assert np.linalg.norm(surface.vertices[skin] - centre, axis=1).min() > radius


def test_the_real_model_has_all_its_parts(real: Ict) -> None:
    surface = real.head(NEUTRAL, {}, Pose()).surface
    assert len(real.expressions) == 51
    assert "tongueOut" not in real.expressions
    assert len(real.sample_identity(np.random.default_rng(0)).shape) == 100
    assert len(surface.faces) > 50_000
    worn = {Part.CLOTHES, Part.GLASSES, Part.HAT, Part.EARRINGS, Part.HEADPHONES, Part.HELD_OBJECT}
    assert set(Part) - set(surface.part.tolist()) <= {Part.BACKGROUND, Part.BROWS, Part.HAIR, Part.BEARD} | worn
    assert surface.uv.min() >= 0.0
    assert surface.uv.max() <= 1.0


def test_the_real_model_is_as_large_as_a_person(real: Ict) -> None:
    for seed in range(3):
        who = Identity(real.sample_identity(np.random.default_rng(seed)).shape)
        head = real.head(who, {}, Pose())
        assert head.eye_midpoint == pytest.approx([0, 0, 0], abs=1e-12)
        assert 0.052 < np.linalg.norm(head.eye_centres[0] - head.eye_centres[1]) < 0.072


def test_landmarks_mirror_each_other(real: Ict) -> None:
    marks = real.head(NEUTRAL, {}, Pose()).landmarks
    mirror = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    mirror += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1)]
    mirror += [*range(64, 59, -1), 67, 66, 65, 72, 73, 74, 75, 68, 69, 70, 71]
    assert marks[mirror] * [-1, 1, 1] == pytest.approx(marks, abs=2.5e-3)
    assert marks[36, 0] < marks[39, 0] < 0 < marks[42, 0] < marks[45, 0]
    top, back, lobe, tragus = marks[68:72]
    assert top[0] > 0 > lobe[1]
    assert top[1] > tragus[1] > lobe[1]
    assert back[2] < tragus[2]


def test_normals_agree_across_texture_seams(real: Ict) -> None:
    surface = real.head(NEUTRAL, {}, Pose()).surface
    skin = np.unique(surface.faces[np.isin(surface.part, (Part.FACE, Part.SCALP, Part.NECK))])
    order = skin[np.lexsort(surface.vertices[skin].T)]
    twin = (np.diff(surface.vertices[order], axis=0) == 0).all(axis=1)
    assert twin.sum() > 100
    assert np.array_equal(surface.normals[order[:-1][twin]], surface.normals[order[1:][twin]])


def test_equal_arguments_give_equal_bytes(small: Ict, arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    who = small.sample_identity(np.random.default_rng(5))
    again = Ict(write_pack(tmp_path / "again.npz", arrays))
    again.head(NEUTRAL, {"jawOpen": 1.0}, Pose(yaw=0.3))  # What was posed before must not matter.
    one, two = (m.head(who, {"jawOpen": 0.3}, Pose(pitch=0.1)).surface for m in (small, again))
    assert one.vertices.tobytes() == two.vertices.tobytes()
    assert one.color.tobytes() == two.color.tobytes()


def test_unknown_names_are_refused(small: Ict) -> None:
    with pytest.raises(
        MeshError, match=r"identity shape: expected names among the model's 2 modes .* got 'identity099'"
    ):
        small.head(Identity({"identity099": 1.0}), {}, Pose())
    with pytest.raises(MeshError, match=r"got 'jawOpenn'\. Did you mean 'jawOpen'"):
        small.head(NEUTRAL, {"jawOpenn": 1.0}, Pose())
    with pytest.raises(MeshError, match=r"expected a weight in \[0, 1\], got 1.5"):
        small.head(NEUTRAL, {"jawOpen": 1.5}, Pose())


def damage_folder(folder: Path, kind: str) -> None:
    neutral, mode = folder / "generic_neutral_mesh.obj", folder / "identity000.obj"
    text = mode.read_text()
    if kind == "no neutral":
        neutral.unlink()
    elif kind == "no indices":
        (folder / "vertex_indices.json").unlink()
    elif kind == "cut off":
        mode.write_text(text[: len(text) // 2].rpartition("\n")[0] + "\n")
    elif kind == "cut in a line":
        mode.write_text(text[: len(text) // 2].rpartition(" ")[0])
    elif kind == "nan":
        mode.write_text(text.replace("v ", "v nan ", 1))
    elif kind == "binary":
        mode.write_bytes(b"\xff\xfe\x00" * 100)
    elif kind == "other material":
        neutral.write_text(neutral.read_text().replace("M_Teeth", "M_Hat"))
    elif kind == "bad json":
        (folder / "vertex_indices.json").write_text('{"idx_to_landmark_verts": [1, 2')


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no neutral", "expected generic_neutral_mesh.obj in the ICT-FaceKit folder"),
        ("no indices", "expected vertex_indices.json"),
        ("cut off", "expected 26719 vertices, got"),
        ("cut in a line", "expected (26719 vertices, got|three numbers in every v line)"),
        ("nan", "expected finite positions"),
        ("binary", "expected a text OBJ file"),
        ("other material", "under M_\\* materials"),
        ("bad json", "expected JSON with idx_to_landmark_verts"),
    ],
)
def test_damaged_folders_are_named(arrays: dict[str, np.ndarray], tmp_path: Path, kind: str, message: str) -> None:
    few = {**arrays, "identity": arrays["identity"][:1], "expression": arrays["expression"][:0]}
    folder = write_folder(tmp_path / "FaceXModel", {**few, "expression_names": arrays["expression_names"][:0]})
    damage_folder(folder, kind)
    with pytest.raises(MeshError, match=f"{message}.*") as caught:
        read_ict(folder)
    assert "Download ICT-FaceKit again" in str(caught.value)


def test_damaged_packs_are_named(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = write_pack(tmp_path / "ict.npz", arrays)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(MeshError, match="expected a packed ICT-FaceKit npz"):
        read_ict(path)
    objects = {**arrays, "neutral": np.array([{}], object)}
    np.savez(tmp_path / "objects.npz", **objects, allow_pickle=True)
    with pytest.raises(MeshError, match="expected a packed ICT-FaceKit npz"):
        read_ict(tmp_path / "objects.npz")
    with pytest.raises(MeshError, match="expected arrays of shape"):
        read_ict(write_pack(tmp_path / "small.npz", {**arrays, "neutral": arrays["neutral"][:100]}))
    with pytest.raises(MeshError, match="which does not exist"):
        read_ict(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("faces_uv", lambda array: array[:10], "expected as many faces as uv faces and materials, got"),
        ("identity", lambda array: array[:0], "expected modes of identity, got none"),
        ("neutral", lambda array: 0 * array, "expected a head 20 to 80 cm high, got 0 cm"),
        ("neutral", lambda array: 10 * array, "expected a head 20 to 80 cm high, got .* cm"),
    ],
)
def test_packs_that_are_no_head_are_refused(
    arrays: dict[str, np.ndarray], tmp_path: Path, name: str, change: Callable, message: str
) -> None:
    with pytest.raises(MeshError, match=message):
        read_ict(write_pack(tmp_path / "ict.npz", {**arrays, name: change(arrays[name])}))
