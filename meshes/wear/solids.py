"""Simple solids as triangle meshes: grids, tubes, discs, slabs, beads; and how they join a surface.

All points are metres in whatever frame the caller works in; faces are counter-clockwise seen from outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from meshes.elementary import cos, product, sin
from meshes.geometry import rotate
from meshes.head import Head
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.surface import Material, Surface

Colour = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Solid:
    """Triangles of one material and one part.

    Attributes:
        vertices: (V, 3) float64 metres.
        faces: (F, 3) int32.
        normals: (V, 3) float64, unit, outward.
        uv: (V, 2) float32 in [0, 1].
        color: (V, 3) float32 linear albedo.
        part: what its pixels are labelled.
        material: how it answers light.
        shades: True where it is large enough to cast a soft shadow.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    part: Part
    material: Material
    shades: bool = False


@dataclass(frozen=True, eq=False)
class Shape:
    """A shape before it is of any stuff: vertices (V, 3), faces (F, 3), uv (V, 2).

    `twin` (V,) int64 names one vertex for all that share a place, across seams; normals are averaged over them.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    twin: np.ndarray

    def of(self, part: Part, material: Material, colour: Colour | np.ndarray, *, shades: bool = False) -> Solid:
        """The solid of this shape; `colour` is linear albedo, (3,) or (V, 3)."""
        normals = vertex_normals(self.vertices, self.faces, self.twin)
        color = np.broadcast_to(np.asarray(colour, np.float32), self.vertices.shape)
        uv = self.uv.astype(np.float32)
        return Solid(self.vertices, self.faces.astype(np.int32), normals, uv, color, part, material, shades)


def grid(points: np.ndarray, *, round_rows: bool = False, round_columns: bool = False) -> Shape:
    """A sheet through a grid of points, its outside where rows x columns turn counter-clockwise.

    Args:
        points: (R, C, 3) metres.
        round_rows: the last row meets the first.
        round_columns: the last column meets the first.
    """
    rows, columns = points.shape[:2]
    wrapped = np.concatenate([points, points[:1]]) if round_rows else points
    wrapped = np.concatenate([wrapped, wrapped[:, :1]], axis=1) if round_columns else wrapped
    R, C = wrapped.shape[:2]
    index = np.arange(R * C).reshape(R, C)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, d, c], -1).reshape(-1, 3), np.stack([a, c, b], -1).reshape(-1, 3)])
    v, u = np.meshgrid(np.linspace(0, 1, R), np.linspace(0, 1, C), indexing="ij")
    twin = np.arange(R)[:, None] % rows * columns + np.arange(C) % columns
    return Shape(wrapped.reshape(-1, 3), faces, np.stack([u, v], -1).reshape(-1, 2), twin.ravel())


def tube(
    path: np.ndarray,
    across_m: np.ndarray | float,
    along_m: np.ndarray | float,
    side: np.ndarray,
    *,
    closed: bool = False,
    sides: int = 8,
) -> Shape:
    """An elliptic tube about a path, with round ends where it is open.

    Args:
        path: (N, 3) metres.
        across_m: half thickness along `side`, one or (N,).
        along_m: half thickness along path x side, one or (N,).
        side: (3,) or (N, 3), roughly across the path.
        closed: the path returns to its start.
        sides: corners of the cross-section.
    """
    sizes = np.stack(np.broadcast_arrays(across_m, along_m, np.zeros(len(path)))[:2], axis=1)
    side = np.broadcast_to(side, path.shape)
    if not closed:
        path, sizes, side = _rounded_ends(path, sizes, side)
    step = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0) if closed else np.gradient(path, axis=0)
    ahead = unit(step)
    across = unit(side - (side * ahead).sum(axis=1, keepdims=True) * ahead)
    along = np.cross(ahead, across)
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = across[:, None] * (cos(angle)[:, None] * sizes[:, None, :1])
    ring = ring + along[:, None] * (sin(angle)[:, None] * sizes[:, None, 1:])
    return grid(path[:, None] + ring, round_rows=closed, round_columns=True)


def _rounded_ends(path: np.ndarray, sizes: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Path, sizes and sides with a half ellipsoid's rings before the start and after the end."""
    reach = np.array([0.999, 0.85, 0.5])
    width = np.sqrt(1 - reach**2)
    first, last = unit(path[:1] - path[1:2]), unit(path[-1:] - path[-2:-1])
    head = path[:1] + first * (reach[:, None] * sizes[0].min())
    tail = path[-1:] + last * (reach[::-1, None] * sizes[-1].min())
    return (
        np.concatenate([head, path, tail]),
        np.concatenate([sizes[0] * width[:, None], sizes, sizes[-1] * width[::-1, None]]),
        np.concatenate([side[:1].repeat(3, 0), side, side[-1:].repeat(3, 0)]),
    )


def disc(rim: np.ndarray, centre: np.ndarray, rings: int = 4, sag: np.ndarray | None = None) -> Shape:
    """A sheet that fills a rim (N, 3), counter-clockwise seen from outside, domed by `sag` (3,) at the centre."""
    share = np.linspace(0.001, 1.0, rings + 1)[:, None, None]
    points = centre + (rim - centre) * share
    if sag is not None:
        points = points + sag * (1.0 - share**2)
    return grid(points[::-1], round_columns=True)


def slab(outline: np.ndarray, half_m: float, bevel_m: float, axes: np.ndarray, centre: np.ndarray) -> Shape:
    """An outline with thickness and round edges.

    Args:
        outline: (N, 2) metres, counter-clockwise, convex about the origin.
        half_m: half of the thickness, along the third axis.
        bevel_m: radius of the edges.
        axes: (3, 3), rows are the outline's x and y and the thickness; may be mirrored, as for a left hand.
        centre: (3,).
    """
    outline = outline if np.linalg.det(axes) > 0 else outline[::-1]
    turn = np.linspace(-np.pi / 2, np.pi / 2, 7)
    inset = bevel_m * (1 - cos(turn))
    height = bevel_m * sin(turn) + np.where(turn < 0, bevel_m - half_m, np.where(turn > 0, half_m - bevel_m, 0.0))
    size = np.sqrt(np.square(outline).sum(axis=1, keepdims=True))
    rings = [outline * (1 - np.minimum(d / size, 0.9)) for d in inset]
    rings = [rings[0] * 0.001, rings[0] * 0.5, *rings, rings[-1] * 0.5, rings[-1] * 0.001]
    levels = [-half_m, -half_m, *height, half_m, half_m]
    flat = np.stack([np.concatenate([r, np.full((len(r), 1), z)], axis=1) for r, z in zip(rings, levels, strict=True)])
    return grid(product(flat, axes) + centre, round_columns=True)


def bead(centre: np.ndarray, radii_m: Sequence[float], axes: np.ndarray | None = None, sides: int = 16) -> Shape:
    """An ellipsoid: three radii along the rows of `axes`, which may be mirrored."""
    polar, azimuth = np.linspace(np.pi - 0.01, 0.01, sides // 2 + 1), 2 * np.pi * np.arange(sides) / sides
    ring = np.stack([cos(azimuth), sin(azimuth), np.ones(sides)], axis=1)
    ball = np.stack([ring * [sin(p), sin(p), cos(p)] for p in polar]) * np.asarray(radii_m)
    ball = ball if axes is None or np.linalg.det(axes) > 0 else ball * [1.0, 1.0, -1.0]
    return grid((ball if axes is None else product(ball, axes)) + centre, round_columns=True)


def rounded_rectangle(width_m: float, height_m: float, radius_m: float, corner_points: int = 6) -> np.ndarray:
    """(N, 2) metres, counter-clockwise from the right of the upper right corner."""
    turn = np.linspace(0, np.pi / 2, corner_points)
    outline = []
    for k, (x, y) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        middle = np.array([x * (width_m / 2 - radius_m), y * (height_m / 2 - radius_m)])
        arc = np.stack([cos(turn + k * np.pi / 2), sin(turn + k * np.pi / 2)], axis=1)
        outline.append(middle + radius_m * arc)
    return np.concatenate(outline)


def unit(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) of length 1; 0 stays 0."""
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    return vectors / np.where(length > 0, length, 1.0)


def moved(solids: Sequence[Solid], R: np.ndarray, t: np.ndarray) -> list[Solid]:
    """The solids turned by R (3, 3), then shifted by t (3,)."""
    return [replace(s, vertices=rotate(s.vertices, R) + t, normals=rotate(s.normals, R)) for s in solids]


def joined(surface: Surface, solids: Sequence[Solid]) -> Surface:
    """The surface with the solids on it: what was there keeps its indices."""
    materials = list(surface.materials)
    numbers = []
    for solid in solids:
        known = [k for k, m in enumerate(materials) if m is solid.material]
        numbers.append(known[0] if known else len(materials))
        materials += [] if known else [solid.material]
    starts = np.cumsum([len(surface.vertices), *(len(s.vertices) for s in solids)]).tolist()
    faces = [s.faces + np.int32(start) for s, start in zip(solids, starts, strict=False)]
    count = [len(f) for f in faces]
    casting = [f for f, s in zip(faces, solids, strict=True) if s.shades] if len(surface.occluder_faces) else []
    return replace(
        surface,
        vertices=np.concatenate([surface.vertices, *(s.vertices for s in solids)]),
        faces=np.concatenate([surface.faces, *faces]).astype(np.int32),
        normals=np.concatenate([surface.normals, *(s.normals for s in solids)]).astype(np.float32),
        uv=np.concatenate([surface.uv, *(s.uv for s in solids)]).astype(np.float32),
        color=np.concatenate([surface.color, *(s.color for s in solids)]).astype(np.float32),
        part=np.concatenate([surface.part, np.repeat([s.part for s in solids], count)]).astype(np.uint8),
        material=np.concatenate([surface.material, np.repeat(numbers, count)]).astype(np.uint8),
        materials=tuple(materials),
        cutout=np.concatenate([surface.cutout, np.full(sum(count), -1)]).astype(np.int32),
        occluder_faces=np.concatenate([surface.occluder_faces, *casting]).astype(np.int32),
    )


def with_faces(head: Head, keep: np.ndarray) -> Head:
    """The head with some faces alone; no landmark may lie on a face that goes.

    Args:
        head: posed.
        keep: (F,) bool.
    """
    number = (np.cumsum(keep) - 1).astype(np.int32)
    surface = head.surface
    kept = {name: getattr(surface, name)[keep] for name in ("faces", "part", "material", "cutout")}
    return replace(head, surface=replace(surface, **kept), landmark_face=number[head.landmark_face])
