"""Small scenes with known answers for tests of the preview: a ball, a square, white and black light."""

import numpy as np
import trimesh

from meshes.surface import Material, Surface
from renderers.camera import Camera, look_at
from renderers.light import EnvironmentLight

WHITE = EnvironmentLight(np.ones((64, 128, 3), np.float32), "white")
BLACK = EnvironmentLight(np.zeros((64, 128, 3), np.float32), "black")
MATT = Material("matt", specular=0.0)


def surface_of(mesh: trimesh.Trimesh, made_of: Material = MATT, color: float = 1.0, **changes: object) -> Surface:
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32)
    fields = {
        "vertices": vertices, "faces": faces, "normals": np.asarray(mesh.vertex_normals, np.float32),
        "uv": np.zeros((len(vertices), 2), np.float32), "color": np.full((len(vertices), 3), color, np.float32),
        "part": np.ones(len(faces), np.uint8), "material": np.zeros(len(faces), np.uint8),
        "materials": (made_of,), "cutout": np.full(len(faces), -1, np.int32),
    }  # fmt: skip
    return Surface(**{**fields, **changes})  # type: ignore[arg-type]


def ball(radius: float = 0.1, subdivisions: int = 4) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions, radius)


def square(width: float = 1.0, uv: bool = True) -> Surface:
    """A square in the plane z = 0 that faces +Z, white, u to the right and v upwards."""
    corner = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    plane = trimesh.Trimesh(corner * width / 2, [[0, 1, 2], [0, 2, 3]], process=False)
    return surface_of(plane, uv=((corner[:, :2] + 1) / 2).astype(np.float32))


def camera(size: int = 64, distance_m: float = 0.5, kind: str = "perspective", focal: float = 1.6) -> Camera:
    scale = focal * size if kind == "perspective" else focal * size / distance_m
    K = np.array([[scale, 0, size / 2], [0, scale, size / 2], [0, 0, 1]])
    return Camera(K, look_at(np.zeros(3), distance_m, np.eye(3)), size, size, kind)  # type: ignore[arg-type]


def open_to_light(surface: Surface) -> np.ndarray:
    return np.ones((len(surface.vertices), 3), np.float32)
