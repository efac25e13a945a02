"""The preview's colour on a device: the picture of `renderers.preview.render`, in the device's memory.

A surface's tables move once and stay while the same `LitSurface` returns; a material's maps stay while it is worn.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from meshes.latest import Latest
from meshes.srgb import LINEAR_OF_CODE
from meshes.surface import Material, Surface
from renderers.camera import Camera, pixel_rays, supersampled
from renderers.cuda import shadow
from renderers.cuda.device import FAR_BITS, NONE, Device
from renderers.cuda.labels import LANES, rasterize, row
from renderers.cuda.views import DeviceScene, DeviceViews, place, place_checked
from renderers.cuda.views import upload as upload_surface
from renderers.exact import Hits
from renderers.light import EnvironmentLight, check_light
from renderers.occlusion import arrival
from renderers.picture import Image
from renderers.preview import LitSurface, albedo_maps, lit_by, relief_maps


@dataclass(frozen=True, eq=False)
class DeviceLit:
    """A lit surface in a device's memory; made by `upload`, shared by all views.

    Attributes:
        scene: its geometry, as the label core has it.
        facet: (F, 3) float32, unit normals of the flat faces.
        material: (F,) uint8.
        tables: what shade.cu reads of the surface, its materials and its light, in the order of its SCENE.
    """

    scene: DeviceScene
    facet: Any
    material: Any
    tables: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class DeviceSamples:
    """What the four samples of marked pixels see: n pixels.

    Attributes:
        slot: (H, W) int32, -1 or the pixel's row in the tables below.
        pixel: (n,) int32, row x W + column.
        ids: opaque faces and transparent shells, (n, 4) int32 each, -1 for none.
        weights: of their corners, (n, 4, 3) float32 each.
    """

    slot: Any
    pixel: Any
    ids: tuple[Any, Any]
    weights: tuple[Any, Any]


@Latest
def light_up(surface: Surface, light: EnvironmentLight, device: Device) -> LitSurface:
    """`preview.light_up` with its soft shadows cast on a device; kept while the same surface and light return.

    Raises:
        LightError: radiance that is not finite.
    """
    check_light(light)
    return lit_by(surface, light, arrival(surface, light, gathered=partial(shadow.gather, device)))


@Latest
def upload(device: Device, lit: LitSurface) -> DeviceLit:
    """The lit surface in the device's memory; kept while the same one returns."""
    scene = upload_surface(device, lit.surface)
    mesh, paint, light = lit.shading, lit.paint, lit.light
    sizes = (len(paint.specular), paint.reflect.shape[1], *(square.shape[1] for square in light))
    rest = (LINEAR_OF_CODE, *paint, *light, np.array(sizes, np.int64))
    facet, vertex, material, mips, *others = (
        device.xp.asarray(np.ascontiguousarray(table))
        for table in (mesh.facet, mesh.vertex, mesh.material, mesh.mips, *rest)
    )
    texels = _texels(device, lit.surface.materials)
    tables = (scene.faces, facet, vertex, material, mips, texels, *others)
    return DeviceLit(scene, facet, material, tables)


def _texels(device: Device, materials: tuple[Material, ...]) -> Any:
    """The maps of all materials as `preview.light_up` lays them: albedo of each, then relief of each."""
    kinds = (True, False)
    return device.xp.concatenate([_maps(device, material, albedo) for albedo in kinds for material in materials])


@lru_cache(maxsize=32)
def _maps(device: Device, material: Material, albedo: bool) -> Any:
    """(...) uint8: one map and its smaller versions; a hair or skin that people share moves once."""
    chain = albedo_maps(material) if albedo else relief_maps(material)
    return device.xp.asarray(np.concatenate([np.zeros(0, np.uint8), *(level.ravel() for level in chain)]))


def render(lit: LitSurface, camera: Camera, hits: Hits | None, background: np.ndarray | None, device: Device) -> Image:
    """`renderers.preview.render` on a device.

    Args:
        lit: from `preview.light_up`.
        camera: the view.
        hits: what its pixel centres see, in the device's memory (`labels.rasterize`) or this machine's; None looks.
        background: (H, W, 3) float32 linear, in either memory; black where None.

    Returns:
        Arrays of the device; `labels.to_host` brings them over.

    Raises:
        CameraError: the camera has a distortion.
        GeometryError: as `labels.place`.
    """
    xp, there = device.xp, upload(device, lit)
    columns, rows = (xp.asarray(table) for table in pixel_rays(supersampled(camera, 2)))
    view = (place if hits is None else place_checked)(device, [(there.scene, camera)])
    hits = row(rasterize(device, view), 0) if hits is None else _moved(device, hits)
    samples = subsample(device, there, view, hits, columns, rows)
    rgb = xp.zeros((camera.height, camera.width, 3), xp.float32)
    if background is not None:
        rgb[:] = xp.asarray(background, xp.float32)
    color = xp.zeros((len(samples.pixel), 4, 3), xp.float32)
    alpha = xp.zeros((camera.height, camera.width), xp.float32)
    scene = (*there.tables, view.seen[0], columns, rows, view.transform(0), view.lens(0))
    device.launch(
        "shade_samples", 4 * len(samples.pixel), *scene, samples.pixel, *samples.ids, *samples.weights, rgb, color
    )  # fmt: skip
    device.launch(
        "shade_pixels", alpha.size, *scene, hits.triangle_id, hits.barycentric,
        samples.slot, samples.ids[0], color, rgb, alpha,
    )  # fmt: skip
    return Image(rgb, alpha)


def _moved(device: Device, hits: Hits) -> Hits:
    """Hits from either memory, in the layout the kernels are compiled for."""
    move = device.xp.ascontiguousarray
    return Hits(
        move(device.xp.asarray(hits.triangle_id, np.int32)),
        move(device.xp.asarray(hits.barycentric, np.float64)),
        move(device.xp.asarray(hits.depth_axis_m, np.float64)),
    )


def subsample(device: Device, lit: DeviceLit, view: DeviceViews, hits: Hits, columns: Any, rows: Any) -> DeviceSamples:
    """`coverage.edges` and `coverage.subsample` on a device.

    Args:
        view: one.
        hits: of the view, in the device's memory.
        columns, rows: (2W,) and (2H,) float64 of `pixel_rays` with each pixel split into 2 x 2.
    """
    xp, scene, lanes = device.xp, lit.scene, LANES * len(lit.scene.faces)
    slot, pixel = _marked(device, lit, view, hits)
    alpha = (scene.cut, scene.uv, scene.sheets, scene.texels)
    what = (view.seen[0], columns, rows, scene.faces, *alpha, view.lens(0))
    shape = (len(pixel), 4)
    depth = tuple(xp.full(shape, FAR_BITS, xp.uint64) for _ in range(2))
    ids = (xp.full(shape, NONE, xp.int32), xp.full(shape, NONE, xp.int32))
    weights = (xp.zeros((*shape, 3), xp.float32), xp.zeros((*shape, 3), xp.float32))
    if len(pixel):
        device.launch("nearest_sample", lanes, *what, scene.wanted, slot, *depth)
        device.launch("lowest_sample", lanes, *what, scene.wanted, slot, *depth, *ids)
        device.launch("resolve_samples", 4 * len(pixel), *what, pixel, *depth, *ids, *weights)
    return DeviceSamples(slot, pixel, ids, weights)


def _marked(device: Device, lit: DeviceLit, view: DeviceViews, hits: Hits) -> tuple[Any, Any]:
    """Rows of the pixels that one sample cannot stand for, (H, W) int32 and -1 for others; and those pixels."""
    xp, scene = device.xp, lit.scene
    mark, seen, lens = xp.zeros(view.shape, xp.uint8), view.seen[0], view.lens(0)
    device.launch(
        "mark_edges", mark.size, hits.triangle_id, hits.depth_axis_m, lit.facet, lit.material, scene.cut, lens, mark
    )  # fmt: skip
    device.launch("mark_shells", LANES * len(scene.faces), seen, scene.faces, scene.wanted, lens, mark)
    pixel = xp.flatnonzero(mark).astype(xp.int32)
    slot = xp.full(mark.shape, -1, xp.int32)
    slot.reshape(-1)[pixel] = xp.arange(len(pixel), dtype=xp.int32)
    return slot, pixel
