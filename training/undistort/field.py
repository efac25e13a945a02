"""By how much every point near a face moves from the eye midpoint or towards it: one number a point.

For a dolly pair with parallel image planes the flow is radial about the eye midpoint's pixel: a point z in front of the
eye plane, seen from d at u from that pixel, is seen from D at u D (d - z) / (d (D - z)). That factor less 1 is its
`stretch`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor
from torch.nn import functional

from training.undistort.align import Crop
from training.undistort.fill import pull_push, soft_step, widened
from training.warp import centres, nearness, splat

REACH = 1.6
"""Up to this many times the square's width things move: fully inside the square, ever less outside."""
LIMITS = (-0.6, 1.5)
"""Stretches that occur: a nose 6 cm in front of the eyes at 10 cm, hair 15 cm behind them."""
_RIM = 0.01
"""Share of the square by which the person's outline is not trusted."""
_BLIND = 0.03
"""Share of the square about its middle where flow is too short to tell a stretch by."""


@dataclass(frozen=True, eq=False)
class Field:
    """Stretches on a grid about the eye midpoint.

    Attributes:
        stretch: (1, 1, F, F) float32; spans REACH times the side of the square, upright.
    """

    stretch: Tensor

    def of_picture(self, crop: Crop, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Stretch (1, 1, H, W) of a picture's pixels, and their places (1, 2, H, W) from the eye midpoint."""
        return onto_picture(self.stretch, crop, height, width, REACH), _away(crop, height, width)

    def inverted(self, steps: int = 20) -> "Field":
        """Stretches that undo these: those of the far picture's points.

        A point q of the far picture came from q (1 + h) with h = 1 / (1 + stretch at q (1 + h)) - 1: a fixed point,
        found by repetition. It begins with what a forward warp brings, so that of two points that meet the nearer is
        found.
        """
        place = centres(self.stretch) - self.stretch.shape[-1] / 2
        sent, arrived = splat(1 / (1 + self.stretch) - 1, self.stretch * place, nearness(self.stretch))
        back = pull_push(sent, (arrived > 0).to(sent.dtype))
        for _ in range(steps):
            grid = (place * (1 + back) * (2 / self.stretch.shape[-1])).movedim(1, -1)
            there = functional.grid_sample(self.stretch, grid, padding_mode="zeros", align_corners=False)
            back = 0.5 * back + 0.5 * (1 / (1 + there) - 1)  # Half steps settle where whole ones swing.
        return Field(back)


def onto_picture(square: Tensor, crop: Crop, height: int, width: int, reach: float = 1.0) -> Tensor:
    """What is known on a crop's square (1, C, S, S), or on one `reach` times as wide, on the picture's pixels.

    Returns:
        (1, C, H, W); 0 outside the square.
    """
    turned = torch.einsum("ij,njhw->nihw", torch.from_numpy(crop.axes.T).float(), _away(crop, height, width))
    grid = (turned * (2 / (reach * crop.side_px))).movedim(1, -1)
    return functional.grid_sample(square, grid, padding_mode="zeros", align_corners=False)


def field_of(flow: Tensor, mask: Tensor) -> Field:
    """The field of a predicted flow: known on the person, continued to its surroundings and faded out.

    What of the flow is not radial is left out: the theorem knows no such part.

    Args:
        flow: (1, 2, W, W) pixels, near to far, of the upright square.
        mask: (1, 1, W, W) in [0, 1], the person.
    """
    size = flow.shape[-1]
    away = centres(flow) - size / 2
    square = (away**2).sum(dim=1, keepdim=True)
    stretch = ((flow * away).sum(dim=1, keepdim=True) / square.clamp_min(0.25)).clamp(*LIMITS)
    # The outermost pixels show the background as well, and networks err there.
    inner = -widened(-mask, round(_RIM * size)) > 0.5
    known = inner & (square > (_BLIND * size) ** 2)
    margin = round(size * (REACH - 1) / 2)
    padded = functional.pad(torch.where(known, stretch, torch.nan), (margin,) * 4, value=torch.nan)
    around = _continued(padded[0, 0].double().numpy(), blur=0.02 * size)
    return Field(torch.from_numpy(around).float()[None, None] * _fading(size, margin))


def _continued(stretch: np.ndarray, blur: float) -> np.ndarray:
    """NaN replaced by the nearest known value, smoothed; all 0 where nothing is known."""
    unknown = np.isnan(stretch)
    if unknown.all():
        return np.zeros_like(stretch)
    rows, columns = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    nearest = stretch[rows, columns]
    smooth = gaussian_filter(nearest, blur, mode="nearest")
    return np.where(unknown, smooth, nearest)


def _fading(size: int, margin: int) -> Tensor:
    """(1, 1, F, F): 1 in the square, 0 at the rim of its reach."""
    away = (centres(torch.zeros(1, 1, size + 2 * margin, size + 2 * margin)) - size / 2 - margin).abs().amax(1, True)
    return soft_step(away, size / 2 + margin - 1, size / 2)


def _away(crop: Crop, height: int, width: int) -> Tensor:
    """(1, 2, H, W): from the eye midpoint to every pixel's centre, pixels."""
    return centres(torch.zeros(1, 1, height, width)) - torch.from_numpy(crop.centre_px).float().view(1, 2, 1, 1)
