"""Backdrops and 8-bit pictures in a device's memory: the bits of `renderers.background` and `renderers.srgb`."""

from functools import lru_cache
from typing import Any

import numpy as np

from meshes.srgb import FIRST_CODE, THRESHOLDS
from renderers.background import KNOT_STEP_PX, Kind, backdrop, surroundings_knots
from renderers.camera import Camera
from renderers.cuda.device import Device
from renderers.light import EnvironmentLight


def backdrop_on(
    device: Device,
    camera: Camera,
    light: EnvironmentLight,
    kind: Kind,
    key: int = 0,
    rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Any:
    """`renderers.background.backdrop` of a pinhole, on a device.

    Returns:
        (H, W, 3) float32 linear; (3,) where it is one colour.
    """
    xp = device.xp
    if kind in ("black", "flat"):
        return xp.asarray(np.array(rgb if kind == "flat" else (0.0, 0.0, 0.0), np.float32))
    if kind == "environment":
        return stretched(device, surroundings_knots(camera, light), camera.height, camera.width, KNOT_STEP_PX)
    return xp.asarray(backdrop(camera, light, kind, key, rgb))


def stretched(device: Device, knots: np.ndarray, height: int, width: int, step: int) -> Any:
    """`renderers.kernels_color.stretch.stretch` of knots on the host, on a device: (height, width, 3) float32."""
    out = device.xp.empty((height, width, 3), device.xp.float32)
    grid = device.xp.asarray(np.array([width, step, knots.shape[1]], np.int64))
    device.launch("stretch", out.size, grid, device.xp.asarray(np.ascontiguousarray(knots)), out)
    return out


def encode(device: Device, linear: Any) -> Any:
    """`renderers.srgb.encode` of (...) float32 on a device: (...) uint8."""
    codes = device.xp.empty(linear.shape, device.xp.uint8)
    device.launch("encode", linear.size, device.xp.ascontiguousarray(linear), *_curve(device), codes)
    return codes


@lru_cache(maxsize=4)
def _curve(device: Device) -> tuple[Any, Any]:
    """The tables of `meshes.srgb.encode`, moved once."""
    return device.xp.asarray(THRESHOLDS), device.xp.asarray(FIRST_CODE)
