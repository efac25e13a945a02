"""The mean head and its directions of shape, kept in a file: drawing 48 people takes longer than asking a suite."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from datagen.database import appearing, explained
from meshes.surface import Material, Surface
from training.mean_head import ShapeModel, shape_model

FILE = "mean-head-1.npz"
"""The number rises when the embedded heads change."""
_ARRAYS = ("vertices", "normals", "faces", "part")


def head_path(cache: Path) -> Path:
    """Where the head is kept."""
    return cache / "benchmark" / FILE


def make_head(cache: Path) -> None:
    """Makes the head unless it is there."""
    path = head_path(cache)
    if path.is_file():
        return
    model = shape_model()
    kept = _Opaque.of(model)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with appearing(path) as file:
            np.savez(file, basis=model.basis, **vars(kept))


@dataclass(frozen=True, eq=False)
class _Opaque:
    """Arrays of the head without cards, which labels would take for skin."""

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    landmark_face: np.ndarray
    landmark_barycentric: np.ndarray

    @staticmethod
    def of(model: ShapeModel) -> "_Opaque":
        surface, solid = model.surface, model.surface.cutout < 0
        number = np.cumsum(solid) - 1
        return _Opaque(
            surface.vertices,
            surface.normals,
            surface.faces[solid],
            surface.part[solid],
            number[model.landmark_face],
            model.landmark_barycentric,
        )


@lru_cache(maxsize=1)
def read_head(cache: Path) -> ShapeModel:
    """The head that `make_head` kept."""
    path = head_path(cache)
    with explained(path), path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        vertices, normals, faces, part = (kept[name] for name in _ARRAYS)
        basis, landmark_face, weights = (kept[n] for n in ("basis", "landmark_face", "landmark_barycentric"))
    surface = Surface(
        vertices=vertices,
        faces=faces,
        normals=normals,
        uv=np.zeros((len(vertices), 2), np.float32),
        color=np.ones((len(vertices), 3), np.float32),
        part=part,
        material=np.zeros(len(faces), np.uint8),
        materials=(Material("head"),),
        cutout=np.full(len(faces), -1, np.int32),
    )
    return ShapeModel(surface, basis, landmark_face, weights)
