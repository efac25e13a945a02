"""Label layers as pictures for people: masks, depth, normals, parts, and one view pulled back onto the other.

Nothing here is stored in a set; exact values stay in the layers.
"""

from dataclasses import dataclass

import numpy as np

from meshes.parts import Part

RGB = tuple[int, int, int]

MASK_CLASSES: tuple[tuple[str, RGB], ...] = (
    ("no surface", (24, 26, 30)),
    ("outside the other frame", (120, 126, 138)),
    ("inside, but hidden there", (224, 92, 58)),
    ("visible in the other view", (64, 170, 132)),
)
"""Meaning and colour of the classes of `mask_classes`."""

PART_COLORS: dict[Part, RGB] = {
    Part.BACKGROUND: (24, 26, 30),
    Part.FACE: (236, 188, 160),
    Part.SCALP: (196, 142, 116),
    Part.NECK: (214, 164, 136),
    Part.TORSO: (178, 128, 104),
    Part.EAR_LEFT: (244, 140, 104),
    Part.EAR_RIGHT: (255, 174, 120),
    Part.LIPS: (204, 66, 94),
    Part.MOUTH_INTERIOR: (112, 24, 44),
    Part.TEETH_UPPER: (250, 246, 220),
    Part.TEETH_LOWER: (222, 214, 178),
    Part.TONGUE: (226, 112, 140),
    Part.EYE_LEFT: (78, 150, 230),
    Part.EYE_RIGHT: (84, 206, 226),
    Part.LASHES: (74, 60, 130),
    Part.BROWS: (112, 82, 44),
    Part.HAIR: (150, 112, 54),
    Part.CLOTHES: (88, 120, 92),
    Part.CORNEA: (190, 226, 246),
    Part.NOSE: (250, 212, 120),
    Part.EYE_SOCKET: (178, 132, 196),
    Part.BEARD: (128, 88, 70),
    Part.GLASSES: (60, 70, 190),
    Part.HAT: (190, 60, 120),
    Part.EARRINGS: (240, 220, 60),
    Part.HEADPHONES: (40, 150, 110),
    Part.HELD_OBJECT: (210, 120, 40),
}

_DEPTH_RAMP = np.array([[250, 240, 190], [244, 170, 96], [204, 84, 96], [112, 48, 120], [28, 24, 66]], float)
"""Near to far."""


def mask_classes(surface: np.ndarray, inside: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Three boolean masks (H, W) of one direction as one: (H, W) uint8, indices of `MASK_CLASSES`."""
    return surface.astype(np.uint8) + (surface & inside) + (surface & inside & visible)


def class_shares(classes: np.ndarray) -> list[float]:
    """Of the pixels that see a surface, the share of each of `MASK_CLASSES`; [0] is of all pixels."""
    counts = np.bincount(classes.ravel(), minlength=len(MASK_CLASSES))
    of_surface = counts / max(1, counts[1:].sum())
    return [float(counts[0] / classes.size), *of_surface[1:].tolist()]


def palette(colors: list[RGB]) -> np.ndarray:
    """(256, 3) uint8 with the given colours first."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = colors
    return table


def part_palette() -> np.ndarray:
    """(256, 3) uint8: the colour of every part id; black where there is no such part."""
    table = np.zeros((256, 3), np.uint8)
    for part, color in PART_COLORS.items():
        table[part] = color
    return table


def depth_range_m(depth_axis_m: np.ndarray, surface: np.ndarray) -> tuple[float, float]:
    """Least and greatest depth under a mask; (0, 0) where the mask is empty."""
    seen = depth_axis_m[surface]
    return (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)


def depth_to_rgb(depth_axis_m: np.ndarray, surface: np.ndarray, range_m: tuple[float, float]) -> np.ndarray:
    """(H, W, 3) uint8: light where near, dark where far, the background's colour without surface."""
    least, greatest = range_m
    t = np.clip((depth_axis_m - least) / ((greatest - least) or 1.0), 0, 1)
    stops = np.linspace(0, 1, len(_DEPTH_RAMP))
    ramp = np.stack([np.interp(t, stops, _DEPTH_RAMP[:, k]) for k in range(3)], axis=-1)
    return np.where(surface[..., None], ramp, MASK_CLASSES[0][1]).astype(np.uint8)


def depth_ramp_rgb(count: int = 64) -> np.ndarray:
    """(1, count, 3) uint8: the ramp of `depth_to_rgb`, near on the left."""
    row = np.linspace(0, 1, count)[None]
    return depth_to_rgb(row, np.ones_like(row, bool), (0.0, 1.0))


def normal_to_rgb(normal: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of camera-frame normals: red is right, green up, blue towards the camera."""
    towards_viewer = np.asarray(normal, np.float64) * [1.0, -1.0, -1.0]
    levels = np.rint((np.clip(towards_viewer, -1, 1) + 1) * 127.5)
    return np.where(surface[..., None], levels, MASK_CLASSES[0][1]).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class PulledBack:
    """The other view's picture on this view's grid.

    Attributes:
        rgb: (H, W, 3) uint8; this view's own picture where the point is not visible there.
        difference: mean absolute difference to this view's picture where visible, in levels of 255.
        unmoved: the same without the flow, for comparison.
    """

    rgb: np.ndarray
    difference: float
    unmoved: float


def pull_back(here: np.ndarray, there: np.ndarray, flow: np.ndarray, visible: np.ndarray) -> PulledBack:
    """Fetches for every pixel the colour that the other view shows of the same surface point.

    Args:
        here, there: (H, W, 3) uint8, this view's and the other view's picture.
        flow: (H, W, 2) pixels, from this view to the other.
        visible: (H, W) bool, pixels whose point the other view sees.
    """
    rows, columns = np.nonzero(visible)
    points_px = np.stack([columns, rows], axis=1) + 0.5 + flow[visible]
    fetched = bilinear(there, points_px)
    rgb = here.copy()
    rgb[visible] = np.rint(fetched)
    own = here[visible].astype(float)
    still = bilinear(there, np.stack([columns, rows], axis=1) + 0.5)
    return PulledBack(rgb, _mean_difference(fetched, own), _mean_difference(still, own))


def _mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean()) if a.size else 0.0


def bilinear(image: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Samples an image between its pixel centres, the edge held beyond them.

    Args:
        image: (H, W, C).
        points_px: (N, 2) continuous image coordinates; the centre of pixel (r, c) is (c + 0.5, r + 0.5).

    Returns:
        (N, C) float64.
    """
    height, width = image.shape[:2]
    x = np.clip(points_px[:, 0] - 0.5, 0, width - 1)
    y = np.clip(points_px[:, 1] - 0.5, 0, height - 1)
    c, r = np.minimum(x.astype(int), max(width - 2, 0)), np.minimum(y.astype(int), max(height - 2, 0))
    u, v = (x - c)[:, None], (y - r)[:, None]
    right, below = np.minimum(c + 1, width - 1), np.minimum(r + 1, height - 1)
    top = (1 - u) * image[r, c] + u * image[r, right]
    bottom = (1 - u) * image[below, c] + u * image[below, right]
    return (1 - v) * top + v * bottom
