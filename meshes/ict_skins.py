"""Real skins for ICT people: the albedo of 16 VALID faces and of one scan, carried to ICT's atlas by registration.

A skin is made when it is first needed, in some seconds, and kept in the cache by what it was made from.
"""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from meshes.appearance import paint
from meshes.assets.store import cache_folder, placing
from meshes.atlas import SHAPE
from meshes.elementary import exp, log
from meshes.head import MeshError
from meshes.ict import Ict, average_look
from meshes.ict_scan_skin import open_scan, photograph_scan
from meshes.ict_skin_table import ALL_SKINS, SCAN_SKIN, SKINS, SkinSource
from meshes.noise import smooth_step
from meshes.normals import vertex_normals
from meshes.register.bake import Photograph, complete, photograph, skin_faces
from meshes.register.fit import Basis, Fit, fit_model
from meshes.register.person import start
from meshes.register.target import target
from meshes.register.texels import draw_atlas
from meshes.register.warp import warp
from meshes.skin_chart import texel_points
from meshes.skin_regions import hair_depth
from meshes.surface import Material, Surface
from meshes.valid.avatar import Avatar, read_avatar
from meshes.valid.pack import members
from meshes.valid.template import ATLAS_TEXELS, HEAD_TEXELS, ISLANDS

METHOD = 5
"""Counts changes of what the skins look like; those in the cache are made anew after one."""

_HEAD = tuple(ISLANDS.index(name) for name in ("head", "ear_left", "ear_right", "torso"))
_LID_REACH_M = 0.014
_EYE_M = (0.031, 0.0, 0.012)
_HAIRLINE_M = -0.010
"""Depth from where on the scalp a skin is not believed: there upstream paints hair."""

_COLLAR_M, _NECK_M = -0.150, -0.128
_UNLIKE = 0.45
"""Of natural logarithms of colour: what differs more from the face is hair, cloth or shadow where skin should be."""

_MARGIN_TEXELS = 7
_GLOSS = 0.8
_NECK_SHADE = 0.9


@dataclass(frozen=True, eq=False)
class Skin:
    """One skin.

    Attributes:
        albedo: (1408, 744, 3) uint8 sRGB on ICT's atlas, without hair on the scalp.
        tone: (3,) float64 linear: its median over cheeks and nose.
        hair: (3,) float64 linear: of the hair that was painted on the scalp; `tone` where none was.
    """

    albedo: np.ndarray
    tone: np.ndarray
    hair: np.ndarray


class Skins:
    """The skins that the assets of this machine allow.

    Args:
        ict: the model whose atlas they are for.
        valid: the VALID pack.
        scan: the pack of Lee Perry-Smith's scan, for SCAN_SKIN; None where nobody wears it.
    """

    def __init__(self, ict: Ict, valid: Path, scan: Path | None = None):
        self._ict, self._valid, self._scan = ict, valid, scan
        self._basis = lru_cache(maxsize=1)(lambda: Basis(ict))
        self._texels = lru_cache(maxsize=1)(lambda: draw_atlas(ict.layout.template.uv, skin_faces(ict.layout), SHAPE))
        self.skin = lru_cache(maxsize=len(ALL_SKINS))(self._skin)

    def _skin(self, number: int) -> Skin:
        """The skin of a row of ALL_SKINS; read from the cache or made."""
        path = cache_folder() / "ict-skins" / f"{ALL_SKINS[number].name}-{self._key(number)}.npz"
        kept = _read(path)
        if kept is None:
            kept = self._made(ALL_SKINS[number])
            with placing(path) as stream:
                np.savez_compressed(stream, albedo=kept.albedo, tone=kept.tone, hair=kept.hair)
        return kept

    def _key(self, number: int) -> str:
        parts = (METHOD, self._ict.assets[0].sha256, self._origin(number))
        return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()

    def _origin(self, number: int) -> tuple[int, int]:
        """Size and checksum of the file a skin comes from."""
        if number != SCAN_SKIN:
            return _fingerprint(self._valid, SKINS[number].name)
        data = self._scan_pack().read_bytes()
        return len(data), zlib.crc32(data)

    def _scan_pack(self) -> Path:
        if self._scan is None:
            raise MeshError(
                f"identity look: expected skins 0 to {len(SKINS) - 1}, got {SCAN_SKIN}, which is under CC BY 3.0. "
                "Say --heads ict:ccby to use it."
            )
        return self._scan

    def _made(self, source: SkinSource) -> Skin:
        layout = self._ict.layout
        points = texel_points(layout.template)
        photo = self._scanned() if source is ALL_SKINS[SCAN_SKIN] else self._photographed(source, points)
        tone = _tone(photo, points)
        photo = _without_gloss(photo, tone, source.melanin)
        hair = _scalp_colour(photo, points, tone)
        photo = _even_neck(photo, points, tone)
        believed = Photograph(photo.colour, photo.seen & ~_no_skin(photo, points, tone))
        inside = paint(layout.template, average_look()).astype(np.float64)
        return Skin(complete(layout, self._texels(), believed, inside), tone, hair)

    def _scanned(self) -> Photograph:
        return photograph_scan(self._basis(), self._texels(), open_scan(self._scan_pack()))

    def _photographed(self, source: SkinSource, points: np.ndarray) -> Photograph:
        """A VALID face's colour on the atlas: its lids from shut eyes, the rest from open ones."""
        avatar = read_avatar(source.name, self._valid)
        fit = self._fit(avatar)
        opened = self._photograph(avatar, fit, points[..., 1] > _COLLAR_M, shut=False)
        lids = self._photograph(avatar, replace(fit, blink=1.0), _lid_share(points) > 0.0, shut=True)
        return _with_lids(opened, lids, points)

    def _fit(self, avatar: Avatar) -> Fit:
        surface = avatar_surface(avatar)
        basis = self._basis()
        return fit_model(basis, target(surface.vertices, surface.faces), start(basis, self._ict))

    def _photograph(self, avatar: Avatar, fit: Fit, wanted: np.ndarray, *, shut: bool) -> Photograph:
        """The avatar's colour on the atlas, with eyes open or shut on both."""
        basis, surface = self._basis(), avatar_surface(avatar, shut=shut)
        scan = target(surface.vertices, surface.faces)
        shell = warp(basis, scan, fit)
        normals = basis.normals(shell)
        return photograph(self._ict.layout, self._texels(), shell, normals, scan, surface, wanted)


def _fingerprint(pack: Path, name: str) -> tuple[int, int]:
    """Size and checksum of an avatar's file, in a zip or a folder."""
    file = members(pack)[name]
    if pack.is_dir():
        data = (pack / file).read_bytes()
        return len(data), zlib.crc32(data)
    with zipfile.ZipFile(pack) as archive:
        info = archive.getinfo(file)
        return info.file_size, info.CRC


def avatar_surface(avatar: Avatar, *, shut: bool = False) -> Surface:
    """Head and neck of a VALID avatar with the full-size skin, eyes open or shut."""
    fixed, points = avatar.template, avatar.points.copy()
    for name in ("LeyeClose", "ReyeClose") if shut else ():
        rows, offsets = avatar.morphs[name]
        points[rows] += offsets
    faces = fixed.triangles[np.isin(fixed.island, _HEAD)[fixed.triangles].all(axis=1)]
    width, height = HEAD_TEXELS
    uv = fixed.uv * ATLAS_TEXELS / np.array([width, height])
    faces = faces[(uv[faces] <= 1.0).all(axis=(1, 2))]
    return Surface(
        vertices=points,
        faces=faces,
        normals=vertex_normals(points, faces, fixed.point).astype(np.float32),
        uv=(uv * [1.0, -1.0] + [0.0, 1.0]).astype(np.float32),
        color=np.ones((len(points), 3), np.float32),
        part=np.ones(len(faces), np.uint8),
        material=np.zeros(len(faces), np.uint8),
        materials=(Material("skin", texture=avatar.skin),),
        cutout=np.full(len(faces), -1, np.int32),
    )


def _with_lids(opened: Photograph, shut: Photograph, points: np.ndarray) -> Photograph:
    """Lids are photographed shut, when nothing of them is folded away; they meet the rest smoothly."""
    share = (_lid_share(points) * shut.seen)[..., None].astype(np.float32)
    return Photograph(opened.colour + share * (shut.colour - opened.colour), opened.seen | (share[..., 0] > 0.5))


def _lid_share(points: np.ndarray) -> np.ndarray:
    """(h, w) 1 on the lids, 0 past _LID_REACH_M from the middle of an eye."""
    across = np.abs(points[..., 0]) - _EYE_M[0]
    away = np.sqrt(np.square(across) + np.square(points[..., 1]) + np.square(0.35 * (points[..., 2] - _EYE_M[2])))
    return np.nan_to_num(np.clip((_LID_REACH_M - away) / 0.003, 0.0, 1.0))


def _log(colour: np.ndarray) -> np.ndarray:
    return log(np.maximum(colour, 0.004))


def _tone(photo: Photograph, points: np.ndarray) -> np.ndarray:
    """(3,) linear: of the face from forehead to lips; a median, so that brows and eyes do not count."""
    x, y, z = np.moveaxis(points, 2, 0)
    with np.errstate(invalid="ignore"):
        middle = photo.seen & (np.abs(x) < 0.055) & (y > -0.060) & (y < 0.048) & (z > 0.0)
    return exp(np.median(_log(photo.colour[middle]), axis=0)).astype(np.float64)


def _even_neck(photo: Photograph, points: np.ndarray, tone: np.ndarray) -> Photograph:
    """Brings the neck near the tone of the face: upstream's studio lit it in another colour."""
    y = np.nan_to_num(points[..., 1], nan=0.0)
    neck = photo.seen & (y < -0.115) & (y > _COLLAR_M)
    unlike = np.abs(_log(photo.colour) - _log(tone)).max(axis=2) > 2.0 * _UNLIKE
    if (neck & ~unlike).sum() < 1_000:
        return photo
    own = exp(np.median(_log(photo.colour[neck & ~unlike]), axis=0))
    share = smooth_step(y, -0.080, -0.120)[..., None]
    return Photograph((photo.colour * (_NECK_SHADE * tone / own) ** share).astype(np.float32), photo.seen)


def _without_gloss(photo: Photograph, tone: np.ndarray, melanin: float) -> Photograph:
    """Takes the white that was painted onto dark skins off again: studio lights on brows, lips and cheeks.

    A colour is k * tone + s * white; s is what its blue has too much for its red.
    """
    red, blue = photo.colour[..., 0], photo.colour[..., 2]
    white = (blue * tone[0] - red * tone[2]) / (tone[0] - tone[2])
    off = _GLOSS * float(smooth_step(np.array(melanin), 0.5, 0.8)) * np.clip(white, 0.0, photo.colour.min(axis=2))
    return Photograph((photo.colour - off[..., None]).astype(np.float32), photo.seen)


def _scalp_colour(photo: Photograph, points: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """(3,) linear: of what is painted well inside the hairline."""
    inside = photo.seen & (np.nan_to_num(hair_depth(points.reshape(-1, 3)), nan=-1.0).reshape(SHAPE) > 0.012)
    if inside.sum() < 5_000:
        return tone
    return exp(np.median(_log(photo.colour[inside]), axis=0)).astype(np.float64)


def _no_skin(photo: Photograph, points: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """(h, w) bool: hair on scalp, forehead and temples, and cloth; brows and beards stay."""
    x, y, z = np.moveaxis(np.nan_to_num(points, nan=-1.0), 2, 0)
    depth = hair_depth(np.nan_to_num(points, nan=-1.0).reshape(-1, 3)).reshape(SHAPE)
    unlike = np.abs(_log(photo.colour) - _log(tone)).max(axis=2) > _UNLIKE
    brows = (np.abs(x) < 0.062) & (y < 0.027) & (z > -0.02)
    upper = (y > -0.01) & (z < 0.07) & ~brows & (depth > -0.05)
    aside = (np.abs(x) > 0.052) & (z < 0.0) & (y > -0.035)
    nape = (z < -0.05) & (y > -0.14) & (np.abs(x) < 0.062)
    cloth = y < _NECK_M
    stray = ndimage.binary_dilation(unlike & (upper | aside | nape | cloth), iterations=_MARGIN_TEXELS)
    return (depth > _HAIRLINE_M) | (y < _COLLAR_M) | (stray & (upper | aside | nape | cloth))


def _read(path: Path) -> Skin | None:
    """A kept skin, or None where there is none or it was damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as pack:
            skin = Skin(pack["albedo"], pack["tone"], pack["hair"])
    except Exception:  # Whatever is wrong with a file of the cache, it is made again.
        return None
    fits = skin.albedo.shape == (*SHAPE, 3) and skin.albedo.dtype == np.uint8 and skin.tone.shape == (3,)
    return skin if fits else None
