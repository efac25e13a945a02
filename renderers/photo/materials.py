"""What materials are to a path tracer: the same levels as the preview's shading, as Mitsuba's plugins.

Every opaque material is one arrangement of plugins, so that compiled kernels serve all people.
"""

from collections.abc import Mapping
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
_METAL = 0.2  # F0 beyond which a material is a metal.
_SMOOTHEST = 0.05  # Roughness below which a highlight would hide between samples.


def transmits(material: Material) -> bool:
    """True for shells that are looked through."""
    return material.clear


def scatters(material: Material) -> bool:
    """True for skin: its matt light spreads under the surface (`renderers.photo.skin`)."""
    return material.subsurface > 0 and material.name not in NOT_SKIN


def numbers(material: Material, chance: float = 0.0) -> dict[str, float]:
    """What sets one opaque material apart from another, besides its maps, in Mitsuba's terms.

    Args:
        material: any opaque one.
        chance: the least share of paths that follow highlights. Where it is more than the share of light that they
            take, albedos must be multiplied by `lift`, and may then pass 1, to keep the picture's mean.

    Returns:
        share: of paths that follow highlights, and gain, 1 / share; lift, see above; oil: the narrow highlight's part;
        broad and narrow: the alpha of both; eta and k: the complex refractive index whose Fresnel reflectance begins
        at F0.
    """
    taken, (eta, k) = _share(material), _index(material.specular)
    share = max(taken, chance)
    broad, narrow = (max(r, _SMOOTHEST) ** 2 for r in (material.roughness, material.oil_roughness))
    return dict(
        share=share, gain=1.0 / share, lift=(1.0 - taken) / (1.0 - share), oil=material.oil,
        broad=broad, narrow=narrow, eta=eta, k=k,
    )  # fmt: skip


def bsdf(material: Material, albedo: Any, of: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How a material scatters light, for `mi.load_dict`.

    A matt base and two GGX lobes: albedo x (1 - share) / pi + (1 - oil) x broad + oil x narrow. In a white
    surrounding it returns what the preview's shading returns, seen nearly head-on. Relief tilts all of it.

    Args:
        material: any.
        albedo: a texture or a colour in Mitsuba's terms.
        of: the `numbers` of the material, or textures that hold them, so that many materials are one plugin.
    """
    if material.clear:
        return _shell(material)
    of = numbers(material) if of is None else of
    gloss = {
        "type": "blendbsdf",
        "weight": of["oil"] if material.relief is None else _bitmap(_film(material)),
        "broad": _lobe(of, "broad"),
        "narrow": _lobe(of, "narrow"),
    }
    base = {"type": "diffuse", "reflectance": albedo}
    paint = {"type": "blendbsdf", "weight": of["share"], "base": base, "gloss": gloss}
    if material.relief is None:
        return paint
    return {"type": "bumpmap", "height": _bitmap(_height(material)), "paint": paint}


def _shell(material: Material) -> dict[str, Any]:
    """The cornea bounds the water in the eye; any other shell is a thin sheet with air behind it."""
    if material.name == "cornea":
        return {"type": "dielectric", "int_ior": CORNEA_INDEX}
    return {"type": "thindielectric", "int_ior": _index(material.specular)[0]}


def _index(specular: float) -> tuple[float, float]:
    """Complex refractive index that mirrors the share `specular` at normal incidence: glass-like, or a metal's."""
    if specular > _METAL:
        return 1.0, float(2.0 * np.sqrt(specular / (1.0 - specular)))
    root = float(np.sqrt(specular))
    return (1.0 + root) / (1.0 - root), 0.0


def _lobe(of: Mapping[str, Any], width: str) -> dict[str, Any]:
    """One highlight. A conductor that absorbs nothing has the Fresnel reflectance of a dielectric."""
    return {
        "type": "roughconductor",
        "distribution": "ggx",
        "alpha": of[width],
        "eta": of["eta"],
        "k": of["k"],
        "specular_reflectance": of["gain"],
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
