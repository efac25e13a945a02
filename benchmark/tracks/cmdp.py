"""Nose width over face width, a figure that needs no ground truth but a far photograph: how much of what closeness adds
to it a method takes away, at 2, 3 and 4 feet of the Caltech Multi-Distance Portraits or of rendered ones like them.

Both widths are distances in the picture between points of the MediaPipe face mesh, found on the near picture, the
answer and the picture from the farthest distance: wings of the nose 49 and 279, sides of the face 234 and 454.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from benchmark.methods.method import Answer
from benchmark.metrics.statistics import ROUNDS, draws
from benchmark.suites.case import Case
from benchmark.tracks.faces import mesh_of, why_not
from benchmark.tracks.track import Measurement, Row, Summary, answered
from datagen.randomness import generator

NOSE, FACE = (49, 279), (234, 454)
FEET = (2, 3, 4)
METRES_PER_FOOT = 0.3048
TOLERANCE = 0.03
"""Distances so near to those are taken for them, as a share."""
FARTHEST_M = 4.5
"""What counts as the farthest distance: 16 feet, less a little."""

PUBLISHED = MappingProxyType(
    {
        "MediaPipe z": MappingProxyType({2: 0.38, 3: 0.32, 4: 0.33}),
        "Depth Anything V2": MappingProxyType({2: 0.43, 3: 0.59, 4: 0.78}),
    }
)
"""Shares closed on the Caltech photographs, by trial and feet: a course project of 2026, published with its code, that
moved photographs by the depth of the MediaPipe mesh or of a depth network, with one fixed strength for all distances.
The same points of the face; 347 of the 357 photographs could be used. On rendered people they are no bar."""
NEAR, MADE, FAR = "cmdp/near", "cmdp/answer", "cmdp/far"


class Cmdp:
    """Share of the gap in nose width / face width, between the near and the farthest picture, that the answer closes.

    0 leaves it as it was, 1 closes it, more overshoots. A failed answer, or one without a face, counts as one that
    made the gap twice as wide: -1.
    """

    name = "cmdp"
    version = "1"
    metrics: tuple[str, ...] = ()

    def why_not(self) -> str | None:
        """Detector and face mesh are needed."""
        return why_not("face_mesh")

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """Nothing: single ratios are noisy, and shares of small gaps more so."""
        return {}

    def failed(self, case: Case) -> dict[str, Measurement]:
        """Nothing."""
        return {}

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """The ratio in the near picture, the answer and the far picture."""
        far_rgb, feet = case.truth.far_rgb, feet_of(case.truth.distance_m)
        if far_rgb is None or feet is None or case.question.far_m < FARTHEST_M:
            return {}
        if answer is not None and answer.rgb is None:
            return {}
        near, far = width_ratio(case.question.near_rgb), width_ratio(far_rgb)
        if near is None or far is None:
            return {}
        made = None if answer is None or answer.rgb is None else width_ratio(answer.rgb)
        return {NEAR: [near], FAR: [far], MADE: [2 * near - far if made is None else made]}

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """The share of the gap between means over people, at each distance."""
        told = {}
        for feet in FEET:
            there = [row for row in answered(rows, MADE) if row.observed.get(MADE) and feet_of(row.distance_m) == feet]
            if there:
                told[f"width_gap_closed/{feet}ft"] = _gap_closed(there, feet)
        return told


def width_ratio(rgb: np.ndarray) -> float | None:
    """Nose width over face width of the largest face; None where none is found."""
    mesh = mesh_of(rgb)
    if mesh is None:
        return None
    nose, face = (float(np.linalg.norm(mesh[a, :2] - mesh[b, :2])) for a, b in (NOSE, FACE))
    return nose / face if face else None


def feet_of(distance_m: float | None) -> int | None:
    """Which of `FEET` a distance stands for, if any."""
    if distance_m is None:
        return None
    return next((f for f in FEET if abs(distance_m / (f * METRES_PER_FOOT) - 1) < TOLERANCE), None)


def gap_closed(near: np.ndarray, made: np.ndarray, far: np.ndarray) -> float | None:
    """(mean near - mean made) / (mean near - mean far) of ratios (n,); None where there is no gap."""
    gap = float(near.mean() - far.mean())
    return float(near.mean() - made.mean()) / gap if gap else None


def _gap_closed(rows: list[Row], feet: int) -> Summary:
    """Refused where chance could have made the gap: a share of next to nothing means nothing."""
    ratios = np.array([[row.observed[name][0] for name in (NEAR, MADE, FAR)] for row in rows])
    people = np.unique([row.person for row in rows], return_inverse=True)[1]
    whole = np.column_stack([ratios, np.ones(len(ratios))])
    sums = np.array([whole[people == person].sum(axis=0) for person in range(people.max() + 1)])
    near, made, far, count = (draws(len(sums), generator(0, feet, "benchmark gap"), ROUNDS) @ sums).T
    gap = near - far
    low, high = (float(v) for v in np.percentile(gap / count, (2.5, 97.5)))
    value = gap_closed(*ratios.T)
    if value is None or low <= 0:
        return Summary(None, count=len(rows), why=f"refused: the gap lies between {low:.4f} and {high:.4f}, about 0")
    if len(sums) < 2:
        return Summary(value, count=len(rows))
    low, high = np.percentile((near - made)[gap != 0] / gap[gap != 0], (2.5, 97.5))
    return Summary(value, float(low), float(high), len(rows))
