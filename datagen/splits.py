"""Train, validation and test by person: a stable hash of the identity, never of the image.

A person keeps the split whatever the seed, the size or the order of the run.
"""

import hashlib
from typing import Literal

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


def split_of(person_id: str) -> Split:
    """The split of a person: 80 % train, 10 % val, 10 % test.

    Args:
        person_id: the record's `person.id`; equal text gives an equal split on every machine.

    Returns:
        "train", "val" or "test".
    """
    digest = hashlib.blake2b(f"split/{person_id}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest, "little") / 2**64
    return "train" if share < 0.8 else "val" if share < 0.9 else "test"
