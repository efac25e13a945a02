"""Eyelashes of the hm08 mesh: single hairs tied to its lash strips, which move with the lids and are never seen.

Paths are drawn in the atlas, where the strips lie flat.
"""

import numpy as np

from meshes.elementary import exp, power, sin
from meshes.hair.bound import Bound, nearest_uv
from meshes.hair.ribbons import strand_paint
from meshes.noise import keyed

Edge = tuple[tuple[float, float], ...]

_MIDDLE_U = 0.70825  # The atlas mirrors the eyes about this line.
_POINTS = 6
_STRETCH = 1.6  # The strips are shorter than lashes, and begin below the edge of the lid.
_WIDTH_M = 0.00015
_COLOUR = np.array([0.012, 0.009, 0.008])

# Root and tip edges of the strips of the person's right eye, from the outer to the inner corner, atlas uv.
_UPPER_ROOT = ((0.6687, 0.9272), (0.6706, 0.9269), (0.6733, 0.9301), (0.6763, 0.9338), (0.6811, 0.9365),
               (0.6860, 0.9379), (0.6919, 0.9376), (0.6977, 0.9357), (0.7013, 0.9344), (0.7065, 0.9346))  # fmt: skip
_UPPER_TIP = ((0.6580, 0.9364), (0.6647, 0.9416), (0.6683, 0.9435), (0.6722, 0.9451), (0.6764, 0.9464),
              (0.6814, 0.9470), (0.6869, 0.9469), (0.6931, 0.9455), (0.6984, 0.9433), (0.7068, 0.9387))  # fmt: skip
_LOWER_ROOT = ((0.6647, 0.9851), (0.6664, 0.9830), (0.6686, 0.9802), (0.6715, 0.9780), (0.6768, 0.9760),
               (0.6822, 0.9756), (0.6869, 0.9762), (0.6916, 0.9778), (0.6963, 0.9804), (0.6987, 0.9798))  # fmt: skip
_LOWER_TIP = ((0.6580, 0.9760), (0.6610, 0.9731), (0.6642, 0.9708), (0.6682, 0.9692), (0.6722, 0.9679),
              (0.6769, 0.9672), (0.6825, 0.9672), (0.6877, 0.9679), (0.6922, 0.9694), (0.7011, 0.9738))  # fmt: skip


def _along(edge: Edge, s: np.ndarray) -> np.ndarray:
    points = np.array(edge)
    stations = np.linspace(0.0, 1.0, len(points))
    return np.stack([np.interp(s, stations, points[:, k]) for k in (0, 1)], axis=-1)


def _hairs(root: Edge, tip: Edge, count: int, length: float, seed: int) -> np.ndarray:
    """(count, _POINTS, 2) points in atlas uv along curved hairs, from the root edge of a strip towards its tip edge."""
    rng = keyed(seed, 0)
    # Hairs stand in loose clusters of three or four whose tips lean together.
    s = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    cluster = np.round(s * count / 3.5) * 3.5 / count
    lean = 0.5 * (cluster - s) + rng.normal(0.0, 0.006, count)
    reach = length * rng.uniform(0.65, 1.0, count) * (0.55 + 0.45 * sin(np.pi * np.clip(1.02 - 0.9 * s, 0.0, 1.0)))
    t = np.linspace(0.0, 1.0, _POINTS)
    station = np.clip(s[:, None] + lean[:, None] * power(t, 1.5) - 0.03 * t**2, 0.0, 1.0)
    height = (reach[:, None] * t)[..., None]
    return _along(root, station) * (1.0 - height) + _along(tip, station) * height


def lash_hairs(faces: np.ndarray, uv: np.ndarray) -> Bound:
    """Both lids of both eyes.

    Args:
        faces: (F, 3) int of the strips.
        uv: (V, 2) coordinates in the hm08 atlas of the vertices that the faces index.
    """
    right = np.concatenate([_hairs(_UPPER_ROOT, _UPPER_TIP, 84, 0.92, 1), _hairs(_LOWER_ROOT, _LOWER_TIP, 46, 0.62, 2)])
    left = right * (-1.0, 1.0) + (2.0 * _MIDDLE_U, 0.0)
    return bound_hairs(faces, uv, np.concatenate([right, left]), _STRETCH)


def bound_hairs(faces: np.ndarray, uv: np.ndarray, paths: np.ndarray, stretch: float) -> Bound:
    """Lashes tied to strips where paths (N, S, 2) in their texture plane run, and `stretch` times as long."""
    count, points = len(paths), paths.shape[1]
    corner, weight = nearest_uv(faces, uv, paths.reshape(-1, 2))
    rng = keyed(3, 0)
    color, place = strand_paint(_COLOUR, exp(0.2 * rng.standard_normal(count)), points, rng, 1.0)
    return Bound(
        corner=corner.reshape(count, points, 3),
        weight=weight.reshape(count, points, 3),
        offset_m=np.zeros((count, points, 3)),
        stretch=np.full(count, stretch),
        half_width_m=_WIDTH_M * (0.5 + 0.3 * rng.random(count)),
        tilt=0.3 * rng.standard_normal(count),
        color=color,
        uv=place,
    )
