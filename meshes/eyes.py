"""The eyeball: sclera, limbus, iris, pupil and a clear cornea, as a surface of revolution with its colour.

Eye frame: origin at the centre of the globe, +Z the gaze, +X to the person's left, +Y up; unit = globe radius.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from meshes.noise import keyed, smooth_step, value_noise
from meshes.surface import Material

LIMBUS_RADIUS = 0.375
"""Where white meets iris. Head models draw the globe larger than life (16.8 mm, not 12 mm), so the ratio of
anatomy (5.9 / 12 mm) would give saucer eyes; this one gives irises of 12.5 mm on such a globe."""
CORNEA_RADIUS = 0.54
"""Radius of curvature of the cornea; anatomy's 7.8 mm, slightly flattened so that closed lids clear its apex."""
SECTORS = 64

SCLERA, IRIS, CORNEA = 0, 1, 2
"""Values of `EyeTemplate.tissue`, and indices into `eye_materials()`."""

_LIMBUS_Z = float(np.sqrt(1.0 - LIMBUS_RADIUS**2))
_IRIS_Z = _LIMBUS_Z - 0.012


@dataclass(frozen=True, eq=False)
class EyeTemplate:
    """One unit eye; the same for both sides and all people.

    Attributes:
        vertices: (V, 3) float64, eye frame, globe radii.
        normals: (V, 3) float32, unit, outward.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        uv: (V, 2) float32: azimuthal about the gaze axis, centre of the pupil at (0.5, 0.5).
        tissue: (F,) uint8: SCLERA, IRIS (with the pupil) or CORNEA. Cornea faces are the clear shell.
        vertex_tissue: (V,) uint8, the same for vertices; tissues share none.
        apex: distance of the cornea's apex from the centre.
    """

    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    tissue: np.ndarray
    vertex_tissue: np.ndarray
    apex: float


def _sclera_profile() -> np.ndarray:
    """(R, 2) radius and height from the back pole to just under the cornea's rim."""
    limbus = float(np.arcsin(LIMBUS_RADIUS))
    back = np.array([np.pi, np.radians(135.0)])
    front = np.linspace(np.radians(100.0), limbus, 9)
    angle = np.concatenate([back, front])
    sphere = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    step = np.array([[LIMBUS_RADIUS - 0.012, _LIMBUS_Z - 0.004]])  # The white turns inwards behind the rim.
    return np.concatenate([sphere, step])


def _iris_profile() -> np.ndarray:
    """(R, 2) radius and height from the iris root to the centre of the pupil: a shallow bowl."""
    outer = LIMBUS_RADIUS - 0.006
    radius = np.concatenate([np.linspace(outer, 0.45 * outer, 9), np.linspace(0.38 * outer, 0.0, 6)])
    height = _IRIS_Z - 0.02 * (1.0 - (radius / outer) ** 2)
    return np.stack([radius, height], axis=1)


def _cornea_profile() -> np.ndarray:
    """(R, 2) radius and height from just outside the limbus to the apex, on a sphere of CORNEA_RADIUS."""
    rim = LIMBUS_RADIUS + 0.008
    rim_z = np.sqrt(1.0 - rim**2) + 0.001
    slope = np.arcsin(rim / CORNEA_RADIUS)
    angle = np.linspace(slope, 0.0, 8)
    height = rim_z + CORNEA_RADIUS * (np.cos(angle) - np.cos(slope))
    return np.stack([CORNEA_RADIUS * np.sin(angle), height], axis=1)


def _revolve(profile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) and faces (M, 3) of a profile turned about Z; an end on the axis becomes one vertex."""
    on_axis = profile[:, 0] < 1e-9
    rings = profile[~on_axis]
    azimuth = np.arange(SECTORS) * (2.0 * np.pi / SECTORS)
    circle = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1)
    xy = (rings[:, None, :1] * circle[None]).reshape(-1, 2)
    vertices = np.concatenate([xy, np.repeat(rings[:, 1], SECTORS)[:, None]], axis=1)
    here = np.arange(len(vertices)).reshape(-1, SECTORS)
    there = np.roll(here, -1, axis=1)  # The next sector.
    a, b, c, d = (corner.ravel() for corner in (here[:-1], there[:-1], there[1:], here[1:]))
    faces = [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
    for end, (left, right) in ((0, (there[0], here[0])), (-1, (here[-1], there[-1]))):
        if on_axis[end]:
            faces.append(np.stack([left, right, np.full(SECTORS, len(vertices))], axis=1))
            vertices = np.concatenate([vertices, [[0.0, 0.0, profile[end, 1]]]])
    return vertices, np.concatenate(faces)


def _smooth_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corner = vertices[faces]
    area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.stack([np.bincount(faces.ravel(), np.repeat(area[:, k], 3), len(vertices)) for k in range(3)], axis=1)
    return (total / np.linalg.norm(total, axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=1)
def eyeball() -> EyeTemplate:
    """The unit eye: 3,904 triangles, of which a fifth are the clear cornea."""
    parts = [_revolve(profile) for profile in (_sclera_profile(), _iris_profile(), _cornea_profile())]
    start = np.cumsum([0] + [len(v) for v, _ in parts[:-1]])
    vertices = np.concatenate([v for v, _ in parts])
    angle = np.arctan2(np.linalg.norm(vertices[:, :2], axis=1), vertices[:, 2])
    azimuth = np.arctan2(vertices[:, 1], vertices[:, 0])
    radius = angle / (2.0 * np.pi)
    return EyeTemplate(
        vertices=vertices,
        normals=np.concatenate([_smooth_normals(v, f) for v, f in parts]),
        faces=np.concatenate([f + s for (_, f), s in zip(parts, start, strict=True)]).astype(np.int32),
        uv=(0.5 + radius[:, None] * np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1)).astype(np.float32),
        tissue=np.repeat([SCLERA, IRIS, CORNEA], [len(f) for _, f in parts]).astype(np.uint8),
        vertex_tissue=np.repeat([SCLERA, IRIS, CORNEA], [len(v) for v, _ in parts]).astype(np.uint8),
        apex=float(vertices[:, 2].max()),
    )


def eye_materials() -> tuple[Material, Material, Material]:
    """Materials of SCLERA, IRIS and CORNEA, in that order."""
    return (
        Material("sclera", roughness=0.2, specular=0.025, subsurface=0.4),
        Material("iris", roughness=0.6, specular=0.01),  # Under the cornea's water there is no gloss.
        Material("cornea", roughness=0.03, specular=0.04, clear=True),
    )


def _rgb(look: Mapping[str, float], name: str) -> np.ndarray:
    return np.array([look[f"{name}_{channel}"] for channel in ("red", "green", "blue")])


def _paint_iris(vertices: np.ndarray, look: Mapping[str, float], stream: int) -> np.ndarray:
    """(N, 3) radial fibres between an outer and an inner colour, a collarette, a limbal ring and the pupil."""
    rng = keyed(int(look["seed"]), stream)
    r = np.linalg.norm(vertices[:, :2], axis=1) / LIMBUS_RADIUS
    azimuth = np.arctan2(vertices[:, 1], vertices[:, 0])
    fibre_points = np.stack([np.cos(azimuth) * 6.0, np.sin(azimuth) * 6.0, r], axis=1)
    coarse, fine = value_noise(fibre_points, 1.0, 1, rng)[0], value_noise(fibre_points, 0.4, 1, rng)[0]
    pupil = look["pupil"]
    t = np.clip((r - pupil) / (1.0 - pupil), 0.0, 1.0)
    # The collarette is the zigzag line a third of the way out, where the inner colour ends.
    towards_outer = smooth_step(t + 0.06 * coarse, 0.18, 0.52)[:, None]
    colour = _rgb(look, "iris_inner") * (1.0 - towards_outer) + _rgb(look, "iris_outer") * towards_outer
    colour = colour * np.exp(0.16 * coarse + 0.20 * fine + 0.18 * np.exp(-(((t - 0.30) / 0.07) ** 2)))[:, None]
    ring = 1.0 - 0.85 * look["limbal_ring"] * smooth_step(r, 0.80, 0.99)
    hole = smooth_step(r, pupil - 0.03, pupil + 0.03)
    return 0.002 + colour * (ring * hole)[:, None]


def _paint_sclera(vertices: np.ndarray, look: Mapping[str, float], stream: int) -> np.ndarray:
    """(N, 3) off-white, yellower with age, redder and veined towards the corners, grey at the limbus."""
    rng = keyed(int(look["seed"]), stream)
    white = np.array([0.46, 0.42, 0.38]) * (1.0 - look["sclera_yellow"] * np.array([0.04, 0.10, 0.28]))
    side = smooth_step(np.abs(vertices[:, 0]), 0.45, 0.95)
    vein_points = vertices * np.array([3.0, 14.0, 3.0])  # Veins run from the corners to the iris.
    vein = np.abs(value_noise(vein_points, 1.0, 1, rng)[0])
    vein = np.exp(-((vein / 0.12) ** 2)) * side
    red = np.clip(look["sclera_red"] * (0.25 + 0.75 * side + 0.5 * vein), 0.0, 1.0)[:, None]
    colour = white * (1.0 - red * np.array([0.10, 0.42, 0.42]))
    r = np.linalg.norm(vertices[:, :2], axis=1)
    front = vertices[:, 2] > 0.0
    limbus = np.where(front, smooth_step(r, LIMBUS_RADIUS + 0.045, LIMBUS_RADIUS - 0.012), 0.0)[:, None]
    grey = 0.35 * colour * np.array([0.85, 0.95, 1.05]) + 0.25 * _rgb(look, "iris_outer")
    return colour * (1.0 - 0.85 * limbus) + grey * 0.85 * limbus


def _lid_shade(vertices: np.ndarray) -> np.ndarray:
    """(N,) the shade of lids and lashes, too fine for vertex shadows; it turns with the gaze, which is small."""
    above = smooth_step(vertices[:, 1], 0.08, 0.40)
    below = smooth_step(vertices[:, 1], -0.22, -0.45)
    aside = smooth_step(np.abs(vertices[:, 0]), 0.45, 0.95)
    return (1.0 - 0.50 * above) * (1.0 - 0.25 * below) * (1.0 - 0.55 * aside)


def paint_eye(template: EyeTemplate, look: Mapping[str, float], side: int = 0) -> np.ndarray:
    """Colour of one eye.

    Args:
        template: from `eyeball`.
        look: from `meshes.appearance.sample_look`.
        side: 0 for the person's left eye, 1 for the right; they differ in fibres and veins only.

    Returns:
        (V, 3) float32 linear albedo; the cornea's is 0, it only mirrors.
    """
    colour = np.zeros((len(template.vertices), 3), np.float32)
    for tissue, painter in ((SCLERA, _paint_sclera), (IRIS, _paint_iris)):
        chosen = template.vertex_tissue == tissue
        vertices = template.vertices[chosen]
        colour[chosen] = painter(vertices, look, 100 + 2 * tissue + side) * _lid_shade(vertices)[:, None]
    return colour
