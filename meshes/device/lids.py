"""`meshes.eyelids.clear_of_eye` for batches: lids slide over the eye and its cornea."""

import numpy as np
import torch

from meshes.eyelids import MARGIN_M, SOFTNESS_M, profile


def interpolate(x: torch.Tensor, known: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """`numpy.interp` of any shape x over ascending (K,) `known` and their (K,) `values`."""
    x = x.clamp(known[0], known[-1])
    low = (torch.searchsorted(known, x, right=True) - 1).clamp(0, len(known) - 2)
    slope = (values[1:] - values[:-1]) / (known[1:] - known[:-1])
    return values[low] + (x - known[low]) * slope[low]


def outline(device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Ascending angles (K,) from the gaze axis and the eye's reach (K,) there, as `meshes.eyelids.profile`.

    Of equal angles, which `numpy.interp` steps over, the last is kept.
    """
    angle, reach = profile()
    last = np.append(angle[1:] > angle[:-1], True)
    return torch.from_numpy(angle[last]).to(device), torch.from_numpy(reach[last]).to(device)


def clear_of_eye(
    points: torch.Tensor,
    centre: torch.Tensor,
    radius: torch.Tensor,
    gaze: torch.Tensor,
    eye: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """(B, N, 3) float64 metres: points of the lids moved radially out of an eye.

    Args:
        points: (B, N, 3) metres.
        centre: (B, 3) metres; radius: (B,) metres; gaze: (B, 3) unit.
        eye: from `outline`.
    """
    away = points - centre[:, None]
    distance = (away * away).sum(-1).sqrt()
    along = (away * gaze[:, None]).sum(-1)
    angle = (along / distance).clamp(-1.0, 1.0).acos()
    short = radius[:, None] * interpolate(angle, *eye) + MARGIN_M - distance
    push = (short + (short * short + SOFTNESS_M**2).sqrt()) / 2
    return points + away * (push / distance)[..., None]
