"""From a flow to the portrait: one way of moving pictures for all methods, so that it is flows that are compared.

Points of a dolly pair move along the ray from the eye midpoint's pixel: one at u that lies z in front of the eye plane
goes from u to u D (d - z) / (d (D - z)), with d the near and D the far distance.
"""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from benchmark.methods.method import Question
from training.warp import centres, nearest_wins, splat

LEAST_SHARE = 0.1
"""Pixels in which less than this share of a pixel arrives count as empty: the rim of the splat."""
SHARPNESS = 20.0
"""Of `nearest_wins`: a nose outweighs an ear a hundred thousand times, and rounding loses no weight of any flow."""
CRACK = 0.006
"""Cracks up to twice this share of the height, where a surface is stretched, are closed by their neighbours."""


def moved(question: Question, flow: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the near portrait carried along a flow (H, W, 2) in pixels; black where nothing arrives.

    A flow of zero gives the portrait itself, to the bit.
    """
    picture, share = moved_with_share(question, flow)
    nobody = torch.from_numpy(question.near_alpha == 0)[None, None].float()
    _, background = splat(nobody, _carried(flow), nobody)
    there, free = share[0, 0].numpy() >= LEAST_SHARE, background[0, 0].numpy() < LEAST_SHARE
    return without_cracks(codes(picture), there, free)


def moved_with_share(question: Question, flow: np.ndarray) -> tuple[Tensor, Tensor]:
    """(1, 3, H, W) float32 in [0, 1], the portrait carried along, and (1, 1, H, W) how much of a pixel arrives."""
    near, mask = picture_and_mask(question)
    carried, person = _carried(flow), (mask > 0).float()
    eyes = torch.from_numpy(np.asarray(question.eye_px, np.float32))[None]
    picture, _ = splat(near, carried, person * nearest_wins(carried, eyes, SHARPNESS))
    _, share = splat(person, carried, person)
    return torch.where(share >= LEAST_SHARE, picture, 0.0), share


def _carried(flow: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(flow, np.float32)).movedim(-1, 0)[None]


def without_cracks(rgb: np.ndarray, there: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The picture with narrow gaps filled by the nearest pixel; wide ones stay.

    Args:
        rgb: (H, W, 3) uint8.
        there: (H, W) bool, pixels of the person.
        free: (H, W) bool, where no background arrives: what is bare there was stretched or uncovered.
    """
    radius = max(1, round(CRACK * len(there)))
    around = np.pad(there, 2 * radius)
    wide = distance_transform_edt(~around) <= radius
    closed = distance_transform_edt(wide)[2 * radius : -2 * radius, 2 * radius : -2 * radius] > radius
    return np.where((closed & free & ~there)[..., None], continued(rgb, there), rgb)


def radial(question: Question, z_m: np.ndarray, distance_m: float) -> np.ndarray:
    """(H, W, 2) float32: the flow of points z (H, W) metres in front of the eye plane, seen from a distance."""
    away = centres(torch.zeros(z_m.shape))[0].movedim(0, -1).numpy() - question.eye_px
    d, D = distance_m, question.far_m
    # No point lies at the camera: half way is closer than any face can be.
    z = np.clip(z_m, -1.0, 0.5 * min(d, D))
    stretch = (d - z) / d if np.isinf(D) else D * (d - z) / (d * (D - z))
    return (away * (stretch - 1)[..., None]).astype(np.float32)


def continued(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values (H, W, ...) where `known` (H, W) bool, elsewhere those of the nearest known pixel; zeros if none is."""
    if not known.any():
        return np.zeros_like(values)
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return values[rows, columns]


def picture_and_mask(question: Question) -> tuple[Tensor, Tensor]:
    """(1, 3, H, W) and (1, 1, H, W) float32 in [0, 1]: the near portrait and its mask."""
    near = torch.from_numpy(question.near_rgb.copy()).movedim(-1, 0)[None].float() / 255
    return near, torch.from_numpy(question.near_alpha.copy())[None, None].float() / 255


def codes(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of a picture (1, 3, H, W) in [0, 1]."""
    return (picture[0].movedim(0, -1).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
