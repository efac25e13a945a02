"""Verification: is the person in the answer still taken for the one in far pictures, and for nobody else?

The answer is compared with the far pictures of everybody by two embedders, SFace and dlib's ResNet. A far picture of
the same pose and light stands for its person only where there is no other one; `self_similarity` compares with exactly
that picture. Thresholds are never those of photographs, which mean nothing on renders: people are divided in two
halves, and the threshold of either half is applied to the other.

A probe without a face is accepted by nobody at any threshold, and counts. Far pictures without a face, the same for
every method, are left out.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.methods.method import Answer
from benchmark.metrics.identity import (
    IMPOSTORS_PER_ERROR,
    Comparisons,
    accuracy,
    area,
    best_threshold,
    d_prime,
    equal_error_rate,
)
from benchmark.metrics.measured import Measured
from benchmark.metrics.statistics import ROUNDS, draws
from benchmark.suites.case import Case
from benchmark.tracks.faces import dlib_of, sface_of, why_not
from benchmark.tracks.resampled import intervals, ordered
from benchmark.tracks.track import NOTHING, Measurement, Row, Summary, answered, by_distance
from datagen.faces import cosine
from datagen.randomness import generator

FAR_RATES = {"tar_at_far_1e-2": 1e-2, "tar_at_far_1e-3": 1e-3}
"""False accept rates that thresholds are set for."""


@dataclass(frozen=True)
class Embedder:
    """A face recogniser.

    Attributes:
        models: weight files that it needs.
        look: a picture to its embedding, or None without a face.
        scores: (n, m) similarities of (n, d) and (m, d) embeddings.
        least: similarity that a missed genuine pair counts as in d', and the least of `self_similarity`.
    """

    models: tuple[str, ...]
    look: Callable[[np.ndarray], np.ndarray | None]
    scores: Callable[[np.ndarray, np.ndarray], np.ndarray]
    least: float


def closeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, m): 1 minus the Euclidean distance; dlib's own threshold on photographs is 0.4 by that."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * np.einsum("nd,md->nm", a, b)
    return 1 - np.sqrt(np.clip(squared, 0, None))


EMBEDDERS: Mapping[str, Embedder] = {
    "sface": Embedder(("sface",), sface_of, cosine, -1.0),
    "dlib": Embedder(("dlib_5pt", "dlib_resnet"), dlib_of, closeness, -1.0),
}


class Verification:
    """d', equal error rate, area under the ROC, accuracy and accepted shares, by embedder and distance."""

    name = "verification"
    version = "1"
    metrics: tuple[str, ...] = tuple(f"self_similarity/{name}" for name in EMBEDDERS)

    def why_not(self) -> str | None:
        """The detector and one embedder at least are needed."""
        reasons = [why_not(*embedder.models) for embedder in EMBEDDERS.values()]
        return reasons[0] if all(reasons) else None

    def measure(self, case: Case, answer: Answer) -> dict[str, Measurement]:
        """Similarity to the far picture of the same pose and light."""
        return {} if answer.rgb is None else self._similarities(case, answer.rgb)

    def failed(self, case: Case) -> dict[str, Measurement]:
        """As unlike as can be."""
        return self._similarities(case, None)

    def observe(self, case: Case, answer: Answer | None) -> dict[str, list[float]]:
        """Embeddings of the answer and of the far picture; empty ones where no face was found."""
        if case.truth.far_rgb is None or (answer is not None and answer.rgb is None):
            return {}
        pictures = {"answer": None if answer is None else answer.rgb, "far": case.truth.far_rgb}
        return {
            key(name, which): _numbers(None if rgb is None else embedder.look(rgb))
            for name, embedder in _at_hand().items()
            for which, rgb in pictures.items()
        }

    def summarise(self, rows: Sequence[Row]) -> dict[str, Summary]:
        """All figures of all embedders; a missing one is told with the reason."""
        told: dict[str, Summary] = {}
        for name, embedder in EMBEDDERS.items():
            seen = [row for row in answered(rows, key(name, "answer")) if key(name, "far") in row.observed]
            if seen:
                told |= _summaries(name, embedder, seen)
            elif reason := why_not(*embedder.models):
                told[f"d_prime/{name}/all"] = Summary(None, why=reason)
        return told

    def _similarities(self, case: Case, rgb: np.ndarray | None) -> dict[str, Measurement]:
        if case.truth.far_rgb is None:
            return {}
        return {
            f"self_similarity/{name}": _similarity(embedder, rgb, case.truth.far_rgb)
            for name, embedder in _at_hand().items()
        }


def key(embedder: str, which: str) -> str:
    """Name that an embedding is observed under; `which` is "answer" or "far"."""
    return f"verification/{embedder}/{which}"


def half_of(person: str) -> int:
    """0 or 1: the half that a person belongs to, by name alone."""
    return hashlib.blake2b(f"half/{person}".encode(), digest_size=1).digest()[0] & 1


def _at_hand() -> dict[str, Embedder]:
    return {name: embedder for name, embedder in EMBEDDERS.items() if not why_not(*embedder.models)}


def _similarity(embedder: Embedder, rgb: np.ndarray | None, far_rgb: np.ndarray) -> Measurement:
    own = embedder.look(far_rgb)
    if own is None:
        return NOTHING
    made = None if rgb is None else embedder.look(rgb)
    if made is None:
        return Measurement.of(embedder.least)
    return Measurement.of(max(float(embedder.scores(made[None], own[None])[0, 0]), embedder.least))


def _numbers(embedding: np.ndarray | None) -> list[float]:
    # Six digits tell more than the networks know, and halve the file.
    return [] if embedding is None else [round(float(value), 6) for value in embedding]


@dataclass(frozen=True, eq=False)
class Table:
    """Scores of all answers against all far pictures.

    Attributes:
        score: (n, m), -infinity where the answer shows no face.
        probe, gallery: (n,), (m,) int64, whom each shows.
        counts: (n, m) bool, pairs that are compared.
    """

    score: np.ndarray
    probe: np.ndarray
    gallery: np.ndarray
    counts: np.ndarray

    def pairs(self, probes: np.ndarray, of: np.ndarray | None = None) -> Comparisons:
        """Pairs of some answers (n,) bool; with far pictures of some people, `of` (m,) bool, where given."""
        chosen = self.counts & probes[:, None] & (True if of is None else of[None])
        row, column = np.nonzero(chosen)
        return Comparisons(self.score[row, column], self.probe[row], self.gallery[column])


def _table(name: str, embedder: Embedder, rows: list[Row]) -> Table:
    """One far picture of each scene, since those of its steps are the same."""
    far = {row.scene: row for row in reversed(rows) if row.observed[key(name, "far")]}
    gallery = [far[scene] for scene in sorted(far)]
    people = {person: number for number, person in enumerate(sorted({row.person for row in rows}))}
    who, whom = (np.array([people[row.person] for row in some], np.int64) for some in (rows, gallery))
    scene, other = (np.array([row.scene for row in some], np.int64) for some in (rows, gallery))
    same, there = who[:, None] == whom[None], scene[:, None] == other[None]
    elsewhere = (same & ~there).any(axis=1, keepdims=True)
    return Table(_scores(name, embedder, rows, gallery), who, whom, ~same | ~there | ~elsewhere)


def _scores(name: str, embedder: Embedder, rows: list[Row], gallery: list[Row]) -> np.ndarray:
    score = np.full((len(rows), len(gallery)), -np.inf)
    probes = [row.observed.get(key(name, "answer")) or () for row in rows]
    found = np.array([bool(len(probe)) for probe in probes], bool)
    if found.any() and gallery:
        made = np.array([probe for probe in probes if len(probe)], float)
        score[found] = embedder.scores(made, np.array([row.observed[key(name, "far")] for row in gallery], float))
    return score


def _summaries(name: str, embedder: Embedder, rows: list[Row]) -> dict[str, Summary]:
    table, halves = _table(name, embedder, rows), np.array([half_of(row.person) for row in rows])
    told: dict[str, Summary] = {}
    for level, chosen in by_distance(rows):
        ids = {row.id for row in chosen}
        probes = np.array([row.id in ids for row in rows])
        told |= {
            f"{figure}/{name}/{level}": summary
            for figure, summary in (
                _figures(table.pairs(probes), embedder.least, f"{name} {level}")
                | _thresholded(table, probes, halves, f"{name} {level}")
            ).items()
        }
    return told


def _figures(pairs: Comparisons, least: float, purpose: str) -> dict[str, Summary]:
    """What needs no threshold."""
    genuine, impostor = pairs.genuine, pairs.impostor
    if not len(genuine) or not len(impostor):
        return {"d_prime": Summary(None, count=len(pairs.score), why="no pairs of one person, or none of two")}
    limits = intervals(ordered(pairs, least), generator(0, 0, f"benchmark verification {purpose}"))
    met = impostor[~np.isneginf(impostor)]
    values = {
        # Where no answer shows a face, nobody is told from anybody.
        "d_prime": d_prime(np.where(np.isneginf(genuine), least, genuine), met) if len(met) else Measured(0.0),
        "eer": equal_error_rate(genuine, impostor),
        "roc_auc": area(genuine, impostor),
    }
    return {
        figure: Summary(value.value, low, high, len(pairs.score), value.why)
        for figure, value in values.items()
        for low, high in [limits.get(figure, (None, None))]
    }


def _thresholded(table: Table, probes: np.ndarray, halves: np.ndarray, purpose: str) -> dict[str, Summary]:
    """Figures at thresholds of the other half: of all its distances, as who verifies does not know the distance."""
    half_of_person = dict(zip(table.probe.tolist(), halves.tolist(), strict=True))
    columns = np.array([half_of_person[person] for person in table.gallery.tolist()], np.int64)
    fitted = [table.pairs(halves == half, columns == half) for half in (0, 1)]
    scored = [table.pairs(probes & (halves != half), columns != half) for half in (0, 1)]
    told = {figure: _accepted(fitted, scored, rate, f"{purpose} {figure}") for figure, rate in FAR_RATES.items()}
    return told | {"verification_accuracy": _accuracy(fitted, scored)}


def threshold_at(impostor: np.ndarray, rate: float) -> float | None:
    """The laxest threshold that accepts at most `rate` of the impostors (m,); None where they are too few to tell."""
    if len(impostor) < IMPOSTORS_PER_ERROR / rate:
        return None
    strictest = np.sort(impostor)[::-1]
    # Above the first score that would be one too many.
    return float(np.nextafter(strictest[int(rate * len(impostor) * (1 + 1e-12))], np.inf))


def _accepted(fitted: list[Comparisons], scored: list[Comparisons], rate: float, purpose: str) -> Summary:
    """Share of genuine pairs accepted, over both halves; the interval is of the people scored, thresholds held."""
    thresholds = [threshold_at(pairs.impostor, rate) for pairs in fitted]
    if None in thresholds:
        least = min(len(pairs.impostor) for pairs in fitted)
        need = IMPOSTORS_PER_ERROR / rate
        return Summary(None, why=f"refused: a false accept rate of {rate:g} needs {need:.0f} impostors, got {least}")
    parts = [(pairs.one == pairs.other, pairs, threshold) for pairs, threshold in zip(scored, thresholds, strict=True)]
    accepted = np.concatenate([pairs.score[same] >= threshold for same, pairs, threshold in parts])
    people = np.concatenate([pairs.one[same] for same, pairs, _ in parts])
    if not len(accepted):
        return Summary(None, why="no pairs of one person")
    low, high = _interval(accepted, people, purpose) or (None, None)
    return Summary(float(accepted.mean()), low, high, len(accepted))


def _interval(accepted: np.ndarray, people: np.ndarray, purpose: str) -> tuple[float, float] | None:
    """Of a share when people are drawn again."""
    index = np.unique(people, return_inverse=True)[1]
    if not index.max():
        return None
    sums = np.stack([np.bincount(index, accepted), np.bincount(index)], axis=1)
    drawn = draws(len(sums), generator(0, 0, f"benchmark verification {purpose}"), ROUNDS) @ sums
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return float(low), float(high)


def _accuracy(fitted: list[Comparisons], scored: list[Comparisons]) -> Summary:
    """Mean of both halves, each at the other's best threshold."""
    values = [
        accuracy(pairs.genuine, pairs.impostor, best_threshold(other.genuine, other.impostor))
        for other, pairs in zip(fitted, scored, strict=True)
        if len(other.genuine) and len(other.impostor)
    ]
    known = [value for value in values if value.value is not None]
    if len(known) < len(fitted):
        return Summary(None, why="too few people for two halves")
    mean = float(np.mean([value.value for value in known]))
    return Summary(mean, count=sum(value.count for value in known))
