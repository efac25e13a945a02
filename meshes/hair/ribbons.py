"""Strands as ribbons: tapered strips that face away from the head, shaded as if they were round."""

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np

from meshes.elementary import cos_of, exp, norm, sin_of
from meshes.hair.strands import Strands
from meshes.noise import keyed
from meshes.surface import Material

Vector = tuple[float, float, float]

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")

_TEXELS = 256
TAPER, _BLUNT = 2.2, 5.0  # A strip narrows over its last 1 / taper: short hair all along, cut hair at its end.
_ACROSS = 14.0  # Texels across a ribbon: so many single hairs that it stands for.


@dataclass(frozen=True, eq=False)
class Ribbons:
    """Triangles of a bundle of strands; a strand of S points has 2 S - 1 vertices and 2 S - 3 faces.

    Attributes:
        vertices: (V, 3) float64 metres.
        normals: (V, 3) float32, unit.
        uv: (V, 2) float32, of the streak texture.
        color: (V, 3) float32 linear albedo.
        faces: (F, 3) int32.
    """

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    faces: np.ndarray


@kernel
def _unit(a: Vector) -> Vector:
    length = max(np.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]), 1e-12)
    return a[0] / length, a[1] / length, a[2] / length


@kernel
def _mixed(a: Vector, s: float, b: Vector, t: float, c: Vector) -> Vector:
    """a + s b + t c."""
    return a[0] + s * b[0] + t * c[0], a[1] + s * b[1] + t * c[1], a[2] + s * b[2] + t * c[2]


@kernel
def _facing(before: Vector, outward: Vector, along: Vector) -> Vector:
    """The facing of a strip: carried on from `before`, drawn towards `outward`, at right angles to the strand."""
    f = _mixed(before, 0.5, outward, 0.0, outward)
    f = _mixed(f, -(f[0] * along[0] + f[1] * along[1] + f[2] * along[2]), along, 0.0, along)
    if f[0] * f[0] + f[1] * f[1] + f[2] * f[2] < 0.0025:
        # The strand leads straight off the head: any side will do, the same for neighbours.
        x, y, z = along
        f = (0.6 * y - 0.3 * z, 0.7 * z - 0.6 * x, 0.3 * x - 0.7 * y)
    return _unit(f)


@kernel
def strips(
    path: np.ndarray,
    outward: np.ndarray,
    half_m: np.ndarray,
    tilt: np.ndarray,
    root: float,
    smooth: float,
    taper: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 2 S - 1, 3) float64 and normals (N, 2 S - 1, 3) float32 of tapered strips along strands.

    The facing of a strip is carried along by parallel transport and drawn towards `outward` on the way; its normals
    turn from edge to edge as those of a round hair.

    Args:
        path, outward: (N, S, 3) float64.
        half_m: (N,) half widths; tilt: (N,) radians, the turn of a strip about its strand.
        root: width at the root, as a share.
        smooth: how much of `outward` is mixed into the normals.
        taper: the strip narrows to its tip over the last 1 / taper of it.
    """
    count, last = path.shape[0], path.shape[1] - 1
    vertices = np.zeros((count, 2 * last + 1, 3))
    normals = np.zeros((count, 2 * last + 1, 3), np.float32)
    for i in range(count):
        cosine, sine = cos_of(tilt[i]), sin_of(tilt[i])
        facing = (outward[i, 0, 0], outward[i, 0, 1], outward[i, 0, 2])
        for k in range(last + 1):
            p, b, a = path[i, k], path[i, min(k + 1, last)], path[i, max(k - 1, 0)]
            x, y, z = _unit((b[0] - a[0], b[1] - a[1], b[2] - a[2]))
            off = (outward[i, k, 0], outward[i, k, 1], outward[i, k, 2])
            facing = _facing(facing, off, (x, y, z))
            fx, fy, fz = facing
            side = (y * fz - z * fy, z * fx - x * fz, x * fy - y * fx)
            across = _mixed((0.0, 0.0, 0.0), cosine, side, sine, facing)
            normal = _mixed((0.0, 0.0, 0.0), cosine, facing, -sine, side)
            t = k / last
            half = half_m[i] * min(root + (1.0 - root) * 5.0 * t, 1.0) * min(1.0, taper * (1.0 - t))
            for v in range(2 * k, min(2 * k + 2, 2 * last + 1)):
                edge = 0.0 if k == last else 2.0 * (v - 2 * k) - 1.0
                shaded = _unit(_mixed(normal, 0.7 * edge, across, smooth, off))
                for m in range(3):
                    vertices[i, v, m] = p[m] + edge * half * across[m]
                    normals[i, v, m] = shaded[m]
    return vertices, normals


def ribbons(
    strands: Strands, path: np.ndarray, colour: np.ndarray, rng: np.random.Generator, root_shade: float = 0.5
) -> Ribbons:
    """Ribbons of strands whose points have moved to `path`.

    Args:
        strands: the bundle.
        path: (N, S, 3) float64 metres.
        colour: (3,) linear albedo.
        rng: for what differs from ribbon to ribbon.
        root_shade: factor on the colour at the root, where other hair takes the light.
    """
    count, points = len(path), path.shape[1]
    tilt = 0.35 * rng.standard_normal(count)
    vertices, normals = strips(
        path, strands.outward, strands.half_width_m, tilt, 0.55, 1.6, _BLUNT if points > 9 else TAPER
    )
    row, side = np.divmod(np.arange(2 * points - 1), 2)
    along = root_shade + (1.0 - root_shade) * np.clip(row / (points - 1) / 0.35, 0.0, 1.0)
    warm = exp(0.06 * rng.standard_normal((count, 1)) * [1.0, 0.2, -0.8])
    color = (colour * warm * strands.shade[:, None])[:, None] * along[:, None]
    return Ribbons(
        vertices=vertices.reshape(-1, 3),
        normals=normals.reshape(-1, 3),
        uv=_streaks(path, strands.half_width_m, row, side, rng).reshape(-1, 2),
        color=np.clip(color, 0.0, 1.0).reshape(-1, 3).astype(np.float32),
        faces=strip_faces(count, points),
    )


def _streaks(
    path: np.ndarray, half_m: np.ndarray, row: np.ndarray, side: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(N, 2 S - 1, 2) float32: a window of the texture with the proportions of the ribbon, folded back and forth."""
    count = len(path)
    step_m = norm(np.diff(path, axis=1), axis=2).mean(axis=1)
    tall = np.minimum(step_m / (2.0 * half_m) * _ACROSS / _TEXELS, 0.95)
    left = rng.uniform(0.01, 0.99 - _ACROSS / _TEXELS, count)
    bottom = rng.uniform(0.02, 0.98 - tall)
    across = np.where(row == row.max(), 0.5, side)
    u = left[:, None] + across * (_ACROSS / _TEXELS)
    v = bottom[:, None] + tall[:, None] * (row % 2)
    return np.stack([u, v], axis=2).astype(np.float32)


def strip_faces(count: int, points: int) -> np.ndarray:
    """(count (2 points - 3), 3) int32 faces of `count` strips, each 2 points - 1 vertices that end in one tip."""
    low = np.arange(2 * points - 3)
    face = np.stack([low, low + 1 + low % 2, low + 2 - low % 2], axis=1)
    return (face + (2 * points - 1) * np.arange(count)[:, None, None]).reshape(-1, 3).astype(np.int32)


def strand_paint(
    colour: np.ndarray, shade: np.ndarray, points: int, rng: np.random.Generator, root_shade: float
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (V, 3) and texture coordinates (V, 2) float32 of short, single hairs.

    Args:
        colour: (3,) linear albedo.
        shade: (N,) factor of each hair.
        points: of a strand.
        rng: for the place in the texture.
        root_shade: factor at the root.
    """
    row = np.arange(2 * points - 1) // 2
    along = root_shade + (1.0 - root_shade) * np.clip(row / (points - 1) / 0.35, 0.0, 1.0)
    color = np.clip(shade[:, None, None] * along[:, None] * colour, 0.0, 1.0)
    place = np.repeat(rng.uniform(0.05, 0.95, (len(shade), 1, 2)), len(row), axis=1)
    return color.reshape(-1, 3).astype(np.float32), place.reshape(-1, 2).astype(np.float32)


@lru_cache(maxsize=1)
def hair_material() -> Material:
    """One material for all hair; its texture holds the shade of single hairs along a ribbon."""
    rng = keyed(0, 33)
    single = 0.30 * rng.standard_normal((1, _TEXELS))
    drift = 0.16 * np.cumsum(rng.standard_normal((_TEXELS, _TEXELS)), axis=0) / np.sqrt(_TEXELS)
    shade = exp(single + drift - 0.22)
    texture = np.rint(255.0 * np.clip(shade ** (1.0 / 2.2), 0.0, 1.0)).astype(np.uint8)
    texture = np.repeat(texture[..., None], 3, axis=2)
    return Material("hair", roughness=0.5, specular=0.028, texture=texture, fibre=True)
