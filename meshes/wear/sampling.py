"""Draws what people wear as plain numbers: colours in linear light, styles by their number.

Every function draws one thing from a generator of its own, so that asking for hats does not change the glasses.
"""

import numpy as np

from meshes.elementary import exp, log
from meshes.wear.cloth import PATTERNS

GARMENTS = ("crew", "v-neck", "polo", "turtleneck", "hoodie", "tank")
"""Garments by the names that recipes use, in the order of `garment.KINDS`."""

_DYES = np.array(
    [
        *([0.010, 0.010, 0.012], [0.035, 0.037, 0.042], [0.20, 0.20, 0.20], [0.72, 0.71, 0.68]),  # black to white
        *([0.012, 0.020, 0.060], [0.05, 0.11, 0.26], [0.30, 0.42, 0.55]),  # blues
        *([0.16, 0.012, 0.016], [0.38, 0.030, 0.030], [0.50, 0.22, 0.26]),  # reds
        *([0.020, 0.060, 0.030], [0.13, 0.16, 0.075], [0.46, 0.30, 0.055]),  # greens, mustard
        *([0.36, 0.27, 0.18], [0.11, 0.065, 0.040], [0.10, 0.035, 0.12]),  # sand, brown, plum
    ]
)
_FRAME_DYES = np.array(
    [[0.008, 0.008, 0.009], [0.008, 0.008, 0.009], [0.045, 0.020, 0.008], [0.010, 0.014, 0.040], [0.11, 0.012, 0.018]]
)
_METALS = np.array([[0.80, 0.60, 0.34], [0.66, 0.66, 0.68], [0.12, 0.12, 0.13], [0.72, 0.50, 0.40]])
_METAL_FRAMES = (0, 2)
_HEADPHONE_DYES = np.array([[0.012, 0.012, 0.013], [0.55, 0.54, 0.52], [0.25, 0.24, 0.24], [0.16, 0.02, 0.02]])
_PATTERN_SHARE = {"plain": 0.50, "stripes": 0.15, "checks": 0.10, "heather": 0.15, "knit": 0.10}
ALL_AROUND_M = 0.45
"""Nearer cameras would touch a phone held before the face; what lies along the cheek or under the chin stays clear."""
BRIMS_FROM_M = 0.17
"""Nearer cameras would touch a visor or a brim; a beanie stays clear."""


def _colour(rng: np.random.Generator, table: np.ndarray, spread: float = 0.25) -> dict[str, float]:
    red, green, blue = np.clip(table[rng.integers(len(table))] * exp(spread * rng.uniform(-1, 1, 3)), 0.0, 0.85)
    return {"red": float(red), "green": float(green), "blue": float(blue)}


def sample_clothes(rng: np.random.Generator, garment: str) -> dict[str, float]:
    """Colour and weave of a garment, a name out of `GARMENTS`; see `meshes.wear.garment.dress`."""
    weave = str(rng.choice(list(_PATTERN_SHARE), p=list(_PATTERN_SHARE.values())))
    second = rng.uniform(0.15, 1.0, 3) if weave in ("stripes", "checks") else np.full(3, rng.uniform(0.45, 0.75))
    return {
        "kind": float(GARMENTS.index(garment)),
        **_colour(rng, _DYES),
        "pattern": float(PATTERNS.index(weave)),
        **{f"second_{name}": float(share) for name, share in zip(("red", "green", "blue"), second, strict=True)},
        "period_m": float(exp(rng.uniform(log(0.010), log(0.060)))),
        "seed": float(rng.integers(8)),
    }


def sample_glasses(rng: np.random.Generator) -> dict[str, float]:
    """A frame and lenses, one pair in six dark; see `meshes.wear.glasses.glasses`."""
    style = int(rng.integers(5))
    colour = _colour(rng, _METALS if style in _METAL_FRAMES else _FRAME_DYES)
    dark = rng.random() < (0.4 if style == 2 else 0.11)
    return {"style": float(style), **colour, "tint": float(dark), "scale": float(rng.uniform(0.96, 1.06))}


def sample_hat(rng: np.random.Generator, nearest_m: float) -> dict[str, float]:
    """A hat; see `meshes.wear.hats.hat`. `nearest_m` is the nearest camera's distance to the eyes."""
    style = int(rng.choice(3, p=[0.45, 0.35, 0.20]))
    return {
        "style": float(style if nearest_m >= BRIMS_FROM_M else 1),
        "low": float(rng.uniform(0.0, 1.0)),
        **_colour(rng, _DYES),
        "second": float(rng.uniform(0.3, 1.0)),
        "seed": float(rng.integers(8)),
    }


def sample_earrings(rng: np.random.Generator) -> dict[str, float]:
    """A pair of earrings; see `meshes.wear.jewels.earrings`."""
    style = int(rng.choice(3, p=[0.5, 0.3, 0.2]))
    low, high = ((0.0020, 0.0042), (0.008, 0.021), (0.010, 0.030))[style]
    return {"style": float(style), "size_m": float(rng.uniform(low, high)), **_colour(rng, _METALS, 0.1)}


def sample_headphones(rng: np.random.Generator) -> dict[str, float]:
    """A pair of headphones; see `meshes.wear.jewels.headphones`."""
    return {**_colour(rng, _HEADPHONE_DYES), "back": float(rng.uniform(0.0, 1.0))}


def sample_held(rng: np.random.Generator, nearest_m: float) -> dict[str, float]:
    """A phone or a hand, where the nearest camera, `nearest_m` from the eyes, stays clear; see `meshes.wear.held`."""
    kind = int(rng.integers(4))
    return {
        "kind": float(kind if nearest_m >= ALL_AROUND_M else 2 * (kind // 2)),
        "side": 1.0 if rng.random() < 0.5 else -1.0,
        **_colour(rng, _HEADPHONE_DYES),
        "distance_m": float(rng.uniform(0.06, 0.14)),
        "tilt": float(rng.uniform(-0.3, 0.3)),
    }
