"""The gold tier: Blender's Cycles, in a process of its own, with random-walk skin, hair curves and wet eyes.

A reference to judge the other tiers by; labels never come from here.
"""

import json
import tempfile
from pathlib import Path

import numpy as np

from meshes.surface import Surface
from renderers.blender.exchange import scene_of
from renderers.blender.process import BlenderError, worker
from renderers.exact import check as check_scene
from renderers.light import EnvironmentLight
from renderers.picture import Image, Quality, View

__all__ = ["BlenderError", "check", "render_views"]

LIMIT_S = (180.0, 20e-6)
"""Time that a request may take: so much, and so much for every path; some thirty times what two cores need."""


def check() -> str:
    """Starts Blender and tells its version ("4.2.23 LTS").

    Raises:
        BlenderError: it cannot run here; says why and what to do.
    """
    return worker().version


def render_views(
    surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality
) -> tuple[Image, ...]:
    """Pictures of one scene by Cycles, over nothing; a `renderers.picture.Tier`.

    Args:
        surface: the scene.
        light: what falls on it.
        views: cameras with square pixels, and their lenses.
        quality: `seed` counts modulo 2^31; `denoise` is Open Image Denoise with albedo and normals.

    Raises:
        BlenderError: Blender is missing, fails or takes too long.
        GeometryError, CameraError: a scene or a camera that cannot be.
    """
    for view in views:
        check_scene(surface, view.camera)
    description, arrays = scene_of(surface, light, views, quality)
    paths = quality.spp * sum(view.camera.height * view.camera.width for view in views)
    with tempfile.TemporaryDirectory(prefix="datagen-blender-") as name:
        folder = Path(name)
        (folder / "request.json").write_text(json.dumps(description))
        np.savez(folder / "scene.npz", allow_pickle=False, **arrays)
        worker().ask(folder, LIMIT_S[0] + LIMIT_S[1] * paths)
        return tuple(_image(np.load(folder / f"view_{i}.npy", allow_pickle=False)) for i in range(len(views)))


def _image(rgba: np.ndarray) -> Image:
    return Image(np.maximum(rgba[..., :3], 0.0), np.clip(rgba[..., 3], 0.0, 1.0))
