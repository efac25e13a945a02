"""Licensed head models, on small files of their formats: geometry, units, people, pairs, messages."""

import builtins
import importlib
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from licensed_models import (
    Person,
    basel,
    basel_2009,
    facescape_obj,
    flame_arrays,
    flame_pickle,
    gnm_arrays,
    person,
    write_facescape,
    write_h5,
    write_mat,
    write_wrl,
)
from scipy.spatial.transform import Rotation

from datagen.cli import main
from datagen.heads import open_model
from datagen.plan import plan_sample
from datagen.reader import PairDataset
from datagen.recipe import Recipe, RecipeError
from meshes.errors import UserError
from meshes.geometry import fit_sphere
from meshes.head import Head, HeadModel, Identity, MeshError, OwnExpressions, Pose
from meshes.loaders import LICENSED, read_model
from meshes.loaders.facescape import laid_on, read_facescape
from meshes.loaders.linear_head import LinearHead
from meshes.loaders.rig import Rig, skin
from meshes.loaders.unpickle import read_pickle
from meshes.parts import Part
from meshes.scan import Scan

KINDS = ("flame", "flame_npz", "gnm", "bfm", "bfm_2009", "facescape")


@pytest.fixture(scope="module")
def who() -> Person:
    return person()


@pytest.fixture(scope="module")
def files(who: Person, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("licensed")
    arrays = flame_arrays(who)
    (folder / "generic.pkl").write_bytes(flame_pickle(arrays))
    np.savez(folder / "generic.npz", **arrays)
    np.savez(folder / "gnm_head.npz", **gnm_arrays(who))
    return {
        "flame": folder / "generic.pkl",
        "flame_npz": folder / "generic.npz",
        "gnm": folder / "gnm_head.npz",
        "bfm": write_h5(folder / "bfm.h5", basel(who)),
        "bfm_2009": write_mat(folder / "bfm.mat", basel_2009(basel(who))),
        "facescape": write_facescape(folder / "facescape", who),
    }


@pytest.fixture(scope="module")
def models(files: dict[str, Path]) -> dict[str, LinearHead]:
    return {kind: LinearHead(read_model(kind.partition("_")[0], path)) for kind, path in files.items()}


def own_points(model: LinearHead, head: Head) -> np.ndarray:
    """The model's own vertices, without the eyeballs that stand in for its own."""
    return head.surface.vertices[: len(model._corner_point)]


def reference(who: Person, arrays: dict, shape: np.ndarray, mood: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """FLAME by its published formula, with 4 x 4 matrices and numpy's own products; `turns` (5, 3, 3)."""
    rest = who.points + np.tensordot(shape, who.identity, 1)
    shaped = rest + np.tensordot(mood, who.expression, 1)
    joints = arrays["J_regressor"] @ shaped
    posed = shaped + arrays["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
    chain: list[np.ndarray] = []
    for j, parent in enumerate([-1, 0, 1, 1, 1]):
        local = np.eye(4)
        local[:3, :3] = turns[j]
        local[:3, 3] = joints[j] - (joints[parent] if parent >= 0 else 0.0)
        chain.append(chain[parent] @ local if parent >= 0 else local)
    for matrix, joint in zip(chain, joints, strict=True):
        matrix[:3, 3] -= matrix[:3, :3] @ joint
    blend = np.tensordot(arrays["weights"], np.array(chain), 1)
    moved = np.einsum("pij,pj->pi", blend[:, :3, :3], posed) + blend[:, :3, 3]
    return moved - np.mean([fit_sphere(rest[ball])[0] for ball in who.balls], axis=0)


@pytest.mark.parametrize("kind", ["flame", "flame_npz"])
def test_flame_is_its_published_formula(who: Person, models: dict[str, LinearHead], kind: str) -> None:
    rng = np.random.default_rng(1)
    shape, mood = 0.3 * rng.standard_normal(300), 0.5 * rng.standard_normal(6)
    pose = Pose(yaw=0.3, pitch=-0.1, roll=0.05, jaw=0.1, gaze_left=(0.2, 0.1), gaze_right=(-0.1, 0.05))
    angles = [(0, 0, 0), (0.3, -0.1, 0.05), (0.12 * 0.5, 0.44 * 0.2 + 0.1, 0), (0.2, 0.1, 0), (-0.1, 0.05, 0)]
    turns = np.array([Rotation.from_euler("YXZ", angle).as_matrix() for angle in angles])
    model = models[kind]
    identity = Identity({f"shape{k:03d}": float(c) for k, c in enumerate(shape)})
    weights = {f"expression{k:03d}": float(c) for k, c in enumerate(mood)}
    head = model.head(identity, {**weights, "jawOpen": 0.2, "jawLeft": 0.5}, pose)
    wanted = reference(who, flame_arrays(who), shape, mood, turns)
    assert own_points(model, head) == pytest.approx(wanted, abs=1e-9)


def test_gnm_is_skinned_about_head_and_eyes(who: Person, models: dict[str, LinearHead]) -> None:
    model = models["gnm"]
    head = model.head(Identity(), {}, Pose(yaw=0.4))
    rest = own_points(model, model.head(Identity(), {}, Pose()))
    carried = who.weights[model._corner_point, :1]
    top, bottom = carried[:, 0] == 0.0, carried[:, 0] == 1.0
    assert bottom.any()
    assert own_points(model, head)[bottom] == pytest.approx(rest[bottom], abs=1e-7)
    moved = own_points(model, head)[top]
    pivot = model._person((), tuple(sorted(_average().items()))).joints[1]
    wanted = (rest[top] - pivot) @ Rotation.from_euler("Y", 0.4).as_matrix().T + pivot
    assert moved == pytest.approx(wanted, abs=1e-6)


def _average() -> dict[str, float]:
    from meshes.loaders.linear_head import _average_look

    return _average_look()


def test_gnm_keeps_its_seams_and_parts(who: Person, models: dict[str, LinearHead]) -> None:
    surface = models["gnm"].head(Identity(), {}, Pose()).surface
    assert len(models["gnm"]._corner_point) > len(who.points)
    assert {Part.SCALP, Part.FACE, Part.EYE_LEFT, Part.EYE_RIGHT, Part.CORNEA} <= set(surface.part)
    own = surface.uv[: len(models["gnm"]._corner_point)]
    assert own.max() > 0.75


@pytest.mark.parametrize("kind", ["bfm", "bfm_2009"])
def test_basel_faces_are_mean_plus_modes_in_metres(who: Person, models: dict[str, LinearHead], kind: str) -> None:
    model, keep = models[kind], who.face_only
    rest = own_points(model, model.head(Identity(), {}, Pose()))
    wanted = who.points[keep]
    assert rest - rest.mean(axis=0) == pytest.approx(wanted - wanted.mean(axis=0), abs=1e-6)
    moved = own_points(model, model.head(Identity({"shape003": 1.5}), {}, Pose()))
    step = moved - rest - (1.5 * who.identity[3][keep])
    assert step == pytest.approx(np.broadcast_to(step[0], step.shape), abs=1e-6), "but for the shift of the eyes"


def test_basel_expressions_add_on(who: Person, models: dict[str, LinearHead]) -> None:
    model = models["bfm"]
    rest, moved = (own_points(model, model.head(Identity(), w, Pose())) for w in ({}, {"expression001": -0.8}))
    assert moved - rest == pytest.approx(-0.8 * who.expression[1][who.face_only], abs=1e-6)
    assert models["bfm_2009"].expressions == ()


@pytest.mark.parametrize("kind", ["bfm", "bfm_2009"])
def test_basel_colours_are_linear_light(models: dict[str, LinearHead], kind: str) -> None:
    surface = models[kind].head(Identity(look={"color000": 0.0}), {}, Pose()).surface
    srgb = np.array([0.75, 0.58, 0.50])
    assert surface.color.mean(axis=0) == pytest.approx(((srgb + 0.055) / 1.055) ** 2.4, rel=2e-3)
    lighter = models[kind].head(Identity(look={"color000": 2.0}), {}, Pose()).surface
    assert (lighter.color.mean(axis=0) > surface.color.mean(axis=0)).all()


def test_both_basel_files_give_one_person(models: dict[str, LinearHead]) -> None:
    heads = [models[kind].head(Identity({"shape001": 0.7}), {}, Pose(yaw=0.2)) for kind in ("bfm", "bfm_2009")]
    points = [head.surface.vertices - head.surface.vertices.mean(axis=0) for head in heads]
    assert points[0] == pytest.approx(points[1], abs=2e-6), "where the eyes are found differs by micrometres"
    assert np.array_equal(heads[0].surface.faces, heads[1].surface.faces), "clockwise faces are turned"


def test_facescape_expressions_are_weights(who: Person, models: dict[str, LinearHead]) -> None:
    model = models["facescape"]
    assert model.expressions == ("eye_closed", "smile")
    rest = model.head(Identity(), {}, Pose()).surface.vertices
    for name, k in (("eye_closed", 1), ("smile", 0)):
        moved = model.head(Identity(), {name: 0.5}, Pose()).surface.vertices
        wanted = 0.2 * who.expression[k] / np.abs(who.expression[k]).max() * 0.01
        assert (moved - rest)[np.argsort(model._corner_point, kind="stable")] == pytest.approx(
            wanted[np.sort(model._corner_point)], abs=2e-4
        ), "turned, shifted and scaled files are laid on the neutral one"


@settings(max_examples=25)
@given(
    st.floats(-0.2, 0.2),
    st.tuples(*[st.floats(-0.05, 0.05)] * 3),
    st.floats(0.9, 1.1),
)
def test_what_did_not_move_is_found(angle: float, shift: tuple[float, float, float], scale: float) -> None:
    rng = np.random.default_rng(4)
    fixed = rng.uniform(-0.1, 0.1, (400, 3))
    changed = fixed.copy()
    changed[:80] += 0.01
    R = Rotation.from_euler("YX", [angle, angle / 2]).as_matrix()
    assert laid_on(fixed, scale * changed @ R.T + shift)[80:] == pytest.approx(fixed[80:], abs=3e-4)


def test_the_scale_file_gives_the_unit(files: dict[str, Path], who: Person, models: dict[str, LinearHead]) -> None:
    points = read_facescape(files["facescape"]).points
    assert np.ptp(points, axis=0) == pytest.approx(np.ptp(who.points, axis=0), rel=1e-5)


def test_facescape_is_textured_and_others_are_not(models: dict[str, LinearHead]) -> None:
    for kind, model in models.items():
        texture = model.head(Identity(), {}, Pose()).surface.materials[0].texture
        assert (texture is not None) == (kind == "facescape"), kind


def test_vrml_is_one_more_format_of_scans(who: Person, tmp_path: Path) -> None:
    scan = Scan.open(write_wrl(tmp_path / "F0001.wrl", who))
    assert scan.metres_per_unit == 0.001
    surface = scan.rest.surface
    assert len(surface.vertices) == len(np.unique(who.faces[who.face_only[who.faces].all(axis=1)]))
    assert surface.materials[0].texture is not None
    assert surface.uv.min() >= 0
    flat = np.ptp(surface.vertices, axis=0)
    assert flat == pytest.approx(np.ptp(who.points[who.face_only], axis=0), rel=0.05)


@pytest.mark.parametrize(
    ("text", "corners", "triangles"),
    [
        (
            "coord Coordinate { point [ 0 0 0, 1 0 0, 1 1 0, 0 1 0 ] } coordIndex [ 0 1 2 3 -1 ]",
            4,
            [[0, 1, 2], [0, 2, 3]],
        ),
        ("coordIndex [0,1,2,-1,] coord Coordinate{point[0 0 0 1 0 0 1 1 0]}", 3, [[0, 1, 2]]),
        (
            "ccw FALSE coordIndex [0 1 2] coord DEF A Coordinate { point [0 0 0 # a } in a comment\n 1 0 0 1 1 0] }",
            3,
            [[2, 1, 0]],
        ),
    ],
)
def test_vrml_face_sets(tmp_path: Path, text: str, corners: int, triangles: list) -> None:
    from meshes.loaders.wrl import read_wrl

    path = tmp_path / "a.wrl"
    path.write_text(f"#VRML V2.0 utf8\nShape {{ geometry DEF F IndexedFaceSet {{ {text} }} }}")
    (shape,) = read_wrl(path)
    assert len(shape.vertices) == corners
    assert shape.faces.tolist() == triangles


@pytest.mark.parametrize("kind", KINDS)
def test_heads_keep_their_promises(models: dict[str, LinearHead], kind: str) -> None:
    model = models[kind]
    assert isinstance(model, OwnExpressions)
    rng = np.random.default_rng(8)
    who, mood = model.sample_identity(rng), model.sample_expression(rng, 0.7)
    head = model.head(who, mood, Pose(yaw=0.3, pitch=0.1))
    surface = head.surface
    neutral = model.head(who, {}, Pose())
    assert neutral.eye_midpoint == pytest.approx([0, 0, 0], abs=1e-9)
    assert 0.045 < np.linalg.norm(head.eye_centres[0] - head.eye_centres[1]) < 0.080
    assert neutral.eye_centres[0, 0] > neutral.eye_centres[1, 0]
    assert neutral.nose_tip[2] > 0.02
    assert np.isfinite(surface.vertices).all()
    assert np.linalg.norm(surface.normals, axis=1) == pytest.approx(1.0, abs=1e-5)
    for name, dtype in (("vertices", "f8"), ("faces", "i4"), ("normals", "f4"), ("uv", "f4"), ("color", "f4")):
        assert getattr(surface, name).dtype == dtype, name
    lengths = {len(surface.vertices), len(surface.normals), len(surface.uv), len(surface.color)}
    assert len(lengths) == 1
    assert len({len(surface.faces), len(surface.part), len(surface.material), len(surface.cutout)}) == 1
    assert surface.material.max() < len(surface.materials)
    assert head.skull_rotation == pytest.approx(Rotation.from_euler("YX", [0.3, 0.1]).as_matrix())
    assert model.assets[0].licence == "LicenseRef-user"
    assert len(model.assets[0].sha256) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_faces_look_outwards(models: dict[str, LinearHead], kind: str) -> None:
    surface = models[kind].head(Identity(), {}, Pose()).surface
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    area, middle = np.cross(b - a, c - a), (a + b + c) / 3
    front = (middle[:, 2] > 0.01) & (np.abs(middle[:, 0]) < 0.02) & (surface.part == Part.FACE)
    assert (area[front, 2] > 0).mean() > 0.8


@pytest.mark.parametrize("kind", ["flame", "gnm"])
def test_eyes_follow_the_gaze(models: dict[str, LinearHead], kind: str) -> None:
    model = models[kind]
    rest, turned = (model.head(Identity(), {}, Pose(gaze_left=gaze)) for gaze in ((0.0, 0.0), (0.3, 0.0)))
    moved = np.abs(turned.surface.vertices - rest.surface.vertices).max(axis=1) > 1e-6
    sides = {int(p) for p in turned.surface.part[moved[turned.surface.faces].all(axis=1)]}
    assert Part.EYE_LEFT in sides
    assert Part.EYE_RIGHT not in sides
    looked = model.head(Identity(), {"eyeLookOutLeft": 0.5}, Pose())
    assert looked.surface.vertices == pytest.approx(
        model.head(Identity(), {}, Pose(gaze_left=(np.radians(15.0), 0.0))).surface.vertices
    )


def test_the_jaw_opens_downwards(models: dict[str, LinearHead], who: Person) -> None:
    chin = int(np.argmax(who.weights[:, 2]))
    shut, wide = (models["flame"].head(Identity(), {"jawOpen": w}, Pose()).surface.vertices[chin] for w in (0.0, 1.0))
    assert wide[1] < shut[1] - 0.005
    same = models["flame"].head(Identity(), {"jawOpen": 0.5}, Pose(jaw=0.22)).surface.vertices[chin]
    assert same == pytest.approx(wide)


def test_blended_points_stay_between_what_carries_them() -> None:
    rig = Rig(
        joints=np.zeros((2, 3)),
        basis=np.zeros((0, 2, 3)),
        parents=(-1, 0),
        weights=np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]),
        correctives=np.zeros((0, 3, 3)),
        skull=1,
        jaw=-1,
        eyes=(0, 0),
    )
    turn = np.array([np.eye(3), Rotation.from_euler("Y", np.pi / 2).as_matrix()])
    points = np.tile([0.0, 0.0, 1.0], (3, 1))
    assert skin(points, rig.joints, turn, rig) == pytest.approx(np.array([[0, 0, 1], [0.5, 0, 0.5], [1, 0, 0]]))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("chumpy", [True, False])
def test_pickles_of_every_protocol_are_read(protocol: int, chumpy: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "v_template": rng.random((7, 3)),
        "shapedirs": np.asfortranarray(rng.random((7, 3, 2))),
        "weights": rng.random((7, 5)).astype(">f4"),
        "J_regressor": rng.random((5, 7)) * (rng.random((5, 7)) < 0.3),
        "f": np.arange(6, dtype=np.uint32).reshape(2, 3),
    }
    tree = read_pickle(flame_pickle(arrays, protocol, chumpy), 1 << 20)
    for name, array in arrays.items():
        assert np.array_equal(tree[name], array), name
    assert tree["bs_style"] == "lbs"


def test_text_of_python_2_is_bytes() -> None:
    """What numpy wrote under Python 2: raw bytes as a text, here of the doubles 1 and 2."""
    state = (
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    text = np.array([1.0, 2.0], "<f8").tobytes()
    data = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R" + state
    assert read_pickle(data + b"\x89U\x10" + text + b"tb.", 100).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_arguments_give_equal_bytes(files: dict[str, Path], models: dict[str, LinearHead], kind: str) -> None:
    again = LinearHead(read_model(kind.partition("_")[0], files[kind]))
    again.head(Identity(), {}, Pose(yaw=-0.4))  # What was posed before must not matter.
    rngs = [np.random.default_rng(3), np.random.default_rng(3)]
    heads = []
    for model, rng in zip((models[kind], again), rngs, strict=True):
        who, mood = model.sample_identity(rng), model.sample_expression(rng, 1.0)
        heads.append(model.head(who, mood, Pose(yaw=0.1, gaze_left=(0.1, 0.1))).surface)
    for name in ("vertices", "normals", "faces", "uv", "color", "part", "material"):
        assert getattr(heads[0], name).tobytes() == getattr(heads[1], name).tobytes(), name


@pytest.mark.parametrize("kind", ["flame", "gnm", "bfm", "facescape"])
def test_pairs_of_every_model(files: dict[str, Path], kind: str, tmp_path: Path) -> None:
    out = tmp_path / "set"
    words = ["--heads", f"{kind}:{files[kind]}", "--pairs", "2", "--size", "64", "--shard-pairs", "2"]
    assert main(["generate", str(out), *words, "--near-m", "0.4", "0.6", "--background", "black"]) == 0
    assert main(["verify", str(out)]) == 0
    samples = list(PairDataset(out))
    assert len(samples) == 2
    for sample in samples:
        assert sample["near_surface"].mean() > 0.05
        assert sample["meta"]["person"]["model"] == kind
        assert sample["meta"]["assets"][0]["licence"] == "LicenseRef-user"
    people = {sample["meta"]["person"]["id"] for sample in samples}
    assert len(people) == (1 if kind == "facescape" else 2), "a person of FaceScape is one person in all pairs"


def test_plans_ask_only_what_a_model_can_do(files: dict[str, Path]) -> None:
    for kind, looks in (("bfm", False), ("facescape", False), ("flame", True)):
        plans = [plan_sample(Recipe(heads=(f"{kind}:{files[kind]}",)), 1, k) for k in range(4)]
        assert any(plan.pose.gaze_left != (0.0, 0.0) for plan in plans) == looks
        model: HeadModel = open_model(f"{kind}:{files[kind]}")
        assert all(set(plan.expression) <= set(model.expressions) for plan in plans)
        assert any(plan.expression for plan in plans)


def test_unknown_names_and_weights_are_refused(models: dict[str, LinearHead]) -> None:
    flame, scape = models["flame"], models["facescape"]
    with pytest.raises(MeshError, match=r"expected names among the 300 modes of generic\.pkl, got 'beta'"):
        flame.head(Identity({"beta": 1.0}), {}, Pose())
    with pytest.raises(MeshError, match="shape001: expected a coefficient of at most 10 deviations, got nan"):
        flame.head(Identity({"shape001": float("nan")}), {}, Pose())
    with pytest.raises(MeshError, match="expression001: expected a coefficient of at most 10 deviations, got 11"):
        flame.head(Identity(), {"expression001": 11.0}, Pose())
    with pytest.raises(MeshError, match=r"'jawOpen': expected a weight in \[0, 1\], got 1.5"):
        flame.head(Identity(), {"jawOpen": 1.5}, Pose())
    with pytest.raises(MeshError, match=r"got 'smiel'\. Did you mean 'smile'"):
        scape.head(Identity(), {"smiel": 0.5}, Pose())


Change = Callable[[dict], object]
REFUSED: dict[str, tuple[Change, str]] = {
    "no template": (lambda a: a.pop("v_template"), "expected an array v_template, found J_regressor"),
    "text": (lambda a: a.update(f=np.array(["a"])), "expected numbers in f, got <U1"),
    "flat": (lambda a: a.update(v_template=a["v_template"].ravel()), r"expected v_template of shape \(any, 3\), got"),
    "nan": (lambda a: a.update(shapedirs=a["shapedirs"] * np.nan), "expected finite numbers in shapedirs, got NaN"),
    "other count": (lambda a: a.update(weights=a["weights"][1:]), r"expected weights of shape \(4537, 5\), got \(4536"),
    "index": (lambda a: a.update(f=a["f"] + 1), "expected f from 0 to 4536, got 1 to 4537"),
    "half index": (lambda a: a.update(f=a["f"] + 0.5), "expected f from 0 to 4536"),
    "joints": (lambda a: a.update(J_regressor=a["J_regressor"][:4]), r"expected J_regressor of shape \(5, 4537\)"),
    "weights": (lambda a: a.update(weights=2 * a["weights"]), "expected skinning weights .* sums of 2 to 2"),
    "parents": (lambda a: a.update(kintree_table=np.tile([3.0], (2, 5))), "expected joints that hang on earlier ones"),
    "centimetres": (lambda a: a.update(v_template=100 * a["v_template"]), "expected eyes 50 to 75 mm apart, .* got 57"),
    "mirrored": (lambda a: a.update(v_template=a["v_template"] * [-1, 1, 1]), "the person's left one towards"),
    "backwards": (
        lambda a: a.update(v_template=a["v_template"] * [1, 1, -1]),
        "expected the tip of a nose 10 to 80 mm before the eyes",
    ),
    "speck": (lambda a: a.update(v_template=_flat(a["v_template"])), "expected a head of 0.08 to 1.0 m each way"),
}


def _flat(points: np.ndarray) -> np.ndarray:
    return points * [1.0, 1.0, 0.01]


@pytest.mark.parametrize("name", REFUSED)
def test_arrays_that_are_no_flame(who: Person, tmp_path: Path, name: str) -> None:
    change, message = REFUSED[name]
    arrays = flame_arrays(who)
    arrays["shapedirs"] = arrays["shapedirs"][:, :, :4]
    change(arrays)
    np.savez(tmp_path / "flame.npz", **arrays)
    with pytest.raises(MeshError, match=message) as caught:
        open_model(f"flame:{tmp_path / 'flame.npz'}")
    assert str(caught.value).endswith((".", "?"))


@pytest.mark.parametrize("kind", LICENSED)
def test_files_that_are_not_there(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for path in (tmp_path / "nowhere.npz", tmp_path / "nowhere.obj", tmp_path / "x.mat", tmp_path / "x.h5", tmp_path):
        with pytest.raises(MeshError, match=r"expected .*docs/models\.md"):
            read_model(kind, path)
    assert main(["generate", str(tmp_path / "o"), "--heads", f"{kind}:{tmp_path / 'no'}", "--pairs", "1"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error


def test_the_command_names_the_kinds() -> None:
    with pytest.raises(RecipeError, match=r"flame, bfm, gnm, facescape with :PATH, got 'flam:x'. Did you mean flame"):
        open_model("flam:x")


def test_a_basel_file_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "h5py":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MeshError, match=r"expected h5py .* Install it \(pip install 'perspective-portraits\[bfm\]'\)"):
        read_model("bfm", tmp_path / "a.h5")


def test_a_basel_file_of_no_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshes.scan._guesses", lambda options: [np.eye(3)])  # All 24 ways round take 13 s.
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "noise.h5", "w") as file:
        file["shape/model/mean"] = rng.random(900)
        file["shape/representer/cells"] = rng.integers(0, 300, (3, 400))
    with pytest.raises(MeshError, match=r"noise\.h5: expected a face"):
        read_model("bfm", tmp_path / "noise.h5")


def test_facescape_files_that_do_not_fit(who: Person, tmp_path: Path) -> None:
    folder = write_facescape(tmp_path, who) / "models_reg"
    other = folder / "2_smile.obj"
    other.write_text(facescape_obj(who.points[1:], who.faces[:1], who.points[:1, :2], "x"))
    with pytest.raises(MeshError, match=r"2_smile\.obj: expected 4537 points as in 1_neutral\.obj, got 4536"):
        read_facescape(folder)
    other.unlink()
    for text in (json.dumps({"122": {"1": "big"}}), "[" * 100_000, "{}x", '{"122": 5}'):
        (tmp_path / "Rt_scale_dict.json").write_text(text)
        with pytest.raises(MeshError, match=r'Rt_scale_dict\.json: expected JSON like {"122": {"1": \[108\.5\]}}'):
            read_facescape(folder)
    (folder / "1_neutral.obj").unlink()
    with pytest.raises(MeshError, match=r"expected an \.obj file named neutral, found none"):
        read_facescape(folder)


def test_readers_load_without_their_extras() -> None:
    for kind in LICENSED:
        module = importlib.import_module(f"meshes.loaders.{kind}")
        assert "h5py" not in vars(module)


@pytest.mark.parametrize("points", [np.zeros((5, 3)), np.random.default_rng(0).normal(size=(9, 3)) * [1.0, 1.0, 0.0]])
def test_eyeballs_that_are_no_balls_are_refused(points):
    with pytest.raises(UserError, match=r"expected points around a sphere, got . that lie in a plane; repair"):
        fit_sphere(points)
