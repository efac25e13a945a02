"""A head fitted to landmarks that a detector found: what fitting can do where nobody knows the true ones."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmark.methods.head_warp import INNER
from benchmark.tracks import faces
from datagen.faces import IBUG_68
from training.data import Batch
from training.mean_head import HeadWarp


def why_not() -> str:
    """Why nothing can be detected here; "" where it can."""
    return faces.why_not("face_mesh") or ""


@dataclass(frozen=True)
class DetectedHeadWarp:
    """`training.mean_head.HeadWarp` under detected landmarks, told the true camera; no flow where no face is found.

    Attributes:
        shapes, far_m: as there.
    """

    shapes: int = 0
    far_m: float = 1.6

    def __call__(self, batch: Batch) -> Tensor:
        """Flow (N, 2, H, W)."""
        found = [detected(picture) for picture in batch["near"] * batch["near_mask"]]
        seen = torch.zeros_like(batch["landmarks_seen"])
        pixels = torch.zeros_like(batch["landmarks_px"])
        for row, points in enumerate(found):
            if points is not None:
                pixels[row, INNER], seen[row, INNER] = torch.from_numpy(points).to(pixels), True
        flow = HeadWarp(self.shapes, self.far_m)({**batch, "landmarks_px": pixels, "landmarks_seen": seen})
        there = torch.tensor([points is not None for points in found], device=flow.device)
        return flow * there[:, None, None, None]


def detected(picture: Tensor) -> np.ndarray | None:
    """(41, 2) float64 pixels of `INNER` in a portrait (3, H, W) in [0, 1]; None where no face is found."""
    rgb = (picture.movedim(0, -1).cpu().numpy() * 255 + 0.5).astype(np.uint8)
    mesh = faces.mesh_of(rgb)
    return None if mesh is None else mesh[IBUG_68[INNER], :2]
