"""Tiny cases, methods and a track to try the benchmark's machinery with; no head, no network.

A person is a disc before black; the far portrait is the near one moved by a known flow.
"""

import os
import time
from collections.abc import Mapping, Sequence

import numpy as np

from benchmark.methods.method import Answer, Question
from benchmark.suites.case import Case, Truth
from benchmark.tracks.track import Measurement, Row, Summary

SIZE = 32


def case(number: int, distance_m: float | None = 0.3, shift: int = 2) -> Case:
    """A disc of its own colour that moves `shift` pixels to the right."""
    rows, columns = np.indices((SIZE, SIZE)) + 0.5
    disc = (rows - SIZE / 2) ** 2 + (columns - SIZE / 2) ** 2 < (SIZE / 4) ** 2
    colour = np.array([60 + 20 * (number % 8), 120, 200 - 20 * (number % 8)], np.uint8)
    near, alpha = (disc[..., None] * colour).astype(np.uint8), (255 * disc).astype(np.uint8)
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[disc] = (shift, 0)
    far, far_alpha = np.roll(near, shift, axis=1), np.roll(alpha, shift, axis=1)
    middle, K = np.full(2, SIZE / 2), np.array([[100.0, 0, 16], [0, 100, 16], [0, 0, 1]])
    marks, seen = np.tile(middle, (3, 1)), np.ones(3, bool)
    question = Question(
        f"disc-{number:03d}", near, alpha, middle, 1.6, distance_m, K, marks, seen, far, far_alpha, flow, disc
    )
    truth = Truth(
        far_rgb=far, far_alpha=far_alpha, flow=flow, near_surface=disc, near_visible=disc, distance_m=distance_m, K=K,
        person=f"disc {number // 2}", source="discs", scene=number // 2, meta={"number": number},
    )  # fmt: skip
    return Case(question, truth)


class Discs:
    """A track: how wrong the flow is on the disc, how far the picture is off, and what was observed."""

    name = "discs"
    version = "1"
    metrics = ("epe_px/disc", "difference")

    def why_not(self) -> str | None:
        return None

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        told = {}
        if answer.flow is not None:
            error = np.linalg.norm(answer.flow - case.truth.flow, axis=-1)
            told["epe_px/disc"] = Measurement.of(error[case.truth.near_visible].mean())
        if answer.rgb is not None:
            told["difference"] = Measurement.of(np.abs(answer.rgb.astype(float) - case.truth.far_rgb).mean())
        return told

    def failed(self, case: Case) -> dict[str, Measurement]:
        return {"epe_px/disc": Measurement.of(99.0), "difference": Measurement.of(255.0)}

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        return {} if answer is None or answer.distance_m is None else {"discs/distance_m": [answer.distance_m]}

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        failed = sum(row.failed for row in rows)
        return {"share_failed/all": Summary(failed / len(rows), count=len(rows))}


class Missing(Discs):
    """A track that cannot be measured here."""

    name = "missing"

    def why_not(self) -> str | None:
        return "expected a package, got none; install it."


TRACKS: Mapping[str, Discs] = {"discs": Discs(), "missing": Missing()}

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
        import gc

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
