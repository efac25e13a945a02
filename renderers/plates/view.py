"""A world as a camera sees it: rays for every pixel, and what a lens that is sharp at one depth makes of it.

The blur gathers over the disc of `ThinLens.blur_px` at each point's own depth.
"""

import math

import numpy as np

from renderers.camera import Camera
from renderers.kernels_color.stretch import stretch
from renderers.picture import ThinLens
from renderers.plates.grain import kernel
from renderers.plates.making import PlacedWorld
from renderers.plates.shade import picture

BEHIND_M = 0.25
"""How far behind the origin of the head frame a world begins: rays start there, whatever stands nearer is cut off."""

_STEPS_A_BLUR = 4.0  # Knots across the smallest disc: between them a picture so blurred is straight.
_LONGEST_STEP = 8


def look(placed: PlacedWorld, camera: Camera, lens: ThinLens | None = None) -> np.ndarray:
    """The world alone, without the person, so that nothing of him can bleed into it.

    Args:
        placed: from `world_of`.
        camera: perspective or orthographic, without distortion.
        lens: None: all is sharp.

    Returns:
        (H, W, 3) float32 linear.
    """
    if lens is None:
        return _taken(placed, camera, 1)[0]
    focal_px = float(camera.K[0, 0])
    _, pilot = _taken(placed, camera, 16)
    step = int(np.clip(_blur_px(lens, focal_px, pilot).min() / _STEPS_A_BLUR, 1, _LONGEST_STEP))
    rgb, inverse = _taken(placed, camera, step)
    soft = gathered(rgb, _blur_px(lens, focal_px, inverse) / step, inverse)
    return soft if step == 1 else stretch(soft, camera.height, camera.width, step)


def _blur_px(lens: ThinLens, focal_px: float, inverse_depth: np.ndarray) -> np.ndarray:
    """Discs of points at 1 / depth (float32, 0 at infinity)."""
    with np.errstate(divide="ignore"):
        return lens.blur_px(focal_px, 1.0 / inverse_depth).astype(np.float32)


def _taken(placed: PlacedWorld, camera: Camera, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Radiance and 1 / depth at every `step`-th pixel, each the mean over a square of that size.

    A step above 1 gives the knots that `stretch` wants: one more than the last pixel needs.
    """
    x, y = sample_places(camera, step, 2)
    origin, ahead = _rays(placed, camera)
    start = max(float(camera.T_camera_head[2, 3]) + BEHIND_M, 0.01)
    wide = step / float(camera.K[0, 0])
    spread = np.array([0.0, wide] if camera.orthographic else [wide, 0.0])
    everything = np.arange(len(placed.world.objects))
    return picture(placed.world, origin, x, y, ahead, start, spread, everything, step > 1)


def sample_places(camera: Camera, step: int, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """x of the columns and y of the rows, in the camera frame as `camera.pixel_rays`, of samples about the knots.

    Knots are the middles of every `step`-th pixel, the first among them; a step above 1 adds those that `stretch`
    wants beyond the last. The samples of a knot fill the square of `step` pixels around it.
    """
    offset = ((np.arange(samples) + 0.5) / samples - 0.5) * step
    places = []
    for axis, size in ((0, camera.width), (1, camera.height)):
        count = size if step == 1 else (size - 1) // step + 2
        centres = np.arange(count)[:, None] * step + 0.5 + offset
        places.append((centres.ravel() - camera.K[axis, 2]) / camera.K[axis, axis])
    return places[0], places[1]


def _rays(placed: PlacedWorld, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Where rays of image directions (x, y) start and lead in world axes, as sums x [0] + y [1] + [2] of each."""
    c, s = math.cos(placed.yaw_rad), math.sin(placed.yaw_rad)
    world_from_head = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    axes = camera.T_camera_head[:3, :3] @ world_from_head.T  # Rows: the camera's axes in the world.
    eye = -camera.T_camera_head[:3, 3] @ axes
    if camera.orthographic:
        return np.stack([axes[0], axes[1], eye]), np.stack([0 * axes[0], 0 * axes[1], axes[2]])
    return np.stack([0 * axes[0], 0 * axes[1], eye]), axes


@kernel
def gathered(rgb: np.ndarray, disc: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Every pixel spread over its disc, seen from where the light arrives.

    A point behind another does not spread over it further than that one's own disc: what is sharp in front stays so.

    Args:
        rgb: (h, w, 3) float32.
        disc: (h, w) float32 diameters in pixels.
        inverse: (h, w) float32, 1 / depth.

    Returns:
        (h, w, 3) float32; weights sum to 1, so an even picture stays even up to its border.
    """
    height, width = disc.shape
    out = np.zeros(rgb.shape, np.float32)
    reach = math.ceil(disc.max() / 2) + 1
    for r in range(height):
        for c in range(width):
            mine, total = disc[r, c], 0.0
            for i in range(max(r - reach, 0), min(r + reach + 1, height)):
                for j in range(max(c - reach, 0), min(c + reach + 1, width)):
                    size = disc[i, j] if inverse[i, j] >= inverse[r, c] else min(disc[i, j], mine)
                    radius = max(size / 2, 0.5)
                    away = math.sqrt(float((i - r) ** 2 + (j - c) ** 2))
                    if away >= radius + 0.5:
                        continue
                    weight = min(radius + 0.5 - away, 1.0) / (radius * radius)
                    total += weight
                    for k in range(3):
                        out[r, c, k] += weight * rgb[i, j, k]
            for k in range(3):
                out[r, c, k] /= total
    return out
