"""Who looks how: draws the appearance of a person as plain numbers.

Colours are linear light with sRGB primaries; every number lands in the record of the samples.
"""

import numpy as np

from meshes.hair.style import sample_brows, sample_hair

Colour = tuple[float, float, float]

_IRIS: dict[str, tuple[Colour, Colour]] = {  # outer ring, inner ring
    "dark": ((0.030, 0.015, 0.008), (0.055, 0.026, 0.011)),
    "brown": ((0.075, 0.034, 0.014), (0.130, 0.058, 0.020)),
    "hazel": ((0.085, 0.068, 0.032), (0.140, 0.075, 0.026)),
    "green": ((0.085, 0.105, 0.058), (0.150, 0.120, 0.050)),
    "blue": ((0.080, 0.110, 0.138), (0.160, 0.172, 0.165)),
    "grey": ((0.110, 0.135, 0.150), (0.180, 0.182, 0.165)),
}
_IRIS_SHARE = {
    "african": (0.70, 0.28, 0.02, 0.0, 0.0, 0.0),
    "asian": (0.62, 0.36, 0.02, 0.0, 0.0, 0.0),
    "caucasian": (0.06, 0.30, 0.18, 0.13, 0.25, 0.08),
}
# Mean and deviation on the scale of `skin_tone.MELANIN`; broad, as people of every continent are.
_MELANIN = {"african": (0.80, 0.16), "asian": (0.43, 0.18), "caucasian": (0.18, 0.17)}
_DRAWN = (0.0, 0.20, 0.365, 0.49, 0.61, 0.77, 1.0)
_EVEN = (0.0, 0.10, 0.33, 0.48, 0.61, 0.83, 1.0)
"""Where draws of the ancestries' bells go on that scale, so that every class of tone, from very light to dark, has its
fair share of people."""
_LIPSTICKS: tuple[Colour, ...] = (
    (0.27, 0.032, 0.040), (0.20, 0.022, 0.055), (0.45, 0.20, 0.15), (0.36, 0.088, 0.070), (0.44, 0.13, 0.17),
    (0.15, 0.030, 0.035), (0.30, 0.10, 0.085),
)  # fmt: skip
_EYE_SHADOWS: tuple[Colour, ...] = (
    (0.12, 0.07, 0.05), (0.05, 0.045, 0.05), (0.20, 0.10, 0.10), (0.09, 0.07, 0.13), (0.06, 0.09, 0.13),
    (0.30, 0.18, 0.09),
)  # fmt: skip


def sample_look(
    rng: np.random.Generator, *, gender: float, age: float, african: float, asian: float, caucasian: float
) -> dict[str, float]:
    """Draws skin, hair, brows, lips and eyes of one person.

    Args:
        rng: the only source of randomness.
        gender: 0 female to 1 male.
        age: on the scale of the head model, 0.5 a person of about 25 years, 1 of about 90.
        african, asian, caucasian: ancestry mix, summing to 1; it shifts the odds and excludes little.

    Returns:
        Plain floats by name. `seed` keys every pattern (freckles, strands, iris fibres) of this person.
    """
    mix = {"african": african, "asian": asian, "caucasian": caucasian}
    ancestry = str(rng.choice(list(mix), p=np.array(list(mix.values())) / sum(mix.values())))
    look = {"seed": float(rng.integers(2**31))}
    look |= _sample_skin(rng, mix, gender, age)
    look |= _sample_folds(rng, mix, gender, max(0.0, 2.0 * age - 1.0))
    look |= _sample_make_up(rng, gender)
    look |= sample_hair(rng, ancestry, mix, gender, age)
    look |= sample_brows(rng, gender)
    look |= _sample_eyes(rng, ancestry, age)
    return {name: float(value) for name, value in look.items()}


def _sample_skin(rng: np.random.Generator, mix: dict[str, float], gender: float, age: float) -> dict[str, float]:
    total = sum(mix.values())
    mean, deviation = (sum(mix[k] * _MELANIN[k][i] for k in mix) / total for i in (0, 1))
    melanin = float(np.interp(rng.normal(mean, deviation), _DRAWN, _EVEN))
    fair, aged = max(0.0, 1.0 - 2.2 * melanin), max(0.0, 2.0 * age - 1.0)
    return {
        "melanin": melanin,
        # The very light have least melanin and, most of them, little blood near the surface.
        "redness": np.clip(rng.normal(0.62 - 3.5 * max(0.0, 0.11 - melanin), 0.20), 0.0, 1.0),
        "undertone": np.clip(rng.normal(0.0, 0.45), -1.0, 1.0),
        "blush": np.clip(rng.normal(0.5, 0.25), 0.05, 1.2),
        "mottling": np.clip(rng.normal(0.35 + 0.45 * aged, 0.15), 0.1, 1.0),
        "freckles": rng.uniform(0.2, 1.0) if rng.random() < 0.08 + 0.30 * fair else rng.uniform(0.0, 0.03),
        "moles": rng.integers(0, 14),
        "blemishes": rng.uniform(0.2, 1.0) if rng.random() < 0.25 * (1.0 - aged) else rng.uniform(0.0, 0.12),
        "age_spots": np.clip(rng.normal(1.1 * aged - 0.35, 0.25), 0.0, 1.0),
        "shadow": np.clip(rng.normal(0.45 + 0.3 * aged, 0.28), 0.0, 1.3),
        "unevenness": rng.uniform(0.5, 1.5),
        "pores": np.clip(rng.normal(0.45 + 0.15 * gender + 0.15 * aged, 0.2), 0.1, 1.0),
        "oil": np.clip(rng.normal(0.35, 0.17), 0.05, 0.85),
        "lip_colour": np.clip(rng.normal(0.50 - 0.15 * gender, 0.25), 0.0, 1.0),
        "lip_melanin": np.clip(rng.normal(0.35 + 0.3 * melanin, 0.25), 0.0, 1.0),
        "lip_furrows": rng.uniform(0.25, 1.0),
        "lip_gloss": rng.uniform(0.0, 1.0) ** 2,
    }


def _sample_folds(rng: np.random.Generator, mix: dict[str, float], gender: float, aged: float) -> dict[str, float]:
    """How deep each kind of fold is; they deepen with age, but no two people fold alike."""

    def depth(young: float, old: float, spread: float) -> float:
        return float(np.clip(rng.normal(young + (old - young) * aged, spread), 0.0, 1.0))

    plain_lid = rng.random() < 0.55 * mix["asian"]
    return {
        "wrinkles": depth(0.06, 1.0, 0.10),
        "smile_line": depth(0.22, 0.85, 0.18),
        "crows_feet": depth(0.05, 0.85, 0.15),
        "forehead_lines": depth(0.10, 0.75, 0.22),
        "frown": depth(0.10, 0.60, 0.22),
        "eye_bags": depth(0.25, 0.80, 0.22),
        "lid_crease": rng.uniform(0.0, 0.2) if plain_lid else rng.uniform(0.45, 1.0),
        "lid_crease_mm": np.clip(rng.normal(0.6 - 1.2 * mix["asian"], 1.3) - 0.8 * aged, -2.5, 3.5),
        "lid_fold": -rng.uniform(0.0, 2.0) * mix["asian"],
        "philtrum": rng.uniform(0.1, 1.0),
        "chin_crease": rng.uniform(0.0, 1.0),
        "cleft": rng.uniform(0.3, 1.0) if rng.random() < 0.05 + 0.12 * gender else 0.0,
    }


def _sample_make_up(rng: np.random.Generator, gender: float) -> dict[str, float]:
    """Lipstick, eye shadow, eyeliner and blusher; colours are linear albedo."""
    wears = rng.random() < 0.55 * (1.0 - gender)
    lipstick = np.array(_LIPSTICKS[int(rng.integers(len(_LIPSTICKS)))]) * rng.uniform(0.8, 1.25)
    shadow = np.array(_EYE_SHADOWS[int(rng.integers(len(_EYE_SHADOWS)))]) * rng.uniform(0.8, 1.25)
    strengths = rng.uniform(0.2, 0.9, 4) * (rng.random(4) < 0.7) * wears
    names = ("red", "green", "blue")
    return {
        **dict(zip(("lip_paint", "eye_shadow", "eye_liner", "blusher"), strengths, strict=True)),
        **{f"lipstick_{n}": v for n, v in zip(names, lipstick, strict=True)},
        **{f"eye_shadow_{n}": v for n, v in zip(names, shadow, strict=True)},
    }


def _sample_eyes(rng: np.random.Generator, ancestry: str, age: float) -> dict[str, float]:
    outer, inner = (np.array(c) for c in _IRIS[str(rng.choice(list(_IRIS), p=_IRIS_SHARE[ancestry]))])
    tint = rng.uniform(0.75, 1.3) * rng.uniform(0.94, 1.06, (2, 3))
    outer, inner = outer * tint[0], inner * tint[1]
    names = ("red", "green", "blue")
    return {
        **{f"iris_outer_{n}": v for n, v in zip(names, outer, strict=True)},
        **{f"iris_inner_{n}": v for n, v in zip(names, inner, strict=True)},
        "limbal_ring": np.clip(rng.normal(0.75 - 0.5 * max(0.0, age - 0.5), 0.15), 0.2, 1.0),
        "iris_flecks": rng.uniform(0.0, 1.0),
        "iris_fibres": rng.uniform(0.4, 1.0),
        "iris_amber": rng.uniform(0.0, 1.0) ** 2,
        "pupil": np.clip(rng.normal(0.36 - 0.12 * max(0.0, age - 0.5), 0.05), 0.24, 0.52),
        "sclera_yellow": np.clip(rng.normal(0.2 + 0.5 * max(0.0, age - 0.5), 0.12), 0.0, 1.0),
        "sclera_red": np.clip(rng.normal(0.3, 0.15), 0.05, 0.8),
    }
