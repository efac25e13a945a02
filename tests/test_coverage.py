"""What four samples a pixel see, against a readable twin that tries every face at every sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.kernels_color import coverage

SIZE, FOCAL = 24, 20.0


def scene(seed: int, thin: float, orthographic: bool) -> tuple[coverage.Mesh, coverage.View]:
    """Sixty triangles, from broad to slivers, some of them level, without area, far outside or behind the eye."""
    rng = np.random.default_rng(seed)
    a = np.concatenate([rng.uniform(-0.7, 0.7, (60, 2)), rng.uniform(0.5, 1.5, (60, 1))], axis=1)
    along = rng.normal(0, 0.5, (60, 3))
    corners = np.stack([a, a + along, a + along * rng.uniform(0, 1, (60, 1)) + rng.normal(0, thin, (60, 3))], axis=1)
    corners[:4, 1, 1] = corners[:4, 0, 1]
    corners[4:6, 2] = corners[4:6, 0]
    corners[6:8] *= [400.0, 1.0, 1.0]
    corners[8:10, 1, 2] = -0.2
    points = corners.reshape(-1, 3)
    scale = FOCAL if orthographic else FOCAL / points[:, 2:]
    seen = np.ascontiguousarray(np.concatenate([points, points[:, :2] * scale + SIZE / 2], axis=1))
    rays = ((np.arange(2 * SIZE) + 0.5) / 2 - SIZE / 2) / FOCAL
    flags, none = np.zeros(60, np.uint8), np.full(60, -1, np.int32)
    faces = np.arange(180, dtype=np.uint32).reshape(60, 3)
    mesh = coverage.Mesh(
        faces, np.zeros((60, 3), np.float32), np.zeros((180, 2), np.float32), flags, flags > 0, none,
        np.zeros((0, 3), np.int64), np.zeros(0, np.uint8),
    )  # fmt: skip
    return mesh, coverage.View(seen, rays, rays.copy(), FOCAL, orthographic)


def nearest_faces(view: coverage.View, faces: np.ndarray) -> np.ndarray:
    """(2 SIZE, 2 SIZE) the nearest face at every sample, -1 for none: every face at every sample, in float64."""
    rays = np.stack(np.meshgrid(view.columns, view.rows), axis=-1)
    nearest, found = np.full(rays.shape[:2], np.inf), np.full(rays.shape[:2], -1)
    for face, corners in enumerate(faces):
        x, y, z = view.seen[corners, :3].T
        w = np.ones(3) if view.orthographic else z
        nxt, last = [1, 2, 0], [2, 0, 1]
        planes = (y[nxt] * w[last] - w[nxt] * y[last], w[nxt] * x[last] - x[nxt] * w[last],
                  x[nxt] * y[last] - y[nxt] * x[last])  # fmt: skip
        edge = planes[0] * rays[..., :1] + planes[1] * rays[..., 1:] + planes[2]
        total = edge[..., 0] + edge[..., 1] + edge[..., 2]
        edge, total = np.where(total < 0, -1, 1)[..., None] * edge, np.abs(total)
        weight = edge / np.where(total == 0, 1, total)[..., None]
        depth = weight[..., 0] * z[0] + weight[..., 1] * z[1] + weight[..., 2] * z[2]
        # A face in front of the eye holds no sample outside the box of its corners.
        inside = (edge >= 0).all(axis=-1) & (total > 0) & (depth > coverage.NEAR_M) & (depth < nearest)
        inside &= in_box(view, corners)
        nearest[inside], found[inside] = depth[inside], face
    return found


def in_box(view: coverage.View, corners: np.ndarray) -> np.ndarray:
    at, z = (np.arange(2 * SIZE) + 0.5) / 2, view.seen[corners, 2]
    if z.min() <= coverage.NEAR_M and not view.orthographic:
        return np.ones((2 * SIZE, 2 * SIZE), bool)
    across, down = ((at >= side.min()) & (at <= side.max()) for side in view.seen[corners, 3:].T)
    return down[:, None] & across


@pytest.mark.parametrize("orthographic", [False, True])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), thin=st.sampled_from([0.3, 0.02, 1e-3, 1e-6, 0.0]))
def test_samples_see_the_nearest_face(orthographic: bool, seed: int, thin: float) -> None:
    mesh, view = scene(seed, thin, orthographic)
    slot = np.arange(SIZE * SIZE, dtype=np.int32).reshape(SIZE, SIZE)
    ids, weights = coverage.subsample(mesh, view, slot, SIZE * SIZE)
    grid = ids[0].reshape(SIZE, SIZE, 2, 2).transpose(0, 2, 1, 3).reshape(2 * SIZE, 2 * SIZE)
    np.testing.assert_array_equal(grid, nearest_faces(view, mesh.faces))
    np.testing.assert_allclose(weights[0].sum(axis=-1)[ids[0] >= 0], 1, atol=1e-5)
