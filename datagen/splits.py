"""Train, validation and test by person: a stable hash of the identity, never of the image.

A person keeps the split whatever the seed, the size or the order of the run.
"""

import hashlib
from typing import Literal, Protocol, runtime_checkable

from meshes.head import Identity

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@runtime_checkable
class Pooled(Protocol):
    """A head model that makes its people of few: it says which of them may be in one split."""

    def pool_of(self, identity: Identity) -> str | None:
        """The split ("train" ...) that all parents of a person belong to; None leaves the choice to `split_of`."""
        ...


@runtime_checkable
class Named(Protocol):
    """A head model that has certain people, who keep their names in every run."""

    def name_of(self, identity: Identity) -> str | None:
        """The person's own name, where it has one whatever the run; None leaves it to seed and number."""
        ...


def split_of(person_id: str, pool: str | None = None) -> Split:
    """The split of a person: 80 % train, 10 % val, 10 % test.

    Args:
        person_id: the record's `person.id`; equal text gives an equal split on every machine.
        pool: the record's `person.pool`, where the model gives one: it decides.

    Returns:
        "train", "val" or "test".
    """
    for split in SPLITS:
        if pool == split:
            return split
    digest = hashlib.blake2b(f"split/{person_id}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest, "little") / 2**64
    return "train" if share < 0.8 else "val" if share < 0.9 else "test"
