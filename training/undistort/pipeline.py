"""A photograph from beginning to end: faces, mask, square, distance, flow, warp, completion, back into the picture."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from datagen.faces import Face, face_mesh, find_faces
from datagen.flow_color import flow_to_rgb, rim_px
from renderers import srgb
from training.data import Batch
from training.undistort import mask as masks
from training.undistort.align import Crop, crop_of, cut
from training.undistort.compose import Way, holes, patched, recompose
from training.undistort.field import field_of, onto_picture
from training.undistort.lens import Distance, distance_m_of, focal_px_of, focal_px_of_mm35, mm35_of
from training.undistort.models import Models
from training.undistort.photo import Photo, PhotoError

LEAST_FACE_PX = 48
"""Smaller faces show nothing that could be put right."""
NEAREST_M = 0.1

DistanceFrom = Literal["estimate", "exif"]


@dataclass(frozen=True)
class Settings:
    """What a user may choose for a photograph.

    Attributes:
        warp: how pixels are moved.
        distance_from: the network, or the focal length in the EXIF data.
        distance_m, focal_mm35: told instead, or None.
        largest: only the largest face.
    """

    warp: Way = "inverse"
    distance_from: DistanceFrom = "estimate"
    distance_m: float | None = None
    focal_mm35: float | None = None
    largest: bool = False


@dataclass(frozen=True, eq=False)
class Undistorted:
    """A finished photograph.

    Attributes:
        photo: the new one.
        flow_rgb: (S, n S, 3) uint8, the flow of each face's square, largest face first; black off the person.
        faces: what was found of each, JSON values, largest first.
        notes: for people.
    """

    photo: Photo
    flow_rgb: np.ndarray
    faces: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Task:
    """A face to be worked on: its square in the photograph, its mesh, and the other faces' squares."""

    crop: Crop
    mesh: np.ndarray
    others: list[Crop]


@torch.no_grad()
def undistort(photo: Photo, models: Models, settings: Settings, tick: Callable[[], None] = lambda: None) -> Undistorted:
    """Every face of a photograph as the far camera would have shown it; small ones first, so that large ones lie above.

    Args:
        photo: upright.
        models: what is asked.
        settings: the user's.
        tick: called after each face.

    Raises:
        PhotoError: no face, only tiny ones, or no way to know the distance.
        FaceToolError, AssetMissingError: the detector cannot run here.
    """
    tasks, notes = _tasks(photo, settings.largest)
    done = []
    for task in reversed(tasks):
        photo, flow_rgb, told, warning = _one(photo, task, models, settings)
        done.append((flow_rgb, told))
        notes = [*notes, warning] if warning and warning not in notes else notes
        tick()
    pictures, faces = zip(*reversed(done), strict=True)
    return Undistorted(photo, np.concatenate(pictures, axis=1), faces, (*photo.notes, *notes))


def _tasks(photo: Photo, largest: bool) -> tuple[list[_Task], list[str]]:
    """Faces to be worked on, the largest first, and what was left out."""
    rgb = np.ascontiguousarray(photo.rgb)
    found = find_faces(rgb)
    if not found:
        raise PhotoError("expected a face, found none; crop the photograph closer to it, or light it better.")
    faces = [face for face in found[: 1 if largest else None] if _face_px(face) >= LEAST_FACE_PX]
    if not faces:
        raise PhotoError(
            f"expected a face of at least {LEAST_FACE_PX} pixels, got {_face_px(found[0]):.0f}; take a larger picture."
        )
    small = 0 if largest else len(found) - len(faces)
    meshes = [face_mesh(rgb, face) for face in faces]
    crops = [crop_of(mesh) for mesh in meshes]
    tasks = [
        _Task(crop, mesh, crops[:number] + crops[number + 1 :])
        for number, (crop, mesh) in enumerate(zip(crops, meshes, strict=True))
    ]
    return tasks, [f"{small} face{'s' * (small > 1)} below {LEAST_FACE_PX} pixels left alone"] if small else []


def _face_px(face: Face) -> float:
    return float(face.box[2:].max())


def _one(
    photo: Photo, task: _Task, models: Models, settings: Settings
) -> tuple[Photo, np.ndarray, dict[str, Any], str]:
    """The photograph with one face put right, the picture of its flow, what is told of it, and a warning or ""."""
    height, width = photo.codes.shape[:2]
    rows, columns = task.crop.box(2.0, height, width)
    here = (-columns.start, -rows.start)
    crop, part = task.crop.moved(*here), photo.codes[rows, columns]
    rgb = np.ascontiguousarray(photo.rgb[rows, columns])
    coverage, warning = masks.person(rgb, crop, task.mesh + here)
    coverage = masks.own(coverage, crop, [other.moved(*here) for other in task.others])
    batch = _batch(rgb, coverage, crop, models)
    distance = _distance(batch, models, settings, photo, task.crop)
    told = _told(distance, photo, task.crop, models.far_m)
    if not told["changed"]:
        return photo, np.full((models.size, models.size, 3), 255, np.uint8), told, warning
    batch["distance_m"] = torch.tensor([distance.metres])
    flow = models.flow(batch)
    field = field_of(flow, batch["near_mask"])
    picture = _linear(part)
    mask = torch.from_numpy(coverage)[None, None]
    moved, person = recompose(picture, mask, crop, field, settings.warp)
    moved = _completed(moved, person, batch, flow, crop, models)
    still = field.of_picture(crop, *part.shape[:2])[0][0, 0] == 0
    codes = photo.codes.copy()
    codes[rows, columns] = np.where(still.numpy()[..., None], part, _codes(moved))
    return replace(photo, codes=codes), _flow_rgb(flow, batch["near_mask"]), told, warning


def _batch(rgb: np.ndarray, coverage: np.ndarray, crop: Crop, models: Models) -> Batch:
    """What the networks look at; the distance is still to come."""
    near, mask = cut(rgb, crop, models.size) / 255, cut(coverage, crop, models.size)
    return {
        "near": torch.from_numpy(near).movedim(-1, 0)[None],
        "near_mask": torch.from_numpy(mask)[None, None].clamp(0, 1),
        "eye_px": torch.full((1, 2), models.size / 2),
        "far_m": torch.tensor([models.far_m]),
    }


def _distance(batch: Batch, models: Models, settings: Settings, photo: Photo, crop: Crop) -> Distance:
    """As the user says, or as the EXIF data or the network says."""
    longer = max(photo.codes.shape[:2])
    focal_mm35 = settings.focal_mm35 or (photo.focal_mm35 if settings.distance_from == "exif" else None)
    if settings.distance_m is not None:
        return Distance(settings.distance_m, None, None, "--distance-cm")
    if focal_mm35 is not None:
        metres = distance_m_of(focal_px_of_mm35(focal_mm35, longer), crop.side_px)
        return Distance(metres, None, None, "--focal-mm35" if settings.focal_mm35 else "EXIF")
    if settings.distance_from == "exif":
        raise PhotoError("expected a 35 mm focal length in the EXIF data, found none; give --distance-cm.")
    if models.distance is None:
        raise PhotoError("expected distance.safetensors among the weights, found none; give --distance-cm.")
    mean, spread = (None if answer is None else float(answer[0]) for answer in models.distance(batch))
    assert mean is not None
    low, high = (None, None) if spread is None else (2 ** (mean - spread), 2 ** (mean + spread))
    return Distance(2**mean, low, high, "estimate")


def _told(distance: Distance, photo: Photo, crop: Crop, far_m: float) -> dict[str, Any]:
    """What is known of a face, as JSON values."""
    longer = max(photo.codes.shape[:2])
    if not distance.metres > NEAREST_M:
        raise PhotoError(
            f"expected a distance above {100 * NEAREST_M:.0f} cm, got {100 * distance.metres:.1f} ({distance.source}); "
            "give --distance-cm."
        )
    bounds = {"low": distance.low, "high": distance.high}
    return {
        "distance_cm": round(100 * distance.metres, 1),
        **{f"distance_{name}_cm": None if m is None else round(100 * m, 1) for name, m in bounds.items()},
        "distance_source": distance.source,
        "focal_mm35": round(mm35_of(focal_px_of(distance.metres, crop.side_px), longer), 1),
        "exif_focal_mm35": photo.focal_mm35,
        "far_cm": None if math.isinf(far_m) else 100 * far_m,
        "changed": distance.metres < far_m,
        "square": {**asdict(crop), "centre_px": crop.centre_px.tolist()},
    }


def _completed(moved: Tensor, person: Tensor, batch: Batch, flow: Tensor, crop: Crop, models: Models) -> Tensor:
    """The moved picture with what the near camera never saw filled in."""
    height, width = moved.shape[-2:]
    hole = onto_picture(holes(flow, batch["near_mask"]), crop, height, width)
    if models.completion is None:
        return patched(moved, person, hole, None)
    made = models.completion(batch, flow)[0].clamp(0, 1).movedim(0, -1).numpy()
    linear = torch.from_numpy(srgb.linear_from_signal(made)).float().movedim(-1, 0)[None]
    return patched(moved, person, hole, onto_picture(linear, crop, height, width))


def _linear(codes: np.ndarray) -> Tensor:
    """(1, C, H, W): colours as linear light, coverage as it is."""
    linear = srgb.decode(codes)
    linear[..., 3:] = codes[..., 3:].astype(np.float32) / 255
    return torch.from_numpy(linear).movedim(-1, 0)[None]


def _codes(linear: Tensor) -> np.ndarray:
    """Inverse of `_linear`."""
    values = linear[0].movedim(0, -1).numpy()
    coverage = np.rint(values[..., 3:] * 255).astype(np.uint8)
    return np.concatenate([srgb.encode(values[..., :3]), coverage], axis=-1)


def _flow_rgb(flow: Tensor, mask: Tensor) -> np.ndarray:
    vectors, seen = flow[0].movedim(0, -1).numpy(), mask[0, 0].numpy() > 0.5
    return flow_to_rgb(vectors, rim_px(vectors, seen), seen)
