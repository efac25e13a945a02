"""The first look of the embedded head: skin painted by rule from a few numbers a person, no photograph.

Better looks plug in here: whatever gives `paint`, `skin_texture`, `hair_shells` and `materials` can stand in.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from meshes.hair import HairShells, hair_shells, with_hair
from meshes.lashes import lash_cutout, lash_uv
from meshes.look import sample_look
from meshes.noise import keyed, smooth_step, value_noise
from meshes.skin_regions import SkinTemplate, hair_depth, zones
from meshes.skin_texture import skin_texture
from meshes.surface import Material

__all__ = [
    "HairShells",
    "SkinTemplate",
    "displacement",
    "hair_colour",
    "hair_shells",
    "lash_cutout",
    "lash_uv",
    "materials",
    "paint",
    "sample_look",
    "skin_texture",
    "skin_tone",
    "with_hair",
]

_LIGHTEST = np.log([0.60, 0.405, 0.320])
_DARKEST = np.log([0.066, 0.040, 0.027])
_FLUSH = np.log([1.04, 0.70, 0.70])  # More blood under the skin.
_SHADE = np.log([0.72, 0.66, 0.68])  # Thin, darker skin around the eyes.
_TAN = np.log([0.90, 0.84, 0.78])  # More melanin.
_SCALES_M = (0.028, 0.009, 0.0035)
_FIELDS = 5


def skin_tone(look: Mapping[str, float]) -> np.ndarray:
    """(3,) float64 mean linear albedo of the skin, from light to very dark."""
    tone = _LIGHTEST + (_DARKEST - _LIGHTEST) * look["melanin"] ** 0.9
    tone = tone + (look["redness"] - 0.5) * np.array([0.0, -0.16, -0.13])
    return np.exp(tone + look["undertone"] * np.array([0.0, 0.01, -0.10]))


def hair_colour(look: Mapping[str, float]) -> np.ndarray:
    """(3,) float64 linear albedo of the hair."""
    return np.array([look["hair_red"], look["hair_green"], look["hair_blue"]])


@lru_cache(maxsize=2)
def _zones(template: SkinTemplate) -> dict[str, np.ndarray]:
    return zones(template)


@lru_cache(maxsize=2)
def _noise_bank(template: SkinTemplate) -> np.ndarray:
    """(scales, fields, V): random mixtures of a few shared fields are new fields, at no cost."""
    rng = keyed(0, 1)
    return np.stack([value_noise(template.rest, scale, _FIELDS, rng) for scale in _SCALES_M])


def _personal_noise(template: SkinTemplate, look: Mapping[str, float], stream: int) -> np.ndarray:
    """(scales, V) float32, unit deviation."""
    weights = keyed(int(look["seed"]), stream).standard_normal((len(_SCALES_M), _FIELDS)).astype(np.float32)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return np.einsum("sk,skv->sv", weights, _noise_bank(template))


def paint(template: SkinTemplate, look: Mapping[str, float]) -> np.ndarray:
    """Skin, lips, mouth interior, nostrils and the shade of stubble and scalp.

    Hairs, freckles and pores are finer than the mesh: they are in `skin_texture`, which multiplies it.

    Args:
        template: the canonical head.
        look: from `sample_look`.

    Returns:
        (V, 3) float32 linear albedo.
    """
    zone = _zones(template)
    colour = _skin(template, zone, look)
    colour = _mix(colour, _lips(colour, look), zone["lips"])
    depth = np.clip((template.rest[:, 2] - 0.018) / 0.030, -1.6, 0.0)
    mouth = np.array([0.30, 0.085, 0.075]) * np.exp(depth)[:, None]
    colour = _mix(colour, mouth, zone["mouth"])
    return np.clip(colour, 0.0, 1.0).astype(np.float32)


def _mix(under: np.ndarray, over: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return under + (over - under) * weight[:, None]


def _skin(template: SkinTemplate, zone: Mapping[str, np.ndarray], look: Mapping[str, float]) -> np.ndarray:
    # Where the mesh is coarse, below the jaw, it cannot carry the finer patterns.
    fine = np.stack([np.ones(len(template.rest)), *[smooth_step(template.rest[:, 1], -0.150, -0.100)] * 2])
    blood = _personal_noise(template, look, 10) * fine
    pigment = _personal_noise(template, look, 11) * fine
    fair = 1.0 - 0.55 * look["melanin"]
    flush = 0.8 * zone["cheek"] + 0.75 * zone["nose"] + 0.8 * zone["ears"] + 0.35 * zone["chin"]
    flush = look["blush"] * (flush + 0.3 * zone["eyelids"] + 0.5 * zone["inner_corner"] + 0.5 * zone["mouth_corner"])
    flush = flush + look["mottling"] * (0.16 * blood[0] + 0.13 * blood[1] + 0.08 * blood[2])
    shade = look["shadow"] * (0.45 * zone["socket"] + 0.55 * zone["under_eye"]) + 0.25 * zone["mouth_corner"]
    tan = look["mottling"] * (0.20 * pigment[0] + 0.12 * pigment[1]) + 0.15 * zone["forehead"] - 0.12 * zone["neck"]
    tan = tan + look["melanin"] * (0.55 * zone["perioral"] + 0.5 * zone["socket"] - 0.35 * zone["cheek"])
    shade = shade + 2.6 * zone["nostril"] + 1.1 * zone["lash_line"] + 0.10 * blood[2] * look["mottling"]
    log_colour = flush[:, None] * (fair * _FLUSH) + shade[:, None] * _SHADE + tan[:, None] * _TAN
    colour = skin_tone(look) * np.exp(log_colour)
    return _hair_shade(template, colour, zone, look)


def _hair_shade(
    template: SkinTemplate, colour: np.ndarray, zone: Mapping[str, np.ndarray], look: Mapping[str, float]
) -> np.ndarray:
    """Skin darkened by hair below and at the surface: the bluish beard shadow, the scalp under the hair."""
    hair = hair_colour(look)
    stubble = 0.40 * look["stubble"] * zone["beard"] * (1.0 - 0.7 * look["hair_grey"])
    colour = _mix(colour, 0.55 * colour * np.array([0.86, 0.96, 1.05]) + 0.45 * hair, stubble)
    depth = hair_depth(template.rest, look["hair_recede"])
    # The mesh is coarse up here: the shade begins inside the hairline, which texture and shells draw.
    inside = smooth_step(depth, 0.002, 0.016) * (1.0 - zone["ears"])
    shaded = np.minimum(0.15 * colour + 0.85 * hair, colour)  # Grey stubble does not lighten dark skin.
    return _mix(colour, shaded, inside * _scalp_cover(look))


def _scalp_cover(look: Mapping[str, float]) -> float:
    """How much of the scalp is hidden: 0.2 shaved, 0.97 under short hair."""
    return float(0.20 + 0.77 * min(1.0, look["hair_length_m"] / 0.005))


def _lips(skin: np.ndarray, look: Mapping[str, float]) -> np.ndarray:
    natural = skin * np.exp((0.5 + look["lip_colour"]) * np.log([0.80, 0.50, 0.54]) * (1.0 - 0.45 * look["melanin"]))
    paint_colour = np.array([0.30, 0.050, 0.068]) * (1.0 - 0.4 * look["melanin"])
    return natural + (paint_colour - natural) * 0.75 * look["lip_paint"]


def displacement(template: SkinTemplate, look: Mapping[str, float]) -> np.ndarray:
    """Micro relief of the skin and the thickness of the hair's base, along the normal.

    Returns:
        (V,) float32 metres, for the vertices of `template`; the same for every expression.
    """
    zone = _zones(template)
    relief = _personal_noise(template, look, 12)
    smooth = (1.0 - zone["lips"]) * (1.0 - zone["eyelids"]) * (1.0 - zone["mouth"])
    skin = look["mottling"] * smooth * (1.2e-4 * relief[0] + 0.5e-4 * relief[1])
    depth = hair_depth(template.rest, look["hair_recede"])
    hair = 0.35 * look["hair_length_m"] * smooth_step(depth, 0.002, 0.025) * (1.0 - zone["ears"])
    return (skin + hair * (1.0 + 0.25 * relief[1])).astype(np.float32)


def materials(texture: np.ndarray | None = None) -> dict[str, Material]:
    """Materials of the embedded head by name; eyes and hair bring their own.

    Args:
        texture: of the skin, from `skin_texture`; None leaves the skin without its fine detail.
    """
    table = (
        Material("skin", roughness=0.47, specular=0.028, subsurface=1.0, texture=texture),
        Material("lips", roughness=0.36, specular=0.028, subsurface=1.0),
        Material("mouth", roughness=0.35, specular=0.028, subsurface=0.6),
        Material("teeth", roughness=0.25, specular=0.04, subsurface=0.3),
        Material("tongue", roughness=0.35, specular=0.028, subsurface=0.7),
        Material("lashes", roughness=0.6, specular=0.02),
    )
    return {material.name: material for material in table}
