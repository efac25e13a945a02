"""Soft shadows: the share of its irradiance that reaches each vertex past the rest of the surface.

The light is summed up by a few directions; each casts a shadow through a depth map of the coarse occluder faces.
The share depends on the scene and the light alone, so a near and a far view use the same.
"""

from typing import NamedTuple

import numpy as np

from meshes.elementary import product
from meshes.surface import Surface
from renderers.exact import check_surface
from renderers.kernels_color.shadow import gather
from renderers.light import LUMINANCE, EnvironmentLight, directions, shrink, solid_angles

DIRECTIONS = 24
"""Directions that stand for a light."""

MAP_TEXELS = 192
"""Side of a depth map: about 2 mm a texel on a bust."""


class Arrival(NamedTuple):
    """What of a light gets to the vertices past the rest of the surface.

    Attributes:
        share: (V, 3) float32 in [0, 1], the part of a vertex's irradiance that arrives, colour by colour; 1 where
            nothing is in the way or no light would arrive anyway.
        opening: (V, 4) float32 (a, b): the part of the light from the direction d that arrives is about a + b . d.
    """

    share: np.ndarray
    opening: np.ndarray


def arrival(surface: Surface, light: EnvironmentLight, count: int = DIRECTIONS) -> Arrival:
    """Shadows of a surface upon itself.

    The occluders are taken for solids: what enters one must leave it. Transparent shells and cut-out cards cast no
    shadow.

    Args:
        surface: the scene, which `exact.check_surface` lets pass; `occluder_faces` cast the shadows, or all faces
            where it is empty.
        light: any light.
        count: directions that stand for the light.
    """
    toward, power = light_directions(light, count)
    corner, faces = occluders(surface)
    if not len(toward) or not len(faces):
        return unobstructed(np.ones((len(surface.vertices), 3), np.float32))
    points, normals = (np.ascontiguousarray(a.T, np.float32) for a in (surface.vertices, surface.normals))
    corners = surface.vertices[corner].astype(np.float32)
    (lit, unshadowed), moments = gather(
        points, normals, corners, faces, frames(toward), power.astype(np.float32), MAP_TEXELS
    )
    share = np.where(unshadowed > 0, lit / np.maximum(unshadowed, np.float32(1e-20)), np.float32(1))
    opening = np.einsum("ij,jv->vi", opening_of_moments(toward), moments)
    return Arrival(np.ascontiguousarray(share.T), np.ascontiguousarray(opening))


def lit_share(surface: Surface, light: EnvironmentLight, count: int = DIRECTIONS) -> np.ndarray:
    """(V, 3) float32 in [0, 1]: the part of each vertex's irradiance that arrives; see `arrival`.

    Raises:
        GeometryError: as `exact.rasterize`, of surfaces.
    """
    check_surface(surface)
    return arrival(surface, light, count).share


def unobstructed(share: np.ndarray) -> Arrival:
    """A given share (V, 3) of the irradiance, and highlights that nothing dims."""
    opening = np.zeros((len(share), 4), np.float32)
    opening[:, 0] = 1
    return Arrival(share, opening)


def opening_of_moments(toward: np.ndarray) -> np.ndarray:
    """(4, 4) float32 that makes the moments of what is open into an opening.

    That is the plane a + b . d nearest to the open part of all directions, by least squares.

    Args:
        toward: (D, 3) float64 unit vectors, over which `kernels_color.shadow.gather` sums the moments.
    """
    basis = np.concatenate([np.ones((len(toward), 1)), toward], axis=1)
    # A little is added to the slopes, so that directions on one side alone do not tip the plane.
    normal = np.einsum("di,dj->ij", basis, basis) + np.diag([0.0, 0.5, 0.5, 0.5])
    return np.linalg.inv(normal).astype(np.float32)


def light_directions(light: EnvironmentLight, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A few directions whose power stands for the whole map.

    The sphere is cut again and again: always the heaviest region, across its longer side, into equally heavy halves;
    weight is 60 % energy and 40 % solid angle, so that dark parts are not forgotten. Source: the median cut of
    Debevec, "A Median Cut Algorithm for Light Probe Sampling", SIGGRAPH 2005 posters, with heaviest-first order.

    Args:
        light: any light.
        count: most directions wanted; regions without light are left out.

    Returns:
        (n, 3) float64 unit vectors, the mean direction of each region's light, and (n, 3) float64 of its radiance x
        solid angle; n <= count.
    """
    radiance = shrink(light.radiance, 64)
    energy = radiance * solid_angles(radiance.shape[0])[..., None]
    share = np.broadcast_to(solid_angles(radiance.shape[0]) / (4 * np.pi), energy.shape[:2])
    brightness = product(energy, LUMINANCE)
    total = brightness.sum()
    if total == 0:
        return np.zeros((0, 3)), np.zeros((0, 3))
    regions = _median_cut(0.6 * brightness / total + 0.4 * share, count)
    towards = [_mean_direction(brightness[region], directions(radiance.shape[0])[region]) for region in regions]
    power = [energy[region].sum(axis=(0, 1)) for region in regions]
    lit = [n for n, vector in enumerate(towards) if np.any(vector)]
    return np.array(towards)[lit], np.array(power)[lit]


Region = tuple[slice, slice]


def _median_cut(weight: np.ndarray, count: int) -> list[Region]:
    """At most `count` rectangles of a (h, 2h) map of weights that tile it."""
    rows, columns = weight.shape
    regions: list[tuple[float, Region]] = [(float(weight.sum()), (slice(0, rows), slice(0, columns)))]
    while len(regions) < count:
        heaviest = max(range(len(regions)), key=lambda n: regions[n][0] if _can_split(regions[n][1]) else -1.0)
        if not _can_split(regions[heaviest][1]):
            break
        halves = _halves(weight, regions[heaviest][1])
        regions[heaviest : heaviest + 1] = [(float(weight[half].sum()), half) for half in halves]
    return [region for _, region in regions]


def _can_split(region: Region) -> bool:
    return any(side.stop - side.start > 1 for side in region)


def _halves(weight: np.ndarray, region: Region) -> tuple[Region, Region]:
    """The two halves of a region, cut across its longer side on the sphere where half of the weight is passed."""
    rows, columns = region
    middle = (rows.start + rows.stop) / 2 / weight.shape[0] * np.pi
    wide = (columns.stop - columns.start) * np.sin(middle) >= rows.stop - rows.start
    across_columns = (wide and columns.stop - columns.start > 1) or rows.stop - rows.start == 1
    side = columns if across_columns else rows
    running = np.cumsum(weight[region].sum(axis=0 if across_columns else 1))
    cut = side.start + int(np.clip(np.searchsorted(running, running[-1] / 2) + 1, 1, len(running) - 1))
    first, second = slice(side.start, cut), slice(cut, side.stop)
    return ((rows, first), (rows, second)) if across_columns else ((first, columns), (second, columns))


def _mean_direction(brightness: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(3,) unit vector of the brightness-weighted mean direction; 0 where there is no light."""
    mean = (direction * brightness[..., None]).sum(axis=(0, 1))
    length = np.sqrt((mean * mean).sum())
    return mean / length if length > 0 else mean


def frames(toward: np.ndarray) -> np.ndarray:
    """(n, 3, 3) float32 with rows right, up, towards the light, for (n, 3) unit vectors."""
    helper = np.where(np.abs(toward[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    right = np.cross(helper, toward)
    right /= np.sqrt((right * right).sum(axis=1, keepdims=True))
    return np.stack([right, np.cross(toward, right), toward], axis=1).astype(np.float32)


def occluders(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """What casts shadows: numbers (N,) int64 of its vertices, and its faces (G, 3) uint32 of these."""
    faces = surface.occluder_faces if len(surface.occluder_faces) else surface.faces[surface.face_solid]
    used = np.zeros(len(surface.vertices), bool)
    used[faces] = True
    position = (np.cumsum(used) - 1).astype(np.uint32)
    return np.flatnonzero(used), position[faces]
