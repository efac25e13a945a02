"""From buffers to the picture: clean what paths left noisy, spread light inside skin, put the parts together.

Light is cleaned premultiplied, so that no edge is divided by a small coverage and none gets a halo.
"""

import numpy as np

from renderers.camera import Camera
from renderers.photo import skin
from renderers.photo.buffers import Buffers
from renderers.picture import Image


def develop(buffers: Buffers, camera: Camera, clean: bool) -> Image:
    """The picture of a view.

    Args:
        buffers: of the view.
        camera: of the view.
        clean: use the denoiser. Coverage is as it was sampled; it is even already.
    """
    rgb, own = _clean(buffers) if clean else (buffers.rgb, buffers.skin)
    if not buffers.coverage.any():
        return Image(rgb + own, buffers.alpha)
    share = np.where(buffers.coverage > 0, buffers.coverage, 1)[..., None]
    irradiance = np.divide(own, buffers.base, out=np.zeros_like(own), where=buffers.base > 0)
    spread = skin.scatter(irradiance, buffers.position / share, buffers.normal / share, buffers.coverage, camera)
    return Image(rgb + buffers.base_kept * spread + buffers.base_glow, buffers.alpha)


def _clean(buffers: Buffers) -> tuple[np.ndarray, np.ndarray]:
    """Light of all but skin, and light out of skin, without noise.

    The sum is cleaned and the part taken from it: where hairs and skin share pixels, each part alone carries the noise
    of which of them a path met, and both would keep it.
    """
    # The denoiser works in neighbourhoods: pixels in which no path found anything stay empty.
    found = (buffers.alpha > 0) | buffers.rgb.any(axis=2)
    whole = denoised(buffers.rgb + buffers.skin, buffers.albedo, buffers.normal) * found[..., None]
    if not buffers.coverage.any():
        return whole, np.zeros_like(whole)
    own = denoised(buffers.skin, buffers.base, buffers.normal)
    return np.maximum(whole - own, 0), own


def denoised(light: np.ndarray, albedo: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Open Image Denoise on the CPU: equal input gives equal bytes.

    Args:
        light: (H, W, 3) float32, linear, premultiplied.
        albedo: (H, W, 3) float32 in [0, 1], premultiplied.
        normal: (H, W, 3) float32, premultiplied.

    Returns:
        (H, W, 3) float32, not below 0.
    """
    import mitsuba_oidn as oidn

    device = oidn.Device(oidn.DeviceType.CPU)
    light, albedo, normal = (np.ascontiguousarray(a, np.float32) for a in (light, albedo, normal))
    clean = oidn.denoise(light, np.clip(albedo, 0, 1), np.clip(normal, -1, 1), hdr=True, device=device)
    return np.maximum(np.asarray(clean, np.float32), 0)
