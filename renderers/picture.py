"""What every colour tier takes and gives: views, settings, and pictures of the person over nothing.

A tier is any function like `Tier`; the camera's film and the background come after it and are the same for all.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from meshes.surface import Surface
from renderers.camera import Camera, refuse_distortion
from renderers.exact import Hits
from renderers.light import EnvironmentLight


@dataclass(frozen=True, eq=False)
class Image:
    """A picture.

    Attributes:
        rgb: (H, W, 3) float32, linear, sRGB primaries, premultiplied: the person's part of each pixel's light.
        alpha: (H, W) float32 in [0, 1], the part of the pixel that the person covers.
    """

    rgb: np.ndarray
    alpha: np.ndarray


@dataclass(frozen=True)
class ThinLens:
    """A lens that is sharp at one depth.

    Attributes:
        aperture_m: diameter of its opening.
        focus_m: depth along the camera's +Z that is sharp.
    """

    aperture_m: float
    focus_m: float

    def blur_px(self, focal_px: float, depth_axis_m: np.ndarray) -> np.ndarray:
        """Diameter in pixels of the disc that a point at a depth (any shape, metres; inf allowed) becomes."""
        return self.aperture_m * focal_px * np.abs(1.0 / self.focus_m - 1.0 / depth_axis_m)


@dataclass(frozen=True, eq=False)
class View:
    """One picture to take.

    Attributes:
        camera: a camera without distortion.
        hits: what its pixel centres see, where the caller has it already.
        lens: None is a pinhole: everything is sharp. An orthographic camera has no lens.

    Raises:
        CameraError: the camera has a distortion.
    """

    camera: Camera
    hits: Hits | None = None
    lens: ThinLens | None = None

    def __post_init__(self) -> None:
        refuse_distortion(self.camera, "View", "take renderers.resample.ideal(camera), then bend with through_lens")


@dataclass(frozen=True)
class Quality:
    """What a tier that traces paths may spend.

    Attributes:
        spp: paths a pixel.
        denoise: clean the picture with a denoiser.
        seed: of the paths; equal seeds give equal bytes.
    """

    spp: int = 16
    denoise: bool = True
    seed: int = 0


class Tier(Protocol):
    """Takes pictures of one scene."""

    def __call__(
        self, surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality
    ) -> tuple[Image, ...]:
        """One picture a view, over nothing; near and far share everything but the camera."""
        ...


def over(image: Image, backdrop: np.ndarray) -> np.ndarray:
    """The person before a backdrop (H, W, 3) float32 linear, both in linear light: no halo."""
    return image.rgb + (1.0 - image.alpha[..., None]) * backdrop
