"""The photo tier: the same scene as every tier's, path traced with Mitsuba 3 (extra [photo]).

Mitsuba is imported when a picture is taken; equal scenes, views and seeds give equal bytes in any process.
"""

import numpy as np

from meshes.errors import UsageError
from meshes.surface import Surface
from renderers import exact
from renderers.light import EnvironmentLight
from renderers.photo.variants import check, mitsuba
from renderers.picture import Image, Quality, View
from renderers.radiance import LightError

__all__ = ["check", "render_views"]

MOST_SPP = 1 << 16
"""Paths a pixel that the sampler can tell apart."""

MOST_PX = 1 << 27
"""Pixels of all views together: their buffers then take about 14 GB."""


def render_views(
    surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality
) -> tuple[Image, ...]:
    """Path-traced pictures over nothing, one a view; near and far share everything but the camera.

    Args:
        surface: the scene. Strips that stand for hairs become round hairs.
        light: what falls on it.
        views: cameras without distortion; their lenses are part of the paths.
        quality: paths a pixel, denoising and seed.

    Raises:
        UsageError: Mitsuba cannot run here, or `quality` is out of range.
        GeometryError: a surface or a camera that cannot be rendered (see `renderers.exact.rasterize`).
        LightError: radiance that is not finite or below 0.
    """
    _check(surface, light, views, quality)
    if not views or not len(surface.faces):
        return tuple(_empty(view) for view in views)
    vectorised = mitsuba().variant() != "scalar_rgb"
    # These modules need a variant that is set.
    from renderers.photo import plain, scene, trace
    from renderers.photo.denoise import develop

    take = trace.trace if vectorised else plain.trace
    taken = take(scene.build(surface, light), views, quality.spp, quality.seed)
    return tuple(develop(buffers, view.camera, quality.denoise) for buffers, view in zip(taken, views, strict=True))


def _check(surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality) -> None:
    for view in views:
        exact.check(surface, view.camera)
    pixels = sum(view.camera.height * view.camera.width for view in views)
    if pixels > MOST_PX:
        raise exact.GeometryError(
            f"expected views of at most {MOST_PX} pixels in all, got {pixels}; render them one at a time or smaller"
        )
    if not 1 <= quality.spp <= MOST_SPP:
        raise UsageError(f"spp: expected 1 to {MOST_SPP} paths a pixel, got {quality.spp}; 16 to 64 are usual.")
    if not (np.isfinite(light.radiance).all() and (light.radiance >= 0).all()):
        raise LightError(
            f"light {light.name!r}: expected finite radiance of at least 0, got NaN, infinity or less; clean the map."
        )


def _empty(view: View) -> Image:
    shape = (view.camera.height, view.camera.width)
    return Image(np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32))
