"""The preview's colour on a device: the picture of `renderers.preview.render`, in the device's memory.

A surface's tables are made once and stay while it returns; a material's maps stay while it is worn.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from meshes.latest import Latest
from meshes.srgb import LINEAR_OF_CODE
from meshes.surface import Material, Surface
from renderers.camera import Camera, pixel_rays, supersampled
from renderers.cuda import shadow
from renderers.cuda.device import FAR_BITS, NONE, Device
from renderers.cuda.labels import LANES, rasterize, row
from renderers.cuda.views import DeviceScene, DeviceViews, place, place_checked, upload
from renderers.exact import Hits
from renderers.picture import Image
from renderers.preview import PreparedLight, albedo_maps, paint, relief_maps, seen_by


@dataclass(frozen=True, eq=False)
class DeviceLit:
    """A lit surface in a device's memory; made by `light_up`, shared by all views.

    Attributes:
        scene: its geometry, as the label core has it.
        facet: (F, 3) float32, unit normals of the flat faces.
        vertex: (V, 18) float32, what is interpolated, by the columns that shade.cu names.
        material: (F,) uint8.
        tables: what shade.cu reads of the surface, its materials and its light, in the order of its SCENE.
    """

    scene: DeviceScene
    facet: Any
    vertex: Any
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
def light_up(device: Device, surface: Surface, light: PreparedLight, scene: DeviceScene | None = None) -> DeviceLit:
    """`preview.light_up` in a device's memory; kept while the same surface and light return.

    Args:
        device: where its tables are made.
        surface: the scene on the host. Where `scene` is given, none of its points and normals are read.
        light: what falls on it, from `preview.prepare`.
        scene: the surface in the device's memory, where it is there already.

    Raises:
        GeometryError: as `views.upload`.
    """
    scene, xp = upload(device, surface) if scene is None else scene, device.xp
    worn, mips = paint(surface.materials)
    lamp = seen_by(surface.materials, light.maps)
    sizes = (len(worn.specular), worn.reflect.shape[1], *(square.shape[1] for square in lamp))
    rest = (LINEAR_OF_CODE, *worn, *lamp, np.array(sizes, np.int64))
    material, mips, color, *others = (
        xp.asarray(np.ascontiguousarray(table)) for table in (surface.material, mips, surface.color, *rest)
    )
    arriving = shadow.arrival(device, scene, surface, light)
    columns = (scene.normals, scene.uv, color, *arriving, scene.vertices.astype(xp.float32))
    vertex, facet = xp.concatenate(columns, axis=1), _facets(device, scene, surface)
    tables = (scene.faces, facet, vertex, material, mips, _texels(device, surface.materials), *others)
    return DeviceLit(scene, facet, vertex, material, tables)


def _facets(device: Device, scene: DeviceScene, surface: Surface) -> Any:
    """(F, 3) float32 as `preview.light_up` has them: `coverage.facets`, and none of fibres."""
    fibre = np.array([material.fibre for material in surface.materials], bool)[surface.material]
    facet = device.xp.empty((len(fibre), 3), device.xp.float32)
    device.launch("facets", len(fibre), scene.vertices, scene.faces, device.xp.asarray(fibre), facet)
    return facet


def _texels(device: Device, materials: tuple[Material, ...]) -> Any:
    """The maps of all materials as `preview.light_up` lays them: albedo of each, then relief of each."""
    kinds = (True, False)
    return device.xp.concatenate([_maps(device, material, albedo) for albedo in kinds for material in materials])


@lru_cache(maxsize=256)
def _maps(device: Device, material: Material, albedo: bool) -> Any:
    """(...) uint8: one map and its smaller versions; a hair or skin that people share moves once."""
    chain = albedo_maps(material) if albedo else relief_maps(material)
    return device.xp.asarray(np.concatenate([np.zeros(0, np.uint8), *(level.ravel() for level in chain)]))


def render(
    device: Device, lit: DeviceLit, camera: Camera, hits: Hits | None = None, background: np.ndarray | None = None
) -> Image:
    """`renderers.preview.render` on a device.

    Args:
        device: where all of it is.
        lit: from `light_up`.
        camera: the view.
        hits: what its pixel centres see, in the device's memory (`labels.rasterize`) or this machine's; None looks.
        background: (H, W, 3) float32 linear, in either memory; black where None.

    Returns:
        Arrays of the device; `labels.to_host` brings them over.

    Raises:
        CameraError: the camera has a distortion.
        GeometryError: as `labels.place`.
    """
    view = (place if hits is None else place_checked)(device, [(lit.scene, camera)])
    return draw(
        device, lit, view, row(rasterize(device, view), 0) if hits is None else _moved(device, hits), background
    )


def draw(device: Device, lit: DeviceLit, view: DeviceViews, hits: Hits, background: np.ndarray | None = None) -> Image:
    """`render` of one camera that is placed before the scene already, without distortion; `hits` on the device."""
    xp, camera = device.xp, view.cameras[0]
    columns, rows = (xp.asarray(table) for table in pixel_rays(supersampled(camera, 2)))
    samples = subsample(device, lit, view, hits, columns, rows)
    rgb = xp.zeros((camera.height, camera.width, 3), xp.float32)
    if background is not None:
        rgb[:] = xp.asarray(background, xp.float32)
    color = xp.zeros((len(samples.pixel), 4, 3), xp.float32)
    alpha = xp.zeros((camera.height, camera.width), xp.float32)
    scene = (*lit.tables, view.seen[0], columns, rows, view.transform(0), view.lens(0))
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
