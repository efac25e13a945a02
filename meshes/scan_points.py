"""Eyes that a user marked on a scan: menpo .ljson or .pts files of 68 landmarks, in the scan's own unit and axes."""

import json
from pathlib import Path

import numpy as np

from meshes.head import MeshError

_IBUG_EYES = (tuple(range(36, 42)), tuple(range(42, 48)))


def read_eyes(path: Path) -> np.ndarray:
    """(2, 3) float64: the middle of each eye's contour, in no particular order of sides.

    A .ljson file says which of its points are eyes by label; without such labels, and in .pts files, the 68 points
    are in iBUG order (36-41 and 42-47).

    Raises:
        MeshError: missing, not such a file, or not 68 points in space.
    """
    readers = {".ljson": _read_ljson, ".pts": _read_pts}
    if path.suffix.lower() not in readers:
        raise MeshError(f"{path.name}: expected landmarks as .ljson or .pts, got {path.suffix or 'no extension'}.")
    try:
        rows, groups = readers[path.suffix.lower()](path.read_text(encoding="utf-8"))
        points = np.array(rows, np.float64)
    except (OSError, ValueError, KeyError, TypeError, StopIteration, AttributeError) as error:
        raise MeshError(
            f"{path.name}: expected 68 landmarks (x, y, z), got a file that does not read ({error}). Save it again."
        ) from error
    if points.shape != (68, 3) or not np.isfinite(points).all():
        raise MeshError(f"{path.name}: expected 68 finite points (x, y, z), got an array of shape {points.shape}.")
    return np.array([points[list(group)].mean(axis=0) for group in groups])


def _read_pts(text: str) -> tuple[list[list[float]], tuple]:
    body = text[text.index("{") + 1 : text.index("}")] if "{" in text else text
    return [[float(number) for number in line.split()] for line in body.split("\n") if line.strip()], _IBUG_EYES


def _read_ljson(text: str) -> tuple[list[list[float]], tuple]:
    tree = json.loads(text)
    group = next(iter(tree["groups"].values())) if "groups" in tree else tree
    points = group["landmarks"]["points"] if "landmarks" in group else group["points"]
    labels = {str(label["label"]).lower(): label["mask"] for label in group.get("labels", [])}
    eyes = tuple(mask for name, mask in sorted(labels.items()) if "eye" in name and "brow" not in name)
    return points, eyes if len(eyes) == 2 else _IBUG_EYES
