"""ARKit expressions out of VALID's morph targets: 44 of the 52 names, each a weighted sum.

Upstream's R and L are the person's; RR and LL mean the outer part. docs/valid.md says what has no counterpart.
"""

from collections.abc import Mapping

from meshes.arkit import ARKIT

_PAIRED: dict[str, dict[str, float]] = {
    "browDown": {"{s}browDown": 1.0, "{ss}browDown": 0.8},
    "browOuterUp": {"{ss}browUp": 1.0},
    "eyeBlink": {"{s}eyeClose": 1.0},
    "eyeLookDown": {"{s}eyeClose": 0.35},
    "eyeLookIn": {},
    "eyeLookOut": {},
    "eyeLookUp": {"{s}eyeOpen": 1.0},
    "eyeSquint": {"{s}squint": 0.35, "{s}lowLid": 0.5},
    "eyeWide": {"{s}eyeOpen": 1.0},
    "mouthDimple": {"{s}lipCorner": 0.8},
    "mouthFrown": {"{s}mouthSad": 1.0},
    "mouthLowerDown": {"{s}lipDown": 0.9},
    "mouthSmile": {"{s}smileClose": 1.0},
    "mouthStretch": {"{s}lipSide": 1.0},
    "mouthUpperUp": {"{s}lipUp": 0.8},
    "noseSneer": {"{s}nostril": 1.0, "{s}disgust": 0.5, "{s}lipUp": 0.2},
}
_SINGLE: dict[str, dict[str, float]] = {
    "browInnerUp": {"Lpityful": 0.8, "Rpityful": 0.8, "LbrowUp": 0.8, "RbrowUp": 0.8},
    "cheekPuff": {"Lblow": 0.8, "Rblow": 0.8},
    "jawForward": {"JawFront": 1.0},
    "jawLeft": {"Ljaw": 1.0},
    "jawOpen": {"MouthOpen": 0.45, "Shout": 0.5},
    "jawRight": {"Rjaw": 1.0},
    "mouthFunnel": {"UW_U": 1.0},
    "mouthPucker": {"Kiss": 1.0},
    "mouthRollLower": {"FV": 0.5},
    "mouthRollUpper": {"MPB_Up": 0.6},
    "mouthShrugLower": {"Chin": 1.0},
    "tongueOut": {"OutMiddle_tg": 1.0, "CurlDown_Out_tg": 0.5, "MouthOpen": 0.4},
}


def _sided(weights: Mapping[str, float], side: str) -> dict[str, float]:
    letter = side[0]
    return {name.format(s=letter, ss=2 * letter): weight for name, weight in weights.items()}


MORPHS: dict[str, dict[str, float]] = {
    **{f"{name}{side}": _sided(weights, side) for name, weights in _PAIRED.items() for side in ("Left", "Right")},
    **_SINGLE,
}
"""Weights of upstream's morph targets by ARKit name."""

EXPRESSIONS: tuple[str, ...] = tuple(name for name in ARKIT if name in MORPHS)
"""The names that are supported, in the order of `ARKIT`."""


def morph_weights(expression: Mapping[str, float]) -> dict[str, float]:
    """Weights of upstream's morph targets for weights of ARKit names, summed where two names share a target."""
    total: dict[str, float] = {}
    for name, weight in expression.items():
        for morph, share in MORPHS[name].items():
            total[morph] = total.get(morph, 0.0) + weight * share
    return total
