"""The 52 expressions: names, exclusions, plausible draws and the errors a user meets."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.arkit import ARKIT, EXCLUSIVE, check_expression, sample_expression
from meshes.head import MeshError

seeds = st.integers(0, 2**32 - 1)
strengths = st.floats(0.0, 1.0)


def draw(seed: int, strength: float, supported: tuple[str, ...] = ARKIT) -> dict[str, float]:
    return sample_expression(np.random.default_rng(seed), supported, strength)


def test_there_are_52_distinct_names_and_sides_come_in_pairs() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    left = {name.removesuffix("Left") for name in ARKIT if name.endswith("Left")}
    right = {name.removesuffix("Right") for name in ARKIT if name.endswith("Right")}
    assert left == right
    assert {name for pair in EXCLUSIVE for name in pair} <= set(ARKIT)


@given(seeds, strengths)
@settings(max_examples=300, deadline=None)
def test_draws_are_valid_and_sparse(seed: int, strength: float) -> None:
    weights = draw(seed, strength)
    check_expression(weights, ARKIT)
    assert all(0 < w <= 1 for w in weights.values())
    assert len(weights) <= 16
    assert list(weights) == sorted(weights)


@given(seeds, strengths)
@settings(max_examples=300, deadline=None)
def test_nothing_contradicts_itself(seed: int, strength: float) -> None:
    weights = draw(seed, strength)
    assert not [pair for pair in EXCLUSIVE if all(name in weights for name in pair)]
    assert weights.get("mouthClose", 0.0) <= weights.get("jawOpen", 0.0)
    assert not (weights.get("mouthClose", 0) == 1 and weights.get("jawOpen", 0) == 1)


@given(seeds)
@settings(max_examples=50, deadline=None)
def test_strength_zero_is_neutral_and_strength_scales(seed: int) -> None:
    assert draw(seed, 0.0) == {}
    weak, strong = draw(seed, 0.3), draw(seed, 0.6)
    assert sum(weak.values()) <= sum(strong.values()) + 1e-9


@given(seeds, st.sets(st.sampled_from(ARKIT)))
@settings(max_examples=100, deadline=None)
def test_only_supported_names_are_drawn(seed: int, supported: set[str]) -> None:
    assert set(draw(seed, 1.0, tuple(sorted(supported)))) <= supported


def test_every_name_but_the_gaze_is_drawn_sometime_and_extremes_are_reached() -> None:
    draws = [draw(seed, 1.0) for seed in range(3000)]
    seen = set().union(*draws)
    assert set(ARKIT) - seen == {name for name in ARKIT if name.startswith("eyeLook")}  # Gaze is the pose's.
    assert max(d.get("jawOpen", 0.0) for d in draws) > 0.95
    assert {} in draws


def test_left_and_right_go_together_but_not_exactly() -> None:
    pairs = [(d.get("mouthSmileLeft", 0.0), d.get("mouthSmileRight", 0.0)) for d in (draw(s, 1.0) for s in range(2000))]
    left, right = np.array([p for p in pairs if any(p)]).T
    assert np.corrcoef(left, right)[0, 1] > 0.2
    assert (left != right).mean() > 0.9
    assert 0.01 < ((left == 0) | (right == 0)).mean() < 0.25


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    message = "expression: expected one of 52 ARKit names, got 'jawopen'. Did you mean 'jawOpen'?"
    with pytest.raises(MeshError, match=re.escape(message)):
        check_expression({"jawopen": 0.5}, ARKIT)


def test_a_head_without_expressions_says_so() -> None:
    with pytest.raises(MeshError, match="This head has no expressions; leave it out"):
        check_expression({"jawOpen": 0.5}, ())


@pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(MeshError, match=r"expected a weight in \[0, 1\], got .*Clip it first"):
        check_expression({"jawOpen": weight}, ARKIT)


def test_a_strength_out_of_range_is_refused() -> None:
    with pytest.raises(MeshError, match=r"strength: expected a number in \[0, 1\], got 2"):
        draw(0, 2)
