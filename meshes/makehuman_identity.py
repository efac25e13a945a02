"""People as MakeHuman coefficients: which sliders there are, how they are drawn, which targets they weigh.

Macro sliders run from 0 to 1; local sliders run from -1 (first word) to 1 (second word).
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshes.head import MeshError

RACES = ("african", "asian", "caucasian")
MACROS = ("gender", "age", "muscle", "weight", *RACES)
AVERAGE = {"gender": 0.5, "age": 0.5, "muscle": 0.5, "weight": 0.5, **dict.fromkeys(RACES, 1 / 3)}
"""The canonical adult: what a macro is where an identity does not name it."""

_OPPOSITES = (
    ("decr", "incr"),
    ("down", "up"),
    ("in", "out"),
    ("backward", "forward"),
    ("concave", "convex"),
    ("compress", "uncompress"),
)
_GENTLE = (
    "head/head-age", "head/head-scale", "head/head-trans", "neck/neck-trans", "mouth/mouth-trans", "nose/nose-trans",
    "nose/nose-base",
)  # fmt: skip
_SPREAD = {
    "asym": 0.15,
    "nose": 0.25,
    "eyes": 0.31,
    "mouth": 0.22,
    "chin": 0.26,
    "cheek": 0.34,
    "forehead": 0.28,
    "eyebrows": 0.40,
}
_LOCAL_SPREAD, _GENTLE_FACTOR, _OUTLINE_MAX = 0.2, 0.4, 0.45
_MEAN = {"mouth/mouth-angles-down-up": 0.15, "mouth/mouth-scale-vert-decr-incr": -0.15}
"""Resting mouths of the base mesh droop and pout a little."""
_FEMININE = {
    "eyebrows/eyebrows-trans-down-up": 0.25,
    "eyebrows/eyebrows-trans-backward-forward": -0.15,
    "eyes/eye-scale-decr-incr": 0.15,
    "chin/chin-width-decr-incr": -0.20,
    "chin/chin-bones-decr-incr": -0.20,
    "head/head-fat-decr-incr": 0.10,
    "nose/nose-scale-horiz-decr-incr": -0.15,
    "nose/nose-volume-decr-incr": -0.15,
    "neck/neck-scale-horiz-decr-incr": -0.15,
}
"""Where the faces of women lie further from those of men than the gender macro takes them; men lie as far opposite."""


@dataclass(frozen=True)
class Slider:
    """A signed local shape: the targets it weighs below and above zero, and the deviation it is drawn with."""

    below: tuple[str, ...]
    above: tuple[str, ...]
    spread: float


def _opposite(stem: str, names: frozenset[str]) -> tuple[str, str] | None:
    """The words (below, above) if `stem` ends in the first of a pair and its twin exists."""
    head, _, last = stem.rpartition("-")
    for low, high in (*_OPPOSITES, ("l", "r")):
        if last == low and f"{head}-{high}" in names:
            return low, high
    return None


def sliders(target_names: tuple[str, ...]) -> dict[str, Slider]:
    """Every local slider by name, sorted: `nose/nose-hump-decr-incr`, `eyes/eye-scale-decr-incr` (both eyes) ..."""
    names = frozenset(target_names)
    found: dict[str, Slider] = {}
    for name in target_names:
        pair = _opposite(name, names)
        if pair is None or name.startswith(("macro/", "arkit/")):
            continue
        twin = name.rpartition("-")[0] + "-" + pair[1]
        key = name.replace("/l-", "/").replace("/r-", "/") + "-" + pair[1]
        old = found.get(key, Slider((), (), _spread(name)))
        found[key] = Slider((*old.below, name), (*old.above, twin), old.spread)
    return dict(sorted(found.items()))


def _spread(name: str) -> float:
    spread = _SPREAD.get(name.partition("/")[0], _LOCAL_SPREAD)
    return spread * (_GENTLE_FACTOR if name.startswith(_GENTLE) else 1.0)


def outlines(target_names: tuple[str, ...]) -> tuple[str, ...]:
    """The head outlines ("head/head-oval" ...), of which a person has at most one."""
    whole = (name for name in target_names if name.startswith("head/head-"))
    return tuple(name for name in whole if name.count("-") == 1)


def _stops(value: float, stops: Mapping[str, float]) -> dict[str, float]:
    """Piecewise linear weights of named stops on a line."""
    places = list(stops.values())
    shares = {name: float(np.interp(value, places, np.eye(len(places))[k])) for k, name in enumerate(stops)}
    return {name: share for name, share in shares.items() if share > 0}


def macro_weights(shape: Mapping[str, float]) -> dict[str, float]:
    """Weights of the macro targets.

    v = base + sum g a r T[race-gender-age] + sum g a m w T[universal-gender-age-muscle-weight], the rule of
    MakeHuman: gender linear; age by the stops baby 0, child .1875, young .5, old 1; muscle and weight by the stops
    min 0, average .5, max 1; ancestry normalised to sum 1.
    """
    macro = AVERAGE | {name: shape[name] for name in MACROS if name in shape}
    gender = _stops(macro["gender"], {"female": 0.0, "male": 1.0})
    age = _stops(macro["age"], {"baby": 0.0, "child": 0.1875, "young": 0.5, "old": 1.0})
    muscle, weight = (
        _stops(macro[k], {f"min{k}": 0.0, f"average{k}": 0.5, f"max{k}": 1.0}) for k in ("muscle", "weight")
    )
    total = sum(macro[r] for r in RACES)
    race = {r: macro[r] / total for r in RACES if macro[r] > 0}
    weights: dict[str, float] = {}
    for (g, wg), (a, wa) in itertools.product(gender.items(), age.items()):
        weights |= {f"macro/{r}-{g}-{a}": wr * wg * wa for r, wr in race.items()}
        body = itertools.product(muscle.items(), weight.items())
        weights |= {f"macro/universal-{g}-{a}-{m}-{w}": wg * wa * wm * ww for (m, wm), (w, ww) in body}
    return weights


def target_weights(shape: Mapping[str, float], target_names: tuple[str, ...]) -> dict[str, float]:
    """Weights of all targets of a person.

    Raises:
        MeshError: a coefficient that is neither a macro, a slider nor an outline, or out of range.
    """
    known, whole = sliders(target_names), outlines(target_names)
    weights = {k: w for k, w in macro_weights(shape).items() if k in target_names}
    for name, value in sorted(shape.items()):
        low = -1.0 if name in known else 0.0
        if not (name in known or name in whole or name in MACROS):
            raise MeshError(f"identity: expected a MakeHuman coefficient, got {name!r}. See `sliders` for the names.")
        if not low <= value <= 1.0:
            raise MeshError(f"identity {name!r}: expected a number in [{low:g}, 1], got {value}. Clip it first.")
        if name in known:
            chosen = known[name].above if value > 0 else known[name].below
            weights |= dict.fromkeys(chosen, abs(value))
        elif name in whole:
            weights[name] = value
    return weights


def sample_shape(
    rng: np.random.Generator, target_names: tuple[str, ...], ages: tuple[float, float]
) -> dict[str, float]:
    """Draws a person: macros broadly, local shapes by a narrow normal, one head outline, some asymmetry.

    Args:
        rng: the only source of randomness.
        target_names: names of the model's targets.
        ages: range of the age macro; 0.1875 is a child of 11, 0.5 a person of 25, 1 of 90.

    Returns:
        Coefficients by name, rounded to 6 digits.
    """
    mix = rng.dirichlet([0.35] * len(RACES))
    shape = {
        "gender": float(np.clip(rng.choice([0.1, 0.9]) + rng.normal(0, 0.1), 0, 1)),
        "age": float(rng.uniform(*ages)),
        "muscle": float(np.clip(rng.normal(0.5, 0.15), 0, 1)),
        "weight": float(np.clip(rng.normal(0.5, 0.17), 0, 1)),
        **{race: float(share) for race, share in zip(RACES, mix, strict=True)},
    }
    for name, slider in sliders(target_names).items():
        mean = _MEAN.get(name, 0.0) + (1.0 - 2.0 * shape["gender"]) * _FEMININE.get(name, 0.0)
        shape[name] = float(np.clip(rng.normal(mean, slider.spread), -1, 1))
    whole = outlines(target_names)
    shape[whole[int(rng.integers(len(whole)))]] = float(rng.uniform(0, _OUTLINE_MAX))
    return {name: round(value, 6) for name, value in shape.items()}
