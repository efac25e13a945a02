"""Where hm08's vertices lie on an ICT head: the ICT shell is registered to the embedded head, once.

The wardrobe is bound to vertices of hm08; with them placed, it fits every head of the model.
"""

import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from meshes.assets.store import cache_folder, placing
from meshes.digest import sha256_of
from meshes.makehuman_build import PACK
from meshes.makehuman_identity import AVERAGE
from meshes.makehuman_person import unposed_base
from meshes.makehuman_template import template
from meshes.parts import Part

if TYPE_CHECKING:
    from meshes.ict import Ict

_VERSION = 2
_NEAREST = 24
"""Triangles looked at for the closest point of a vertex."""
_GRAIN_M = 1e-6
"""Offsets are rounded to this, weights to a millionth: equal heads give equal tables whatever a solver's last bits."""
_INNER = (Part.MOUTH_INTERIOR, Part.EYE_SOCKET)


@dataclass(frozen=True, eq=False)
class Binding:
    """Vertex i on an ICT head = sum over k of weight[i, k] * points[corner[i, k]] + offset_m[i], in head axes.

    Attributes:
        number: (N,) int64, of the vertex in the full hm08 mesh.
        corner: (N, 3) int64, upstream vertices of ICT.
        weight: (N, 3) float64, barycentric.
        offset_m: (N, 3) float64.
    """

    number: np.ndarray
    corner: np.ndarray
    weight: np.ndarray
    offset_m: np.ndarray


@lru_cache(maxsize=2)
def binding(ict: "Ict") -> Binding:
    """The binding for a model; made in some seconds on first use, then kept in the cache.

    Raises:
        StoreError: the cache cannot be written.
    """
    path = cache_folder() / "makehuman-on-ict" / f"{_key(ict)}.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as data:
            return Binding(*(data[name] for name in ("number", "corner", "weight", "offset_m")))
    except Exception:  # Absent or damaged, in a dozen ways: it is made anew.
        made = derive(ict)
    with placing(path) as stream:
        np.savez(stream, **vars(made))
    return made


def _key(ict: "Ict") -> str:
    digest = hashlib.sha256(f"{_VERSION} {sha256_of(PACK)}".encode())
    digest.update(np.ascontiguousarray(ict.mean_m).tobytes())
    return digest.hexdigest()[:16]


def derive(ict: "Ict") -> Binding:
    """Fits and warps the ICT shell onto the embedded average head, then takes closest points on it."""
    from meshes.register.fit import OUTSIDE, Basis, fit_model
    from meshes.register.person import start
    from meshes.register.target import target
    from meshes.register.warp import warp

    fixed, basis = template(), Basis(ict)
    points = unposed_base(dict(AVERAGE), fixed)
    skin, count = fixed.operator @ points, len(fixed.skin.rest)
    outer = (fixed.faces < count).all(axis=1) & ~np.isin(fixed.part, _INNER)
    found = target(skin[:count], fixed.faces[outer].astype(np.int64))
    shell = warp(basis, found, fit_model(basis, found, start(basis, ict)))
    faces = ict.layout.point[ict.layout.faces]
    corner, weight = _closest(points, shell, faces[(faces < OUTSIDE).all(axis=1)])
    weight = np.rint(weight / 1e-6) * 1e-6
    offset_m = points - np.einsum("nk,nkd->nd", weight, shell[corner])
    return Binding(fixed.pack.base_index, corner, weight, np.rint(offset_m / _GRAIN_M) * _GRAIN_M)


def _closest(points: np.ndarray, shell: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (N, 3) and barycentric weights (N, 3) of the point of the shell that is nearest to each point."""
    from meshes.register.target import barycentric_of_closest

    _, near = cKDTree(shell[faces].mean(axis=1)).query(points, k=_NEAREST)
    corners = faces[near.ravel()]
    weight = barycentric_of_closest(np.repeat(points, _NEAREST, axis=0), shell[corners])
    gap = np.einsum("nk,nkd->nd", weight, shell[corners]) - np.repeat(points, _NEAREST, axis=0)
    best = np.arange(len(points)) * _NEAREST + np.square(gap).sum(axis=1).reshape(-1, _NEAREST).argmin(axis=1)
    return corners[best].astype(np.int64), weight[best]
