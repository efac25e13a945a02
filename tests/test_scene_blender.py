"""A scene's GLB in Blender's own importer: another program finds the same triangles, materials and cameras."""

import json
import subprocess

import numpy as np
import pytest
from test_scene_export import LIGHT, RECORD, cameras, small_scene

from datagen.scene_export import export_scene
from renderers.blender.process import BlenderError, command
from renderers.camera import project

SCRIPT = """
import json, sys
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=sys.argv[1])
meshes, views = ([o for o in bpy.data.objects if o.type == kind] for kind in ("MESH", "CAMERA"))
cameras = {o.name: ([list(row) for row in o.matrix_world], o.data.angle_y) for o in views}
corners = [[list(o.matrix_world @ o.data.vertices[i].co) for p in o.data.polygons for i in p.vertices] for o in meshes]
faces = sum(len(o.data.polygons) for o in meshes)
print("told " + json.dumps([faces, sorted(o.name for o in meshes), cameras, corners]))
"""


@pytest.fixture(scope="module")
def python_with_bpy() -> str:
    """The interpreter that has bpy; a Blender executable would need other arguments."""
    try:
        found = command()
    except BlenderError as error:
        pytest.skip(str(error))
    if "python" not in found[0].rsplit("/", 1)[-1]:
        pytest.skip("needs a Python with bpy")
    return found[0]


def test_blender_opens_the_glb_and_sees_points_where_our_cameras_do(tmp_path, python_with_bpy):
    surface, (near, far) = small_scene(), cameras()
    path = tmp_path / "scene.glb"
    export_scene(surface, LIGHT, near, far, path, RECORD)
    run = subprocess.run([python_with_bpy, "-c", SCRIPT, str(path)], capture_output=True, text=True, timeout=120)
    told = [line for line in run.stdout.splitlines() if line.startswith("told ")]
    assert told, run.stderr
    faces, names, seen, corners = json.loads(told[0].removeprefix("told "))
    assert faces == len(surface.faces)
    assert len(names) == 4  # Three materials, one of them also cut.
    # Blender turns +Y up into +Z up: (x, y, z) there is (x, z, -y) here.
    here = np.concatenate([np.array(c) for c in corners]) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])
    expected = surface.vertices[surface.faces].reshape(-1, 3)
    np.testing.assert_allclose(_sorted(here), _sorted(expected), atol=1e-6)
    for name, camera in (("near", near), ("far", far)):
        world, angle_y = np.array(seen[name][0]), seen[name][1]
        there = expected @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])
        x, y, z = np.linalg.inv(world)[:3, :3] @ (there - world[:3, 3]).T
        focal_px = camera.height / 2 / np.tan(angle_y / 2)
        pixels = np.stack([camera.width / 2 - focal_px * x / z, camera.height / 2 + focal_px * y / z], axis=1)
        np.testing.assert_allclose(pixels, project(camera, expected)[0], atol=0.01)


def _sorted(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(np.round(points, 5).T)]
