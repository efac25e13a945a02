"""Draws the fitted model the last millimetres onto a scan, stiff at first and softer with every round.

Non-rigid iterative closest points (B. Amberg et al., 2007), with the displacement from the fitted model as the
unknown and the graph Laplacian as its stiffness: where the scan is open the model's own prediction goes on.
"""

import numpy as np
from scipy import sparse

from meshes.elementary import power
from meshes.register.fit import FACE, OUTSIDE, SHELL, Basis, Fit, place, trust
from meshes.register.solve import solve_sparse
from meshes.register.target import Target, closest

STIFFNESS = (40.0, 20.0, 10.0, 5.0, 2.5, 1.2, 0.6)
"""Of the membrane, against one full vote for a closest point."""

_SOLVES = 2
_GATES_M = (0.010, 0.004)
_HOLD = 1e-3
"""Pulls every vertex back to the fitted model a little: far from any data the displacement dies away."""

_SKULL_TRUST = 0.6


def warp(basis: Basis, scan: Target, fit: Fit) -> np.ndarray:
    """(SHELL, 3) float64 metres, scan axes: the fitted shell drawn onto the scan.

    Args:
        basis: the model.
        scan: metres.
        fit: from `fit_model`.
    """
    start = place(fit, basis.points(fit))
    laplacian = graph_laplacian(basis.faces, SHELL)
    outside = np.arange(OUTSIDE)
    points = start
    rounds = [alpha for alpha in STIFFNESS for _ in range(_SOLVES)]
    for step, alpha in enumerate(rounds):
        gate_m = _GATES_M[0] * float(power(_GATES_M[1] / _GATES_M[0], step / (len(rounds) - 1)))
        found = closest(scan, points[outside], basis.normals(points)[outside])
        weight = np.zeros(SHELL)
        weight[outside] = trust(found, gate_m) * np.where(outside < FACE, 1.0, _SKULL_TRUST)
        pull = np.zeros((SHELL, 3))
        pull[outside] = weight[outside, None] * (found.point - start[outside])
        system = sparse.diags(weight + _HOLD) + alpha * laplacian
        points = start + solve_sparse(system, pull, points - start)
    return points


def graph_laplacian(faces: np.ndarray, count: int) -> sparse.csc_matrix:
    """(count, count) of the mesh's edges, each of weight 1."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    links = sparse.coo_matrix((np.ones(len(edges)), edges.T), (count, count)).tocsr()
    links = ((links + links.T) > 0).astype(np.float64)
    return (sparse.diags(np.asarray(links.sum(axis=1)).ravel()) - links).tocsc()
