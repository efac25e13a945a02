"""Bends the neck like an elastic rod: every vertex turns by its own share of the skull's rotation.

No rotation matrices are blended, so nothing shrinks; a cross-section of the neck stays rigid.
"""

from dataclasses import dataclass

import numpy as np

from meshes.elementary import cos, sin

STEPS = 32
"""Even steps of the share that the axis is followed in."""


@dataclass(frozen=True, eq=False)
class Neck:
    """The axis the rotation is spread along.

    Attributes:
        share: (N,) float64, rising from 0 to 1: the share of the rotation at each axis point.
        axis: (N, 3) float64 metres, from the root of the neck to the skull's pivot.
    """

    share: np.ndarray
    axis: np.ndarray


def rotation(yaw: np.ndarray | float, pitch: np.ndarray | float, roll: np.ndarray | float = 0.0) -> np.ndarray:
    """(..., 3, 3) float64: Ry(yaw) @ Rx(pitch) @ Rz(roll), radians, right-hand rule, broadcast together."""
    y, p, r = np.broadcast_arrays(*np.atleast_1d(yaw, pitch, roll))
    cy, sy, cp, sp, cr, sr = cos(y), sin(y), cos(p), sin(p), cos(r), sin(r)
    rows = [
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ]
    R = np.moveaxis(np.array(rows), (0, 1), (-2, -1))
    return R if np.ndim(yaw) or np.ndim(pitch) or np.ndim(roll) else R[0]


def axis_at(neck: Neck) -> np.ndarray:
    """(STEPS + 1, 3) float64 metres: the axis at even steps of the share from 0 to 1."""
    s = np.linspace(0.0, 1.0, STEPS + 1)
    return np.stack([np.interp(s, neck.share, neck.axis[:, k]) for k in range(3)], axis=1)


def bend(points: np.ndarray, share: np.ndarray, neck: Neck, yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Turns the skull by R = Ry(yaw) Rx(pitch) Rz(roll) and lets the neck follow.

    With R(s) = Ry(s yaw) Rx(s pitch) Rz(s roll), the axis a(s) moves to c(s) = a(0) + integral of R a'; a point
    of share s moves to c(s) + R(s) (x - a(s)). Shares 0 stay, shares 1 turn rigidly.

    Args:
        points: (V, 3) float64 metres, unposed.
        share: (V,) float64 in [0, 1].
        neck: the axis.
        yaw, pitch, roll: radians.

    Returns:
        (V, 3) float64 metres.
    """
    s, rest = np.linspace(0.0, 1.0, STEPS + 1), axis_at(neck)
    middle = (s[1:] + s[:-1]) / 2
    step = np.einsum("nij,nj->ni", rotation(middle * yaw, middle * pitch, middle * roll), np.diff(rest, axis=0))
    bent = np.concatenate([rest[:1], rest[0] + np.cumsum(step, axis=0)])
    at = np.stack([np.interp(share, s, rest[:, k]) for k in range(3)], axis=1)
    to = np.stack([np.interp(share, s, bent[:, k]) for k in range(3)], axis=1)
    return to + np.einsum("nij,nj->ni", rotation(share * yaw, share * pitch, share * roll), points - at)
