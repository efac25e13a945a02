"""Dense correspondence out of both portraits by OpenCV: for the correspondence track, as they see the far portrait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.methods.method import Answer, Question, Sight
from benchmark.methods.moving import moved
from datagen.faces.tools import package

Estimator = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Flow (H, W, 2) float32 between two grey pictures (H, W) uint8."""


@dataclass(frozen=True)
class TwoView:
    """Optical flow from the near portrait to the far one.

    Attributes:
        name: of the estimator.
        estimate: the estimator.
    """

    name: str
    estimate: Estimator
    sees: frozenset[Sight] = frozenset({"near", "far"})

    def __call__(self, question: Question) -> Answer:
        """The flow, and the near portrait carried along it."""
        cv2 = package("cv2")
        near, far = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in (question.near_rgb, question.far_rgb))
        flow = np.asarray(self.estimate(near, far), np.float32)
        return Answer(moved(question, flow), flow)


def dis(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016; OpenCV's medium preset."""
    cv2 = package("cv2")
    return _asked(cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), near, far)


def deepflow(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Weinzaepfel et al., "DeepFlow: Large Displacement Optical Flow with Deep Matching", ICCV 2013.

    OpenCV's has the variational part alone, without the matching.
    """
    return _asked(package("cv2").optflow.createOptFlow_DeepFlow(), near, far)


def _asked(estimator: Any, near: np.ndarray, far: np.ndarray) -> np.ndarray:
    return estimator.calc(near, far, None)
