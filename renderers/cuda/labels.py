"""The labels of a pair on a device: the same dataclasses as `renderers.labels`, the same bits.

Arrays stay in the device's memory until `to_host` brings them over.
"""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from meshes.latest import Latest
from meshes.parts import Part
from meshes.surface import Surface
from renderers.camera import Camera
from renderers.cuda.device import Device
from renderers.exact import GeometryError, Hits, check_camera, check_surface, lens_of, rays_of
from renderers.kernels.terms import NEAR_M, OUTSIDE, SEEN
from renderers.labels import Correspondence, PairLabels, ViewLabels

LANES = 32
"""Threads that share a face, as in label_core.cu."""
BIN_PX = 4
_FAR_BITS = 0x7FF0000000000000
_NO_FACE = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class DeviceScene:
    """A surface in a device's memory; made by `upload`, shared by all views.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int32.
        wanted: (F,) bool, the faces that labels see.
        table: (V, 8) float64, position, normal, uv.
        part: (F,) uint8.
        cuts: face (F,) int32, uv (V, 2) float32, sheets (C, 3) int64 and texels uint8 of the alpha maps.
    """

    vertices: Any
    faces: Any
    wanted: Any
    table: Any
    part: Any
    cuts: tuple[Any, Any, Any, Any]


@dataclass(frozen=True, eq=False)
class DeviceView:
    """One camera in a device's memory: its numbers, and the surface's vertices as it sees them."""

    camera: Camera
    transform: Any
    lens: Any
    columns: Any
    rows: Any
    seen: Any

    @property
    def pixels(self) -> int:
        """Pixels of the image."""
        return self.camera.height * self.camera.width


@Latest
def upload(device: Device, surface: Surface) -> DeviceScene:
    """The surface in the device's memory; kept while the same one returns.

    Raises:
        GeometryError: as `renderers.exact.rasterize`, of surfaces.
    """
    check_surface(surface)
    move = device.xp.asarray
    offsets = np.cumsum([0, *(sheet.size for sheet in surface.cutouts)])
    sheets = [(offset, *sheet.shape) for offset, sheet in zip(offsets, surface.cutouts, strict=False)]
    texels = np.concatenate([np.zeros(1, np.uint8), *(sheet.ravel() for sheet in surface.cutouts)])[1:]
    table = np.concatenate([surface.vertices, surface.normals, surface.uv], axis=1, dtype=np.float64)
    return DeviceScene(
        vertices=move(np.ascontiguousarray(surface.vertices, np.float64)),
        faces=move(np.ascontiguousarray(surface.faces, np.int32)),
        wanted=move(np.ascontiguousarray(surface.face_label)),
        table=move(table),
        part=move(np.ascontiguousarray(surface.part, np.uint8)),
        cuts=(
            move(np.ascontiguousarray(surface.cutout, np.int32)),
            move(np.ascontiguousarray(surface.uv, np.float32)),
            move(np.array(sheets, np.int64).reshape(-1, 3)),
            move(texels),
        ),
    )


def resident(device: Device, vertices: Any, normals: Any, uv: Any, faces: Any, wanted: Any, part: Any) -> DeviceScene:
    """A scene without alpha maps whose arrays, as in `Surface` and `DeviceScene`, are in the device's memory already.

    Raises:
        GeometryError: vertices that are not finite; the tables are the caller's to keep right.
    """
    xp = device.xp
    if not bool(xp.isfinite(vertices).all()):
        raise GeometryError("expected finite vertices, got some on the device that are not; repair what poses them")
    table = xp.concatenate([vertices, normals.astype(xp.float64), uv.astype(xp.float64)], axis=1)
    uncut = (xp.full(len(faces), -1, xp.int32), uv, xp.zeros((0, 3), xp.int64), xp.zeros(0, xp.uint8))
    return DeviceScene(vertices, faces, wanted, table, part, uncut)


def place(device: Device, scene: DeviceScene, camera: Camera) -> DeviceView:
    """A camera before a scene.

    Raises:
        GeometryError: as `renderers.exact.rasterize`, of cameras, and for images of 2^31 pixels and more.
    """
    check_camera(camera)
    return place_checked(device, scene, camera)


def place_checked(device: Device, scene: DeviceScene, camera: Camera) -> DeviceView:
    """`place` for a scene and a camera that a raster has accepted already.

    Raises:
        GeometryError: an image of 2^31 pixels and more.
    """
    if camera.height * camera.width >= _NO_FACE:
        raise GeometryError(f"expected an image below 2^31 pixels, got {camera.width} x {camera.height}; split it")
    move = device.xp.asarray
    lens = move(np.array(lens_of(camera), np.float64))
    columns, rows = (move(table) for table in rays_of(camera))
    transform = move(np.ascontiguousarray(camera.T_camera_head, np.float64))
    view = DeviceView(camera, transform, lens, columns, rows, None)
    return replace(view, seen=see(device, view, scene.vertices))


def see(device: Device, view: DeviceView, points_head: Any) -> Any:
    """(N, 5) float64 of points (N, 3): camera x, y, z in metres, then image u, v in pixels."""
    seen = device.xp.zeros((len(points_head), 5))
    device.launch("see", len(points_head), points_head, view.transform, view.lens, seen)
    return seen


def _scene(scene: DeviceScene, view: DeviceView) -> tuple[Any, ...]:
    return (view.seen, scene.faces, scene.wanted, view.lens, *scene.cuts)


def rasterize(device: Device, scene: DeviceScene, view: DeviceView) -> Hits:
    """`renderers.exact.rasterize` on a device: nearest depth, then lowest id among equals, then weights."""
    xp, shape = device.xp, (view.camera.height, view.camera.width)
    depth = xp.full(shape, _FAR_BITS, xp.uint64)
    ids = xp.full(shape, _NO_FACE, xp.int32)
    weights, depth_axis_m = xp.zeros((*shape, 3)), xp.zeros(shape)
    what, lanes = _scene(scene, view), LANES * len(scene.faces)
    device.launch("nearest_depth", lanes, *what, view.columns, view.rows, depth)
    device.launch("lowest_id", lanes, *what, view.columns, view.rows, depth, ids)
    device.launch("resolve", view.pixels, *what, view.columns, view.rows, ids, weights, depth_axis_m)
    return Hits(ids, weights, depth_axis_m)


def view_labels(device: Device, scene: DeviceScene, view: DeviceView) -> ViewLabels:
    """`renderers.labels.view_labels` on a device."""
    xp, shape = device.xp, (view.camera.height, view.camera.width)
    hits = rasterize(device, scene, view)
    normal, uv = xp.zeros((*shape, 3), xp.float32), xp.zeros((*shape, 2), xp.float32)
    part, points = xp.zeros(shape, xp.uint8), xp.zeros((*shape, 3))
    carried = (scene.faces, scene.table, scene.part, view.transform)
    device.launch(
        "attributes", view.pixels, hits.triangle_id, hits.barycentric, *carried, normal, uv, part, points
    )  # fmt: skip
    surface = hits.triangle_id >= 0
    return ViewLabels(view.camera, hits, surface, normal, uv, part, points[surface], hits.triangle_id[surface])


def visibility(device: Device, scene: DeviceScene, view: DeviceView, seen_points: Any, own_face: Any) -> Any:
    """`renderers.exact.visibility` on a device: (N,) uint8 codes of points (N, 5) from `see`."""
    xp, camera, count = device.xp, view.camera, len(seen_points)
    bins = -(-camera.width // BIN_PX) * -(-camera.height // BIN_PX)
    code, bin_of = xp.zeros(count, xp.uint8), xp.zeros(count, xp.int32)
    held = xp.zeros(bins, xp.int32)
    device.launch("bin_points", count, seen_points, view.lens, code, bin_of, held)
    start = xp.zeros(bins + 1, xp.int32)
    start[1:] = xp.cumsum(held)
    member = xp.zeros(max(count, 1), xp.int32)
    device.launch("fill_bins", count, bin_of, start.copy(), member)
    lanes = LANES * len(scene.faces)
    device.launch("hide", lanes, *_scene(scene, view), seen_points, own_face, start, member, code)
    return code


def without_facial_hair(scene: DeviceScene) -> DeviceScene:
    """The scene with its brows, lashes and beards clear, as `renderers.labels.point_visibility` looks for landmarks."""
    hairs = (scene.part == Part.BROWS) | (scene.part == Part.LASHES) | (scene.part == Part.BEARD)
    return replace(scene, wanted=scene.wanted & ~hairs)


def pair_labels(
    device: Device, scene: DeviceScene, views: tuple[DeviceView, DeviceView], labels: tuple[ViewLabels, ViewLabels]
) -> PairLabels:
    """`renderers.labels.pair_labels` on a device, of (near, far)."""
    (near, far), (near_labels, far_labels) = views, labels
    return PairLabels(
        _correspondence(device, scene, near, far, near_labels), _correspondence(device, scene, far, near, far_labels)
    )


def _correspondence(
    device: Device, scene: DeviceScene, a: DeviceView, b: DeviceView, labels: ViewLabels
) -> Correspondence:
    xp, points = device.xp, labels.points_head
    seen_a, seen_b = see(device, a, points), see(device, b, points)
    code = visibility(device, scene, b, seen_b, labels.face)
    moved = xp.where(seen_b[:, 2:3] > NEAR_M, seen_b[:, 3:] - seen_a[:, 3:], 0.0)
    flow = xp.zeros((*labels.surface.shape, 2))
    inside, visible = xp.zeros(labels.surface.shape, bool), xp.zeros(labels.surface.shape, bool)
    flow[labels.surface] = moved
    inside[labels.surface], visible[labels.surface] = code != OUTSIDE, code == SEEN
    return Correspondence(flow, inside, visible)


def label_pair(
    device: Device, surface: Surface, near: Camera, far: Camera
) -> tuple[ViewLabels, ViewLabels, PairLabels]:
    """Both views of a surface and what relates them, in the device's memory."""
    scene = upload(device, surface)
    a, b = place(device, scene, near), place(device, scene, far)
    labels = view_labels(device, scene, a), view_labels(device, scene, b)
    return (*labels, pair_labels(device, scene, (a, b), labels))


def to_host(device: Device, labels: Any) -> Any:
    """Dataclasses of arrays, or a tuple of them, with numpy arrays in place of the device's."""
    if isinstance(labels, tuple):
        return tuple(to_host(device, item) for item in labels)
    if isinstance(labels, Camera) or not is_dataclass(labels):
        return device.xp.asnumpy(labels) if isinstance(labels, device.xp.ndarray) and device.xp is not np else labels
    values = {field.name: to_host(device, getattr(labels, field.name)) for field in fields(labels)}
    return replace(labels, **values)  # type: ignore[type-var]
