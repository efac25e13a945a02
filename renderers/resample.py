"""A pinhole's picture bent into what a lens shows, whichever renderer made it; and the pinhole that sees enough.

Colour alone goes through here. Labels are never resampled: `renderers.exact` follows each pixel's bent ray.
"""

from dataclasses import replace

import numpy as np

from renderers.camera import Camera
from renderers.exact import lens_of
from renderers.kernels.resample import gather
from renderers.lens import CameraError, undistort

Scale = tuple[float, ...]
"""By how much the picture of each channel is larger about the principal point: lateral chromatic aberration."""


def ideal(camera: Camera, scale: float = 1.0, channel_scale: Scale = (1.0, 1.0, 1.0)) -> Camera:
    """A camera without distortion at the same place that sees all that `camera` sees.

    Args:
        camera: with a distortion or without.
        scale: its pixels for one of `camera`'s, along a side, from 1 to 8.
        channel_scale: as `through_lens` will be told.

    Raises:
        CameraError: a channel's scale shows more than the lens can; or numbers out of range.
    """
    if not 1.0 <= scale <= 8.0:
        raise CameraError(f"expected a scale from 1 to 8, got {scale}; 1.5 keeps most of the sharpness")
    spare_px = 0 if camera.distortion is None else 1  # The rim is straight enough between whole pixels.
    low, high = _extent_px(camera, channel_scale)
    low, high = np.floor(low + 1e-6) - spare_px, np.ceil(high - 1e-6) + spare_px
    width, height = (int(side) for side in np.ceil((high - low) * scale))
    K = camera.K.copy()
    K[:2, 2] -= low
    return replace(camera, K=K * [[scale], [scale], [1.0]], height=height, width=width, distortion=None)


def _extent_px(camera: Camera, channel_scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest (u, v) at which a pinhole with the same K shows what any channel of `camera` shows."""
    if not channel_scale or not all(0.5 <= s <= 2.0 for s in channel_scale):
        raise CameraError(f"expected a scale from 0.5 to 2 for each channel, got {channel_scale}; 1 leaves one alone")
    u, v = np.arange(camera.width + 1.0), np.arange(camera.height + 1.0)
    rim = np.concatenate([_grid(u, v[[0, -1]]), _grid(u[[0, -1]], v)])
    K = camera.K
    shown = np.concatenate([(rim - K[:2, 2]) / K[[0, 1], [0, 1]] / s for s in channel_scale])
    rays = shown if camera.distortion is None else undistort(camera.distortion, shown)
    if np.isnan(rays).any():
        raise CameraError(
            f"expected channels that the lens can show, got scales {channel_scale} for {camera.distortion}; "
            "bring them closer to 1, or weaken the distortion"
        )
    px = rays * K[[0, 1], [0, 1]] + K[:2, 2]
    return px.min(axis=0), px.max(axis=0)


def _grid(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)


def through_lens(
    picture: np.ndarray, ideal_camera: Camera, camera: Camera, channel_scale: Scale = (1.0, 1.0, 1.0)
) -> np.ndarray:
    """What `camera` shows of a picture that `ideal_camera` took, each pixel a mean over its square.

    Pixels of the picture are means over squares already, of 1 / scale pixels a side; sub-samples, taken through the
    exact inverse of the lens and bilinear in the picture, spread by what is missing of a whole pixel, so that both
    together have a pixel's variance and nothing is blurred twice.

    Args:
        picture: (H', W', C) float32, the size of `ideal_camera`; linear, colour premultiplied.
        ideal_camera: from `ideal(camera, ...)`.
        camera: the view to show.
        channel_scale: one for each channel; or three for the first three, the rest keep 1.

    Returns:
        (H, W, C) float32.

    Raises:
        CameraError: the picture is not of this size, place or extent.
    """
    offsets, scales = _sampling(picture, ideal_camera, camera, channel_scale)
    distinct, scale_of = np.unique(scales, return_inverse=True)
    pinhole, lens = lens_of(ideal_camera), lens_of(camera)
    return gather(np.require(picture, np.float32, ["C", "W"]), pinhole, lens, distinct, scale_of, offsets)


def _sampling(
    picture: np.ndarray, ideal_camera: Camera, camera: Camera, channel_scale: Scale
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n,) of sub-samples from a pixel's centre along one side, and the scale (C,) of each channel."""
    size = (ideal_camera.height, ideal_camera.width)
    if picture.ndim != 3 or picture.shape[:2] != size:
        raise CameraError(f"expected a picture of {size} pixels and channels, got {picture.shape}; render ideal_camera")
    same_place = np.array_equal(ideal_camera.T_camera_head, camera.T_camera_head)
    if ideal_camera.distortion is not None or ideal_camera.kind != camera.kind or not same_place:
        raise CameraError("expected a pinhole at the camera's place, got another; make it with ideal(camera, ...)")
    channels = picture.shape[2]
    scales = np.ones(channels)
    scales[: len(channel_scale)] = channel_scale[:channels]
    zoom = ideal_camera.K[[0, 1], [0, 1]] / camera.K[[0, 1], [0, 1]]
    low, high = ((p - camera.K[:2, 2]) * zoom + ideal_camera.K[:2, 2] for p in _extent_px(camera, tuple(scales)))
    if (low < -1e-3).any() or (high > np.add(size[::-1], 1e-3)).any():
        raise CameraError(
            f"expected a picture that covers {low} to {high}, got one of {size[::-1]} pixels; "
            "make its camera with ideal(camera, scale, channel_scale)"
        )
    finer = max(float(zoom[0]), 1.0)
    count = 1 if finer == 1.0 else int(np.ceil(1.5 * finer))
    spread_px = np.sqrt(1.0 - finer**-2.0)
    return spread_px * ((np.arange(count) + 0.5) / count - 0.5), scales


def through_lens_readable(
    picture: np.ndarray, ideal_camera: Camera, camera: Camera, channel_scale: Scale = (1.0, 1.0, 1.0)
) -> np.ndarray:
    """`through_lens` in numpy, to read and to compare."""
    offsets, scales = _sampling(picture, ideal_camera, camera, channel_scale)
    K, K_ideal = camera.K, ideal_camera.K
    total = np.zeros((camera.height, camera.width, picture.shape[2]))
    for dv in offsets:
        for du in offsets:
            u, v = np.meshgrid(np.arange(camera.width) + 0.5 + du, np.arange(camera.height) + 0.5 + dv)
            for k, s in enumerate(scales):
                rays = np.stack([(u - K[0, 2]) / K[0, 0] / s, (v - K[1, 2]) / K[1, 1] / s], axis=-1)
                rays = rays if camera.distortion is None else undistort(camera.distortion, rays)
                place = (K_ideal[0, 0] * rays[..., 0] + K_ideal[0, 2], K_ideal[1, 1] * rays[..., 1] + K_ideal[1, 2])
                total[..., k] += _between(picture[..., k].astype(np.float64), *place)
    return (total / len(offsets) ** 2).astype(np.float32)


def _between(channel: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A channel (H', W') at image coordinates, bilinear between pixel centres, its rim repeated outside."""
    height, width = channel.shape
    c, r = np.floor(u - 0.5).astype(int), np.floor(v - 0.5).astype(int)
    a, b = (u - 0.5) - c, (v - 0.5) - r
    c0, c1 = np.clip(c, 0, width - 1), np.clip(c + 1, 0, width - 1)
    r0, r1 = np.clip(r, 0, height - 1), np.clip(r + 1, 0, height - 1)
    upper = (1.0 - a) * channel[r0, c0] + a * channel[r0, c1]
    lower = (1.0 - a) * channel[r1, c0] + a * channel[r1, c1]
    return (1.0 - b) * upper + b * lower
