"""The colour of skin from what it holds: melanin in a thin layer above, blood in a scattering layer below.

Spectra run from 400 to 720 nm in steps of 10; colours are linear light with sRGB primaries under D65.
"""

from functools import lru_cache

import numpy as np

from meshes.elementary import arctan2, exp, log

_NM = np.arange(400.0, 721.0, 10.0)

# Molar extinction in 1 / (cm mol/l) of oxygenated and bare haemoglobin.
# Source: S. Prahl, "Tabulated molar extinction coefficient for hemoglobin in water", Oregon Medical Laser Center.
_OXYGENATED = np.array([
    266232, 466840, 480360, 246072, 102580, 62816, 44480, 33209.2, 26629.2, 23684.4, 20932.8, 20035.2, 24202.4, 39956.8,
    53236, 43016, 32613.2, 44496, 50104, 14400.8, 3200, 1506, 942, 610, 442, 368, 319.6, 294, 277.6, 276, 290, 314, 348,
])  # fmt: skip
_BARE = np.array([
    223296, 303956, 407560, 528600, 413280, 103292, 23388.8, 16156.4, 14550, 16684, 20862, 25773.6, 31589.6, 39036.4,
    46592, 53412, 53788, 45072, 37020, 28324.4, 14677.2, 9443.6, 6509.6, 5148.8, 4345.2, 3750.12, 3226.56, 2795.12,
    2407.92, 2051.96, 1794.28, 1540.48, 1325.88,
])  # fmt: skip
_GRAMS_A_LITRE, _GRAMS_A_MOLE, _OXYGEN = 150.0, 64500.0, 0.7

# Relative power of the CIE standard illuminant D65.
_D65 = np.array([
    82.75, 91.49, 93.43, 86.68, 104.86, 117.01, 117.81, 114.86, 115.92, 108.81, 109.35, 107.80, 104.79, 107.69, 104.41,
    104.05, 100.00, 96.33, 95.79, 88.69, 90.01, 89.60, 87.70, 83.29, 83.70, 80.03, 80.21, 82.28, 78.28, 69.72, 71.61,
    74.35, 61.60,
])  # fmt: skip
_XYZ_TO_SRGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])

_PATH_CM = 0.02
"""How much epidermis light meets on its way in and out: twice its thickness, lengthened by slanting."""
_INDEX = 1.34
_HORNY = 0.022
"""Share of light that the horny layer scatters back before it meets melanin; dark skin owes its softness to it."""
MELANIN = (0.004, 0.95)
"""Volume share of melanosomes in the epidermis, of the lightest and the darkest skin."""
BLOOD = (0.003, 0.022)
"""Volume share of blood in the dermis, of the palest and the ruddiest skin."""


def _colour_matching() -> np.ndarray:
    """(33, 3) CIE 1931 x, y, z. Source: the fits of Wyman, Sloan and Shirley, JCGT 2(2), 2013."""

    def lobe(height: float, centre: float, left: float, right: float) -> np.ndarray:
        return height * exp(-0.5 * ((_NM - centre) / np.where(centre > _NM, left, right)) ** 2)

    x = lobe(1.056, 599.8, 37.9, 31.0) + lobe(0.362, 442.0, 16.0, 26.7) + lobe(-0.065, 501.1, 20.4, 26.2)
    y = lobe(0.821, 568.8, 46.9, 40.5) + lobe(0.286, 530.9, 16.3, 31.1)
    z = lobe(1.217, 437.0, 11.8, 36.0) + lobe(0.681, 459.0, 26.0, 13.8)
    return np.stack([x, y, z], axis=1)


@lru_cache(maxsize=1)
def _to_rgb() -> np.ndarray:
    """(33, 3): reflectance @ this is linear sRGB, and a reflectance of 1 is white."""
    rgb = np.einsum("nk,ck->nc", _D65[:, None] * _colour_matching(), _XYZ_TO_SRGB)
    return rgb / rgb.sum(axis=0)


def reflectance(melanin: float, blood: float, red_melanin: float = 0.15) -> np.ndarray:
    """(33,) share of light that skin returns diffusely, from 400 to 720 nm.

    Light crosses the epidermis, is scattered back by the dermis and crosses the epidermis again. Absorption in 1/cm:
    eumelanin 6.6e11 nm^-3.33, pheomelanin 2.9e15 nm^-4.75 (Donner and Jensen, "A Spectral BSSRDF for Shading Human
    Skin", EGSR 2006), bloodless skin 0.244 + 85.3 exp(-(nm - 154) / 66.2) (Jacques, "Skin optics", Oregon Medical
    Laser Center News, 1998), blood by its haemoglobin. Scattering 46 (nm / 500)^-1.421 (Jacques, "Optical properties
    of biological tissues", 2013). The dermis returns the diffuse albedo of Jensen et al., "A Practical Model for
    Subsurface Light Transport", SIGGRAPH 2001, eq. 15. Melanin lies in grains, not in an even sheet: where the optical
    depth t varies exponentially from place to place, 1 / (1 + t) of the light passes on average, not exp(-t).

    Args:
        melanin: volume share of melanosomes in the epidermis.
        blood: volume share of blood in the dermis.
        red_melanin: share of pheomelanin in the melanin.
    """
    bloodless = 0.244 + 85.3 * exp(-(_NM - 154.0) / 66.2)
    pigment = (1.0 - red_melanin) * 6.6e11 * _NM**-3.33 + red_melanin * 2.9e15 * _NM**-4.75
    epidermis = melanin * pigment + (1.0 - melanin) * bloodless
    extinction = _OXYGEN * _OXYGENATED + (1.0 - _OXYGEN) * _BARE
    haemoglobin = log(10.0) * extinction * _GRAMS_A_LITRE / _GRAMS_A_MOLE
    absorbed = blood * haemoglobin + (1.0 - blood) * bloodless
    scattered = 46.0 * (_NM / 500.0) ** -1.421
    inside = (
        -1.440 / _INDEX**2 + 0.710 / _INDEX + 0.668 + 0.0636 * _INDEX
    )  # Diffuse light mirrored back at the surface.
    step = (1.0 + inside) / (1.0 - inside)
    depth = np.sqrt(3.0 * absorbed / (absorbed + scattered))
    returned = scattered / (absorbed + scattered) / 2.0 * (1.0 + exp(-4.0 / 3.0 * step * depth)) * exp(-depth)
    return _HORNY + (1.0 - _HORNY) * returned / (1.0 + epidermis * _PATH_CM)


def skin_colour(melanin: float, blood: float, red_melanin: float = 0.15) -> np.ndarray:
    """(3,) float64 linear albedo of skin; arguments are those of `reflectance`."""
    return np.maximum(reflectance(melanin, blood, red_melanin) @ _to_rgb(), 1e-3)


def on_scale(value: float, ends: tuple[float, float]) -> float:
    """A place in [0, 1] on a scale of equal ratios between `ends`: MELANIN or BLOOD."""
    return float(ends[0] * (ends[1] / ends[0]) ** value)


def typology_angle_deg(colour: np.ndarray) -> np.ndarray:
    """(...) individual typology angle of linear albedos (..., 3): arctan((L* - 50) / b*) in degrees (CIELAB, D65).

    Above 55 very light, to 41 light, to 28 intermediate, to 10 tan, to -30 brown, below dark
    (Chardon, Cretois and Hourseau, "Skin colour typology and suntanning pathways", 1991).
    """
    xyz = np.einsum("...c,kc->...k", colour, np.linalg.inv(_XYZ_TO_SRGB)) / (0.95047, 1.0, 1.08883)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    lightness, yellow = 116.0 * f[..., 1] - 16.0, 200.0 * (f[..., 1] - f[..., 2])
    return np.degrees(arctan2(lightness - 50.0, yellow))
