"""The person moved over the background that stood behind: layers in linear light, at the photograph's own resolution.

A photograph C shows a person of coverage a and colour F before a background B: C = a F + (1 - a) B. What moves is the
layer (a F, a).
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from training.undistort.align import Crop
from training.undistort.field import Field
from training.undistort.fill import pull_push, soft_step, widened
from training.warp import nearness, splat

Way = Literal["forward", "inverse"]
FORWARD_PX = 16_000_000
"""Larger parts of a photograph would take gigabytes to splat; they are looked up instead."""
_BAND_PX = 2_000_000
_LEEWAY = 0.15
"""Linear light by which a rim may differ from the person near by."""


def recompose(picture: Tensor, mask: Tensor, crop: Crop, field: Field, way: Way) -> tuple[Tensor, Tensor]:
    """The picture with the person moved.

    Args:
        picture: (1, C, H, W) linear light, and coverage where it has some.
        mask: (1, 1, H, W), the person.
        crop: the face's square in it.
        field: what moves it.
        way: "forward" sends pixels, "inverse" fetches them.

    Returns:
        (1, C, H, W), and the person's mask (1, 1, H, W) after moving.
    """
    behind = background(picture, mask, radius=max(1, round(0.004 * crop.side_px)))
    layer = torch.cat([person_layer(picture, mask, behind), mask], dim=1)
    send = way == "forward" and mask.numel() <= FORWARD_PX
    moved = (forward if send else inverse)(layer, crop, field)
    # Cubic interpolation overshoots; colour follows coverage back into its range.
    coverage = moved[:, -1:].clamp(0, 1)
    colour = moved[:, :-1] * torch.where(moved[:, -1:] > 0, coverage / moved[:, -1:], 0.0)
    return (colour + (1 - coverage) * behind).clamp(0, 1), coverage


def person_layer(picture: Tensor, mask: Tensor, behind: Tensor) -> Tensor:
    """(1, C, H, W): the person's share of every pixel's light.

    At a soft rim it is what the background leaves over, C - (1 - a) B, as far as that fits the colours of the person
    near by: what a mask takes for person by mistake must not carry the background along.
    """
    near_by = mask * pull_push(picture, soft_step(mask, 0.8, 0.98))
    left_over = picture - (1 - mask) * behind
    return near_by + torch.minimum(torch.maximum(left_over - near_by, -_LEEWAY * mask), _LEEWAY * mask)


def background(picture: Tensor, mask: Tensor, radius: int) -> Tensor:
    """The picture without the person: what lies within `radius` pixels of it is not trusted, and filled too."""
    return pull_push(picture, soft_step(widened(mask, radius), 0.3, 0.02))


def forward(layer: Tensor, crop: Crop, field: Field) -> Tensor:
    """Every pixel sent where it belongs; where several arrive the nearer one is seen."""
    stretch, away = field.of_picture(crop, *layer.shape[-2:])
    moved, arrived = splat(layer, stretch * away, nearness(stretch))
    return pull_push(moved, (arrived > 0).to(layer.dtype))


def inverse(layer: Tensor, crop: Crop, field: Field) -> Tensor:
    """Every pixel fetched from where it came, by cubic interpolation; in bands, to spare memory."""
    back, (height, width) = field.inverted(), layer.shape[-2:]
    rows = max(1, _BAND_PX // width)
    bands = []
    for top in range(0, height, rows):
        stretch, away = back.of_picture(crop.moved(0, -top), min(rows, height - top), width)
        place = away * (1 + stretch) + torch.tensor(crop.centre_px, dtype=away.dtype).view(1, 2, 1, 1)
        grid = (2 * place / torch.tensor([width, height], dtype=away.dtype).view(1, 2, 1, 1) - 1).movedim(1, -1)
        bands.append(functional.grid_sample(layer, grid, "bicubic", "border", align_corners=False))
    return torch.cat(bands, dim=2)


def holes(flow: Tensor, mask: Tensor) -> Tensor:
    """(1, 1, W, W) in [0, 1]: places of the far picture where less than half a pixel of the near one's person arrives.

    An even enlargement lets some pixels arrive closer together than others, so what arrives is averaged over five.
    """
    arrived = splat(mask, flow, mask)[1]
    return soft_step(functional.avg_pool2d(arrived, 5, 1, 2, count_include_pad=False), 0.5, 0.25)


def patched(picture: Tensor, person: Tensor, hole: Tensor, completed: Tensor | None) -> Tensor:
    """The picture with its holes filled.

    Args:
        picture: (1, C, H, W) linear light, and coverage where it has some.
        person: (1, 1, H, W), the moved person; only where it was stretched over a hole is one to be filled.
        hole: (1, 1, H, W), of `holes`.
        completed: (1, 3, H, W) linear light, what a network put there; without it holes grow over from the person
            around them.
    """
    hole = hole * person
    if completed is None:
        fill = pull_push(picture, ((hole < 0.02) & (person > 0.95)).to(picture.dtype))
    else:
        fill = torch.cat([completed, picture[:, 3:]], dim=1)
    return picture + hole * (fill - picture)
