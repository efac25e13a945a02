"""The one topology that all VALID avatars share, cropped to head and bust.

Upstream's files order vertices differently, but every vertex has the same texture coordinates in all of them.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from meshes.gltf import GltfMesh
from meshes.head import MeshError

HEAD_TEXELS = (1332, 1256)
"""Width and height of the head's corner of the atlas, of 2048 x 2048 texels."""

ATLAS_TEXELS = 2048
BODY_VERTICES = 20_969
"""Different texture coordinates on every body."""

ISLANDS = ("head", "ear_left", "ear_right", "palate", "mouth_floor", "torso", "arm_left", "arm_right")
_ANCHORS = np.array([
    [0.325, 0.30], [0.05, 0.44], [0.05, 0.55], [0.04, 0.06], [0.93, 0.42], [0.90, 0.73], [0.73, 0.38], [0.15, 0.95],
])  # fmt: skip
"""A point of the atlas in each island."""

_WELD_M = 2e-5
"""Quantisation leaves the two sides of a seam this far apart at most; other neighbours are 0.7 mm and more."""


@dataclass(frozen=True, eq=False)
class Template:
    """What all avatars have in common. V kept vertices in the order of their texture coordinates.

    Attributes:
        keys: (V,) int64, u * 65536 + v of each kept vertex, as quantised by upstream; ascending.
        triangles: (F, 3) int32, counter-clockwise seen from outside.
        uv: (V, 2) float64 of the whole atlas, v downwards.
        island: (V,) uint8 index into ISLANDS.
        point: (V,) int64, equal for vertices that a seam joins.
    """

    keys: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    island: np.ndarray
    point: np.ndarray


def uv_keys(uv: np.ndarray) -> np.ndarray:
    """(V,) int64 of texture coordinates (V, 2) that were quantised to 16 bits."""
    u, v = np.rint(np.asarray(uv, np.float64) * 65535.0).astype(np.int64).T
    return u * 65536 + v


def build_template(body: GltfMesh, points: np.ndarray, name: str) -> Template:
    """The topology, from any one avatar.

    Args:
        body: its body mesh.
        points: (N, 3) float64 metres, its skinned vertices.
        name: of its file, for messages.

    Raises:
        MeshError: this is not a VALID body.
    """
    keys, first, own = np.unique(uv_keys(body.uv), return_index=True, return_inverse=True)
    check_keys(len(keys), name)
    triangles = own.reshape(-1)[body.triangles]
    uv = body.uv[first].astype(np.float64)
    island = _islands(triangles, uv)
    kept = _in_bust(island, uv)
    triangles = triangles[kept[triangles].all(axis=1)]
    used = np.unique(triangles)
    triangles = np.searchsorted(used, triangles)
    return Template(
        keys=keys[used],
        triangles=_ordered(triangles).astype(np.int32),
        uv=uv[used],
        island=island[used].astype(np.uint8),
        point=_welded(points[first][used], triangles),
    )


def check_keys(count: int, name: str) -> None:
    """Refuses a body of another topology."""
    if count != BODY_VERTICES:
        raise MeshError(
            f"{name}: expected a VALID body of {BODY_VERTICES} texture coordinates, got {count}. "
            "Pass avatars of c-frame/valid-avatars-glb."
        )


def _islands(triangles: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N,) index into ISLANDS of each vertex's piece of the atlas, len(ISLANDS) for shoes."""
    links = np.roll(triangles, 1, axis=1).ravel()
    graph = sparse.coo_matrix((np.ones(links.size), (triangles.ravel(), links)), (len(uv), len(uv)))
    _, piece = sparse.csgraph.connected_components(graph, directed=False)
    island = np.full(len(uv), len(ISLANDS))
    for k, nearest in enumerate(cKDTree(uv).query(_ANCHORS)[1]):
        island[piece == piece[nearest]] = k
    return island


def _in_bust(island: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N,) bool: the head, the chest down to 30 cm below the eyes, and the upper arms."""
    u, v = uv.T
    torso, left, right = (ISLANDS.index(name) for name in ("torso", "arm_left", "arm_right"))
    return (
        (island < torso)
        | ((island == torso) & (u > 0.82))
        | ((island == left) & (v > 0.24))
        | ((island == right) & (v > 0.82))
    )


def _ordered(triangles: np.ndarray) -> np.ndarray:
    """Triangles with their lowest corner first, sorted: the same for every avatar."""
    first = triangles.argmin(axis=1)[:, None]
    turned = np.take_along_axis(triangles, (first + np.arange(3)) % 3, axis=1)
    return turned[np.lexsort(turned.T[::-1])]


def _welded(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V,) one number for all border vertices at one place, found through the open edges of the islands."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    border = np.unique(unique[count == 1])
    pairs = border[cKDTree(points[border]).query_pairs(_WELD_M, output_type="ndarray")]
    graph = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(points), len(points)))
    return sparse.csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
