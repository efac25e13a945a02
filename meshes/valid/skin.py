"""Puts the face of one VALID skin on the head of another person: tones matched, hair and clothes left alone.

What lies inside a soft outline from brow to jaw is the new face; hairline, ears and neck stay and change tone with it.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from meshes.noise import smooth_step
from meshes.valid.avatar import BODY_TEXELS, Avatar
from meshes.valid.layout import AXIS
from meshes.valid.template import HEAD_TEXELS

Skins = tuple[tuple[Avatar, float], ...]
"""Donors of a face and their shares, which sum to 1."""

_OUTLINE = [(667, 262), (530, 268), (440, 322), (398, 400), (388, 560), (398, 700), (440, 815), (530, 890), (667, 920)]
"""Half of the face's outline in texels: within every donor's hairline."""
_SOFT_TEXELS = 22.0
_SKIN_CORE = (slice(470, 560), slice(430, 900))
"""Cheeks and nose: where a skin's tone is measured."""

_BODY_SKIN = ((0.82, 0.455, 1.0, 1.0), (0.59, 0.24, 0.87, 0.40), (0.0, 0.80, 0.235, 1.0))
"""Left, top, right and bottom of the atlas's parts where a body may show skin: chest and arms."""


def head_texture(skins: Skins, owner: Avatar, tone: np.ndarray) -> np.ndarray:
    """Albedo of a head.

    Args:
        skins: whose face it gets; one donor, or several of which the first should lead.
        owner: whose hair, ears and neck it keeps.
        tone: (3,) factors of the linear colour.

    Returns:
        (1256, 1332, 3) uint8 sRGB, row 0 is v = 0.
    """
    if _as_shipped(skins, owner, tone):
        return owner.skin
    target = target_tone(skins, tone)
    face = sum(share * decoded(donor.skin) * (target / mean_tone(donor)).astype(np.float32) for donor, share in skins)
    rest = _toned(decoded(owner.skin), mean_tone(owner), target)
    mask = _face_mask()[:, :, None]
    return encoded(rest + mask * (face - rest))


def body_texture(skins: Skins, owner: Avatar, tone: np.ndarray) -> np.ndarray:
    """(1024, 1024, 3) uint8 sRGB: the owner's reduced atlas, its bare skin in the tone of the face."""
    if _as_shipped(skins, owner, tone):
        return owner.body
    body = owner.body.copy()
    for box in _BODY_SKIN:
        left, top, right, bottom = (int(BODY_TEXELS * edge) for edge in box)
        part = body[top:bottom, left:right]
        part[:] = encoded(_toned(decoded(part), mean_tone(owner), target_tone(skins, tone)))
    return body


def mean_tone(avatar: Avatar) -> np.ndarray:
    """(3,) float64 linear: the middle colour of an avatar's cheeks and nose."""
    return np.median(decoded(avatar.skin[_SKIN_CORE][::3, ::3]).reshape(-1, 3), axis=0).astype(np.float64)


def target_tone(skins: Skins, tone: np.ndarray) -> np.ndarray:
    """(3,) float64 linear: the geometric mean of the donors' tones, times `tone`."""
    return np.exp(sum(share * np.log(mean_tone(donor)) for donor, share in skins)) * tone


def iris_colour(avatar: Avatar) -> np.ndarray:
    """(3,) float64 linear: the middle of the painted iris below its painted highlight."""
    uv = avatar.pieces["h_L_eye"].uv
    column, row = (uv.min(axis=0) + uv.max(axis=0)) / 2 * 2048
    ring = avatar.skin[int(row) + 12 : int(row) + 26, int(column) - 14 : int(column) + 6]
    return decoded(ring).reshape(-1, 3).mean(axis=0).astype(np.float64)


def _as_shipped(skins: Skins, owner: Avatar, tone: np.ndarray) -> bool:
    return len(skins) == 1 and skins[0][0].name == owner.name and bool((tone == 1.0).all())


def _toned(linear: np.ndarray, own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Skin moved from its own tone to the target's; what is no skin, by lightness and hue, stays."""
    lightness = linear @ np.full(3, 1 / 3, np.float32) / np.float32(own.mean())
    log = np.log(np.maximum(linear, 1e-3)) - np.log(own).astype(np.float32)
    hue = np.hypot(log[..., 0] - log[..., 1], log[..., 2] - log[..., 1])
    skin = smooth_step(lightness, 0.12, 0.40) * smooth_step(hue, 0.65, 0.35)
    return linear * (1.0 + skin[..., None] * (target / own - 1.0)).astype(np.float32)


@lru_cache(maxsize=1)
def _face_mask() -> np.ndarray:
    """(1256, 1332) float32: 1 inside the outline, fading over some 40 texels to 0."""
    width, height = HEAD_TEXELS
    half = _OUTLINE + [(2 * AXIS - column, row) for column, row in _OUTLINE[::-1]]
    small = Image.new("L", (width // 4, height // 4))
    ImageDraw.Draw(small).polygon([(column / 4, row / 4) for column, row in half], fill=255)
    soft = gaussian_filter(np.asarray(small, np.float32) / 255.0, _SOFT_TEXELS / 4)
    return np.asarray(Image.fromarray(soft).resize((width, height), Image.Resampling.BILINEAR))


@lru_cache(maxsize=1)
def _linear_of_code() -> np.ndarray:
    s = np.arange(256) / 255.0
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


@lru_cache(maxsize=1)
def _code_of_linear() -> np.ndarray:
    x = np.arange(65536) / 65535.0
    return np.rint(255.0 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)


def decoded(srgb: np.ndarray) -> np.ndarray:
    """float32 linear light of uint8 sRGB (IEC 61966-2-1)."""
    return _linear_of_code()[srgb]


def encoded(linear: np.ndarray) -> np.ndarray:
    """uint8 sRGB of linear light, clipped to [0, 1]."""
    return _code_of_linear()[(np.clip(linear, 0.0, 1.0) * np.float32(65535.0) + np.float32(0.5)).astype(np.uint16)]
