"""A case: a question and what the right answer to it is."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmark.methods.method import Question


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known about one portrait. Real photographs leave None what nobody knows: it is not measured there.

    H, W are the picture's; labels are samples at pixel centres, as in docs/conventions.md.

    Attributes:
        far_rgb: (H, W, 3) uint8 sRGB, the portrait from the far distance, black where the mask is 0.
        far_alpha: (H, W) uint8, coverage by the person.
        flow: (H, W, 2) float32 pixels, near to far; 0 off the surface.
        near_surface: (H, W) bool, the near pixel sees a surface.
        near_visible: (H, W) bool, and the far camera sees that point too.
        far_visible: (H, W) bool, the near camera sees the far pixel's point too.
        near_part, far_part: (H, W) uint8, `meshes.parts.Part`.
        distance_m: near camera to the eye midpoint.
        K: (3, 3) float64 intrinsics of the near camera, pixels.
        focal_mm35: of the near camera, 35 mm-equivalent.
        landmarks_near_px, landmarks_far_px: (L, 2) float64 pixels.
        landmarks_seen: (L,) bool, in the near view.
        person: who it is; equal text, equal person.
        source: where people come from: "makehuman", "valid", "cmdp", ...
        scene: number of the posed scene; portraits of one scene differ in their distance alone.
        meta: anything else worth keeping: expression, pose, light, the whole record.
    """

    far_rgb: np.ndarray | None = None
    far_alpha: np.ndarray | None = None
    flow: np.ndarray | None = None
    near_surface: np.ndarray | None = None
    near_visible: np.ndarray | None = None
    near_part: np.ndarray | None = None
    far_part: np.ndarray | None = None
    far_visible: np.ndarray | None = None
    distance_m: float | None = None
    K: np.ndarray | None = None
    focal_mm35: float | None = None
    landmarks_near_px: np.ndarray | None = None
    landmarks_far_px: np.ndarray | None = None
    landmarks_seen: np.ndarray | None = None
    person: str = ""
    source: str = ""
    scene: int = 0
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Case:
    """A question with everything filled in, and its truth. Methods never get one; see `benchmark.methods.method.shown`.

    Attributes:
        question: as nobody sees it whole.
        truth: what the answer is measured against.
    """

    question: Question
    truth: Truth
