"""Eyelashes: an alpha map of single hairs for the lash strips of the hm08 mesh.

The map covers a small window of the atlas; `lash_uv` takes the strips' coordinates there.
"""

from functools import lru_cache

import numpy as np

from meshes.noise import keyed

_WINDOW = (0.6550, 0.9250, 0.1065, 0.0620)  # Left, bottom, width, height of the map in the hm08 atlas.
_SIZE = (596, 1024)
_STEPS = 120

# Root and tip edges of the strips of the person's right eye, from the outer to the inner corner, atlas uv.
_UPPER_ROOT = ((0.6687, 0.9272), (0.6706, 0.9269), (0.6733, 0.9301), (0.6763, 0.9338), (0.6811, 0.9365),
               (0.6860, 0.9379), (0.6919, 0.9376), (0.6977, 0.9357), (0.7013, 0.9344), (0.7065, 0.9346))  # fmt: skip
_UPPER_TIP = ((0.6580, 0.9364), (0.6647, 0.9416), (0.6683, 0.9435), (0.6722, 0.9451), (0.6764, 0.9464),
              (0.6814, 0.9470), (0.6869, 0.9469), (0.6931, 0.9455), (0.6984, 0.9433), (0.7068, 0.9387))  # fmt: skip
_LOWER_ROOT = ((0.6647, 0.9851), (0.6664, 0.9830), (0.6686, 0.9802), (0.6715, 0.9780), (0.6768, 0.9760),
               (0.6822, 0.9756), (0.6869, 0.9762), (0.6916, 0.9778), (0.6963, 0.9804), (0.6987, 0.9798))  # fmt: skip
_LOWER_TIP = ((0.6580, 0.9760), (0.6610, 0.9731), (0.6642, 0.9708), (0.6682, 0.9692), (0.6722, 0.9679),
              (0.6769, 0.9672), (0.6825, 0.9672), (0.6877, 0.9679), (0.6922, 0.9694), (0.7011, 0.9738))  # fmt: skip


def lash_uv(uv: np.ndarray) -> np.ndarray:
    """(N, 2) float32 coordinates in `lash_cutout` from (N, 2) coordinates of the strips in the hm08 atlas."""
    return ((uv - np.array(_WINDOW[:2])) / np.array(_WINDOW[2:])).astype(np.float32)


def _along(edge: tuple[tuple[float, float], ...], s: np.ndarray) -> np.ndarray:
    points = np.array(edge)
    stations = np.linspace(0.0, 1.0, len(points))
    return np.stack([np.interp(s, stations, points[:, k]) for k in (0, 1)], axis=-1)


def _hairs(
    root: tuple[tuple[float, float], ...],
    tip: tuple[tuple[float, float], ...],
    count: int,
    length: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sample points (count, _STEPS, 2) in atlas uv along curved hairs, and half-widths (count, _STEPS) in texels."""
    rng = keyed(seed, 0)
    # Hairs stand in loose clusters of three or four whose tips lean together.
    s = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    cluster = np.round(s * count / 3.5) * 3.5 / count
    lean = 0.5 * (cluster - s) + rng.normal(0.0, 0.006, count)
    reach = length * rng.uniform(0.65, 1.0, count) * (0.55 + 0.45 * np.sin(np.pi * np.clip(1.02 - 0.9 * s, 0.0, 1.0)))
    t = np.linspace(0.0, 1.0, _STEPS)
    station = np.clip(s[:, None] + lean[:, None] * t**1.5 - 0.03 * t**2, 0.0, 1.0)
    height = (reach[:, None] * t)[..., None]
    path = _along(root, station) * (1.0 - height) + _along(tip, station) * height
    half_width = 1.9 * (1.0 - 0.75 * t) * rng.uniform(0.8, 1.2, count)[:, None]
    return path, half_width


def _stamp(alpha: np.ndarray, uv: np.ndarray, half_width: np.ndarray) -> None:
    """Sets texels within `half_width` of the points, in place."""
    height, width = alpha.shape
    at = lash_uv(uv.reshape(-1, 2)).astype(np.float64)
    x, y, reach = at[:, 0] * width, (1.0 - at[:, 1]) * height, half_width.ravel()
    for row_step in range(-2, 3):
        for column_step in range(-2, 3):
            row, column = np.floor(y).astype(int) + row_step, np.floor(x).astype(int) + column_step
            near = np.hypot(row + 0.5 - y, column + 0.5 - x) <= reach
            near &= (row >= 0) & (row < height) & (column >= 0) & (column < width)
            alpha[row[near], column[near]] = 255


@lru_cache(maxsize=1)
def lash_cutout() -> np.ndarray:
    """(596, 1024) uint8, 255 on a hair and 0 between: both lids of both eyes, row 0 is v = 1 of `lash_uv`."""
    alpha = np.zeros(_SIZE, np.uint8)
    for root, tip, count, length, seed in (
        (_UPPER_ROOT, _UPPER_TIP, 84, 0.92, 1),
        (_LOWER_ROOT, _LOWER_TIP, 46, 0.62, 2),
    ):
        _stamp(alpha, *_hairs(root, tip, count, length, seed))
    alpha = np.maximum(alpha, alpha[:, ::-1])  # The window is centred between the eyes.
    alpha.setflags(write=False)
    return alpha
