"""Which point of the canonical head every texel of the skin's texture shows, and the texels near a place on the face.

Places on the face are (x, y) in millimetres of the canonical head, seen from the front.
"""

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from meshes.atlas import SHAPE
from meshes.grains import texels
from meshes.skin_regions import SkinTemplate

CELL_MM = 2.0
"""Side of the cells that texels of the face are sorted into."""

_ORIGIN_MM = (-80.0, -120.0)
_CELLS = (80, 105)  # Along x and y.


@dataclass(frozen=True, eq=False)
class FaceChart:
    """Texels of the face, sorted by the cell of the frontal plane that they lie in.

    Attributes (N = texels of the face):
        start: (cells + 1,) int64, first texel of every cell, cells row by row from the lowest.
        texel: (N,) int64, index into the flattened texture.
        place_mm: (N, 2) float32.
    """

    start: np.ndarray
    texel: np.ndarray
    place_mm: np.ndarray


@lru_cache(maxsize=2)
def texel_points(template: SkinTemplate) -> np.ndarray:
    """(*SHAPE, 3) float32 metres on the canonical head; NaN where no skin is."""
    points = np.full((*SHAPE, 3), np.nan, np.float32)
    _fill(points, texels(template.uv), template.faces, template.rest)
    points.setflags(write=False)
    return points


@numba.njit(cache=True, nogil=True)
def _fill(out: np.ndarray, texel: np.ndarray, faces: np.ndarray, values: np.ndarray) -> None:
    """Interpolate values (V, 3) over the texels whose centres lie in a face, within a texel's tolerance."""
    for f in range(len(faces)):
        i, j, k = faces[f]
        ax, ay, bx, by = texel[i, 0], texel[i, 1], texel[j, 0] - texel[i, 0], texel[j, 1] - texel[i, 1]
        cx, cy = texel[k, 0] - ax, texel[k, 1] - ay
        area = bx * cy - by * cx
        if abs(area) < 1e-9:
            continue
        # A little more than the face, so that no texel on a seam is left out.
        slack = 0.5 / max(abs(area), 1.0)
        for r in range(
            max(int(ay + min(0.0, by, cy) - 1.0), 0), min(int(ay + max(0.0, by, cy) + 1.0), out.shape[0] - 1) + 1
        ):
            for c in range(
                max(int(ax + min(0.0, bx, cx) - 1.0), 0), min(int(ax + max(0.0, bx, cx) + 1.0), out.shape[1] - 1) + 1
            ):
                x, y = c + 0.5 - ax, r + 0.5 - ay
                s, t = (x * cy - y * cx) / area, (bx * y - by * x) / area
                if s >= -slack and t >= -slack and s + t <= 1.0 + slack:
                    for n in range(values.shape[1]):
                        out[r, c, n] = (1.0 - s - t) * values[i, n] + s * values[j, n] + t * values[k, n]


@lru_cache(maxsize=2)
def face_chart(template: SkinTemplate) -> FaceChart:
    """The face of the canonical head, lips and lids included, ears and the inside of the mouth not."""
    chosen = (template.masks["face"] > 0.5) & (template.masks["inside_mouth"] < 0.5)
    faces = template.faces[chosen[template.faces].all(axis=1)]
    points = np.full((*SHAPE, 3), np.nan, np.float32)
    _fill(points, texels(template.uv), faces, template.rest)
    texel = np.flatnonzero(~np.isnan(points[..., 0]))
    place_mm = 1e3 * points.reshape(-1, 3)[texel, :2]
    column, row = np.floor((place_mm - _ORIGIN_MM) / CELL_MM).astype(np.int64).T
    cell = np.clip(row, 0, _CELLS[1] - 1) * _CELLS[0] + np.clip(column, 0, _CELLS[0] - 1)
    order = np.argsort(cell, kind="stable")
    start = np.searchsorted(cell[order], np.arange(_CELLS[0] * _CELLS[1] + 1))
    return FaceChart(start, texel[order], np.ascontiguousarray(place_mm[order], np.float32))


def stroke(field: np.ndarray, chart: FaceChart, line_mm: np.ndarray, width_mm: np.ndarray, height: np.ndarray) -> None:
    """Raise a field along a line, in place: Gaussian across it; of overlapping strokes the higher wins.

    Args:
        field: (texels,) float32, the flattened texture.
        chart: of the face.
        line_mm: (K, 2) corners of the line.
        width_mm: (K,) deviation across the line at its corners.
        height: (K,) height at its corners.
    """
    _stroke(field, chart.start, chart.texel, chart.place_mm, *(np.ascontiguousarray(a, np.float32) for a in
            (line_mm, width_mm, height)))  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _stroke(field, start, texel, place_mm, line, width, height):  # type: ignore[no-untyped-def]
    one = np.float32(1)
    for n in range(len(line) - 1):
        ax, ay, ex, ey = line[n, 0], line[n, 1], line[n + 1, 0] - line[n, 0], line[n + 1, 1] - line[n, 1]
        length2 = max(ex * ex + ey * ey, np.float32(1e-6))
        reach = np.float32(2.5) * max(width[n], width[n + 1])
        c0 = max(int((min(ax, ax + ex) - reach - _ORIGIN_MM[0]) / CELL_MM), 0)
        c1 = min(int((max(ax, ax + ex) + reach - _ORIGIN_MM[0]) / CELL_MM), _CELLS[0] - 1)
        r0 = max(int((min(ay, ay + ey) - reach - _ORIGIN_MM[1]) / CELL_MM), 0)
        r1 = min(int((max(ay, ay + ey) + reach - _ORIGIN_MM[1]) / CELL_MM), _CELLS[1] - 1)
        for r in range(r0, r1 + 1):
            for at in range(start[r * _CELLS[0] + c0], start[r * _CELLS[0] + c1 + 1]):
                x, y = place_mm[at, 0] - ax, place_mm[at, 1] - ay
                t = min(max((x * ex + y * ey) / length2, np.float32(0)), one)
                dx, dy = x - t * ex, y - t * ey
                wide = width[n] + t * (width[n + 1] - width[n])
                away = (dx * dx + dy * dy) / (wide * wide)
                if away < np.float32(6):
                    left = one - away / np.float32(6)
                    value = (height[n] + t * (height[n + 1] - height[n])) * left * left * left
                    field[texel[at]] = max(field[texel[at]], value)


def texel_values(template: SkinTemplate, values: np.ndarray) -> np.ndarray:
    """SHAPE float32: values (V,) of the skin's vertices at every texel; 0 where no skin is."""
    out = np.zeros((*SHAPE, 1), np.float32)
    _fill(out, texels(template.uv), template.faces, np.ascontiguousarray(values[:, None], np.float64))
    return out[..., 0]
