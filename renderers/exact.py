"""The label core: which face each pixel centre sees, and which points a camera sees, in exact float64.

Every geometric label derives from triangle id + barycentrics at pixel centres; the truth is `renderers.oracle`.
"""

from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np

from meshes.errors import UserError
from meshes.surface import Surface
from renderers.camera import Camera, pixel_rays
from renderers.kernels import points as point_loops
from renderers.kernels import triangles as triangle_loops
from renderers.kernels.terms import HIDDEN, NEAR_M, OUTSIDE, SEEN, Lens

__all__ = [
    "HIDDEN",
    "NEAR_M",
    "OUTSIDE",
    "SEEN",
    "GeometryError",
    "Hits",
    "check",
    "check_camera",
    "check_surface",
    "interpolate",
    "lens_of",
    "rasterize",
    "rays_of",
    "see",
    "visibility",
]

Shells = Literal["label", "clear"]
"""Which faces a raster sees: those of the labels, or the transparent shells they look through."""


MAX_SIDE_PX = np.iinfo(np.uint16).max
"""The kernels keep rows and columns in 16 bits."""


class GeometryError(UserError):
    """A surface or an image that cannot be rasterised; the message says expected, got, next step."""


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

    Both sides of a face are seen. Alpha-mapped faces are cut at the nearest texel of the exact uv. A centre on the
    edge of two faces belongs to one of them. For n x n supersampling pass `supersampled(camera, n)`.

    Args:
        surface: the scene.
        camera: the view.
        shells: "label" sees all faces but transparent shells, "clear" those alone (for colour).

    Raises:
        GeometryError: non-finite vertices, faces or alpha maps out of range, tables of the wrong length, or a camera
            without pixels, with a skew or with numbers that are not finite.
    """
    check(surface, camera)
    seen, faces = see(camera, surface.vertices), _faces(surface)
    order, boxes = triangle_loops.candidates(seen, faces, _wanted(surface, shells), lens_of(camera))
    columns, rows = rays_of(camera)
    cuts = _cuts(surface)
    return Hits(*triangle_loops.raster(seen, faces, order, boxes, columns, rows, camera.orthographic, cuts))


def visibility(
    surface: Surface,
    camera: Camera,
    points_head: np.ndarray,
    own_face: np.ndarray,
    seen_points: np.ndarray | None = None,
) -> np.ndarray:
    """Whether the camera sees points of the surface: in front, in the frame, and nothing nearer on the ray.

    Exact, by an irregular z-buffer: no depth map, and no tolerance beyond the rounding of the point itself.

    Args:
        surface: the scene; transparent shells hide nothing.
        camera: the view.
        points_head: (N, 3) float64 metres.
        own_face: (N,) int32, the face each point lies on, which cannot hide it; -1 for a point in the air.
        seen_points: `see(camera, points_head)` where it is at hand.

    Returns:
        (N,) uint8: SEEN, HIDDEN, or OUTSIDE the frame or not in front of the camera.

    Raises:
        GeometryError: as `rasterize`, and where faces and points differ in number.
    """
    check(surface, camera)
    if len(own_face) != len(points_head):
        raise GeometryError(f"expected a face for each of {len(points_head)} points, got {len(own_face)}; -1 is none")
    points, lens = see(camera, points_head) if seen_points is None else seen_points, lens_of(camera)
    code, bins = triangle_loops.gather(points, _array(own_face, np.int32), lens)
    seen, wanted = see(camera, surface.vertices), _wanted(surface, "label")
    triangle_loops.hide(seen, _faces(surface), wanted, lens, _cuts(surface), points, bins, code)
    return code


def see(camera: Camera, points_head: np.ndarray) -> np.ndarray:
    """`project`, compiled: (N, 5) float64 of points (N, 3), camera x, y, z in metres, then image u, v in pixels."""
    T = _array(camera.T_camera_head, np.float64)
    return point_loops.see(_array(points_head, np.float64), T, lens_of(camera))


def rays_of(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the pixel centres' rays: `pixel_rays`, or through a lens `pixel_directions` as two (H, W) float64.

    Raises:
        GeometryError: the lens does not show all of the frame, as K was changed in place.
    """
    if camera.distortion is None:
        return pixel_rays(camera)
    x, y = point_loops.pixel_directions(lens_of(camera))
    if np.isnan(x).any():
        raise GeometryError(
            f"expected a lens that shows all of the frame, got {camera.distortion} with K {camera.K.tolist()}; "
            "make a new camera, dataclasses.replace(camera, K=...), which checks"
        )
    return x, y


def interpolate(surface: Surface, camera: Camera, hits: Hits) -> tuple[np.ndarray, ...]:
    """What the hits of a view carry: surface, normal, uv, part, points_head and face of `labels.ViewLabels`."""
    table = np.concatenate([surface.vertices, surface.normals, surface.uv], axis=1, dtype=np.float64)
    part, T = _array(surface.part, np.uint8), _array(camera.T_camera_head, np.float64)
    return point_loops.attributes(hits.triangle_id, hits.barycentric, _faces(surface), table, part, T)


def check(surface: Surface, camera: Camera) -> None:
    """Refuses what would read outside an array or mean nothing; raises GeometryError (see `rasterize`)."""
    check_surface(surface)
    check_camera(camera)


def check_surface(surface: Surface) -> None:
    """The part of `check` that no camera has to do with."""
    _check_tables(surface)
    vertices, faces = surface.vertices, surface.faces
    if faces.size and not (faces.min() >= 0 and faces.max() < len(vertices)):
        raise GeometryError(
            f"expected face corners in 0 .. {len(vertices) - 1}, got {faces.min()} .. {faces.max()}; "
            "drop the faces whose vertices are missing"
        )
    for name in ("vertices", "normals", "uv"):
        if not np.isfinite(rows := getattr(surface, name)).all():
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            raise GeometryError(
                f"expected finite {name}, got {len(bad)} that are not (the first is {bad[0]}); repair the mesh"
            )


def check_camera(camera: Camera) -> None:
    """The part of `check` that is about the camera."""
    if not (0 < camera.height <= MAX_SIDE_PX and 0 < camera.width <= MAX_SIDE_PX):
        raise GeometryError(
            f"expected an image of 1 to {MAX_SIDE_PX} pixels a side, got {camera.width} x {camera.height}; "
            "set the camera's height and width"
        )
    K, T = camera.K, camera.T_camera_head
    if not (np.isfinite(K).all() and np.isfinite(T).all() and K[0, 0] > 0 and K[1, 1] > 0 and K[0, 1] == 0):
        raise GeometryError(
            f"expected a finite camera with positive focal lengths and no skew, got K {K.tolist()}, "
            f"T_camera_head {T.tolist()}; build it with intrinsics(...) and look_at(...)"
        )


def _check_tables(surface: Surface) -> None:
    V, F = len(surface.vertices), len(surface.faces)
    for name, rows in (("normals", V), ("uv", V), ("part", F), ("material", F), ("cutout", F)):
        if len(getattr(surface, name)) != rows:
            raise GeometryError(
                f"expected {rows} rows of {name} for {V} vertices and {F} faces, got {len(getattr(surface, name))}; "
                "give one to each"
            )
    if F and surface.cutout.max() >= len(surface.cutouts):
        raise GeometryError(
            f"expected cutouts 0 .. {surface.cutout.max()}, got {len(surface.cutouts)} alpha maps; add the missing ones"
        )


def _array(values: np.ndarray, dtype: type) -> np.ndarray:
    """Contiguous and writable, the one layout the kernels are compiled for; copies only where it must."""
    return np.require(values, dtype, ["C", "W"])


def _faces(surface: Surface) -> np.ndarray:
    return _array(surface.faces, np.int32).view(np.uint32)


def _wanted(surface: Surface, shells: Shells) -> np.ndarray:
    return surface.face_label if shells == "label" else ~surface.face_label


def lens_of(camera: Camera) -> Lens:
    """The camera's numbers as the kernels take them."""
    fx, fy, cx, cy = (float(camera.K[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    lens = Lens(fx, fy, cx, cy, camera.height, camera.width, camera.orthographic)
    if camera.distortion is None:
        return lens
    k1, k2, p1, p2, k3 = (float(value) for value in astuple(camera.distortion))
    return lens._replace(distorted=True, k1=k1, k2=k2, p1=p1, p2=p2, k3=k3, reach=camera.distortion.reach)


def _cuts(surface: Surface) -> triangle_loops.Cuts:
    offsets = np.cumsum([0, *(sheet.size for sheet in surface.cutouts)])
    sheets = [(offset, *sheet.shape) for offset, sheet in zip(offsets, surface.cutouts, strict=False)]
    return triangle_loops.Cuts(
        _array(surface.cutout, np.int32),
        _array(surface.uv, np.float32),
        np.array(sheets, np.int64).reshape(-1, 3),
        np.concatenate([np.zeros(0, np.uint8), *(sheet.ravel() for sheet in surface.cutouts)]),
    )
