"""What a track is: one question about answers, with figures of each answer and figures of all of them together.

Names of figures start with a key of `benchmark.metrics.METRICS`; what follows a slash says which part of the picture,
which network, or which distances: "epe_px/face", "d_prime/sface/all", "d_prime/sface/bin3". "all" is every distance,
"bin3" the fourth bin of `training.scores.BIN_EDGES_M`, "2ft" a distance of the Caltech portraits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmark.methods.method import Answer
from benchmark.suites.case import Case
from training.scores import BIN_EDGES_M

Observed = Mapping[str, Sequence[float]]
"""What a set's figures are made from, of one answer: lists of numbers by name, fit for JSON; empty is "none"."""


@dataclass(frozen=True)
class Measurement:
    """One figure of one answer.

    Attributes:
        value: None where there is nothing to measure.
        weight: of the value in a mean over answers; 0 where there is none.
    """

    value: float | None
    weight: float

    @classmethod
    def of(cls, value: float) -> "Measurement":
        """A figure that counts like any other answer's."""
        return cls(float(value), 1.0)


NOTHING = Measurement(None, 0.0)
"""Nothing there to measure: a region that is not seen, a face that is not found in the truth."""


@dataclass(frozen=True)
class Summary:
    """One figure of a set of answers.

    Attributes:
        value: None where it cannot be told; `why` says the reason.
        low, high: 95 % interval by bootstrap over people; None where there are too few.
        count: answers (or pairs) behind it, failed ones included.
        why: reason for a value of None.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0
    why: str = ""


@dataclass(frozen=True)
class Row:
    """One answer as a set's figures see it.

    Attributes:
        id: of the question.
        distance_m: true distance; None where nobody knows.
        bin: of the distance, or None.
        person: who is shown.
        scene: number of the posed scene.
        failed: there is no usable answer.
        observed: of all tracks; a track knows its own names.
        metrics: of all tracks.
    """

    id: str
    distance_m: float | None
    bin: int | None
    person: str
    scene: int = 0
    failed: bool = False
    observed: Observed = field(default_factory=dict)
    metrics: Mapping[str, Measurement] = field(default_factory=dict)


class Track(Protocol):
    """Pure: equal arguments give equal figures, in any process and any order.

    Attributes:
        name: unique.
        version: changes whenever figures may; part of the key under which they are kept.
        metrics: every name that `measure` may give.
    """

    name: str
    version: str
    metrics: tuple[str, ...]

    def why_not(self) -> str | None:
        """Why it cannot be measured here (a package or weights are missing), with the next step; None if it can."""
        ...

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """Figures of one answer; names of what the answer is silent about, or nobody knows, are left out."""
        ...

    def failed(self, case: Case) -> dict[str, Measurement]:
        """Figures of an answer that failed: the worst outcome that the track defines."""
        ...

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """What `summarise` needs of one answer; None is a failed one. Nothing where the answer is silent."""
        ...

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """Figures of a set, over all distances and by bin where that makes sense."""
        ...


def by_distance(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Every row under "all", then the rows of each bin under its name; bins without rows are left out."""
    yield "all", list(rows)
    for index in range(len(BIN_EDGES_M) - 1):
        if chosen := [row for row in rows if row.bin == index]:
            yield f"bin{index}", chosen


def answered(rows: Sequence[Row], name: str) -> list[Row]:
    """Rows that observed `name`, and failed ones; none where a method that did answer was always silent about it.

    They are in the order of their ids: sums round differently in another.
    """
    silent = not any(name in row.observed and not row.failed for row in rows)
    if silent and not all(row.failed for row in rows):
        return []
    return sorted((row for row in rows if row.failed or name in row.observed), key=lambda row: row.id)
