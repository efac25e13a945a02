"""Pictures as other cameras would have taken them, and not quite where the eyes should be.

Labels follow what is done to the geometry; every draw comes from the generator given.
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from training.data import Batch
from training.warp import centres


def augment(batch: Batch, generator: torch.Generator) -> Batch:
    """All of them, as a training step wants them: moved, occluded, recoloured, noisy, compressed, badly cut out."""
    batch = move(batch, similarity(len(batch["near"]), generator))
    batch = recolour(batch, generator)
    batch = occlude(batch, generator)
    near = compress(noise(batch["near"], generator), generator)
    return {**batch, "near": near, "near_mask": cut_out(batch["near_mask"], generator)}


def _uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def similarity(
    count: int, generator: torch.Generator, turn: float = 0.06, scale: float = 0.06, shift: float = 0.03
) -> Tensor:
    """(count, 2, 3): turns (radians), scales and shifts (shares of the width) of picture coordinates in [-1, 1]."""
    angle = _uniform(generator, -turn, turn, count)
    size = _uniform(generator, -scale, scale, count).exp()
    c, s = size * angle.cos(), size * angle.sin()
    dx, dy = 2 * _uniform(generator, -shift, shift, 2, count)
    return torch.stack([torch.stack([c, -s, dx], 1), torch.stack([s, c, dy], 1)], 1)


def move(batch: Batch, transform: Tensor) -> Batch:
    """The batch with both views moved alike; flows still connect the same points of the surface.

    Camera and landmarks of the pictures as they were are left out.

    Args:
        batch: square pictures.
        transform: (N, 2, 3) maps coordinates in [-1, 1] of the new pictures to those of the old.
    """
    transform = transform.to(batch["near"].device)
    grid = functional.affine_grid(transform, list(batch["near"].shape), align_corners=False)
    linear = torch.linalg.inv(transform[:, :, :2])
    moved = {}
    for name, value in batch.items():
        if name in ("K", "landmarks_px", "landmarks_seen"):
            continue
        if name == "eye_px":
            moved[name] = _moved_points(value, transform, batch["near"].shape[-1])
        elif value.dim() != 4:
            moved[name] = value
        elif name in ("near", "far", "near_mask", "far_mask"):
            moved[name] = functional.grid_sample(value, grid, padding_mode="zeros", align_corners=False)
        else:
            # Labels are point samples: the nearest one, and what its rounding moves is less than half a pixel.
            near = functional.grid_sample(value.float(), grid, mode="nearest", align_corners=False)
            moved[name] = near.to(value.dtype)
    for name in {"flow", "flow_back"} & moved.keys():
        moved[name] = torch.einsum("nij,njhw->nihw", linear, moved[name])
    return moved


def _moved_points(points_px: Tensor, transform: Tensor, width: int) -> Tensor:
    """(N, 2) pixels of the old pictures, in those of the new ones."""
    old = 2 * points_px / width - 1 - transform[:, :, 2]
    return (torch.linalg.solve(transform[:, :, :2], old) + 1) * (width / 2)


def recolour(batch: Batch, generator: torch.Generator) -> Batch:
    """Both pictures with another white balance, brightness and contrast; the same for both."""
    count = len(batch["near"])
    gain = _uniform(generator, 0.85, 1.15, count, 3, 1, 1) * _uniform(generator, 0.7, 1.3, count, 1, 1, 1)
    gamma = _uniform(generator, -0.25, 0.25, count, 1, 1, 1).exp()
    gain, gamma = gain.to(batch["near"]), gamma.to(batch["near"])
    views = [view for view in ("near", "far") if view in batch]
    return {**batch, **{view: (batch[view].clamp_min(1e-4) ** gamma * gain).clamp(0, 1) for view in views}}


def noise(picture: Tensor, generator: torch.Generator, most: float = 0.05) -> Tensor:
    """Gaussian noise (N, C, H, W), each picture with its own strength."""
    strength = _uniform(generator, 0.0, most, len(picture), 1, 1, 1)
    return (picture + (strength * torch.randn(picture.shape, generator=generator)).to(picture)).clamp(0, 1)


def compress(picture: Tensor, generator: torch.Generator, share: float = 0.5) -> Tensor:
    """Some of the pictures through JPEG, quality 30 to 95."""
    out = picture.clone()
    for index in range(len(picture)):
        chosen, quality = torch.rand(2, generator=generator).tolist()
        if chosen < share:
            codes = (picture[index].movedim(0, -1).cpu().numpy() * 255 + 0.5).astype(np.uint8)
            out[index] = torch.from_numpy(_jpeg(codes, round(30 + 65 * quality))).movedim(-1, 0).to(picture) / 255
    return out


def _jpeg(codes: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(codes).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def occlude(batch: Batch, generator: torch.Generator, share: float = 0.2) -> Batch:
    """Some near pictures with an ellipse of one colour before the person; what it hides is no longer learnt from."""
    near = batch["near"]
    count = len(near)
    place = centres(near) / near.shape[-1]
    middle = _uniform(generator, 0.1, 0.9, count, 2, 1, 1).to(near)
    radius = _uniform(generator, 0.04, 0.2, count, 2, 1, 1).to(near)
    colour = _uniform(generator, 0.0, 1.0, count, 3, 1, 1).to(near)
    there = (torch.rand(count, generator=generator) < share).to(near.device)[:, None, None, None]
    hidden = ((((place - middle) / radius) ** 2).sum(dim=1, keepdim=True) < 1) & there
    labels: Batch = {name: batch[name] & ~hidden for name in ("near_surface", "near_visible") if name in batch}
    return {**batch, **labels, "near": torch.where(hidden, colour, near)}


def cut_out(mask: Tensor, generator: torch.Generator) -> Tensor:
    """Masks (N, 1, H, W) as a segmentation would give them: a little too wide or too narrow, and soft."""
    wide = functional.max_pool2d(mask, 3, 1, 1)
    narrow = -functional.max_pool2d(-mask, 3, 1, 1)
    kind = torch.randint(0, 4, (len(mask), 1, 1, 1), generator=generator).to(mask.device)
    soft = functional.avg_pool2d(mask, 3, 1, 1)
    return torch.where(kind == 0, wide, torch.where(kind == 1, narrow, torch.where(kind == 2, soft, mask)))
