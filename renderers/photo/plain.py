"""Pictures by Mitsuba's own path tracer, for machines without LLVM or a GPU: slower, and with less in them.

Skin is matt without light inside it, and transparent shells shade what is under them: only compiled variants can tell
light apart.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mitsuba as mi
import numpy as np

from renderers.camera import Camera
from renderers.photo.buffers import Buffers
from renderers.photo.scene import Stage
from renderers.picture import View

BOUNCES = 8
"""Surfaces a path may meet."""
LENS_POINTS = 16
"""Pinholes that stand for a lens, at most one a path."""


def trace(stage: Stage, views: tuple[View, ...], spp: int, seed: int) -> tuple[Buffers, ...]:
    """As `renderers.photo.trace.trace`, with all light in `Buffers.rgb` and no skin told apart."""
    path = {"type": "path", "max_depth": BOUNCES, "hide_emitters": True}
    integrator = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal", "path": path})
    return tuple(_view(stage, view, integrator, spp, seed + 7919 * n) for n, view in enumerate(views))


def _view(stage: Stage, view: View, integrator: Any, spp: int, seed: int) -> Buffers:
    cameras = list(pinholes(view, min(LENS_POINTS, spp)))
    total = np.zeros((view.camera.height, view.camera.width, 10))
    for n, camera in enumerate(cameras):
        paths = spp // len(cameras) + (n < spp % len(cameras))
        parameters = {"integrator": integrator, "spp": paths, "seed": (seed + n) & 0xFFFFFFFF}
        total += paths * np.array(mi.render(stage.scene, sensor=mi.load_dict(sensor(camera)), **parameters))
    mean = np.maximum(total / spp, [0.0] * 7 + [-1.0] * 3).astype(np.float32)
    none, nowhere = np.zeros_like(mean[..., :3]), np.zeros_like(mean[..., 0])
    light, alpha, albedo, normal = mean[..., :3], np.minimum(mean[..., 3], 1), mean[..., 4:7], mean[..., 7:]
    return Buffers(light, none, np.minimum(albedo, 1), normal, none, none, none, none, nowhere, alpha)


def pinholes(view: View, count: int) -> Iterator[Camera]:
    """Cameras whose mean is the view through its lens: each looks through one point of the opening.

    Points lie on a spiral of equal areas. Moving a pinhole by s moves what is in focus by focal length x s / focus
    pixels, which its principal point undoes.
    """
    camera, lens = view.camera, view.lens
    if lens is None or camera.orthographic:
        yield camera
        return
    for n in range(count):
        radius_m = 0.5 * lens.aperture_m * np.sqrt((n + 0.5) / count)
        angle = n * np.pi * (3 - np.sqrt(5.0))
        shift = radius_m * np.array([np.cos(angle), np.sin(angle)])
        K, T = camera.K.copy(), camera.T_camera_head.copy()
        T[:2, 3] -= shift
        K[0, 2] += K[0, 0] * shift[0] / lens.focus_m
        K[1, 2] += K[1, 1] * shift[1] / lens.focus_m
        yield replace(camera, K=K, T_camera_head=T)


def sensor(camera: Camera) -> dict[str, Any]:
    """A pinhole or orthographic camera as Mitsuba's sensor. Its frame is +X left, +Y up, +Z forward."""
    K, T, W, H = camera.K, camera.T_camera_head, camera.width, camera.height
    pose = np.eye(4)
    pose[:3, :3] = T[:3, :3].T @ np.diag([-1.0, -1.0, 1.0])
    pose[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    film = {
        "type": "hdrfilm", "width": W, "height": H, "pixel_format": "rgba", "component_format": "float32",
        "rfilter": {"type": "box"},
    }  # fmt: skip
    common = {"film": film, "sampler": {"type": "independent"}, "near_clip": 1e-3, "far_clip": 1e3}
    if camera.orthographic:
        # Its film spans -1 to 1 across; the middle of our image lies off the axis where the principal point does.
        half = W / 2 / K[0, 0]
        frame = np.diag([half, half, 1.0, 1.0])
        frame[:2, 3] = (K[0, 2] - W / 2) / K[0, 0], (K[1, 2] - H / 2) / K[1, 1]
        return {"type": "orthographic", "to_world": mi.ScalarTransform4f(pose @ frame), **common}
    return {
        "type": "perspective", "fov_axis": "x", "fov": float(np.degrees(2 * np.arctan(W / 2 / K[0, 0]))),
        "principal_point_offset_x": 0.5 - K[0, 2] / W, "principal_point_offset_y": 0.5 - K[1, 2] / H,
        "to_world": mi.ScalarTransform4f(pose), **common,
    }  # fmt: skip
