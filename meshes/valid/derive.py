"""Derives the tables of `meshes.valid.clusters` from the pack: `python -m meshes.valid.derive` prints them.

Two avatars share a skin where the detail of their albedo correlates, and a family where their shapes agree as well.
"""

import sys

import numpy as np
from PIL import Image
from scipy import sparse
from scipy.ndimage import gaussian_filter

from meshes.valid.avatar import Avatar, avatars, read_avatar

SAME_SKIN = 0.8
"""Correlation of log albedo between 1 and 12 of our texels (2 and 24 of upstream's)."""

SAME_SHAPE_M = 0.0015
"""Root mean square distance of two faces after rigid alignment."""

_CENTRE = (slice(340, 760), slice(470, 860))
"""Rows and columns of the head's texture from brows to lower lip: no hairline, no beard."""
_FACE_UV = np.array([[0.16, 0.15], [0.49, 0.50]])


def derive() -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[int, ...], ...]]:
    """CLUSTERS and FAMILIES from the pack itself, by single linkage."""
    names = avatars()
    people = [(_detail(avatar), _face(avatar)) for avatar in map(read_avatar, names)]
    alike = np.corrcoef([detail.ravel() for detail, _ in people]) > SAME_SKIN
    close = np.array([[_apart_m(a, b) < SAME_SHAPE_M for _, a in people] for _, b in people])
    skin, family = _linked(alike), _linked(alike | close)
    clusters = [np.flatnonzero(skin == k) for k in range(skin.max() + 1)]
    families = [tuple(k for k, c in enumerate(clusters) if family[c[0]] == f) for f in range(family.max() + 1)]
    return tuple(tuple(names[i] for i in c) for c in clusters), tuple(families)


def _detail(avatar: Avatar) -> np.ndarray:
    """Log albedo of the middle of the face, without its tone and its finest grain."""
    part = Image.fromarray(avatar.skin[_CENTRE])
    small = np.asarray(part.resize((part.width // 2, part.height // 2), Image.Resampling.BOX), np.float64)
    log = np.log(small.mean(axis=2) + 8.0)
    return gaussian_filter(log, 1.0) - gaussian_filter(log, 12.0)


def _face(avatar: Avatar) -> np.ndarray:
    """Points of the face, about their mean."""
    uv, head = avatar.template.uv, avatar.template.island == 0
    points = avatar.points[head & (uv > _FACE_UV[0]).all(axis=1) & (uv < _FACE_UV[1]).all(axis=1)]
    return points - points.mean(axis=0)


def _apart_m(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square distance after the best rotation (W. Kabsch, 1976)."""
    U, _, Vt = np.linalg.svd(np.einsum("ni,nj->ij", a, b))
    return float(np.sqrt(np.square(a @ (U @ Vt) - b).sum(axis=1).mean()))


def _linked(related: np.ndarray) -> np.ndarray:
    """(N,) component of each avatar, numbered in order of first appearance."""
    return sparse.csgraph.connected_components(sparse.csr_matrix(related), directed=False)[1]


if __name__ == "__main__":
    clusters, families = derive()
    sys.stdout.write("\n".join(f"{k}: {' '.join(cluster)}" for k, cluster in enumerate(clusters)) + f"\n{families}\n")
