"""Short hair: a few shells over the scalp, cut to combed strands by alpha maps.

Strands grow from roots spread over the scalp, away from a whorl at the crown. All people share them; a person
keeps those whose root is inside the own hairline, so every edge is made of whole strands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from meshes.grains import grains
from meshes.noise import keyed, smooth_step, value_noise
from meshes.parts import Part
from meshes.skin_regions import HEAD_CENTRE_M, SHORTEST_M, SkinTemplate, hair_depth
from meshes.surface import Material, Surface

_SIZE = 1024
_CHART_RADIUS = 2.35  # Radians from the whorl to the edge of the chart: past the nape and the sideburns.
_WHORL = np.array([0.10, 0.80, -0.59]) / np.linalg.norm([0.10, 0.80, -0.59])
_STEPS = 26
_SHARE = (0.50, 0.80, 1.0)  # Strands up to these shares belong to the inner, middle and outer shell.
_LIFT = (0.10, 0.38, 0.70)  # Height of the shells above the scalp's displaced skin, in hair lengths.
_GAP_M = 0.0004  # Least distance between shells, so that none cuts through another.
_FIELDS = 5
_GAIN = (0.70, 0.95, 1.15)  # Hair below sees less light than hair on top.


@dataclass(frozen=True, eq=False)
class HairShells:
    """Hair of one person; all arrays refer to the skin template's vertices and follow the posed skin.

    Attributes:
        vertex: (N,) int32, the template vertex each shell vertex stands on.
        offset: (N,) float32 metres along the posed normal of the skin.
        lean: (N, 3) float32, head frame; added to the unit normal (turned with the skull) before shading.
        faces: (M, 3) int32 into the N vertices, counter-clockwise seen from outside.
        uv: (N, 2) float32, of cutouts and textures.
        color: (N, 3) float32 linear albedo.
        shell: (M,) uint8, index into `cutouts`.
        cutouts: (1024, 1024) uint8 alpha maps, row 0 is v = 1.
        material: its texture holds the shade of single strands.
    """

    vertex: np.ndarray
    offset: np.ndarray
    lean: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    color: np.ndarray
    shell: np.ndarray
    cutouts: tuple[np.ndarray, ...]
    material: Material


def _axes() -> np.ndarray:
    """(3, 3) rows: forward along the scalp at the whorl, to the person's left, and the whorl."""
    left = np.cross(_WHORL, [0.0, 0.0, 1.0])
    left /= np.linalg.norm(left)
    return np.stack([np.cross(left, _WHORL), left, _WHORL])


def scalp_chart(points: np.ndarray) -> np.ndarray:
    """(N, 2) in [0, 1]: azimuthal equidistant map of directions from the skull's middle about the whorl."""
    direction = np.einsum("nk,ak->na", points - HEAD_CENTRE_M, _axes())
    planar = np.hypot(direction[:, 0], direction[:, 1])
    angle = np.arctan2(planar, direction[:, 2]) / _CHART_RADIUS
    unit = direction[:, :2] / np.maximum(planar, 1e-12)[:, None]
    return 0.5 + 0.5 * np.clip(angle, 0.0, 1.0)[:, None] * unit


@dataclass(frozen=True, eq=False)
class _Strands:
    """Roots by strand id (0 is no strand) and, a shell, which strand each texel of the chart shows."""

    depth: np.ndarray  # (S,) metres above the full hairline.
    recede: np.ndarray  # (S,) metres lost when the hairline recedes fully.
    ids: tuple[np.ndarray, ...]  # (1024, 1024) int32 a shell.
    material: Material


def _grow(roots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(S, _STEPS, 3) metres: strands combed away from the whorl, in clumps, curling a little."""
    outward = roots - HEAD_CENTRE_M
    radius = np.linalg.norm(outward, axis=1, keepdims=True)
    direction = outward / radius
    comb = direction * np.einsum("nk,k->n", direction, _WHORL)[:, None] - _WHORL
    comb /= np.linalg.norm(comb, axis=1, keepdims=True) + 1e-9
    side = np.cross(direction, comb)
    clump = value_noise(roots, 0.011, 1, rng)[0] + 0.6 * value_noise(roots, 0.004, 1, rng)[0]
    # Hair over the forehead is swept aside; elsewhere it follows the whorl.
    front = smooth_step(roots[:, 2], -0.050, -0.010)
    turn = 0.35 + 1.25 * front + 0.38 * clump + rng.normal(0.0, 0.13, len(roots))
    curl = rng.normal(0.0, 0.35, len(roots))
    t = np.linspace(0.0, 1.0, _STEPS)
    angle = (turn[:, None] + curl[:, None] * t).astype(np.float32)
    length = rng.uniform(0.009, 0.017, len(roots))[:, None]
    step = length / _STEPS
    along = np.cumsum(step * np.cos(angle), axis=1)[..., None] * comb[:, None]
    across = np.cumsum(step * np.sin(angle), axis=1)[..., None] * side[:, None]
    return roots[:, None] + along + across


def _drawn(paths: np.ndarray, strands: np.ndarray) -> np.ndarray:
    """(1024, 1024) int32: the strand seen at each texel, as its index + 1."""
    texel = np.floor(scalp_chart(paths[strands].reshape(-1, 3)) * (_SIZE - 1)).astype(np.int64)
    chart = np.zeros(_SIZE * _SIZE, np.int32)
    at = (_SIZE - 1 - texel[:, 1]) * _SIZE + texel[:, 0]
    # The strand with the highest index lies on top, whatever the order they are drawn in.
    np.maximum.at(chart, at, np.repeat(strands + 1, _STEPS).astype(np.int32))
    return chart.reshape(_SIZE, _SIZE)


@lru_cache(maxsize=2)
def _strands(template: SkinTemplate) -> _Strands:
    seats = grains(template)
    chosen = (seats.hair[:, 0] > -0.010) & (seats.ears < 0.4)
    roots = seats.point[chosen].astype(np.float64)
    rng = keyed(0, 30)
    paths = _grow(roots, rng)
    band = np.searchsorted(_SHARE, rng.random(len(roots)))
    ids = tuple(_drawn(paths, np.nonzero(band == shell)[0]) for shell in range(len(_SHARE)))
    shade = np.exp(0.32 * rng.standard_normal(len(roots) + 1) - 0.25)
    # One map serves all shells: strands lie nearly alike in each, and nobody sees which of them is light.
    grey = np.rint(255.0 * np.clip(shade[np.maximum.reduce(ids)] ** (1.0 / 2.2), 0.0, 1.0)).astype(np.uint8)
    texture = np.repeat(grey[..., None], 3, axis=2)
    material = Material("hair", roughness=0.6, specular=0.025, subsurface=0.2, texture=texture)
    full, receded = np.concatenate([np.full((2, 1), -1.0), seats.hair[chosen].T], axis=1)
    return _Strands(full.astype(np.float32), (full - receded).astype(np.float32), ids, material)


def _cutouts(template: SkinTemplate, look: Mapping[str, float]) -> tuple[np.ndarray, ...]:
    """Keeps whole strands by their roots; outer shells begin further inside, so hair thins at its edge."""
    strands = _strands(template)
    rng = keyed(int(look["seed"]), 31)
    ragged = rng.exponential(0.0055, len(strands.depth)).astype(np.float32)
    inside = strands.depth - np.float32(look["hair_recede"]) * strands.recede - ragged
    inside[0] = -1.0
    return tuple(
        np.where(inside > 0.003 * shell, np.uint8(255), np.uint8(0))[ids] for shell, ids in enumerate(strands.ids)
    )


@dataclass(frozen=True, eq=False)
class _Scalp:
    """What the shells of all people share."""

    vertex: np.ndarray  # (n,) int64, the template vertices that strands can reach.
    faces: np.ndarray  # (m, 3) into them.
    points: np.ndarray  # (n, 3) metres.
    uv: np.ndarray  # (n, 2)
    lean: np.ndarray  # (shells * n, 3) float32
    fields: np.ndarray  # (_FIELDS, n) to mix a person's relief and tint from.


@lru_cache(maxsize=2)
def _scalp(template: SkinTemplate) -> _Scalp:
    reach = (hair_depth(template.rest) > -0.012) & (template.masks["ears"] < 0.35)
    vertex, faces = np.unique(template.faces[reach[template.faces].all(axis=1)], return_inverse=True)
    points, rng = template.rest[vertex], keyed(0, 32)
    tilt = value_noise(points, 0.008, 3 * len(_LIFT), rng).reshape(len(_LIFT), 3, -1)
    return _Scalp(
        vertex=vertex,
        faces=faces.reshape(-1, 3),
        points=points,
        uv=scalp_chart(points),
        lean=(0.12 * tilt).transpose(0, 2, 1).reshape(-1, 3).astype(np.float32),
        fields=value_noise(points, 0.016, _FIELDS, rng),
    )


def hair_shells(template: SkinTemplate, look: Mapping[str, float], colour: np.ndarray) -> HairShells | None:
    """Shells for one person.

    Args:
        template: the canonical head.
        look: from `meshes.appearance.sample_look`.
        colour: (3,) linear albedo of the hair.

    Returns:
        The shells; None where the hair is shorter than SHORTEST_M.
    """
    length_m = look["hair_length_m"]
    if length_m < SHORTEST_M:
        return None
    scalp, shells = _scalp(template), len(_LIFT)
    weights = keyed(int(look["seed"]), 32).standard_normal((2, _FIELDS)) / np.sqrt(_FIELDS)
    relief, tint = np.clip(np.einsum("ck,kn->cn", weights, scalp.fields), -2.0, 2.0)
    edge = smooth_step(hair_depth(scalp.points, look["hair_recede"]), -0.004, 0.022)
    thickness = length_m * edge * (1.0 + 0.18 * relief)
    shade = colour * np.exp(0.15 * tint)[:, None]
    return HairShells(
        vertex=np.tile(scalp.vertex, shells).astype(np.int32),
        offset=np.concatenate(
            [_GAP_M * (k + 1) + lift * thickness for k, lift in enumerate(_LIFT)], dtype=np.float32, casting="same_kind"
        ),
        lean=scalp.lean,
        faces=np.concatenate(
            [scalp.faces + k * len(scalp.vertex) for k in range(shells)], dtype=np.int32, casting="same_kind"
        ),
        uv=np.tile(scalp.uv, (shells, 1)).astype(np.float32),
        color=np.concatenate([gain * shade for gain in _GAIN], dtype=np.float32),
        shell=np.repeat(np.arange(shells, dtype=np.uint8), len(scalp.faces)),
        cutouts=_cutouts(template, look),
        material=_strands(template).material,
    )


def with_hair(surface: Surface, shells: HairShells, skull_rotation: np.ndarray) -> Surface:
    """A posed head and its hair as one surface.

    Args:
        surface: its first vertices are those of the skin template, posed; its normals are up to date.
        shells: from `hair_shells`.
        skull_rotation: (3, 3) neutral to posed skull.
    """
    normal, count = surface.normals[shells.vertex], len(shells.faces)
    shaded = normal + np.einsum("nk,ak->na", shells.lean, skull_rotation.astype(np.float32))
    shaded /= np.linalg.norm(shaded, axis=1, keepdims=True)
    return replace(
        surface,
        vertices=np.concatenate([surface.vertices, surface.vertices[shells.vertex] + shells.offset[:, None] * normal]),
        normals=np.concatenate([surface.normals, shaded]),
        uv=np.concatenate([surface.uv, shells.uv]),
        color=np.concatenate([surface.color, shells.color]),
        faces=np.concatenate([surface.faces, shells.faces + np.int32(len(surface.vertices))]),
        part=np.concatenate([surface.part, np.full(count, Part.HAIR, np.uint8)]),
        material=np.concatenate([surface.material, np.full(count, len(surface.materials), np.uint8)]),
        materials=(*surface.materials, shells.material),
        cutout=np.concatenate([surface.cutout, shells.shell.astype(np.int32) + len(surface.cutouts)]),
        cutouts=surface.cutouts + shells.cutouts,
    )
