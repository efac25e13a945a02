"""Splits are by person, stable, and near 80/10/10."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from datagen.splits import SPLITS, split_of


@given(st.text())
def test_any_text_has_one_split(person):
    assert split_of(person) in SPLITS
    assert split_of(person) == split_of(person)


def test_shares_are_80_10_10():
    counts = Counter(split_of(f"person-{i}") for i in range(20_000))
    assert abs(counts["train"] / 20_000 - 0.8) < 0.01
    assert abs(counts["val"] / 20_000 - 0.1) < 0.01


def test_splits_never_change():
    # Published sets rely on these; a changed hash would leak people from one release's test into the next's train.
    people = [f"makehuman-0-{i:06d}" for i in range(30)]
    assert [i for i, p in enumerate(people) if split_of(p) == "test"] == [1, 2, 8, 19, 24]
    assert [i for i in range(30) if split_of(f"ict-0-{i:06d}") == "val"] == [0, 7, 28]
