"""Motion blur of a hand-held camera: the picture averaged along a short, slightly bent path.

The path is centred, so that on average nothing moves and labels stay where they are.
"""

import numba
import numpy as np

from meshes.elementary import cos, product, sin


def path_px(length_px: float, direction_rad: float, bend: float) -> np.ndarray:
    """Places of the picture during the exposure, evenly spread over it.

    Args:
        length_px: from the first to the last place.
        direction_rad: of the way between them, from image right towards image down.
        bend: height of the arc over that way, as a share of the length.

    Returns:
        (N, 2) float64 pixels (x, y), of zero mean; at least two a pixel of length.
    """
    t = np.linspace(-0.5, 0.5, max(2 * int(np.ceil(length_px)), 1) + 1)
    along, across = length_px * t, length_px * bend * (1 - 4 * t**2)
    turn = np.array([[cos(direction_rad), sin(direction_rad)], [-sin(direction_rad), cos(direction_rad)]])
    path = product(np.stack([along, across], axis=1), turn)
    return path - path.mean(axis=0)


def stamp(path: np.ndarray) -> np.ndarray:
    """The blur of a point: (2 n + 1, 2 n + 1) float32 of sum 1, each place of a path (N, 2) split bilinearly."""
    n = int(np.ceil(abs(path).max())) + 1
    spread = np.zeros((2 * n + 1, 2 * n + 1))
    corner = np.floor(path).astype(int)
    for step in np.ndindex(2, 2):
        weight = np.where(np.array(step) == 1, path - corner, 1 - (path - corner)).prod(axis=1)
        np.add.at(spread, (corner[:, 1] + step[1] + n, corner[:, 0] + step[0] + n), weight)
    return (spread / spread.sum()).astype(np.float32)


def shaken(picture: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """A linear picture (H, W, 3) float32 with every point blurred by `stamp`; the frame's edge is repeated."""
    n = len(spread) // 2
    padded = np.pad(np.asarray(picture, np.float32), ((n, n), (n, n), (0, 0)), mode="edge")
    rows, columns = np.nonzero(spread)
    return _convolve(padded, 2 * n - rows, 2 * n - columns, spread[rows, columns], *picture.shape[:2])


@numba.njit(cache=True, nogil=True)
def _convolve(
    padded: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, height: int, width: int
) -> np.ndarray:
    out = np.zeros((height, width, 3), np.float32)
    for r in range(height):
        for t in range(len(weights)):
            y, x, w = r + rows[t], columns[t], weights[t]
            for c in range(width):
                for k in range(3):
                    out[r, c, k] += w * padded[y, x + c, k]
    return out
