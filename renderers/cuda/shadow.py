"""The preview's soft shadows on a device: `kernels_color.shadow.gather`, all directions of a light at once."""

from typing import Any

import numpy as np

from renderers.cuda.device import Device


def gather(
    device: Device,
    points: np.ndarray,
    normals: np.ndarray,
    corners: np.ndarray,
    faces: np.ndarray,
    frames: np.ndarray,
    power: np.ndarray,
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """What the kernel of that name takes and gives, in this machine's memory, computed on the device."""
    xp, counts = device.xp, np.array([len(frames), len(faces), points.shape[1], size], np.int64)
    numbers, at, turned, hull, toward, light = (
        xp.asarray(np.ascontiguousarray(table)) for table in (counts, points, normals, corners, frames, power)
    )
    fits, corner_ids = _fits(xp, hull, toward, size), xp.asarray(np.ascontiguousarray(faces, np.int32))
    top = xp.zeros((len(frames), size, size), xp.uint32)
    device.launch("cast_heights", len(frames) * len(faces), numbers, hull, corner_ids, toward, fits, top)
    sums, moments = xp.zeros((2, 3, points.shape[1]), xp.float32), xp.zeros((4, points.shape[1]), xp.float32)
    device.launch(
        "gather_light", points.shape[1], numbers, at, turned, toward, fits, light, top, sums, moments
    )  # fmt: skip
    return (sums, moments) if xp is np else (xp.asnumpy(sums), xp.asnumpy(moments))


def _fits(xp: Any, corners: Any, frames: Any, size: int) -> Any:
    """(D, 3) float32: corner (x, y) in metres and texel width of each direction's map, a free texel around."""
    px, py, pz = corners.T
    x, y = (frames[:, k, 0:1] * px + frames[:, k, 1:2] * py + frames[:, k, 2:3] * pz for k in range(2))
    low_x, low_y = x.min(axis=1), y.min(axis=1)
    side = xp.maximum(xp.maximum(x.max(axis=1) - low_x, y.max(axis=1) - low_y), np.float32(1e-6))
    texel_m = side / np.float32(size - 3)
    return xp.ascontiguousarray(xp.stack([low_x - texel_m, low_y - texel_m, texel_m], axis=1))
