"""Methods to try the benchmark's machinery with, good ones and bad ones.

They load next to nothing: each is opened in a process of its own.
"""

import gc
import os
import time

import numpy as np

from benchmark.methods.method import Answer, Question
from benchmark.suites.case import Case

SIZE = 32
NEAR = frozenset({"near"})


class Right:
    """Knows by how much discs move."""

    name = "right"
    sees = NEAR

    def __call__(self, question: Question) -> Answer:
        return Answer(np.roll(question.near_rgb, 2, axis=1), np.full((SIZE, SIZE, 2), (2, 0), np.float32), 0.3)


class FlowOnly(Right):
    """Tells a flow; fails on one disc."""

    name = "flow-only"

    def __call__(self, question: Question) -> Answer:
        if question.id == "disc-001":
            raise RuntimeError("no disc today")
        return Answer(flow=np.zeros((SIZE, SIZE, 2), np.float32))


class Thief(Right):
    """Says that it looks at the near portrait alone, and looks for the far one wherever it might be."""

    name = "thief"

    def __call__(self, question: Question) -> Answer:
        stolen = [one for one in gc.get_objects() if isinstance(one, Question | Case) and one is not question]
        stolen = [one for one in stolen if getattr(one, "far_rgb", None) is not None]
        fields = (
            question.far_rgb,
            question.far_alpha,
            question.flow,
            question.surface,
            question.distance_m,
            question.K,
        )
        loot = question.landmarks_px is not None or any(field is not None for field in fields) or bool(stolen)
        return Answer(distance_m=9.0 if loot else 1.0)


class Alternating(Right):
    """Something else is wrong with each answer."""

    name = "alternating"

    def __call__(self, question: Question) -> Answer:
        number, good = int(question.id.rpartition("-")[2]), np.zeros((SIZE, SIZE, 2), np.float32)
        if number == 0:
            raise ValueError("not this one")
        if number == 1:
            return Answer(flow=good[:16])
        if number == 2:
            return Answer(flow=good * np.nan)
        if number == 3:
            return {"flow": good}  # type: ignore[return-value]
        if number == 4:
            return Answer(rgb=np.zeros((SIZE, SIZE, 3)))
        if number == 5:
            time.sleep(60)
        if number == 6:
            os._exit(7)
        return Answer(flow=good)


class NotOpened:
    """Cannot be made."""

    name = "not-opened"
    sees = NEAR

    def __init__(self) -> None:
        raise OSError("no such weights")


class Unnamed:
    """Lacks a name."""

    sees = NEAR

    def __call__(self, question: Question) -> Answer:
        return Answer(distance_m=1.0)


class Looker(Right):
    """Copies the far portrait, and says that it looks at it."""

    name = "looker"
    sees = frozenset({"near", "far"})

    def __call__(self, question: Question) -> Answer:
        return Answer(rgb=question.far_rgb)
