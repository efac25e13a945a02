"""The colours of one VALID avatar: the head at full size, clothes, teeth and wig at half.

Decoded apart from the geometry, so that a donor of skin costs no meshes.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from meshes.gltf import Glb
from meshes.head import MeshError
from meshes.valid.pack import open_glb
from meshes.valid.srgb import decoded
from meshes.valid.template import ATLAS_TEXELS, HEAD_TEXELS

BODY_TEXELS = ATLAS_TEXELS // 2
"""Side of the reduced atlas that clothes, teeth and wigs are seen in."""

_CHEEKS = (slice(470, 560, 3), slice(430, 900, 3))
"""Cheeks and nose: where a skin's tone is measured."""

_IRIS = (slice(130, 144), slice(1030, 1050))
"""Part of the left iris below its painted highlight; the same place in every atlas."""


@dataclass(frozen=True, eq=False)
class Textures:
    """Albedo maps, sRGB, row 0 is v = 0.

    Attributes:
        name: of the avatar.
        skin: (1256, 1332, 3) uint8: the atlas's corner with head, ears and eyes at full size.
        body: (1024, 1024, 3) uint8: the whole atlas, halved.
        wig: (1024, 1024, 3) uint8, or None where the hair is part of the head.
    """

    name: str
    skin: np.ndarray
    body: np.ndarray
    wig: np.ndarray | None

    @cached_property
    def tone(self) -> np.ndarray:
        """(3,) float64 linear: the middle colour of cheeks and nose."""
        return np.median(decoded(self.skin[_CHEEKS]).reshape(-1, 3), axis=0).astype(np.float64)

    @cached_property
    def iris(self) -> np.ndarray:
        """(3,) float64 linear: the colour of the painted iris."""
        return decoded(self.skin[_IRIS]).reshape(-1, 3).mean(axis=0).astype(np.float64)


@lru_cache(maxsize=6)
def read_textures(pack: Path, name: str) -> Textures:
    """The textures of an avatar; the last few are kept.

    Raises:
        MeshError: no such avatar, or its file is damaged or is no VALID avatar.
    """
    glb = open_glb(pack, name)
    atlas = _atlas(glb, glb.material_of("H_DDS_HighRes"))
    width, height = HEAD_TEXELS
    has_wig = "h_wig" in glb.mesh_names()
    return Textures(
        name=name,
        skin=np.ascontiguousarray(atlas[:height, :width]),
        body=_halved(atlas),
        wig=_halved(_atlas(glb, glb.material_of("h_wig"))) if has_wig else None,
    )


def _atlas(glb: Glb, material: int) -> np.ndarray:
    image = glb.base_colour(material)
    if image is None or image.shape[:2] != (ATLAS_TEXELS, ATLAS_TEXELS):
        raise MeshError(
            f"{glb.name}: expected a texture of {ATLAS_TEXELS} x {ATLAS_TEXELS} texels, got "
            f"{None if image is None else image.shape[:2]}. Pass avatars of c-frame/valid-avatars-glb."
        )
    return image


def _halved(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).reduce(2))
