"""Keyed randomness: seed 0 counts, purposes are independent, nothing global is touched."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datagen.randomness import generator

SEEDS = st.integers(0, 2**63)


@given(SEEDS, st.integers(0, 10**9), st.text(max_size=20))
def test_equal_keys_give_equal_numbers(seed, index, purpose):
    assert generator(seed, index, purpose).random(4).tolist() == generator(seed, index, purpose).random(4).tolist()


@given(SEEDS, st.integers(0, 10**9))
def test_neighbours_differ(seed, index):
    here = generator(seed, index, "pose").random()
    assert here != generator(seed + 1, index, "pose").random()
    assert here != generator(seed, index + 1, "pose").random()
    assert here != generator(seed, index, "light").random()


def test_numbers_are_the_same_on_every_machine():
    assert generator(0, 0, "pose").random() == 0.9881038897295227


def test_seed_plus_index_does_not_collide():
    assert generator(1, 2, "pose").random() != generator(2, 1, "pose").random()


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    generator(3, 4, "light").normal(size=100)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
