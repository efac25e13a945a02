"""Scene files: exact arrays, glTF whose cameras project to the same pixels, equal bytes, clear refusals."""

import json
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import trimesh

from datagen.scene_export import SceneError, export_scene, scene_arrays, scene_glb
from meshes.surface import Material
from renderers.camera import Camera, dolly_camera, intrinsics, look_at, project
from renderers.lens import Distortion
from renderers.light import EnvironmentLight, irradiance
from renderers.standard_scenes import make_surface

LIGHT = EnvironmentLight(np.random.default_rng(1).random((8, 16, 3), np.float32), "eight rows")
RECORD = {
    "index": 3,
    "assets": [
        {"id": "a", "licence": "CC0-1.0", "credit": ""},
        {"id": "b", "licence": "CC-BY-3.0", "credit": "Scan by A. Person"},
    ],
}


def small_scene():
    """Nine faces of three materials, two of them cut by an alpha map."""
    rng = np.random.default_rng(5)
    vertices = rng.normal(0, 0.06, (12, 3))
    faces = rng.permuted(np.tile(np.arange(12), (9, 1)), axis=1)[:, :3]
    alpha = np.array([[0, 127], [128, 255]], np.uint8)
    texture = rng.integers(0, 256, (4, 4, 3), np.uint8)
    surface = make_surface(
        vertices,
        faces,
        material=[0, 0, 0, 1, 1, 2, 2, 2, 2],
        uv=rng.random((12, 2)),
        cutout=[-1, -1, -1, -1, -1, -1, -1, 0, 0],
        cutouts=(alpha,),
    )
    skin = Material("skin", roughness=0.4, specular=0.028, subsurface=1.0, texture=texture)
    materials = (skin, Material("cornea", clear=True), Material("hair", texture=texture, fibre=True))
    return replace(surface, materials=materials, color=rng.random((12, 3), np.float32))


def cameras(principal=(32.0, 24.0), far_m=1.6):
    turn = np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    near = Camera(intrinsics(90.0, principal), look_at(np.array([0.0, 0.01, 0.02]), 0.5, turn), 48, 64)
    return near, dolly_camera(near, np.array([0.0, 0.01, 0.02]), far_m)


def glb_json(data):
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length])


def test_npz_holds_every_array_exactly(tmp_path):
    surface, (near, far) = small_scene(), cameras(far_m=np.inf)
    export_scene(surface, LIGHT, near, far, tmp_path / "s.npz", RECORD)
    with np.load(tmp_path / "s.npz", allow_pickle=False) as file:
        loaded = dict(file)
    for name, array in scene_arrays(surface, LIGHT, near, far, RECORD).items():
        assert loaded[name].dtype == array.dtype
        assert np.array_equal(loaded[name], array), name
    dtypes = {"vertices": "float64", "faces": "int32", "uv": "float32", "part": "uint8", "near_K": "float64"}
    dtypes |= {
        "far_T_camera_head": "float64",
        "face_label": "bool",
        "face_cutout": "int32",
        "cutout_0": "uint8",
    }
    assert {name: str(loaded[name].dtype) for name in dtypes} == dtypes
    assert (loaded["height"], loaded["width"]) == (48, 64)
    assert (loaded["near_kind"], loaded["far_kind"]) == ("perspective", "orthographic")
    assert loaded["face_label"].tolist() == [True] * 3 + [False] * 2 + [True] * 4
    assert loaded["material_clear"].tolist() == [False, True, False]
    assert loaded["material_fibre"].tolist() == [False, False, True]
    assert json.loads(str(loaded["record"])) == RECORD


def gltf_pixels(tree, index, points):
    """Pixels by the glTF 2.0 definition of cameras (section 3.10), from the file's numbers alone."""
    node = next(n for n in tree["nodes"] if n.get("camera") == index)
    camera = tree["cameras"][index]
    local = np.c_[points, np.ones(len(points))] @ np.linalg.inv(np.array(node["matrix"]).reshape(4, 4))
    if camera["type"] == "orthographic":
        ndc = local[:, :2] / [camera["orthographic"]["xmag"], camera["orthographic"]["ymag"]]
    else:
        tangent = np.tan(camera["perspective"]["yfov"] / 2)
        ndc = local[:, :2] / -local[:, 2:3] / [tangent * camera["perspective"]["aspectRatio"], tangent]
    size = [camera["extras"]["width"], camera["extras"]["height"]]
    return (ndc * [1, -1] + 1) / 2 * size


@pytest.mark.parametrize("far_m", [1.6, np.inf])
@pytest.mark.parametrize("principal", [(32.0, 24.0), (35.5, 20.25)])
def test_gltf_cameras_see_points_where_ours_do(principal, far_m):
    surface, (near, far) = small_scene(), cameras(principal, far_m)
    tree = glb_json(scene_glb(surface, LIGHT, near, far, RECORD))
    for index, camera in enumerate((near, far)):
        expected, _ = project(camera, surface.vertices)
        shift = camera.K[:2, 2] - [32.0, 24.0]
        np.testing.assert_allclose(gltf_pixels(tree, index, surface.vertices) + shift, expected, atol=1e-9)
        assert np.array(tree["cameras"][index]["extras"]["K"]).tolist() == camera.K.tolist()


def test_gltf_clipping_planes_hold_the_scene():
    surface, (near, far) = small_scene(), cameras()
    tree = glb_json(scene_glb(surface, LIGHT, near, far, RECORD))
    for entry, camera in zip(tree["cameras"], (near, far), strict=True):
        depth_m = project(camera, surface.vertices)[1]
        assert entry["perspective"]["znear"] < depth_m.min() <= depth_m.max() < entry["perspective"]["zfar"]


def test_glb_opens_again_with_geometry_colours_and_record(tmp_path):
    surface, (near, far) = small_scene(), cameras()
    export_scene(surface, LIGHT, near, far, tmp_path / "s.glb", RECORD)
    scene = trimesh.load_scene(tmp_path / "s.glb")
    assert list(scene.geometry) == ["0_skin", "1_cornea", "2_hair", "2_hair_cutout_0"]
    assert [len(mesh.faces) for mesh in scene.geometry.values()] == [3, 2, 2, 2]
    mesh, corners = scene.geometry["2_hair_cutout_0"], surface.faces[7:]
    np.testing.assert_allclose(mesh.triangles, surface.vertices[corners], atol=1e-8)
    np.testing.assert_allclose(mesh.vertex_normals[mesh.faces], surface.normals[corners], atol=1e-6)
    np.testing.assert_allclose(mesh.visual.uv[mesh.faces], surface.uv[corners], atol=1e-6)
    levels = mesh.visual.vertex_attributes["color"][mesh.faces][..., :3]
    np.testing.assert_allclose(levels / 255, surface.color[corners], atol=0.5 / 255 + 1e-6)
    assert scene.metadata["record"] == RECORD
    assert scene.has_camera


def test_glb_materials_say_what_labels_do():
    tree = glb_json(scene_glb(small_scene(), LIGHT, *cameras(), RECORD))
    materials = {material["name"]: material for material in tree["materials"]}
    modes = {name: material["alphaMode"] for name, material in materials.items()}
    assert modes == {"0_skin": "OPAQUE", "1_cornea": "BLEND", "2_hair": "OPAQUE", "2_hair_cutout_0": "MASK"}
    assert 127 / 255 < materials["2_hair_cutout_0"]["alphaCutoff"] < 128 / 255
    assert materials["0_skin"]["extras"] == {"specular": 0.028, "subsurface": 1.0}
    assert tree["asset"]["copyright"] == "Scan by A. Person"
    assert "copyright" not in glb_json(scene_glb(small_scene(), LIGHT, *cameras(), {}))["asset"]


def test_glb_cutout_texels_are_the_alpha_map(tmp_path):
    export_scene(small_scene(), LIGHT, *cameras(), tmp_path / "s.glb", {})
    mesh = trimesh.load_scene(tmp_path / "s.glb").geometry["2_hair_cutout_0"]
    image = np.asarray(mesh.visual.material.baseColorTexture)
    assert image[..., 3].tolist() == small_scene().cutouts[0].tolist()


@pytest.mark.parametrize("suffix", [".npz", ".glb"])
def test_equal_scenes_give_equal_bytes_in_any_process(tmp_path, suffix):
    code = (
        "import sys; from pathlib import Path; from datagen.scene_export import export_scene;"
        "from test_scene_export import *;"
        "export_scene(small_scene(), LIGHT, *cameras(), Path(sys.argv[1]), RECORD)"
    )
    files = [tmp_path / f"{seed}{suffix}" for seed in (1, 2)]
    for seed, file in enumerate(files):
        environment = {"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(filter(None, sys.path))}
        subprocess.run([sys.executable, "-c", code, str(file)], check=True, env=environment)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_replaces_a_file_whole_and_leaves_no_part(tmp_path):
    out = tmp_path / "s.npz"
    out.write_text("an older scene")
    export_scene(small_scene(), LIGHT, *cameras(), out, RECORD)
    assert [path.name for path in tmp_path.iterdir()] == ["s.npz"]
    assert "vertices" in np.load(out)


def test_refusals_name_what_came_and_write_nothing(tmp_path):
    surface, (near, far) = small_scene(), cameras()
    (tmp_path / "folder.glb").mkdir()
    cases = [
        (tmp_path / "s.obj", far, {}, r"expected a name that ends in \.npz, \.glb or \.xml, got '\.obj'"),
        (tmp_path / "folder.glb", far, {}, "expected a file name, got a folder"),
        (tmp_path / "s.npz", replace(far, width=65), {}, r"equal image sizes, got \(48, 64\) and \(48, 65\)"),
        (tmp_path / "s.glb", far, {"x": float("nan")}, "expected plain finite JSON values"),
        (tmp_path / "s.glb", far, {"x": np.zeros(2)}, "expected plain finite JSON values"),
    ]
    for out, far_camera, extra, message in cases:
        with pytest.raises(SceneError, match=message):
            export_scene(surface, LIGHT, near, far_camera, out, extra)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.glb"]


def test_a_missing_folder_is_an_error_with_a_next_step(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere.*No such file or directory; make its folder first"):
        export_scene(small_scene(), LIGHT, *cameras(), tmp_path / "nowhere" / "s.npz", RECORD)


def test_glb_and_npz_say_what_light_and_lens_do():
    surface, (near, far) = small_scene(), cameras()
    near = replace(near, distortion=Distortion(k1=-0.1, p2=0.002))
    arrays = scene_arrays(surface, LIGHT, near, far, RECORD)
    assert arrays["near_distortion"].tolist() == [-0.1, 0.0, 0.0, 0.002, 0.0]
    assert arrays["far_distortion"].tolist() == [0.0] * 5
    assert arrays["light_radiance"] is LIGHT.radiance
    assert str(arrays["light_name"]) == "eight rows"
    tree = glb_json(scene_glb(surface, LIGHT, near, far, RECORD))
    assert tree["cameras"][0]["extras"]["distortion"]["k1"] == -0.1
    assert "distortion" not in tree["cameras"][1]["extras"]
    light = tree["scenes"][0]["extras"]["light"]
    assert light["name"] == "eight rows"
    np.testing.assert_allclose(light["irradiance"]["-z"], irradiance(LIGHT, np.array([[0.0, 0.0, -1.0]]))[0])
