"""Triangles with what a renderer needs to know of them, and nothing about heads.

All points are metres in the head frame; colours are linear light with sRGB primaries.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from meshes.parts import FACIAL_HAIR


@dataclass(frozen=True, eq=False)
class Material:
    """How a set of faces answers light.

    Attributes:
        name: what it is, for people ("skin", "iris", "cornea").
        roughness: GGX-like perceptual roughness in [0, 1]; 0 is a mirror.
        specular: reflectance at normal incidence (F0); 0.028 for skin, 0.04 for most dielectrics.
        subsurface: in [0, 1], how far light bleeds under the surface (1 for skin, 0 for cloth).
        texture: (h, w, 3) uint8 sRGB albedo map or None; multiplied by the vertex colours. Row 0 is v = 1.
        relief: (h, w, 3) uint8 fine relief or None, for colour alone: rise per texel to the right and down, 2
            micrometres a code from 128, and the share of the narrow highlight, 255 for `oil`; as large as the texture
            where there is one. Row 0 is v = 1.
        oil: in [0, 1], share of the highlight that comes from a smoother film on top, as on oily or wet skin.
        oil_roughness: roughness of that film.
        clear: True for a transparent shell (cornea, tear film, lens): it adds a highlight to colour and
            is invisible to every label.
        fibre: True for strips that stand for round hairs: shaded by their vertex normals whichever side is seen, and
            too fine for one sample a pixel.
    """

    name: str
    roughness: float = 0.5
    specular: float = 0.04
    subsurface: float = 0.0
    texture: np.ndarray | None = None
    relief: np.ndarray | None = None
    oil: float = 0.0
    oil_roughness: float = 0.3
    clear: bool = False
    fibre: bool = False


@dataclass(frozen=True, eq=False)
class Surface:
    """A triangle mesh ready to be seen. One uv and one normal a vertex: seams are split vertices.

    Attributes:
        vertices: (V, 3) float64, metres, head frame.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        normals: (V, 3) float32, unit, outward; equal on both sides of a uv seam.
        uv: (V, 2) float32, v upwards.
        color: (V, 3) float32, linear albedo (times the material's texture where it has one).
        part: (F,) uint8, ids of `meshes.parts.PARTS`.
        material: (F,) uint8, index into `materials`.
        materials: the materials.
        cutout: (F,) int32, -1 or the index into `cutouts` of the alpha map that cuts this face.
        cutouts: (h, w) uint8 alpha maps; row 0 is v = 1. A hit is kept where the nearest texel >= 128.
        occluder_faces: (G, 3) int32 into `vertices`: a coarser set of faces with the same shape, used for soft
            shadows only; empty means `faces`.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    part: np.ndarray
    material: np.ndarray
    materials: tuple[Material, ...]
    cutout: np.ndarray
    cutouts: tuple[np.ndarray, ...] = ()
    occluder_faces: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int32))

    @cached_property
    def face_label(self) -> np.ndarray:
        """(F,) bool: True where labels see the face, False on transparent shells."""
        clear = np.array([m.clear for m in self.materials], bool)
        return ~clear[self.material]

    @cached_property
    def face_solid(self) -> np.ndarray:
        """(F,) bool: opaque faces of skin and things; hairs and cards stand off these and face any way."""
        fibre = np.array([m.fibre for m in self.materials], bool)
        return self.face_label & (self.cutout < 0) & ~fibre[self.material]

    @cached_property
    def face_bare(self) -> np.ndarray:
        """(F,) bool: faces that labels see and that may hide a landmark; facial hair grows on what is marked."""
        return self.face_label & ~np.isin(self.part, FACIAL_HAIR)

    @cached_property
    def vertex_solid(self) -> np.ndarray:
        """(V,) bool: vertices of solid faces."""
        solid = np.zeros(len(self.vertices), bool)
        solid[self.faces[self.face_solid]] = True
        return solid
