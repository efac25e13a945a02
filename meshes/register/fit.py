"""Lays the ICT model on a scan: pose, 100 shape modes and a few expressions, by iterative closest points.

Linear least squares a round (B. Amberg et al., "Optimal step nonrigid ICP", 2007, use such a start); the priors
are the model's own: shape coefficients ~ N(0, 1).
"""

from dataclasses import dataclass, replace

import numpy as np

from meshes.elementary import power, product, solve
from meshes.geometry import rotate
from meshes.ict import Ict
from meshes.normals import vertex_normals
from meshes.register.target import Closest, Target, closest
from meshes.scan_face import turn

SHELL = 14062
"""Upstream's first vertices: face, back of head, mouth and eye sockets, one connected shell."""

OUTSIDE = 11248
"""Of those the first are outside: face, then back of head and neck."""

FACE = 9409
"""And of those the first are face, ears and throat."""

EXPRESSIONS = (
    "jawOpen", "mouthClose", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthPucker",
    "browDownLeft", "browDownRight", "browInnerUp", "cheekSquintLeft", "cheekSquintRight",
)  # fmt: skip
"""What faces do while they are scanned, besides closing their eyes."""

_ROUNDS = 24
_STRIDE = 2
_EXPRESSION_SIGMA = 0.25
_GATE_M = (0.030, 0.008)
_FACE_WEIGHT, _SKULL_WEIGHT = 1.0, 0.3
_NOISE_M = 0.0015
"""Deviation of one scan point that the priors are weighed against."""

_SPARSE = 4.0
"""Neighbouring vertices err together: so many count as one."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The model as it lies on a scan: x_scan = R @ x_model + t, metres.

    Attributes:
        shape: (K,) float64 coefficients of the model's modes, in their order.
        expression: (E,) float64 weights of EXPRESSIONS.
        blink: 0 for open eyes, 1 where the scan's are shut.
        R, t: (3, 3), (3,) float64.
    """

    shape: np.ndarray
    expression: np.ndarray
    blink: float
    R: np.ndarray
    t: np.ndarray


class Basis:
    """The model's shell as linear offsets, in metres; `points` evaluates it."""

    def __init__(self, ict: Ict):
        self.ict = ict
        self.origin = ict.mean_m[:SHELL].mean(axis=0)
        self.mean = ict.mean_m[:SHELL] - self.origin
        self.names = tuple(ict.modes_cm)
        self.modes = np.stack([ict.modes_cm[name][:SHELL].astype(np.float64) / 100.0 for name in self.names])
        self.moves = np.stack([self._move(name) for name in EXPRESSIONS])
        self.blinks = self._move("eyeBlinkLeft") + self._move("eyeBlinkRight")
        skin = ict.layout.material == 0
        corner = ict.layout.point[ict.layout.faces[skin]]
        self.faces = corner[(corner < SHELL).all(axis=1)]

    def _move(self, name: str) -> np.ndarray:
        rows, offsets = self.ict.moves.get(name, (np.zeros(0, int), np.zeros((0, 3))))
        full = np.zeros((SHELL, 3))
        full[rows[rows < SHELL]] = offsets[rows < SHELL]
        return full

    def points(self, fit: Fit) -> np.ndarray:
        """(SHELL, 3) float64 metres, model axes."""
        moved = np.einsum("k,kvd->vd", fit.shape, self.modes) + np.einsum("e,evd->vd", fit.expression, self.moves)
        return self.mean + moved + fit.blink * self.blinks

    def normals(self, points: np.ndarray) -> np.ndarray:
        """(SHELL, 3) float64, unit, outward."""
        return vertex_normals(points, self.faces, np.arange(SHELL)).astype(np.float64)


def fit_model(basis: Basis, scan: Target, start: Fit) -> Fit:
    """Rounds of closest points and one linear solve; from `start`, which is good to about 2 cm and 15 degrees.

    Args:
        basis: the model.
        scan: metres.
        start: where the model stands at first; its `blink` is kept.
    """
    chosen = np.arange(0, OUTSIDE, _STRIDE)
    fit = start
    for step in range(_ROUNDS):
        gate_m = _GATE_M[0] * float(power(_GATE_M[1] / _GATE_M[0], step / (_ROUNDS - 1)))
        points = basis.points(fit)
        placed, normals = place(fit, points), rotate(basis.normals(points), fit.R)
        found = closest(scan, placed[chosen], normals[chosen])
        weight = trust(found, gate_m) * np.where(chosen < FACE, _FACE_WEIGHT, _SKULL_WEIGHT)
        rigid_only = step < _ROUNDS // 6
        fit = _solved(basis, fit, chosen, placed[chosen], found, scan.normals[found.face], weight, rigid_only)
    return fit


def place(fit: Fit, points: np.ndarray) -> np.ndarray:
    """(N, 3) float64 metres: model points brought to the scan."""
    return rotate(points, fit.R) + fit.t


def trust(found: Closest, gate_m: float) -> np.ndarray:
    """(N,) float64 in [0, 1]: 0 past the gate, at open edges and on surfaces that face away; less when far."""
    near = (found.distance_m < gate_m) & (found.cosine > 0.5) & (found.rim_m > 0.0015)
    return near * np.clip(found.cosine, 0.0, 1.0) / (1.0 + np.square(found.distance_m / (0.25 * gate_m)))


def _solved(
    basis: Basis,
    fit: Fit,
    chosen: np.ndarray,
    placed: np.ndarray,
    found: Closest,
    normals: np.ndarray,
    weight: np.ndarray,
    rigid_only: bool,
) -> Fit:
    """One least-squares step that lays the chosen points on the planes of their closest ones."""
    used = weight > 0.0
    turned_back = rotate(normals[used], fit.R.T)
    arm = placed[used] - fit.t
    rows = [np.cross(arm, normals[used]), normals[used]]
    if not rigid_only:
        for offsets in (basis.modes, basis.moves):
            rows.append(np.einsum("kvd,vd->vk", offsets[:, chosen[used]], turned_back))
    A = np.concatenate(rows, axis=1)
    gap = np.einsum("nd,nd->n", placed[used] - found.point[used], normals[used])
    prior = np.zeros(A.shape[1])
    value = np.zeros(A.shape[1])
    if not rigid_only:
        modes = len(fit.shape)
        prior[6 : 6 + modes] = 1.0
        prior[6 + modes :] = _EXPRESSION_SIGMA**-2
        value[6:] = np.concatenate([fit.shape, fit.expression])
    scaled = A * (weight[used] / (_SPARSE * _NOISE_M**2))[:, None]
    step = solve(product(A.T, scaled) + np.diag(prior + 1e-9), -product(gap, scaled) - prior * value)
    moved = replace(fit, R=product(turn(step[:3]), fit.R), t=fit.t + step[3:6])
    if rigid_only:
        return moved
    shape, expression = fit.shape + step[6 : 6 + modes], fit.expression + step[6 + modes :]
    return replace(moved, shape=np.clip(shape, -3.0, 3.0), expression=np.clip(expression, 0.0, 1.0))
