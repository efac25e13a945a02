"""Verification figures against counting, and their intervals over people."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from metric_cases import rng_for, score_case

from benchmark.metrics import Measured, PredictionError, identity


def twin_curve(genuine, impostor):
    """(far, tar) at every threshold by counting, and where all is accepted."""
    thresholds = sorted({*genuine.tolist(), *impostor.tolist()} - {-math.inf}, reverse=True)
    points = [(0.0, 0.0)]
    for t in thresholds:
        points.append((sum(s >= t for s in impostor) / len(impostor), sum(s >= t for s in genuine) / len(genuine)))
    return [*points, (1.0, 1.0)]


def twin_eer(points):
    """The first crossing of false accepts and false rejects, by bisection along each line."""
    for (f0, t0), (f1, t1) in itertools.pairwise(points):
        if f1 >= 1 - t1:
            low, high = 0.0, 1.0
            for _ in range(60):
                middle = (low + high) / 2
                if f0 + middle * (f1 - f0) >= 1 - (t0 + middle * (t1 - t0)):
                    high = middle
                else:
                    low = middle
            return f0 + high * (f1 - f0)
    raise AssertionError("the curve ends at (1, 1)")


@pytest.mark.parametrize("index", range(6))
def test_the_roc_against_counting(index):
    genuine, impostor = score_case(index, genuine=25, impostor=70)
    if index % 2:
        genuine[:3], impostor[:4] = -np.inf, -np.inf
    points = twin_curve(genuine, impostor)
    curve = identity.roc(genuine, impostor)
    np.testing.assert_array_equal(np.column_stack([curve.far, curve.tar]), points[:-1])
    assert math.isclose(identity.equal_error_rate(genuine, impostor).value, twin_eer(points), abs_tol=1e-12)
    above = [(g > i) + (g == i) / 2 for g in genuine for i in impostor]
    assert math.isclose(identity.area(genuine, impostor).value, np.mean(above))
    for far in (0.15, 0.3):
        best = max(t for f, t in points[:-1] if f <= far)
        assert identity.tar_at_far(genuine, impostor, far).value == best


def test_equal_error_rates_that_are_known():
    assert identity.equal_error_rate(np.array([2.0, 3.0]), np.array([0.0, 1.0])).value == 0
    assert identity.equal_error_rate(np.array([0.0, 1.0]), np.array([2.0, 3.0])).value == 1
    assert identity.equal_error_rate(np.ones(3), np.ones(4)).value == 0.5
    genuine, impostor = (rng_for(name).normal(mean, 1, 200_000) for name, mean in (("g", 2), ("i", 0)))
    assert abs(identity.equal_error_rate(genuine, impostor).value - 0.158655) < 0.003, "the normal tail beyond 1"
    assert abs(identity.d_prime(genuine, impostor).value - 2) < 0.01
    assert abs(identity.area(genuine, impostor).value - 0.921350) < 0.002, "the normal integral up to sqrt 2"


@pytest.mark.parametrize(("impostors", "told"), [(999, False), (1000, True)])
def test_a_rate_that_hangs_on_a_few_pairs_is_refused(impostors, told):
    genuine, impostor = score_case(impostor=impostors)
    found = identity.tar_at_far(genuine, impostor, 0.01)
    assert (found.value is not None) == told
    assert told or "refused: a false accept rate of 0.01 needs 1000 impostors and a genuine pair, got 999" in found.why


def test_a_rate_of_exactly_the_bound_is_allowed():
    impostor = np.concatenate([np.zeros(990), np.ones(10)])
    assert identity.tar_at_far(np.array([1.0, 1.0, 0.0]), impostor, 0.01).value == 2 / 3


def test_thresholds_come_from_another_split():
    learn, test = score_case(1), score_case(2)
    threshold = identity.best_threshold(*learn)
    rates = [(np.mean(learn[0] >= t) + np.mean(learn[1] < t)) / 2 for t in np.concatenate(learn)]
    assert math.isclose(identity.accuracy(*learn, threshold).value, max(rates))
    expected = (np.mean(test[0] >= threshold) + np.mean(test[1] < threshold)) / 2
    assert math.isclose(identity.accuracy(*test, threshold).value, expected)
    assert identity.best_threshold(np.array([3.0]), np.array([1.0])) == 2.0


def test_no_pairs_of_one_kind_is_no_figure():
    none, some = np.zeros(0), np.ones(2000)
    for figure in (identity.d_prime, identity.equal_error_rate, identity.area, partial(identity.tar_at_far, far=0.1)):
        for case in ((none, some), (some, none)):
            assert figure(*case).weight == 0
    assert identity.accuracy(none, some, 0.5).weight == 0
    assert identity.d_prime(some, some).why == "all scores of a kind are equal"


def test_self_similarity_is_a_mean_cosine():
    own, made = (rng_for(name).normal(size=(6, 4)) for name in ("own", "made"))
    cosines = [a @ b / math.sqrt(a @ a) / math.sqrt(b @ b) for a, b in zip(made, own, strict=True)]
    assert math.isclose(identity.self_similarity(3 * made, own).value, np.mean(cosines))
    made[2] = 0
    with pytest.raises(PredictionError, match="expected lengths above 0"):
        identity.self_similarity(made, own)


def comparisons(people, looks=3):
    """All pairs of pictures of some people whose embeddings are one number."""
    rng = rng_for("people")
    person = np.repeat(np.arange(people), looks)
    where = rng.normal(size=people)[person] + 0.2 * rng.normal(size=len(person))
    a, b = np.triu_indices(len(person), 1)
    return identity.Comparisons(-np.abs(where[a] - where[b]), person[a], person[b])


def test_the_bootstrap_of_identities():
    compared = comparisons(12)
    assert len(compared.genuine) == 12 * 3
    low, high = identity.bootstrap(compared, identity.equal_error_rate, rng_for("b"), rounds=200)
    assert low < identity.equal_error_rate(compared.genuine, compared.impostor).value < high
    order = rng_for("order").permutation(len(compared.score))
    shuffled = identity.Comparisons(compared.score[order], compared.other[order], compared.one[order])
    again = identity.bootstrap(shuffled, identity.equal_error_rate, rng_for("b"), rounds=200)
    np.testing.assert_allclose(again, (low, high))
    few = identity.bootstrap(comparisons(48), identity.equal_error_rate, rng_for("b"), rounds=200)
    assert few[1] - few[0] < high - low, "more people, less doubt"
    refusing = partial(identity.tar_at_far, far=1e-4)
    assert identity.bootstrap(compared, refusing, rng_for("b"), rounds=20) is None


def test_a_person_drawn_twice_is_no_impostor():
    compared = identity.Comparisons(np.array([1.0, 0.9, 0.0]), np.array([0, 1, 0]), np.array([0, 1, 1]))
    seen = []

    def figure(genuine, impostor):
        seen.append((sorted(genuine.tolist()), impostor.tolist()))
        return Measured(0.0)

    identity.bootstrap(compared, figure, rng_for("c"), rounds=40)
    assert {len(genuine) for genuine, _ in seen} == {2}
    assert all((impostor == [0.0]) == (genuine == [0.9, 1.0]) for genuine, impostor in seen)
    assert any(genuine == [1.0, 1.0] and not impostor for genuine, impostor in seen)
