"""The truth that the label core is tested against: brute force, every ray against every triangle, in float64.

No raster, no tree, no projection of triangles; plain Moeller-Trumbore. Written to be read, not to be fast.
"""

from collections.abc import Iterator

import numpy as np

from meshes.surface import Surface
from renderers.camera import Camera, directions_through
from renderers.exact import HIDDEN, NEAR_M, OUTSIDE, SEEN
from renderers.lens import distort


def first_hits(surface: Surface, camera: Camera, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the given pixel centres see.

    Args:
        surface: the scene; transparent shells are looked through, alpha-mapped faces are cut.
        camera: the view.
        pixels: (N, 2) int, rows and columns.

    Returns:
        triangle_id (N,) int32, -1 for none; barycentric (N, 3) float64; depth_axis_m (N,) float64; 0 for none.
    """
    labelled = np.flatnonzero(surface.face_label)
    corners = surface.vertices[surface.faces[labelled]]
    triangle_id = np.full(len(pixels), -1, np.int32)
    barycentric, depth = np.zeros((len(pixels), 3)), np.zeros(len(pixels))
    for n, (origin, direction) in enumerate(rays(camera, pixels)):
        t, weights = intersect(origin, direction, corners)
        t[~(t > NEAR_M)] = np.inf
        t[~kept(surface, labelled, weights)] = np.inf
        nearest = int(np.argmin(t))  # Of equal depths argmin takes the first, which is the lowest face id.
        if t[nearest] < np.inf:
            triangle_id[n], barycentric[n], depth[n] = labelled[nearest], weights[nearest], t[nearest]
    return triangle_id, barycentric, depth


def point_codes(surface: Surface, camera: Camera, points_head: np.ndarray, own_face: np.ndarray) -> np.ndarray:
    """(N,) uint8 SEEN, HIDDEN or OUTSIDE of points (N, 3) on faces (N,): the segment from the camera to each."""
    labelled = np.flatnonzero(surface.face_label)
    corners = surface.vertices[surface.faces[labelled]]
    code = np.full(len(points_head), OUTSIDE, np.uint8)
    for n, point in enumerate(points_head):
        origin, direction, depth = ray_through(camera, point)
        if not in_frame(camera, point, depth):
            continue
        t, weights = intersect(origin, direction, corners)
        nearer = (t > NEAR_M) & (t < depth * (1 - 1e-9)) & (labelled != own_face[n])
        code[n] = HIDDEN if (nearer & kept(surface, labelled, weights)).any() else SEEN
    return code


def rays(camera: Camera, pixels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Origin and direction (3,) in the head frame of each pixel centre's ray; the parameter is depth along +Z."""
    R, t = camera.T_camera_head[:3, :3], camera.T_camera_head[:3, 3]
    for x, y in directions_through(camera, pixels[:, ::-1] + 0.5):
        start, along = ((x, y, 0.0), (0.0, 0.0, 1.0)) if camera.orthographic else ((0.0, 0.0, 0.0), (x, y, 1.0))
        yield R.T @ (np.array(start) - t), R.T @ np.array(along)


def ray_through(camera: Camera, point_head: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Origin, direction and parameter (depth along +Z) of the ray that meets a head point."""
    R, t = camera.T_camera_head[:3, :3], camera.T_camera_head[:3, 3]
    x, y, z = R @ point_head + t
    if camera.orthographic:
        return R.T @ (np.array([x, y, 0.0]) - t), R.T @ np.array([0.0, 0.0, 1.0]), z
    return -R.T @ t, R.T @ np.array([x / z, y / z, 1.0]), z


def in_frame(camera: Camera, point_head: np.ndarray, depth: float) -> bool:
    """Whether a head point at `depth` along +Z is in front of the camera and projects into its image."""
    x, y, z = camera.T_camera_head[:3, :3] @ point_head + camera.T_camera_head[:3, 3]
    shown = np.array([x, y] if camera.orthographic else [x / z, y / z])
    x, y = shown if camera.distortion is None else distort(camera.distortion, shown)
    u, v, _ = camera.K @ (x, y, 1.0)
    return bool(depth > NEAR_M and 0 <= u < camera.width and 0 <= v < camera.height)


def intersect(origin: np.ndarray, direction: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One ray against all triangles.

    Moeller and Trumbore, "Fast, minimum storage ray-triangle intersection", 1997; edges count as inside.

    Args:
        origin, direction: (3,) float64.
        corners: (F, 3, 3) float64.

    Returns:
        t (F,) float64, inf where the ray misses; weights (F, 3) float64 of the corners.
    """
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    P = np.cross(direction, edge2)
    det = (edge1 * P).sum(axis=1)
    T = origin - corners[:, 0]
    Q = np.cross(T, edge1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (T * P).sum(axis=1) / det
        v = Q @ direction / det
        t = (edge2 * Q).sum(axis=1) / det
    inside = (det != 0) & (u >= 0) & (v >= 0) & (u + v <= 1)
    return np.where(inside, t, np.inf), np.stack([1 - u - v, u, v], axis=1)


def kept(surface: Surface, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(F,) bool: whether the alpha map of each face (F,) leaves the point with weights (F, 3) standing."""
    stands = np.ones(len(faces), bool)
    for n in np.flatnonzero(surface.cutout[faces] >= 0):
        u, v = weights[n] @ surface.uv[surface.faces[faces[n]]].astype(np.float64)
        alpha = surface.cutouts[surface.cutout[faces[n]]]
        height, width = alpha.shape
        column = np.clip(np.nan_to_num(u * width), 0, width - 1)
        row = np.clip(np.nan_to_num((1 - v) * height), 0, height - 1)
        stands[n] = alpha[int(row), int(column)] >= 128
    return stands
