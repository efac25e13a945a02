"""The labels of pairs on a device, a batch of them in a few launches: the same bits as `renderers.labels`.

Arrays stay in the device's memory until `to_host` brings them over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from meshes.surface import Surface
from renderers.camera import Camera
from renderers.cuda.device import FAR_BITS, NONE, Device
from renderers.cuda.views import DeviceScene, DeviceViews, place, upload
from renderers.exact import Hits
from renderers.kernels.terms import SEEN
from renderers.labels import Correspondence, PairLabels, ViewLabels, to_layers

LANES = 4
"""Threads that share a face, as in launch.cuh."""
BIN_PX = 4


@dataclass(frozen=True, eq=False)
class Stack:
    """The labels of both views of N pairs, arrays (2 N, H, W, ...): first all near views, then all far ones.

    Attributes:
        views: the cameras before their scenes.
        hits, surface, normal, uv, part: as in `renderers.labels.ViewLabels`.
        points_head: (2 N, H, W, 3) float64 metres, 0 without surface.
        to_other: of each view to the other one of its pair.
    """

    views: DeviceViews
    hits: Hits
    surface: Any
    normal: Any
    uv: Any
    part: Any
    points_head: Any
    to_other: Correspondence

    def __len__(self) -> int:
        return len(self.views) // 2

    def pair(self, n: int) -> tuple[ViewLabels, ViewLabels, PairLabels]:
        """The labels of pair `n`, as `renderers.labels` gives them."""
        near, far = n, n + len(self)
        return self._view(near), self._view(far), PairLabels(*(row(self.to_other, view) for view in (near, far)))

    def _view(self, v: int) -> ViewLabels:
        surface, hits = self.surface[v], row(self.hits, v)
        seen = self.points_head[v][surface], hits.triangle_id[surface]
        return ViewLabels(self.views.cameras[v], hits, surface, self.normal[v], self.uv[v], self.part[v], *seen)

    def layers(self) -> dict[str, Any]:
        """Arrays (N, H, W, ...) of all pairs, by the names and in the types of `renderers.labels.to_layers`."""
        near, far = slice(0, len(self)), slice(len(self), None)
        related = PairLabels(*(row(self.to_other, half) for half in (near, far)))
        return to_layers(self._half(near), self._half(far), related)

    def _half(self, half: slice) -> "Half":
        return Half(row(self.hits, half), self.surface[half], self.normal[half], self.uv[half], self.part[half])


@dataclass(frozen=True, eq=False)
class Half:
    """The near or the far views of a stack; a `renderers.labels.Seen`."""

    hits: Hits
    surface: Any
    normal: Any
    uv: Any
    part: Any


def row(arrays: Any, where: int | slice) -> Any:
    """The same dataclass of a part of its arrays."""
    return type(arrays)(*(getattr(arrays, field.name)[where] for field in fields(arrays)))


def rasterize(device: Device, views: DeviceViews) -> Hits:
    """`renderers.exact.rasterize` of every view: nearest depth, then lowest id among equals, then weights."""
    xp, shape, pixels = device.xp, (len(views), *views.shape), int(np.prod(views.shape))
    depth = xp.full(shape, FAR_BITS, xp.uint64)
    ids = xp.full(shape, NONE, xp.int32)
    weights, depth_axis_m = xp.zeros((*shape, 3)), xp.zeros(shape)
    device.launch("nearest_depth", (len(views), LANES * views.faces), views.table, depth)
    device.launch("lowest_id", (len(views), LANES * views.faces), views.table, depth, ids)
    device.launch("resolve", (len(views), pixels), views.table, ids, weights, depth_axis_m)
    return Hits(ids, weights, depth_axis_m)


def label_pairs(device: Device, pairs: Sequence[tuple[DeviceScene, Camera, Camera]]) -> Stack:
    """All labels of pairs: scenes, each before a near and a far camera.

    Raises:
        GeometryError: as `views.place`.
    """
    near, far = [(scene, camera) for scene, camera, _ in pairs], [(scene, camera) for scene, _, camera in pairs]
    views = place(device, near + far)
    xp, shape, pixels = device.xp, (len(views), *views.shape), int(np.prod(views.shape))
    hits = rasterize(device, views)
    normal, uv = xp.zeros((*shape, 3), xp.float32), xp.zeros((*shape, 2), xp.float32)
    part, points = xp.zeros(shape, xp.uint8), xp.zeros((*shape, 3))
    device.launch(
        "attributes", (len(views), pixels), views.table, hits.triangle_id, hits.barycentric, normal, uv, part, points
    )  # fmt: skip
    to_other = _related(device, views, hits.triangle_id, points)
    return Stack(views, hits, hits.triangle_id >= 0, normal, uv, part, points, to_other)


def _related(device: Device, views: DeviceViews, ids: Any, points: Any) -> Correspondence:
    """What `renderers.labels.pair_labels` says of each view and the other one of its pair."""
    xp, shape, pixels = device.xp, (len(views), *views.shape), int(np.prod(views.shape))
    other = (xp.arange(len(views), dtype=xp.int32) + len(views) // 2) % len(views)
    there, code = visibility(device, views, other.astype(xp.int32), points, ids)
    flow, inside, visible = xp.zeros((*shape, 2)), xp.zeros(shape, bool), xp.zeros(shape, bool)
    device.launch(
        "relate", (len(views), pixels), views.table, ids, points, there, code, flow, inside, visible
    )  # fmt: skip
    return Correspondence(flow, inside, visible)


def visibility(device: Device, views: DeviceViews, other: Any, points_head: Any, own_face: Any) -> tuple[Any, Any]:
    """`renderers.exact.visibility` of points of every view, in any of the views.

    Args:
        device: where all arrays are.
        views: N of them.
        other: (N,) int32, the view that looks for the points of each.
        points_head: (N, ..., 3) float64 metres.
        own_face: (N, ...) int32, the faces that they lie on; where it is -1 is no point.

    Returns:
        The points as `other` sees them, (N, ..., 5) as `renderers.exact.see` where there are such; and codes (N, ...)
        uint8, OUTSIDE where there is no point.
    """
    xp, (height, width) = device.xp, views.shape
    bins, count = -(-width // BIN_PX) * -(-height // BIN_PX), int(np.prod(own_face.shape[1:]))
    numbers = xp.asarray(np.array([count, bins], np.int32))
    there, code = xp.empty((*own_face.shape, 5)), xp.empty(own_face.shape, xp.uint8)
    bin_of, member = xp.empty(own_face.shape, xp.int32), xp.empty(own_face.shape, xp.int32)
    held, start = xp.zeros((len(views), bins), xp.int32), xp.zeros((len(views), bins + 1), xp.int32)
    every = (views.table, other, numbers)
    device.launch("aim", (len(views), count), *every, points_head, own_face, there, code, bin_of, held)
    start[:, 1:] = xp.cumsum(held, axis=1, dtype=xp.int32)
    device.launch("fill_bins", (len(views), count), numbers, bin_of, start.copy(), member)
    lanes = LANES * views.faces
    device.launch("hide", (len(views), lanes), *every, there, own_face, start, member, code)
    return there, code


def landmarks_seen(device: Device, views: DeviceViews, marks: Sequence[tuple[np.ndarray, np.ndarray]]) -> Any:
    """(N, L) bool: which landmarks each of N views sees; see `renderers.labels.point_visibility`.

    Args:
        device: where the views are.
        views: N of them.
        marks: by view, points (L, 3) float64 metres and the faces (L,) they lie on, on the host; where L differs, the
            rows of the others end with False.
    """
    most = max(len(face) for _, face in marks)
    points, faces = np.zeros((len(marks), most, 3)), np.full((len(marks), most), -1, np.int32)
    for n, (point, face) in enumerate(marks):
        points[n, : len(face)], faces[n, : len(face)] = point, face
    xp, own = device.xp, device.xp.arange(len(views), dtype=np.int32)
    return visibility(device, views.bare(device), own, xp.asarray(points), xp.asarray(faces))[1] == SEEN


def label_pair(
    device: Device, surface: Surface, near: Camera, far: Camera
) -> tuple[ViewLabels, ViewLabels, PairLabels]:
    """Both views of a surface and what relates them, in the device's memory."""
    return label_pairs(device, [(upload(device, surface), near, far)]).pair(0)


def to_host(device: Device, labels: Any) -> Any:
    """Dataclasses of arrays, or a tuple of them, with numpy arrays in place of the device's."""
    if isinstance(labels, tuple):
        return tuple(to_host(device, item) for item in labels)
    if isinstance(labels, Camera) or not is_dataclass(labels):
        return device.xp.asnumpy(labels) if isinstance(labels, device.xp.ndarray) and device.xp is not np else labels
    values = {field.name: to_host(device, getattr(labels, field.name)) for field in fields(labels)}
    return replace(labels, **values)  # type: ignore[type-var]
