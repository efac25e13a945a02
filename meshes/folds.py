"""Where a face folds: lid creases, smile lines, bags, furrows and crow's feet, as lines on the canonical head.

Places are (x, y) in millimetres of the canonical head seen from the front; x > 0 is the person's left.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from meshes.elementary import power, sin
from meshes.noise import keyed

_STEPS = 14


class Fold(NamedTuple):
    """A groove (or a ridge) along a line.

    Attributes:
        line_mm: (K, 2) corners.
        width_mm: (K,) deviation of the Gaussian across it.
        depth_um: (K,) micrometres; below 0 a ridge.
    """

    line_mm: np.ndarray
    width_mm: np.ndarray
    depth_um: np.ndarray


def face_folds(look: Mapping[str, float]) -> list[Fold]:
    """Every fold of one person; deeper and more of them with `look["wrinkles"]`, which grows with age."""
    rng = keyed(int(look["seed"]), 40)
    folds = [*_forehead(look, rng), *_glabella(look, rng), *_chin(look, rng)]
    for side in (1.0, -1.0):  # Both sides are drawn anew: no face is symmetric.
        for maker in (_lid_crease, _smile_line, _marionette, _bags, _crows_feet, _philtrum):
            folds += [Fold(fold.line_mm * (side, 1.0), *fold[1:]) for fold in maker(look, rng)]
    return [fold for fold in folds if np.abs(fold.depth_um).max() > 4.0]


def _along(corners: list[tuple[float, float]], rng: np.random.Generator, jitter_mm: float) -> np.ndarray:
    """(_STEPS, 2) smooth line through jittered corners."""
    points = np.array(corners) + rng.normal(0.0, jitter_mm, (len(corners), 2))
    order = len(corners) - 1
    t, knots = np.linspace(0.0, 1.0, _STEPS), np.linspace(0.0, 1.0, len(corners))
    # Lagrange's polynomial through the few corners is smooth and needs no solver.
    basis = [np.prod([(t - knots[m]) / (knots[k] - knots[m]) for m in range(order + 1) if m != k], axis=0)
             for k in range(order + 1)]  # fmt: skip
    return np.einsum("kt,kd->td", np.array(basis), points)


def _fold(line_mm: np.ndarray, width_mm: float, depth_um: float, fade: float = 1.0) -> Fold:
    """A fold that is deepest in the middle; `fade` above 1 shortens it, below 1 keeps its ends deep."""
    t = np.linspace(0.0, 1.0, len(line_mm))
    profile = power(sin(np.pi * np.clip(t, 0.02, 0.98)), fade)
    return Fold(line_mm, np.full(len(t), width_mm) * (0.6 + 0.4 * profile), depth_um * profile)


def _lid_crease(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    rise = look["lid_crease_mm"] + rng.normal(0.0, 0.25)
    inner = 0.35 * rise * look["lid_fold"]  # An epicanthic fold meets the lid's edge at the inner corner.
    line = [(16.0, 2.2 + inner), (22.5, 5.0 + 0.85 * rise), (30.5, 5.8 + rise), (38.0, 4.2 + rise), (45.0, -0.6 + rise)]
    yield _fold(_along(line, rng, 0.18), 0.55, 650.0 * look["lid_crease"], 0.45)
    if look["wrinkles"] > 0.45:
        lower = [(x + 1.0, y - 1.6) for x, y in line]
        yield _fold(_along(lower, rng, 0.3), 0.5, 130.0 * look["wrinkles"], 0.8)


def _smile_line(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    out, low = rng.normal(0.0, 1.6), rng.normal(0.0, 3.0)
    line = [(17.0, -36.5), (21.5 + 0.3 * out, -44.0), (27.0 + 0.7 * out, -54.5), (30.0 + out, -66.0 + low)]
    yield _fold(_along(line, rng, 0.4), 1.9, 1500.0 * look["smile_line"], 0.75)
    yield _fold(_along(line, rng, 0.3), 0.5, 420.0 * look["smile_line"] * look["wrinkles"], 0.7)


def _marionette(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    line = [(24.5, -70.0), (27.5, -77.0), (28.5, -87.0)]
    yield _fold(_along(line, rng, 0.6), 1.2, 900.0 * max(0.0, look["wrinkles"] - 0.25) * rng.uniform(0.4, 1.3), 0.9)


def _bags(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    drop = rng.normal(0.0, 0.8)
    trough = [(15.0, -6.5), (18.5, -12.5 + drop), (26.0, -16.5 + drop), (36.0, -15.5 + drop)]
    yield _fold(_along(trough, rng, 0.4), 1.4, 900.0 * look["eye_bags"], 0.8)
    for n in range(1 + int(3.0 * look["wrinkles"])):
        y = -9.0 - 1.6 * n
        line = [(19.0 + n, y + 0.5), (28.0, y - 1.0), (39.0 - n, y + 1.5)]
        yield _fold(_along(line, rng, 0.5), 0.45, (50.0 + 260.0 * look["wrinkles"]) * rng.uniform(0.4, 1.2), 0.8)


def _crows_feet(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    for angle in np.linspace(-0.55, 0.65, 5) + rng.normal(0.0, 0.08, 5):
        start, length = rng.uniform(46.5, 49.0), rng.uniform(5.0, 12.0) * (0.5 + 0.6 * look["wrinkles"])
        points = [(start + length * s, -1.0 + 0.6 * length * s * sin(angle) + 4.5 * angle) for s in (0.0, 0.5, 1.0)]
        depth = 420.0 * max(0.0, look["crows_feet"] - 0.08) * rng.uniform(0.3, 1.2)
        yield _fold(_along(points, rng, 0.25), 0.5, depth, 0.8)


def _philtrum(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    line = [(3.4, -49.5), (4.4, -53.0), (5.4, -57.0)]
    yield _fold(_along(line, rng, 0.15), 0.9, -250.0 * look["philtrum"] * rng.uniform(0.8, 1.2), 0.6)


def _forehead(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    for n in range(int(rng.integers(3, 6))):
        y, half = 29.0 + 7.5 * n + rng.normal(0.0, 1.2), rng.uniform(20.0, 40.0)
        shift, bow = rng.normal(0.0, 6.0), rng.normal(1.5, 2.0)
        wave = [(shift + s * half, y + bow * (s * s - 0.4) + rng.normal(0.0, 0.5)) for s in (-1.0, -0.4, 0.2, 0.7, 1.0)]
        depth = 560.0 * max(0.0, look["forehead_lines"] - 0.05) * rng.uniform(0.25, 1.1)
        yield _fold(_along(wave, rng, 0.3), 1.1, 1.3 * depth, 0.9)


def _glabella(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    for side in (1.0, -1.0):
        x, length = side * rng.uniform(3.5, 8.5), rng.uniform(9.0, 17.0)
        line = [(x, 7.0), (x + rng.normal(0.0, 0.8), 7.0 + 0.5 * length), (x * 0.9, 7.0 + length)]
        yield _fold(_along(line, rng, 0.3), 0.8, 650.0 * look["frown"] * rng.uniform(0.2, 1.0))


def _chin(look: Mapping[str, float], rng: np.random.Generator) -> Iterator[Fold]:
    line = [(-14.0, -87.0), (0.0, -84.5), (14.0, -87.0)]
    yield _fold(_along(line, rng, 0.6), 1.8, 800.0 * look["chin_crease"], 0.8)
    yield _fold(np.stack([np.full(8, rng.normal(0.0, 0.3)), np.linspace(-92.0, -103.0, 8)], axis=1), 1.2,
                500.0 * look["cleft"])  # fmt: skip
