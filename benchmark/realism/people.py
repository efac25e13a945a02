"""Whom a source is judged by: the people of run seed 0 in order, balanced over the groups the model tells apart.

Nobody is chosen by looks: a person is passed over only when the group already has its share.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datagen.roster import identity_of
from meshes.head import HeadModel, Identity
from meshes.valid.clusters import cluster_of
from meshes.valid.people import NAMES as AVATARS
from meshes.valid.people import SKIN

ANCESTRIES = ("african", "asian", "caucasian")
DRAWS_A_PERSON = 40
"""Give up on filling a group after this many draws for each person wanted."""


@dataclass(frozen=True, eq=False)
class Person:
    """One of the people.

    Attributes:
        number: of the draw, as in `Plan.person`.
        identity: who.
        group: gender and ancestry where the model has them ("female african"), else "".
        skin: name of the skin where people of this source share skins, else "".
        distinct: people of one `distinct` name are one face by design: a scan's, two VALID avatars of one skin.
    """

    number: int
    identity: Identity
    group: str
    skin: str
    distinct: str


def choose(source: str, model: HeadModel, count: int, seed: int = 0) -> list[Person]:
    """The first `count` people such that groups are even and no face comes twice; fewer where the source has fewer."""
    chosen: list[Person] = []
    groups: Counter[str] = Counter()
    faces: set[str] = set()
    share = -(-count // (2 * len(ANCESTRIES)))
    for person in _drawn(source, model, seed, DRAWS_A_PERSON * count):
        if len(chosen) == count:
            break
        if person.distinct in faces or (person.group and groups[person.group] >= share):
            continue
        chosen.append(person)
        groups[person.group] += 1
        faces.add(person.distinct)
    return chosen


def _drawn(source: str, model: HeadModel, seed: int, limit: int) -> Iterator[Person]:
    for number in range(limit):
        identity = identity_of(model, source, seed, number)
        yield Person(number, identity, group_of(identity), skin_of(identity), _distinct(source, identity))


def group_of(identity: Identity) -> str:
    """Gender and main ancestry of people whose model has them, else ""."""
    shape = identity.shape
    if {"gender", *ANCESTRIES} <= set(shape):
        gender = "male" if shape["gender"] > 0.5 else "female"
        return f"{gender} {max(ANCESTRIES, key=lambda name: shape[name])}"
    avatar = _most(shape)
    if avatar in AVATARS:
        group, gender, _ = avatar.removeprefix("X_").split("_")
        return f"{'male' if gender == 'M' else 'female'} {group}"
    return ""


def skin_of(identity: Identity) -> str:
    """The photographed or painted skin that a person mainly wears, where people of this source share skins."""
    shares = {name.removeprefix(SKIN): share for name, share in identity.look.items() if name.startswith(SKIN)}
    main = _most(shares)
    return f"cluster {cluster_of(main)}" if main in AVATARS else main


def _distinct(source: str, identity: Identity) -> str:
    if source == "valid:avatars":
        return skin_of(identity)
    return repr((sorted(identity.shape.items()), sorted(identity.look.items())))


def _most(shares: Mapping[str, float]) -> str:
    """The name of the greatest share; the first by name among equals."""
    return max(sorted(shares), key=lambda name: shares[name], default="")
