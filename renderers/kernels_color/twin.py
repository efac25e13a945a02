"""Readable twins of the compiled loops, one sample or one map at a time, in float64 numpy.

Written to be compared with, not to be fast; every formula's source stands beside the compiled version.
"""

import numpy as np

from meshes.surface import Material, Surface
from renderers.camera import Camera
from renderers.prefilter import LEVEL_ROUGHNESS, Prefiltered


def lookup(square: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(3,) bilinear value of an octahedral map (n, n, 3) in one direction (3,)."""
    x, y, z = direction / np.abs(direction).sum()
    if y < 0:
        x, z = np.copysign(1 - abs(z), x), np.copysign(1 - abs(x), z)
    column, row = (np.array([x, z]) + 1) / 2 * (len(square) - 1)
    c, r = min(int(column), len(square) - 2), min(int(row), len(square) - 2)
    across = np.array([1 - (column - c), column - c])
    down = np.array([1 - (row - r), row - r])
    return np.einsum("r,c,rck->k", down, across, square[r : r + 2, c : c + 2])


def height_map(at: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """(size, size): the greatest height of faces turned away from the light, over whole-numbered texels."""
    top = np.full((size, size), -np.inf)
    rows, columns = np.mgrid[:size, :size]
    for a, b, c in at[faces].astype(np.float64):
        edges = np.stack([b - a, c - a], axis=1)[:2]
        if np.linalg.det(edges) >= 0:
            continue
        s, t = np.linalg.solve(edges, np.stack([columns.ravel() - a[0], rows.ravel() - a[1]])).reshape(2, size, size)
        height = a[2] + s * (b - a)[2] + t * (c - a)[2]
        inside = (s >= 0) & (t >= 0) & (s + t <= 1)
        top[inside] = np.maximum(top, height)[inside]
    return top


def visible(point: np.ndarray, top: np.ndarray, texel_m: float) -> float:
    """Share of light at a point (x, y in texels; height in metres): four comparisons, bilinear."""
    c, r = int(point[0]), int(point[1])
    s, t = point[0] - c, point[1] - r
    clear = np.clip(1 - (top[r : r + 2, c : c + 2] - point[2]) / texel_m, 0, 1)
    return float(np.array([1 - t, t]) @ clear @ np.array([1 - s, s]))


def to_eye(camera: Camera, point_head: np.ndarray) -> np.ndarray:
    """(3,) unit vector from a point (3,) to the camera, head frame."""
    R, t = camera.T_camera_head[:3, :3], camera.T_camera_head[:3, 3]
    away = R[2] if camera.orthographic else point_head + R.T @ t
    return -away / np.linalg.norm(away)


def opaque(
    surface: Surface,
    share: np.ndarray,
    lights: Prefiltered,
    table: np.ndarray,
    camera: Camera,
    face: int,
    weight: np.ndarray,
) -> np.ndarray:
    """(3,) linear colour of one point of an untextured opaque face.

    Args:
        share: (V, 3), the part of each vertex's irradiance that arrives; highlights arrive whole.
        table: (n, 2) from `preview.reflectance_table` for the face's material, which has no narrow highlight.
        weight: (3,) of the face's corners.
    """  # fmt: skip
    corner, material = surface.faces[face], surface.materials[surface.material[face]]
    a, b, c = surface.vertices[corner]
    eye = to_eye(camera, weight @ surface.vertices[corner])
    normal = weight @ surface.normals[corner].astype(np.float64)
    normal /= np.linalg.norm(normal)
    normal = normal if np.cross(b - a, c - a) @ eye >= 0 else -normal
    albedo, lit = weight @ surface.color[corner], weight @ share[corner]
    matt, skin = lookup(lights.matt, normal), lookup(lights.skin, normal)
    received = matt + material.subsurface * (skin - matt)
    cosine = float(normal @ eye)
    scale, bias = (np.interp(cosine, np.linspace(0, 1, len(table)), column) for column in table.T)
    reflected = material.specular * scale + bias
    mirror = _glossy(lights.glossy, material, 2 * cosine * normal - eye)
    return albedo * received * bounced(lit, albedo) * (1 - reflected) + reflected * mirror


def bounced(lit: np.ndarray, albedo: np.ndarray) -> np.ndarray:
    """Lit share with interreflection from surroundings of the same albedo."""
    a = 2.0404 * albedo - 0.3324
    b = -4.7951 * albedo + 0.6417
    c = 2.7552 * albedo + 0.6903
    return np.maximum(lit, ((lit * a + b) * lit + c) * lit)


def _glossy(levels: np.ndarray, material: Material, direction: np.ndarray) -> np.ndarray:
    values = np.array([lookup(level, direction) for level in levels])
    return np.array([np.interp(material.roughness, LEVEL_ROUGHNESS, values[:, channel]) for channel in range(3)])
