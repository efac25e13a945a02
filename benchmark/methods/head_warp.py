"""A mean or fitted head held under the landmarks of a portrait and seen from afar: a 3D warp without learning.

In the manner of Fried et al., "Perspective-aware Manipulation of Portrait Photos", SIGGRAPH 2016; see
`training.mean_head`. Where the distance is not told, it is fitted with the head: noses and ears tell it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from benchmark.methods.mesh_depth import EYES_APART_M, mesh_of, px_per_metre
from benchmark.methods.method import Answer, Question, Sight
from benchmark.methods.moving import moved
from datagen.faces import IBUG_68
from renderers.camera import Camera, dolly_camera, intrinsics, look_at, project
from training.mean_head import ShapeModel, fit, warp_flow

INNER = slice(27, 68)
"""Of the 68 iBUG landmarks, nose, eyes and mouth: the mesh has other ideas of jaws and brows."""
DISTANCES_M = (0.12, 4.0)
"""Within these a fitted distance is looked for."""
_USUAL_M, _USUAL_SPREAD = 0.45, 0.7
"""Geometric mean of the distances of portraits, and one standard deviation of their natural logarithm."""
_SCALE_SPREAD = 0.06
"""One standard deviation of how far apart people's eyes are, as a share."""
_NOISE = 0.016
"""One standard deviation of a detected landmark about where the mean head has it, as a share of the height."""

Landmarks = Callable[[Question, int], tuple[np.ndarray, np.ndarray]]
"""(L, 2) float64 pixels and (L,) bool, those that count."""


def true_landmarks(question: Question, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The landmarks that the question brings."""
    assert question.landmarks_px is not None
    assert question.landmarks_seen is not None
    return question.landmarks_px, question.landmarks_seen


def detected_landmarks(question: Question, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nose, eyes and mouth of the face mesh in their places among `count` landmarks. Raises MethodError."""
    pixels, seen = np.zeros((count, 2)), np.zeros(count, bool)
    pixels[INNER] = mesh_of(question)[IBUG_68[INNER], :2]
    seen[INNER] = True
    return pixels, seen


@dataclass(frozen=True, eq=False)
class HeadWarp:
    """A head under the portrait's true camera.

    Attributes:
        name, sees: as every method's.
        model: the heads.
        shapes: directions of shape that are fitted; 0 is the mean head.
        landmarks: where they come from.
    """

    name: str
    sees: frozenset[Sight]
    model: ShapeModel
    shapes: int
    landmarks: Landmarks

    def __call__(self, question: Question) -> Answer:
        """The flow of the head, the portrait carried along it, and the head."""
        assert question.distance_m is not None
        assert question.K is not None
        height, width = question.near_alpha.shape
        near = Camera(question.K, look_at(np.zeros(3), question.distance_m, np.eye(3)), height, width)
        pixels, seen = self.landmarks(question, len(self.model.landmark_face))
        vertices, _ = fit(self.model, near, pixels, seen, self.shapes)
        return warped(self.model, vertices, near, question)


@dataclass(frozen=True, eq=False)
class HeadWarpAtFittedDistance:
    """The mean head under detected landmarks at the distance that explains them best; the answer tells it."""

    model: ShapeModel
    name: str = "mean-head-estimated-distance"
    sees: frozenset[Sight] = frozenset({"near"})

    def __call__(self, question: Question) -> Answer:
        """As `HeadWarp`, with the distance that was found."""
        vertices, near, distance_m = fitted_distance(self.model, question)
        return replace(warped(self.model, vertices, near, question), distance_m=distance_m)


def warped(model: ShapeModel, vertices: np.ndarray, near: Camera, question: Question) -> Answer:
    """The answer of a head (V, 3) before the near camera."""
    far = dolly_camera(near, np.zeros(3), question.far_m)
    flow = warp_flow(replace(model.surface, vertices=vertices), near, far)
    return Answer(moved(question, flow), flow, points_m=vertices)


def fitted_distance(model: ShapeModel, question: Question) -> tuple[np.ndarray, Camera, float]:
    """Turn, distance and scale under which the mean head's landmarks fall on those detected.

    The camera looks at the eye midpoint; how large the head is in the picture says nothing of the distance, since the
    focal length is not known, so the eyes' distance apart sets the scale and what is left tells the distance. Detected
    landmarks tell little of it; where they tell nothing, it is the usual one.

    Returns:
        (V, 3) vertices of the turned head, metres; its camera; metres from camera to eyes.
    """
    mesh = mesh_of(question)
    pixels, points = mesh[IBUG_68[INNER], :2], model.landmarks(model.surface.vertices)[INNER]
    usual = np.log([px_per_metre(mesh) * EYES_APART_M / eyes_apart_m(points), _USUAL_M])

    def residual(p: np.ndarray) -> np.ndarray:
        turned = points @ Rotation.from_rotvec(p[:3]).as_matrix().T
        off = (project(_camera(question, p), turned)[0] - pixels) / (_NOISE * len(question.near_alpha))
        return np.append(off.ravel(), (p[3:5] - usual) / (_SCALE_SPREAD, _USUAL_SPREAD))

    low, high = np.log(DISTANCES_M)
    bounds = ([-2.0] * 3 + [usual[0] - 1.0, low], [2.0] * 3 + [usual[0] + 1.0, high])
    found = least_squares(residual, np.r_[0.0, 0.0, 0.0, usual], bounds=bounds, loss="soft_l1").x
    vertices = model.surface.vertices @ Rotation.from_rotvec(found[:3]).as_matrix().T
    return vertices, _camera(question, found), float(np.exp(found[4]))


def eyes_apart_m(points: np.ndarray) -> float:
    """Between the middles of the eyes, of (41, 3) iBUG landmarks 27 to 67."""
    corners = points[[9, 12, 15, 18]]  # Landmarks 36, 39, 42, 45.
    return float(np.linalg.norm(corners[:2].mean(axis=0) - corners[2:].mean(axis=0)))


def _camera(question: Question, p: np.ndarray) -> Camera:
    """Camera of log pixels a metre p[3] and log distance p[4]."""
    height, width = question.near_alpha.shape
    x, y = map(float, question.eye_px)
    scale, distance_m = np.exp(p[3:5])
    K = intrinsics(float(scale * distance_m), (x, y))
    return Camera(K, look_at(np.zeros(3), float(distance_m), np.eye(3)), height, width)
