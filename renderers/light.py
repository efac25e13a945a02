"""Light that falls on a scene from infinitely far: one latitude-longitude map in the head frame.

Everything here is a pure function of the map; where maps come from is `renderers.environment`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from meshes.elementary import cos, norm, product, sin
from renderers.radiance import LightError

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Weights of linear red, green and blue in luminance (ITU-R BT.709, the sRGB primaries)."""


@dataclass(frozen=True, eq=False)
class Detail:
    """The same light in more texels, made when somebody looks straight at it; shading has no use for it.

    Attributes:
        make: gives (h, 2h, 3) float32 laid out as `EnvironmentLight.radiance`, before turning and exposing; the same
            bytes at every call.
        yaw_rad: how far `rotate` turned the light since.
        gain: what `normalize` multiplied it by since.
    """

    make: Callable[[], np.ndarray]
    yaw_rad: float = 0.0
    gain: float = 1.0


@dataclass(frozen=True, eq=False)
class EnvironmentLight:
    """Radiance by direction.

    Attributes:
        radiance: (h, 2h, 3) float32, linear, >= 0. Row r covers the polar angle (r + 0.5) / h * pi from +Y, so row
            0 is the zenith. Column c covers the azimuth a = (c + 0.5) / (2h) * 2 pi, measured from +Z (where the
            face looks) towards +X (the person's left): the direction is
            (x, y, z) = (sin polar * sin a, cos polar, sin polar * cos a). Column 0 looks along +Z, a quarter of
            the width along +X.
        name: recorded with the sample.
        asset_ids: ids of the assets it is made of; empty for procedural light.
        detail: where a finer map comes from, if there is one; `finest` reads it.
    """

    radiance: np.ndarray
    name: str
    asset_ids: tuple[str, ...] = ()
    detail: Detail | None = None


def check_light(light: EnvironmentLight) -> None:
    """Refuses radiance that is not finite, which would send compiled lookups out of their maps; raises LightError."""
    if not np.isfinite(light.radiance).all():
        raise LightError(f"light {light.name!r}: expected finite radiance, got NaN or infinity; clean the map.")


@lru_cache(maxsize=8)
def directions(height: int) -> np.ndarray:
    """(height, 2 height, 3) float64 unit vectors of the texel centres, head frame; read-only."""
    polar = ((np.arange(height) + 0.5) / height * np.pi)[:, None]
    azimuth = ((np.arange(2 * height) + 0.5) / height * np.pi)[None, :]
    x, z = sin(polar) * sin(azimuth), sin(polar) * cos(azimuth)
    result = np.stack([x, np.broadcast_to(cos(polar), x.shape), z], axis=-1)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=8)
def solid_angles(height: int) -> np.ndarray:
    """(height, 1) float64 steradians of one texel in each row; all texels together are exactly 4 pi."""
    edge = cos(np.arange(height + 1) / height * np.pi)
    result = ((edge[:-1] - edge[1:]) * np.pi / height)[:, None]
    result.setflags(write=False)
    return result


def shrink(radiance: np.ndarray, height: int) -> np.ndarray:
    """The map at a smaller height by averaging equal angles of texels; energy is kept.

    Args:
        radiance: (h, 2h, 3) float32; h a multiple of `height`, or smaller than it (then returned as it is).
        height: rows wanted.

    Returns:
        (min(h, height), 2 min(h, height), 3) float32.
    """
    factor = max(radiance.shape[0] // height, 1)
    if factor == 1:
        return radiance
    rows = radiance.shape[0] // factor
    narrow = np.add.reduce([radiance[:, n::factor] for n in range(factor)]) / np.float32(factor)
    weight = (solid_angles(radiance.shape[0]).reshape(rows, factor) * factor / solid_angles(rows)).astype(np.float32)
    return np.add.reduce([narrow[n::factor] * weight[:, n, None, None] for n in range(factor)])


def rotate(light: EnvironmentLight, yaw_rad: float) -> EnvironmentLight:
    """The light turned about +Y: what came from +Z then comes from (sin yaw, 0, cos yaw).

    Columns between two texels are interpolated linearly; the energy of every row is kept.
    """
    detail = light.detail and replace(light.detail, yaw_rad=light.detail.yaw_rad + yaw_rad)
    return replace(light, radiance=_turned(light.radiance, yaw_rad), detail=detail)


def _turned(radiance: np.ndarray, yaw_rad: float) -> np.ndarray:
    width = radiance.shape[1]
    whole, fraction = divmod(yaw_rad / (2 * np.pi) * width, 1.0)
    turned = np.roll(radiance, int(whole), axis=1)
    if fraction:
        turned = turned * np.float32(1 - fraction) + np.roll(turned, 1, axis=1) * np.float32(fraction)
    return turned


def finest(light: EnvironmentLight) -> np.ndarray:
    """The sharpest map there is of a light, turned and exposed as its `radiance` is.

    Returns:
        (h, 2h, 3) float32, at least as high as `radiance`; `radiance` itself where the light has no detail.
    """
    detail = light.detail
    if detail is None:
        return light.radiance
    return _turned(detail.make(), detail.yaw_rad) * np.float32(detail.gain)


def irradiance(light: EnvironmentLight, normals: np.ndarray) -> np.ndarray:
    """Irradiance on unoccluded surfaces: the sum over texels of radiance x max(cosine, 0) x solid angle.

    Args:
        normals: (n, 3) unit vectors, head frame.

    Returns:
        (n, 3) float64; pi for a white map of radiance 1.
    """
    radiance = shrink(light.radiance, 32)
    cosine = np.maximum(np.einsum("nk,hwk->nhw", normals, directions(radiance.shape[0])), 0.0)
    return np.einsum("nhw,hwc->nc", cosine, radiance * solid_angles(radiance.shape[0])[..., None])


def normalize(light: EnvironmentLight, key: float = 0.18) -> tuple[EnvironmentLight, float]:
    """Exposes the light: a grey card (reflectance 0.18) facing +Z gets the linear level `key`.

    A light that leaves the front dark is not brightened until it is bright: the reference is never less than 0.4
    of the irradiance on the best-lit of 26 evenly spread cards, so back light stays back light.

    Returns:
        The scaled light and the factor, to be recorded; a black light is returned unchanged with factor 1.
    """
    cards = np.array([(x, y, z) for x in (0, 1, -1) for y in (0, 1, -1) for z in (1, 0, -1)], np.float64)
    cards = np.array([c / norm(c) for c in cards if c.any()])
    level = 0.18 / np.pi * (product(irradiance(light, cards), LUMINANCE))
    reference = max(level[0], 0.4 * level.max())
    factor = float(key / reference) if reference > 0 else 1.0
    detail = light.detail and replace(light.detail, gain=light.detail.gain * factor)
    return replace(light, radiance=light.radiance * np.float32(factor), detail=detail), factor
