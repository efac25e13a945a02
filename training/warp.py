"""Moving pictures along flows: forward by splatting, backward by looking up; both differentiable.

Flows are (N, 2, H, W) pixels, dx right and dy down: the content of pixel (r, c) belongs at (c + 0.5, r + 0.5) + flow.
"""

import torch
from torch import Tensor
from torch.nn import functional


def centres(like: Tensor) -> Tensor:
    """(1, 2, H, W): continuous image coordinates (x, y) of the pixel centres of (..., H, W)."""
    height, width = like.shape[-2:]
    rows, columns = (torch.arange(n, dtype=like.dtype, device=like.device) + 0.5 for n in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y])[None]


def splat(values: Tensor, flow: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Sends every pixel to where its flow points, shared among the four pixel centres around that place.

    Where several arrive they are averaged by `weight` times their bilinear share. With weight = surface / depth^k for
    a large k the nearest wins (Niklaus and Liu, "Softmax Splatting for Video Frame Interpolation", CVPR 2020).

    Args:
        values: (N, C, H, W) to move.
        flow: (N, 2, H, W) pixels.
        weight: (N, 1, H, W) >= 0; 0 leaves a pixel out.

    Returns:
        (N, C, H, W) averages, 0 where nothing arrives, and (N, 1, H, W) the sum of what arrived.
    """
    count, channels, height, width = values.shape
    place = centres(flow) + flow - 0.5
    corner = place.floor()
    fraction = place - corner
    total = values.new_zeros(count, channels + 1, height * width)
    weighted = torch.cat([values * weight, weight], dim=1)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share_x = fraction[:, 0] if dx else 1 - fraction[:, 0]
        share_y = fraction[:, 1] if dy else 1 - fraction[:, 1]
        x, y = corner[:, 0] + dx, corner[:, 1] + dy
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        index = torch.where(inside, y * width + x, 0.0).long().flatten(1)
        share = torch.where(inside, share_x * share_y, 0.0)
        part = (weighted * share[:, None]).flatten(2)
        total = total.scatter_add(2, index[:, None].expand_as(part), part)
    total = total.view(count, channels + 1, height, width)
    mass = total[:, -1:]
    return torch.where(mass > 0, total[:, :-1] / mass.clamp_min(1e-12), 0.0), mass


def nearest_wins(flow: Tensor, eye_px: Tensor, sharpness: float = 40.0) -> Tensor:
    """(N, 1, H, W) weights for `splat`, by which what lies nearer to the camera covers what lies behind it.

    Of a dolly pair's flow: it draws near points towards the eye midpoint and drives far ones off it, so the share by
    which the offset from there changes falls as a point comes nearer. 1 in the plane of the eyes.

    Args:
        flow: (N, 2, H, W) pixels, near to far.
        eye_px: (N, 2) pixels.
        sharpness: natural logarithm of the weight by which a point wins whose offset shrinks to nothing.
    """
    offset = centres(flow) - eye_px.to(flow)[:, :, None, None]
    square = offset.square().sum(dim=1, keepdim=True)
    change = (offset * flow).sum(dim=1, keepdim=True) / square.clamp_min(1.0)
    return nearness(change, sharpness)


def nearness(change: Tensor, sharpness: float = 40.0) -> Tensor:
    """Weights for `splat` of the share by which offsets from the eye midpoint change, any shape; see `nearest_wins`."""
    # No weight may be so small that `splat` takes it for nothing.
    return (-sharpness * change.clamp(-0.6, 0.6)).exp()


def inverse_flow(flow: Tensor, weight: Tensor, rounds: int = 2) -> tuple[Tensor, Tensor]:
    """The flow back, on the grid of the result: splatted with the flow as its content, small holes closed.

    Where magnified pixels leave gaps their neighbours' mean stands in, `rounds` pixels wide at the most.

    Args:
        flow: (N, 2, H, W) pixels.
        weight: (N, 1, H, W) >= 0 as in `splat`.

    Returns:
        (N, 2, H, W) pixels for `look_up`, and (N, 1, H, W) float, 1 where it is known, 0 where nothing arrives.
    """
    back, mass = splat(-flow, flow, weight)
    # A gap has content on most sides; what lies off the outline has not.
    return _grown(back, (mass > 0).to(flow.dtype), rounds, beyond=0.5)


def look_up(image: Tensor, flow: Tensor) -> Tensor:
    """Fetches, for every pixel, what lies at its place plus flow: bilinear, the border repeated outside.

    Args:
        image: (N, C, H, W).
        flow: (N, 2, h, w) pixels of `image`, on the grid of the result.

    Returns:
        (N, C, h, w).
    """
    size = flow.new_tensor([image.shape[-1], image.shape[-2]]).view(1, 2, 1, 1)
    grid = 2 * (centres(flow) + flow) / size - 1
    return functional.grid_sample(image, grid.movedim(1, -1), padding_mode="border", align_corners=False)


def resize_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """The flow of the same picture at another size: bilinear, and its pixels become those of the new grid."""
    ratio = flow.new_tensor([width / flow.shape[-1], height / flow.shape[-2]]).view(1, 2, 1, 1)
    return functional.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * ratio


def without_rim(picture: Tensor, mask: Tensor, rounds: int = 2, sure: float = 0.9) -> Tensor:
    """A person's colours where the outline mixes them with what lies behind: the mean of sure neighbours instead.

    A pixel is sure where it and all around it belong to the person. What is `rounds` pixels off them, single hairs say,
    keeps its colour.

    Args:
        picture: (N, C, H, W).
        mask: (N, 1, H, W) in [0, 1], the person.
        rounds: width of the rim in pixels.
        sure: a pixel belongs to the person from this much on.

    Returns:
        (N, C, H, W).
    """
    known = (-functional.max_pool2d(-mask, 3, 1, 1) >= sure).to(picture.dtype)
    return _grown(picture, known, rounds, beyond=0.0)[0]


def _grown(values: Tensor, known: Tensor, rounds: int, beyond: float) -> tuple[Tensor, Tensor]:
    """Values (N, C, H, W), and where they are known (N, 1, H, W): round by round, unknown pixels of whose 3 x 3
    neighbourhood more than a share is known take the mean of that."""
    for _ in range(rounds):
        share = functional.avg_pool2d(known, 3, 1, 1)
        mean = functional.avg_pool2d(values * known, 3, 1, 1) / share.clamp_min(1e-6)
        taken = (known == 0) & (share > beyond)
        values, known = torch.where(taken, mean, values), torch.where(taken, 1.0, known)
    return values, known
