"""What must hold of a sample's record: cameras that are cameras, distances, landmarks, split, licences.

A record is text from outside; whatever it holds becomes an issue, never an exception.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from datagen.checks import DEPTH_SLACK_M, Issue, Layers, depth_range, without_thin
from datagen.database import Run
from datagen.licences import credit_missing, not_allowed
from datagen.splits import split_of
from renderers.camera import Camera, CameraError, project
from renderers.lens import Distortion

LANDMARK_SLACK_PX = 1e-6
DISTANCE_SLACK_M = 1e-6
RECORD_FIELDS = (
    *("index", "key", "seed", "recipe", "version", "split", "scene", "person", "expression", "pose", "light"),
    *("background", "cameras", "eye_midpoint_m", "landmarks", "assets"),
)


def cameras_of(run: Run, meta: Mapping[str, Any]) -> dict[str, Camera]:
    """Both cameras of a record by view. Raises ValueError, KeyError or TypeError where they are none."""
    return {name: camera_of(run, meta["cameras"][name]) for name in ("near", "far")}


def camera_of(run: Run, record: Mapping[str, Any]) -> Camera:
    """A camera of a record. Raises ValueError, KeyError or TypeError where it is none."""
    K, T = _array(record["K"], (3, 3)), _array(record["T_camera_head"], (4, 4))
    R = T[:3, :3]
    if abs(R @ R.T - np.eye(3)).max() > 1e-9 or np.linalg.det(R) < 0 or (T[3] != [0, 0, 0, 1]).any():
        raise ValueError("expected a rigid T_camera_head, got a matrix that is none")
    if K[0, 0] <= 0 or K[1, 1] <= 0 or (K[[0, 1, 2, 2, 2], [1, 0, 0, 1, 2]] != [0, 0, 0, 0, 1]).any():
        raise ValueError(f"expected K with positive focal lengths and no skew, got {K.tolist()}")
    if record["kind"] not in ("perspective", "orthographic"):
        raise ValueError(f"expected kind perspective or orthographic, got {record['kind']!r}")
    if (record["height"], record["width"]) != (run.height, run.width):
        raise ValueError(f"expected {run.height} x {run.width} pixels, got {record['height']} x {record['width']}")
    return _through_lens(Camera(K, T, run.height, run.width, record["kind"]), record.get("distortion"))


def _through_lens(camera: Camera, record: Any) -> Camera:
    """The camera with the lens of its record; records older than lenses have none. Raises ValueError."""
    if record is None:
        return camera
    names = [field.name for field in fields(Distortion)]
    if not isinstance(record, Mapping) or sorted(record) != sorted(names):
        raise ValueError(f"expected distortion null or the numbers {', '.join(names)}, got {record!r}")
    try:
        return replace(camera, distortion=Distortion(**{name: float(record[name]) for name in names}))
    except CameraError as error:
        raise ValueError(str(error)) from error


def _array(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Finite float64 of a shape (-1: any length). Raises ValueError."""
    array = np.array(value, np.float64).reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError("expected finite numbers, got others")
    return array


def check_record(run: Run, key: str, meta: Mapping[str, Any]) -> Iterator[Issue]:
    """A record by itself.

    Args:
        run: of the folder.
        key: under which the record was found.
        meta: parsed JSON.
    """
    missing = [name for name in RECORD_FIELDS if name not in meta]
    if missing:
        yield "record", f"expected the fields {', '.join(RECORD_FIELDS)}, got none of {', '.join(missing)}"
        return
    try:
        yield from _identity(run, key, meta)
        yield from _licences(run, meta)
        yield from _distances(cameras_of(run, meta), meta)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        yield "record", f"expected a complete record, got {type(error).__name__}: {error}"


def _identity(run: Run, key: str, meta: Mapping[str, Any]) -> Iterator[Issue]:
    expected = {
        "key": key,
        "index": int(key),
        "seed": run.seed,
        "recipe": run.recipe_name,
        "version": run.version,
    }
    for name, value in expected.items():
        if meta[name] != value:
            yield "record", f"expected {name} {value!r}, got {meta[name]!r}"
    person, pool = meta["person"]["id"], meta["person"].get("pool")
    if meta["split"] != split_of(person, pool):
        yield "split", f"expected person {person!r} in {split_of(person, pool)}, got {meta['split']!r}"


def _licences(run: Run, meta: Mapping[str, Any]) -> Iterator[Issue]:
    if not meta["assets"]:
        yield "licence", "expected the assets that the sample is made of, got none"
    for asset in meta["assets"]:
        if credit_missing(asset):
            yield "licence", credit_missing(asset)
    if refused := not_allowed(meta["assets"], tuple(run.recipe.get("licence", ()))):
        yield "licence", f"expected the licences that the run allows, got another: {refused}"


def _distances(cameras: Mapping[str, Camera], meta: Mapping[str, Any]) -> Iterator[Issue]:
    eyes = _array(meta["eye_midpoint_m"], (3,))
    for name, camera in cameras.items():
        stated = meta["cameras"][name]["distance_m"]
        if camera.orthographic != (stated is None):
            yield "camera", f"{name}: expected distance_m null for an orthographic view alone, got {stated!r}"
        elif stated is not None:
            distance_m = float(np.linalg.norm(camera.T_camera_head[:3, :3] @ eyes + camera.T_camera_head[:3, 3]))
            if not math.isclose(stated, distance_m, abs_tol=DISTANCE_SLACK_M, rel_tol=DISTANCE_SLACK_M):
                yield (
                    "camera",
                    f"{name}: expected distance_m {distance_m:.6f} from its matrices, got {stated!r}",
                )


def check_landmarks(layers: Layers, cameras: Mapping[str, Camera], meta: Mapping[str, Any]) -> Iterator[Issue]:
    """Landmarks against cameras and depth: re-projected; in the frame and on the surface if visible."""
    try:
        record = meta["landmarks"]
        points = _array(record["points_m"], (-1, 3))
        weights = _array(record["barycentric"], (-1, 3))
        if not len(points) == len(weights) == len(record["face"]):
            raise ValueError(f"{len(points)} points, {len(weights)} weights, {len(record['face'])} faces")
        if (abs(weights.sum(axis=1) - 1) > 1e-6).any() or (weights < -1e-6).any():
            yield "landmark", "expected weights >= 0 of sum 1, got others: a landmark is off its face"
        for name, camera in cameras.items():
            yield from _landmarks_in_view(layers, camera, name, points, record)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        yield "landmark", f"expected points, faces, weights and pixels of one length, got {error}"


def _landmarks_in_view(
    layers: Layers, camera: Camera, name: str, points: np.ndarray, record: Mapping[str, Any]
) -> Iterator[Issue]:
    with np.errstate(all="ignore"):
        px, depth_m = project(camera, points)
    stored = _array(record[f"{name}_px"], (len(points), 2))
    off = (depth_m > 0) & (abs(stored - px).max(axis=1, initial=0) > LANDMARK_SLACK_PX)
    if off.any():
        yield (
            "landmark",
            f"{name}_px: expected projections of points_m, got others for {np.flatnonzero(off).tolist()}",
        )
    visible = np.array(record[f"{name}_visible"], bool).reshape(len(points))
    inside = (depth_m > 0) & (px >= 0).all(axis=1) & (px <= [camera.width, camera.height]).all(axis=1)
    if (visible & ~inside).any():
        lost = np.flatnonzero(visible & ~inside).tolist()
        yield "landmark", f"{name}_visible: expected visible landmarks inside the frame, got {lost} outside"
    depth_map = layers.get(f"{name}_depth_axis_m")
    if depth_map is not None:
        nearest, _ = depth_range(depth_map, px)
        _, farthest = depth_range(without_thin(depth_map, layers.get(f"{name}_part")), px)
        slack_m = DEPTH_SLACK_M + 3 * (1 if camera.orthographic else abs(depth_m)) / camera.K[0, 0]
        buried = (nearest > depth_m + slack_m) | (farthest < depth_m - slack_m)
        if (visible & inside & buried).any():
            lost = np.flatnonzero(visible & inside & buried).tolist()
            yield (
                "landmark",
                f"{name}: expected visible landmarks on the surface, got {lost} off the depth map",
            )
