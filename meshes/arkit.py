"""The 52 ARKit expressions: their names, what excludes what, and plausible random combinations.

Weights are in [0, 1]; Left and Right are the person's.
"""

import difflib
from collections.abc import Mapping

import numpy as np

from meshes.head import MeshError

_PAIRED = """
    browDown browOuterUp cheekSquint eyeBlink eyeLookDown eyeLookIn eyeLookOut eyeLookUp eyeSquint eyeWide
    mouthDimple mouthFrown mouthLowerDown mouthPress mouthSmile mouthStretch mouthUpperUp noseSneer
""".split()
_SINGLE = """
    browInnerUp cheekPuff jawForward jawLeft jawOpen jawRight mouthClose mouthFunnel mouthLeft mouthPucker
    mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper tongueOut
""".split()

ARKIT: tuple[str, ...] = tuple(sorted(_SINGLE + [name + side for name in _PAIRED for side in ("Left", "Right")]))
"""All 52 names, sorted."""

_BROWS: tuple[dict[str, float], ...] = (
    {"browInnerUp": 0.7, "browOuterUp": 0.7},
    {"browInnerUp": 0.8},
    {"browOuterUp": 0.7},
    {"browDown": 0.9},
    {"browDown": 0.5, "browInnerUp": 0.4},
)
_LIDS: tuple[dict[str, float], ...] = (
    {"eyeBlink": 1.0},
    {"eyeBlink": 0.4},
    {"eyeSquint": 0.8},
    {"eyeSquint": 0.5, "cheekSquint": 0.7},
    {"eyeWide": 0.8},
)
_MOUTHS: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.8, "cheekSquint": 0.4},
    {"mouthSmile": 0.9, "mouthUpperUp": 0.4, "mouthLowerDown": 0.3, "jawOpen": 0.15, "cheekSquint": 0.6},
    {"mouthSmile": 0.8, "jawOpen": 0.45, "mouthUpperUp": 0.3, "cheekSquint": 0.5},
    {"mouthSmile": 0.5, "mouthDimple": 0.6},
    {"mouthFrown": 0.8, "mouthShrugLower": 0.4},
    {"mouthFrown": 0.5, "mouthStretch": 0.6, "mouthLowerDown": 0.4},
    {"mouthPress": 0.8},
    {"mouthRollLower": 0.6, "mouthRollUpper": 0.5},
    {"mouthShrugLower": 0.7, "mouthShrugUpper": 0.6},
    {"mouthUpperUp": 0.6, "noseSneer": 0.8},
    {"mouthLeft": 0.7},
    {"mouthRight": 0.7},
    {"cheekPuff": 0.8, "mouthPress": 0.3},
    {"mouthPucker": 0.9},
    {"mouthFunnel": 0.8, "jawOpen": 0.2},
    {"jawOpen": 0.9},
    {"jawOpen": 0.6, "mouthStretch": 0.5},
    {"jawOpen": 0.5, "tongueOut": 0.9},
    {"jawOpen": 0.35},  # vowel "a"
    {"jawOpen": 0.15, "mouthStretch": 0.4},  # "e"
    {"jawOpen": 0.25, "mouthFunnel": 0.5, "mouthPucker": 0.3},  # "o"
    {"jawOpen": 0.08, "mouthPucker": 0.7},  # "u"
    {"jawOpen": 0.10, "mouthRollLower": 0.5, "mouthUpperUp": 0.2},  # "f"
    {"jawOpen": 0.35, "mouthClose": 0.3, "mouthPress": 0.3},  # "m"
)
_JAWS: tuple[dict[str, float], ...] = ({"jawLeft": 0.6}, {"jawRight": 0.6}, {"jawForward": 0.7})
_GROUPS = ((_BROWS, 0.55), (_LIDS, 0.5), (_MOUTHS, 0.8), (_JAWS, 0.08))

EXCLUSIVE: tuple[tuple[str, str], ...] = (
    ("jawLeft", "jawRight"),
    ("mouthLeft", "mouthRight"),
    *((f"eyeWide{side}", f"{other}{side}") for side in ("Left", "Right") for other in ("eyeBlink", "eyeSquint")),
    *((f"mouthSmile{side}", f"mouthFrown{side}") for side in ("Left", "Right")),
    *((f"browDown{side}", f"browOuterUp{side}") for side in ("Left", "Right")),
    ("mouthPucker", "cheekPuff"),
)
"""Pairs that `sample_expression` never draws together."""


def check_expression(expression: Mapping[str, float], supported: tuple[str, ...]) -> None:
    """Refuses what a head cannot show.

    Raises:
        MeshError: a name the head does not know (the nearest one is named), or a weight outside [0, 1].
    """
    for name, weight in expression.items():
        if name not in supported:
            near = difflib.get_close_matches(name, supported, n=1, cutoff=0.0)
            hint = f" Did you mean {near[0]!r}?" if near else " This head has no expressions; leave it out."
            raise MeshError(f"expression: expected one of {len(supported)} ARKit names, got {name!r}.{hint}")
        if not 0.0 <= weight <= 1.0:
            raise MeshError(f"expression {name!r}: expected a weight in [0, 1], got {weight}. Clip it first.")


def _sides(name: str, weight: float, lean: float) -> dict[str, float]:
    """A paired action on both sides, the weaker side fainter by |lean|; a single one as it is."""
    if name not in _PAIRED:
        return {name: weight}
    return {f"{name}Left": weight * (1 - max(lean, 0.0)), f"{name}Right": weight * (1 + min(lean, 0.0))}


def sample_expression(rng: np.random.Generator, supported: tuple[str, ...], strength: float) -> dict[str, float]:
    """Draws a plausible expression: at most one action of the brows, lids, mouth and jaw each.

    Left and right go together with some asymmetry, now and then on one side only; mouthClose, which only undoes
    an opening, never exceeds jawOpen.

    Args:
        rng: the only source of randomness.
        supported: the names a head understands; others are left out.
        strength: in [0, 1]; 0 is neutral, 1 reaches extremes.

    Returns:
        Weights in (0, 1] by name, in the order of `ARKIT`; zeros are left out.

    Raises:
        MeshError: strength outside [0, 1].
    """
    if not 0.0 <= strength <= 1.0:
        raise MeshError(f"strength: expected a number in [0, 1], got {strength}. 0 is neutral, 1 extreme.")
    weights: dict[str, float] = {}
    for choices, chance in _GROUPS:
        shown, which = rng.random() < chance, int(rng.integers(len(choices)))
        level = strength * rng.uniform(0.35, 1.1)
        lean = float(rng.choice([-1.0, 1.0])) if rng.random() < 0.08 else float(np.clip(rng.normal(0, 0.15), -1, 1))
        for name, share in choices[which].items() if shown else ():
            for sided, weight in _sides(name, min(1.0, level * share), lean).items():
                weights[sided] = max(weights.get(sided, 0.0), weight)
    return _settle(weights, supported)


def _settle(weights: dict[str, float], supported: tuple[str, ...]) -> dict[str, float]:
    """Drops the weaker of two that exclude each other, ties mouthClose to jawOpen, keeps what the head knows."""
    for a, b in EXCLUSIVE:
        if a in weights and b in weights:
            del weights[a if weights[a] < weights[b] else b]
    if "mouthClose" in weights:
        weights["mouthClose"] = min(weights["mouthClose"], weights.get("jawOpen", 0.0))
    return {name: round(weights[name], 6) for name in ARKIT if weights.get(name, 0.0) > 1e-3 and name in supported}
