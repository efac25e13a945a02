"""A scene as Blender is told it: plain arrays and plain words, nothing that needs our code to be read."""

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from meshes.parts import Part
from meshes.surface import Material, Surface
from renderers.camera import to_blender
from renderers.light import EnvironmentLight
from renderers.photo.strands import Hairs, hairs_of, strands_of
from renderers.picture import Quality, View

Arrays = dict[str, np.ndarray]


def scene_of(
    surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality
) -> tuple[dict[str, Any], Arrays]:
    """Everything a render needs.

    Returns:
        A description of plain JSON values, and the arrays it names: `body_i.*` of each body, `hair.*`, `texture_i` and
        `relief_i` of material i, `cutout_i`, and the light's `radiance`.
    """
    strands = strands_of(surface)
    kinds, kind = np.unique(np.stack([surface.material, surface.cutout], axis=1), axis=0, return_inverse=True)
    materials = [_material(surface, material, cutout) for material, cutout in kinds.tolist()]
    arrays: Arrays = {"radiance": light.radiance, **_hair(hairs_of(strands))}
    for i, material in enumerate(surface.materials):
        arrays |= {f"{name}_{i}": sheet for name, sheet in _maps(material).items()}
    arrays |= {f"cutout_{i}": sheet for i, sheet in enumerate(surface.cutouts)}
    bodies = _bodies(surface, ~strands.faces)
    for name, faces in bodies.items():
        arrays |= {f"{name}.{key}": value for key, value in _mesh(surface, faces, kind.ravel()).items()}
    description = {
        "quality": {"spp": quality.spp, "denoise": quality.denoise, "seed": quality.seed % 2**31},
        "materials": materials,
        "bodies": list(bodies),
        "views": [_view(view) for view in views],
    }
    return description, arrays


def _maps(material: Material) -> Arrays:
    maps = {"texture": material.texture, "relief": material.relief}
    return {name: sheet for name, sheet in maps.items() if sheet is not None}


def _material(surface: Surface, number: int, cutout: int) -> dict[str, Any]:
    material = surface.materials[number]
    return {
        "name": f"{number}_{material.name}_{cutout}",
        "kind": _kind(surface, number),
        "roughness": material.roughness,
        "specular": material.specular,
        "subsurface": material.subsurface,
        "oil": material.oil,
        "oil_roughness": material.oil_roughness,
        "texture": "" if material.texture is None else f"texture_{number}",
        "relief": "" if material.relief is None else f"relief_{number}",
        "cutout": "" if cutout < 0 else f"cutout_{cutout}",
    }


def _kind(surface: Surface, number: int) -> str:
    """A shell over an eye bends light, other clear things are panes."""
    material = surface.materials[number]
    if material.clear:
        return "cornea" if (surface.part[surface.material == number] == Part.CORNEA).all() else "pane"
    return "fibre" if material.fibre else "opaque"


def _hair(hairs: Hairs) -> Arrays:
    return {
        "hair.counts": np.diff(hairs.first).astype(np.int32),
        "hair.points": hairs.points,
        "hair.radius_m": hairs.radius_m,
        "hair.color": hairs.albedo,
    }


def _bodies(surface: Surface, wanted: np.ndarray) -> dict[str, np.ndarray]:
    """Ids of the wanted (F,) faces: of each piece that light enters, one by one, and last of all the rest."""
    scatters = np.array([material.subsurface > 0 for material in surface.materials])[surface.material] & wanted
    _, point = np.unique(surface.vertices, axis=0, return_inverse=True)  # Seams are split vertices.
    corner = point.ravel()[surface.faces[scatters]]
    rows, columns = corner[:, [0, 1]].ravel(), corner[:, [1, 2]].ravel()
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(point.max() + 1,) * 2)
    _, piece = connected_components(graph, directed=False)
    number = np.full(len(surface.faces), -1)
    number[scatters] = piece[corner[:, 0]]
    present = np.unique(number[wanted])[::-1]
    return {f"body_{i}": np.flatnonzero((number == n) & wanted) for i, n in enumerate(present)}


def _mesh(surface: Surface, faces: np.ndarray, kind: np.ndarray) -> Arrays:
    used, local = np.unique(surface.faces[faces], return_inverse=True)
    return {
        "vertices": surface.vertices[used].astype(np.float32),
        "faces": local.reshape(-1, 3).astype(np.int32),
        "normals": surface.normals[used],
        "uv": surface.uv[used],
        "color": surface.color[used],
        "material": kind[faces].astype(np.int32),
        "uv_per_m": uv_per_m(surface, faces),
    }


def uv_per_m(surface: Surface, faces: np.ndarray) -> np.ndarray:
    """(F, 3) float32: how much u grows along its own direction in each of the faces, how much v, in 1/m; then 0."""
    corner, uv = surface.vertices[surface.faces[faces]], surface.uv[surface.faces[faces]].astype(np.float64)
    (e, f), (p, q) = ((x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]) for x in (corner, uv))
    area = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    along_u = np.linalg.norm(q[:, 1:] * e - p[:, 1:] * f, axis=1)
    along_v = np.linalg.norm(p[:, :1] * f - q[:, :1] * e, axis=1)
    flat = (along_u > 0) & (along_v > 0)
    result = np.zeros((len(faces), 3), np.float32)
    for axis, length in enumerate((along_u, along_v)):
        result[flat, axis] = np.abs(area[flat]) / length[flat]
    return result


def _view(view: View) -> dict[str, Any]:
    camera = to_blender(view.camera)
    return {
        "matrix_world": camera.matrix_world.tolist(),
        "type": camera.type,
        "sensor_width_mm": camera.sensor_width_mm,
        "lens_mm": camera.lens_mm,
        "ortho_scale_m": camera.ortho_scale_m,
        "shift_x": camera.shift_x,
        "shift_y": camera.shift_y,
        "width": view.camera.width,
        "height": view.camera.height,
        "aperture_m": view.lens.aperture_m if view.lens and not view.camera.orthographic else 0.0,
        "focus_m": view.lens.focus_m if view.lens else 0.0,
    }
