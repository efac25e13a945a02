"""Who looks how: draws the appearance of a person as plain numbers.

Colours are linear light with sRGB primaries; every number lands in the record of the samples.
"""

import numpy as np

Colour = tuple[float, float, float]

_HAIR: dict[str, Colour] = {
    "black": (0.012, 0.010, 0.009),
    "dark_brown": (0.032, 0.020, 0.013),
    "brown": (0.075, 0.043, 0.024),
    "blond": (0.26, 0.170, 0.085),
    "red": (0.150, 0.052, 0.018),
}
_GREY: Colour = (0.27, 0.26, 0.245)
_IRIS: dict[str, tuple[Colour, Colour]] = {  # outer ring, inner ring
    "dark": ((0.030, 0.015, 0.008), (0.055, 0.026, 0.011)),
    "brown": ((0.075, 0.034, 0.014), (0.130, 0.058, 0.020)),
    "hazel": ((0.085, 0.068, 0.032), (0.140, 0.075, 0.026)),
    "green": ((0.085, 0.105, 0.058), (0.150, 0.120, 0.050)),
    "blue": ((0.070, 0.115, 0.165), (0.160, 0.180, 0.180)),
    "grey": ((0.110, 0.135, 0.150), (0.180, 0.182, 0.165)),
}
_HAIR_SHARE = {
    "african": (0.80, 0.18, 0.02, 0.0, 0.0),
    "asian": (0.72, 0.24, 0.04, 0.0, 0.0),
    "caucasian": (0.08, 0.34, 0.33, 0.19, 0.06),
}
_IRIS_SHARE = {
    "african": (0.70, 0.28, 0.02, 0.0, 0.0, 0.0),
    "asian": (0.62, 0.36, 0.02, 0.0, 0.0, 0.0),
    "caucasian": (0.06, 0.30, 0.18, 0.13, 0.25, 0.08),
}
_MELANIN = {"african": (0.80, 0.13), "asian": (0.33, 0.11), "caucasian": (0.17, 0.09)}  # mean, deviation


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
    look |= _sample_hair(rng, ancestry, gender, age)
    look |= _sample_brows(rng, gender)
    look |= _sample_eyes(rng, ancestry, age)
    return {name: float(value) for name, value in look.items()}


def _sample_skin(rng: np.random.Generator, mix: dict[str, float], gender: float, age: float) -> dict[str, float]:
    total = sum(mix.values())
    mean, deviation = (sum(mix[k] * _MELANIN[k][i] for k in mix) / total for i in (0, 1))
    melanin = float(np.clip(rng.normal(mean, deviation), 0.0, 1.0))
    fair = max(0.0, 1.0 - 2.2 * melanin)
    return {
        "melanin": melanin,
        "redness": np.clip(rng.normal(0.5, 0.2), 0.0, 1.0),
        "undertone": np.clip(rng.normal(0.0, 0.4), -1.0, 1.0),
        "blush": np.clip(rng.normal(0.45, 0.2), 0.05, 1.0),
        "mottling": np.clip(rng.normal(0.4 + 0.8 * max(0.0, age - 0.5), 0.12), 0.1, 1.0),
        "freckles": rng.uniform(0.2, 1.0) if rng.random() < 0.06 + 0.24 * fair else rng.uniform(0.0, 0.08),
        "moles": rng.integers(0, 9),
        "shadow": np.clip(rng.normal(0.35 + 0.4 * max(0.0, age - 0.6), 0.15), 0.05, 1.0),
        "lip_colour": np.clip(rng.normal(0.40 - 0.15 * gender, 0.15), 0.0, 1.0),
        "lip_paint": rng.uniform(0.3, 0.9) if rng.random() < 0.35 * (1.0 - gender) else 0.0,
    }


def _sample_hair(rng: np.random.Generator, ancestry: str, gender: float, age: float) -> dict[str, float]:
    colour = np.array(_HAIR[str(rng.choice(list(_HAIR), p=_HAIR_SHARE[ancestry]))]) * rng.uniform(0.75, 1.3)
    greying = np.clip(rng.normal(3.2 * (age - 0.68), 0.18), 0.0, 1.0) if age > 0.58 else 0.0
    red, green, blue = colour * (1.0 - greying) + np.array(_GREY) * greying
    male = gender > 0.5
    bald = male and rng.random() < 0.06 + 0.3 * max(0.0, age - 0.55)
    buzz = male and rng.random() < 0.3
    length_m = 0.0 if bald else rng.uniform(0.001, 0.0025) if buzz else rng.uniform(0.005, 0.012)
    return {
        "hair_red": red,
        "hair_green": green,
        "hair_blue": blue,
        "hair_grey": greying,
        "hair_length_m": length_m,
        "hair_recede": np.clip(rng.normal(0.05 + male * 1.5 * max(0.0, age - 0.55), 0.14), -0.25, 1.0),
        "stubble": np.clip(rng.normal(0.35, 0.25), 0.0, 1.0) if male else 0.0,
    }


def _sample_brows(rng: np.random.Generator, gender: float) -> dict[str, float]:
    return {
        "brow_density": np.clip(rng.normal(0.55 + 0.2 * gender, 0.15), 0.2, 1.0),
        "brow_width": np.clip(rng.normal(0.95 + 0.2 * gender, 0.15), 0.6, 1.5),
        "brow_arch": np.clip(rng.normal(0.40 - 0.25 * gender, 0.18), 0.0, 1.0),
        "brow_height_m": np.clip(rng.normal(0.0018 - 0.002 * gender, 0.0012), -0.003, 0.004),
        "brow_gap_m": np.clip(rng.normal(0.0105 - 0.001 * gender, 0.0015), 0.006, 0.014),
    }


def _sample_eyes(rng: np.random.Generator, ancestry: str, age: float) -> dict[str, float]:
    outer, inner = (np.array(c) for c in _IRIS[str(rng.choice(list(_IRIS), p=_IRIS_SHARE[ancestry]))])
    tint = rng.uniform(0.75, 1.3) * rng.uniform(0.94, 1.06, (2, 3))
    outer, inner = outer * tint[0], inner * tint[1]
    names = ("red", "green", "blue")
    return {
        **{f"iris_outer_{n}": v for n, v in zip(names, outer, strict=True)},
        **{f"iris_inner_{n}": v for n, v in zip(names, inner, strict=True)},
        "limbal_ring": np.clip(rng.normal(0.75 - 0.5 * max(0.0, age - 0.5), 0.12), 0.2, 1.0),
        "pupil": np.clip(rng.normal(0.36 - 0.12 * max(0.0, age - 0.5), 0.05), 0.24, 0.52),
        "sclera_yellow": np.clip(rng.normal(0.2 + 0.5 * max(0.0, age - 0.5), 0.1), 0.0, 1.0),
        "sclera_red": np.clip(rng.normal(0.3, 0.12), 0.05, 0.8),
    }
