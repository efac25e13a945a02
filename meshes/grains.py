"""Points spread evenly over the skin of the head: the seats of pores, freckles and hairs.

Each knows how the atlas stretches there, so that a spot drawn in the texture is round on the face.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from meshes.atlas import SHAPE
from meshes.elementary import norm
from meshes.noise import keyed, smooth_step, value_noise
from meshes.skin_regions import SkinTemplate, beard, hair_depth

GRAINS = 220_000
"""Number of points, about two a square millimetre."""

FIELDS = 5

_COARSEST_MM = 1.4  # The islands beside the head have larger texels, too large for detail.
_TEXEL_BLUR = 0.25  # Squared deviation, in texels, of the box that a texel averages over, with a little more.


@dataclass(frozen=True, eq=False)
class Grains:
    """The points, in random order.

    Attributes (N = points, float32):
        point: (N, 3) metres, on the canonical head.
        texel: (N, 2) column and row coordinates in the texture.
        metric: (N, 3) (a, b, c): a step (x, y) of texels is sqrt(a x x + 2 b x y + c y y) millimetres long.
        rank: (N,) uniform in [0, 1), to choose a share of them.
        vigour: (N,) uniform in [0, 1), to make them differ.
        bare: (N,) in [0, 1], how much detail shows: none on lips and in the mouth, little on lids.
        ears: (N,) in [0, 1].
        beard: (N,) `beard` off the lips.
        hair: (N, 2) metres, `hair_depth` of a full and of a fully receded hairline.
        fields: (N, FIELDS) smooth fields to mix a person's patchiness from.
    """

    point: np.ndarray
    texel: np.ndarray
    metric: np.ndarray
    rank: np.ndarray
    vigour: np.ndarray
    bare: np.ndarray
    ears: np.ndarray
    beard: np.ndarray
    hair: np.ndarray
    fields: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "Grains":
        """Some of the points."""
        return Grains(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def patches(self, rng: np.random.Generator) -> np.ndarray:
        """(N,) float32: a smooth field of about unit deviation."""
        weights = rng.standard_normal(FIELDS).astype(np.float32)
        return np.einsum("nk,k->n", self.fields, weights / norm(weights))


@lru_cache(maxsize=2)
def grains(template: SkinTemplate) -> Grains:
    """GRAINS points on the head, the same for everybody."""
    rng = keyed(0, 2)
    texel = texels(template.uv)
    corner = template.rest[template.faces]
    area = norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    area = area * smooth_step(corner[:, :, 1].mean(axis=1), -0.135, -0.105)
    metric = _metric(corner, texel[template.faces])
    area = area * (metric[:, [0, 2]].max(axis=1) < _COARSEST_MM**2)
    face = np.searchsorted(np.cumsum(area) / area.sum(), rng.random(GRAINS))
    corners = template.faces[face]
    a, b = rng.random((2, GRAINS))
    a, b = np.where(a + b > 1.0, 1.0 - a, a), np.where(a + b > 1.0, 1.0 - b, b)
    weight = np.stack([1.0 - a - b, a, b], axis=1)

    def at(values: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nk...->n...", weight, values[corners])

    # Closing lids unfold, which would draw out any detail on them.
    covered = np.maximum(template.masks["lips"], template.masks["inside_mouth"])
    bare = 1.0 - at(np.maximum(covered, 0.8 * template.masks["eyelids"]))
    point = at(template.rest)
    columns = (
        point,
        at(texel),
        metric[face],
        rng.random(GRAINS),
        rng.random(GRAINS),
        bare,
        at(template.masks["ears"]),
        beard(point) * bare,
        np.stack([hair_depth(point), hair_depth(point, 1.0)], axis=1),
        value_noise(point, 0.010, FIELDS, keyed(0, 4)).T,
    )
    return Grains(*(np.ascontiguousarray(column, np.float32) for column in columns))


@lru_cache(maxsize=2)
def grains_by_zone(template: SkinTemplate) -> dict[str, Grains]:
    """The points of the face, of the beard and of the scalp."""
    seats = grains(template)
    return {
        "face": seats[(seats.point[:, 2] > -0.06) & (seats.bare > 0.1)],
        "beard": seats[seats.beard > 0.0],
        "scalp": seats[(seats.hair[:, 0] > -0.012) & (seats.ears < 0.95)],
    }


def texels(uv: np.ndarray) -> np.ndarray:
    """(N, 2) float64 column and row coordinates in the texture, of (N, 2) texture coordinates."""
    return np.stack([uv[:, 0] * SHAPE[1], (1.0 - uv[:, 1]) * SHAPE[0]], axis=1).astype(np.float64)


def _metric(corner: np.ndarray, texel: np.ndarray) -> np.ndarray:
    """(F, 3) first fundamental form of texel coordinates, mm^2, of faces with (F, 3, 3) metres, (F, 3, 2) texels."""
    edge_mm = 1e3 * (corner[:, 1:] - corner[:, :1])
    edge = texel[:, 1:] - texel[:, :1]
    twice = edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0]
    twice = np.where(np.abs(twice) < 1e-9, 1e-9, twice)[:, None]
    along_x = (edge_mm[:, 0] * edge[:, 1, 1:] - edge_mm[:, 1] * edge[:, 0, 1:]) / twice
    along_y = (edge_mm[:, 1] * edge[:, 0, :1] - edge_mm[:, 0] * edge[:, 1, :1]) / twice
    return np.stack([(along_x**2).sum(1), (along_x * along_y).sum(1), (along_y**2).sum(1)], axis=1)


def spots(metric: np.ndarray, radius_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """How round spots of skin look in the texture, blurred as texels blur.

    Args:
        metric: (N, 3), of `Grains`.
        radius_mm: deviation of the Gaussian spot on the skin.

    Returns:
        (N, 3) float32 inverse covariance (xx, xy, yy) in texels, and (N,) the share of its height that a spot keeps.
    """
    a, b, c = metric.T.astype(np.float64)
    sharp = radius_mm**2 / np.maximum(a * c - b * b, 1e-9)
    xx, xy, yy = c * sharp + _TEXEL_BLUR, -b * sharp, a * sharp + _TEXEL_BLUR
    area = xx * yy - xy * xy
    kept = np.sqrt(np.maximum((a * c - b * b), 1e-9)) * sharp / np.sqrt(area)
    return (np.stack([yy, -xy, xx], axis=1) / area[:, None]).astype(np.float32), kept.astype(np.float32)
