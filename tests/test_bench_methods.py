"""Methods: what they see, how pictures are moved, answers made elsewhere, classes of a user's own."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

import bench_cases  # noqa: E402
import bench_methods  # noqa: E402

from benchmark.methods import head_warp, mesh_depth, plain, trained, truth_told, two_view  # noqa: E402
from benchmark.methods.custom import digest_of, open_class  # noqa: E402
from benchmark.methods.folder import FLO_MAGIC, Folder, read_flow  # noqa: E402
from benchmark.methods.method import SIGHTS, MethodError, missing, shown  # noqa: E402
from benchmark.methods.moving import continued, moved, radial, without_cracks  # noqa: E402
from benchmark.methods.opening import described, open_method, shipped  # noqa: E402
from benchmark.methods.registry import METHODS  # noqa: E402
from datagen.faces import face_mesh, face_mesh_3d, find_face, why_not_measured  # noqa: E402
from renderers.camera import Camera, dolly_camera, intrinsics, look_at, project, unproject  # noqa: E402
from training.mean_head import shape_model  # noqa: E402
from training.networks import FlowNet  # noqa: E402
from training.stages import CascadeStage, CompletionStage, DistanceStage, FlowStage  # noqa: E402

CASE = bench_cases.case(0)
QUESTION = CASE.question
EVERYTHING = frozenset(SIGHTS)


@pytest.mark.parametrize("sight", SIGHTS)
def test_nothing_undeclared_is_shown(sight):
    fields = {
        "distance": ["distance_m"],
        "camera": ["K"],
        "landmarks": ["landmarks_px", "landmarks_seen"],
        "far": ["far_rgb", "far_alpha"],
        "flow": ["flow", "surface"],
        "near": [],
    }
    seen = shown(QUESTION, frozenset({"near", sight}))
    for name, hidden in fields.items():
        assert all((getattr(seen, field) is None) == (name != sight) for field in hidden)
    assert np.array_equal(seen.near_rgb, QUESTION.near_rgb)


def test_what_a_method_writes_into_its_question_stays_its_own():
    seen = shown(QUESTION, EVERYTHING)
    seen.near_rgb[:] = 0
    seen.flow[:] = 9
    assert QUESTION.near_rgb.any()
    assert QUESTION.flow.max() == 2


def test_what_nobody_knows_is_named():
    unknown = replace(QUESTION, distance_m=None, flow=None, surface=None)
    assert missing(unknown, frozenset({"near", "distance", "far"})) == ["distance"]
    assert missing(unknown, EVERYTHING) == ["distance", "flow"]
    assert missing(QUESTION, EVERYTHING) == []


def test_a_flow_of_zero_gives_the_portrait_to_the_bit():
    speckled = QUESTION.near_rgb.copy()
    alpha = QUESTION.near_alpha.copy()
    alpha[10:20:3, 10:20:2] = 0  # Gaps narrower than a crack that are no cracks.
    asked = replace(QUESTION, near_rgb=speckled * (alpha > 0)[..., None], near_alpha=alpha)
    assert np.array_equal(moved(asked, np.zeros_like(QUESTION.flow)), asked.near_rgb)


def test_a_whole_pixel_moves_every_pixel_of_the_disc():
    assert np.array_equal(moved(QUESTION, np.full_like(QUESTION.flow, (2, 0))), CASE.truth.far_rgb)


def test_of_two_points_that_meet_the_nearer_is_seen():
    """A red bar shrinks onto a green one that grows: it is nearer, so it is what the far camera sees."""
    rgb, flow = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32, 2), np.float32)
    rgb[14:18, 26], rgb[14:18, 20] = (200, 0, 0), (0, 200, 0)
    flow[14:18, 26], flow[14:18, 20] = (-3, 0), (3, 0)
    asked = replace(QUESTION, near_rgb=rgb, near_alpha=(255 * rgb.any(axis=-1)).astype(np.uint8))
    red, green, _ = moved(asked, flow)[16, 23]
    assert red > 190
    assert green < 10


def test_cracks_close_and_gaps_stay():
    there = np.ones((200, 200), bool)
    there[:, 50:52] = there[:, 100:110] = False
    rgb = np.where(there[..., None], 200, 0).astype(np.uint8) * np.ones(3, np.uint8)
    closed = without_cracks(rgb, there, np.ones_like(there))
    assert (closed[20:-20, 50:52] == 200).all()
    assert (closed[20:-20, 103:107] == 0).all()
    assert np.array_equal(without_cracks(rgb, there, np.zeros_like(there)), rgb)


def test_the_radial_flow_is_that_of_two_cameras():
    near = Camera(intrinsics(100.0, (16.0, 16.0)), look_at(np.zeros(3), 0.3, np.eye(3)), 32, 32)
    far = dolly_camera(near, np.zeros(3), 1.6)
    z_m = np.linspace(-0.08, 0.06, 32 * 32).reshape(32, 32)
    rows, columns = np.indices((32, 32)) + 0.5
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1)
    points = unproject(near, pixels, 0.3 - z_m.ravel())
    expected = (project(far, points)[0] - pixels).reshape(32, 32, 2)
    np.testing.assert_allclose(radial(QUESTION, z_m, 0.3), expected, atol=1e-4)
    at_infinity = radial(replace(QUESTION, far_m=np.inf), z_m, 0.3)
    np.testing.assert_allclose(at_infinity, radial(replace(QUESTION, far_m=1e9), z_m, 0.3), atol=1e-4)


def test_values_go_on_as_those_of_the_nearest_known_pixel():
    values, known = np.arange(4.0)[None].repeat(2, axis=0), np.array([[False, True, False, False]] * 2)
    assert continued(values, known).tolist() == [[1, 1, 1, 1]] * 2
    assert continued(values, np.zeros_like(known)).tolist() == [[0] * 4] * 2


def test_oracles_and_nothing():
    nothing, oracle, perfect = (
        plain.Nothing()(QUESTION),
        truth_told.OracleFlow()(QUESTION),
        truth_told.Perfect()(QUESTION),
    )
    assert np.array_equal(nothing.rgb, QUESTION.near_rgb)
    assert not nothing.flow.any()
    assert np.array_equal(oracle.rgb, CASE.truth.far_rgb)
    assert np.array_equal(oracle.flow[CASE.truth.near_surface], CASE.truth.flow[CASE.truth.near_surface])
    assert np.array_equal(perfect.rgb, CASE.truth.far_rgb)
    assert (perfect.distance_m, np.array_equal(perfect.flow, CASE.truth.flow)) == (0.3, True)


def test_mean_flows_go_where_the_eyes_are_and_with_the_size():
    bump = np.zeros((2, 16, 16), np.float32)
    bump[:, 7:9, 7:9] = 1.0
    means = plain.Means(bump, bump, 0.4)
    asked = replace(QUESTION, eye_px=np.array([20.0, 12.0]))
    flow = plain.MeanFlow(means)(asked).flow
    assert flow.shape == (32, 32, 2)
    assert np.allclose(flow[12, 20], 2.0, atol=0.7)  # Twice the size, twice the pixels.
    assert abs(flow[28, 4]).max() == 0
    assert plain.MeanFlow(means)(asked).distance_m == 0.4
    at, half = plain.MeanFlowAtDistance(means), 1 / (0.5 * (1 / 0.3 - 1 / 1.6) + 1 / 1.6)
    nearer, farther = at(asked).flow, at(replace(asked, distance_m=half)).flow
    np.testing.assert_allclose(farther, nearer / 2, atol=1e-5)
    assert not at(replace(asked, distance_m=1.6)).flow.any()


@pytest.mark.parametrize("turn_deg", [0.0, 15.0])
def test_the_distance_of_a_mean_head_is_found_from_its_landmarks(monkeypatch, turn_deg):
    """True landmarks of the model in the mesh's place: turn, scale and distance come back."""
    from scipy.spatial.transform import Rotation

    model = shape_model(people=5, shapes=3)
    camera = Camera(intrinsics(853.0 * 0.28, (128.0, 128.0)), look_at(np.zeros(3), 0.28, np.eye(3)), 256, 256)
    turned = model.surface.vertices @ Rotation.from_euler("y", turn_deg, degrees=True).as_matrix().T
    mesh = np.zeros((468, 3))
    mesh[head_warp.IBUG_68, :2] = project(camera, model.landmarks(turned)[:68])[0]
    for corner, landmark in zip(mesh_depth.EYE_CORNERS, (36, 39, 42, 45), strict=True):
        mesh[corner, :2] = project(camera, model.landmarks(turned)[[landmark]])[0]
    monkeypatch.setattr(head_warp, "mesh_of", lambda question: mesh)
    monkeypatch.setattr(head_warp, "_NOISE", 0.001)  # These landmarks are exact.
    asked = replace(QUESTION, near_alpha=np.full((256, 256), 255, np.uint8), eye_px=np.full(2, 128.0))
    vertices, found, distance_m = head_warp.fitted_distance(model, asked)
    assert abs(np.log2(distance_m / 0.28)) < 0.12
    assert np.abs(vertices - turned).max() < 0.01
    assert found.height == 256


def test_depth_of_a_mesh_is_measured_from_the_corners_of_the_eyes():
    points = np.random.default_rng(0).uniform(4, 28, (468, 2))
    mesh = np.column_stack([points, np.zeros(468)])
    mesh[list(mesh_depth.EYE_CORNERS)] = [[8, 16, 0], [12, 16, 0], [20, 16, 0], [24, 16, 0]]
    mesh[5] = (16, 24, -10)  # 10 pixels nearer than the eyes, 5 cm at this scale.
    assert np.isclose(mesh_depth.px_per_metre(mesh), 12 / mesh_depth.EYES_APART_M)
    depth = mesh_depth.depth_in_front(mesh, 32, 32)
    assert np.isfinite(depth).all()
    assert np.isclose(depth[16, 10], mesh_depth.CORNER_FRONT_M, atol=1e-6)
    assert depth.min() >= mesh_depth.CORNER_FRONT_M - 1e-9
    assert depth.max() > mesh_depth.CORNER_FRONT_M + 0.01


def test_the_mesh_of_a_photograph_has_depth_in_its_own_scale():
    if reason := why_not_measured("yunet", "face_mesh"):
        pytest.skip(reason)
    photo = pytest.importorskip("skimage.data").astronaut()
    double = np.array(Image.fromarray(photo).resize((1024, 1024), Image.Resampling.BICUBIC))
    small, large = (face_mesh_3d(rgb, find_face(rgb)) for rgb in (photo, double))
    assert np.array_equal(small[:, :2], face_mesh(photo, find_face(photo)))
    corners = list(mesh_depth.EYE_CORNERS)
    assert small[4, 2] < small[corners, 2].mean() < small[[234, 454], 2].min()  # Nose, eyes, temples.
    apart = [mesh_depth.px_per_metre(mesh) for mesh in (small, large)]
    depths = [np.ptp(mesh[:, 2]) / scale for mesh, scale in zip((small, large), apart, strict=True)]
    assert depths[0] == pytest.approx(depths[1], rel=0.1)
    assert 0.05 < depths[0] < 0.2


def test_two_view_flow_finds_a_moved_picture():
    pytest.importorskip("cv2")
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
    near = np.array(coarse.resize((128, 128), Image.Resampling.BICUBIC))
    asked = replace(
        QUESTION, near_rgb=near, near_alpha=np.full((128, 128), 255, np.uint8), far_rgb=np.roll(near, 3, axis=1)
    )
    for estimate in (two_view.dis, two_view.deepflow):
        flow = two_view.TwoView("flow", estimate)(asked).flow
        assert np.median(np.linalg.norm(flow[20:-20, 20:-20] - (3, 0), axis=-1)) < 0.3


def network(stage, what: str, size: int = 32) -> trained.Network:
    from training.evaluate import Trained

    return trained.Network(Trained(what, stage.eval(), {}), size)


def test_a_trained_flow_is_asked_at_its_own_size(monkeypatch):
    """What the network says in pixels of 32 is twice as many of 64; it is told eyes and far distance."""
    asked_with = []

    def forward(self, portrait, distance_m, eye_px, far_m):
        asked_with.append((portrait.shape[-1], distance_m.tolist(), eye_px.tolist(), far_m.tolist()))
        return torch.full((1, 2, *portrait.shape[-2:]), 1.5)

    monkeypatch.setattr(FlowNet, "forward", forward)
    double = np.repeat(np.repeat(QUESTION.near_rgb, 2, 0), 2, 1)
    asked = replace(QUESTION, near_rgb=double, near_alpha=double[..., 0], eye_px=np.array([30.0, 34.0]), distance_m=0.5)
    method = trained.TrainedFlow("x", frozenset({"near", "distance"}), network(FlowStage(8, 2), "flow"))
    answer = method(asked)
    assert np.allclose(answer.flow, 3.0)
    assert answer.distance_m is None
    assert asked_with[0][:3] == (32, [0.5], [[15.0, 17.0]])
    assert asked_with[0][3] == pytest.approx([1.6])


def test_an_estimated_distance_is_told_and_a_cascade_completes():
    torch.manual_seed(0)
    estimator = network(DistanceStage(8, 2), "distance")
    cascade = network(CascadeStage(8, 2), "cascade")
    method = trained.TrainedFlow("x", bench_methods.NEAR, cascade, estimator, trained.completion_of(cascade))
    answer = method(shown(QUESTION, bench_methods.NEAR))
    assert answer.distance_m > 0
    assert answer.rgb.shape == QUESTION.near_rgb.shape
    assert answer.rgb.dtype == np.uint8
    completed = trained.OracleFlowCompleted(network(CompletionStage(8, 2), "completion"))(QUESTION)
    inside = CASE.truth.far_alpha > 0
    assert np.abs(completed.rgb[inside].astype(int) - CASE.truth.far_rgb[inside]).max() <= 1
    with pytest.raises(MethodError, match="expected weights that complete portraits, got those of flow"):
        trained.completion_of(network(FlowStage(8, 2), "flow"))


def test_a_flow_net_completes_with_the_weights_that_are_named(monkeypatch):
    stages = {"flow": FlowStage, "completion": CompletionStage}
    monkeypatch.setattr(trained.Network, "opened", lambda what: network(stages[what](8, 2), what))
    plain, completes = (
        trained.flow_method("mine", "flow", frozenset({"near", "distance"}), False, name) for name in ("", "completion")
    )
    assert plain.completion is None
    answer, before = completes(QUESTION), plain(QUESTION)
    assert np.array_equal(answer.flow, before.flow)
    assert answer.rgb.shape == before.rgb.shape


def test_missing_weights_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(trained, "WEIGHTS", tmp_path)
    names = ("trained-flow", "trained-flow-completed", "trained-cascade-estimated-distance", "oracle-flow-completed")
    for name in names:
        assert "expected the weights" in METHODS[name].why_not()
        with pytest.raises(MethodError, match=f"{name}: not available: expected the weights"):
            open_method(name, tmp_path)


# Answers made elsewhere.


def write_flo(path, flow):
    height, width = flow.shape[:2]
    path.write_bytes(struct.pack("<fii", FLO_MAGIC, width, height) + flow.astype("<f4").tobytes())


def answers(tmp_path, **said):
    Image.fromarray(CASE.truth.far_rgb).save(tmp_path / "disc-000.png")
    write_flo(tmp_path / "disc-000.flo", CASE.truth.flow)
    (tmp_path / "answers.json").write_text(json.dumps({"distance_m": {"disc-000": 0.31}, **said}))
    return tmp_path


def test_a_folder_answers_with_its_files(tmp_path):
    method = Folder.open(answers(tmp_path, sees=["near", "distance"]))
    answer = method(QUESTION)
    assert np.array_equal(answer.rgb, CASE.truth.far_rgb)
    assert np.array_equal(answer.flow, CASE.truth.flow)
    assert answer.distance_m == 0.31
    assert method.sees == {"near", "distance"}


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".flo"])
def test_flows_of_every_format_are_read(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    flow = np.random.default_rng(2).normal(size=(5, 7, 2)).astype(np.float32)
    {".npy": np.save, ".flo": write_flo, ".npz": lambda p, f: np.savez(p, flow=f)}[suffix](path, flow)
    assert np.array_equal(read_flow(path), flow)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".flo"])
def test_damaged_flows_are_no_answers(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for data in (b"", b"nonsense", b"\0" * 40, struct.pack("<fii", FLO_MAGIC, 1 << 20, 4)):
        path.write_bytes(data)
        with pytest.raises(MethodError, match=f"x{suffix}: expected a flow"):
            read_flow(path)


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(MethodError, match="expected a flow, got ValueError"):
        read_flow(path)


def test_missing_and_double_answers_fail_by_name(tmp_path):
    folder = answers(tmp_path)
    Image.fromarray(CASE.truth.far_rgb).save(folder / "disc-001.png")
    Image.fromarray(CASE.truth.far_rgb).save(folder / "disc-000.webp")
    method = Folder.open(folder)
    with pytest.raises(MethodError, match="disc-000: expected one answer of this id, got several"):
        method(QUESTION)
    with pytest.raises(MethodError, match=r"disc-001: expected disc-001.flo or .npy and distance_m of disc-001 in"):
        method(replace(QUESTION, id="disc-001"))


def test_a_distance_that_is_told_twice_fails(tmp_path):
    folder = answers(tmp_path)
    (folder / "answers.json").write_text('{"distance_m": {"disc-000": 0.3, "disc-000": 0.4}}')
    with pytest.raises(MethodError, match="got several"):
        Folder.open(folder)(QUESTION)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected an object"),
        ("{", "expected JSON"),
        ('{"sees": ["x-ray"]}', "expected sees to be among near, distance"),
        ('{"distance_m": [1]}', "expected distance_m to be metres by id"),
    ],
)
def test_a_folder_with_wrong_words_is_refused(tmp_path, text, message):
    folder = answers(tmp_path)
    (folder / "answers.json").write_text(text)
    with pytest.raises(MethodError, match=message):
        Folder.open(folder)


def test_an_empty_folder_is_no_method(tmp_path):
    with pytest.raises(MethodError, match=r"expected ID.png, ID.flo or answers.json"):
        open_method(f"folder:{tmp_path}", tmp_path)
    with pytest.raises(MethodError, match="expected a folder of answers, found none"):
        open_method(f"folder:{tmp_path / 'none'}", tmp_path)


def test_a_folder_changes_its_digest_with_its_content(tmp_path):
    folder = answers(tmp_path)
    before = Folder.open(folder).digest()
    assert Folder.open(folder).digest() == before
    write_flo(folder / "disc-000.flo", CASE.truth.flow + 1)
    assert Folder.open(folder).digest() != before


# Classes of a user's own.


def test_the_template_works():
    method = open_method("examples/benchmark_method.py:Mine", None)
    answer = method(shown(QUESTION, method.sees))
    assert answer.flow.shape == QUESTION.flow.shape
    assert described("examples/benchmark_method.py:Mine", method).summary.startswith("Shrinks the portrait's middle")


def test_a_class_of_a_module_is_a_method():
    method = open_class("bench_methods:Right")
    told = described("bench_methods:Right", method)
    assert (told.name, told.sees, told.oracle) == ("right", bench_methods.NEAR, False)
    assert told.digest == digest_of(method)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bench_methods:Nobody", "expected a class Nobody in bench_methods"),
        ("no_such_module:X", "expected a module that can be imported, got ModuleNotFoundError"),
        ("no/such.py:X", "expected a module that can be imported, got FileNotFoundError"),
        ("bench_methods:Unnamed", "expected a name of lower case"),
        ("bench_methods:NotOpened", "to make a method, got OSError: no such weights"),
    ],
)
def test_what_is_no_method_is_refused(spec, message):
    with pytest.raises(MethodError, match=message):
        open_class(spec)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(MethodError, match=r"expected none, mean-flow, .*folder:PATH, .*got 'nune'"):
        shipped("nune")


def test_shipped_methods_are_named_by_their_keys(tmp_path, monkeypatch):
    """Those that need neither weights nor assets are opened; every one says in a line what it is."""
    monkeypatch.setattr("benchmark.methods.registry.read_head", lambda cache: None)
    monkeypatch.setattr(plain, "read_means", lambda cache: None)
    for name, method in METHODS.items():
        assert method.summary
        if not method.weights:
            opened = method.open(tmp_path)
            assert opened.name == name
            assert "near" in opened.sees
            oracle = described(name, opened).oracle
            assert oracle == (name in ("dis", "deepflow", "oracle-flow", "perfect"))
