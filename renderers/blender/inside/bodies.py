"""Meshes and hair curves from arrays. Blender's world is the head frame: metres, +Y up, +Z out of the face.

Vertices, colours and texture coordinates go in as they are; nothing is welded, subdivided or smoothed.
"""

from typing import Any

import bpy
import numpy as np

Arrays = dict[str, np.ndarray]


def add_bodies(scene: Any, bodies: list[str], arrays: Arrays, materials: list[Any]) -> None:
    """One object a body, since light that enters one under its skin leaves by the same one."""
    for name in bodies:
        mine = {key.removeprefix(f"{name}."): value for key, value in arrays.items() if key.startswith(f"{name}.")}
        mesh = _mesh(name, mine)
        for material in materials:
            mesh.materials.append(material)
        mesh.polygons.foreach_set("material_index", mine["material"].astype(np.int32))
        scene.collection.objects.link(bpy.data.objects.new(name, mesh))


def _mesh(name: str, arrays: Arrays) -> Any:
    faces = arrays["faces"]
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(arrays["vertices"]))
    mesh.vertices.foreach_set("co", arrays["vertices"].astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    uv = mesh.uv_layers.new(name="uv")
    uv.uv.foreach_set("vector", arrays["uv"][faces.ravel()].astype(np.float32).ravel())
    color = mesh.attributes.new("albedo", "FLOAT_COLOR", "POINT")
    color.data.foreach_set("color", _with_alpha(arrays["color"]).ravel())
    scale = mesh.attributes.new("uv_per_m", "FLOAT_VECTOR", "FACE")
    scale.data.foreach_set("vector", arrays["uv_per_m"].astype(np.float32).ravel())
    mesh.update(calc_edges=True)
    mesh.normals_split_custom_set_from_vertices(arrays["normals"].astype(np.float64).tolist())
    return mesh


def _with_alpha(color: np.ndarray) -> np.ndarray:
    return np.concatenate([color, np.ones((len(color), 1))], axis=1, dtype=np.float32)


def add_hair(scene: Any, arrays: Arrays, material: Any) -> None:
    """Hairs as curves with a radius at every point and one colour each; none where there are none."""
    counts = arrays["hair.counts"]
    if not len(counts):
        return
    hair = bpy.data.hair_curves.new("hair")
    hair.add_curves(counts.tolist())
    hair.attributes["position"].data.foreach_set("vector", arrays["hair.points"].ravel())
    hair.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", arrays["hair.radius_m"])
    color = hair.attributes.new("albedo", "FLOAT_COLOR", "CURVE")
    color.data.foreach_set("color", _with_alpha(arrays["hair.color"]).ravel())
    hair.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("hair", hair))
