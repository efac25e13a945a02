"""Catmull-Clark subdivision as one linear map, finer where asked and without a crack between fine and coarse.

Points keep their index: a subdivided mesh lists the old points first, then one per edge, then one per face.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges of a quad mesh.

    Attributes:
        ends: (E, 2) int64, point indices, lower first.
        of_face: (F, 4) int64; edge k of a face joins its corners k and k + 1.
        faces: (E,) int64, how many faces share the edge; 1 on the rim.
    """

    ends: np.ndarray
    of_face: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True, eq=False)
class Subdivision:
    """A refined triangle mesh over the points of a coarse quad mesh.

    Attributes:
        operator: (P, points) CSR float64; fine positions = operator @ coarse positions. Rows sum to 1.
        attributes: (U, K) float64, texture coordinates and what else lives there, interpolated linearly.
        faces, faces_uv: (T, 3) int64 into the rows of `operator` and of `attributes`; wound like the quads.
        quad: (T,) int64, the coarse quad a triangle came from.
        descendant: (points,) int64, the fine point that a coarse point became; -1 where no face uses it.
    """

    operator: sparse.csr_matrix
    attributes: np.ndarray
    faces: np.ndarray
    faces_uv: np.ndarray
    quad: np.ndarray
    descendant: np.ndarray


def edges_of(quads: np.ndarray) -> Edges:
    """The edges of (F, 4) int quads."""
    pairs = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=2), axis=2).reshape(-1, 2)
    ends, index, faces = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return Edges(ends, index.reshape(-1, 4), faces)


def _incidence(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """CSR of ones (summed where repeated): `rows` and `columns` broadcast together."""
    rows, columns = np.broadcast_arrays(rows, columns)
    ones = np.ones(rows.size)
    return sparse.coo_matrix((ones, (rows.ravel(), columns.ravel())), shape).tocsr()


def linear_step(quads: np.ndarray, points: int) -> sparse.csr_matrix:
    """(points + E + F, points) CSR: old points stay, edge and face points are plain means."""
    edges = edges_of(quads)
    middle = _incidence(np.arange(len(edges.ends))[:, None], edges.ends, (len(edges.ends), points)) * 0.5
    centre = _incidence(np.arange(len(quads))[:, None], quads, (len(quads), points)) * 0.25
    return sparse.vstack([sparse.identity(points), middle, centre], format="csr")


def smooth_step(quads: np.ndarray, points: int) -> sparse.csr_matrix:
    """(points + E + F, points) CSR: one step of Catmull and Clark (1978), cubic B-spline rules on the rim.

    A point of no face stays where it is.
    """
    edges = edges_of(quads)
    count, rim = len(edges.ends), edges.faces == 1
    centre = _incidence(np.arange(len(quads))[:, None], quads, (len(quads), points)) * 0.25
    middle = _incidence(np.arange(count)[:, None], edges.ends, (count, points)) * 0.5
    beside = _incidence(edges.of_face, np.arange(len(quads))[:, None], (count, len(quads))) @ centre
    inner = (~rim).astype(float)
    edge = sparse.diags(1 - 0.5 * inner) @ middle + sparse.diags(0.25 * inner) @ beside
    vertex = _smooth_vertices(quads, edges, points, middle, centre)
    return sparse.vstack([vertex, edge, centre], format="csr")


def _smooth_vertices(
    quads: np.ndarray, edges: Edges, points: int, middle: sparse.csr_matrix, centre: sparse.csr_matrix
) -> sparse.csr_matrix:
    """(points, points) CSR: inside (F + 2 R + (n - 3) P) / n; on the rim 3/4 P plus 1/8 of each rim neighbour."""
    identity = sparse.identity(points, format="csr")
    at_edges = _incidence(edges.ends, np.arange(len(edges.ends))[:, None], (points, len(edges.ends)))
    at_faces = _incidence(quads, np.arange(len(quads))[:, None], (points, len(quads)))
    rim_edges = at_edges @ sparse.diags((edges.faces == 1).astype(float))
    valence = np.asarray(at_edges.sum(axis=1)).ravel()
    on_rim = np.asarray(rim_edges.sum(axis=1)).ravel() > 0
    n = np.maximum(valence, 1.0)
    inside = (~on_rim & (valence > 0)).astype(float)
    rim = on_rim.astype(float)
    keep = np.where(on_rim, 0.5, np.where(valence > 0, (n - 3) / n, 1.0))
    return (
        sparse.diags(keep) @ identity
        + sparse.diags(inside * 2 / n**2) @ (at_edges @ middle)
        + sparse.diags(inside / n**2) @ (at_faces @ centre)
        + sparse.diags(rim * 0.25) @ (rim_edges @ middle)
    ).tocsr()


def split_quads(quads: np.ndarray, points: int) -> np.ndarray:
    """(4F, 4) int64: each quad as four, corner k first, in the numbering of the steps above."""
    slots = _slots(quads, points)
    rounds = [[2 * k, 2 * k + 1, 8, (2 * k - 1) % 8] for k in range(4)]
    return slots[:, rounds].reshape(-1, 4)


def _slots(quads: np.ndarray, points: int) -> np.ndarray:
    """(F, 9) int64: corner 0, edge 0, corner 1, ... edge 3, centre of every quad after a step."""
    edges = edges_of(quads)
    slots = np.zeros((len(quads), 9), np.int64)
    slots[:, 0:8:2] = quads
    slots[:, 1:8:2] = points + edges.of_face
    slots[:, 8] = points + len(edges.ends) + np.arange(len(quads))
    return slots


def _fans(split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of quads of which some edges are split.

    A quad without a split edge becomes two triangles; every other one a fan about its centre that uses the split
    points of its edges. Neighbours share those points, so fine and coarse meet without a crack.

    Args:
        split: (F, 4) bool.

    Returns:
        owner (T,) int64 quad, slot (T, 3) int64 into `_slots`; sorted by quad.
    """
    owners, slots = [], []
    codes = split @ (1 << np.arange(4))
    for code in np.unique(codes):
        cut = [bool(code >> k & 1) for k in range(4)]
        ring = [s for k in range(4) for s in ([2 * k, 2 * k + 1] if cut[k] else [2 * k])]
        fan = [(a, b, 8) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)]
        triangles = np.array(fan if code else [(0, 2, 4), (0, 4, 6)])
        faces = np.flatnonzero(codes == code)
        owners.append(np.repeat(faces, len(triangles)))
        slots.append(np.tile(triangles, (len(faces), 1)))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return owner[order], np.concatenate(slots)[order]


def subdivide(
    quads: np.ndarray, quads_uv: np.ndarray, attributes: np.ndarray, points: int, twice: np.ndarray
) -> Subdivision:
    """Subdivides every quad once and the chosen ones twice, smoothly.

    Args:
        quads, quads_uv: (F, 4) int, corners as point and as attribute indices.
        attributes: (U, K) float, e.g. texture coordinates; a seam is where faces share points but not these.
        points: number of coarse points.
        twice: (F,) bool, the quads to subdivide a second time.
    """
    first, first_uv = smooth_step(quads, points), linear_step(quads_uv, len(attributes))
    fine, fine_uv = split_quads(quads, points), split_quads(quads_uv, len(attributes))
    second, second_uv = smooth_step(fine, first.shape[0]), linear_step(fine_uv, first_uv.shape[0])
    edges = edges_of(fine)
    cut = np.zeros(len(edges.ends), bool)
    cut[edges.of_face[np.repeat(twice, 4)]] = True
    owner, slot = _fans(cut[edges.of_face])
    faces = _slots(fine, first.shape[0])[owner[:, None], slot]
    faces_uv = _slots(fine_uv, first_uv.shape[0])[owner[:, None], slot]
    used, faces = np.unique(faces, return_inverse=True)
    used_uv, faces_uv = np.unique(faces_uv, return_inverse=True)
    descendant = np.full(points, -1)
    kept = used[used < points]
    descendant[kept] = np.arange(len(kept))
    return Subdivision(
        operator=(second[used] @ first).tocsr(),
        attributes=second_uv[used_uv] @ (first_uv @ attributes),
        faces=faces.reshape(-1, 3),
        faces_uv=faces_uv.reshape(-1, 3),
        quad=owner // 4,
        descendant=descendant,
    )
