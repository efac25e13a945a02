"""Elementary functions: near the truth, like numpy's at the edges, and the same bits wherever these tests run."""

import hashlib
import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from meshes import elementary
from meshes.elementary import arccos, arcsin, arctan2, cos, exp, hypot, log, norm, power, product, sin, solve, tan, tanh
from meshes.register.solve import solve_sparse


def spread(low: float, high: float, count: int = 20_000) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=1)).uniform(low, high, count)


def ulps(found: np.ndarray, known: np.ndarray) -> float:
    """Greatest difference in units of the known value's last place; numpy's own is below 1."""
    return float((np.abs(found - known) / np.spacing(np.abs(known))).max())


@pytest.mark.parametrize(
    ("ours", "numpys", "values", "most"),
    [
        (sin, np.sin, spread(-30, 30), 2),
        (sin, np.sin, spread(-1e6, 1e6), 3),
        (cos, np.cos, spread(-30, 30), 2),
        (cos, np.cos, np.pi / 2 * np.arange(-40, 41), 1),
        (sin, np.sin, np.pi / 2 * np.arange(-40, 41, 2)[np.arange(41) != 20], 1),
        (tan, np.tan, spread(-1.5, 1.5), 4),
        (exp, np.exp, spread(-5, 5), 2),
        (exp, np.exp, spread(-700, 700), 2),
        (log, np.log, spread(1e-9, 10), 3),
        (log, np.log, np.exp(spread(-600, 600)), 2),
        (log, np.log, 1 + spread(-0.01, 0.01), 3),
        (arccos, np.arccos, spread(-1, 1), 4),
        (arcsin, np.arcsin, spread(-1, 1), 5),
    ],
)
def test_they_are_numpys_but_for_the_last_places(ours, numpys, values, most):
    assert ulps(ours(values), numpys(values)) <= most


def test_those_of_two_numbers_are_too():
    x, y = spread(-2, 2).reshape(2, -1)
    assert ulps(arctan2(y, x), np.arctan2(y, x)) <= 5
    assert ulps(hypot(x, y), np.hypot(x, y)) <= 2
    assert ulps(power(np.abs(x), y), np.abs(x) ** y) <= 16
    assert np.abs(tanh(spread(-3, 3)) - np.tanh(spread(-3, 3))).max() < 1e-15


@given(st.sampled_from([-3.5, -2.0, -0.0, 0.0, 0.5, 2.0, 7.0]), st.integers(0, 8))
def test_whole_powers_are_products(x, n):
    assert power(x, n) == pytest.approx(x**n, rel=1e-15)
    assert power(x, 2.0) == x * x


EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324, 709.78, 709.79, -745.0, -746.0, -1e308])


@pytest.mark.parametrize("name", ["exp", "log"])
def test_edges_are_numpys(name):
    with np.errstate(all="ignore"):
        known = getattr(np, name)(EDGES)
    np.testing.assert_allclose(getattr(elementary, name)(EDGES), known, rtol=1e-15)


def test_angles_that_are_none_are_no_numbers():
    for ours in (sin, cos):
        assert np.isnan(ours(np.array([np.nan, np.inf, -np.inf, 1e6, -1e300]))).all()
    with np.errstate(invalid="ignore"):
        assert np.isnan(arccos(1.1))
        assert np.isnan(arcsin(-1.1))
    assert power(0.0, -1.0) == np.inf
    assert np.isnan(power(-1.0, 0.5))


def test_the_angle_of_every_pair_of_edges_is_numpys():
    y, x = (one.ravel() for one in np.meshgrid(EDGES[:7], EDGES[:7]))
    ours, known = arctan2(y, x), np.arctan2(y, x)
    np.testing.assert_allclose(ours, known, rtol=1e-15)
    np.testing.assert_array_equal(np.signbit(ours), np.signbit(known))


def test_numbers_give_numbers_and_arrays_keep_shape_and_type():
    assert isinstance(sin(1), float)
    assert sin(np.float32(0.5)).dtype == np.float32
    assert exp(np.zeros((2, 0, 3), np.float32)).shape == (2, 0, 3)
    assert log(np.arange(1, 7).reshape(2, 3)).dtype == np.float64
    assert arctan2(np.ones((4, 1)), np.ones(3)).shape == (4, 3)
    assert sin(np.arange(12.0).reshape(3, 4)[::2, ::-1]).tolist() == [
        [sin(x) for x in (3, 2, 1, 0)],
        [sin(x) for x in (11, 10, 9, 8)],
    ]


def test_compiled_code_calls_the_same():
    @numba.njit
    def compiled(x: float) -> tuple[float, float, float, float, float]:
        return (
            elementary.sin_of(x), elementary.cos_of(x), elementary.exp_of(x), elementary.log_of(x),
            elementary.arctan2_of(x, 2.0),
        )  # fmt: skip

    for x in spread(0.01, 20, 50):
        assert compiled(x) == (sin(x), cos(x), exp(x), log(x), arctan2(x, 2.0))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 3), (3, 3)), ((5, 3), (3, 4)), ((3, 3), (3,)), ((3,), (3,)), ((3,), (3, 4)), ((7, 2, 3), (3, 3)),
        ((7, 2, 3), (7, 3, 2)), ((7, 2, 3), (3,)),
    ],
)  # fmt: skip
def test_products_are_those_of_the_operator(a, b):
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=a), rng.normal(size=b)
    np.testing.assert_allclose(product(left, right), left @ right, atol=1e-14)
    assert np.shape(product(left, right)) == np.shape(left @ right)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(0, 99))
def test_small_systems_are_solved(size, seed):
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(size, size)), rng.normal(size=size)
    before = A.copy(), b.copy()
    np.testing.assert_allclose(A @ solve(A, b), b, atol=1e-8 * np.linalg.cond(A))
    np.testing.assert_array_equal(A, before[0])
    np.testing.assert_array_equal(b, before[1])
    assert solve(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([3.0, 4.0])).tolist() == [2.0, 3.0]


def test_sparse_systems_are_solved():
    rng = np.random.default_rng(0)
    links = sparse.random(300, 300, 0.02, random_state=rng)
    links = links + links.T
    degrees = sparse.diags(np.asarray(links.sum(axis=1)).ravel() + 1e-3)
    right = rng.normal(size=(300, 3))
    found = solve_sparse(degrees - links, right)
    assert np.abs((degrees - links) @ found - right).max() < 1e-9
    np.testing.assert_allclose(solve_sparse(degrees - links, right, found), found, atol=1e-8)
    assert not solve_sparse(degrees, np.zeros((300, 1))).any()


def test_lengths_are_numpys():
    vectors = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_allclose(norm(vectors), np.linalg.norm(vectors, axis=-1), rtol=1e-15)
    np.testing.assert_allclose(norm(vectors, axis=1, keepdims=True), np.linalg.norm(vectors, axis=1, keepdims=True))
    assert norm(np.array([3.0, 4.0])) == 5.0


BITS = "c74bd598d89c5c3d"


def test_their_bits_are_those_of_every_machine():
    """Whoever changes a bit here changes where every point of every head lies: published suites need new hashes."""
    rng = np.random.Generator(np.random.Philox(key=2))
    x, y = rng.random((2, 4096)) * 20.0 - 10.0
    found = [sin(x), cos(x), exp(x), log(np.abs(x)), arctan2(x, y), power(np.abs(x), y / 4.0), tanh(x), hypot(x, y)]
    assert all(math.isfinite(one.sum()) for one in found)
    assert hashlib.sha256(np.stack(found).tobytes()).hexdigest()[:16] == BITS
