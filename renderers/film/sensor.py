"""Noise of a sensor: photons are counted, and reading the count adds a little.

The law is Poisson-Gaussian: at a linear signal x the variance is x / s + (r / s)^2, s electrons being the level 1.
"""

from dataclasses import dataclass

import numpy as np

BRIGHTEST = 4.0
"""Linear light above this is counted as this: it is white whatever the noise."""


@dataclass(frozen=True)
class Sensor:
    """What a pixel of the finished picture can hold. A picture made smaller from many pixels holds more.

    Attributes:
        full_well_e: electrons that fill it, the linear level 1 at `base_iso`.
        read_noise_e: standard deviation of a reading, electrons.
        base_iso: sensitivity at which level 1 fills it; at twice that, half the electrons are level 1.
    """

    full_well_e: float
    read_noise_e: float
    base_iso: float = 100.0

    def white_e(self, iso: float) -> float:
        """Electrons of the linear level 1."""
        return self.full_well_e * self.base_iso / iso


SENSORS = {"phone": Sensor(full_well_e=6_000, read_noise_e=2.0), "full-frame": Sensor(50_000, 3.0)}
"""Round figures of the order of such sensors, chosen here and measured on none."""


def variance(signal: np.ndarray, sensor: Sensor, iso: float) -> np.ndarray:
    """Variance of the noisy signal around `signal` (any shape), both linear with white 1."""
    white_e = sensor.white_e(iso)
    return signal / white_e + (sensor.read_noise_e / white_e) ** 2


def noisy(picture: np.ndarray, balance: np.ndarray, sensor: Sensor, iso: float, rng: np.random.Generator) -> np.ndarray:
    """The picture as the sensor counts it.

    Args:
        picture: (H, W, 3) float32 linear, exposed and balanced.
        balance: (3,) factors of the white balance that is in it: a channel that was raised has its noise raised too.
        sensor, iso: which, and how sensitive.
        rng: draws the electrons.

    Returns:
        (H, W, 3) float32; may be below 0.
    """
    white_e = sensor.white_e(iso)
    electrons = np.clip(picture, 0.0, BRIGHTEST) * (white_e / balance)
    counted = rng.poisson(electrons) + sensor.read_noise_e * rng.standard_normal(picture.shape)
    return (counted * (balance / white_e)).astype(np.float32)
