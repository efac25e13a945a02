"""Flow as colour: the Middlebury wheel, where hue is direction and saturation is length.

Right is red, down is yellow, left is cyan-blue, up is violet; no motion is white.
"""

import numpy as np

from meshes.errors import UserError

_ARCS = (
    # From, to, and how many of the 55 hues lie between: more where the eye tells neighbours apart.
    ((255, 0, 0), (255, 255, 0), 15),
    ((255, 255, 0), (0, 255, 0), 6),
    ((0, 255, 0), (0, 255, 255), 4),
    ((0, 255, 255), (0, 0, 255), 11),
    ((0, 0, 255), (255, 0, 255), 13),
    ((255, 0, 255), (255, 0, 0), 6),
)
RIM_QUANTILE = 0.75
OUT_OF_RANGE_SHADE = 0.75
"""Factor on the full hue of a vector longer than `max_px`."""


def _hues() -> np.ndarray:
    """(55, 3) float64 in [0, 1]: the wheel's hues; within an arc they step by floor(255 i / n)."""
    arcs = []
    for start, end, count in _ARCS:
        step = np.floor(255 * np.arange(count) / count)[:, None] * np.sign(np.subtract(end, start))
        arcs.append(np.array(start) + step)
    return np.concatenate(arcs) / 255


HUES = _hues()


def longest_px(flow: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Length in pixels of the longest vector of `flow` (H, W, 2), within `mask` (H, W) bool; 0 if none."""
    vectors = flow.reshape(-1, 2) if mask is None else flow[mask]
    return float(np.hypot(vectors[:, 0], vectors[:, 1]).max(initial=0.0))


def rim_px(flow: np.ndarray, mask: np.ndarray) -> float:
    """A `max_px` that shows a face well: shoulders, which move tenfold further, must not make it pale.

    Args:
        flow: (H, W, 2) pixels.
        mask: (H, W) bool, the points to judge by.

    Returns:
        The length that three quarters of the vectors do not exceed; 1 where they are all zero or there are none.
    """
    lengths = np.hypot(*flow[mask].T)
    return float(np.quantile(lengths, RIM_QUANTILE)) or 1.0 if lengths.size else 1.0


def flow_to_rgb(flow: np.ndarray, max_px: float | None = None, mask: np.ndarray | None = None) -> np.ndarray:
    """Colours a flow field as the Middlebury benchmark does.

    Source: Baker, Scharstein, Lewis, Roth, Black, Szeliski, "A Database and Evaluation Methodology for
    Optical Flow", IJCV 92, 2011, figure 2; 55 hues over 54 steps, as in the benchmark's own pictures.

    Args:
        flow: (H, W, 2) real, pixels, (dx right, dy down), finite.
        max_px: length that gets the full hue; longer vectors are darkened. Longest vector where left out.
        mask: (H, W) bool; False is unknown flow and becomes black. All known where left out.

    Returns:
        (H, W, 3) uint8 sRGB; zero flow is white.

    Raises:
        UserError: another shape, a `max_px` that is not positive, or flow that is not finite under the mask.
    """
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise UserError(f"flow: expected shape (H, W, 2), got {flow.shape}; pass one field of (dx, dy) in pixels.")
    if mask is not None and mask.shape != flow.shape[:2]:
        raise UserError(f"mask: expected shape {flow.shape[:2]}, got {mask.shape}; pass the mask of the same view.")
    if max_px is not None and not 0 < max_px < np.inf:
        raise UserError(f"max_px: expected a positive length in pixels, got {max_px}; leave it out.")
    known = np.ones(flow.shape[:2], bool) if mask is None else mask.astype(bool)
    if not np.isfinite(flow[known]).all():
        raise UserError("flow: expected finite pixels, got NaN or infinity; mask out what is unknown.")
    scaled = np.where(known[..., None], flow, 0.0) / (max_px or longest_px(flow, known) or 1.0)
    return np.where(known[..., None], _wheel_colors(scaled), 0).astype(np.uint8)


def _wheel_colors(unit_flow: np.ndarray) -> np.ndarray:
    """(H, W, 3) float64 0-255 of vectors whose length 1 means the full hue."""
    # Adding zero turns -0.0 into 0.0, so that both zeros lie on the same side of the wheel's seam.
    dx, dy = unit_flow[..., 0] + 0.0, unit_flow[..., 1] + 0.0
    length = np.hypot(dx, dy)[..., None]
    turn = np.arctan2(dy, dx) / (2 * np.pi) % 1.0
    position = turn * (len(HUES) - 1)
    below = np.floor(position).astype(int)
    part = (position - below)[..., None]
    hue = (1 - part) * HUES[below] + part * HUES[(below + 1) % len(HUES)]
    return np.floor(255 * np.where(length <= 1, 1 - length * (1 - hue), hue * OUT_OF_RANGE_SHADE))


def shortened(flow: np.ndarray, max_px: float) -> np.ndarray:
    """The field with vectors longer than `max_px` cut to it: they keep the full hue where darkening would distract."""
    length = np.hypot(flow[..., 0], flow[..., 1])[..., None]
    # A hair inside the rim, so that rounding never pushes a vector over it.
    return flow * np.minimum(1.0, max_px * (1 - 1e-6) / np.maximum(length, 1e-12))


def wheel_legend(size_px: int = 96) -> np.ndarray:
    """(size, size, 3) uint8: every vector up to the full hue, at its direction and length; white outside."""
    axis = (np.arange(size_px) + 0.5) * 2 / size_px - 1
    vectors = np.stack(np.meshgrid(axis, axis), axis=-1)
    rgb = flow_to_rgb(vectors, max_px=1.0)
    rgb[np.hypot(vectors[..., 0], vectors[..., 1]) > 1] = 255
    return rgb
