"""Keeps the lids outside the eyeball and its cornea, wherever the eye looks and however far it is shut."""

from functools import lru_cache

import numpy as np

from meshes.elementary import arccos, arctan2, exp, hypot
from meshes.eyes import CORNEA, SCLERA, eyeball
from meshes.gaze import SIDES
from meshes.geometry import rotate
from meshes.makehuman_data import Pack

MARGIN_M = 0.0003
"""Thickness of the gap that is kept between lid and eye."""

SOFTNESS_M = 0.0003
"""How softly lids begin to be pushed."""

_UPPER_REACH, _LOWER_REACH = 0.20, 0.08  # Radians on the globe that the shade of a lid falls off over.

LOOKS = ("Down", "In", "Out", "Up")


@lru_cache(maxsize=1)
def profile() -> tuple[np.ndarray, np.ndarray]:
    """Angle from the gaze axis, ascending, and distance of the eye's outer surface there, in globe radii."""
    eye = eyeball()
    angle = arctan2(hypot(eye.vertices[:, 0], eye.vertices[:, 1]), eye.vertices[:, 2])
    distance = np.sqrt((eye.vertices**2).sum(axis=1))
    cornea = eye.vertex_tissue == CORNEA
    rim = angle[cornea].max()
    outer = cornea | ((eye.vertex_tissue == SCLERA) & (angle > rim))
    order = np.argsort(angle[outer], kind="stable")
    return angle[outer][order], distance[outer][order]


def clear_of_eye(points: np.ndarray, centre: np.ndarray, radius: float, gaze: np.ndarray) -> np.ndarray:
    """Moves points of the lids radially out of an eye.

    A point at distance d moves to d + s(reach - d), where reach is the eye's surface plus MARGIN_M in that direction
    and s(x) = (x + sqrt(x^2 + h^2)) / 2 is a smooth max(x, 0): the lid slides over the cornea without a crease.

    Args:
        points: (N, 3) float64 metres, front of the lids.
        centre: (3,) metres, of the eyeball.
        radius: metres.
        gaze: (3,) unit vector.

    Returns:
        (N, 3) float64 metres, each at least MARGIN_M outside.
    """
    away = points - centre
    distance = np.sqrt((away**2).sum(axis=1))
    along = away[:, 0] * gaze[0] + away[:, 1] * gaze[1] + away[:, 2] * gaze[2]
    angle = arccos(np.clip(along / distance, -1.0, 1.0))
    short = radius * np.interp(angle, *profile()) + MARGIN_M - distance
    push = (short + np.sqrt(short**2 + SOFTNESS_M**2)) / 2
    return points + away * (push / distance)[:, None]


def shade_eyes(color: np.ndarray, eyes: list[tuple[np.ndarray, np.ndarray]], skull: np.ndarray) -> np.ndarray:
    """Colours of a head whose last ones, those of its eyeballs, lie in the shade of their lids.

    Args:
        color: (V, 3) float32.
        eyes: per eyeball its points (N, 3) and those of its lids (L, 3), metres from its centre, head frame.
        skull: (3, 3) rotation of the skull.
    """
    shade = np.concatenate([lid_shade(rotate(globe, skull.T), rotate(lids, skull.T)) for globe, lids in eyes])
    eyeballs = color[-len(shade) :] * shade.astype(np.float32)[:, None]
    return np.concatenate([color[: -len(shade)], eyeballs])


def lid_shade(eye: np.ndarray, lids: np.ndarray) -> np.ndarray:
    """How much light lids and lashes leave to an eye: less under the upper lid, over the lower one and in corners.

    The edges are found among the points of the lids: at each angle sideways, the widest gap between their heights.

    Args:
        eye: (N, 3) metres from the eye's centre, its surface, in a frame upright with the skull.
        lids: (L, 3) the same of the lids' outside.

    Returns:
        (N,) float64 in [0, 1].
    """
    aside, height = _angles(lids)
    stops = np.radians(np.arange(-65.0, 66.0, 5.0))
    edges = np.array([_opening(height[np.abs(aside - stop) < np.radians(4.0)]) for stop in stops])
    at, up = _angles(eye)
    lower, upper = (np.interp(at, stops, edge) for edge in edges.T)
    above = exp(-((np.maximum(upper - up, 0.0) / _UPPER_REACH) ** 2))
    below = exp(-((np.maximum(up - lower, 0.0) / _LOWER_REACH) ** 2))
    return (1.0 - 0.60 * above) * (1.0 - 0.36 * below)


def _angles(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) radians sideways about +Y, and (N,) above the XZ plane."""
    return arctan2(points[:, 0], points[:, 2]), arctan2(points[:, 1], hypot(points[:, 0], points[:, 2]))


def _opening(height: np.ndarray) -> tuple[float, float]:
    """Lower and upper end of the widest gap in angles (M,) between 40 degrees down and up; none is one of no width."""
    stops = np.sort(height[np.abs(height) < np.radians(40.0)])
    if len(stops) < 2:
        return 0.0, 0.0
    widest = int(np.argmax(np.diff(stops)))
    return float(stops[widest]), float(stops[widest + 1])


def look_angles(pack: Pack, eyes: tuple[np.ndarray, np.ndarray]) -> dict[str, tuple[float, float]]:
    """(yaw, pitch) in radians that each eyeLook target at weight 1 turns the eye by, by ARKit name.

    The targets move hm08's eyeball; the turn of its mean, weighted towards the front, is measured.
    """
    angles = {}
    for side, eye in zip(SIDES, eyes, strict=True):
        rest = pack.vertices[eye]
        middle = (rest.max(axis=0) + rest.min(axis=0)) / 2
        front = np.maximum(rest[:, 2] - middle[2], 0.0)[:, None]
        for look in LOOKS:
            index, offsets = pack.targets[f"arkit/eyeLook{look}{side}"]
            moved = np.zeros_like(pack.vertices)
            moved[index] = offsets
            before = (front * (rest - middle)).sum(axis=0)
            after = before + (front * moved[eye]).sum(axis=0)
            yaw = arctan2(after[0], after[2]) - arctan2(before[0], before[2])
            pitch = arctan2(before[1], before[2]) - arctan2(after[1], after[2])
            angles[f"eyeLook{look}{side}"] = (float(yaw), float(pitch))
    return angles
