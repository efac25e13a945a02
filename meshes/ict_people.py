"""ICT people with real skins: shape from 100 modes, skin from VALID faces, recombined by region and re-toned.

People of one split share skins with each other and with nobody else (`pool_of`).
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from meshes.appearance import hair_colour, sample_look, skin_texture, skin_tone
from meshes.atlas import SHAPE
from meshes.hair import hair_inside
from meshes.head import PLAIN, Asset, Identity, MeshError, Style
from meshes.ict import Ict, Person
from meshes.ict_layout import Layout
from meshes.ict_scan_skin import scan_asset
from meshes.ict_skin_table import ALL_SKINS, SCAN_SKIN, SkinSource
from meshes.ict_skins import Skin, Skins
from meshes.noise import smooth_step
from meshes.skin_chart import texel_points, texel_values
from meshes.skin_regions import SkinTemplate, hair_depth
from meshes.srgb import LINEAR_OF_CODE, encode
from meshes.valid import pack
from meshes.valid.clusters import POOLS
from meshes.wear.wardrobe import wardrobe_assets

REGIONS = ("eyes", "middle", "mouth")
"""Bands of the face, from the top; each shows mostly one of a person's two skins."""

_EDGES_M = (-0.014, -0.048)
_BLEND_M = 0.008
"""Heights between the bands, on the canonical head, and half the width over which one becomes the other."""

_DEVIATION = 1.0
"""Of shape coefficients, as upstream draws them."""

_POOL_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
_MELANIN_SHIFT = 0.07
_IN_THE_SKIN = dict.fromkeys(("brow_density", "stubble", "lip_paint", "eye_shadow", "eye_liner", "blusher"), 0.0)
"""What photographs show is not painted again."""

_OWN_HUE = 0.6
"""Photographs differ from physics by their light and camera, but also by what makes a complexion."""

_NEAR = 0.3
"""Most difference of melanin between two skins of one person: lips and brows do not follow the tone of the rest."""

_BROW_X_M = 0.032

_SECOND = 0.65
"""Of how many people the skin is recombined from two."""


class IctPeople(Ict):
    """The ICT model whose people wear real skins.

    Identity.look holds, besides what `meshes.look.sample_look` gives: skin_a and skin_b, rows of ALL_SKINS;
    skin_eyes, skin_middle and skin_mouth, the share of skin_a in each band of the face; skin_brow_gain,
    skin_brow_lift_m and skin_brow_tilt, how the photographed brows were made a person's own.

    Args:
        path: of ICT-FaceKit, see `Ict`.
        valid: the VALID pack.
        scan: the pack of Lee Perry-Smith's scan (CC BY 3.0), whose skin men of "train" may then have as well.
    """

    def __init__(self, path: Path | str, valid: Path, scan: Path | None = None):
        super().__init__(path)
        self._skins = Skins(self, valid, scan)
        self._pools = POOLS if scan is None else {**POOLS, "train": (*POOLS["train"], SCAN_SKIN)}
        self._valid_asset = pack.asset(valid)
        self.assets = (*self.assets, self._valid_asset, *((scan_asset(),) if scan else ()))

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """Shape coefficients ~ N(0, 1); a skin, often recombined with another of its pool, and hair to match."""
        coefficients = _DEVIATION * rng.standard_normal(len(self.modes_cm))
        first = int(rng.choice(self._pools[str(rng.choice(list(_POOL_SHARES), p=list(_POOL_SHARES.values())))]))
        source = ALL_SKINS[first]
        look = sample_look(
            rng,
            gender=source.gender,
            age=float(rng.uniform(0.4, 0.7)),
            african=source.african,
            asian=source.asian,
            caucasian=source.caucasian,
        )
        look = {**look, **_own_skin(rng, source), **_recombined(rng, first, self._pools), **_own_brows(rng)}
        return Identity({name: float(c) for name, c in zip(self.modes_cm, coefficients, strict=True)}, look)

    def pool_of(self, identity: Identity) -> str | None:
        """The split that both skins of a person belong to; None for a painted one."""
        return pool_of(int(identity.look["skin_a"])) if "skin_a" in identity.look else None

    def name_of(self, identity: Identity) -> str | None:
        """None: no two of these people are the same."""
        return None

    def assets_of(self, identity: Identity, style: Style = PLAIN) -> tuple[Asset, ...]:
        """What one person is made of: VALID and the scan where a skin is from there, the wardrobe where it is worn."""
        skins = {int(identity.look[name]) for name in ("skin_a", "skin_b") if name in identity.look}
        valid = (self._valid_asset,) if skins - {SCAN_SKIN} else ()
        scan = (scan_asset(),) if SCAN_SKIN in skins else ()
        return (self.assets[0], *valid, *scan, *wardrobe_assets(style))

    def _make_person(self, shape: tuple[tuple[str, float], ...], look: tuple[tuple[str, float], ...]) -> Person:
        worn = dict(look)
        if "skin_a" not in worn:
            return super()._make_person(shape, look)
        first, second = (self._skins.skin(_row(worn[name])) for name in ("skin_a", "skin_b"))
        return self.person(self.neutral(dict(shape)), worn, worn_skin(self.layout, first, second, worn))


def pool_of(skin: int) -> str:
    """The pool that a row of ALL_SKINS belongs to: of its VALID cluster; the scan is for training."""
    if skin == SCAN_SKIN:
        return "train"
    return next(pool for pool, clusters in POOLS.items() if skin in clusters)


def _row(number: float) -> int:
    if not 0 <= number < len(ALL_SKINS) or number != int(number):
        raise MeshError(
            f"identity look: expected skins 0 to {len(ALL_SKINS) - 1}, got {number!r}. Draw the identity anew."
        )
    return int(number)


def _own_skin(rng: np.random.Generator, source: SkinSource) -> dict[str, float]:
    """Melanin and hair near those of the face; brows, stubble and make-up are in its skin already."""
    look = {"melanin": float(np.clip(source.melanin + rng.normal(0.0, _MELANIN_SHIFT), 0.0, 1.0)), **_IN_THE_SKIN}
    if source.hair is None:
        return look
    colour = np.array(source.hair) * rng.uniform(0.8, 1.25)
    return look | dict(zip(("hair_red", "hair_green", "hair_blue"), map(float, colour), strict=True))


def _recombined(rng: np.random.Generator, first: int, pools: Mapping[str, tuple[int, ...]]) -> dict[str, float]:
    """A second skin of the same pool and about the same tone, and the band it shows in; none of it for some people."""
    own = ALL_SKINS[first]
    near = [k for k in pools[pool_of(first)] if k != first and abs(ALL_SKINS[k].melanin - own.melanin) < _NEAR]
    pool = [k for k in near if k != SCAN_SKIN or own.gender == ALL_SKINS[k].gender]  # A man's stubble is in the scan.
    mates = [k for k in pool if ALL_SKINS[k].gender == own.gender] or pool
    use = bool(mates) and rng.random() < _SECOND
    second = int(rng.choice(mates or [first]))
    shares = rng.uniform(0.9, 1.15, len(REGIONS))  # Past 1 the first skin is drawn away from the second.
    swapped = int(rng.integers(len(REGIONS)))
    shares[swapped] = rng.uniform(-0.1, 0.1)
    shares = shares if use else np.ones(len(REGIONS))
    named = {f"skin_{name}": float(share) for name, share in zip(REGIONS, shares, strict=True)}
    return {"skin_a": float(first), "skin_b": float(second if use else first), **named}


def _own_brows(rng: np.random.Generator) -> dict[str, float]:
    """Strength, height and slant: what sets most people apart is about the eyes."""
    return {
        "skin_brow_gain": float(rng.uniform(0.6, 1.3)),
        "skin_brow_lift_m": float(np.clip(rng.normal(0.0, 0.0015), -0.0025, 0.0035)),
        "skin_brow_tilt": float(np.clip(rng.normal(0.0, 0.06), -0.12, 0.12)),
    }


def worn_skin(layout: Layout, first: Skin, second: Skin, look: Mapping[str, float]) -> np.ndarray:
    """(1408, 744, 3) uint8 sRGB albedo of one person: two skins recombined, re-toned, with fine detail and roots.

    Args:
        layout: of the model.
        first, second: the skins.
        look: see `IctPeople`.
    """
    albedo = LINEAR_OF_CODE[first.albedo]
    if second is not first:
        share = _share_of_first(layout, look)[..., None]
        matched = LINEAR_OF_CODE[second.albedo] * (first.tone / second.tone).astype(np.float32)
        albedo = matched + share * (albedo - matched)
    albedo = _with_brows(layout, albedo, first.tone, look)
    toned = albedo * (_tone(first, look) / first.tone).astype(np.float32)
    shaded = toned * scalp_shade(layout, look)[..., None]
    detail = skin_texture(layout.template, look, skin_tone(look), hair_colour(look))
    return encode(shaded * LINEAR_OF_CODE[detail])[_nearest_skin(layout.template)]


@lru_cache(maxsize=2)
def _nearest_skin(template: SkinTemplate) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, (1408, 744) each, of the nearest texel of skin: what lookups across a seam should find."""
    empty = np.isnan(texel_points(template)[..., 0])
    row, column = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    return row, column


def _with_brows(layout: Layout, albedo: np.ndarray, tone: np.ndarray, look: Mapping[str, float]) -> np.ndarray:
    """(1408, 744, 3) float32: brows lifted, slanted (metres up a metre outwards), and stronger or fainter."""
    points = np.nan_to_num(texel_points(layout.template), nan=-1.0)
    x, y, z = np.moveaxis(points, 2, 0)
    window = (
        smooth_step(y, 0.0, 0.008) * smooth_step(y, 0.036, 0.026) * smooth_step(np.abs(x), 0.066, 0.056) * (z > -0.03)
    )
    rows, columns = (slice(at.min(), at.max() + 1) for at in np.nonzero(window))
    window, part = window[rows, columns], albedo[rows, columns]
    lift_m = look["skin_brow_lift_m"] + look["skin_brow_tilt"] * (np.abs(x[rows, columns]) - _BROW_X_M)
    metres_a_row = np.median(np.diff(y[rows, columns], axis=0)[window[1:] > 0.5])
    row, column = np.indices(window.shape)
    from_row = row - window * lift_m / metres_a_row
    moved = [ndimage.map_coordinates(part[..., k], [from_row, column], order=1, mode="nearest") for k in range(3)]
    gain = 1.0 + (look["skin_brow_gain"] - 1.0) * window[..., None]
    own = tone * (np.maximum(np.stack(moved, axis=2), 1e-3) / tone) ** gain
    changed = albedo.copy()
    changed[rows, columns] = own
    return changed


def _tone(skin: Skin, look: Mapping[str, float]) -> np.ndarray:
    """(3,) linear: the tone the look asks for, with most of the photographed skin's own hue."""
    own = {**look, "melanin": ALL_SKINS[_row(look["skin_a"])].melanin, "redness": 0.7, "undertone": 0.0}
    return skin_tone(look) * (skin.tone / skin_tone(own)) ** _OWN_HUE


def _share_of_first(layout: Layout, look: Mapping[str, float]) -> np.ndarray:
    """(1408, 744) float32 in [0, 1], from the shares of the bands."""
    eyes, middle, mouth = (look[f"skin_{name}"] for name in REGIONS)
    y = np.nan_to_num(texel_points(layout.template)[..., 1], nan=-1.0)
    above, below = (smooth_step(y, edge - _BLEND_M, edge + _BLEND_M) for edge in _EDGES_M)
    return (mouth + (middle - mouth) * below + (eyes - middle) * above).astype(np.float32)


def scalp_shade(layout: Layout, look: Mapping[str, float]) -> np.ndarray:
    """(1408, 744) float32: how much of the scalp's light the roots of the hair leave."""
    points = np.nan_to_num(texel_points(layout.template).reshape(-1, 3), nan=-1.0)
    inside = hair_inside(points, hair_depth(points, look["hair_recede"]), look).reshape(SHAPE)
    ratio = float(np.clip(hair_colour(look).mean() / skin_tone(look).mean(), 0.1, 1.0))
    cover = 0.15 + 0.75 * min(1.0, look["hair_length_m"] / 0.005)
    ears = texel_values(layout.template, layout.template.masks["ears"])
    shade = 1.0 - cover * (1.0 - ratio) * smooth_step(inside, 0.002, 0.016) * (1.0 - ears)
    return shade.astype(np.float32)[_nearest_skin(layout.template)]
