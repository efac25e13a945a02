"""What every licensed head model comes down to: a mean mesh plus weighted modes, perhaps with joints and colours.

A reader fills in a `LinearModel`; `checked` refuses what cannot be a person's head.
"""

from dataclasses import dataclass, field

import numpy as np

from meshes.geometry import area_vectors
from meshes.head import Asset, MeshError
from meshes.loaders.rig import Rig
from meshes.scan import ADULT_IPD_M

MAX_POINTS = 1_000_000
EXTENT_M = (0.08, 1.0)
"""Smallest and largest width, height and depth of a mean face, head or bust."""

NOSE_M = (0.01, 0.08)
"""How far the tip of a nose lies in front of the eyeballs' centres; the back of a head lies farther."""


@dataclass(frozen=True, eq=False)
class Colors:
    """Colour of the skin by point: mean + sum of coefficient * mode, sRGB in [0, 1], clipped.

    Attributes:
        mean: (P, 3) float.
        basis: (C, P, 3) float; coefficients are ~ N(0, 1).
    """

    mean: np.ndarray
    basis: np.ndarray


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A head model as data, in metres and head axes; its origin may be anywhere.

    Attributes:
        name: short name recorded with every sample ("flame").
        asset: the file it was read from.
        points: (P, 3) float64, the mean head.
        faces: (F, 3) int64 into `points`, counter-clockwise seen from outside.
        part: (F,) uint8, ids of `meshes.parts.PARTS`.
        identity: (K, P, 3) float, offsets per unit coefficient; coefficients are ~ N(0, 1).
        identity_names: K names.
        expression: (E, P, 3) float, offsets at weight 1.
        expression_names: E names.
        whole_shapes: True where each expression is a recorded face with a weight in [0, 1], False where it is a mode
            with a coefficient ~ N(0, 1).
        eyes: (2, 3) float64, eyeball centres of the mean head, person's left then right.
        eye_basis: (K + E, 2, 3) float64, how far each mode moves them.
        rig: its joints; None turns the head rigidly.
        colors: colour of the skin; None where the model has none.
        uv: (F, 3, 2) float, v upwards, per corner; None where the model has none.
        texture: (h, w, 3) uint8 sRGB; None where the model has none.
    """

    name: str
    asset: Asset
    points: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    identity: np.ndarray
    identity_names: tuple[str, ...]
    expression: np.ndarray
    expression_names: tuple[str, ...]
    whole_shapes: bool
    eyes: np.ndarray
    eye_basis: np.ndarray
    rig: Rig | None = None
    colors: Colors | None = None
    uv: np.ndarray | None = None
    texture: np.ndarray | None = field(default=None)


def summed(mean: np.ndarray, basis: np.ndarray, weights: dict[int, float]) -> np.ndarray:
    """(P, 3) float64: mean plus weighted modes, added in the order of their numbers."""
    total = mean.astype(np.float64)
    for k in sorted(weights):
        # A Python float would let modes of lower precision multiply in it.
        total += np.float64(weights[k]) * basis[k]
    return total


def mode_names(stem: str, count: int) -> tuple[str, ...]:
    """Names of modes that have none of their own: stem000, stem001 ..."""
    return tuple(f"{stem}{k:03d}" for k in range(count))


def nose_tip(points: np.ndarray, eyes: np.ndarray) -> int:
    """The most protruding point of the middle of the face.

    Args:
        points: (P, 3) float64 metres, head axes.
        eyes: (2, 3) float64 metres.

    Returns:
        Its number, or -1 where there is no such point.
    """
    x, y, z = (points - eyes.mean(axis=0)).T
    middle = np.flatnonzero((np.abs(x) < 0.02) & (np.abs(y + 0.035) < 0.025) & (z > 0.0))
    return int(middle[z[middle].argmax()]) if len(middle) else -1


def outward(points: np.ndarray, faces: np.ndarray, tip: int) -> np.ndarray:
    """(F, 3) the faces, all reversed if those around the tip of the nose look into the head."""
    reach = np.abs(points[faces].mean(axis=1) - points[tip]).max(axis=1) < 0.012
    near = reach if reach.any() else (faces == tip).any(axis=1)
    return faces if area_vectors(points, faces[near])[:, 2].sum() >= 0 else faces[:, ::-1]


def checked(model: LinearModel) -> LinearModel:
    """The model itself.

    Raises:
        MeshError: it has no modes to draw people from, or is not the size or the way round of a person's head.
    """
    file = model.asset.source
    if len(model.points) > MAX_POINTS:
        raise MeshError(f"{file}: expected at most {MAX_POINTS} points, got {len(model.points)}.")
    ipd_m = float(np.sqrt(np.square(model.eyes[0] - model.eyes[1]).sum()))
    if not ADULT_IPD_M[0] <= ipd_m <= ADULT_IPD_M[1] or model.eyes[0, 0] < model.eyes[1, 0]:
        low, high = (1e3 * m for m in ADULT_IPD_M)
        raise MeshError(
            f"{file}: expected eyes {low:.0f} to {high:.0f} mm apart, the person's left one towards +X, got "
            f"{1e3 * ipd_m:.4g} mm and x of {model.eyes[0, 0]:.4g} and {model.eyes[1, 0]:.4g} m. "
            "Give the model in its own unit and axes."
        )
    extent = np.ptp(model.points, axis=0)
    if not ((extent >= EXTENT_M[0]) & (extent <= EXTENT_M[1])).all():
        sizes = " x ".join(f"{m:.3g}" for m in extent)
        raise MeshError(
            f"{file}: expected a head of {EXTENT_M[0]} to {EXTENT_M[1]} m each way, got {sizes} m. Is it a head model?"
        )
    tip = nose_tip(model.points, model.eyes)
    reach_m = model.points[tip, 2] - model.eyes[:, 2].mean() if tip >= 0 else 0.0
    if not NOSE_M[0] <= reach_m <= NOSE_M[1]:
        low, high = (1e3 * m for m in NOSE_M)
        raise MeshError(
            f"{file}: expected the tip of a nose {low:.0f} to {high:.0f} mm before the eyes (+Z), got "
            f"{1e3 * reach_m:.4g} mm. Is it a head that faces +Z?"
        )
    return model
