"""3D reconstruction: how far a face that is reconstructed from the answer lies from the true one.

From a picture the MediaPipe mesh is taken, with its depth; a method may give points of its own instead. Points are
brought to the true face by the best similarity, so the figure is of shape alone. What it is for the near and for the
far picture, `none` and `perfect` tell, which answer with these.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from benchmark.methods.method import Answer
from benchmark.metrics.surface import KEPT, Fit, Similarity, fit_to_surface, umeyama
from benchmark.suites.case import Case
from benchmark.tracks.faces import mesh_of, why_not
from benchmark.tracks.track import Measurement, Row, Summary
from benchmark.tracks.true_face import TrueFace, true_face
from datagen.faces import IBUG_68

WORST_MM = 20.0
"""No face, or none that covers the true one, counts as so far off; so does any that is worse."""
COVERED_M, COVERED_SHARE = 0.015, 0.9
"""Points of one's own must come within that of so many of the inner landmarks: a fitted size of nought fits well."""
INNER = slice(17, 68)
"""Landmarks without the outline of the jaw."""
CORNER_ROUNDS, ROUNDS = 150, 5
"""Of registration: to the nearest corners of triangles, which is quick, and at last to the triangles themselves."""
MOST_POINTS, TRIED_POINTS, TRIED_ROUNDS, KEPT_STARTS = 2000, 200, 12, 6
FIGURE = "surface_distance_mm/face"


class Reconstruction:
    """Mean distance of the points to the true skin and eyes of the face, millimetres."""

    name = "reconstruction"
    version = "1"
    metrics: tuple[str, ...] = (FIGURE,)

    def why_not(self) -> str | None:
        """Detector and face mesh are needed."""
        return why_not("face_mesh")

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """The distance; nothing for photographs, whose true face nobody knows."""
        if answer.points_m is None and answer.rgb is None:
            return {}
        true = true_face(case)
        if true is None:
            return {}
        if answer.points_m is not None:
            return {FIGURE: _own(answer.points_m, true)}
        assert answer.rgb is not None
        mesh = mesh_of(answer.rgb)
        return {FIGURE: Measurement.of(WORST_MM) if mesh is None else _mesh(mesh, true)}

    def failed(self, case: Case) -> dict[str, Measurement]:
        """No face."""
        return {} if true_face(case) is None else {FIGURE: Measurement.of(WORST_MM)}

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """Nothing: means over answers say it all."""
        return {}

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """Nothing."""
        return {}


def _mesh(mesh: np.ndarray, true: TrueFace) -> Measurement:
    """Of the network's mesh, whose landmarks say where to begin."""
    # From the camera's axes (down, away) to the head's (up, towards).
    points = mesh * (1.0, -1.0, -1.0)
    start = umeyama(points[IBUG_68], true.landmarks)
    return _told(_fit(points, true, start))


def _own(points: np.ndarray, true: TrueFace) -> Measurement:
    """Of points in any frame: from each of 48 starts a short fit of a few, from the best of these a whole one."""
    points = points[:: -(-len(points) // MOST_POINTS) or 1].astype(np.float64)
    if points.ndim != 2 or points.shape[1:] != (3,) or len(points) < 4 or not np.ptp(points, axis=0).any():
        return Measurement.of(WORST_MM)
    few = points[:: -(-len(points) // TRIED_POINTS)]
    starts = [*_starts(points, np.asarray(true.corners.data)), *_starts(points, true.landmarks)]
    tried = _best(few, true, starts, TRIED_ROUNDS)[:KEPT_STARTS]
    fit = _fit(points, true, _best(few, true, tried, CORNER_ROUNDS)[0])
    return _told(fit) if _covers(points, fit, true) else Measurement.of(WORST_MM)


def _best(points: np.ndarray, true: TrueFace, starts: list[Similarity], rounds: int) -> list[Similarity]:
    """Where each start leads, the best first."""
    led = [_to_corners(points, true, start, rounds) for start in starts]
    return sorted(led, key=lambda similarity: _trimmed_m(points, true, similarity))


def _fit(points: np.ndarray, true: TrueFace, start: Similarity) -> Fit:
    near = _to_corners(points, true, start, CORNER_ROUNDS)
    return fit_to_surface(points, true.vertices, true.faces, near, ROUNDS)


def _to_corners(points: np.ndarray, true: TrueFace, similarity: Similarity, rounds: int) -> Similarity:
    """`fit_to_surface` with the corners of triangles for the surface."""
    for _ in range(rounds):
        moved = similarity(points)
        distance, index = true.corners.query(moved)
        close = np.argsort(distance, kind="stable")[: max(4, round(KEPT * len(points)))]
        similarity = umeyama(points[close], true.corners.data[index[close]])
        if np.abs(similarity(points) - moved).max() < 1e-6:
            break
    return similarity


def _starts(points: np.ndarray, target: np.ndarray) -> list[Similarity]:
    """The 24 turns that bring the main axes of points onto those of a target, sizes and middles alike."""
    (middle, axes, size), (to_middle, to_axes, to_size) = _frame(points), _frame(target)
    scale = to_size / size
    turns = [to_axes @ turn @ axes.T for turn in _cube_turns()]
    return [Similarity(scale, R, to_middle - scale * R @ middle) for R in turns]


def _frame(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Middle, main axes as the columns of a rotation, and mean distance from the middle."""
    middle = points.mean(axis=0)
    axes = np.linalg.svd(points - middle, full_matrices=False)[2].T
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return middle, axes, float(np.linalg.norm(points - middle, axis=1).mean())


def _cube_turns() -> list[np.ndarray]:
    """The 24 rotations of a cube."""
    signed = [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
    return [turn for turn in signed if np.linalg.det(turn) > 0]


def _covers(points: np.ndarray, fit: Fit, true: TrueFace) -> bool:
    """Whether the fitted points come near most of the inner landmarks."""
    apart = np.linalg.norm(true.landmarks[INNER, None] - fit.similarity(points)[None], axis=2).min(axis=1)
    return bool((apart < COVERED_M).mean() >= COVERED_SHARE)


def _trimmed_m(points: np.ndarray, true: TrueFace, similarity: Similarity) -> float:
    """Both ways, so that points which shrank to a dot are no good fit."""
    moved = similarity(points)
    there = np.sort(true.corners.query(moved)[0])[: max(1, round(KEPT * len(points)))]
    back = np.linalg.norm(true.landmarks[INNER, None] - moved[None], axis=2).min(axis=1)
    return float(there.mean() + back.mean())


def _told(fit: Fit) -> Measurement:
    return Measurement.of(min(1000 * float(fit.distance_m.mean()), WORST_MM))
