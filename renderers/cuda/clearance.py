"""How near cameras come to what they look at, on a device."""

from typing import Any

import numpy as np

from renderers.cuda.device import FAR_BITS, NONE, Device
from renderers.cuda.views import DeviceViews


def clearance(device: Device, views: DeviceViews, count: int) -> Any:
    """(count, 3) float64 in the device's memory, of the first `count` views.

    The distance in metres of the solid vertex nearest the camera; how far the camera is before it, along its normal;
    and 1 where a vertex is not finite, else 0. Infinitely far and before it where nothing is solid.
    """
    xp = device.xp
    least, vertex = xp.full(count, FAR_BITS, xp.uint64), xp.full(count, NONE, xp.int32)
    broken, clear = xp.zeros(count, xp.int32), xp.full((count, 3), np.inf)
    vertices = max(len(scene.vertices) for scene in views.scenes)
    device.launch("nearest_vertex", (count, vertices), views.table, least, broken)
    device.launch("lowest_vertex", (count, vertices), views.table, least, vertex)
    device.launch("clear_by", (count, 1), views.table, vertex, broken, clear)
    return clear
