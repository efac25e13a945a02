"""A user's scan: scale, axes, eyes, texture and pose, on made-up scans and, if DATAGEN_ASSETS is set, real ones."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import SimpleMaterial

from meshes.geometry import rotate
from meshes.head import Identity, MeshError, Pose
from meshes.makehuman import MakeHuman
from meshes.parts import Part
from meshes.scan import NECK_PIVOT_M, Scan, ScanOptions, _limits
from meshes.scan_face import fit_face
from meshes.scan_points import read_eyes
from meshes.skinning import rotation

NEUTRAL = Identity()
EYES = ((0.031, 0.0, 0.012), (-0.031, 0.0, 0.012))
"""Marked pupils, for tests that do not ask how a face is found."""

SKIN = (Part.FACE, Part.NOSE, Part.LIPS, Part.EAR_LEFT, Part.EAR_RIGHT, Part.SCALP, Part.NECK)


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray, float]:
    """Vertices (metres, head frame), faces, and the true distance between the eyes of somebody not average."""
    model = MakeHuman()
    head = model.head(model.sample_identity(np.random.default_rng(11)), {}, Pose())
    faces = head.surface.faces[np.isin(head.surface.part, SKIN)]
    used, faces = np.unique(faces, return_inverse=True)
    ipd_m = float(np.linalg.norm(head.eye_centres[0] - head.eye_centres[1]))
    return head.surface.vertices[used], faces.reshape(-1, 3), ipd_m


def save(path: Path, vertices: np.ndarray, faces: np.ndarray) -> Path:
    path.write_bytes(trimesh.Trimesh(vertices, faces, process=False).export(file_type=path.suffix[1:]))
    return path


def unzipped(name: str, folder: Path) -> Path:
    assets = os.environ.get("DATAGEN_ASSETS")
    if not assets:
        pytest.skip(f"DATAGEN_ASSETS names no folder with {name}")
    with zipfile.ZipFile(Path(assets) / name) as pack:
        pack.extractall(folder)
    return folder


@pytest.mark.parametrize(("unit", "metres_per_unit"), [("ply", 0.001), ("glb", 1.0), ("ply", 1e-6), ("ply", 0.01)])
def test_common_units_are_recognised(
    person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path, unit: str, metres_per_unit: float
) -> None:
    vertices, faces, ipd_m = person
    shift = np.array([0.03, 1.60, -0.02])
    scan = Scan.open(save(tmp_path / f"scan.{unit}", (vertices + shift) / metres_per_unit, faces))
    assert scan.metres_per_unit == metres_per_unit
    assert scan.ipd_m == pytest.approx(ipd_m, rel=0.07)
    offset = scan.rest.surface.vertices.mean(axis=0) - vertices.mean(axis=0)
    assert np.abs(offset).max() < 0.012
    assert scan.rest.eye_midpoint == pytest.approx([0, 0, 0], abs=1e-12)
    assert scan.rest.nose_tip[2] > 0.03


@pytest.mark.parametrize("turn", [(0.0, -np.pi / 2, 0.0), (np.pi, 0.0, 0.0), (0.2, -0.25, 0.1)])
def test_scans_that_lie_or_look_away_are_turned_upright(
    person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path, turn: tuple[float, float, float]
) -> None:
    vertices, faces, _ = person
    scan = Scan.open(save(tmp_path / "scan.ply", rotate(vertices, rotation(*turn)), faces))
    found = scan.rest.surface.vertices
    u, _, vt = np.linalg.svd((found - found.mean(axis=0)).T @ (vertices - vertices.mean(axis=0)))
    assert np.degrees(np.arccos(np.clip((np.trace(u @ vt) - 1) / 2, -1, 1))) < 6.0


def test_given_axes_are_taken(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    vertices, faces, _ = person
    path = save(tmp_path / "scan.ply", rotate(vertices, rotation(0.0, np.pi / 2)), faces)
    assert Scan.open(path, up="+z", front="-y").rest.nose_tip[2] > 0.03
    with pytest.raises(MeshError, match="expected a face"):
        Scan.open(path, up="-z", front="+y")
    with pytest.raises(MeshError, match="up and front along different axes, got \\+y and -y"):
        Scan.open(path, up="+y", front="-y")


@settings(max_examples=4, deadline=None)
@given(
    scale=st.floats(1e-6, 1e6),
    shift=st.tuples(*[st.floats(-10.0, 10.0)] * 3),
)
def test_the_face_moves_with_the_scan(
    person: tuple[np.ndarray, np.ndarray, float], scale: float, shift: tuple[float, float, float]
) -> None:
    vertices, faces, _ = person
    one, two = fit_face(vertices, faces, np.eye(3)), fit_face(scale * (vertices + shift), faces, np.eye(3))
    assert two.scale == pytest.approx(one.scale * scale, rel=1e-3)
    assert two.origin / scale - shift == pytest.approx(one.origin, abs=1e-3)


def test_triangles_turned_inside_out_are_turned_back(
    person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path
) -> None:
    vertices, faces, _ = person
    right, wrong = (Scan.open(save(tmp_path / f"{k}.ply", vertices, f)) for k, f in enumerate((faces, faces[:, ::-1])))
    assert np.array_equal(right.rest.surface.faces, wrong.rest.surface.faces)


def test_marked_eyes_place_a_scan_exactly(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    vertices, faces, _ = person
    path = save(tmp_path / "scan.ply", 1000 * vertices, faces)
    pupils = ((31.0, 2.0, 11.0), (-31.0, -1.0, 12.0))
    found = {}
    for name, eyes in (("left first", pupils), ("right first", pupils[::-1])):
        scan = Scan.open(path, eyes=eyes)
        found[name] = scan.rest.surface.vertices
        assert scan.metres_per_unit == 0.001
        assert scan.ipd_m == pytest.approx(1e-3 * np.linalg.norm(np.subtract(*pupils)))
    assert np.array_equal(found["left first"], found["right first"])
    back, *_ = np.linalg.lstsq(np.c_[1000 * vertices, np.ones(len(vertices))], found["left first"], rcond=None)
    in_head = np.c_[pupils, np.ones(2)] @ back
    half = scan.ipd_m / 2
    assert in_head == pytest.approx(np.array([[half, 0, 0.012], [-half, 0, 0.012]]), abs=1e-5)


def test_landmark_files_give_the_eyes(tmp_path: Path) -> None:
    points = np.zeros((68, 3))
    points[36:42], points[42:48], points[17:23] = (-3, 0, 0), (3, 0, 1), (7, 7, 7)
    labels = [{"label": "leye", "mask": [17, 18, 19, 20, 21, 22]}, {"label": "reye", "mask": list(range(42, 48))}]
    labels.append({"label": "reyebrow", "mask": [0, 1]})
    (tmp_path / "plain.ljson").write_text(json.dumps({"version": 2, "landmarks": {"points": points.tolist()}}))
    group = {"landmarks": {"points": points.tolist()}, "labels": labels}
    (tmp_path / "named.ljson").write_text(json.dumps({"version": 3, "groups": {"LJSON": group}}))
    rows = "\n".join(" ".join(str(v) for v in row) for row in points.tolist())
    (tmp_path / "face.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    assert read_eyes(tmp_path / "plain.ljson").tolist() == [[-3, 0, 0], [3, 0, 1]]
    assert read_eyes(tmp_path / "named.ljson").tolist() == [[7, 7, 7], [3, 0, 1]]
    assert read_eyes(tmp_path / "face.pts").tolist() == [[-3, 0, 0], [3, 0, 1]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", "expected landmarks as .ljson or .pts, got .txt"),
        ("a.pts", "1 2 3\n4 5 6\n", "expected 68 finite points"),
        ("a.pts", "hello", "that does not read"),
        ("a.ljson", '{"groups": {}}', "a.ljson: expected 68 landmarks"),
        ("a.ljson", "[1, 2]", "a.ljson: expected 68 landmarks"),
    ],
)
def test_unusable_landmarks_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(MeshError, match=message):
        read_eyes(tmp_path / name)


def test_implausible_sizes_are_refused(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    vertices, faces, ipd_m = person
    path = save(tmp_path / "scan.ply", 19.0 * vertices, faces)
    with pytest.raises(MeshError, match=r"expected eyes 50 to 75 mm apart, got .* if metres, .*metres_per_unit="):
        Scan.open(path)
    assert Scan.open(path, ipd_m=0.063).ipd_m == pytest.approx(0.063)
    assert Scan.open(path, metres_per_unit=1 / 19).ipd_m == pytest.approx(ipd_m, rel=0.07)
    with pytest.raises(MeshError, match=r"expected eyes 30 to 90 mm apart, got .*Correct metres_per_unit= or ipd_m="):
        Scan.open(path, metres_per_unit=1.0)


def test_a_child_needs_its_age(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    vertices, faces, ipd_m = person
    path = save(tmp_path / "child.ply", 0.047 / ipd_m * vertices, faces)
    eyes = ((0.0235, 0.0, 0.01), (-0.0235, 0.0, 0.01))
    with pytest.raises(MeshError, match=r"or age_years= for a child"):
        Scan.open(path, eyes=eyes)
    assert Scan.open(path, eyes=eyes, age_years=3).ipd_m == pytest.approx(0.047)


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_limits_grow_with_age(one: float, two: float) -> None:
    young, old = (_limits(age) for age in sorted((one, two)))
    assert young[0] <= old[0] + 1e-12
    assert young[1] <= old[1] + 1e-12
    assert 0.030 < young[0] < young[1] <= 0.080


def test_the_scan_turns_rigidly_about_the_neck(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    vertices, faces, _ = person
    scan = Scan.open(save(tmp_path / "scan.ply", vertices, faces), eyes=EYES)
    pose = Pose(yaw=0.4, pitch=0.2, roll=-0.3, jaw=0.2, gaze_left=(0.2, 0.0))
    straight, turned = (scan.head(NEUTRAL, {}, p) for p in (Pose(), pose))
    expected = rotate(straight.surface.vertices, rotation(0.4, 0.2, -0.3), NECK_PIVOT_M)
    assert turned.surface.vertices == pytest.approx(expected, abs=1e-12)
    assert turned.nose_tip[0] > straight.nose_tip[0]
    assert np.linalg.norm(turned.eye_centres[0] - turned.eye_centres[1]) == pytest.approx(scan.ipd_m)
    assert np.linalg.norm(turned.surface.normals, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_scan_has_no_expressions(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    vertices, faces, _ = person
    scan = Scan.open(save(tmp_path / "scan.ply", vertices, faces), eyes=EYES)
    assert scan.expressions == ()
    assert scan.head(NEUTRAL, {"jawOpen": 0.0}, Pose()).landmarks.shape == (0, 3)
    with pytest.raises(MeshError, match="This head has no expressions; leave it out"):
        scan.head(NEUTRAL, {"jawOpen": 0.1}, Pose())


def test_a_texture_given_apart_and_its_rows(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    vertices, faces, _ = person
    image = Image.fromarray(np.arange(12 * 3, dtype=np.uint8).reshape(4, 3, 3))
    image.save(tmp_path / "skin.png")
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    uv = np.random.default_rng(0).random((len(vertices), 2))
    mesh.visual = TextureVisuals(uv, material=SimpleMaterial(image=Image.new("RGB", (2, 2))))
    mesh.export(tmp_path / "scan.obj")
    plain, flipped = (
        Scan.open(tmp_path / "scan.obj", texture=tmp_path / "skin.png", flip_v=flip, eyes=EYES).rest.surface
        for flip in (False, True)
    )
    assert np.array_equal(plain.materials[0].texture, np.asarray(image))
    assert flipped.uv[:, 1] == pytest.approx(1.0 - plain.uv[:, 1], abs=1e-6)
    assert (plain.color == 1.0).all()


def test_a_description_names_the_scan_and_its_options(
    person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path
) -> None:
    vertices, faces, _ = person
    save(tmp_path / "anna.ply", 19.0 * vertices, faces)
    tree = {"scan": "anna.ply", "ipd_m": 0.061, "licence": "CC-BY-3.0", "credit": "Anna by A. Scanner"}
    (tmp_path / "anna.json").write_text(json.dumps(tree))
    scan = Scan.open(tmp_path / "anna.json")
    by_name = Scan.open(tmp_path / "anna.ply", ScanOptions(ipd_m=0.061, licence="CC-BY-3.0", credit=tree["credit"]))
    assert scan.ipd_m == pytest.approx(0.061)
    assert scan.assets == by_name.assets
    assert scan.assets[0].licence == "CC-BY-3.0"
    assert scan.assets[0].id.startswith("scan-anna-")
    (tmp_path / "anna.json").write_text('{"ipd_m": 0.061}')
    with pytest.raises(MeshError, match="Name the scan in it"):
        Scan.open(tmp_path / "anna.json")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ipd": 0.06}, "expected options among .*, got 'ipd'"),
        ({"ipd_m": -1.0}, "expected a positive number for ipd_m, got -1.0"),
        ({"metres_per_unit": float("nan")}, "expected a positive number for metres_per_unit"),
        ({"up": "top"}, r"expected one of \+x, -x, .* for up, got 'top'"),
        ({"eyes": ((0, 0, 0), (0, 0, 0))}, "expected two different eye points"),
    ],
)
def test_wrong_options_are_named(
    person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path, options: dict, message: str
) -> None:
    path = save(tmp_path / "scan.ply", person[0], person[1])
    with pytest.raises(MeshError, match=message):
        Scan.open(path, **options)


def test_equal_files_give_equal_bytes(person: tuple[np.ndarray, np.ndarray, float], tmp_path: Path) -> None:
    path = save(tmp_path / "scan.ply", person[0], person[1])
    one, two = (Scan.open(path).head(NEUTRAL, {}, Pose(yaw=0.3)).surface for _ in range(2))
    assert one.vertices.tobytes() == two.vertices.tobytes()
    assert one.normals.tobytes() == two.normals.tobytes()


def test_the_lee_perry_smith_scan(tmp_path: Path) -> None:
    folder = unzipped("leeperrysmith_ccby3.zip", tmp_path)
    path = folder / "LeePerrySmith.glb"
    with pytest.raises(MeshError, match=r"Pass metres_per_unit= if you know the unit"):
        Scan.open(path)
    scan = Scan.open(path, texture=folder / "color.jpg", ipd_m=0.066, flip_v=True)
    assert scan.metres_per_unit == pytest.approx(0.0547, rel=0.05)
    surface = scan.rest.surface
    assert len(surface.faces) == 17_684
    lips = np.linalg.norm(surface.vertices - [0.0, -0.070, 0.045], axis=1).argsort()[:150]
    brow = np.linalg.norm(surface.vertices - [0.0, 0.045, 0.040], axis=1).argsort()[:150]
    redness = [_redness(surface.materials[0].texture, surface.uv[where]) for where in (lips, brow)]
    assert redness[0] > redness[1]


def _redness(texture: np.ndarray | None, uv: np.ndarray) -> float:
    assert texture is not None
    row, column = ((1 - uv[:, 1]) * len(texture)).astype(int), (uv[:, 0] * texture.shape[1]).astype(int)
    red, green, _ = texture[row, column].astype(float).mean(axis=0)
    return red / green


def test_the_raw_menpo_scan_with_holes(tmp_path: Path) -> None:
    folder = unzipped("menpo_james_scan_bsd.zip", tmp_path)
    found, marked = Scan.open(folder / "james.obj"), Scan.open(folder / "james.obj", landmarks=folder / "james.ljson")
    assert found.metres_per_unit == marked.metres_per_unit == 0.001
    assert found.ipd_m == pytest.approx(marked.ipd_m, rel=0.03)
    gap = np.linalg.norm(found.rest.surface.vertices - marked.rest.surface.vertices, axis=1)
    near = np.linalg.norm(marked.rest.surface.vertices, axis=1) < 0.08
    assert np.median(gap[near]) < 0.008
    assert found.rest.surface.materials[0].texture is not None


def test_the_menpo_mean_face_in_micrometres(tmp_path: Path) -> None:
    folder = unzipped("menpo_james_scan_bsd.zip", tmp_path)
    scan = Scan.open(folder / "template.ply")
    assert scan.metres_per_unit == 1e-6
    assert scan.ipd_m == pytest.approx(0.0612, rel=0.04)
    assert np.ptp(scan.rest.surface.color) > 0.5
