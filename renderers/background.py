"""What lies behind the person: black, one colour, or the light's own surroundings out of focus.

All are (H, W, 3) float32 linear pictures, to be covered by the person according to coverage.
"""

import numpy as np

from renderers.camera import Camera, pixel_rays
from renderers.kernels_color.shade import lookup_rays
from renderers.kernels_color.stretch import stretch
from renderers.light import EnvironmentLight, shrink
from renderers.prefilter import blur, to_octahedral

_STEP = 8  # Pixels between the places where surroundings are looked up.


def flat(camera: Camera, linear_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    """One colour everywhere, black unless told. (H, W, 3) float32 linear."""
    return np.full((camera.height, camera.width, 3), linear_rgb, np.float32)


def surroundings(camera: Camera, light: EnvironmentLight, blur_rad: float = 0.12) -> np.ndarray:
    """The light seen along every pixel's ray, blurred by a Gaussian of the angle.

    A camera at infinity looks along one direction only, so its background is one colour.

    Args:
        camera: the view.
        light: the light of the scene, in the head frame like the camera.
        blur_rad: standard deviation in radians; at least 0.06, the grain of the map it is taken from.

    Returns:
        (H, W, 3) float32 linear.
    """
    blurred = to_octahedral(blur(shrink(light.radiance, 64), "gaussian", max(blur_rad, 0.06)), 129)
    columns, rows = (_knots(rays) for rays in pixel_rays(camera))
    R = camera.T_camera_head[:3, :3].copy()
    knots = lookup_rays(blurred, columns, rows, R, camera.orthographic)
    return stretch(knots, camera.height, camera.width, _STEP)


def _knots(rays: np.ndarray) -> np.ndarray:
    """Every `_STEP`-th ray and two beyond the last: so blurred a picture is straight in between."""
    spacing = rays[1] - rays[0] if len(rays) > 1 else 0.0
    return rays[0] + spacing * _STEP * np.arange(len(rays) // _STEP + 2)
