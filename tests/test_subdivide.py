"""Subdivision: an affine, watertight, mirror-symmetric map, equal to the textbook rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes.subdivide import Subdivision, edges_of, linear_step, smooth_step, split_quads, subdivide

CUBE = np.array(
    [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]],
)
CUBE_POINTS = np.array(
    [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], float
)


def grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Quads (F, 4) and points (N, 2) of a flat grid, corner (r, c) at (c, r)."""
    index = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1).reshape(-1, 4)
    points = np.stack(np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0)), axis=-1).reshape(-1, 2)
    return quads, points


def fine_grid(rows: int, columns: int, twice: np.ndarray) -> tuple[Subdivision, np.ndarray]:
    quads, points = grid(rows, columns)
    return subdivide(quads, quads, points, len(points), twice), points


def edge_use(faces: np.ndarray) -> np.ndarray:
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed), "an edge is walked twice in one direction"
    return np.unique(np.sort(directed, axis=1), axis=0, return_counts=True)[1]


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


masks = st.lists(st.booleans(), min_size=12, max_size=12).map(lambda bits: np.array(bits))


def test_cube_step_gives_catmull_clarks_numbers() -> None:
    points = smooth_step(CUBE, 8) @ CUBE_POINTS
    # Corner: (F + 2 R + (n - 3) P) / n with n = 3, face mean 1/3 and edge mean 2/3 of the corner.
    np.testing.assert_allclose(points[:8], CUBE_POINTS * (1 / 3 + 2 * 2 / 3) / 3, atol=1e-15)
    # Edge points: the mean of two ends (1, 1, 0) and two face centres (1/2, 1/2, 0).
    assert np.allclose(np.sort(np.abs(points[8:20]), axis=1), [0.0, 0.75, 0.75], atol=1e-15)
    assert np.allclose(np.sort(np.abs(points[20:]), axis=1), [0.0, 0.0, 1.0], atol=1e-15)


def test_rim_of_a_grid_is_a_cubic_b_spline() -> None:
    quads, points = grid(2, 4)
    fine = smooth_step(quads, len(points)) @ points
    np.testing.assert_allclose(fine[2], points[[1, 2, 3]].T @ [1 / 8, 3 / 4, 1 / 8])
    edges = edges_of(quads)
    rim = np.flatnonzero(edges.faces == 1)
    np.testing.assert_allclose(fine[len(points) + rim], points[edges.ends[rim]].mean(axis=1))


def test_a_point_of_no_face_stays() -> None:
    assert np.array_equal(smooth_step(CUBE, 10).toarray()[8:10], np.eye(10)[8:])


@given(masks)
@settings(max_examples=25, deadline=None)
def test_any_mixture_of_levels_is_watertight(twice: np.ndarray) -> None:
    fine, _ = fine_grid(3, 4, twice)
    positions = fine.operator @ np.random.default_rng(0).normal(size=(20, 3))
    use = edge_use(fine.faces)
    rim_once = 2 * (3 + 4) * 2  # Edges of the rim after one step; a split one counts twice.
    assert use.max() == 2
    assert rim_once <= (use == 1).sum() <= 2 * rim_once
    assert len(np.unique(positions, axis=0)) == len(positions)
    assert np.array_equal(np.unique(fine.faces), np.arange(len(positions)))


@given(masks)
@settings(max_examples=25, deadline=None)
def test_a_flat_grid_stays_flat_and_keeps_its_orientation(twice: np.ndarray) -> None:
    fine, points = fine_grid(3, 4, twice)
    a, b, c = (fine.operator @ points)[fine.faces.T]
    assert cross(b - a, c - a).min() > 0
    np.testing.assert_allclose(np.asarray(fine.operator.sum(axis=1)), 1.0, atol=1e-12)
    u, v, w = fine.attributes[fine.faces_uv.T]
    np.testing.assert_allclose(cross(v - u, w - u).sum(), 2 * 3 * 4)


def test_twice_everywhere_equals_two_steps() -> None:
    fine = subdivide(CUBE, CUBE, CUBE_POINTS, 8, np.ones(6, bool))
    first = smooth_step(CUBE, 8)
    second = smooth_step(split_quads(CUBE, 8), first.shape[0])
    np.testing.assert_allclose(fine.operator.toarray(), (second @ first).toarray(), atol=1e-15)
    assert len(fine.faces) == 6 * 16 * 2
    assert np.array_equal(np.bincount(fine.quad), np.full(6, 32))


def test_triangles_mirror_with_the_mesh() -> None:
    twice = np.zeros((3, 4), bool)
    twice[1, 1:3] = True
    fine, points = fine_grid(3, 4, twice.ravel())
    positions = np.round(fine.operator @ points, 9)
    mirrored = positions * (-1, 1) + (4, 0)

    def outlines(corners: np.ndarray) -> set:
        return {tuple(sorted(map(tuple, triangle))) for triangle in corners[fine.faces]}

    # The grid's quads start at the same corner on both sides, so this holds for fans, which have no first corner.
    fans = np.isin(fine.quad, [5, 6])
    assert {t for t in outlines(positions)} >= {
        tuple(sorted(map(tuple, triangle))) for triangle in np.round(mirrored, 9)[fine.faces[fans]]
    }


def test_descendants_are_the_smoothed_old_points() -> None:
    fine, points = fine_grid(3, 4, np.zeros(12, bool))
    rows = fine.operator.toarray()[fine.descendant]
    assert np.array_equal(rows.argmax(axis=1), np.arange(len(points)))


def test_linear_step_keeps_old_points_and_halves_edges() -> None:
    quads, points = grid(1, 2)
    fine = linear_step(quads, len(points)) @ points
    assert np.array_equal(fine[: len(points)], points)
    np.testing.assert_allclose(fine[len(points) :][: len(edges_of(quads).ends)], points[edges_of(quads).ends].mean(1))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_operator_is_affine(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fine = subdivide(CUBE, CUBE, CUBE_POINTS, 8, rng.random(6) < 0.5)
    A, t = rng.normal(size=(3, 3)), rng.normal(size=3)
    np.testing.assert_allclose(
        fine.operator @ (CUBE_POINTS @ A.T + t), (fine.operator @ CUBE_POINTS) @ A.T + t, atol=1e-12
    )
