"""Keyed randomness: a sample's numbers depend on (run seed, index, purpose) and on nothing else."""

import hashlib

import numpy as np


def generator(seed: int, index: int, purpose: str) -> np.random.Generator:
    """A counter-based generator for one purpose of one sample.

    Args:
        seed: the run's seed; 0 is a seed like any other.
        index: sample, scene or person index the numbers belong to.
        purpose: what they decide ("pose", "light" ...); different purposes are independent.

    Returns:
        A Philox generator whose 128-bit key is a hash of the three.
    """
    digest = hashlib.blake2b(f"{seed}/{index}/{purpose}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
