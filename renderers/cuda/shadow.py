"""The preview's soft shadows on a device: `occlusion.arrival`, all directions of a light at once."""

from typing import Any

import numpy as np

from meshes.surface import Surface
from renderers.cuda.device import Device
from renderers.cuda.views import DeviceScene
from renderers.occlusion import MAP_TEXELS, Arrival, frames, occluders, opening_of_moments, unobstructed
from renderers.preview import PreparedLight


def arrival(device: Device, scene: DeviceScene, surface: Surface, light: PreparedLight) -> Arrival:
    """What of a light gets to the vertices past the rest of the surface, in the device's memory.

    Args:
        device: where it happens.
        scene: the surface in its memory.
        surface: the same on the host, of which no points are read.
        light: any light.
    """
    xp, (corner, faces) = device.xp, occluders(surface)
    if not len(light.toward) or not len(faces):
        return Arrival(*map(xp.asarray, unobstructed(np.ones((len(scene.vertices), 3), np.float32))))
    directions, solve = xp.asarray(frames(light.toward)), xp.asarray(opening_of_moments(light.toward))
    corners = scene.vertices[xp.asarray(corner)].astype(xp.float32)
    faces = xp.asarray(np.ascontiguousarray(faces, np.int32))
    counts = xp.asarray(np.array([len(directions), len(faces), MAP_TEXELS], np.int64))
    fits = _fits(xp, corners, directions, MAP_TEXELS)
    top = xp.zeros((len(directions), MAP_TEXELS, MAP_TEXELS), xp.uint32)
    device.launch("cast_heights", len(directions) * len(faces), counts, corners, faces, directions, fits, top)
    share, opening = (xp.empty((len(scene.vertices), columns), xp.float32) for columns in (3, 4))
    device.launch(
        "gather_light", len(share), counts, scene.vertices, scene.normals, directions, fits,
        xp.asarray(light.power.astype(np.float32)), solve, top, share, opening,
    )  # fmt: skip
    return Arrival(share, opening)


def _fits(xp: Any, corners: Any, frames: Any, size: int) -> Any:
    """(D, 3) float32: corner (x, y) in metres and texel width of each direction's map, a free texel around."""
    px, py, pz = corners.T
    x, y = (frames[:, k, 0:1] * px + frames[:, k, 1:2] * py + frames[:, k, 2:3] * pz for k in range(2))
    low_x, low_y = x.min(axis=1), y.min(axis=1)
    side = xp.maximum(xp.maximum(x.max(axis=1) - low_x, y.max(axis=1) - low_y), np.float32(1e-6))
    texel_m = side / np.float32(size - 3)
    return xp.ascontiguousarray(xp.stack([low_x - texel_m, low_y - texel_m, texel_m], axis=1))
