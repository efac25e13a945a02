"""What materials are to a path tracer: the same levels as the preview's shading, as Mitsuba's plugins.

Every opaque material is one arrangement of plugins, so that compiled kernels serve all people.
"""

from functools import lru_cache
from typing import Any

import mitsuba as mi
import numpy as np

from meshes.surface import Material
from renderers.kernels_color.shade import RELIEF_STEP_M
from renderers.preview import reflectance_table

CORNEA_INDEX = 1.376
"""Refractive index of the cornea (Gullstrand's eye); light bends at it on the way to the iris."""

NOT_SKIN = frozenset({"sclera", "teeth", "tongue", "mouth"})
"""Tissues that let light in a little, but next to which skin must not bleed."""

_HEAD_ON = 26  # Row of `reflectance_table` for a cosine of 0.8, the usual one of what is seen well.
_SMOOTHEST = 0.05  # Roughness below which a highlight would hide between samples.


def transmits(material: Material) -> bool:
    """True for shells that are looked through."""
    return material.clear


def scatters(material: Material) -> bool:
    """True for skin: its matt light spreads under the surface (`renderers.photo.skin`)."""
    return material.subsurface > 0 and material.name not in NOT_SKIN


def bsdf(material: Material, albedo: dict[str, Any] | Any) -> dict[str, Any]:
    """How a material scatters light, for `mi.load_dict`.

    A matt base and two GGX lobes with the Fresnel reflectance of a dielectric of index (1 + sqrt F0) / (1 - sqrt F0):
    albedo x (1 - share of the highlight) + (1 - oil) x broad + oil x narrow lobe. In a white surrounding it
    returns what the preview's shading returns. Masked to `DiffuseReflection` it is the base alone.

    Args:
        material: any.
        albedo: a texture or a colour in Mitsuba's terms.
    """
    if material.clear:
        return _shell(material)
    share = _share(material)
    oil = material.oil if material.relief is None else _bitmap(_film(material))
    paint = {
        "type": "blendbsdf",
        "weight": share,
        "base": {"type": "diffuse", "reflectance": albedo},
        "gloss": {
            "type": "blendbsdf",
            "weight": oil,
            "broad": _lobe(material.specular, material.roughness, share),
            "narrow": _lobe(material.specular, material.oil_roughness, share),
        },
    }
    if material.relief is None:
        return paint
    return {"type": "bumpmap", "height": _bitmap(_height(material)), "paint": paint}


def _shell(material: Material) -> dict[str, Any]:
    """The cornea bounds the water in the eye; any other shell is a thin sheet with air behind it."""
    if material.name == "cornea":
        return {"type": "dielectric", "int_ior": CORNEA_INDEX}
    return {"type": "thindielectric", "int_ior": _index(material.specular)}


def _index(specular: float) -> float:
    """Refractive index that mirrors the share `specular` at normal incidence."""
    root = float(np.sqrt(specular))
    return (1.0 + root) / (1.0 - root)


def _lobe(specular: float, roughness: float, share: float) -> dict[str, Any]:
    """One highlight. A conductor that absorbs nothing has the Fresnel reflectance of a dielectric."""
    return {
        "type": "roughconductor",
        "distribution": "ggx",
        "alpha": max(roughness, _SMOOTHEST) ** 2,
        "eta": _index(specular),
        "k": 0.0,
        "specular_reflectance": 1.0 / share,
    }


def _share(material: Material) -> float:
    """Share of a white surrounding that the highlights mirror to an eye nearly head-on, as the preview has it."""
    oil = material.oil if material.relief is None else float(_film(material).mean())
    tables = (reflectance_table(max(r, _SMOOTHEST)) for r in (material.roughness, material.oil_roughness))
    broad, narrow = (float(material.specular * scale + bias) for scale, bias in (t[_HEAD_ON] for t in tables))
    return (1.0 - oil) * broad + oil * narrow


def _bitmap(values: np.ndarray) -> dict[str, Any]:
    return {"type": "bitmap", "bitmap": mi.Bitmap(values), "raw": True, "wrap_mode": "clamp"}


def _film(material: Material) -> np.ndarray:
    """(h, w, 1) float32, share of the narrow highlight."""
    assert material.relief is not None
    return material.relief[..., 2:].astype(np.float32) * np.float32(material.oil / 255.0)


@lru_cache(maxsize=8)
def _height(material: Material) -> np.ndarray:
    """(h, w, 1) float32 metres: the surface whose rises are nearest to those of the relief map, by least squares.

    Source: Frankot & Chellappa, "A Method for Enforcing Integrability in Shape from Shading Algorithms", PAMI 1988.
    """
    assert material.relief is not None
    rise = (material.relief[..., :2].astype(np.float32) - 128.0) * np.float32(RELIEF_STEP_M)
    along, down = (np.fft.rfft2(rise[..., k]) for k in (0, 1))
    height, width = rise.shape[:2]
    # The derivative of waves, not of differences: the map's central differences are blind to the finest stripes, which
    # an inverse of theirs would make out of rounding.
    step_x = 2.0 * np.pi * np.fft.rfftfreq(width)[None, :]
    step_y = 2.0 * np.pi * np.fft.fftfreq(height)[:, None]
    power = step_x**2 + step_y**2
    power[0, 0] = 1.0
    spectrum = -1j * (step_x * along + step_y * down) / power
    return np.fft.irfft2(spectrum, (height, width))[..., None].astype(np.float32)
