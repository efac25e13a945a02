"""Camera parameters: how far the camera was, its focal length, and which of two portraits of a person is nearer."""

from collections.abc import Sequence

import numpy as np

from benchmark.methods.method import Answer
from benchmark.metrics.camera import distance_log2_error, ordering_accuracy, relative_focal_error
from benchmark.metrics.measured import Measured
from benchmark.metrics.statistics import bootstrap_mean, weighted_mean
from benchmark.suites.case import Case
from benchmark.tracks.track import Measurement, Row, Summary, answered
from datagen.randomness import generator

WORST_OCTAVES = 4.0
"""A failed distance counts as wrong by a factor of 16: more than the range of all suites up to 1.6 m. So does any
that is worse."""
SEEN = "camera/distance_m"


class Camera:
    """Distance, focal length, ordering.

    A portrait is framed by its eyes, so nothing but the distance is unknown of its focal length: the plane of the eyes
    keeps its size, f / distance is known, and f told = f true x distance told / distance true.
    """

    name = "camera"
    version = "1"
    metrics: tuple[str, ...] = ("distance_log2_error", "focal_relative_error")

    def why_not(self) -> str | None:
        """Nothing is needed."""
        return None

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """Errors of the distance and of the focal length that follows from it."""
        true_m = case.truth.distance_m
        if answer.distance_m is None or true_m is None:
            return {}
        told, true = np.array([answer.distance_m], float), np.array([true_m])
        error = distance_log2_error(told, true).value
        assert error is not None
        return self._errors(case, min(error, WORST_OCTAVES), float(told[0] / true_m))

    def failed(self, case: Case) -> dict[str, Measurement]:
        """Wrong by a factor of 16, too far."""
        known = case.truth.distance_m is not None
        return self._errors(case, WORST_OCTAVES, 2**WORST_OCTAVES) if known else {}

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """The distance that was told."""
        if answer is None:
            return {SEEN: []}
        return {} if answer.distance_m is None else {SEEN: [float(answer.distance_m)]}

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """Share of the pairs of one person's portraits, at different distances, of which the farther was told."""
        people: dict[str, list[Row]] = {}
        for row in answered(rows, SEEN):
            if row.distance_m is not None:
                people.setdefault(row.person, []).append(row)
        told = [_ordering(people[person]) for person in sorted(people)]
        share = weighted_mean(told)
        if share.value is None:
            return {}
        interval = bootstrap_mean(told, range(len(told)), generator(0, 0, "benchmark ordering"))
        low, high = interval or (None, None)
        return {"distance_ordering/all": Summary(share.value, low, high, sum(pairs.count for pairs in told))}

    def _errors(self, case: Case, octaves: float, ratio: float) -> dict[str, Measurement]:
        errors = {"distance_log2_error": Measurement.of(octaves)}
        if case.truth.K is None:
            return errors
        true_px = case.truth.K[:1, 0]
        error = relative_focal_error(true_px * min(ratio, 2**WORST_OCTAVES), true_px).value
        return errors if error is None else {**errors, "focal_relative_error": Measurement.of(error)}


def _ordering(rows: list[Row]) -> Measured:
    """Of one person: share of pairs told in order, weighing as many as there are; one with a failed answer is wrong."""
    true_m = np.array([row.distance_m for row in rows], float)
    there = np.array([bool(row.observed.get(SEEN)) for row in rows])
    told_m = np.array([row.observed[SEEN][0] for row in rows if row.observed.get(SEEN)], float)
    pairs, right = ordering_accuracy(true_m, true_m).count, ordering_accuracy(told_m, true_m[there])
    if not pairs:
        return Measured(None, 0.0)
    return Measured((right.value or 0.0) * right.count / pairs, float(pairs), pairs)
