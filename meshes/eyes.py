"""The eyeball: sclera, limbus, iris, pupil and a clear cornea, as a surface of revolution with its colour.

Eye frame: origin at the centre of the globe, +Z the gaze, +X to the person's left, +Y up; unit = globe radius.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from meshes.elementary import arcsin, arctan2, cos, exp, norm, sin
from meshes.noise import keyed, smooth_step, value_noise
from meshes.surface import Material

LIMBUS_RADIUS = 0.375
"""Where white meets iris. Head models draw the globe larger than life (16.8 mm, not 12 mm), so the ratio of
anatomy (5.9 / 12 mm) would give saucer eyes; this one gives irises of 12.5 mm on such a globe."""
CORNEA_RADIUS = 0.54
"""Radius of curvature of the cornea; anatomy's 7.8 mm, slightly flattened so that closed lids clear its apex."""
SECTORS = {"sclera": 80, "iris": 96, "cornea": 48}
"""Vertices around: an iris a third of a millimetre apart, as fine as a close portrait shows."""

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
    limbus = float(arcsin(LIMBUS_RADIUS))
    back = np.array([np.pi, np.radians(135.0)])
    front = np.linspace(np.radians(100.0), limbus, 14)
    angle = np.concatenate([back, front])
    sphere = np.stack([sin(angle), cos(angle)], axis=1)
    step = np.array([[LIMBUS_RADIUS - 0.012, _LIMBUS_Z - 0.004]])  # The white turns inwards behind the rim.
    return np.concatenate([sphere, step])


def _iris_profile() -> np.ndarray:
    """(R, 2) radius and height from the iris root to the centre of the pupil: a shallow bowl."""
    outer = LIMBUS_RADIUS - 0.006
    radius = np.concatenate([np.linspace(outer, 0.24 * outer, 21), np.linspace(0.16 * outer, 0.0, 3)])
    height = _IRIS_Z - 0.02 * (1.0 - (radius / outer) ** 2)
    return np.stack([radius, height], axis=1)


def _cornea_profile() -> np.ndarray:
    """(R, 2) radius and height from just outside the limbus to the apex, on a sphere of CORNEA_RADIUS."""
    rim = LIMBUS_RADIUS + 0.008
    rim_z = np.sqrt(1.0 - rim**2) + 0.001
    slope = arcsin(rim / CORNEA_RADIUS)
    angle = np.linspace(slope, 0.0, 8)
    height = rim_z + CORNEA_RADIUS * (cos(angle) - cos(slope))
    return np.stack([CORNEA_RADIUS * sin(angle), height], axis=1)


def _revolve(profile: np.ndarray, sectors: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) and faces (M, 3) of a profile turned about Z; an end on the axis becomes one vertex."""
    on_axis = profile[:, 0] < 1e-9
    rings = profile[~on_axis]
    azimuth = np.arange(sectors) * (2.0 * np.pi / sectors)
    circle = np.stack([cos(azimuth), sin(azimuth)], axis=1)
    xy = (rings[:, None, :1] * circle[None]).reshape(-1, 2)
    vertices = np.concatenate([xy, np.repeat(rings[:, 1], sectors)[:, None]], axis=1)
    here = np.arange(len(vertices)).reshape(-1, sectors)
    there = np.roll(here, -1, axis=1)  # The next sector.
    a, b, c, d = (corner.ravel() for corner in (here[:-1], there[:-1], there[1:], here[1:]))
    faces = [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
    for end, (left, right) in ((0, (there[0], here[0])), (-1, (here[-1], there[-1]))):
        if on_axis[end]:
            faces.append(np.stack([left, right, np.full(sectors, len(vertices))], axis=1))
            vertices = np.concatenate([vertices, [[0.0, 0.0, profile[end, 1]]]])
    return vertices, np.concatenate(faces)


def _smooth_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corner = vertices[faces]
    area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.stack([np.bincount(faces.ravel(), np.repeat(area[:, k], 3), len(vertices)) for k in range(3)], axis=1)
    return (total / norm(total, axis=1, keepdims=True)).astype(np.float32)


@lru_cache(maxsize=1)
def eyeball() -> EyeTemplate:
    """The unit eye: 7,312 triangles, of which a tenth are the clear cornea."""
    profiles = {"sclera": _sclera_profile(), "iris": _iris_profile(), "cornea": _cornea_profile()}
    parts = [_revolve(profile, SECTORS[name]) for name, profile in profiles.items()]
    start = np.cumsum([0] + [len(v) for v, _ in parts[:-1]])
    vertices = np.concatenate([v for v, _ in parts])
    angle = arctan2(norm(vertices[:, :2], axis=1), vertices[:, 2])
    azimuth = arctan2(vertices[:, 1], vertices[:, 0])
    radius = angle / (2.0 * np.pi)
    return EyeTemplate(
        vertices=vertices,
        normals=np.concatenate([_smooth_normals(v, f) for v, f in parts]),
        faces=np.concatenate([f + s for (_, f), s in zip(parts, start, strict=True)]).astype(np.int32),
        uv=(0.5 + radius[:, None] * np.stack([cos(azimuth), sin(azimuth)], axis=1)).astype(np.float32),
        tissue=np.repeat([SCLERA, IRIS, CORNEA], [len(f) for _, f in parts]).astype(np.uint8),
        vertex_tissue=np.repeat([SCLERA, IRIS, CORNEA], [len(v) for v, _ in parts]).astype(np.uint8),
        apex=float(vertices[:, 2].max()),
    )


def eye_materials() -> tuple[Material, Material, Material]:
    """Materials of SCLERA, IRIS and CORNEA, in that order."""
    return (
        Material("sclera", roughness=0.45, specular=0.030, subsurface=0.7, oil=0.6, oil_roughness=0.13),
        Material("iris", roughness=0.6, specular=0.01),  # Under the cornea's water there is no gloss.
        Material("cornea", roughness=0.03, specular=0.04, clear=True),
    )


def _rgb(look: Mapping[str, float], name: str) -> np.ndarray:
    return np.array([look[f"{name}_{channel}"] for channel in ("red", "green", "blue")])


def _paint_iris(vertices: np.ndarray, look: Mapping[str, float], stream: int) -> np.ndarray:
    """(N, 3) fibres and crypts between an outer and an inner colour, a collarette, a limbal ring and the pupil."""
    rng = keyed(int(look["seed"]), stream)
    r = norm(vertices[:, :2], axis=1) / LIMBUS_RADIUS
    azimuth = arctan2(vertices[:, 1], vertices[:, 0])
    around = np.stack([cos(azimuth), sin(azimuth), np.zeros(len(r))], axis=1)
    radial = r[:, None] * (0.0, 0.0, 1.0)
    coarse, fine = (value_noise(k * around + radial, 1.0, 1, rng)[0] for k in (5.0, 14.0))
    crypt, fleck = (
        value_noise(6.0 * r[:, None] * around, 1.0, 1, rng)[0],
        value_noise(9.0 * r[:, None] * around, 1.0, 1, rng)[0],
    )
    pupil = look["pupil"]
    t = np.clip((r - pupil) / (1.0 - pupil), 0.0, 1.0)
    # The collarette is the zigzag line a third of the way out, where the inner colour ends.
    edge = 0.34 + 0.07 * coarse + 0.03 * fine
    inner = smooth_step(edge - t, -0.10, 0.10)[:, None]
    colour = _rgb(look, "iris_inner") * inner + _rgb(look, "iris_outer") * (1.0 - inner)
    amber = look["iris_amber"] * np.clip(0.6 * inner[:, 0] + 0.3 * inner[:, 0] * coarse, 0.0, 1.0)[:, None]
    colour = colour + (np.array([0.16, 0.080, 0.022]) - colour) * amber
    light = look["iris_fibres"] * (0.26 * coarse + 0.34 * fine) + 0.30 * exp(-(((t - edge) / 0.05) ** 2))
    light = light - 0.55 * smooth_step(crypt, 0.7, 1.5) * smooth_step(t, 0.15, 0.35) * smooth_step(t, 0.9, 0.6)
    light = light - look["iris_flecks"] * smooth_step(fleck, 1.1, 1.7)
    # Light from above crosses the cornea and gathers on the lower half.
    light = light - 0.30 * vertices[:, 1] / LIMBUS_RADIUS
    ring = 1.0 - 0.88 * look["limbal_ring"] * smooth_step(r + 0.02 * coarse, 0.76, 0.99)
    hole = smooth_step(r, pupil - 0.025, pupil + 0.035)
    return 0.0015 + colour * exp(light)[:, None] * (ring * hole)[:, None]


def _paint_sclera(vertices: np.ndarray, look: Mapping[str, float], stream: int) -> np.ndarray:
    """(N, 3) off-white, yellower with age, redder and veined towards the corners, grey at the limbus."""
    rng = keyed(int(look["seed"]), stream)
    white = np.array([0.63, 0.585, 0.545]) * (1.0 - look["sclera_yellow"] * np.array([0.05, 0.11, 0.28]))
    side = smooth_step(np.abs(vertices[:, 0]), 0.42, 0.95)
    wavy = vertices + 0.05 * value_noise(vertices, 0.2, 3, rng).T
    thick, thin = (value_noise(wavy * (k, 3.2 * k, k), 1.0, 1, rng)[0] for k in (2.6, 5.0))  # From corner to iris.
    vein = np.maximum(exp(-((thick / 0.10) ** 2)), 0.7 * exp(-((thin / 0.13) ** 2)))
    red = np.clip(look["sclera_red"] * (0.06 + 0.45 * side + (0.25 + 0.75 * side) * vein), 0.0, 1.0)[:, None]
    colour = white * (1.0 - red * np.array([0.12, 0.50, 0.50]))
    r = norm(vertices[:, :2], axis=1)
    front = vertices[:, 2] > 0.0
    limbus = np.where(front, smooth_step(r, LIMBUS_RADIUS + 0.055, LIMBUS_RADIUS - 0.012), 0.0)[:, None]
    grey = 0.30 * colour * np.array([0.85, 0.95, 1.05]) + 0.30 * _rgb(look, "iris_outer")
    return colour * (1.0 - 0.9 * limbus) + grey * 0.9 * limbus


def _usual_lid_shade(vertices: np.ndarray) -> np.ndarray:
    """(N,) the shade that open lids cast on an eye that looks ahead; `meshes.eyelids.lid_shade` knows the real lids."""
    above = smooth_step(vertices[:, 1], -0.02, 0.34)
    below = smooth_step(vertices[:, 1], -0.22, -0.45)
    aside = smooth_step(np.abs(vertices[:, 0]), 0.45, 0.95)
    return (1.0 - 0.62 * above) * (1.0 - 0.35 * below) * (1.0 - 0.55 * aside)


def paint_eye(template: EyeTemplate, look: Mapping[str, float], side: int = 0, *, shaded: bool = True) -> np.ndarray:
    """Colour of one eye.

    Args:
        template: from `eyeball`.
        look: from `meshes.appearance.sample_look`.
        side: 0 for the person's left eye, 1 for the right; they differ in fibres and veins only.
        shaded: with the shade of open lids; False where `meshes.eyelids.shade_eyes` brings that of the real ones.

    Returns:
        (V, 3) float32 linear albedo; the cornea's is 0, it only mirrors.
    """
    colour = np.zeros((len(template.vertices), 3), np.float32)
    for tissue, painter in ((SCLERA, _paint_sclera), (IRIS, _paint_iris)):
        chosen = template.vertex_tissue == tissue
        vertices = template.vertices[chosen]
        shade = _usual_lid_shade(vertices) if shaded else np.ones(len(vertices))
        colour[chosen] = painter(vertices, look, 100 + 2 * tissue + side) * shade[:, None]
    return colour
