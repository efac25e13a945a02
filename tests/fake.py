"""Self-consistent samples without a renderer: a shaded sphere seen near and far, every label analytic."""

import numpy as np

from datagen.database import Run
from datagen.randomness import generator
from datagen.sample import Sample
from datagen.splits import split_of
from renderers.camera import Camera, dolly_camera, intrinsics, look_at, pixel_rays, project, unproject
from renderers.layers import DEFAULT_LAYERS, LAYERS

ASSETS = [{"id": "sphere", "licence": "CC0-1.0", "credit": "", "source": "tests"}]
CREDITED = {"id": "scan", "licence": "CC-BY-3.0", "credit": "Scan by A. Person, CC BY 3.0", "source": "tests"}


def fake_run(pairs: int = 5, shard_pairs: int = 2, size: int = 48, **changes) -> Run:
    """A small run of `fake_sample`s."""
    fields = {"recipe_name": "fake", "recipe": {"near_m": [0.3, 0.5], "background": "black"}, "seed": 0}
    fields |= {"layers": DEFAULT_LAYERS, "height": size, "width": size, "version": "0"}
    return Run(**(fields | {"pairs": pairs, "shard_pairs": shard_pairs} | changes))


def fake_sample(index: int, size: int = 48, layers: tuple[str, ...] = DEFAULT_LAYERS, centred: bool = False) -> Sample:
    """Sample `index`: two people share no index, distance and light vary, everything is exact.

    The far frame of odd samples is cut off-centre unless all are to be `centred`, as dolly pairs are.
    """
    rng = generator(0, index, "fake")
    radius_m, near_m = 0.1, rng.uniform(0.3, 0.5)
    near = _camera(size, near_m)
    far = dolly_camera(near, np.zeros(3), np.inf if index % 3 == 2 else 1.6)
    far.K[0, 2] += (not centred and index % 2) * size / 4  # Part of what near sees lies outside the far frame.
    views = {"near": near, "far": far}
    light = _unit(rng.normal((0, 0, 2)))
    made = {}
    for a, b in (("near", "far"), ("far", "near")):
        made |= _view(a, views[a], b, views[b], radius_m, light)
    arrays = {name: made[name] for name in LAYERS if name in layers}
    return Sample(index, arrays, _record(index, views, near_m, radius_m))


def _camera(size: int, distance_m: float) -> Camera:
    focal_px = 3.4 * size * distance_m
    K = intrinsics(focal_px, (size / 2 + 0.3, size / 2 - 0.2))
    return Camera(K, look_at(np.zeros(3), distance_m, np.eye(3)), size, size)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _centre(camera: Camera) -> np.ndarray:
    return -camera.T_camera_head[:3, :3].T @ camera.T_camera_head[:3, 3]


def _towards(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Vectors from points (N, 3) to the camera, head frame."""
    axis = camera.T_camera_head[2, :3]
    return np.broadcast_to(-axis, points.shape) if camera.orthographic else _centre(camera) - points


def _depth(camera: Camera, radius_m: float) -> np.ndarray:
    """(H, W) float64 depth along +Z of a sphere about the head's origin; 0 where it is missed."""
    columns, rows = pixel_rays(camera)
    x, y = np.meshgrid(columns, rows)
    middle = camera.T_camera_head[:3, 3]
    if camera.orthographic:
        half = radius_m**2 - (x - middle[0]) ** 2 - (y - middle[1]) ** 2
        return np.where(half > 0, middle[2] - np.sqrt(np.maximum(half, 0)), 0.0)
    ray = np.stack([x, y, np.ones_like(x)], axis=-1)
    b, a = ray @ middle, (ray**2).sum(axis=-1)
    half = b**2 - a * (middle @ middle - radius_m**2)
    return np.where(half > 0, (b - np.sqrt(np.maximum(half, 0))) / a, 0.0)


def _pixel_centres(camera: Camera) -> np.ndarray:
    c, r = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    return np.stack([c, r], axis=-1)


def _visible(camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (N, 2), inside (N,), visible (N,) of points on the sphere, which hides what faces away."""
    px, depth_m = project(camera, points)
    inside = (depth_m > 0) & (px >= 0).all(axis=1) & (px < [camera.width, camera.height]).all(axis=1)
    return px, inside, inside & ((_towards(camera, points) * points).sum(axis=1) > 0)


def _view(a: str, camera: Camera, b: str, other: Camera, radius_m: float, light: np.ndarray) -> dict[str, np.ndarray]:
    depth = _depth(camera, radius_m)
    surface, centres = depth > 0, _pixel_centres(camera)
    points = unproject(camera, centres[surface], depth[surface])
    normal = _unit(points)
    px, inside, visible = _visible(other, points)
    shade = 40 + 200 * np.clip(normal @ light, 0, 1)[:, None] * [1.0, 0.8, 0.7]

    def full(values: np.ndarray, dtype: str) -> np.ndarray:
        out = np.zeros((*depth.shape, *np.shape(values)[1:]), dtype)
        out[surface] = values
        return out

    return {
        f"{a}_rgb": full(shade, "uint8"),
        f"{a}_alpha": full(np.full(len(points), 255), "uint8"),
        f"{a}_depth_axis_m": full(depth[surface], "float32"),
        f"{a}_normal": full(normal @ camera.T_camera_head[:3, :3].T, "float32"),
        f"{a}_uv": full(0.5 + 4 * points[:, :2], "float32"),
        f"{a}_part": full(np.ones(len(points)), "uint8"),
        f"{a}_surface": surface,
        f"{a}_inside_{b}": full(inside, "bool"),
        f"{a}_visible_in_{b}": full(visible, "bool"),
        f"flow_{a}_to_{b}": full(px - centres[surface], "float32"),
        f"{a}_triangle_id": np.where(surface, 0, -1).astype("int32"),
        f"{a}_barycentric": full(np.full((len(points), 3), 1 / 3), "float64"),
    }


def _record(index: int, views: dict[str, Camera], near_m: float, radius_m: float) -> dict:
    person = f"fake-{index // 2:03d}"
    assets = [*ASSETS, CREDITED] if index == 0 else list(ASSETS)
    return {
        "index": index,
        "key": f"{index:08d}",
        "seed": 0,
        "recipe": "fake",
        "version": "0",
        "split": split_of(person),
        "scene": {"index": index, "step": 0, "steps": 1},
        "person": {"id": person, "model": "sphere", "shape": {}, "look": {}},
        "expression": {},
        "pose": {"yaw": 0.0},
        "light": {"name": "one"},
        "background": {"rgb": [0, 0, 0]},
        "cameras": {
            "near": _camera_record(views["near"], near_m),
            "far": _camera_record(views["far"], None if views["far"].orthographic else 1.6),
        },
        "eye_midpoint_m": [0.0, 0.0, 0.0],
        "landmarks": _landmarks(views, radius_m),
        "assets": assets,
    }


def _camera_record(camera: Camera, distance_m: float | None) -> dict:
    focal_px = None if camera.orthographic else camera.K[0, 0]
    return {
        "kind": camera.kind,
        "K": camera.K.tolist(),
        "T_camera_head": camera.T_camera_head.tolist(),
        "height": camera.height,
        "width": camera.width,
        "distance_m": distance_m,
        "distance_nose_tip_m": distance_m,
        "distance_head_centre_m": distance_m,
        "focal_px": focal_px,
        "focal_mm35": None if focal_px is None else focal_px * 24 / camera.height,
        "crop": 1.0,
    }


def _landmarks(views: dict[str, Camera], radius_m: float) -> dict:
    points = radius_m * _unit(generator(0, 0, "landmarks").normal(size=(12, 3)))
    seen = {name: _visible(camera, points) for name, camera in views.items()}
    return {
        "points_m": points.tolist(),
        "face": [0] * 12,
        "barycentric": [[1 / 3] * 3] * 12,
        "near_px": seen["near"][0].tolist(),
        "far_px": seen["far"][0].tolist(),
        "near_visible": seen["near"][2].tolist(),
        "far_visible": seen["far"][2].tolist(),
    }
