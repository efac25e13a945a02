"""The canonical head that appearance is painted on, and where on it cheeks, beard, brows and hair are.

Positions are metres in the head frame of that one head, so a region is the same part of every person.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from meshes.elementary import arctan2, exp
from meshes.noise import smooth_step
from meshes.parts import Part

EYE_X_M, EYE_RADIUS_M = 0.0289, 0.01545
"""Distance of the eyeballs' centres from the middle of the canonical head, and their radius."""

_INNER_CORNER = (0.0189, -0.0029)  # Of the left eye; x, y.
_LID_SLANT = 0.075  # The outer corner is higher.

HEAD_CENTRE_M = np.array([0.0, 0.020, -0.085])
"""Middle of the skull, the origin of directions on the scalp."""

SHORTEST_M = 0.003
"""Shorter hair shows its roots everywhere, longer hair hides them but at the hairline."""

_BEARD_TOP_X = np.array([0.0, 0.010, 0.024, 0.034, 0.046, 0.056, 0.066, 0.080])  # |x|
_BEARD_TOP_Y = np.array([-0.052, -0.050, -0.056, -0.066, -0.058, -0.044, -0.020, 0.000])

# Height of the hairline, full and how far it recedes, by angle from the face: forehead, temple, sideburn, over and
# behind the ear, nape.
_HAIRLINE = np.array(
    [
        (0.0, 0.060, 0.010),
        (18.0, 0.062, 0.022),
        (34.0, 0.062, 0.036),
        (45.0, 0.051, 0.034),
        (54.0, 0.032, 0.016),
        (60.0, 0.008, 0.006),
        (65.0, -0.014, 0.0),
        (70.0, -0.010, 0.0),
        (76.0, 0.004, 0.0),
        (88.0, 0.010, 0.0),
        (95.0, 0.004, 0.0),
        (101.0, -0.018, 0.0),
        (107.0, -0.034, 0.0),
        (120.0, -0.050, 0.0),
        (150.0, -0.064, 0.0),
        (180.0, -0.070, 0.0),
    ]
)


@dataclass(frozen=True, eq=False)
class SkinTemplate:
    """The skin of one canonical adult head at the resolution that is rendered.

    Attributes:
        rest: (V, 3) float64 metres, head frame.
        normal: (V, 3) float, unit, outward; equal on both sides of a uv seam.
        uv: (V, 2) float, v upwards, of the textures (`meshes.atlas.skin_atlas`).
        faces: (F, 3) int32.
        part: (V,) uint8, ids of `meshes.parts.Part`.
        masks: (V,) float32 in [0, 1] by name: lips, ears, eyelids, face, inside_mouth.
    """

    rest: np.ndarray
    normal: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    masks: Mapping[str, np.ndarray]


def blob(points: np.ndarray, centre_mm: tuple[float, ...], radii_mm: tuple[float, ...]) -> np.ndarray:
    """(N,) float32: a Gaussian bump, mirrored to both sides of the face.

    Args:
        points: (N, 3) metres.
        centre_mm: (3,) with x >= 0.
        radii_mm: (3,) standard deviations.
    """
    mirrored = np.abs(points[:, 0])[:, None] if centre_mm[0] > 0 else points[:, :1]
    scaled = (np.concatenate([mirrored, points[:, 1:]], axis=1) * 1e3 - centre_mm) / radii_mm
    return exp(-0.5 * (scaled**2).sum(axis=1)).astype(np.float32)


def beard(points: np.ndarray) -> np.ndarray:
    """(N,) float32 in [0, 1]: where a beard grows (lips not excluded)."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    top = np.interp(x, _BEARD_TOP_X, _BEARD_TOP_Y)
    inside = smooth_step(top - y, -0.003, 0.007) * smooth_step(y, -0.150, -0.115) * smooth_step(z, -0.075, -0.058)
    bare = 0.6 * blob(points, (14.0, -84.0, 22.0), (4.0, 5.0, 12.0))  # Either side of the tuft below the lip.
    return (inside * (1.0 - bare)).astype(np.float32)


def hair_depth(points: np.ndarray, recede: float | np.ndarray = 0.0) -> np.ndarray:
    """(N,) metres above the hairline; negative on bare skin.

    Args:
        points: (N, 3) metres.
        recede: 0 for a full hairline to 1 for a high one; below 0 it is lower than usual.
    """
    offset = points - HEAD_CENTRE_M
    azimuth_deg = np.degrees(np.abs(arctan2(offset[:, 0], offset[:, 2])))
    full, recession = (np.interp(azimuth_deg, _HAIRLINE[:, 0], _HAIRLINE[:, k]) for k in (1, 2))
    return points[:, 1] - full - recede * recession


def zones(template: SkinTemplate) -> dict[str, np.ndarray]:
    """Weights in [0, 1], (V,) float32 by name, of the zones in which skin differs."""
    p, masks = template.rest, template.masks
    down = np.clip(-template.normal[:, 1], 0.0, 1.0)
    upper, lower = _lid_edges(template)
    return {
        "cheek": blob(p, (40.0, -36.0, 12.0), (14.0, 12.0, 20.0)),
        "nose": np.maximum(
            blob(p, (0.0, -37.0, 38.0), (9.0, 9.0, 10.0)), 0.8 * blob(p, (14.0, -41.0, 24.0), (5.0, 6.0, 7.0))
        ),
        "chin": blob(p, (0.0, -98.0, 20.0), (12.0, 8.0, 14.0)),
        "brow_bone": blob(p, (0.0, 18.0, 25.0), (14.0, 10.0, 12.0)),
        "socket": blob(p, (27.0, -1.0, 14.0), (17.0, 9.0, 14.0)),
        "under_eye": blob(p, (25.0, -13.0, 18.0), (10.0, 3.5, 10.0)),
        "inner_corner": blob(p, (18.6, -3.0, 12.0), (1.6, 1.7, 3.0)),
        "nostril": (smooth_step(down, 0.2, 0.8) * blob(p, (7.0, -43.5, 29.0), (4.0, 2.6, 6.0))).astype(np.float32),
        "lash_line": _near(template, upper, 0.0008),
        "water_line": _near(template, lower, 0.0006),
        "lid_shadow": blob(p, (29.0, 6.5, 14.0), (12.0, 4.5, 12.0))
        * smooth_step(p[:, 1], -1.0, 2.0).astype(np.float32),
        "mouth_line": _near_mouth(template),
        "lip_rim": (4.0 * masks["lips"] * (1.0 - masks["lips"])).astype(np.float32),
        "upper_lip": (masks["lips"] * smooth_step(p[:, 1], -0.0695, -0.0660)).astype(np.float32),
        "mouth_corner": blob(p, (23.5, -67.0, 20.0), (3.0, 2.5, 6.0)),
        "perioral": blob(p, (0.0, -66.0, 28.0), (28.0, 17.0, 20.0)) * (1.0 - masks["lips"]),
        "forehead": blob(p, (0.0, 38.0, 18.0), (30.0, 16.0, 20.0)),
        "neck": smooth_step(p[:, 1], -0.10, -0.16).astype(np.float32),
        "beard": beard(p) * (1.0 - masks["lips"]) * (1.0 - masks["inside_mouth"]),
        "scalp": smooth_step(hair_depth(p), 0.0, 0.012).astype(np.float32) * (1.0 - masks["ears"]),
        "ears": masks["ears"],
        "eyelids": masks["eyelids"],
        "lips": masks["lips"],
        "mouth": masks["inside_mouth"],
    }


def _near(template: SkinTemplate, line: np.ndarray, reach_m: float) -> np.ndarray:
    """(V,) float32: 1 on points (N, 3) metres, falling off as a Gaussian; 0 everywhere where there are none."""
    if not len(line):
        return np.zeros(len(template.rest), np.float32)
    away = cKDTree(line).query(template.rest, distance_upper_bound=4.0 * reach_m)[0]
    return exp(-((away / reach_m) ** 2)).astype(np.float32)


def _near_mouth(template: SkinTemplate) -> np.ndarray:
    """(V,) float32: 1 where the lips meet, falling off over a millimetre of lip."""
    p, inside = template.rest, template.masks["inside_mouth"]
    rim = (inside > 0.5) & (np.abs(p[:, 0]) < 0.026) & (p[:, 2] > 0.010) & (np.abs(p[:, 1] + 0.0675) < 0.008)
    return _near(template, p[rim], 0.0011) * (1.0 - inside)


def _lid_edges(template: SkinTemplate) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) on the edges of the upper and of the lower lids, where the skin of the face ends at the eye."""
    corner = template.part[template.faces]
    edge = (corner == Part.EYE_SOCKET).any(axis=1) & (corner == Part.FACE).any(axis=1)
    p = template.rest[np.unique(template.faces[edge])]
    above = p[:, 1] - (_INNER_CORNER[1] + (np.abs(p[:, 0]) - _INNER_CORNER[0]) * _LID_SLANT) > 0.0
    return p[above], p[~above]
