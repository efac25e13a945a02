"""Tiny cases and tracks to try the benchmark's machinery with; no head, no network.

A person is a disc before black; the far portrait is the near one moved by a known flow.
"""

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
