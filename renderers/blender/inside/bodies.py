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


def add_strands(scene: Any, bundles: list[dict[str, Any]], arrays: Arrays, materials: list[Any]) -> None:
    """Hair as curves with a radius and a colour at every point."""
    for bundle in bundles:
        name = bundle["name"]
        curves = bpy.data.hair_curves.new(name)
        curves.add_curves(arrays[f"{name}.counts"].tolist())
        curves.points.foreach_set("position", arrays[f"{name}.points"].astype(np.float32).ravel())
        curves.points.foreach_set("radius", arrays[f"{name}.radius_m"].astype(np.float32))
        color = curves.attributes.new("albedo", "FLOAT_COLOR", "POINT")
        color.data.foreach_set("color", _with_alpha(arrays[f"{name}.color"]).ravel())
        curves.materials.append(materials[bundle["material"]])
        scene.collection.objects.link(bpy.data.objects.new(name, curves))
