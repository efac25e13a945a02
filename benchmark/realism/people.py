"""Whom a source is judged by: the people of run seed 0 in order, balanced over the groups the model tells apart.

Nobody is chosen by looks: a person is passed over only when the group already has its share.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datagen.roster import identity_of
from meshes.head import HeadModel, Identity
from meshes.ict_skin_table import SKINS
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
        skins: clusters of the photographed skins worn, where people of this source share skins.
        distinct: people of one `distinct` name are one face by design: a scan's, two VALID avatars of one skin.
    """

    number: int
    identity: Identity
    group: str
    skins: frozenset[int]
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
        yield Person(number, identity, group_of(identity), skins_of(identity), _distinct(source, identity))


def group_of(identity: Identity) -> str:
    """Gender and main ancestry of people whose model or skin has them, else ""."""
    shape = identity.shape
    if {"gender", *ANCESTRIES} <= set(shape):
        gender = "male" if shape["gender"] > 0.5 else "female"
        return f"{gender} {max(ANCESTRIES, key=lambda name: shape[name])}"
    avatar = next((name for name in (_most(shape), *donors_of(identity)) if name in AVATARS), "")
    if not avatar:
        return ""
    group, gender, _ = avatar.removeprefix("X_").split("_")
    return f"{'male' if gender == 'M' else 'female'} {group}"


def donors_of(identity: Identity) -> tuple[str, ...]:
    """The VALID avatars whose skins a person wears, the main one first."""
    look = identity.look
    if "skin_a" in look:  # ICT people
        return tuple(SKINS[int(look[name])].name for name in ("skin_a", "skin_b"))
    shares = {name.removeprefix(SKIN): share for name, share in look.items() if name.startswith(SKIN)}
    return tuple(sorted(shares, key=lambda name: (-shares[name], name)))


def skins_of(identity: Identity) -> frozenset[int]:
    """The skin clusters that a person wears some of; none where people share no skins."""
    return frozenset(cluster_of(name) for name in donors_of(identity))


def _distinct(source: str, identity: Identity) -> str:
    if source == "valid:avatars":
        return str(sorted(skins_of(identity)))
    return repr((sorted(identity.shape.items()), sorted(identity.look.items())))


def _most(shares: Mapping[str, float]) -> str:
    """The name of the greatest share; the first by name among equals."""
    return max(sorted(shares), key=lambda name: shares[name], default="")
