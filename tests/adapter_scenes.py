"""Scenes on which colour adapters are held against the label core, and the figures that come of it.

`python tests/adapter_scenes.py pyrender` (or pytorch3d) prints the figures; a process knows one platform of OpenGL.
"""

import hashlib
import json
import sys
from dataclasses import replace

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion

from meshes.surface import Surface
from renderers.camera import Camera, intrinsics, look_at, project, unproject
from renderers.environment import packaged_light, packaged_maps
from renderers.exact import Hits, interpolate, rasterize
from renderers.light import EnvironmentLight
from renderers.standard_scenes import make_surface, plain_head

CORNERS = 48
RADIUS_PX = 9.0


def white(level: float = 1.0) -> EnvironmentLight:
    return EnvironmentLight(np.full((16, 32, 3), level, np.float32), "white")


def cameras(size: int = 128) -> dict[str, Camera]:
    """Near, far, infinitely far, and one whose principal point and sides are uneven."""
    turned = np.array([[0.96, 0.0, 0.28], [0.0, 1.0, 0.0], [-0.28, 0.0, 0.96]])
    near, far = (look_at(np.zeros(3), d, turned) for d in (0.3, 1.6))
    middle = (size / 2, size / 2)
    shifted = (0.61 * size, 0.38 * size)
    return {
        "near": Camera(intrinsics(0.9 * size, middle), near, size, size),
        "far": Camera(intrinsics(5.2 * size, middle), far, size, size),
        "infinite": Camera(intrinsics(3.2 * size, middle), far, size, size, "orthographic"),
        "shifted": Camera(intrinsics(0.9 * size, shifted), near, size - 20, size + 14),
        "infinite, shifted": Camera(intrinsics(3.2 * size, shifted), far, size - 20, size + 14, "orthographic"),
    }


def markers(camera: Camera) -> tuple[Surface, np.ndarray]:
    """Flat discs that face the camera, so that the middle of each one's picture is its centre, and those pixels."""
    axis = np.array([0.22, 0.51, 0.77])
    pixels = np.stack(np.meshgrid(axis * camera.width, axis * camera.height), axis=-1).reshape(-1, 2)
    centre = camera.T_camera_head[2, 3]
    depth = centre * np.linspace(0.9, 1.15, len(pixels))
    # Turned a little: PyTorch3D leaves out centres that lie exactly on the edge of two faces, as on a diagonal.
    angle = 0.02 + np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    rim = RADIUS_PX * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    corners = (pixels[:, None] + np.concatenate([[[0.0, 0.0]], rim])).reshape(-1, 2)
    vertices = unproject(camera, corners, np.repeat(depth, CORNERS + 1))
    fan = np.arange(CORNERS)
    disc = np.stack([np.zeros_like(fan), fan + 1, (fan + 1) % CORNERS + 1], axis=1)
    faces = (np.arange(len(pixels))[:, None, None] * (CORNERS + 1) + disc).reshape(-1, 3)
    towards = -camera.T_camera_head[2, :3]
    surface = make_surface(vertices, faces, normals=np.tile(towards, (len(vertices), 1)))
    return surface, project(camera, vertices[:: CORNERS + 1])[0]


def marker_error_px(alpha: np.ndarray, pixels: np.ndarray) -> float:
    """Largest distance from where a marker belongs to the middle of its coverage."""
    v, u = np.mgrid[: alpha.shape[0], : alpha.shape[1]] + 0.5
    errors = []
    for x, y in pixels:
        weight = alpha * (np.hypot(u - x, v - y) < RADIUS_PX + 3)
        middle = np.array([(weight * u).sum(), (weight * v).sum()]) / weight.sum()
        errors.append(np.hypot(*(middle - (x, y))))
    return float(max(errors))


def wrong_pixels(surface: Surface, camera: Camera, seen: np.ndarray) -> tuple[int, int, int]:
    """Pixels whose hit or miss differs from the core's: all, those off the silhouette, and the silhouette's number."""
    truth = rasterize(surface, camera).triangle_id >= 0
    edge = binary_dilation(truth, np.ones((3, 3))) & ~binary_erosion(truth, np.ones((3, 3)), border_value=1)
    wrong = seen != truth
    return int(wrong.sum()), int((wrong & ~edge).sum()), int(edge.sum())


def depth_error_m(hits: Hits, depth_axis_m: np.ndarray) -> list[float]:
    """Median, 99th percentile and maximum where both see the surface."""
    both = (hits.triangle_id >= 0) & (depth_axis_m > 0)
    return np.quantile(np.abs(depth_axis_m - hits.depth_axis_m)[both], [0.5, 0.99, 1.0]).tolist()


def pyrender_figures() -> dict[str, dict]:
    """What pyrender draws, camera by camera, beside what the core sees."""
    from renderers.adapters import pyrender_tier
    from renderers.picture import Quality, View

    head = plain_head(80)
    lit = pyrender_tier.light_up(head, packaged_light(packaged_maps()[0]))

    def figure(camera: Camera) -> dict:
        frame = pyrender_tier.draw(lit, camera)
        discs, pixels = markers(camera)
        picture = pyrender_tier.render_views(discs, white(), (View(camera),), Quality())[0]
        return {
            "wrong": wrong_pixels(head, camera, frame.alpha >= 0.5),
            "depth_m": depth_error_m(rasterize(head, camera), frame.depth_axis_m),
            "marker_px": marker_error_px(picture.alpha, pixels),
            "bytes": hashlib.sha256(frame.rgb.tobytes() + picture.rgb.tobytes()).hexdigest(),
        }

    return {name: figure(camera) for name, camera in cameras().items()}


def pytorch3d_figures() -> dict[str, dict]:
    """The same of PyTorch3D, and how far off its flow from the near view is; a small scene, as its CPU loop is slow."""
    from renderers.adapters import pytorch3d_tier
    from renderers.picture import Quality, View

    head, views = plain_head(24), cameras(96)

    def figure(name: str, camera: Camera) -> dict:
        seen, truth = pytorch3d_tier.rasterize(head, views[name]), rasterize(head, views[name])
        both = (seen.triangle_id >= 0) & (truth.triangle_id >= 0)
        discs, pixels = markers(camera)
        picture = pytorch3d_tier.render_views(discs, white(), (View(camera),), Quality())[0]
        return {
            "wrong": wrong_pixels(head, views[name], seen.triangle_id >= 0),
            "wrong_ids": [int((seen.triangle_id != truth.triangle_id)[both].sum()), int(both.sum())],
            "depth_m": depth_error_m(truth, seen.depth_axis_m),
            "marker_px": marker_error_px(picture.alpha, pixels),
            "flow_px": flow_error_px(head, views["near"], views[name], pytorch3d_tier.rasterize(head, views["near"])),
        }

    return {name: figure(name, camera) for name, camera in cameras().items()}


def flow_error_px(surface: Surface, near: Camera, far: Camera, seen: Hits) -> list[float]:
    """Distances between where the core and another's hits send the pixels that both see: as `depth_error_m`."""
    truth = rasterize(surface, near)
    both = (truth.triangle_id >= 0) & (seen.triangle_id >= 0)
    ids = (np.where(both, hits.triangle_id, -1).astype(np.int32) for hits in (truth, seen))
    common = [replace(hits, triangle_id=kept) for hits, kept in zip((truth, seen), ids, strict=True)]
    ends = [project(far, interpolate(surface, near, hits)[4])[0] for hits in common]
    return np.quantile(np.linalg.norm(ends[0] - ends[1], axis=1), [0.5, 0.99, 1.0]).tolist()


FIGURES = {"pyrender": pyrender_figures, "pytorch3d": pytorch3d_figures}

if __name__ == "__main__":
    print(json.dumps(FIGURES[sys.argv[1]]()))  # noqa: T201
