"""Landmarks: whether a detector finds them where it finds them on the true far picture.

The same detector (face mesh, 68 of its points) looks at the answer and at the far picture, so that what it calls a brow
or a jaw cancels out. Errors are shares of the distance between the outer eye corners in the far picture.
"""

from collections.abc import Sequence

import numpy as np

from benchmark.methods.method import Answer
from benchmark.metrics.landmarks import cumulative_area, failure_rate, nme
from benchmark.metrics.statistics import bootstrap_mean, weighted_mean
from benchmark.realism.landmarks import REGIONS
from benchmark.suites.case import Case
from benchmark.tracks.faces import mesh_of, why_not
from benchmark.tracks.track import NOTHING, Measurement, Row, Summary, answered, by_distance
from datagen.faces import IBUG_68
from datagen.randomness import generator

WORST = 1.0
"""No face found in the answer counts as points off by the whole distance of the eyes; so do points that are worse."""
PLACES = {"all": slice(0, 68), **REGIONS}
SEEN = "landmarks/nme"
RATES = {"landmark_failures_8": failure_rate, "landmark_auc_8": cumulative_area}


class Landmarks:
    """Normalised mean error over all 68 points and by part of the face; failures and area under the curve at 8 %."""

    name = "landmarks"
    version = "1"
    metrics: tuple[str, ...] = tuple(f"nme/{place}" for place in PLACES)

    def why_not(self) -> str | None:
        """Detector and face mesh are needed."""
        return why_not("face_mesh")

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """Errors by part of the face; nothing where the detector does not know the far picture either."""
        if answer.rgb is None or case.truth.far_rgb is None:
            return {}
        true = mesh_of(case.truth.far_rgb)
        if true is None:
            return dict.fromkeys(self.metrics, NOTHING)
        found = mesh_of(answer.rgb)
        return self.failed(case) if found is None else _errors(found[IBUG_68, :2], true[IBUG_68, :2])

    def failed(self, case: Case) -> dict[str, Measurement]:
        """No face."""
        if case.truth.far_rgb is None:
            return {}
        known = mesh_of(case.truth.far_rgb) is not None
        return dict.fromkeys(self.metrics, Measurement.of(WORST) if known else NOTHING)

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """The error over all points; nothing where no face was found or the answer failed."""
        errors = self.failed(case) if answer is None else self.measure(case, answer)
        error = errors.get("nme/all", NOTHING).value
        return {} if error is None else {SEEN: [error]}

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """Share of answers that are off by more than 8 %, and the area under the curve up to there."""
        seen = [row for row in answered(rows, SEEN) if row.observed.get(SEEN)]
        return {
            f"{name}/{level}": _rate(name, chosen) for level, chosen in by_distance(seen) if chosen for name in RATES
        }


def _errors(found: np.ndarray, true: np.ndarray) -> dict[str, Measurement]:
    errors = {}
    for place, points in PLACES.items():
        chosen = np.zeros(68, bool)
        chosen[points] = True
        error = nme(found, true, chosen).value
        errors[f"nme/{place}"] = NOTHING if error is None else Measurement.of(min(error, WORST))
    return errors


def _rate(name: str, rows: list[Row]) -> Summary:
    each = [RATES[name](np.array(row.observed[SEEN])) for row in rows]
    value = weighted_mean(each).value
    numbers = {person: number for number, person in enumerate(sorted({row.person for row in rows}))}
    people = [numbers[row.person] for row in rows]
    low, high = bootstrap_mean(each, people, generator(0, 0, f"benchmark {name}")) or (None, None)
    return Summary(value, low, high, len(rows))
