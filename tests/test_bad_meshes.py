"""Every kind of unusable scan gives one MeshError that says what was expected, what came, and what to do next."""

import importlib.util
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial, SimpleMaterial

from meshes import scan_files
from meshes.head import MeshError
from meshes.scan import Scan
from meshes.scan_files import read_scan

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def glb(path: Path, tree: dict, body: bytes = b"") -> Path:
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if body:
        chunks += struct.pack("<II", len(body), 0x004E4942) + body
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return path


def extended(path: Path, name: str, required: bool = True) -> Path:
    """A GLB that only says which extension it uses; nothing of it may be decoded."""
    return glb(path, {"asset": {"version": "2.0"}, "extensionsUsed": [name], "extensionsRequired": [name] * required})


def textured_box(size: float = 1.0, colour: tuple[int, int, int] = (200, 30, 30)) -> trimesh.Trimesh:
    box = trimesh.creation.box((size, size, size))
    image = Image.new("RGB", (8, 8), colour)
    box.visual = TextureVisuals(box.vertices[:, :2] + 0.5, material=PBRMaterial(baseColorTexture=image))
    return box


def refused(path: Path, message: str, **options: object) -> None:
    with pytest.raises(MeshError, match=message) as caught:
        Scan.open(path, **options)
    text = str(caught.value)
    assert "expected" in text.lower()
    assert "\n" not in text
    assert text.endswith(".")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_paths_that_are_no_scan(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.obj", "nowhere.obj: expected a scan file, found none")
    refused(tmp_path, "expected a scan file, got a folder")
    refused(write(tmp_path / "scan.stl", "solid"), r"expected a scan as .obj, .ply, .glb, .wrl, got .stl. Convert it")
    refused(write(tmp_path / "scan", "x"), "got no extension")
    refused(write(tmp_path / "empty.obj", ""), "expected between 1 byte and 2 GiB, got 0 bytes")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n", "empty.obj: expected"),
        (TRIANGLE, "expected"),
        (TRIANGLE + "f 1 2 9\n", "expected"),
        (TRIANGLE.replace("1 0 0", "nan 0 0") + "f 1 2 3\n", "NaN or infinity in 1 vertices"),
        (TRIANGLE.replace("1 0 0", "inf 0 0") + "f 1 2 3\n", "NaN or infinity in 1 vertices"),
        ("v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "1 triangles without area"),
        ("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "1 triangles without area"),
        (TRIANGLE + "f 1 2 3\nv 0 0 x\n", "expected a readable OBJ mesh, got ValueError"),
        ("\x00\x01\x02 f garbage", "expected"),
    ],
)
def test_obj_files_without_a_surface(tmp_path: Path, text: str, message: str) -> None:
    refused(write(tmp_path / "empty.obj", text), message)


def test_a_flat_triangle_is_no_face(tmp_path: Path) -> None:
    refused(write(tmp_path / "flat.obj", TRIANGLE + "f 1 2 3\n"), "expected a face")


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_shapes_of_any_size_that_are_no_face(tmp_path: Path, size: float) -> None:
    box = trimesh.creation.box((size, 2 * size, 3 * size))
    path = tmp_path / "box.ply"
    path.write_bytes(box.export(file_type="ply"))
    refused(path, "expected a face .* found none.*eyes= or landmarks=", up="+y", front="+z")


def test_textures_that_are_missing_or_broken(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.obj", "mtllib scan.mtl\n" + TRIANGLE + "vt 0 0\nusemtl a\nf 1/1 2/1 3/1\n")
    refused(path, "expected its material file scan.mtl beside it, found none")
    write(tmp_path / "scan.mtl", "newmtl a\nmap_Kd skin.png\n")
    refused(path, "skin.png: expected a texture image, found no file")
    write(tmp_path / "skin.png", "no image")
    refused(path, "skin.png: expected a texture image, got one that does not read")
    Image.new("RGB", (64, 64)).save(tmp_path / "whole.png")
    (tmp_path / "skin.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    refused(path, "skin.png: expected a texture image")
    refused(path, "other.png: expected a texture image, found no file", texture=tmp_path / "other.png")


def test_a_texture_that_would_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_files, "MAX_TEXTURE_PX", 1000)
    Image.new("RGB", (40, 40)).save(tmp_path / "skin.png")
    path = write(tmp_path / "scan.obj", TRIANGLE + "f 1 2 3\n")
    refused(path, "expected a texture of at most 1000 pixels, got 40 x 40", texture=tmp_path / "skin.png")


def test_ply_files_that_are_damaged(tmp_path: Path) -> None:
    whole = trimesh.creation.icosphere(2).export(file_type="ply")
    (tmp_path / "cut.ply").write_bytes(whole[: len(whole) // 4])
    refused(tmp_path / "cut.ply", "cut.ply: expected")
    refused(write(tmp_path / "other.ply", "hello"), "expected a PLY file, got something else")
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float x\nend_header\n"
    refused(write(tmp_path / "huge.ply", head), "expected the 4000000000 elements that its header promises")


def test_a_point_cloud_has_no_surface(tmp_path: Path) -> None:
    cloud = trimesh.PointCloud(np.random.default_rng(0).random((50, 3)))
    (tmp_path / "cloud.ply").write_bytes(cloud.export(file_type="ply"))
    refused(tmp_path / "cloud.ply", "expected triangles, got a cloud of 50 points. Reconstruct a surface first")


def test_glb_files_that_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "scan.glb"
    whole = textured_box().export(file_type="glb")
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, f"expected {len(whole)} bytes, got {len(whole) // 2}: it is cut off")
    path.write_bytes(whole[:10])
    refused(path, "expected a binary glTF 2.0 file")
    path.write_bytes(b"PK\x03\x04" + whole)
    refused(path, "expected a binary glTF 2.0 file")
    refused(glb(path, {"asset": {"version": "2.0"}, "extensionsUsed": 3}), "expected JSON in the GLB")
    refused(glb(path, {"asset": {"version": "2.0"}}), "expected")
    text = json.dumps({"accessors": [{}]}).encode()
    path.write_bytes(struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) - 4, len(text) - 4, 0x4E4F534A) + text[:-4])
    refused(path, "expected JSON in the GLB")


def test_a_glb_that_points_outside_itself(tmp_path: Path) -> None:
    mesh = {"primitives": [{"attributes": {"POSITION": 7}}]}
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [mesh],
    }
    refused(glb(tmp_path / "scan.glb", tree, b"\0" * 16), "expected")


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("EXT_meshopt_compression", "got EXT_meshopt_compression: meshopt compression; re-export without it"),
        ("KHR_texture_basisu", "got KHR_texture_basisu: KTX2 textures; re-export with PNG"),
    ],
)
def test_compressed_glb_files_are_named(tmp_path: Path, name: str, message: str, required: bool) -> None:
    refused(extended(tmp_path / "scan.glb", name, required), message)


def test_unknown_required_extensions_are_named(tmp_path: Path) -> None:
    refused(extended(tmp_path / "scan.glb", "EXT_new_thing"), "got one that requires EXT_new_thing")


def test_draco_without_its_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "DracoPy" else find(name, *rest)
    )
    path = extended(tmp_path / "scan.glb", "KHR_draco_mesh_compression")
    refused(path, r"found it is not installed. Install it \(pip install DracoPy\)")


def test_several_meshes_become_one_and_only_textured_ones_count(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(
        textured_box(colour=(200, 30, 30)), transform=trimesh.transformations.translation_matrix([5, 0, 0])
    )
    scene.add_geometry(textured_box(colour=(30, 200, 30)))
    scene.add_geometry(trimesh.creation.box((9, 9, 9)))
    scene.camera = trimesh.scene.Camera(fov=(40, 40))
    path = tmp_path / "scene.glb"
    path.write_bytes(scene.export(file_type="glb"))
    raw = read_scan(path)
    assert len(raw.faces) == 24
    assert raw.vertices[:, 0].max() == pytest.approx(5.5)
    assert len(raw.textures) == 2
    colours = {tuple(t[0, 0]) for t in raw.textures if t is not None}
    assert colours == {(200, 30, 30), (30, 200, 30)}


def test_texture_rows_run_as_the_format_says(tmp_path: Path) -> None:
    """v = 1 is the top row of the image, in OBJ by the file and in GLB by the rule that v runs downwards there."""
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    image.putpixel((3, 0), (250, 0, 0))  # Top right: u = 1, v = 1.
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    for kind, material in (("obj", SimpleMaterial(image=image)), ("glb", PBRMaterial(baseColorTexture=image))):
        mesh = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 1, 2]], process=False)
        mesh.visual = TextureVisuals(uv, material=material)
        path = tmp_path / f"scan.{kind}"
        mesh.export(path)
        raw = read_scan(path)
        corner = np.argmax(raw.vertices[:, 1])
        assert raw.uv[corner] == pytest.approx([1.0, 1.0], abs=1e-6)
        assert raw.textures[0] is not None
        assert raw.textures[0][0, 3, 0] > 150


def test_vertex_colours_are_read(tmp_path: Path) -> None:
    mesh = trimesh.creation.box()
    mesh.visual.vertex_colors = [[10, 200, 30, 255]] * 8
    (tmp_path / "scan.ply").write_bytes(mesh.export(file_type="ply"))
    assert np.array_equal(read_scan(tmp_path / "scan.ply").color, [[10, 200, 30]] * 8)


def test_map_names_may_hold_spaces_and_options(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.obj", "mtllib scan.mtl\n" + TRIANGLE + "vt 0 0\nusemtl a\nf 1/1 2/1 3/1\n")
    Image.new("RGB", (4, 4)).save(tmp_path / "my skin.png")
    write(tmp_path / "scan.mtl", "newmtl a\nmap_Kd my skin.png\n")
    assert len(read_scan(path).faces) == 1
    Image.new("RGB", (4, 4)).save(tmp_path / "skin.png")
    write(tmp_path / "scan.mtl", "newmtl a\nmap_Kd\nmap_Kd -s 1 1 1 skin.png\n")
    assert len(read_scan(path).faces) == 1


def test_more_meshes_than_materials_can_be_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_files, "MAX_MESHES", 1)
    scene = trimesh.Scene([trimesh.creation.box((1, 1, 1)), trimesh.creation.box((2, 1, 1))])
    (tmp_path / "scene.glb").write_bytes(scene.export(file_type="glb"))
    refused(tmp_path / "scene.glb", "expected at most 1 meshes, got 2. Join them first")
