"""`meshes.skinning` for batches: every vertex turns by its own share of the skull's rotation."""

from dataclasses import dataclass

import numpy as np
import torch

from meshes.skinning import STEPS, Neck, axis_at


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of the skull's rotation and where they lie between the steps of a neck's axis.

    Attributes:
        share: (V,) float64 in [0, 1].
        low: (V,) int64, the step below; between: (V,) float64 in [0, 1], how far to the next.
    """

    share: torch.Tensor
    low: torch.Tensor
    between: torch.Tensor


def shares(share: np.ndarray, device: str) -> Shares:
    """Of (V,) float64 in [0, 1]."""
    low = np.minimum((share * STEPS).astype(np.int64), STEPS - 1)
    columns = (share, low, share * STEPS - low)
    return Shares(*(torch.from_numpy(column).to(device) for column in columns))


def axis(neck: Neck, device: str) -> torch.Tensor:
    """(STEPS + 1, 3) float64 metres: the axis of a neck at even steps of the share."""
    return torch.from_numpy(axis_at(neck)).to(device)


def rotation(angles: torch.Tensor) -> torch.Tensor:
    """(..., 3, 3): `meshes.skinning.rotation` of (..., 3) yaw, pitch and roll in radians."""
    (cy, cp, cr), (sy, sp, sr) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    rows = [
        *(cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp),
        *(cp * sr, cp * cr, -sp),
        *(-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp),
    ]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def turned(R: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """R (..., 3, 3) applied to points (..., 3), element by element: a library's product may round in single blocks."""
    return (R * points[..., None, :]).sum(-1)


def bend(points: torch.Tensor, at: Shares, rest: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """(B, V, 3) float64 metres: `meshes.skinning.bend` of a batch.

    Args:
        points: (B, V, 3), unposed.
        at: shares of the V points.
        rest: (B, STEPS + 1, 3), see `axis`.
        angles: (B, 3) yaw, pitch, roll.
    """
    middle = (torch.arange(STEPS, dtype=rest.dtype, device=rest.device) + 0.5) / STEPS
    step = turned(rotation(middle[:, None] * angles[:, None]), rest[:, 1:] - rest[:, :-1])
    bent = torch.cat([rest[:, :1], rest[:, :1] + step.cumsum(1)], 1)
    own = rotation(at.share[:, None] * angles[:, None])
    return _along(bent, at) + turned(own, points - _along(rest, at))


def _along(axis: torch.Tensor, at: Shares) -> torch.Tensor:
    low = axis[:, at.low]
    return low + at.between[:, None] * (axis[:, at.low + 1] - low)
