"""Scenes in a device's memory, and cameras before them: the table of views that the kernels work on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meshes.latest import Latest
from meshes.parts import FACIAL_HAIR
from meshes.surface import Surface
from renderers.camera import Camera
from renderers.cuda.device import Device, address
from renderers.exact import GeometryError, check_camera, check_surface, lens_of, rays_of

VIEW = np.dtype(
    [("lens", "f8", 14), ("T", "f8", 16)]
    + [(name, "i8") for name in ("columns", "rows", "vertices", "seen", "normals", "uv", "faces", "cut")]
    + [(name, "i8") for name in ("wanted", "part", "solid", "sheets", "texels", "vertex_count", "face_count")]
)
"""`View` of launch.cuh, field by field; pointers are numbers."""


@dataclass(frozen=True, eq=False)
class DeviceScene:
    """A surface in a device's memory, shared by all views; made by `upload`, or of arrays that are there already.

    Attributes:
        vertices: (V, 3) float64; normals: (V, 3) float32; uv: (V, 2) float32.
        faces: (F, 3) int32.
        wanted: (F,) bool, the faces that labels see.
        bare: (F,) bool, those of them that may hide a landmark: brows, lashes and beards grow on what is marked.
        part: (F,) uint8.
        solid: (V,) bool, vertices of faces that a camera may not touch.
        cut: (F,) int32, sheets: (C, 3) int64 and texels uint8 of the alpha maps; none unless given.
    """

    vertices: Any
    normals: Any
    uv: Any
    faces: Any
    wanted: Any
    bare: Any
    part: Any
    solid: Any
    cut: Any
    sheets: Any
    texels: Any


@Latest
def upload(device: Device, surface: Surface) -> DeviceScene:
    """The surface in the device's memory; kept while the same one returns.

    Raises:
        GeometryError: as `renderers.exact.rasterize`, of surfaces.
    """
    check_surface(surface)
    offsets = np.cumsum([0, *(sheet.size for sheet in surface.cutouts)])
    sheets = [(offset, *sheet.shape) for offset, sheet in zip(offsets, surface.cutouts, strict=False)]
    wanted, solid = surface.face_label, np.zeros(len(surface.vertices), bool)
    solid[surface.faces[surface.face_solid]] = True
    tables: tuple[tuple[Any, type], ...] = (
        (surface.vertices, np.float64),
        (surface.normals, np.float32),
        (surface.uv, np.float32),
        (surface.faces, np.int32),
        (wanted, bool),
        (wanted & ~np.isin(surface.part, FACIAL_HAIR), bool),
        (surface.part, np.uint8),
        (solid, bool),
        (surface.cutout, np.int32),
        (np.array(sheets, np.int64).reshape(-1, 3), np.int64),
        (np.concatenate([np.zeros(1, np.uint8), *(sheet.ravel() for sheet in surface.cutouts)])[1:], np.uint8),
    )
    return DeviceScene(*(device.xp.asarray(np.ascontiguousarray(table, dtype)) for table, dtype in tables))


def bare(scene: DeviceScene) -> DeviceScene:
    """The scene with its brows, lashes and beards clear, as `renderers.labels.point_visibility` looks for landmarks."""
    return replace(scene, wanted=scene.bare)


@dataclass(frozen=True, eq=False)
class DeviceViews:
    """N cameras of one image size in a device's memory, each before its scene.

    Attributes:
        scenes, cameras: by view.
        table: (N, K) int64 on the device, rows of `VIEW`.
        rays: columns and rows of every view, as `renderers.exact.rays_of`; seen: (V, 5) float64 of every view, its
            vertices as `renderers.exact.see` gives them. The table points to all of these.
    """

    scenes: tuple[DeviceScene, ...]
    cameras: tuple[Camera, ...]
    table: Any
    rays: tuple[tuple[Any, Any], ...]
    seen: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.cameras)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.cameras[0].height, self.cameras[0].width

    @property
    def faces(self) -> int:
        """Faces of the scene that has the most."""
        return max(len(scene.faces) for scene in self.scenes)

    def lens(self, n: int) -> Any:
        """(14,) float64, the numbers of camera n in the order of `renderers.kernels.terms.Lens`."""
        return self.table[n, :14].view(np.float64)

    def transform(self, n: int) -> Any:
        """(16,) float64, head to camera n, row by row."""
        return self.table[n, 14:30].view(np.float64)

    def of(self, scenes: Iterable[DeviceScene], device: Device) -> "DeviceViews":
        """The same cameras before the same points, other faces of which are wanted."""
        changed = replace(self, scenes=tuple(scenes))
        return replace(changed, table=_table(device, changed))


def place(device: Device, placed: Sequence[tuple[DeviceScene, Camera]]) -> DeviceViews:
    """Cameras before scenes, and all vertices as they are seen.

    Raises:
        GeometryError: as `renderers.exact.rasterize`, of cameras; no views, or views of several sizes; images of 2^31
            pixels and more.
    """
    for _, camera in placed:
        check_camera(camera)
    return place_checked(device, placed)


def place_checked(device: Device, placed: Sequence[tuple[DeviceScene, Camera]]) -> DeviceViews:
    """`place` for cameras that a raster has accepted already; raises GeometryError for the rest."""
    scenes, cameras = tuple(scene for scene, _ in placed), tuple(camera for _, camera in placed)
    _check_sizes(cameras)
    rays = _moved(device, [table for camera in cameras for table in rays_of(camera)])
    counts = [len(scene.vertices) for scene in scenes]
    seen = device.xp.zeros((sum(counts), 5))
    pieces = tuple(seen[end - count : end] for count, end in zip(counts, np.cumsum(counts), strict=True))
    views = DeviceViews(scenes, cameras, None, tuple(zip(rays[::2], rays[1::2], strict=True)), pieces)
    views = replace(views, table=_table(device, views))
    device.launch("see_vertices", (len(views), max(counts)), views.table)
    return views


def _check_sizes(cameras: Sequence[Camera]) -> None:
    sizes = sorted({(camera.height, camera.width) for camera in cameras})
    if len(sizes) != 1:
        raise GeometryError(f"expected views of one size (height, width), got {sizes or 'none'}; place each size alone")
    height, width = sizes[0]
    if height * width >= np.iinfo(np.int32).max:
        raise GeometryError(f"expected an image below 2^31 pixels, got {width} x {height}; split it")


def _moved(device: Device, tables: Sequence[np.ndarray]) -> list[Any]:
    """Float64 tables in the device's memory, brought over in one go."""
    whole = device.xp.asarray(np.concatenate([table.ravel() for table in tables]))
    ends = np.cumsum([table.size for table in tables])
    return [whole[end - table.size : end].reshape(table.shape) for table, end in zip(tables, ends, strict=True)]


def _table(device: Device, views: DeviceViews) -> Any:
    rows = np.zeros(len(views), VIEW)
    for field, values in _columns(views):
        rows[field] = values
    return device.xp.asarray(rows.view(np.int64).reshape(len(views), -1))


def _columns(views: DeviceViews) -> Iterator[tuple[str, Any]]:
    yield "lens", [lens_of(camera) for camera in views.cameras]
    yield "T", [camera.T_camera_head.ravel() for camera in views.cameras]
    yield "columns", [address(columns) for columns, _ in views.rays]
    yield "rows", [address(rows) for _, rows in views.rays]
    yield "seen", [address(seen) for seen in views.seen]
    yield "vertex_count", [len(scene.vertices) for scene in views.scenes]
    yield "face_count", [len(scene.faces) for scene in views.scenes]
    for field in ("vertices", "normals", "uv", "faces", "wanted", "part", "solid", "cut", "sheets", "texels"):
        yield field, [address(getattr(scene, field)) for scene in views.scenes]
