"""The MediaPipe face mesh as a surface before the camera: its depth says how far every point moves."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import LinearNDInterpolator

from benchmark.methods.method import Answer, MethodError, Question, Sight
from benchmark.methods.moving import continued, moved, radial
from datagen.faces import face_mesh_3d, find_face

EYE_CORNERS = (33, 133, 362, 263)
"""Mesh points: outer and inner corner of the person's right eye, inner and outer one of the left."""
EYES_APART_M = 0.063
"""Between the middles of an adult's eyes."""
CORNER_FRONT_M = 0.013
"""By how much the corners of the eyes lie in front of the eyeballs' centres, on the mean of the embedded heads."""


def mesh_of(question: Question) -> np.ndarray:
    """(468, 3) float64 pixels: the face mesh of the near portrait, z away from the camera. Raises MethodError."""
    face = find_face(question.near_rgb)
    if face is None:
        raise MethodError(f"{question.id}: expected a face in the near portrait, the detector found none.")
    return face_mesh_3d(question.near_rgb, face)


def px_per_metre(mesh: np.ndarray) -> float:
    """Scale of the picture at the eyes, by the mean distance between eyes; the mesh is (468, 3)."""
    right, left = mesh[list(EYE_CORNERS[:2])].mean(axis=0), mesh[list(EYE_CORNERS[2:])].mean(axis=0)
    return float(np.linalg.norm(left - right)) / EYES_APART_M


def depth_in_front(mesh: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W) float64 metres in front of the plane of the eyeballs, linear between points, beyond them the nearest."""
    middle = mesh[list(EYE_CORNERS), 2].mean()
    z_m = (middle - mesh[:, 2]) / px_per_metre(mesh) + CORNER_FRONT_M
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    inside = LinearNDInterpolator(mesh[:, :2], z_m)(columns, rows)
    known = np.isfinite(inside)
    return continued(np.where(known, inside, 0.0), known)


@dataclass(frozen=True)
class MeshDepth:
    """The face mesh as a depth surface, told the true distance; what is beyond the face moves like its edge."""

    name: str = "mesh-depth"
    sees: frozenset[Sight] = frozenset({"near", "distance"})

    def __call__(self, question: Question) -> Answer:
        """The flow of the mesh, the portrait carried along it, and the mesh as the reconstructed face."""
        assert question.distance_m is not None
        mesh = mesh_of(question)
        z_m = depth_in_front(mesh, *question.near_alpha.shape)
        flow = radial(question, z_m, question.distance_m)
        return Answer(moved(question, flow), flow, points_m=mesh / px_per_metre(mesh))
