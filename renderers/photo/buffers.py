"""What path tracing hands to the denoiser and to the skin: one picture's light, told apart, and what it fell on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Buffers:
    """Means over each pixel's area and lens, linear, premultiplied: what is not there counts as 0.

    Attributes:
        rgb: (H, W, 3) float32, all light but `skin`.
        skin: (H, W, 3) float32, light that left skin by its matt reflection.
        albedo: (H, W, 3) float32 in [0, 1], of the first surface.
        normal: (H, W, 3) float32, its smooth normal, head frame.
        position: (H, W, 3) float32 metres, head frame, of skin.
        base: (H, W, 3) float32, matt albedo of skin; `base_kept`, `base_glow`: times the two parts of `skin.Glow`.
        coverage: (H, W) float32 in [0, 1], of the pixel by skin; `alpha`: by the person.
    """

    rgb: np.ndarray
    skin: np.ndarray
    albedo: np.ndarray
    normal: np.ndarray
    position: np.ndarray
    base: np.ndarray
    base_kept: np.ndarray
    base_glow: np.ndarray
    coverage: np.ndarray
    alpha: np.ndarray
