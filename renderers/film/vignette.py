"""Vignetting: a lens lights the corners of its picture less than the middle."""

import numpy as np

from renderers.camera import Camera, pixel_directions


def falloff(camera: Camera, natural: float, edge: float) -> np.ndarray:
    """The share of light that arrives.

    Args:
        camera: the view, with or without distortion.
        natural: how much of the natural falloff, the fourth power of the cosine to the optical axis, is left; 1 is a
            plain lens, 0 one that is corrected. A camera at infinity has none.
        edge: share of light that the barrel of the lens takes at the farthest corner; it grows as the fourth power
            of the distance from the principal point.

    Returns:
        (H, W) float32 in [0, 1].
    """
    K, height, width = camera.K, camera.height, camera.width
    x, y = np.arange(width) + 0.5 - K[0, 2], np.arange(height) + 0.5 - K[1, 2]
    corner2 = max(abs(x[[0, -1]])) ** 2 + max(abs(y[[0, -1]])) ** 2
    barrel = 1 - edge * ((x[None, :] ** 2 + y[:, None] ** 2) / corner2) ** 2
    if camera.orthographic or natural == 0:
        return barrel.astype(np.float32)
    cosine2 = 1 / (1 + np.square(pixel_directions(camera)).sum(axis=-1))
    return (barrel * (1 - natural * (1 - cosine2**2))).astype(np.float32)
