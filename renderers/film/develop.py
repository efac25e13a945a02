"""What happens to light between the lens and the file, the same for every colour tier.

`expose` is the lens and the hand that holds it, `measure` what the camera decides, `develop` the way to 8 bits.
"""

from dataclasses import dataclass

import numpy as np

from meshes.elementary import product
from renderers import srgb
from renderers.camera import Camera
from renderers.film.exposure import Metering, meter
from renderers.film.jpeg import through_jpeg
from renderers.film.sensor import SENSORS, noisy
from renderers.film.shake import path_px, shaken, stamp
from renderers.film.vignette import falloff
from renderers.film.white import Balance, balance, tint
from renderers.light import LUMINANCE
from renderers.resample import through_lens

__all__ = ["Film", "Settings", "channel_scale", "decided", "develop", "expose", "measure"]

LEVELS = (0.01, 1.0)
"""A grey card is never exposed darker or brighter than this, whatever was measured: nothing would be left to see."""


@dataclass(frozen=True)
class Film:
    """How one picture is taken and developed; as it stands, nothing is done to it.

    Attributes:
        shake_px, shake_rad, shake_bend: path of the picture during the exposure, see `shake.path_px`.
        chromatic_px: red is this much farther from the principal point than green at the farthest corner of the
            frame, blue as much nearer; negative the other way round.
        vignetting, vignetting_edge: see `vignette.falloff`.
        metering: what the exposure is measured on.
        exposure_ev: error of the exposure, in powers of 2.
        white_balance: what white is measured by.
        white_balance_mired, white_balance_duv: error of the white balance, see `white.tint`.
        iso, sensor: noise of one of `sensor.SENSORS`; none where `iso` is None.
        jpeg_quality: 1 to 100, None leaves JPEG out.
    """

    shake_px: float = 0.0
    shake_rad: float = 0.0
    shake_bend: float = 0.0
    chromatic_px: float = 0.0
    vignetting: float = 0.0
    vignetting_edge: float = 0.0
    metering: Metering = "card"
    exposure_ev: float = 0.0
    white_balance: Balance = "off"
    white_balance_mired: float = 0.0
    white_balance_duv: float = 0.0
    iso: float | None = None
    sensor: str = "phone"
    jpeg_quality: int | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing but exposure and white balance is done to a picture on its way to 8 bits."""
        moved = self.shake_px > 0 or self.chromatic_px != 0 or self.vignetting > 0 or self.vignetting_edge > 0
        return not moved and self.iso is None and self.jpeg_quality is None


@dataclass(frozen=True)
class Settings:
    """What a camera decides when it has seen the light.

    Attributes:
        gain: factor of the exposure, its error included.
        balance: factors of red, green and blue, their error included.
    """

    gain: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def factors(self) -> np.ndarray:
        """(3,) float32, what linear red, green and blue are multiplied by."""
        return (self.gain * np.array(self.balance)).astype(np.float32)


def channel_scale(film: Film, camera: Camera) -> tuple[float, float, float]:
    """How much larger the red, green and blue pictures are about the principal point: `chromatic_px`, relative."""
    K = camera.K
    corner_px = np.hypot(max(K[0, 2], camera.width - K[0, 2]), max(K[1, 2], camera.height - K[1, 2]))
    apart = float(film.chromatic_px / corner_px)
    return 1.0 + apart, 1.0, 1.0 - apart


def expose(picture: np.ndarray, taken: Camera, camera: Camera, film: Film) -> np.ndarray:
    """The light on the film: shaken, through the lens, darker towards the corners.

    Args:
        picture: (H', W', 3) float32 linear, taken by the camera without distortion `taken`.
        taken: `camera` itself, or `resample.ideal(camera, ...)` where light bends on its way.
        camera: the view, maybe with distortion.
        film: how.

    Returns:
        (H, W, 3) float32 linear on the pixels of `camera`.
    """
    if film.shake_px > 0:
        length_px = film.shake_px * taken.K[0, 0] / camera.K[0, 0]
        picture = shaken(picture, stamp(path_px(length_px, film.shake_rad, film.shake_bend)))
    if taken is not camera:
        picture = through_lens(picture, taken, camera, channel_scale(film, camera))
    if film.vignetting > 0 or film.vignetting_edge > 0:
        picture = picture * falloff(camera, film.vignetting, film.vignetting_edge)[..., None]
    return picture


def measure(light: np.ndarray, part: np.ndarray, film: Film, card: np.ndarray, level: float) -> Settings:
    """Exposure and white balance from what the film sees.

    Args:
        light: (H, W, 3) float32 from `expose`.
        part: (H, W) uint8, `meshes.parts.Part` at the pixel centres.
        film: how to measure, and the errors.
        card: (3,) linear colour of a grey card in this light.
        level: linear level that it was exposed for.
    """
    if (known := decided(film, level)) is not None:
        return known
    gain = _exposed(meter(light, part, film.metering, level), film, level)
    if not _balances(film):
        return Settings(gain)
    factors = balance(light, film.white_balance, card) * tint(film.white_balance_mired, film.white_balance_duv)
    red, green, blue = (factors / product(factors, LUMINANCE)).tolist()
    return Settings(gain, (red, green, blue))


def decided(film: Film, level: float) -> Settings | None:
    """What `measure` gives whatever the light; None where it depends on it."""
    return None if film.metering != "card" or _balances(film) else Settings(_exposed(1.0, film, level))


def _exposed(metered: float, film: Film, level: float) -> float:
    return min(max(metered * 2.0**film.exposure_ev, LEVELS[0] / level), LEVELS[1] / level)


def _balances(film: Film) -> bool:
    return film.white_balance != "off" or bool(film.white_balance_mired) or bool(film.white_balance_duv)


def develop(light: np.ndarray, settings: Settings, film: Film, rng: np.random.Generator) -> np.ndarray:
    """The file: exposed, balanced, noisy, through the sRGB curve, compressed. (H, W, 3) uint8.

    Args:
        light: (H, W, 3) float32 from `expose`.
        settings: from `measure` of this picture or of another that shares its exposure.
        film: how.
        rng: of the noise; drawn from only where there is some.
    """
    if settings != Settings():
        light = light * settings.factors
    if film.iso is not None:
        light = noisy(light, np.array(settings.balance), SENSORS[film.sensor], film.iso, rng)
    picture = srgb.encode(light)
    return picture if film.jpeg_quality is None else through_jpeg(picture, film.jpeg_quality)
