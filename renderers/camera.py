"""Cameras: OpenCV axes, pixel corners at integers, and the dolly rule that pairs a near and a far view.

Pixel (row r, column c) is sampled at image coordinates (c + 0.5, r + 0.5).
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from meshes.elementary import hypot, product
from renderers.lens import CameraError, Distortion, distort, fits, undistort

FULL_FRAME_MM = (36.0, 24.0)
"""Width and height of the 3:2 frame that 35 mm-equivalent focal lengths refer to."""

NOMINAL_DISTANCE_M = 1.6
"""Where the plane z = 0 of an orthographic camera stands before its target: as far as the usual far camera."""

_EXPORT_IDEAL = "export renderers.resample.ideal(camera) and bend its picture with through_lens"


@dataclass(frozen=True, eq=False)
class Camera:
    """One view.

    Attributes:
        K: (3, 3) float64. Perspective: pixels, p = (K00 x/z + K02, K11 y/z + K12).
            Orthographic: pixels per metre, p = (K00 x + K02, K11 y + K12).
        T_camera_head: (4, 4) float64, maps head points into the camera frame (+X right, +Y down, +Z forward).
        height, width: pixels.
        kind: "perspective" or "orthographic" (a camera at infinity; depth is then measured from the plane
            z = 0 of the camera frame).
        distortion: what its lens does to (x/z, y/z) before K; None is a pinhole.

    Raises:
        CameraError: a distortion of an orthographic camera, or one that cannot be undone all over the frame.
    """

    K: np.ndarray
    T_camera_head: np.ndarray
    height: int
    width: int
    kind: Literal["perspective", "orthographic"] = "perspective"
    distortion: Distortion | None = None

    def __post_init__(self) -> None:
        if self.distortion is None:
            return
        if self.orthographic:
            raise CameraError(
                f"expected no distortion of an orthographic camera, got {self.distortion}; "
                "it has no lens: set distortion=None"
            )
        if not fits(self.distortion, self.K, self.height, self.width):
            raise CameraError(
                f"expected a lens that shows all of a frame of {self.width} x {self.height} pixels with K "
                f"{np.asarray(self.K).tolist()}, got {self.distortion}, which folds over {self.distortion.reach:.3f} "
                "focal lengths off its axis; weaken it (distortion.scaled(0.5)), lengthen the focal length or crop"
            )

    @property
    def orthographic(self) -> bool:
        """True for a camera at infinity."""
        return self.kind == "orthographic"


def intrinsics(focal_px: float, principal_px: tuple[float, float]) -> np.ndarray:
    """K (3, 3) float64 with square pixels; for an orthographic camera `focal_px` is pixels per metre."""
    return np.array([[focal_px, 0.0, principal_px[0]], [0.0, focal_px, principal_px[1]], [0.0, 0.0, 1.0]])


def focal_px_from_mm35(focal_mm35: float, height: int, crop: float = 1.0) -> float:
    """Focal length in pixels when `height` pixels show the fraction `crop` of a 3:2 frame's 24 mm height."""
    return focal_mm35 * height / (FULL_FRAME_MM[1] * crop)


def focal_mm35_from_px(focal_px: float, height: int, crop: float = 1.0) -> float:
    """Inverse of `focal_px_from_mm35`."""
    return focal_px * FULL_FRAME_MM[1] * crop / height


def look_at(target: np.ndarray, distance_m: float, view_rotation: np.ndarray) -> np.ndarray:
    """T_camera_head of a camera `distance_m` from `target`, optical axis through it.

    Args:
        target: (3,) float64 metres, head frame.
        distance_m: camera centre to target.
        view_rotation: (3, 3) float64; turns the frontal camera (on +Z of the head, upright) about the target.

    Returns:
        (4, 4) float64.
    """
    camera_from_front = np.diag([1.0, -1.0, -1.0])  # The person's left (+X) is on the image's right.
    R = product(camera_from_front, view_rotation.T)
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = np.array([0.0, 0.0, distance_m]) - product(R, target)
    return T


def dolly_camera(camera: Camera, target: np.ndarray, distance_m: float) -> Camera:
    """The same view from another distance, with the plane through `target` kept at its size and place.

    Rotation, principal point and frame stay; focal length over distance stays, so `target` and every point of
    its plane across the optical axis project to the same pixel in both views, as far as these are ideal: the view
    returned is, whatever lens `camera` has. `dataclasses.replace(view, distortion=...)` gives it one of its own.

    Args:
        camera: a view whose optical axis passes through `target`.
        target: (3,) float64 metres, head frame; the eye midpoint of a portrait.
        distance_m: camera centre to target; `math.inf` gives an orthographic camera.

    Raises:
        CameraError: the target is off the optical axis or not in front, or the distance is not positive.
    """
    x, y, old_distance_m = transform_points(camera.T_camera_head, target[None])[0]
    if not old_distance_m > 0 or hypot(x, y) > 1e-6 * old_distance_m:
        raise CameraError(
            f"expected a target on the optical axis, got ({x:.6g}, {y:.6g}, {old_distance_m:.6g}) m in the "
            "camera frame; aim the camera with look_at(target, ...) first"
        )
    if not distance_m > 0:
        raise CameraError(f"expected a distance above 0 m, got {distance_m}; use math.inf for a camera at infinity")
    px_per_m = camera.K[:2, :2] / (1.0 if camera.orthographic else old_distance_m)
    at_infinity = np.isinf(distance_m)
    K, T = camera.K.copy(), camera.T_camera_head.copy()
    K[:2, :2] = px_per_m * (1.0 if at_infinity else distance_m)
    T[2, 3] += (NOMINAL_DISTANCE_M if at_infinity else distance_m) - old_distance_m
    return Camera(K, T, camera.height, camera.width, "orthographic" if at_infinity else "perspective")


def supersampled(camera: Camera, n: int) -> Camera:
    """The camera with every pixel split into n x n: sample (n r + i, n c + j) lies inside pixel (r, c)."""
    K = camera.K * np.array([[n], [n], [1.0]])
    return replace(camera, K=K, height=camera.height * n, width=camera.width * n)


def transform_points(T: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply a rigid transform in one fixed order of operations, ((r0 x + r1 y) + r2 z) + t.

    A matrix product of a library promises neither its order nor the absence of fused multiply-adds; these bits
    are the same everywhere.

    Args:
        T: (4, 4) float64.
        points: (N, 3) float64.

    Returns:
        (N, 3) float64.
    """
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    return np.stack([((T[i, 0] * x + T[i, 1] * y) + T[i, 2] * z) + T[i, 3] for i in range(3)], axis=1)


def project(camera: Camera, points_head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where head points appear.

    Args:
        camera: the view.
        points_head: (N, 3) float64 metres.

    Returns:
        pixels (N, 2) float64, continuous image coordinates (x right, y down), without meaning where the depth is
        not positive; depth (N,) float64 metres along the camera's +Z.
    """
    x, y, z = transform_points(camera.T_camera_head, points_head).T
    w = np.ones_like(z) if camera.orthographic else z
    with np.errstate(all="ignore"):
        shown = np.stack([x / w, y / w], axis=1)
        shown = shown if camera.distortion is None else distort(camera.distortion, shown)
        return _pixels_of(camera, shown), z


def _pixels_of(camera: Camera, shown: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of (x/w, y/w) as the lens shows them."""
    K = camera.K
    return np.stack([K[0, 0] * shown[..., 0] + K[0, 2], K[1, 1] * shown[..., 1] + K[1, 2]], axis=-1)


def directions_through(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Rays through pixels (..., 2): (x, y) float64 of the same shape, to be read as in `pixel_rays`.

    NaN where the lens shows nothing, which is nowhere in the frame.
    """
    K = camera.K
    shown = np.stack([(pixels[..., 0] - K[0, 2]) / K[0, 0], (pixels[..., 1] - K[1, 2]) / K[1, 1]], axis=-1)
    return shown if camera.distortion is None else undistort(camera.distortion, shown)


def pixel_directions(camera: Camera) -> np.ndarray:
    """`pixel_rays` of any camera, with a lens or without: (H, W, 2) float64, x and y of each pixel centre's ray."""
    u, v = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    return directions_through(camera, np.stack([u, v], axis=-1))


def unproject(camera: Camera, pixels: np.ndarray, depth_axis_m: np.ndarray) -> np.ndarray:
    """Head points (N, 3) float64 metres seen at pixels (N, 2) with depths (N,) along +Z: `project` undone.

    NaN where the lens shows nothing, which is nowhere in the frame.
    """
    T = camera.T_camera_head
    scale = np.ones_like(depth_axis_m) if camera.orthographic else depth_axis_m
    x, y = directions_through(camera, pixels).T * scale
    head_from_camera = np.eye(4)
    head_from_camera[:3, :3] = T[:3, :3].T
    shifted = np.stack([x - T[0, 3], y - T[1, 3], depth_axis_m - T[2, 3]], axis=1)
    return transform_points(head_from_camera, shifted)


def pixel_rays(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Camera-frame x of each column (width,) and y of each row (height,) of the pixel centres.

    Perspective: the ray through (r, c) is (columns[c], rows[r], 1) times depth. Orthographic: it starts at
    (columns[c], rows[r], 0) metres and runs along +Z.

    Raises:
        CameraError: the camera has a distortion, which bends its rows and columns.
    """
    refuse_distortion(camera, "pixel_rays", "use pixel_directions(camera), or renderers.resample.ideal(camera)")
    columns = (np.arange(camera.width) + 0.5 - camera.K[0, 2]) / camera.K[0, 0]
    rows = (np.arange(camera.height) + 0.5 - camera.K[1, 2]) / camera.K[1, 1]
    return columns, rows


def depth_ray_m(camera: Camera, depth_axis_m: np.ndarray) -> np.ndarray:
    """Distance along each pixel's ray (H, W) from the depth along +Z (H, W), both metres; 0 stays 0."""
    if camera.orthographic:
        return depth_axis_m.copy()
    if camera.distortion is not None:
        x, y = np.moveaxis(pixel_directions(camera), -1, 0)
        return depth_axis_m * np.sqrt(x**2 + y**2 + 1.0)
    columns, rows = pixel_rays(camera)
    return depth_axis_m * np.sqrt(columns[None, :] ** 2 + rows[:, None] ** 2 + 1.0)


def refuse_distortion(camera: Camera, what: str, next_step: str) -> None:
    """Raises CameraError where `what`, which knows no lens that bends, is given one."""
    if camera.distortion is not None:
        raise CameraError(f"{what}: expected a camera without distortion, got {camera.distortion}; {next_step}")


def to_opengl(camera: Camera, z_near_m: float = 0.01, z_far_m: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    """View and projection matrices, both (4, 4) float64, for column vectors.

    OpenGL's eye frame is +X right, +Y up, -Z forward; its clip space has +Y up, so that
    pixel (u, v) = ((1 + x) W / 2, (1 - y) H / 2) in normalised device coordinates.

    Raises:
        CameraError: the camera has a distortion, which no matrix can say.
    """
    refuse_distortion(camera, "to_opengl", _EXPORT_IDEAL)
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    K, depth = camera.K, z_far_m - z_near_m
    P = np.zeros((4, 4))
    P[0, 0], P[1, 1] = 2 * K[0, 0] / camera.width, 2 * K[1, 1] / camera.height
    off_x, off_y = 2 * K[0, 2] / camera.width - 1, 1 - 2 * K[1, 2] / camera.height
    if camera.orthographic:
        P[0, 3], P[1, 3], P[2, 3], P[3, 3] = off_x, off_y, -(z_far_m + z_near_m) / depth, 1.0
        P[2, 2] = -2 / depth
    else:
        P[0, 2], P[1, 2], P[2, 2], P[3, 2] = -off_x, -off_y, -(z_far_m + z_near_m) / depth, -1.0
        P[2, 3] = -2 * z_far_m * z_near_m / depth
    return product(flip, camera.T_camera_head), P


@dataclass(frozen=True, eq=False)
class BlenderCamera:
    """Settings of a Blender camera with `sensor_fit = "HORIZONTAL"` and square pixels.

    Attributes:
        matrix_world: (4, 4) float64, camera (+X right, +Y up, -Z forward) to head frame.
        type: "PERSP" or "ORTHO".
        sensor_width_mm, lens_mm: sensor and focal length; `lens_mm` is 0 for "ORTHO".
        ortho_scale_m: width of the view for "ORTHO", else 0.
        shift_x, shift_y: offsets of the principal point, in widths of the image.
    """

    matrix_world: np.ndarray
    type: Literal["PERSP", "ORTHO"]
    sensor_width_mm: float
    lens_mm: float
    ortho_scale_m: float
    shift_x: float
    shift_y: float


def to_blender(camera: Camera) -> BlenderCamera:
    """The same camera in Blender's terms.

    Raises:
        CameraError: a distortion; or pixels that are not square, which Blender keeps in the scene and not in the
            camera.
    """
    refuse_distortion(camera, "to_blender", _EXPORT_IDEAL)
    K, W, H = camera.K, camera.width, camera.height
    if K[0, 0] != K[1, 1]:
        raise CameraError(f"expected square pixels, got fx {K[0, 0]} and fy {K[1, 1]}; resample the image first")
    T = product(np.diag([1.0, -1.0, -1.0, 1.0]), camera.T_camera_head)
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = T[:3, :3].T, -product(T[:3, :3].T, T[:3, 3])
    shift = (0.5 - K[0, 2] / W, (K[1, 2] - H / 2) / W)
    if camera.orthographic:
        return BlenderCamera(world, "ORTHO", FULL_FRAME_MM[0], 0.0, W / K[0, 0], *shift)
    return BlenderCamera(world, "PERSP", FULL_FRAME_MM[0], K[0, 0] / W * FULL_FRAME_MM[0], 0.0, *shift)


def to_pytorch3d(camera: Camera) -> dict[str, np.ndarray]:
    """Arguments of PyTorch3D's `PerspectiveCameras` (or `OrthographicCameras`) with `in_ndc=False`.

    Its view frame is +X left, +Y up, +Z forward, and it multiplies row vectors: X_view = X_head @ R + T.

    Returns:
        R (1, 3, 3), T (1, 3), focal_length (1, 2), principal_point (1, 2), image_size (1, 2) as height, width.

    Raises:
        CameraError: the camera has a distortion.
    """
    refuse_distortion(camera, "to_pytorch3d", _EXPORT_IDEAL)
    flip = np.diag([-1.0, -1.0, 1.0])
    K, T = camera.K, camera.T_camera_head
    return {
        "R": product(flip, T[:3, :3]).T[None],
        "T": product(flip, T[:3, 3])[None],
        "focal_length": np.array([[K[0, 0], K[1, 1]]]),
        "principal_point": np.array([[K[0, 2], K[1, 2]]]),
        "image_size": np.array([[camera.height, camera.width]], np.float64),
    }
