"""Models of 40 points, no heads at all, for tests that read thousands of damaged files."""

from functools import lru_cache

import numpy as np
from licensed_models import Person, basel

from meshes.loaders.frame import Frame


@lru_cache(maxsize=1)
def small() -> Person:
    rng = np.random.default_rng(2)
    points = rng.uniform(-0.1, 0.1, (40, 3))
    weights = rng.dirichlet(np.ones(5), 40)
    return Person(
        points=points,
        faces=rng.integers(0, 40, (50, 3)),
        identity=0.01 * rng.standard_normal((20, 40, 3)),
        expression=0.01 * rng.standard_normal((6, 40, 3)),
        eyes=np.array([[0.03, 0, 0], [-0.03, 0, 0]]),
        balls=(np.arange(8), np.arange(8, 16)),
        joints=0.01 * rng.standard_normal((5, 3)),
        weights=weights,
        face_only=np.ones(40, bool),
    )


def basel_small() -> dict[str, np.ndarray]:
    return basel(small())


def cheap_frame(points: np.ndarray, faces: np.ndarray, name: str, metres_per_unit: float | None = None) -> Frame:
    """In place of `meshes.loaders.frame.find_frame`."""
    return Frame(0.001, np.eye(3), points.mean(axis=0), np.array([[0.03, 0.0, 0.0], [-0.03, 0.0, 0.0]]))
