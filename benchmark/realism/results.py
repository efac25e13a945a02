"""From shots to figures: everything the report says of one source of people.

Figures are None, and reasons given, where a network or the model's own data is missing.
"""

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmark.realism import statistics
from benchmark.realism.landmarks import LandmarkError, landmark_errors
from benchmark.realism.protocol import CONDITIONS, Gathered, Sighting
from benchmark.realism.skin_tone import CLASSES, ita_deg, tone_class
from benchmark.realism.statistics import Spread
from datagen.faces import SFACE_NUMBERS, cosine
from datagen.faces.shots import Shot
from datagen.randomness import generator
from datagen.roster import USUAL_LIMIT, Chosen


@dataclass(frozen=True)
class Impostors:
    """How alike different people look.

    Attributes:
        people: compared.
        sface: cosines of all pairs.
        interval: 95 % of the median, by bootstrap over people; None where there are no pairs.
        same_group: of pairs of one gender and ancestry.
        other_skin, same_skin: of pairs by whether they share some of a photographed skin.
        closest: of every person the cosine to the closest other.
        dlib: distances of all pairs by the second embedder.
    """

    people: int
    sface: Spread | None
    interval: tuple[float, float] | None
    same_group: Spread | None
    other_skin: Spread | None
    same_skin: Spread | None
    closest: Spread | None
    dlib: Spread | None


@dataclass(frozen=True)
class Genuine:
    """How alike one person's pictures look.

    Attributes:
        people, pairs: compared; the pairs are all pairs of pictures of one person.
        sface: of all pairs.
        by_change: against the passport view, by what changes.
        dlib: distances of all pairs.
        separation: 5th percentile here minus 95th of the impostors.
        d_prime: distance of both means in their pooled deviation.
    """

    people: int
    sface: Spread | None
    by_change: dict[str, Spread | None]
    dlib: Spread | None
    separation: float | None
    d_prime: float | None


@dataclass(frozen=True)
class Detection:
    """Whether faces are found: pictures shown, found, and which were not."""

    shown: int
    found: int
    misses: list[str]


@dataclass(frozen=True)
class SourceResult:
    """All figures of one source; `accepted` are its people without those a roster passes over."""

    source: str
    impostors: Impostors
    accepted: Impostors
    genuine: Genuine | None
    detection: Detection
    in_pairs: dict[str, Detection]
    landmarks: dict[str, LandmarkError] | None
    histograms: dict[str, dict[str, int]]


def analyse(gathered: Gathered) -> SourceResult:
    """The figures of a source."""
    matrix, kept = impostor_matrix(gathered)
    return SourceResult(
        gathered.source,
        _impostors(gathered, kept),
        _impostors(gathered, accepted_places(gathered, kept)),
        _genuine(gathered, statistics.pair_values(matrix)),
        _detection(gathered),
        _in_pairs(gathered.sightings),
        _landmarks(gathered.standard),
        histograms(gathered),
    )


def impostor_matrix(gathered: Gathered) -> tuple[np.ndarray, list[int]]:
    """(n, n) SFace cosines of the people whose face was found, and their places in `gathered.people`."""
    kept = [i for i, shot in enumerate(gathered.standard) if len(shot.sface)]
    return _alike([gathered.standard[i] for i in kept]), kept


def accepted_places(gathered: Gathered, kept: list[int]) -> list[int]:
    """Of the places `kept`, those that a roster with its usual limit accepts in order."""
    chosen = Chosen(USUAL_LIMIT)
    for i in kept:
        chosen = chosen.considering(i, gathered.standard[i].sface)
    return list(chosen.accepted)


def _impostors(gathered: Gathered, places: list[int]) -> Impostors:
    people, shots = [gathered.people[i] for i in places], [gathered.standard[i] for i in places]
    matrix = _alike(shots)
    shared = statistics.sharing([person.skins for person in people])
    values = statistics.pair_values(matrix)
    dlib = [shot.dlib for shot in shots if len(shot.dlib)]
    interval = statistics.bootstrap_median(matrix, generator(0, len(people), "bootstrap")) if len(values) else None
    return Impostors(
        people=len(people),
        sface=statistics.spread(values),
        interval=interval,
        same_group=statistics.spread(
            statistics.pair_values(matrix, statistics.same([person.group for person in people]))
        ),
        other_skin=statistics.spread(statistics.pair_values(matrix, ~shared)) if shared.any() else None,
        same_skin=statistics.spread(statistics.pair_values(matrix, shared)),
        closest=statistics.spread(statistics.closest_other(matrix)) if len(values) else None,
        dlib=statistics.spread(statistics.pair_values(statistics.distances(np.array(dlib)))) if dlib else None,
    )


def _alike(shots: list[Shot]) -> np.ndarray:
    vectors = np.array([shot.sface for shot in shots]).reshape(len(shots), SFACE_NUMBERS)
    return cosine(vectors, vectors)


def _genuine(gathered: Gathered, impostor: np.ndarray) -> Genuine | None:
    people = len(next(iter(gathered.conditions.values()), []))
    own = [[gathered.standard[i], *(shots[i] for shots in gathered.conditions.values())] for i in range(people)]
    pairs = [pair for shots in own for pair in itertools.combinations(shots, 2)]
    alike = _cosines(pairs)
    if not len(alike):
        return None
    change = {kind: statistics.spread(_cosines(_against_standard(gathered, kind))) for kind in CONDITIONS}
    apart = [np.linalg.norm(a.dlib - b.dlib) for a, b in pairs if len(a.dlib) and len(b.dlib)]
    return Genuine(
        people,
        statistics.spread(alike),
        change,
        statistics.spread(np.array(apart)),
        statistics.separation(alike, impostor) if len(impostor) else None,
        statistics.d_prime(alike, impostor) if len(impostor) else None,
    )


def _against_standard(gathered: Gathered, kind: str) -> list[tuple[Shot, Shot]]:
    changed = [shots for (what, _), shots in gathered.conditions.items() if what == kind]
    return [pair for shots in changed for pair in zip(gathered.standard, shots, strict=False)]


def _cosines(pairs: list[tuple[Shot, Shot]]) -> np.ndarray:
    return np.array([float(a.sface.astype(np.float64) @ b.sface) for a, b in pairs if len(a.sface) and len(b.sface)])


def _detection(gathered: Gathered) -> Detection:
    shown = [
        *((f"person {p.number}", s) for p, s in zip(gathered.people, gathered.standard, strict=True)),
        *((f"person {p.number}, turned", s) for p, s in zip(gathered.people, gathered.turned, strict=True)),
        *(
            (f"person {p.number}, {name}", s)
            for (_, name), shots in gathered.conditions.items()
            for p, s in zip(gathered.people, shots, strict=False)
        ),
    ]
    misses = [label for label, shot in shown if not shot.found[0]]
    return Detection(len(shown), len(shown) - len(misses), misses)


def _in_pairs(sightings: list[Sighting]) -> dict[str, Detection]:
    """By view."""
    views = {view: [s for s in sightings if s.view == view] for view in ("near", "far")}
    return {
        view: Detection(len(seen), sum(s.found for s in seen), [s.picture for s in seen if not s.found])
        for view, seen in views.items()
        if seen
    }


def _landmarks(shots: list[Shot]) -> dict[str, LandmarkError] | None:
    usable = [shot for shot in shots if len(shot.mesh_px) and len(shot.landmarks_px) >= 68]
    if len(usable) < 4:
        return None
    return landmark_errors(np.array([s.mesh_px for s in usable]), np.array([s.landmarks_px for s in usable]))


def histograms(gathered: Gathered) -> dict[str, dict[str, int]]:
    """How many people fall in each bin: tone of the rendered cheeks, and what the model itself says of them."""
    angles = [float(ita_deg(shot.albedo)) for shot in gathered.standard if np.isfinite(shot.albedo).all()]
    tables = {"skin tone": _counted([tone_class(angle) for angle in angles], [name for name, *_ in CLASSES])}
    shapes = [person.identity.shape for person in gathered.people]
    looks = [person.identity.look for person in gathered.people]
    if all("age" in shape for shape in shapes):
        tables["age"] = _binned([shape["age"] for shape in shapes], (0.4, 0.55, 0.65, 0.75, 0.85, 1.0))
        tables["gender"] = _binned([shape["gender"] for shape in shapes], (0.0, 0.2, 0.5, 0.8, 1.0))
    if all("hair_length_m" in look for look in looks):
        tables["hair"] = _counted([hair_class(look) for look in looks], ["none", "buzz", "short", "medium", "long"])
    return tables


def hair_class(look: Mapping[str, float]) -> str:
    """By length of the strands."""
    bounds = (("none", 0.0005), ("buzz", 0.004), ("short", 0.05), ("medium", 0.22))
    return next((name for name, below in bounds if look["hair_length_m"] < below), "long")


def _counted(labels: list[str], bins: list[str]) -> dict[str, int]:
    counts = Counter(labels)
    return {name: counts[name] for name in bins}


def _binned(values: list[float], edges: tuple[float, ...]) -> dict[str, int]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    names = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)]
    return dict(zip(names, counts.tolist(), strict=True))
