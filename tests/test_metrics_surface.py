"""Registration and distances of surfaces against brute force and known movements."""

import math

import numpy as np
import pytest
from metric_cases import head_case, rng_for

from benchmark.metrics import MetricError, PredictionError, surface
from benchmark.metrics.closest import Nearest, closest_on_triangles


def some_similarity(purpose, degrees=20.0):
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    axis = rng_for(purpose).normal(size=3)
    R = rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix()
    return surface.Similarity(1.3, R, np.array([0.02, -0.01, 0.03]))


def test_umeyama_finds_a_similarity_again():
    points, moved_by = rng_for("points").normal(size=(30, 3)), some_similarity("turn", 130)
    found = surface.umeyama(points, moved_by(points))
    assert math.isclose(found.scale, 1.3)
    np.testing.assert_allclose(found.R, moved_by.R, atol=1e-12)
    np.testing.assert_allclose(found.t, moved_by.t, atol=1e-12)
    mirrored = surface.umeyama(points, points * (1, 1, -1))
    assert math.isclose(np.linalg.det(mirrored.R), 1), "never a reflection"
    assert surface.umeyama(points, moved_by(points), scaled=False).scale == 1


def test_umeyama_is_the_least_of_squares():
    rng = rng_for("least")
    source, target = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    best = surface.umeyama(source, target)
    least = ((best(source) - target) ** 2).sum()
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    for _ in range(50):
        R = rotation.from_rotvec(rng.normal(size=3) * 0.01).as_matrix() @ best.R
        near = surface.Similarity(best.scale * (1 + rng.normal() * 0.01), R, best.t + rng.normal(size=3) * 0.01)
        assert ((near(source) - target) ** 2).sum() >= least


def twin_closest(point, corners):
    """Closest point of one triangle on a fine net of barycentrics."""
    steps = np.linspace(0, 1, 201)
    u, v = (w.ravel() for w in np.meshgrid(steps, steps))
    inside = u + v <= 1 + 1e-12
    u, v = u[inside, None], v[inside, None]
    net = (1 - u - v) * corners[0] + u * corners[1] + v * corners[2]
    return np.linalg.norm(net - point, axis=1).min()


def test_the_closest_point_of_a_triangle_against_a_net():
    rng = rng_for("triangles")
    corners, points = rng.normal(size=(40, 3, 3)), rng.normal(size=(40, 3))
    corners[0, 2], corners[1, 1:] = corners[0, :2].mean(axis=0), corners[1, 0]  # A line and a point.
    on = closest_on_triangles(points, corners)
    for point, triangle, found in zip(points, corners, on, strict=True):
        least = twin_closest(point, triangle)
        assert least - 0.02 < np.linalg.norm(point - found) <= least + 1e-12
    for triangle, found in zip(corners[2:], on[2:], strict=True):
        weights = np.linalg.lstsq(np.vstack([triangle.T, np.ones(3)]), np.append(found, 1), rcond=None)[0]
        np.testing.assert_allclose(weights @ triangle, found, atol=1e-9)
        assert weights.min() > -1e-9, "on the triangle"


@pytest.mark.parametrize("spread", [0.001, 0.05, 0.5])
def test_the_closest_point_of_a_mesh_against_all_its_triangles(spread):
    vertices, faces = head_case()
    vertices = np.vstack([vertices, [(0, -1, 0), (0.5, -1, 0)]])  # One huge triangle among small ones.
    faces = np.vstack([faces, [[0, len(vertices) - 1, len(vertices) - 2]]])
    rng = rng_for("near")
    points = vertices[rng.choice(len(vertices), 60)] + spread * rng.normal(size=(60, 3))
    found, distance = Nearest(vertices, faces)(points)
    for point, on, d in zip(points, found, distance, strict=True):
        all_on = closest_on_triangles(np.broadcast_to(point, (len(faces), 3)), vertices[faces])
        assert d == np.linalg.norm(all_on - point, axis=1).min()
        assert math.isclose(d, np.linalg.norm(on - point))


def test_a_moved_surface_is_brought_back():
    vertices, faces = head_case()
    corners = vertices[faces]
    points = corners.mean(axis=1)
    moved = some_similarity("small turn", 4)(points)
    fit = surface.fit_to_surface(moved / 1.2, vertices, faces, rounds=400, kept=1.0)
    assert fit.distance_m.mean() < 0.0005
    assert abs(fit.similarity.scale * 1.3 / 1.2 - 1) < 0.02
    off = surface.fit_to_surface(moved / 1.2, vertices, faces, rounds=1).distance_m.mean()
    assert off > 2 * fit.distance_m.mean(), "it had something to bring back"
    at_once = surface.fit_to_surface(points, vertices, faces)
    assert at_once.distance_m.max() < 1e-12
    again = surface.surface_distance(points[::-1], vertices, faces)
    assert again.value < 1e-9
    assert again.count == len(points)


def test_points_without_counterpart_do_not_pull():
    vertices, faces = head_case()
    points = vertices[faces].mean(axis=1)
    points[:10] += (0, 0.3, 0)
    fit = surface.fit_to_surface(points, vertices, faces)
    assert fit.distance_m[10:].max() < 1e-9
    assert fit.distance_m[:10].min() > 0.1, "but they are told"


def test_point_distances_in_millimetres():
    rng = rng_for("mm")
    true, moved_by = rng.normal(size=(50, 3)) * 0.1, some_similarity("mm", 90)
    assert surface.point_distance(moved_by(true), true).value < 1e-9
    assert surface.point_distance(moved_by(true), true, scaled=False).value > 10
    assert surface.point_distance(true[:2], true[:2]).weight == 0
    with pytest.raises(PredictionError, match="expected several places, got one"):
        surface.point_distance(np.ones((50, 3)), true)
    with pytest.raises(MetricError, match="expected triangles, got none"):
        surface.fit_to_surface(true, true, np.zeros((0, 3), int))
    assert surface.surface_distance(np.zeros((0, 3)), *head_case()).weight == 0
