"""A mean head held where the portrait's landmarks are, and seen from afar: a 3D warp without learning.

In the manner of Fried et al., "Perspective-aware Manipulation of Portrait Photos", SIGGRAPH 2016: fit pose (and shape)
to landmarks under a perspective camera, move that camera away, take the flow of the fitted surface.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from torch import Tensor

from datagen.heads import open_model
from datagen.randomness import generator
from meshes.hair import beard_look, style_look
from meshes.head import Pose, Style
from meshes.surface import Surface
from renderers.camera import Camera, dolly_camera, look_at, project
from renderers.exact import interpolate, rasterize, see
from training.data import Batch

_PRIOR_PX = 2.0
"""One standard deviation of shape weighs as much as this error of one landmark."""


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """Neutral heads without hair as a mean and what varies most.

    Attributes:
        surface: the mean head, metres, eye midpoint at the origin.
        basis: (K, V, 3) float64 metres a standard deviation.
        landmark_face, landmark_barycentric: (L,), (L, 3) as in `meshes.head.Head`.
    """

    surface: Surface
    basis: np.ndarray
    landmark_face: np.ndarray
    landmark_barycentric: np.ndarray

    def points(self, weights: np.ndarray) -> np.ndarray:
        """(V, 3) vertices for weights (k,) of the first k directions."""
        return self.surface.vertices + np.einsum("k,kvd->vd", weights, self.basis[: len(weights)])

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """(L, 3) of vertices (V, 3)."""
        corners = points[self.surface.faces[self.landmark_face]]
        return np.einsum("lk,lkd->ld", self.landmark_barycentric, corners)


@lru_cache(maxsize=2)
def shape_model(people: int = 48, shapes: int = 12) -> ShapeModel:
    """Mean and principal directions of people drawn from the embedded head model, always the same ones."""
    model, bald = open_model("makehuman"), Style(look={**style_look("bald"), **beard_look("shaven")})
    drawn = (model.sample_identity(generator(0, number, "mean head")) for number in range(people))
    heads = [model.head(identity, {}, Pose(), bald) for identity in drawn]
    surface = heads[0].surface
    fibre = np.array([material.fibre for material in surface.materials])[surface.material]
    solid = surface.face_label & ~fibre
    count = int(surface.faces[solid].max()) + 1
    table = np.stack([head.surface.vertices[:count] - head.eye_midpoint for head in heads])
    _, spread, directions = np.linalg.svd((table - table.mean(0)).reshape(people, -1), full_matrices=False)
    basis = (directions[:shapes] * (spread[:shapes, None] / np.sqrt(people - 1))).reshape(shapes, count, 3)
    number = np.cumsum(solid) - 1
    mean = replace(
        surface,
        vertices=table.mean(0),
        normals=surface.normals[:count],
        uv=surface.uv[:count],
        color=surface.color[:count],
        faces=surface.faces[solid],
        part=surface.part[solid],
        material=surface.material[solid],
        cutout=surface.cutout[solid],
        occluder_faces=surface.occluder_faces[:0],
    )
    return ShapeModel(mean, basis, number[heads[0].landmark_face], heads[0].landmark_barycentric)


def fit(
    model: ShapeModel, camera: Camera, pixels: np.ndarray, seen: np.ndarray, shapes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Turn and shape under which the model's landmarks fall on those of a portrait.

    Args:
        model: the heads.
        camera: of the portrait; its optical axis passes through the eye midpoint, `T_camera_head` the frontal one.
        pixels: (L, 2) landmarks in the portrait; `seen` (L,) bool says which are there.
        shapes: how many directions of shape to fit; 0 keeps the mean head.

    Returns:
        (V, 3) vertices of the turned head, metres, head frame of the camera; (shapes,) weights in standard deviations.
    """
    rows = np.flatnonzero(seen)
    corners, weights = model.surface.faces[model.landmark_face[rows]], model.landmark_barycentric[rows]
    mean = np.einsum("lk,lkd->ld", weights, model.surface.vertices[corners])
    basis = np.einsum("lk,nlkd->nld", weights, model.basis[:shapes][:, corners])

    def residual(p: np.ndarray) -> np.ndarray:
        points = (mean + np.einsum("n,nld->ld", p[3:], basis)) @ Rotation.from_rotvec(p[:3]).as_matrix().T
        return np.concatenate([(project(camera, points)[0] - pixels[rows]).ravel(), _PRIOR_PX * p[3:]])

    found = least_squares(residual, np.zeros(3 + shapes), loss="soft_l1", f_scale=4.0).x
    return model.points(found[3:]) @ Rotation.from_rotvec(found[:3]).as_matrix().T, found[3:]


@dataclass(frozen=True)
class HeadWarp:
    """The warp as a predictor, told the true camera and true landmarks.

    Attributes:
        shapes: directions of shape that are fitted; 0 is the mean head.
        far_m: distance of the far camera.
    """

    shapes: int = 0
    far_m: float = 1.6

    def __call__(self, batch: Batch) -> Tensor:
        """Flow (N, 2, H, W); pixels that the fitted head leaves out move like the nearest one that it covers."""
        rows = range(len(batch["near"]))
        flows = [self._one({name: value[row].cpu() for name, value in batch.items()}) for row in rows]
        return torch.from_numpy(np.stack(flows)).movedim(-1, 1).to(batch["flow"])

    def _one(self, sample: Batch) -> np.ndarray:
        T = look_at(np.zeros(3), float(sample["distance_m"]), np.eye(3))
        near = Camera(sample["K"].numpy(), T, sample["near"].shape[-2], sample["near"].shape[-1])
        pixels, seen = sample["landmarks_px"].numpy(), sample["landmarks_seen"].numpy()
        vertices, _ = fit(shape_model(), near, pixels, seen, self.shapes)
        surface = replace(shape_model().surface, vertices=vertices)
        return warp_flow(surface, near, dolly_camera(near, np.zeros(3), self.far_m))


def warp_flow(surface: Surface, near: Camera, far: Camera) -> np.ndarray:
    """(H, W, 2) float32: exact flow of a surface, continued beyond its outline by the nearest pixel."""
    hits = rasterize(surface, near)
    covered, *_, points, _ = interpolate(surface, near, hits)
    flow = np.zeros((*covered.shape, 2), np.float32)
    if covered.any():
        flow[covered] = see(far, points)[:, 3:] - see(near, points)[:, 3:]
        r, c = distance_transform_edt(~covered, return_distances=False, return_indices=True)
        flow = flow[r, c]
    return flow
