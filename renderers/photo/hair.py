"""Hairs as Mitsuba holds them: one shape of B-spline curves, whose absorption is a map by the segment.

Set a variant first (`variants.mitsuba`).
"""

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import mitsuba as mi
import numpy as np

from renderers.photo.arrays import aligned
from renderers.photo.strands import Hairs

ROUGHNESS = 0.3
"""Of a hair, along it and around it, as Mitsuba's `hair` and Chiang et al. count it."""


def hair_shapes(hairs: Hairs) -> dict[str, Any]:
    """The hairs as an entry of a scene, one shape; none where there are none."""
    if not len(hairs.albedo):
        return {}
    points, first = control_points(hairs)
    return {"hair": _curves(points, first, hair_bsdf(hairs))}


def absorption(albedo: np.ndarray) -> np.ndarray:
    """Absorption per hair radius (..., 3) that gives a dense volume of hair this colour.

    M. J.-Y. Chiang et al., "A Practical and Controllable Hair and Fur Model for Production Path Tracing",
    Computer Graphics Forum 35(2), 2016, equation 9.
    """
    b = ROUGHNESS
    scale = 5.969 - 0.215 * b + 2.532 * b**2 - 10.73 * b**3 + 5.574 * b**4 + 0.245 * b**5
    return (np.log(np.clip(albedo, 1e-4, 0.99)) / scale) ** 2


def control_points(hairs: Hairs) -> tuple[np.ndarray, np.ndarray]:
    """B-spline control points (P + 2 N, 4) float32 of curves through the hairs' points, with radii, and (N + 1,) first.

    Natural cubic splines: no curvature at the ends. Radii are approximated, so that they stay positive.
    """
    sizes = np.diff(hairs.first)
    first = np.concatenate([[0], np.cumsum(sizes + 2)])
    result = np.zeros((first[-1], 4), np.float32)
    for size in np.unique(sizes):
        own = np.flatnonzero(sizes == size)
        rows = hairs.first[own][:, None] + np.arange(size)
        target = first[own][:, None] + np.arange(size + 2)
        result[target, :3] = np.einsum("cp,npk->nck", _interpolation(int(size)), hairs.points[rows])
        result[target, 3] = hairs.radius_m[np.pad(rows, ((0, 0), (1, 1)), mode="edge")]
    return result, first


@lru_cache(maxsize=64)
def _interpolation(size: int) -> np.ndarray:
    """(size + 2, size): control points of the natural uniform cubic B-spline through `size` points."""
    system = np.zeros((size + 2, size + 2))
    for row in range(1, size + 1):
        system[row, row - 1 : row + 2] = np.array([1.0, 4.0, 1.0]) / 6.0
    system[0, :3] = system[-1, -3:] = [1.0, -2.0, 1.0]
    return np.linalg.inv(system)[:, 1:-1]


def hair_bsdf(hairs: Hairs) -> dict[str, Any]:
    """Mitsuba's `hair`; its absorption is a column with one texel a segment, as v runs along all segments in order."""
    rows = np.repeat(absorption(hairs.albedo), np.diff(hairs.first) - 1, axis=0)
    column = mi.Bitmap(np.ascontiguousarray(rows[:, None], np.float32))
    return {
        "type": "hair",
        "sigma_a": {"type": "bitmap", "bitmap": column, "raw": True, "filter_type": "nearest", "wrap_mode": "clamp"},
        "longitudinal_roughness": ROUGHNESS,
        "azimuthal_roughness": ROUGHNESS,
    }


def _curves(points: np.ndarray, first: np.ndarray, bsdf: dict[str, Any]) -> Any:
    """Mitsuba reads curves from text alone; variants that allow it get theirs put into the place of a small one's."""
    if mi.variant() == "scalar_rgb":
        return _read(curve_text(points, first), bsdf)
    shape = _read(curve_text(points[:4], np.array([0, 4])), bsdf)
    parameters = mi.traverse(shape)
    inside = np.ones(len(points), bool)
    inside[(first[1:, None] - [1, 2, 3]).ravel()] = False
    parameters["control_point_count"] = len(points)
    parameters["segment_indices"] = mi.UInt32(aligned(np.flatnonzero(inside), np.uint32))
    parameters["control_points"] = mi.Float(aligned(points))
    parameters.update()
    return shape


def _read(text: bytes, bsdf: dict[str, Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hair.txt"
        path.write_bytes(text)
        return mi.load_dict({"type": "bsplinecurve", "filename": str(path), "bsdf": bsdf})


def curve_text(points: np.ndarray, first: np.ndarray) -> bytes:
    """Control points as Mitsuba reads them: a line "x y z radius" each, an empty line between curves.

    Args:
        points: (P, 4) float32 metres, within a hundred metres of the origin; written to a tenth of a micrometre.
        first: (N + 1,) where curves begin.
    """
    tenths = np.rint(points.astype(np.float64) * 1e7).astype(np.int64)
    width = 13  # A space or a sign, two digits, the point, seven digits, the separator and room for none.
    text = np.full((len(points), 4, width), ord(" "), np.uint8)
    rest = np.abs(tenths)
    for place in (11, 10, 9, 8, 7, 6, 5, 3, 2):
        rest, digit = np.divmod(rest, 10)
        text[..., place] = digit + ord("0")
    text[..., 4] = ord(".")
    text[..., 1] = np.where(tenths < 0, ord("-"), ord(" "))
    lines = text.reshape(len(points), 4 * width)
    lines = np.concatenate([lines, np.full((len(points), 2), ord("\n"), np.uint8)], axis=1)
    lines[:, -1] = ord(" ")
    lines[first[1:] - 1, -1] = ord("\n")
    return lines.tobytes()
