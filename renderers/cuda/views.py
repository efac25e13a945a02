"""Scenes in a device's memory, and cameras before them: the table of views that the kernels work on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from meshes.latest import Latest
from meshes.surface import Surface
from renderers.camera import Camera
from renderers.cuda.device import NONE, Device, address
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
    tables: tuple[tuple[Any, type], ...] = (
        (surface.vertices, np.float64),
        (surface.normals, np.float32),
        (surface.uv, np.float32),
        (surface.faces, np.int32),
        (surface.face_label, bool),
        (surface.face_bare, bool),
        (surface.part, np.uint8),
        (surface.vertex_solid, bool),
        (surface.cutout, np.int32),
        (np.array(sheets, np.int64).reshape(-1, 3), np.int64),
        (np.concatenate([np.zeros(1, np.uint8), *(sheet.ravel() for sheet in surface.cutouts)])[1:], np.uint8),
    )
    return DeviceScene(*(device.xp.asarray(np.ascontiguousarray(table, dtype)) for table, dtype in tables))


@dataclass(frozen=True, eq=False)
class DeviceViews:
    """N cameras of one image size in a device's memory, each before its scene.

    Attributes:
        scenes, cameras: by view.
        rows: (N,) `VIEW` on the host; table: the same as (N, K) int64 on the device.
        rays: those of the pixels of every view; seen: (V, 5) float64 of every view, its vertices as
            `renderers.exact.see` gives them. The table points to all of these, and to the scenes.
    """

    scenes: tuple[DeviceScene, ...]
    cameras: tuple[Camera, ...]
    rows: np.ndarray
    table: Any
    rays: tuple[Any, ...]
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

    def one(self, n: int) -> "DeviceViews":
        """View n alone."""
        here = slice(n, n + 1)
        return replace(
            self, scenes=self.scenes[here], cameras=self.cameras[here], rows=self.rows[here], table=self.table[here],
            seen=self.seen[here],
        )  # fmt: skip

    def bare(self, device: Device) -> "DeviceViews":
        """The same with brows, lashes and beards clear, as `renderers.labels.point_visibility` looks for landmarks."""
        rows = self.rows.copy()
        rows["wanted"] = [address(scene.bare) for scene in self.scenes]
        return replace(self, rows=rows, table=_moved(device, rows))


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
    columns, rows = _rays(device, cameras)
    counts = [len(scene.vertices) for scene in scenes]
    whole = device.xp.empty((sum(counts), 5))
    seen = tuple(whole[end - count : end] for count, end in zip(counts, np.cumsum(counts).tolist(), strict=True))
    table = np.zeros(len(placed), VIEW)
    for field, values in _columns(scenes, cameras, columns, rows, seen):
        table[field] = values
    views = DeviceViews(scenes, cameras, table, _moved(device, table), (*columns, *rows), seen)
    device.launch("see_vertices", (len(views), max(counts)), views.table)
    return views


def _check_sizes(cameras: Sequence[Camera]) -> None:
    sizes = sorted({(camera.height, camera.width) for camera in cameras})
    if len(sizes) != 1:
        raise GeometryError(f"expected views of one size (height, width), got {sizes or 'none'}; place each size alone")
    height, width = sizes[0]
    if height * width >= NONE:
        raise GeometryError(f"expected an image below 2^31 pixels, got {width} x {height}; split it")


def _rays(device: Device, cameras: Sequence[Camera]) -> tuple[list[Any], list[Any]]:
    """Columns and rows of every camera as `renderers.exact.rays_of`, brought over in one go."""
    tables = [table for camera in cameras for table in rays_of(camera)]
    whole = device.xp.asarray(np.concatenate([table.ravel() for table in tables]))
    ends = np.cumsum([table.size for table in tables]).tolist()
    moved = [whole[end - table.size : end] for table, end in zip(tables, ends, strict=True)]
    return moved[::2], moved[1::2]


def _columns(
    scenes: Sequence[DeviceScene], cameras: Sequence[Camera], columns: list[Any], rows: list[Any], seen: Sequence[Any]
) -> Iterator[tuple[str, Any]]:
    """The fields of `VIEW`."""
    yield "lens", [lens_of(camera) for camera in cameras]
    yield "T", [camera.T_camera_head.ravel() for camera in cameras]
    for field, tables in (("columns", columns), ("rows", rows), ("seen", seen)):
        yield field, [address(table) for table in tables]
    yield "vertex_count", [len(scene.vertices) for scene in scenes]
    yield "face_count", [len(scene.faces) for scene in scenes]
    for field in ("vertices", "normals", "uv", "faces", "wanted", "part", "solid", "cut", "sheets", "texels"):
        yield field, [address(getattr(scene, field)) for scene in scenes]


def _moved(device: Device, rows: np.ndarray) -> Any:
    return device.xp.asarray(rows.view(np.int64).reshape(len(rows), -1))
