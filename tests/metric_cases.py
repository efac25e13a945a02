"""Made-up cases that the tests of metrics share."""

import numpy as np
import pytest

from datagen.randomness import generator


def rng_for(purpose):
    return generator(0, 0, f"test metrics {purpose}")


def flow_case(index=0, shape=(9, 7)):
    """A truth, a prediction and a mask."""
    rng = generator(0, index, "flow case")
    true = rng.normal(size=(*shape, 2)) * 20
    return true + rng.normal(size=true.shape) * 3, true, rng.uniform(size=shape) < 0.6


def picture_case(index=0, shape=(40, 36)):
    rng = generator(0, index, "picture case")
    true = rng.uniform(size=(*shape, 3))
    return np.clip(true + rng.normal(size=true.shape) * 0.1, 0, 1), true, rng.uniform(size=shape) < 0.6


def score_case(index=0, genuine=60, impostor=1500):
    """Rounded, so that there are ties."""
    rng = generator(0, index, "score case")
    return np.round(rng.normal(1.5, 1, genuine), 1), np.round(rng.normal(0, 1, impostor), 1)


def head_case():
    """A bumpy closed surface of head size, 320 triangles."""
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.1)
    rng = rng_for("head")
    return ball.vertices * (1 + 0.1 * rng.normal(size=(len(ball.vertices), 1))) * (0.8, 1.2, 1.0), ball.faces
