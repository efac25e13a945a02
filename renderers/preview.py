"""The default colour: deferred shading of what the label core saw, lit by an environment.

`light_up` prepares a surface under a light once; `render` then takes any number of views of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from meshes.head import MeshError
from meshes.latest import Latest
from meshes.surface import Material, Surface
from renderers.camera import Camera, pixel_rays, supersampled
from renderers.exact import Hits, check_surface, rasterize, see
from renderers.kernels_color import coverage, shade
from renderers.light import EnvironmentLight, check_light
from renderers.mips import chain_shapes, mip_chain, relief_chain
from renderers.occlusion import DIRECTIONS, arrival, light_directions, unobstructed
from renderers.picture import Image, Quality, View
from renderers.prefilter import LEVEL_ROUGHNESS, Prefiltered, prefilter


@dataclass(frozen=True, eq=False)
class LitSurface:
    """A surface under a light, packed for the kernels; made by `light_up`, shared by all views."""

    surface: Surface
    coverage: coverage.Mesh
    shading: shade.Mesh
    paint: shade.Paint
    light: shade.Light


@dataclass(frozen=True, eq=False)
class PreparedLight:
    """A light and what shading asks of it whatever the surface; made by `prepare`, in any process.

    Attributes:
        light: the light.
        maps: of it, blurred.
        toward, power: the directions that cast its shadows, see `occlusion.light_directions`.
    """

    light: EnvironmentLight
    maps: Prefiltered
    toward: np.ndarray
    power: np.ndarray

    @property
    def name(self) -> str:
        """The light's."""
        return self.light.name


@Latest
def prepare(light: EnvironmentLight) -> PreparedLight:
    """A light ready for shading; kept while the same one returns.

    Raises:
        LightError: radiance that is not finite, which would send the compiled lookups out of their maps.
    """
    check_light(light)
    return PreparedLight(light, prefilter(light), *light_directions(light, DIRECTIONS))


def check() -> None:
    """Whether this tier can work here; it always can."""


def render_views(
    surface: Surface, light: EnvironmentLight, views: tuple[View, ...], quality: Quality
) -> tuple[Image, ...]:
    """Pinhole pictures over nothing, a `picture.Tier`; lenses and `quality` do not concern it."""
    lit = light_up(surface, light)
    return tuple(render(lit, view.camera, view.hits) for view in views)


@Latest
def light_up(surface: Surface, light: EnvironmentLight, share: np.ndarray | None = None) -> LitSurface:
    """Everything of a picture that does not depend on the camera.

    Args:
        surface: the scene.
        light: what falls on it.
        share: (V, 3) float32 in [0, 1], the part of each vertex's irradiance that arrives;
            `occlusion.arrival` unless given, which dims highlights too.

    Raises:
        LightError: radiance that is not finite, which would send the compiled lookups out of their maps.
        GeometryError: as `exact.rasterize`, of surfaces, for the same reason.
    """
    check_light(light)
    check_surface(surface)
    arriving = arrival(surface, light) if share is None else unobstructed(share)
    tables, mips = paint(surface.materials)
    faces, material = _array(surface.faces, np.uint32), _array(surface.material, np.uint8)
    facet = coverage.facets(_array(surface.vertices, np.float64), faces)
    # Without a facet a face has no other side to be seen from, and differs from each of its neighbours.
    facet[np.array([m.fibre for m in surface.materials])[material]] = 0.0
    columns = (surface.normals, surface.uv, surface.color, *arriving, surface.vertices)
    vertex = np.concatenate(columns, axis=1, dtype=np.float32)
    return LitSurface(
        surface,
        coverage.Mesh(
            faces, facet, _array(surface.uv, np.float32), material, ~surface.face_label,
            _array(surface.cutout, np.int32), _laid([one.shape for one in surface.cutouts]), _flat(surface.cutouts),
        ),
        shade.Mesh(faces, facet, vertex, material, mips, _texels(surface.materials)),
        tables,
        seen_by(surface.materials, prefilter(light)),
    )  # fmt: skip


def render(lit: LitSurface, camera: Camera, hits: Hits | None = None, background: np.ndarray | None = None) -> Image:
    """One view: one sample at the centre of even pixels, the mean of 2 x 2 samples where a pixel holds more.

    Args:
        lit: from `light_up`.
        camera: the view.
        hits: what its pixel centres see, where the caller has it already.
        background: (H, W, 3) float32 linear; black unless given.
    """
    hits = rasterize(lit.surface, camera) if hits is None else hits
    if background is None:
        background = np.zeros((camera.height, camera.width, 3), np.float32)
    seen = see(camera, lit.surface.vertices)
    columns, rows = pixel_rays(supersampled(camera, 2))
    outline = coverage.View(seen, columns, rows, float(camera.K[0, 0]), camera.orthographic)
    slot, count = coverage.edges(lit.coverage, outline, hits.triangle_id, hits.depth_axis_m)
    sample_ids, sample_weights = coverage.subsample(lit.coverage, outline, slot, count)
    R = _array(camera.T_camera_head[:3, :3], np.float64)
    view = shade.View(seen[:, 3:].copy(), columns, rows, R, camera.orthographic)
    rgb, alpha = shade.picture(
        lit.shading, lit.paint, lit.light, view, hits.triangle_id, hits.barycentric,
        slot, sample_ids, sample_weights, _array(background, np.float32),
    )  # fmt: skip
    return Image(rgb, alpha)


def _array(values: np.ndarray, dtype: type) -> np.ndarray:
    """Contiguous and writable, the one layout the kernels are compiled for; copies only where it must."""
    return np.require(values, dtype, ["C", "W"])


def seen_by(materials: tuple[Material, ...], maps: Prefiltered) -> shade.Light:
    """The maps as each material sees them: softened by its subsurface, blurred between two levels of roughness."""
    rough = [m.roughness for m in materials] + [m.oil_roughness for m in materials]
    levels = np.interp(rough, LEVEL_ROUGHNESS, np.arange(len(LEVEL_ROUGHNESS)))
    low = np.minimum(levels.astype(int), len(LEVEL_ROUGHNESS) - 2)
    between = (levels - low).astype(np.float32)
    mirrored = [maps.glossy[n] + t * (maps.glossy[n + 1] - maps.glossy[n]) for n, t in zip(low, between, strict=True)]
    received = [maps.matt + np.float32(m.subsurface) * (maps.skin - maps.matt) for m in materials]
    return shade.Light(np.concatenate(received), np.concatenate(mirrored), maps.sharp)


@lru_cache(maxsize=3)
def paint(materials: tuple[Material, ...]) -> tuple[shade.Paint, np.ndarray]:
    """Materials as tables, and where their maps lie in `_texels`: (n, 3) int64 of offset, height and width.

    Kept for the few that return at once: a material holds its maps, some megabytes a person.
    """
    maps = [material.texture for material in materials] + [material.relief for material in materials]
    chains = [[] if one is None else chain_shapes(*one.shape[:2]) for one in maps]
    first = np.cumsum([0, *(len(chain) for chain in chains)])[:-1]
    rows = np.stack([first, [len(chain) for chain in chains]], axis=1).astype(np.int64)
    rough = [m.roughness for m in materials] + [m.oil_roughness for m in materials]
    return (
        shade.Paint(
            np.array([m.specular for m in materials], np.float32),
            np.array([m.oil for m in materials], np.float32),
            np.stack([reflectance_table(max(roughness, 0.05)) for roughness in rough]),
            rows[: len(materials)].copy(),
            rows[len(materials) :].copy(),
        ),
        _laid([(*shape, 3) for chain in chains for shape in chain]),
    )


@lru_cache(maxsize=3)
def _texels(materials: tuple[Material, ...]) -> np.ndarray:
    """The maps of all materials end to end: albedo of each with its smaller versions, then relief of each."""
    chains = [albedo_maps(m) for m in materials] + [relief_maps(m) for m in materials]
    return _flat([level for chain in chains for level in chain])


@lru_cache(maxsize=16)
def albedo_maps(material: Material) -> tuple[np.ndarray, ...]:
    """The albedo map of a material and its smaller versions; materials that people share are done once."""
    return () if material.texture is None else mip_chain(material.texture)


@lru_cache(maxsize=16)
def relief_maps(material: Material) -> tuple[np.ndarray, ...]:
    """The relief map of a material and its smaller versions.

    Raises:
        MeshError: it differs in size from the albedo map.
    """
    if material.relief is None:
        return ()
    if material.texture is not None and material.texture.shape != material.relief.shape:
        raise MeshError(
            f"material {material.name!r}: expected a relief map as large as its texture, {material.texture.shape}, "
            f"got {material.relief.shape}; resample one of them."
        )
    return relief_chain(material.relief)


def _laid(shapes: Sequence[tuple[int, ...]]) -> np.ndarray:
    """(n, 3) int64 of offset, height and width of maps that lie end to end."""
    offsets = np.cumsum([0, *(math.prod(shape) for shape in shapes)])[:-1]
    table = [(offset, *shape[:2]) for offset, shape in zip(offsets, shapes, strict=True)]
    return np.array(table, np.int64).reshape(-1, 3)


def _flat(maps: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.uint8), *(one.ravel() for one in maps)])


@lru_cache(maxsize=64)
def reflectance_table(roughness: float, steps: int = 33, samples: int = 512) -> np.ndarray:
    """Share of a white surrounding that a GGX surface mirrors: F0 x scale + bias, by the cosine to the viewer.

    The split sum of Karis, "Real Shading in Unreal Engine 4", SIGGRAPH 2013 course, integrated over half vectors
    that follow GGX on a Hammersley grid, with Smith's height-correlated masking.

    Returns:
        (steps, 2) float32, scale and bias at equal steps of the cosine from 0 to 1.
    """
    alpha2 = roughness**4
    nv = np.maximum(np.linspace(0, 1, steps), 1e-3)[:, None]
    first = (np.arange(samples) + 0.5) / samples
    azimuth = 2 * np.pi * _radical_inverse(samples)
    nh = np.sqrt((1 - first) / (1 + (alpha2 - 1) * first))
    vh = np.sqrt(1 - nv**2) * np.sqrt(1 - nh**2) * np.cos(azimuth) + nv * nh
    nl = 2 * vh * nh - nv
    lit = (nl > 0) & (vh > 0)
    nl = np.where(lit, nl, 1.0)
    masked = 2 * nl * nv / (nl * _smith(nv, alpha2) + nv * _smith(nl, alpha2))
    visible = np.where(lit, masked * vh / (nh * nv), 0.0)
    fresnel = (1 - np.clip(vh, 0, 1)) ** 5
    return np.stack([(visible * (1 - fresnel)).mean(1), (visible * fresnel).mean(1)], axis=1).astype(np.float32)


def _smith(cosine: np.ndarray, alpha2: float) -> np.ndarray:
    return np.sqrt(alpha2 + (1 - alpha2) * cosine**2)


def _radical_inverse(count: int) -> np.ndarray:
    """(count,) float64: the bits of 0 .. count - 1 mirrored at the binary point."""
    index, result = np.arange(count), np.zeros(count)
    for bit in range(count.bit_length()):
        result += ((index >> bit) & 1) * 0.5 ** (bit + 1)
    return result
