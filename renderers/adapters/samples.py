"""Pictures of several samples a pixel, whoever drew them: how many, and their mean."""

import numpy as np

from renderers.picture import Image


def mean_of_samples(rgb: np.ndarray, alpha: np.ndarray, n: int) -> Image:
    """A picture by the box filter from n x n samples a pixel.

    Args:
        rgb: (n H, n W, 3) linear, premultiplied.
        alpha: (n H, n W) in [0, 1].
        n: samples a side.
    """
    height, width = (side // n for side in alpha.shape)
    squares = np.concatenate([rgb, alpha[..., None]], axis=-1).reshape(height, n, width, n, 4)
    mean = squares.mean(axis=(1, 3), dtype=np.float64).astype(np.float32)
    return Image(np.ascontiguousarray(mean[..., :3]), np.ascontiguousarray(mean[..., 3]))
