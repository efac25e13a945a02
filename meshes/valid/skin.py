"""Puts the face of one VALID skin on the head of another person: tones matched, hair and clothes left alone.

What lies inside a soft outline from brow to jaw is the new face; hairline, ears and neck stay and change tone with it.
"""

from functools import lru_cache

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from meshes.elementary import exp, hypot, log
from meshes.noise import smooth_step
from meshes.valid.outline import soft_outline
from meshes.valid.srgb import decoded, encoded
from meshes.valid.textures import BODY_TEXELS, Textures

Skins = tuple[tuple[Textures, float], ...]
"""Donors of a face and their shares, which sum to 1."""

_OUTLINE = [(667, 262), (530, 268), (440, 322), (398, 400), (388, 560), (398, 700), (440, 815), (530, 890), (667, 920)]
"""Half of the face's outline in texels: within every donor's hairline."""
_SOFT_TEXELS = 22.0
_FACE = (slice(180, 1000), slice(310, 1024))
"""Rows and columns around that outline."""

_BODY_SKIN = ((0.82, 0.455, 1.0, 1.0), (0.59, 0.24, 0.87, 0.40), (0.0, 0.80, 0.235, 1.0))
"""Left, top, right and bottom of the atlas's parts where a body may show skin: chest and arms."""


def head_texture(skins: Skins, owner: Textures, tone: np.ndarray) -> np.ndarray:
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
    head = _toned(owner.skin, owner.tone, target)
    face = np.zeros_like(head[_FACE])
    for donor, share in skins:
        face += decoded(donor.skin[_FACE]) * (share * target / donor.tone).astype(np.float32)
    head[_FACE] += _face_mask()[_FACE][:, :, None] * (face - head[_FACE])
    return encoded(head)


def body_texture(skins: Skins, owner: Textures, tone: np.ndarray) -> np.ndarray:
    """(1024, 1024, 3) uint8 sRGB: the owner's reduced atlas, its bare skin in the tone of the face."""
    if _as_shipped(skins, owner, tone):
        return owner.body
    body = owner.body.copy()
    for box in _BODY_SKIN:
        left, top, right, bottom = (int(BODY_TEXELS * edge) for edge in box)
        part = body[top:bottom, left:right]
        part[:] = encoded(_toned(part, owner.tone, target_tone(skins, tone)))
    return body


def target_tone(skins: Skins, tone: np.ndarray) -> np.ndarray:
    """(3,) float64 linear: the geometric mean of the donors' tones, times `tone`."""
    return exp(sum(share * log(donor.tone) for donor, share in skins)) * tone


def _as_shipped(skins: Skins, owner: Textures, tone: np.ndarray) -> bool:
    return len(skins) == 1 and skins[0][0].name == owner.name and bool((tone == 1.0).all())


def _toned(srgb: np.ndarray, own: np.ndarray, target: np.ndarray) -> np.ndarray:
    """float32 linear: skin moved from its own tone to the target's, the rest as it is."""
    return decoded(srgb) * (1.0 + _is_skin(srgb, own)[..., None] * (target / own - 1.0).astype(np.float32))


def _is_skin(srgb: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """(h, w) float32 in [0, 1]: how much like skin of this tone each place is, by lightness and hue.

    Judged on texels of 4 x 4, so that a glint in the hair is hair.
    """
    height, width = srgb.shape[:2]
    linear = decoded(np.asarray(Image.fromarray(srgb).reduce(4)))
    depth = log(np.maximum(linear, 1e-3)) - log(tone).astype(np.float32)
    hue = hypot(depth[..., 0] - depth[..., 1], depth[..., 2] - depth[..., 1])
    lightness = gaussian_filter(linear.sum(axis=-1) / np.float32(tone.sum()), 3.0)
    skin = smooth_step(lightness, 0.15, 0.45) * smooth_step(hue, 0.65, 0.35)
    return np.asarray(Image.fromarray(skin.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))


@lru_cache(maxsize=1)
def _face_mask() -> np.ndarray:
    return soft_outline(_OUTLINE, _SOFT_TEXELS)
