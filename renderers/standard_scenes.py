"""The two scenes on which the label core is proven and timed: a plain head, and the same under corneas and hair.

The head is a displaced sphere; the hair is thousands of ribbons 80 micrometres wide. Vertices are rounded to
float32, so that every renderer compared receives equal numbers. Metres, head frame.
"""

from functools import cache

import numpy as np

from meshes.parts import Part
from meshes.surface import Material, Surface
from renderers.camera import Camera, dolly_camera, intrinsics, look_at

SKIN, CLEAR = Material("skin"), Material("cornea", clear=True)
EYES = ((-0.027, 0.022, 0.079), (0.027, 0.022, 0.079))


def make_surface(
    vertices: np.ndarray,
    faces: np.ndarray,
    part: np.ndarray | int = Part.FACE,
    material: np.ndarray | int = 0,
    normals: np.ndarray | None = None,
    uv: np.ndarray | None = None,
    cutout: np.ndarray | int = -1,
    cutouts: tuple[np.ndarray, ...] = (),
) -> Surface:
    """A grey surface with the given geometry; normals are averaged from the faces where none are given."""
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int32)
    V, F = len(vertices), len(faces)
    return Surface(
        vertices=vertices,
        faces=faces,
        normals=smooth_normals(vertices, faces) if normals is None else np.asarray(normals, np.float32),
        uv=np.zeros((V, 2), np.float32) if uv is None else np.asarray(uv, np.float32),
        color=np.full((V, 3), 0.5, np.float32),
        part=np.broadcast_to(np.asarray(part, np.uint8), F).copy(),
        material=np.broadcast_to(np.asarray(material, np.uint8), F).copy(),
        materials=(SKIN, CLEAR),
        cutout=np.broadcast_to(np.asarray(cutout, np.int32), F).copy(),
        cutouts=cutouts,
    )


def smooth_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit vertex normals (V, 3) float32; +Z where a vertex has none."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], area)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0, total / np.where(length > 0, length, 1.0), (0.0, 0.0, 1.0)).astype(np.float32)


def uv_sphere(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit directions (V, 3), uv (V, 2) and outward faces (F, 3) of a sphere, without zero-area faces at the poles."""
    u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    theta, phi = 2 * np.pi * (u - 0.25), np.pi * (v - 0.5)
    direction = np.stack([np.cos(phi) * np.cos(theta), np.sin(phi), -np.cos(phi) * np.sin(theta)], axis=-1)
    index = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    lower, upper = np.stack([a, b, c], axis=-1)[1:], np.stack([a, c, d], axis=-1)[:-1]
    faces = np.concatenate([lower.reshape(-1, 3), upper.reshape(-1, 3)])
    return direction.reshape(-1, 3), np.stack([u, v], axis=-1).reshape(-1, 2), faces


def _bump(x: np.ndarray, y: np.ndarray, z: np.ndarray, p: float, q: float, sigma: float) -> np.ndarray:
    return np.where(z > 0, np.exp(-((x - p) ** 2 + (y - q) ** 2) / (2 * sigma**2)), 0.0)


def _radius(direction: np.ndarray) -> np.ndarray:
    """Relief over the unit sphere: waves, nose, eye sockets, chin, mouth, ears."""
    x, y, z = direction.T
    r = 1 + 0.015 * np.sin(9 * x) * np.cos(7 * y) + 0.008 * np.sin(23 * y + 5 * x) * np.cos(19 * z)
    r += 0.003 * np.sin(61 * x) * np.sin(53 * y)
    r += 0.28 * _bump(x, y, z, 0.0, -0.05, 0.10) + 0.06 * _bump(x, y, z, 0.0, -0.45, 0.13)
    r -= 0.10 * (_bump(x, y, z, 0.33, 0.2, 0.11) + _bump(x, y, z, -0.33, 0.2, 0.11))
    r -= 0.05 * _bump(x, y, z, 0.0, -0.33, 0.05)
    return r + 0.35 * np.exp(-(60 * (np.abs(x) - 1) ** 2 + 30 * y**2 + 120 * (z + 0.1) ** 2))


def _ribbons(rng: np.random.Generator, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hair 80 micrometres wide: 7 two-triangle segments from every root."""
    q = (np.arange(8) / 7)[None, :, None]
    outward = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    noise = rng.normal(0, 0.0015, (len(roots), 8, 3))
    spine = roots[:, None] + 0.025 * q * outward[:, None] - 0.040 * q**2 * np.array([0.0, 1.0, 0.0]) + q * noise
    side = np.cross(outward, rng.normal(size=outward.shape))
    half = 4e-5 * (side / np.linalg.norm(side, axis=1, keepdims=True))[:, None]
    vertices = np.stack([spine - half, spine + half], axis=2).reshape(-1, 3)
    first = (np.arange(len(roots))[:, None] * 16 + np.arange(7) * 2).reshape(-1, 1)
    quads = np.stack([first + np.array([0, 1, 3]), first + np.array([0, 3, 2])], axis=1).reshape(-1, 3)
    return vertices, quads


@cache
def plain_head(columns: int = 160) -> Surface:
    """A head-like relief and two eyeballs: 53,824 triangles at 160 columns."""
    pieces = [_relief(columns), *(_ball(eye, 0.0125) for eye in EYES)]
    return _join(pieces, [Part.FACE, Part.EYE_RIGHT, Part.EYE_LEFT])


@cache
def hard_head(columns: int = 160, ribbons: int = 3000) -> Surface:
    """The plain head under clear corneas 50 micrometres above the eyes and `ribbons` thin ribbons of hair."""
    relief = _relief(columns)
    roots = relief[0][relief[0][:, 1] > 0.04]
    rng = np.random.Generator(np.random.Philox(key=0))
    hair, hair_faces = _ribbons(rng, roots[rng.integers(len(roots), size=ribbons)])
    pieces = [relief, *(_ball(eye, 0.0125) for eye in EYES), *(_ball(eye, 0.01255) for eye in EYES)]
    pieces.append((hair, np.zeros((len(hair), 2)), hair_faces))
    return _join(pieces, [Part.FACE, Part.EYE_RIGHT, Part.EYE_LEFT, Part.CORNEA, Part.CORNEA, Part.HAIR])


def _relief(columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    direction, uv, faces = uv_sphere(columns, columns)
    return _radius(direction)[:, None] * direction * (0.078, 0.115, 0.098), uv, faces


def _ball(centre: tuple[float, float, float], radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    direction, uv, faces = uv_sphere(32, 24)
    return np.asarray(centre) + radius * direction, uv, faces


def _join(pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]], parts: list[Part]) -> Surface:
    counts = np.cumsum([0] + [len(v) for v, _, _ in pieces])
    vertices = np.concatenate([v for v, _, _ in pieces]).astype(np.float32)
    faces = np.concatenate([f + start for (_, _, f), start in zip(pieces, counts, strict=False)])
    part = np.repeat(np.array(parts, np.uint8), [len(f) for _, _, f in pieces])
    uv = np.concatenate([uv for _, uv, _ in pieces])
    return make_surface(vertices, faces, part, part == Part.CORNEA, uv=uv)


def view_from(
    distance_m: float,
    size: int,
    direction: tuple[float, float, float] = (0.05, 0.03, 1.0),
    fill: float = 0.80,
) -> Camera:
    """A camera at `distance_m` (inf: orthographic) from the origin that sees a 0.125 m ball in `fill` of the frame.

    The eye stands along `direction`, upright; two such cameras of one direction make a dolly pair about the origin
    only through `dolly_camera`, since each is framed for its own distance.
    """
    framing_m = min(distance_m, 1e6)
    focal_px = fill * (size / 2) / np.tan(np.arcsin(0.125 / framing_m))
    back = np.asarray(direction) / np.linalg.norm(direction)
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(back, right), back], axis=1)
    finite_m = min(distance_m, 0.35)
    finite = Camera(
        intrinsics(focal_px * finite_m / framing_m, (size / 2, size / 2)),
        look_at(np.zeros(3), finite_m, rotation),
        size,
        size,
    )
    return dolly_camera(finite, np.zeros(3), distance_m)
