"""The label core: which triangle each pixel centre sees, and which points a camera sees, in exact float64.

Everything geometric derives from triangle id + barycentrics at pixel centres; see docs/conventions.md.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from meshes.surface import Surface
from renderers.camera import Camera, pixel_rays
from renderers.kernels import exact as kernels

VISIBLE, HIDDEN, OUTSIDE = np.uint8(kernels.SEEN), np.uint8(kernels.HIDDEN), np.uint8(kernels.OUTSIDE)
"""What `visibility` says of a point."""

Shells = Literal["label", "clear"]


class GeometryError(ValueError):
    """A surface or camera that cannot be rasterised; the message says expected, got, next step."""


@dataclass(frozen=True, eq=False)
class Hits:
    """What the pixel centres of one view see.

    Attributes:
        triangle_id: (H, W) int32, index into `surface.faces`; -1 without surface.
        barycentric: (H, W, 3) float64, perspective-correct weights of the face's corners; 0 without surface.
        depth_axis_m: (H, W) float64, metres along the camera's +Z; 0 without surface.
    """

    triangle_id: np.ndarray
    barycentric: np.ndarray
    depth_axis_m: np.ndarray


def rasterize(surface: Surface, camera: Camera, shells: Shells = "label") -> Hits:
    """The nearest face at every pixel centre; of equally near faces the one with the lowest id.

    Both sides of a face are seen. Alpha-mapped faces are cut at the nearest texel of the exact uv. A centre on an
    edge of two faces belongs to one of them. For n x n supersampling pass `supersampled(camera, n)`.

    Args:
        surface: the scene.
        camera: the view.
        shells: "label" sees every face but transparent shells, "clear" transparent shells alone (colour only).

    Raises:
        GeometryError: non-finite vertices, faces out of range, or a camera without an image.
    """
    lens, seen = _lens(camera), _see_vertices(surface, camera)
    faces = _array(surface.faces, np.int32)
    order, boxes = kernels.candidates(seen, faces, _wanted(surface, shells), lens)
    columns, rows = pixel_rays(camera)
    return Hits(
        *kernels.raster(seen, faces, order, boxes, columns, rows, camera.orthographic, _cuts(surface))
    )


def visibility(surface: Surface, camera: Camera, points_head: np.ndarray, own_face: np.ndarray) -> np.ndarray:
    """Whether the camera sees points of the surface: nothing nearer on the ray, in the frame, in front.

    Exact, by an irregular z-buffer: no depth map, no tolerance beyond the rounding of the point itself.

    Args:
        surface: the scene; transparent shells hide nothing.
        camera: the view.
        points_head: (N, 3) float64 metres.
        own_face: (N,) int32, the face each point lies on, which cannot hide it; -1 for a point in the air.

    Returns:
        (N,) uint8: 0 visible, 1 hidden, 2 outside the frame or not in front of the camera.
    """
    lens, own = _lens(camera), _array(own_face, np.int32)
    points = kernels.see(_array(points_head, np.float64), _array(camera.T_camera_head, np.float64), lens)
    code, member, start, table = kernels.sort_points(points, own, lens)
    kernels.hide(
        _see_vertices(surface, camera), _array(surface.faces, np.int32), _wanted(surface, "label"), lens, _cuts(surface),
        own, code, member, start, table,
    )  # fmt: skip
    return code


def surface_points(surface: Surface, hits: Hits) -> tuple[np.ndarray, np.ndarray]:
    """The seen points, row by row: (N, 3) float64 metres in the head frame, and (N,) int32 faces they lie on."""
    seen = hits.triangle_id >= 0
    face, weight = hits.triangle_id[seen], hits.barycentric[seen]
    a, b, c = (surface.vertices[surface.faces[face, corner]] for corner in range(3))
    return (weight[:, :1] * a + weight[:, 1:2] * b) + weight[:, 2:] * c, face


def _array(values: np.ndarray, dtype: type) -> np.ndarray:
    """Contiguous and writable, the one layout the kernels are compiled for; copies only where it must."""
    return np.require(values, dtype, ["C", "W"])


def _lens(camera: Camera) -> kernels.Lens:
    K = camera.K
    return kernels.Lens(
        float(K[0, 0]),
        float(K[1, 1]),
        float(K[0, 2]),
        float(K[1, 2]),
        camera.height,
        camera.width,
        camera.orthographic,
    )


def _see_vertices(surface: Surface, camera: Camera) -> np.ndarray:
    return kernels.see(
        _array(surface.vertices, np.float64), _array(camera.T_camera_head, np.float64), _lens(camera)
    )


def _wanted(surface: Surface, shells: Shells) -> np.ndarray:
    return surface.face_label if shells == "label" else ~surface.face_label


def _cuts(surface: Surface) -> kernels.Cuts:
    sizes = [sheet.size for sheet in surface.cutouts]
    offsets = np.cumsum([0, *sizes])[:-1]
    sheets = [(offset, *sheet.shape) for offset, sheet in zip(offsets, surface.cutouts, strict=True)]
    return kernels.Cuts(
        _array(surface.cutout, np.int32),
        _array(surface.uv, np.float32),
        np.array(sheets, np.int64).reshape(-1, 3),
        np.concatenate([np.zeros(0, np.uint8), *(sheet.ravel() for sheet in surface.cutouts)]),
    )
