"""From buffers to the picture: clean what paths left noisy, spread light inside skin, put the parts together.

Light is cleaned premultiplied, so that no edge is divided by a small coverage and none gets a halo.
"""

import numpy as np

from renderers.camera import Camera
from renderers.light import LUMINANCE
from renderers.photo import skin
from renderers.photo.buffers import Buffers
from renderers.picture import Image

BLOCK_PX = 16
"""Side of the blocks over which luminance is averaged before the denoiser's scale is taken from it."""


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

    device, scale = oidn.Device(oidn.DeviceType.CPU), _scale(light)
    light, albedo, normal = (np.ascontiguousarray(a, np.float32) for a in (light, albedo, normal))
    guides = np.clip(albedo, 0, 1), np.clip(normal, -1, 1)
    clean = oidn.denoise(light, *guides, hdr=True, input_scale=scale, device=device)
    return np.maximum(np.asarray(clean, np.float32), 0)


def _scale(light: np.ndarray) -> float:
    """What brings the picture to a middle level: 0.18 over the geometric mean of the luminance of its blocks.

    The denoiser would find such a number by itself, in a sum whose order depends on how many threads it has.
    """
    height, width = (max(side // BLOCK_PX, 1) * BLOCK_PX for side in light.shape[:2])
    luminance = np.einsum("hwc,c->hw", light[:height, :width], LUMINANCE)
    rows = np.add.reduceat(luminance, np.arange(0, len(luminance), BLOCK_PX), axis=0)
    blocks = np.add.reduceat(rows, np.arange(0, luminance.shape[1], BLOCK_PX), axis=1) / BLOCK_PX**2
    lit = blocks[blocks > 1e-8]
    return float(0.18 / np.exp2(np.log2(lit).mean())) if lit.size else 1.0
