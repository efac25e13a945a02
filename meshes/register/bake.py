"""Carries a scan's colour to the model's atlas, and fills what the scan does not show.

Colours are linear light with sRGB primaries inside, 8-bit sRGB outside.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from meshes.ict_layout import Layout
from meshes.register.fit import OUTSIDE, SHELL
from meshes.register.solve import solve_sparse
from meshes.register.target import Target, closest
from meshes.register.texels import Texels, sample_texture, spread
from meshes.register.warp import graph_laplacian
from meshes.srgb import encode, linear_from_signal
from meshes.surface import Surface

REACH_M = 0.004
"""Skin farther than this from the scan is not in its photograph."""

_FEATHER_TEXELS = 14
_CHUNK = 200_000


@dataclass(frozen=True, eq=False)
class Photograph:
    """What of a scan's colour reached the atlas.

    Attributes:
        colour: (h, w, 3) float32 linear; 0 where not seen.
        seen: (h, w) bool.
    """

    colour: np.ndarray
    seen: np.ndarray


def skin_faces(layout: Layout) -> np.ndarray:
    """(F, 3) int32: the layout's skin, into its split vertices; they come first."""
    return layout.template.faces


def photograph(
    layout: Layout,
    texels: Texels,
    shell: np.ndarray,
    normals: np.ndarray,
    scan: Target,
    look_of: Surface,
    wanted: np.ndarray | None = None,
) -> Photograph:
    """The scan's colour at every texel whose skin lies on the scan.

    Args:
        layout: of the model.
        texels: its atlas.
        shell, normals: (SHELL, 3) float64, the model drawn onto the scan; metres, scan axes.
        scan, look_of: the scan as a search target and as the surface it was made from.
        wanted: (h, w) bool, texels to look for; all unless given.
    """
    faces = skin_faces(layout)
    point = layout.point[: len(layout.template.rest)]
    places = texels.gather(shell[point], faces)
    directions = texels.gather(normals[point], faces)
    directions /= np.maximum(np.sqrt(np.square(directions).sum(axis=1)), 1e-12)[:, None]
    outside = texels.gather((point < OUTSIDE)[:, None].astype(np.float64), faces)[:, 0] > 0.999
    if wanted is not None:
        outside &= wanted[texels.covered]
    colour, seen = np.zeros((len(places), 3), np.float32), np.zeros(len(places), bool)
    searched = np.flatnonzero(outside)
    for start in range(0, len(searched), _CHUNK):
        part = searched[start : start + _CHUNK]
        found = closest(scan, places[part], directions[part], nearest=3)
        seen[part] = (found.distance_m < REACH_M) & (found.cosine > 0.4) & (found.rim_m > 0.002)
        colour[part] = surface_colour(look_of, found.face, found.barycentric)
    colour[~seen] = 0.0
    image, mask = np.zeros((*texels.face.shape, 3), np.float32), np.zeros(texels.face.shape, bool)
    image[texels.covered], mask[texels.covered] = colour, seen
    return Photograph(image, mask)


def surface_colour(surface: Surface, face: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """(N, 3) float32 linear albedo at N points of a textured surface, given by triangle and barycentrics."""
    corners = surface.faces[face]
    tint = np.einsum("nk,nkd->nd", barycentric, surface.color[corners].astype(np.float64))
    uv = np.einsum("nk,nkd->nd", barycentric, surface.uv[corners].astype(np.float64))
    for k, material in enumerate(surface.materials):
        chosen = surface.material[face] == k
        if material.texture is not None and chosen.any():
            tint[chosen] *= linear(sample_texture(material.texture, uv[chosen]))
    return tint.astype(np.float32)


def complete(layout: Layout, texels: Texels, photo: Photograph, inside: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 sRGB skin: the photograph where it is, elsewhere its own colours carried on over the mesh.

    Args:
        layout, texels: of the model.
        photo: from `photograph`.
        inside: (V, 3) linear colours of the skin template's vertices, used inside the mouth.
    """
    faces, point = skin_faces(layout), layout.point[: len(layout.template.rest)]
    under = texels.gather(carried_on(layout, texels, photo, inside)[point], faces)
    image = np.zeros_like(photo.colour)
    image[texels.covered] = under
    share = feather(photo.seen)[..., None]
    filled = spread(photo.colour, photo.seen)
    return spread(encode(image + share * (filled - image)), texels.covered)


def feather(seen: np.ndarray) -> np.ndarray:
    """(h, w) float32: 0 outside the mask, rising to 1 well inside it."""
    depth = ndimage.distance_transform_edt(seen)
    t = np.clip(depth / _FEATHER_TEXELS, 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(np.float32)


def carried_on(layout: Layout, texels: Texels, photo: Photograph, inside: np.ndarray) -> np.ndarray:
    """(SHELL, 3) float64 linear: colours at the shell's points, harmonic where the photograph shows nothing.

    The mean colour of the texels around each seen point is given, and the mouth's; the graph Laplacian's zero
    does the rest.
    """
    point = layout.point[: len(layout.template.rest)]
    near = point[skin_faces(layout)[texels.face[photo.seen]]]
    weight = texels.barycentric[photo.seen].astype(np.float64)
    total = np.bincount(near.ravel(), weight.ravel(), SHELL)
    colour = np.stack(
        [np.bincount(near.ravel(), (weight * photo.colour[photo.seen][:, k : k + 1]).ravel(), SHELL) for k in range(3)],
        axis=1,
    )
    known = np.clip(total / 4.0, 0.0, 1.0)
    mean = colour / np.maximum(total, 1e-12)[:, None]
    mouth = np.unique(point[layout.template.masks["inside_mouth"] > 0.99])
    first = np.zeros(SHELL, np.int64)
    first[point] = np.arange(len(point))
    known[mouth], mean[mouth] = 1.0, inside[first[mouth]]
    laplacian = graph_laplacian(point[skin_faces(layout)], SHELL)
    used = np.zeros(SHELL)
    used[point] = 1.0
    system = sparse.diags(1e3 * known + 1e-6 + (1.0 - used)) + laplacian
    given = np.median(mean[known > 0.5], axis=0)
    return solve_sparse(system, (1e3 * known)[:, None] * mean + 1e-6 * given, np.tile(given, (SHELL, 1)))


def linear(srgb: np.ndarray) -> np.ndarray:
    """(...) linear light of sRGB values in [0, 255], which may lie between codes."""
    return linear_from_signal(srgb / 255.0)
