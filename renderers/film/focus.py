"""Depth of field for tiers without a lens: the person's own picture, blurred by what each pixel's depth asks for.

A pixel gathers the discs that cover it: what is nearer spreads over it, what lies behind shows through its own disc.
"""

import numba
import numpy as np
from scipy import ndimage

from renderers.picture import Image, ThinLens

__all__ = ["defocus", "gather", "gather_twin", "signed_blur_px"]

STEPS = 16
"""Radii are rounded to this part of a pixel, so that the weights of a disc are known to sum to 1."""


def defocus(image: Image, depth_axis_m: np.ndarray, focal_px: float, lens: ThinLens) -> Image:
    """The picture through a lens; colour and coverage are blurred alike, so that no backdrop gives a halo.

    What the picture does not hold, surfaces behind a nearer blurred edge, is taken from what is seen around it.

    Args:
        image: the person over nothing, all sharp.
        depth_axis_m: (H, W) metres along the camera's +Z at the pixel centres; 0 without surface.
        focal_px: focal length of the camera.
        lens: what it looks through.
    """
    blur_px = signed_blur_px(image.alpha, depth_axis_m, focal_px, lens)
    radius = np.where(np.isfinite(blur_px), abs(blur_px) / 2, 0).astype(np.float32)
    if radius.max(initial=0) <= 0.5:
        return image
    reach = ndimage.maximum_filter(radius, 2 * int(np.ceil(radius.max())) + 1)
    layers = np.dstack([image.rgb, image.alpha]).astype(np.float32)
    blurred = gather(layers, blur_px, np.ceil(reach - 0.5).astype(np.int64), *_discs(float(radius.max())))
    return Image(np.ascontiguousarray(blurred[..., :3]), np.ascontiguousarray(blurred[..., 3]))


def signed_blur_px(alpha: np.ndarray, depth_axis_m: np.ndarray, focal_px: float, lens: ThinLens) -> np.ndarray:
    """(H, W) float32: diameter of each pixel's disc, negative before the plane of focus, inf where nothing is.

    Pixels whose centre misses the person and whose samples do not are as deep as the nearest beside them.
    """
    seen = depth_axis_m > 0
    depth_m = np.where(seen, depth_axis_m, np.inf)
    signed = np.where(seen, np.copysign(lens.blur_px(focal_px, depth_m), depth_m - lens.focus_m), np.inf)
    beside = ndimage.minimum_filter(signed, 3)
    signed = np.where(seen, signed, np.where(np.isfinite(beside), beside, 0.0))
    return np.where(alpha > 0, signed, np.inf).astype(np.float32)


def _discs(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances (n, n) of pixels from the first, and the sum of weights of discs by radius in `STEPS`, float32."""
    far = int(np.ceil(radius)) + 2
    distance = np.hypot(*np.mgrid[:far, :far])
    twice = np.where(np.arange(far) == 0, 1, 2)  # Both signs of an offset that has two.
    radii = np.arange(int(np.ceil(radius)) * STEPS + 2) / STEPS
    area = [(np.clip(r + 0.5 - distance, 0, 1) * np.outer(twice, twice)).sum() for r in radii]
    return distance.astype(np.float32), np.array(area, np.float32)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def gather(
    layers: np.ndarray, blur_px: np.ndarray, reach: np.ndarray, distance: np.ndarray, area: np.ndarray
) -> np.ndarray:
    """Compiled `gather_twin`.

    Args:
        layers: (H, W, 4) float32, premultiplied colour and coverage.
        blur_px: (H, W) float32 from `signed_blur_px`.
        reach: (H, W) int64, how many pixels away something may spread to this one.
        distance, area: from `_discs`.

    Returns:
        (H, W, 4) float32.
    """
    height, width = blur_px.shape
    out = np.zeros_like(layers)
    one, half, zero = np.float32(1), np.float32(0.5), np.float32(0)
    front, back = np.zeros(4, np.float32), np.zeros(4, np.float32)
    for r in range(height):
        for c in range(width):
            n = reach[r, c]
            if n == 0:
                out[r, c] = layers[r, c]
                continue
            own = blur_px[r, c]
            empty = np.isinf(own)
            own_step = 0 if empty else int(abs(own) * half * np.float32(STEPS) + half)
            front[:], back[:], weight = zero, zero, zero
            for y in range(max(r - n, 0), min(r + n + 1, height)):
                for x in range(max(c - n, 0), min(c + n + 1, width)):
                    blur = blur_px[y, x]
                    nothing = np.isinf(blur)
                    if nothing and empty:
                        continue
                    step = int(abs(blur) * half * np.float32(STEPS) + half) if blur <= own and not nothing else own_step
                    w = np.float32(step) / np.float32(STEPS) + half - distance[abs(y - r), abs(x - c)]
                    if w <= zero:
                        continue
                    w = min(w, one) / area[step]
                    before = one if empty else min(max(own - blur - one, zero), one)
                    weight += (one - before) * w
                    if nothing:
                        continue
                    for k in range(4):
                        front[k] += before * w * layers[y, x, k]
                        back[k] += (one - before) * w * layers[y, x, k]
            share = one / max(front[3], one)
            left = (one - front[3] * share) / weight if weight > zero else zero
            for k in range(4):
                out[r, c, k] = front[k] * share + left * back[k]
    return out


def gather_twin(layers: np.ndarray, blur_px: np.ndarray, radius: float) -> np.ndarray:
    """Readable `gather`, one offset at a time, in float64.

    At pixel p, a neighbour q spreads by its own disc where it is as near as p or nearer, and is seen through p's disc
    where it lies behind. Neighbours more than a pixel of blur before p cover it (`front`); the others are averaged.
    """
    height, width = blur_px.shape
    far = int(np.ceil(radius)) + 1
    padded = np.pad(layers.astype(np.float64), ((far, far), (far, far), (0, 0)))
    blurs = np.pad(blur_px.astype(np.float64), far, constant_values=np.nan)
    empty = np.isinf(blur_px)
    front, back, weight = np.zeros(layers.shape), np.zeros(layers.shape), np.zeros(blur_px.shape)
    _, area = _discs(radius)
    for dy in range(-far, far + 1):
        for dx in range(-far, far + 1):
            there = (slice(far + dy, far + dy + height), slice(far + dx, far + dx + width))
            blur, layer = blurs[there], padded[there]
            spreading = np.where((blur <= blur_px) & ~np.isinf(blur), blur, np.where(empty, 0, blur_px))
            step = np.floor(np.nan_to_num(abs(spreading)) / 2 * STEPS + 0.5).astype(int)
            w = np.clip(step / STEPS + 0.5 - np.hypot(dy, dx), 0, 1) / area[step]
            w[np.isnan(blur) | (np.isinf(blur) & empty)] = 0.0
            with np.errstate(invalid="ignore"):
                before = np.where(empty, 1.0, np.clip(np.nan_to_num(blur_px - blur) - 1, 0, 1))
            weight += (1 - before) * w
            front += (before * w)[..., None] * layer
            back += ((1 - before) * w)[..., None] * layer
    share = 1 / np.maximum(front[..., 3], 1)
    left = np.divide(1 - front[..., 3] * share, weight, out=np.zeros_like(weight), where=weight > 0)
    return front * share[..., None] + left[..., None] * back
