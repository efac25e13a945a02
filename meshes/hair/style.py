"""Who wears what: named cuts and beards, their numbers, and the odds that a person has them.

Colours are linear light with sRGB primaries; all numbers land in the record of the samples.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from meshes.elementary import exp
from meshes.head import MeshError

Colour = tuple[float, float, float]

_HAIR: dict[str, Colour] = {
    "black": (0.012, 0.010, 0.009),
    "dark_brown": (0.032, 0.020, 0.013),
    "brown": (0.075, 0.043, 0.024),
    "blond": (0.26, 0.170, 0.085),
    "red": (0.150, 0.052, 0.018),
}
_GREY: Colour = (0.31, 0.28, 0.235)
_HAIR_SHARE = {
    "african": (0.80, 0.18, 0.02, 0.0, 0.0),
    "asian": (0.72, 0.24, 0.04, 0.0, 0.0),
    "caucasian": (0.08, 0.34, 0.33, 0.19, 0.06),
}


@dataclass(frozen=True)
class Cut:
    """A hair style.

    Attributes:
        comb: how it is combed: "whorl" away from the crown, "part" to both sides of a line, "back" off the forehead,
            "tail" or "bun" gathered behind, "out" on end.
        length_m: on top of the head.
        side: length at the sides and the nape, as a share.
        volume_m: height of the outermost hair above the scalp.
        curl_m, pitch_m: radius and length of a turn.
        clump: how far the tips of a wisp come together, 0 to 1.
        fringe: share of the way from the hairline to the brows that a fringe hangs down; 0 without one.
        crown: 1 where the top of the head is bald.
        lift: sine of the angle that hair leaves the scalp at.
    """

    comb: str
    length_m: float
    side: float = 1.0
    volume_m: float = 0.008
    curl_m: float = 0.0
    pitch_m: float = 0.10
    clump: float = 0.35
    fringe: float = 0.0
    crown: float = 0.0
    lift: float = 0.35


CUTS: dict[str, Cut] = {
    "bald": Cut("whorl", 0.0),
    "buzz": Cut("whorl", 0.0025),
    "crown_bald": Cut("whorl", 0.016, volume_m=0.005, crown=1.0),
    "crop": Cut("whorl", 0.028, side=0.45, volume_m=0.012, clump=0.45, lift=0.5),
    "quiff": Cut("back", 0.055, side=0.30, volume_m=0.020, clump=0.5, lift=0.9),
    "side_part": Cut("part", 0.055, side=0.45, volume_m=0.014, clump=0.4, lift=0.45),
    "slick_back": Cut("back", 0.110, side=0.70, volume_m=0.007, clump=0.5, lift=0.2),
    "curly_short": Cut("whorl", 0.050, side=0.55, volume_m=0.018, curl_m=0.0045, pitch_m=0.022, clump=0.45, lift=0.8),
    "shag": Cut("part", 0.140, side=0.85, volume_m=0.014, curl_m=0.004, pitch_m=0.07, clump=0.5, fringe=0.6),
    "afro_short": Cut("out", 0.018, side=0.7, volume_m=0.018, curl_m=0.0026, pitch_m=0.011, clump=0.2, lift=1.0),
    "afro": Cut("out", 0.060, side=0.85, volume_m=0.055, curl_m=0.0050, pitch_m=0.022, clump=0.25, lift=1.0),
    "pixie": Cut("part", 0.065, side=0.70, volume_m=0.018, clump=0.5, fringe=0.75, lift=0.5),
    "bob": Cut("part", 0.185, volume_m=0.022, clump=0.35),
    "bob_fringe": Cut("part", 0.190, volume_m=0.020, clump=0.35, fringe=0.9),
    "long_straight": Cut("part", 0.340, volume_m=0.024, clump=0.35),
    "long_wavy": Cut("part", 0.330, volume_m=0.028, curl_m=0.007, pitch_m=0.075, clump=0.6),
    "long_curly": Cut("part", 0.270, volume_m=0.038, curl_m=0.011, pitch_m=0.055, clump=0.75, lift=0.6),
    "long_fringe": Cut("part", 0.330, volume_m=0.024, clump=0.45, fringe=0.92),
    "ponytail": Cut("tail", 0.300, volume_m=0.004, clump=0.4, lift=0.15),
    "bun": Cut("bun", 0.300, volume_m=0.004, clump=0.4, lift=0.15),
}
"""By name; `look["hair_style"]` is the position in this table."""

STYLES = tuple(CUTS)

_ODDS: dict[str, tuple[float, float]] = {  # Women, men.
    "bald": (0.003, 0.07),
    "buzz": (0.01, 0.14),
    "crown_bald": (0.0, 0.06),
    "crop": (0.03, 0.22),
    "quiff": (0.01, 0.12),
    "side_part": (0.03, 0.17),
    "slick_back": (0.03, 0.05),
    "curly_short": (0.03, 0.06),
    "shag": (0.05, 0.05),
    "afro_short": (0.01, 0.01),
    "afro": (0.01, 0.005),
    "pixie": (0.07, 0.0),
    "bob": (0.12, 0.005),
    "bob_fringe": (0.07, 0.0),
    "long_straight": (0.17, 0.02),
    "long_wavy": (0.16, 0.015),
    "long_curly": (0.07, 0.015),
    "long_fringe": (0.06, 0.0),
    "ponytail": (0.09, 0.01),
    "bun": (0.05, 0.01),
}
_COILED = {
    "buzz": 2.0,
    "afro_short": 22.0,
    "afro": 14.0,
    "curly_short": 3.0,
    "long_curly": 3.0,
    "ponytail": 1.5,
    "bun": 2.5,
}
_STRAIGHT = ("crop", "quiff", "side_part", "slick_back", "shag", "pixie", "bob", "bob_fringe", "long_straight",
             "long_wavy", "long_fringe")  # fmt: skip


@dataclass(frozen=True)
class Beard:
    """A beard.

    Attributes:
        length_m: at the chin.
        moustache, chin, cheek, sides: density on the upper lip, the chin, the cheeks and before the ears, 0 to 1.
    """

    length_m: float
    moustache: float = 0.0
    chin: float = 0.0
    cheek: float = 0.0
    sides: float = 0.0


BEARDS: dict[str, Beard] = {
    "shaven": Beard(0.0),
    "short_boxed": Beard(0.008, 1.0, 1.0, 0.9, 0.9),
    "full": Beard(0.022, 1.0, 1.0, 1.0, 1.0),
    "long": Beard(0.055, 1.0, 1.0, 1.0, 1.0),
    "goatee": Beard(0.014, 0.9, 1.0, 0.0, 0.0),
    "moustache": Beard(0.009, 1.0, 0.0, 0.0, 0.0),
    "sideburns": Beard(0.008, 0.0, 0.0, 0.0, 1.0),
}
"""By name; `look["beard_style"]` is the position in this table."""

_RANGES = {
    "hair_style": (0.0, len(STYLES) - 0.5),
    "beard_style": (0.0, len(BEARDS) - 0.5),
    "hair_volume_m": (0.0, 0.15),
    "hair_curl_m": (0.0, 0.03),
    "hair_pitch_m": (0.003, 1.0),
    "beard_length_m": (0.0, 0.15),
}
"""Least and greatest of the numbers of cuts and beards; [0, 1] for the others."""

_BEARD_SHARE = (0.62, 0.11, 0.09, 0.03, 0.07, 0.05, 0.03)


def style_look(name: str) -> dict[str, float]:
    """The numbers of a named cut, to put into `Identity.look` or `Style.look`.

    Args:
        name: a key of CUTS.
    """
    numbers = asdict(CUTS[name])
    del numbers["comb"]
    return {"hair_style": float(STYLES.index(name)), **{f"hair_{key}": float(v) for key, v in numbers.items()}}


def beard_look(name: str) -> dict[str, float]:
    """The numbers of a named beard, to put into `Identity.look` or `Style.look`.

    Args:
        name: a key of BEARDS.
    """
    numbers = {f"beard_{key}": float(v) for key, v in asdict(BEARDS[name]).items()}
    # Between the strands of a beard that covers the cheeks the skin is dark with shorter hair.
    below = {"stubble": 0.9} if BEARDS[name].cheek > 0.0 else {}
    return {"beard_style": float(list(BEARDS).index(name)), **numbers, **below}


def cut_of(look: Mapping[str, float]) -> Cut:
    """The cut that a look asks for; a look that names no style has one by its length.

    Raises:
        MeshError: a number out of its range.
    """
    length_m = _number(look, "hair_length_m", 0.0)
    default = "bald" if length_m <= 0.0 else "buzz" if length_m < 0.004 else "crop"
    base = CUTS[STYLES[int(_number(look, "hair_style", float(STYLES.index(default))))]]
    numbers = {key: _number(look, f"hair_{key}", value) for key, value in asdict(base).items() if key != "comb"}
    return Cut(comb=base.comb, **numbers)


def beard_of(look: Mapping[str, float]) -> Beard:
    """The beard that a look asks for; a look that names none is shaven.

    Raises:
        MeshError: a number out of its range.
    """
    base = list(BEARDS.values())[int(_number(look, "beard_style", 0.0))]
    return Beard(**{key: _number(look, f"beard_{key}", value) for key, value in asdict(base).items()})


def _number(look: Mapping[str, float], name: str, default: float) -> float:
    low, high = _RANGES.get(name, (0.0, 1.0))
    value = look.get(name, default)
    if not low <= value <= high:
        raise MeshError(
            f"look {name}: expected a number in [{low:g}, {high:g}], got {value}. "
            "Start from style_look(NAME) or beard_look(NAME)."
        )
    return value


def style_odds(ancestry: Mapping[str, float], gender: float, age: float) -> np.ndarray:
    """(styles,) probabilities: by gender, how coiled the hair is, and how much of it age has left."""
    women, men = np.array([_ODDS[name] for name in STYLES]).T
    odds = women + (men - women) * float(gender > 0.5)
    coiled = (ancestry["african"] / sum(ancestry.values())) ** 2
    on_coils = odds * [_COILED.get(name, 0.07 if name in _STRAIGHT else 1.0) for name in STYLES]
    odds = (1.0 - coiled) * odds / odds.sum() + coiled * on_coils / on_coils.sum()
    old = max(0.0, age - 0.6)
    odds[[STYLES.index("bald"), STYLES.index("crown_bald")]] *= 1.0 + 12.0 * old if gender > 0.5 else 1.0
    odds[[STYLES.index(name) for name in STYLES if name.startswith("long")]] *= 1.0 - 1.6 * old
    return odds / odds.sum()


def sample_hair(
    rng: np.random.Generator, ancestry: str, mix: Mapping[str, float], gender: float, age: float
) -> dict[str, float]:
    """Draws colour, cut and beard of one person.

    Args:
        rng: the only source of randomness.
        ancestry: the one that hair colour follows.
        mix: ancestry shares by name.
        gender: 0 female to 1 male.
        age: as in `meshes.look.sample_look`.
    """
    colour = np.array(_HAIR[str(rng.choice(list(_HAIR), p=_HAIR_SHARE[ancestry]))]) * rng.uniform(0.75, 1.3)
    greying = np.clip(rng.normal(3.2 * (age - 0.68), 0.18), 0.0, 1.0) if age > 0.58 else 0.0
    red, green, blue = colour * (1.0 - greying) + np.array(_GREY) * greying
    male = gender > 0.5
    look = {"hair_red": red, "hair_green": green, "hair_blue": blue, "hair_grey": greying}
    look |= _vary(rng, style_look(STYLES[int(rng.choice(len(STYLES), p=style_odds(mix, gender, age)))]))
    look["hair_part_m"] = rng.choice([-0.028, 0.0, 0.028]) + rng.normal(0.0, 0.004)
    look["hair_recede"] = np.clip(rng.normal(0.05 + male * 1.5 * max(0.0, age - 0.55), 0.14), -0.25, 1.0)
    look["stubble"] = np.clip(rng.normal(0.35, 0.25), 0.0, 1.0) if male else 0.0
    names = list(BEARDS)
    beard = str(rng.choice(names, p=_BEARD_SHARE)) if male and age > 0.45 else "shaven"
    return look | beard_look(beard) | {"beard_length_m": BEARDS[beard].length_m * rng.uniform(0.75, 1.3)}


def _vary(rng: np.random.Generator, cut: dict[str, float]) -> dict[str, float]:
    """A person's own version of a cut."""
    spread = {"length_m": 0.12, "side": 0.08, "volume_m": 0.2, "curl_m": 0.2, "pitch_m": 0.15, "clump": 0.15}
    for name, deviation in spread.items():
        cut[f"hair_{name}"] *= float(exp(np.clip(rng.normal(0.0, deviation), -2 * deviation, 2 * deviation)))
    cut["hair_side"], cut["hair_clump"] = min(cut["hair_side"], 1.0), min(cut["hair_clump"], 0.9)
    return cut


def sample_brows(rng: np.random.Generator, gender: float) -> dict[str, float]:
    """Draws the shape of the brows of one person; gender is 0 female to 1 male."""
    return {
        "brow_density": np.clip(rng.normal(0.55 + 0.2 * gender, 0.15), 0.2, 1.0),
        "brow_width": np.clip(rng.normal(0.95 + 0.2 * gender, 0.15), 0.6, 1.5),
        "brow_arch": np.clip(rng.normal(0.40 - 0.25 * gender, 0.18), 0.0, 1.0),
        "brow_height_m": np.clip(rng.normal(0.0018 - 0.002 * gender, 0.0012), -0.003, 0.004),
        "brow_gap_m": np.clip(rng.normal(0.0105 - 0.001 * gender, 0.0015), 0.006, 0.014),
    }
