"""What lies behind the person: black, one colour, the light's own surroundings, or a room or street.

All are (H, W, 3) float32 linear pictures, to be covered by the person according to coverage (`renderers.picture.over`).
Whatever is out of focus was blurred without the person, so his outline has no halo.
"""

import math
from functools import lru_cache
from typing import Literal

import numpy as np

from renderers.camera import Camera, pixel_rays
from renderers.kernels_color.shade import lookup_rays
from renderers.kernels_color.stretch import stretch
from renderers.light import EnvironmentLight, finest, shrink
from renderers.picture import ThinLens
from renderers.plates import PlacedWorld, look, world_of
from renderers.plates.grain import kernel
from renderers.plates.making import Place
from renderers.plates.view import gathered, sample_places
from renderers.prefilter import blur, to_octahedral

Kind = Literal["black", "flat", "environment", "indoor", "outdoor"]
"""What can be behind a person."""

KNOT_STEP_PX = 8
"""Between the places where surroundings are looked up."""


def backdrop(
    camera: Camera,
    light: EnvironmentLight,
    kind: Kind,
    key: int = 0,
    rgb: tuple[float, float, float] = (0.0, 0.0, 0.0),
    lens: ThinLens | None = None,
) -> np.ndarray:
    """The picture behind the person, the same for every tier; near and far see one world through their own lenses.

    Args:
        camera: the view, perspective or orthographic, without distortion.
        light: the scene's light, in the head frame like the camera, exposed.
        kind: "flat" is `rgb`; "environment" the light's surroundings, infinitely far; "indoor" and "outdoor" a place
            of finite depth that moves behind the person as the camera does.
        key: which place, a non-negative integer below 2**63; equal keys and lights give equal places.
        rgb: linear colour of "flat".
        lens: what is out of focus; without one a place is sharp, and surroundings are softened as `surroundings` does.

    Returns:
        (H, W, 3) float32 linear, >= 0; not limited to 1.
    """
    if kind in ("black", "flat"):
        return flat(camera, rgb if kind == "flat" else (0.0, 0.0, 0.0))
    if kind == "environment":
        return surroundings(camera, light) if lens is None else surroundings_through(camera, light, lens)
    return look(_world(kind, key, light), camera, lens)


@lru_cache(maxsize=2)
def _world(kind: Place, key: int, light: EnvironmentLight) -> PlacedWorld:
    """Kept for the other view of the same scene."""
    return world_of(kind, key, light)


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
    return stretch(surroundings_knots(camera, light, blur_rad), camera.height, camera.width, KNOT_STEP_PX)


def surroundings_knots(camera: Camera, light: EnvironmentLight, blur_rad: float = 0.12) -> np.ndarray:
    """`surroundings` at every `KNOT_STEP_PX`-th pixel from (0, 0) on, two beyond the last: (n, m, 3) float32."""
    columns, rows = (_knots(rays) for rays in pixel_rays(camera))
    R = camera.T_camera_head[:3, :3].copy()
    return lookup_rays(_softened(light, blur_rad), columns, rows, R, camera.orthographic)


@lru_cache(maxsize=2)
def _softened(light: EnvironmentLight, blur_rad: float) -> np.ndarray:
    """Kept for the other view of the same scene."""
    return to_octahedral(blur(shrink(light.radiance, 64), "gaussian", max(blur_rad, 0.06)), 129)


def surroundings_through(camera: Camera, light: EnvironmentLight, lens: ThinLens) -> np.ndarray:
    """The light's finest map behind the person, every point of it spread over the lens's disc for infinity.

    Args:
        camera: the view.
        light: the light of the scene; its detail is used where it has one.
        lens: the lens; one of a tiny aperture leaves the map as sharp as its texels are.

    Returns:
        (H, W, 3) float32 linear.
    """
    disc_px = 0.0 if camera.orthographic else float(lens.blur_px(float(camera.K[0, 0]), np.array(math.inf)))
    step = int(np.clip(disc_px / 6, 1, KNOT_STEP_PX))
    x, y = sample_places(camera, step, 2)
    R = np.ascontiguousarray(camera.T_camera_head[:3, :3])
    seen = _map_seen(_finest(light), x, y, R, 2, camera.orthographic)
    even = np.full(seen.shape[:2], disc_px / step, np.float32)
    soft = gathered(seen, even, np.zeros_like(even))
    return soft if step == 1 else stretch(soft, camera.height, camera.width, step)


@lru_cache(maxsize=2)
def _finest(light: EnvironmentLight) -> np.ndarray:
    """Kept for the other view of the same scene."""
    return np.ascontiguousarray(finest(light))


@kernel
def _map_seen(radiance, across, down, R, samples, orthographic):  # type: ignore[no-untyped-def]
    """(h, w, 3) float32 means of samples x samples looks into a (n, 2n, 3) map along rays R^T (x, y, 1)."""
    height, width = len(down) // samples, len(across) // samples
    out, weights = np.zeros((height, width, 3), np.float32), np.zeros((2, 4))
    n = radiance.shape[0]
    for r in range(height * samples):
        for c in range(width * samples):
            a, b = (0.0, 0.0) if orthographic else (across[c], down[r])
            x = R[0, 0] * a + R[1, 0] * b + R[2, 0]
            y = R[0, 1] * a + R[1, 1] * b + R[2, 1]
            z = R[0, 2] * a + R[1, 2] * b + R[2, 2]
            row = math.acos(min(max(y / math.sqrt(x * x + y * y + z * z), -1.0), 1.0)) / math.pi * n - 0.5
            column = math.atan2(x, z) / math.pi * n - 0.5
            i, j = math.floor(row), math.floor(column)
            _spline(row - i, weights[0])
            _spline(column - j, weights[1])
            for s in range(16):
                texel = radiance[min(max(i + s // 4 - 1, 0), n - 1), (j + s % 4 - 1) % (2 * n)]
                share = weights[0, s // 4] * weights[1, s % 4] / (samples * samples)
                for k in range(3):
                    out[r // samples, c // samples, k] += share * texel[k]
    return out


@kernel
def _spline(t, weights):  # type: ignore[no-untyped-def]
    """The four weights of a uniform cubic B-spline: a magnified map shows no texels, and nothing turns negative."""
    weights[0] = (1 - t) ** 3 / 6
    weights[1] = (3 * t**3 - 6 * t**2 + 4) / 6
    weights[2] = (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6
    weights[3] = t**3 / 6


def _knots(rays: np.ndarray) -> np.ndarray:
    """Every `KNOT_STEP_PX`-th ray and two beyond the last: so blurred a picture is straight in between."""
    spacing = rays[1] - rays[0] if len(rays) > 1 else 0.0
    return rays[0] + spacing * KNOT_STEP_PX * np.arange(len(rays) // KNOT_STEP_PX + 2)
