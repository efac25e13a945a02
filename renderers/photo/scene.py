"""A surface and its light as Mitsuba holds them: one mesh a material, one map of the sky.

Near and far share it: it knows no camera. Points are metres in the head frame.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import mitsuba as mi
import numpy as np

from meshes.surface import Material, Surface
from renderers.light import EnvironmentLight
from renderers.photo import materials, skin
from renderers.photo.arrays import aligned
from renderers.photo.hair import hair_shapes
from renderers.photo.strands import Hairs, hairs_of, strands_of

GLOSSY_PATHS = 0.25
"""Least share of a surface's paths that follow its highlights; by chance alone, one in thirty would, and be bright."""

OPAQUE, SKIN, CLEAR, HAIR = 0, 1, 2, 3
"""What a shape is to a path; a clear one is a shell that is looked through."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What all views of a picture share.

    Attributes:
        scene: the `mitsuba.Scene`.
        kinds: a shape, its kind, and its refractive index (negative for a sheet, which light leaves as it came).
            Shapes that are not listed are OPAQUE.
        cut: some faces are cut by alpha maps, so that a hit may be on nothing.
        guide: (S, 3) float32 in [0, 1], the colour of each segment of hair, for the denoiser.
    """

    scene: Any
    kinds: tuple[tuple[Any, int, float], ...]
    cut: bool
    guide: np.ndarray


def build(surface: Surface, light: EnvironmentLight) -> Stage:
    """Meshes, hair, materials and light; set the variant first (`variants.mitsuba`)."""
    _register(mi.variant())
    strands = strands_of(surface)
    hairs = hairs_of(strands)
    shapes: dict[str, Any] = hair_shapes(hairs)
    kinds = [(shape, HAIR, 1.0) for shape in shapes.values()]
    corners = _Corners(surface, skin.glow(surface, light))
    looks = _Looks(surface)
    for material, cutout, faces in _groups(surface, ~strands.faces):
        look = surface.materials[material]
        mesh = shapes[f"mesh_{len(shapes):03d}"] = corners.mesh(
            faces, materials.numbers(look, GLOSSY_PATHS), looks.bsdf(look, cutout)
        )
        if look.clear:
            kinds.append((mesh, CLEAR, _index(look)))
        elif materials.scatters(look):
            kinds.append((mesh, SKIN, 1.0))
    scene = mi.load_dict({"type": "scene", **shapes, "sky": sky(light)})
    return Stage(scene, tuple(kinds), bool((surface.cutout >= 0).any()), _guide(hairs))


def _guide(hairs: Hairs) -> np.ndarray:
    """The colour of each segment of hair, of which a curve has one fewer than points; never empty."""
    segments = np.repeat(hairs.albedo, np.diff(hairs.first) - 1, axis=0)
    return segments if len(segments) else np.zeros((1, 3), np.float32)


def _index(shell: Material) -> float:
    """Refractive index of a shell, negative for a sheet."""
    bsdf = materials.bsdf(shell, None)
    return -bsdf["int_ior"] if bsdf["type"] == "thindielectric" else bsdf["int_ior"]


def _groups(surface: Surface, wanted: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Materials and alpha maps that occur together on the wanted faces, and which faces have them."""
    order = np.flatnonzero(wanted)
    pairs = np.stack([surface.material[order].astype(np.int64), surface.cutout[order]], axis=1)
    kinds, which = np.unique(pairs, axis=0, return_inverse=True)
    return [(int(kinds[n, 0]), int(kinds[n, 1]), order[which.ravel() == n]) for n in range(len(kinds))]


@dataclass(frozen=True, eq=False)
class _Corners:
    """The vertices of a surface, from which meshes are cut."""

    surface: Surface
    glow: skin.Glow

    def mesh(self, group: np.ndarray, numbers: dict[str, float], bsdf: Any) -> Any:
        """A mesh of some faces, with the vertices that they use and its material's numbers at each of them.

        v runs down, as in Mitsuba's bitmaps.
        """
        used, faces = np.unique(self.surface.faces[group], return_inverse=True)
        properties = mi.Properties()
        properties["mesh_bsdf"] = bsdf
        mesh = mi.Mesh("", len(used), len(group), properties, has_vertex_normals=True, has_vertex_texcoords=True)
        parameters = mi.traverse(mesh)
        parameters["faces"] = aligned(faces, np.uint32)
        parameters["vertex_positions"] = aligned(self.surface.vertices[used])
        parameters["vertex_normals"] = aligned(self.surface.normals[used])
        uv = self.surface.uv[used].astype(np.float32)
        parameters["vertex_texcoords"] = aligned(np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1))
        color = self.surface.color * np.float32(numbers["lift"])
        for name, values in (("color", color), ("kept", self.glow.kept), ("glow", self.glow.light)):
            mesh.add_attribute(f"vertex_{name}", 3, aligned(values[used]))
        for name, number in numbers.items():
            mesh.add_attribute(f"vertex_{name}", 1, aligned(np.full(len(used), number)))
        parameters.update()
        return mesh


@dataclass(frozen=True, eq=False)
class _Looks:
    """Materials as Mitsuba's objects: as few as can be, since each is compiled wherever light meets a surface.

    Materials with the same maps are one object; what else tells them apart lies at the vertices of their meshes.
    """

    surface: Surface
    made: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def bsdf(self, look: Material, cutout: int) -> Any:
        """How faces of a material, cut by an alpha map unless it is -1, answer light."""
        key = (id(look.texture), id(look.relief), look.clear, cutout)
        if key not in self.made:
            self.made[key] = mi.load_dict(self._description(look, cutout))
        return self.made[key]

    def _description(self, look: Material, cutout: int) -> dict[str, Any]:
        of = {name: {"type": "mesh_attribute", "name": f"vertex_{name}"} for name in materials.numbers(look)}
        bsdf = materials.bsdf(look, _albedo(look), of)
        if not materials.transmits(look):
            bsdf = {"type": "twosided", "nested": bsdf}
        return {"type": "mask", "opacity": _kept(self.surface.cutouts[cutout]), "nested": bsdf} if cutout >= 0 else bsdf


def _albedo(look: Material) -> dict[str, Any]:
    """Vertex colours times the albedo map."""
    color = {"type": "mesh_attribute", "name": "vertex_color"}
    if look.texture is None:
        return color
    return {"type": "product", "first": _texture(mi.variant(), look), "second": color}


@lru_cache(maxsize=32)
def _texture(variant: str, look: Material) -> Any:
    """The albedo map of a material; materials that people share are read once."""
    bitmap = mi.Bitmap(np.ascontiguousarray(look.texture))
    return mi.load_dict({"type": "bitmap", "bitmap": bitmap, "wrap_mode": "clamp"})


@lru_cache(maxsize=4)
def _register(variant: str) -> None:
    """Adds the texture "product", the product of two, to a variant: Mitsuba has none that varies in both."""

    class Product(mi.Texture):
        def __init__(self, properties: Any) -> None:
            super().__init__(properties)
            self.first, self.second = properties["first"], properties["second"]

        def eval(self, si: Any, active: Any = True) -> Any:
            return self.first.eval(si, active) * self.second.eval(si, active)

        def mean(self) -> Any:
            return self.first.mean() * self.second.mean()

        def is_spatially_varying(self) -> bool:
            return True

        def to_string(self) -> str:
            return "product"

    mi.register_texture("product", Product)


def _kept(mask: np.ndarray) -> dict[str, Any]:
    """1 where the nearest texel of an alpha map keeps the hit, the labels' own rule, else 0."""
    kept = mi.Bitmap((mask >= 128).astype(np.float32)[..., None])
    return {"type": "bitmap", "bitmap": kept, "raw": True, "filter_type": "nearest", "wrap_mode": "clamp"}


def sky(light: EnvironmentLight) -> dict[str, Any]:
    """The light as Mitsuba's `envmap`, with the light's own radiance in the direction of each texel's centre.

    Mitsuba counts columns against the azimuth from -Z, and puts its first and last row on the poles. A map with a
    row on every centre and on every edge of a row says the same under its bilinear interpolation.
    """
    h, w, _ = light.radiance.shape
    rows = np.zeros((2 * h + 1, w, 3), np.float32)
    rows[1::2] = light.radiance
    rows[2:-1:2] = 0.5 * (light.radiance[:-1] + light.radiance[1:])
    rows[0], rows[-1] = light.radiance[0].mean(axis=0), light.radiance[-1].mean(axis=0)
    turned = np.roll(rows[:, ::-1], w // 2, axis=1)
    return {"type": "envmap", "bitmap": mi.Bitmap(np.ascontiguousarray(turned))}
