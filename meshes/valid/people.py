"""Who a VALID person is: parents by name and share, as plain floats of an `Identity`.

Shape, skin and tone come from different avatars, but all from one pool, so that no split shares a face.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from meshes.head import Identity, MeshError
from meshes.look import sample_look
from meshes.valid.clusters import CLUSTERS, POOLS, cluster_of, pool_of

_T = TypeVar("_T")

NAMES: tuple[str, ...] = tuple(sorted(name for cluster in CLUSTERS for name in cluster))
"""The 42 avatars."""

SKIN = "skin "
"""Prefix of a skin donor's name in `Identity.look`; its value is the share."""

HAIR = "hair "
"""Prefix of the name of whom hair, ears, neck and clothes are from; its value is 1."""

POOL_NAMES = tuple(POOLS)
_POOL_EDGES = (0.8, 0.9)
"""Shares of people: 80 % train, 10 % val, 10 % test, as for every other head."""

_OWN_SKIN = ("Asian_M_2", "MENA_M_3")
"""A painted fringe and a beard reach across the outline of the face: these heads keep their own skin, and give it to
nobody."""
_DARK = (3, 4, 5)
"""Clusters four times as dark as the others: hairlines and scalps do not follow so far."""
_WIGGED = (
    *("AIAN_F_1", "AIAN_F_2", "AIAN_M_1", "AIAN_M_2", "Asian_F_2", "Asian_F_3", "Black_F_2", "Hispanic_F_3"),
    *("MENA_F_2", "White_F_1", "White_F_3", "X_NHPI_F_3"),
)
"""Hair that hides the scalp: these take skins of any tone."""

_LEAST_EXTRAPOLATED, _MOST_EXTRAPOLATED = 0.08, 0.3
_TONE_DEVIATION = 0.18
_EYES = ("seed", "iris_", "limbal_", "pupil", "sclera_")
"""What `meshes.eyes` reads of a look, by beginning."""

_ANCESTRY = {
    **{"AIAN": (0.0, 0.7, 0.3), "Asian": (0.0, 1.0, 0.0), "Black": (1.0, 0.0, 0.0)},
    **{"Hispanic": (0.1, 0.3, 0.6), "MENA": (0.1, 0.2, 0.7), "NHPI": (0.1, 0.9, 0.0), "White": (0.0, 0.0, 1.0)},
}
"""African, Asian and Caucasian shares of upstream's groups, for the odds of eye colours."""


def avatar_identity(rng: np.random.Generator) -> Identity:
    """One of the 42 as shipped: first the skin cluster, then the avatar, so that no face comes more often."""
    cluster = CLUSTERS[int(rng.integers(len(CLUSTERS)))]
    name = _one(rng, cluster)
    eyes = {key: value for key, value in _eyes(rng, name).items() if not key.startswith(("iris_outer", "iris_inner"))}
    return Identity({name: 1.0}, {SKIN + name: 1.0, "pool": float(POOL_NAMES.index(pool_of(name))), **eyes})


def recombined_identity(rng: np.random.Generator) -> Identity:
    """A new person: a face extrapolated from two, skin of one or two others, hair of a third, all of one pool."""
    pool = int(np.searchsorted(_POOL_EDGES, rng.random(), side="right"))
    members = [name for name in NAMES if pool_of(name) == POOL_NAMES[pool]]
    gender = "F" if rng.random() < 0.5 else "M"
    alike = [name for name in members if name.split("_")[-2] == gender]
    hair, main = _one(rng, alike), _one(rng, alike)
    away = [name for name in alike if cluster_of(name) != cluster_of(main)]
    beyond = round(float(rng.uniform(_LEAST_EXTRAPOLATED, _MOST_EXTRAPOLATED)), 4)
    shape = {main: 1.0 + beyond, _one(rng, away): -beyond} if away else {main: 1.0}
    skins = _skins(rng, [name for name in alike if _may_give_skin(name, hair)])
    tone = rng.normal(0.0, (_TONE_DEVIATION, 0.25 * _TONE_DEVIATION))
    look = {HAIR + hair: 1.0} | {SKIN + name: share for name, share in skins.items()}
    look |= {"pool": float(pool), "darkness": round(float(tone[0]), 4), "redness": round(float(tone[1]), 4)}
    return Identity(shape, {**look, **_eyes(rng, next(iter(skins)))})


def pool_name(identity: Identity) -> str | None:
    """The split that an identity's parents belong to; None for one that names no pool."""
    return POOL_NAMES[int(identity.look["pool"])] if "pool" in identity.look else None


def hair_of(look: Mapping[str, float], face: str) -> str:
    """Whom hair, ears, neck and clothes are from; the face's own where none is named."""
    return next((name.removeprefix(HAIR) for name, share in look.items() if name.startswith(HAIR) and share), face)


def average_eyes() -> dict[str, float]:
    """What an identity that says nothing of its eyes gets, their colour aside."""
    rng = np.random.Generator(np.random.Philox(key=0))
    return _eyes(rng, "Hispanic_F_1")


def skins_of(look: Mapping[str, float], owner: str = "") -> dict[str, float]:
    """Shares of skin donors by name, scaled to sum 1, the largest first; the owner's own where none is named.

    Raises:
        MeshError: a share that is not positive.
    """
    shares = {name.removeprefix(SKIN): share for name, share in look.items() if name.startswith(SKIN)}
    shares = shares or {owner: 1.0}
    total = sum(shares.values())
    if not min(shares.values()) > 0:
        raise MeshError(f"identity look: expected positive shares of skins ('{SKIN}White_F_2'), got {shares}.")
    return {name: share / total for name, share in sorted(shares.items(), key=lambda item: (-item[1], item[0]))}


def _may_give_skin(donor: str, owner: str) -> bool:
    if donor in _OWN_SKIN or owner in _OWN_SKIN:
        return donor == owner
    return _is_dark(donor) == _is_dark(owner) or owner in _WIGGED


def _is_dark(name: str) -> bool:
    return cluster_of(name) in _DARK


def _skins(rng: np.random.Generator, names: list[str]) -> dict[str, float]:
    """One donor, or a leading one with a second: clusters are drawn first, so that no skin comes more often."""
    first = _one(rng, _by_cluster(rng, names))
    others = [n for n in names if cluster_of(n) != cluster_of(first) and _is_dark(n) == _is_dark(first)]
    if not others or rng.random() < 0.5:
        return {first: 1.0}
    second = round(float(rng.uniform(0.15, 0.35)), 4)
    return {first: 1.0 - second, _one(rng, _by_cluster(rng, others)): second}


def _by_cluster(rng: np.random.Generator, names: list[str]) -> list[str]:
    """Those of one cluster."""
    chosen = _one(rng, sorted({cluster_of(name) for name in names}))
    return [name for name in names if cluster_of(name) == chosen]


def _eyes(rng: np.random.Generator, name: str) -> dict[str, float]:
    african, asian, caucasian = _ANCESTRY[name.removeprefix("X_").split("_")[0]]
    gender = float(name.split("_")[-2] == "M")
    look = sample_look(rng, gender=gender, age=0.55, african=african, asian=asian, caucasian=caucasian)
    return {key: round(value, 6) for key, value in look.items() if key.startswith(_EYES)}


def _one(rng: np.random.Generator, options: Sequence[_T]) -> _T:
    return options[int(rng.integers(len(options)))]
