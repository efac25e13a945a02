"""The first look of the embedded head: skin painted by rule from a few numbers a person, no photograph.

Better looks plug in here: whatever gives `paint`, `skin_texture` and `materials` can stand in.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from meshes.elementary import exp, log, norm
from meshes.hair import hair_inside
from meshes.look import sample_look
from meshes.noise import keyed, smooth_step, value_noise
from meshes.skin_regions import SkinTemplate, hair_depth, zones
from meshes.skin_relief import fold_maps, skin_relief
from meshes.skin_texture import skin_texture
from meshes.skin_tone import BLOOD, MELANIN, on_scale, skin_colour
from meshes.surface import Material

__all__ = [
    "SkinTemplate",
    "displacement",
    "fold_maps",
    "hair_colour",
    "materials",
    "paint",
    "sample_look",
    "skin_relief",
    "skin_texture",
    "skin_tone",
]

_SHADE = log([0.72, 0.66, 0.68])  # Thin, darker skin around the eyes.
_SCALES_M = (0.028, 0.009, 0.0035)
_FIELDS = 5


def skin_tone(look: Mapping[str, float], *, melanin: float = 0.0, blood: float = 0.0) -> np.ndarray:
    """(3,) float64 linear albedo of one person's skin, from very light to very dark.

    Args:
        look: from `sample_look`.
        melanin, blood: added to the person's own, in shares of the scales of `meshes.skin_tone`.
    """
    red_melanin = 0.12 + 0.12 * look["undertone"]
    return skin_colour(
        on_scale(look["melanin"] + melanin, MELANIN), on_scale(look["redness"] + blood, BLOOD), red_melanin
    )


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
    weights /= norm(weights, axis=1, keepdims=True)
    return np.einsum("sk,skv->sv", weights, _noise_bank(template))


def paint(template: SkinTemplate, look: Mapping[str, float]) -> np.ndarray:
    """Skin, lips, make-up, mouth interior, nostrils and the shade of stubble and scalp.

    Hairs, freckles, folds and pores are finer than the mesh: they are in `skin_texture`, which multiplies it.

    Args:
        template: the canonical head.
        look: from `sample_look`.

    Returns:
        (V, 3) float32 linear albedo.
    """
    zone = _zones(template)
    colour = _skin(template, zone, look)
    colour = _mix(colour, _rgb(look, "eye_shadow"), 0.8 * look["eye_shadow"] * zone["lid_shadow"])
    colour = _mix(colour, np.array([0.012, 0.010, 0.010]), np.minimum(1.0, 0.9 * look["eye_liner"] * zone["lash_line"]))
    colour = _mix(colour, _lips(colour, zone, look), zone["lips"])
    colour = colour * exp(-zone["mouth_line"][:, None] * np.array([0.75, 1.15, 1.10]))
    depth = np.clip((template.rest[:, 2] - 0.018) / 0.030, -1.6, 0.0)
    mouth = np.array([0.26, 0.075, 0.066]) * exp(depth)[:, None]
    colour = _mix(colour, mouth, zone["mouth"])
    return np.clip(colour, 0.0, 1.0).astype(np.float32)


def _rgb(look: Mapping[str, float], name: str) -> np.ndarray:
    return np.array([look[f"{name}_{channel}"] for channel in ("red", "green", "blue")])


def _mix(under: np.ndarray, over: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return under + (over - under) * weight[:, None]


def _skin(template: SkinTemplate, zone: Mapping[str, np.ndarray], look: Mapping[str, float]) -> np.ndarray:
    # Where the mesh is coarse, below the jaw, it cannot carry the finer patterns.
    fine = np.stack([np.ones(len(template.rest)), *[smooth_step(template.rest[:, 1], -0.150, -0.100)] * 2])
    blood = _personal_noise(template, look, 10) * fine
    pigment = _personal_noise(template, look, 11) * fine
    flush = 0.8 * zone["cheek"] + 0.75 * zone["nose"] + 0.8 * zone["ears"] + 0.35 * zone["chin"]
    flush = look["blush"] * (flush + 0.3 * zone["eyelids"] + 0.5 * zone["mouth_corner"] - 0.25 * zone["forehead"])
    flush = flush + look["mottling"] * (0.20 * blood[0] + 0.16 * blood[1] + 0.10 * blood[2])
    flush = flush + 1.1 * look["blusher"] * zone["cheek"] + 1.6 * zone["inner_corner"] + 1.2 * zone["water_line"]
    shade = look["shadow"] * (0.45 * zone["socket"] + 0.65 * zone["under_eye"]) + 0.3 * zone["mouth_corner"]
    tan = look["mottling"] * (0.28 * pigment[0] + 0.18 * pigment[1]) + 0.15 * zone["forehead"] - 0.12 * zone["neck"]
    tan = tan + 0.5 * look["shadow"] * (zone["socket"] + zone["under_eye"])
    tan = tan + look["melanin"] * (0.55 * zone["perioral"] + 0.4 * zone["socket"] - 0.35 * zone["cheek"])
    shade = shade + 2.6 * zone["nostril"] + 0.7 * zone["lash_line"] + 0.10 * blood[2] * look["mottling"]
    tone = skin_tone(look)
    redder, browner = log(skin_tone(look, blood=0.45) / tone), log(skin_tone(look, melanin=0.09) / tone)
    log_colour = flush[:, None] * redder + shade[:, None] * _SHADE + tan[:, None] * browner
    return _hair_shade(template, tone * exp(log_colour), zone, look)


def _hair_shade(
    template: SkinTemplate, colour: np.ndarray, zone: Mapping[str, np.ndarray], look: Mapping[str, float]
) -> np.ndarray:
    """Skin darkened by hair below and at the surface: the bluish beard shadow, the scalp under the hair."""
    hair = hair_colour(look)
    stubble = 0.40 * look["stubble"] * zone["beard"] * (1.0 - 0.7 * look["hair_grey"])
    colour = _mix(colour, 0.55 * colour * np.array([0.86, 0.96, 1.05]) + 0.45 * hair, stubble)
    depth = hair_inside(template.rest, hair_depth(template.rest, look["hair_recede"]), look)
    # The mesh is coarse up here: the shade begins inside the hairline, which texture and strands draw.
    inside = smooth_step(depth, 0.002, 0.016) * (1.0 - zone["ears"])
    shaded = 0.15 * colour + 0.85 * hair
    lighter = shaded.sum(axis=1) / colour.sum(axis=1)  # Grey stubble does not lighten dark skin.
    shaded = shaded / np.maximum(lighter, 1.0)[:, None]
    colour = _mix(colour, shaded, inside * _scalp_cover(look))
    # Little light comes through longer hair.
    return colour * (1.0 - 0.75 * min(1.0, look["hair_length_m"] / 0.015) * inside)[:, None]


def _scalp_cover(look: Mapping[str, float]) -> float:
    """How far the scalp takes on the colour of its hair: a fifth where shaved, less under light hair, which shines."""
    light = min(1.0, float(hair_colour(look).mean()) / 0.25)
    return (0.20 + 0.70 * min(1.0, look["hair_length_m"] / 0.005)) * (1.0 - 0.55 * light)


def _lips(skin: np.ndarray, zone: Mapping[str, np.ndarray], look: Mapping[str, float]) -> np.ndarray:
    """Thin skin that shows its blood; darker on the upper lip and towards the edge, where it holds more melanin."""
    melanin = look["melanin"] * (0.30 * look["lip_melanin"] - 0.24)
    natural = skin_tone(look, melanin=melanin, blood=0.65 + 0.9 * look["lip_colour"]) * (0.88, 0.88, 0.98)
    rim = skin_tone(look, melanin=melanin + 0.12, blood=0.45) * 0.9
    lips = _mix(np.broadcast_to(natural, skin.shape), rim, 0.65 * zone["lip_rim"])
    lips = lips * (1.0 - 0.18 * zone["upper_lip"])[:, None]
    return lips + (_rgb(look, "lipstick") - lips) * look["lip_paint"]


def displacement(template: SkinTemplate, look: Mapping[str, float]) -> np.ndarray:
    """Relief of the skin, along the normal: unevenness that is finer than any slider, the same on no two people.

    Returns:
        (V,) float32 metres, for the vertices of `template`; the same for every expression.
    """
    zone = _zones(template)
    relief = _personal_noise(template, look, 12)
    smooth = (1.0 - zone["lips"]) * (1.0 - zone["eyelids"]) * (1.0 - zone["mouth"])
    skin = look["mottling"] * (1.2e-4 * relief[0] + 0.5e-4 * relief[1])
    form = (
        2.8e-4
        * look["unevenness"]
        * _personal_noise(template, look, 13)[0]
        * (1.0 - zone["neck"])
        * (1.0 - zone["ears"])
    )
    return (smooth * (skin + form)).astype(np.float32)


def materials(texture: np.ndarray | None = None, relief: np.ndarray | None = None) -> dict[str, Material]:
    """Materials of the embedded head by name; eyes and hair bring their own.

    Args:
        texture: of the skin, from `skin_texture`; None leaves the skin without its fine detail.
        relief: from `skin_relief`; None leaves it smooth.
    """
    oil = 0.25 if relief is None else 1.0  # The map has the share.
    table = (
        Material("skin", 0.52, 0.028, 1.0, texture, relief, oil, oil_roughness=0.33),
        Material("lips", 0.50, 0.028, 1.0, texture, relief, oil, oil_roughness=0.27),
        Material("mouth", roughness=0.35, specular=0.028, subsurface=0.6),
        Material("teeth", roughness=0.40, specular=0.045, subsurface=0.5, oil=0.5, oil_roughness=0.12),
        Material("tongue", roughness=0.45, specular=0.028, subsurface=0.7, oil=0.4, oil_roughness=0.2),
        Material("lashes", roughness=0.6, specular=0.02),
    )
    return {material.name: material for material in table}
