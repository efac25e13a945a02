"""Radial and tangential distortion of a lens, after Brown and Conrady: the map, its inverse, and where both hold.

All points are (x / z, y / z) of the camera frame. `renderers.kernels.points` has the same arithmetic compiled.
"""

from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from meshes.errors import UserError

MAX_REACH = 4.0
"""No lens is followed farther than this from its axis: 76 degrees."""

MIN_SCALE = 0.05
"""Nor to where it shrinks a length to less than this, just before it would fold the picture over."""

STEPS = 64
"""Of Newton's method at most; three to five are usual. A step that does not come nearer is halved."""

SETTLED = 1e-8
"""After so short a step Newton's next error is its square: nothing."""

SOLVED = 1e-12
"""By how much of 1 + its goal an inverse may miss it; worse ones are NaN, never a wrong ray."""


class CameraError(UserError):
    """A camera or a lens that cannot be; the message says expected, got, next step."""


@dataclass(frozen=True)
class Distortion:
    """What a lens does to a pinhole's picture, with OpenCV's names, order and signs.

    With r^2 = x^2 + y^2 a point (x, y) goes to

        x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2),
        y (1 + k1 r^2 + k2 r^4 + k3 r^6) + p1 (r^2 + 2 y^2) + 2 p2 x y,

    as in Brown, "Decentering distortion of lenses", Photogrammetric Engineering 32 (1966). Beyond `reach` the map goes
    on straight along the radius instead of folding back, so that it is one to one everywhere.

    Attributes:
        k1, k2, k3: radial; negative k1 is a barrel, positive a pincushion.
        p1, p2: tangential.

    Raises:
        CameraError: numbers that are not finite or beyond a million.
    """

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0

    def __post_init__(self) -> None:
        if not all(abs(value) <= 1e6 for value in astuple(self)):
            raise CameraError(
                f"expected five finite coefficients within a million, got {self}; "
                "they act on x / z and y / z, not on pixels: calibrate again or divide by powers of the focal length"
            )

    def scaled(self, factor: float) -> "Distortion":
        """All five coefficients times a factor."""
        return Distortion(*(factor * value for value in astuple(self)))

    @cached_property
    def reach(self) -> float:
        """Radius of the disc of ideal points, at most MAX_REACH, on which the map is one to one.

        The map's Jacobian is symmetric; with q = (p2, p1) its eigenvalues are the derivative of r (1 + k1 r^2 + ...)
        or its quotient by r, give or take 6 |q| r. While both exceed that, the map is the gradient of a convex
        function, which takes no value twice. 8 |q| r leaves that true of the straight continuation, and the disc's
        image convex: a frame whose corners are in it is in it.
        """
        k1, k2, p1, p2, k3 = astuple(self)
        bend = -8.0 * float(np.sqrt(p1 * p1 + p2 * p2))
        along = (1.0 - MIN_SCALE, bend, 3.0 * k1, 0.0, 5.0 * k2, 0.0, 7.0 * k3)
        across = (1.0 - MIN_SCALE, bend, k1, 0.0, k2, 0.0, k3)
        return min([MAX_REACH, *_roots(along, MAX_REACH), *_roots(across, MAX_REACH)])


def _roots(coefficients: tuple[float, ...], high: float) -> list[float]:
    """Where a polynomial, lowest power first, changes its sign within (0, high): one between any two turns."""
    if len(coefficients) < 2:
        return []
    slope = tuple(n * c for n, c in enumerate(coefficients))[1:]
    turns = [0.0, *_roots(slope, high), high]
    return [_root_between(coefficients, a, b) for a, b in pairwise(turns) if _changes(coefficients, a, b)]


def _changes(coefficients: tuple[float, ...], a: float, b: float) -> bool:
    return (_value(coefficients, a) > 0) != (_value(coefficients, b) > 0)


def _root_between(coefficients: tuple[float, ...], a: float, b: float) -> float:
    """By halving, to the last bit; the end where the sign is that of `a`."""
    while a < (middle := 0.5 * (a + b)) < b:
        a, b = (a, middle) if _changes(coefficients, a, middle) else (middle, b)
    return a


def _value(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def _bent(lens: Distortion, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of points within reach: r^2, the radial factor, and the tangential part's x and y."""
    k1, k2, p1, p2, k3 = astuple(lens)
    s = x * x + y * y
    f = 1.0 + s * (k1 + s * (k2 + s * k3))
    tx = 2.0 * p1 * (x * y) + p2 * (s + 2.0 * (x * x))
    ty = p1 * (s + 2.0 * (y * y)) + 2.0 * p2 * (x * y)
    return s, f, tx, ty


def distort(lens: Distortion, ideal: np.ndarray) -> np.ndarray:
    """Where a lens puts the points of a pinhole's picture: (..., 2) float64 to (..., 2) float64, both x / z, y / z."""
    x, y = ideal[..., 0], ideal[..., 1]
    r = np.sqrt(x * x + y * y)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(r > lens.reach, lens.reach / r, 1.0)
    x, y, beyond = x * t, y * t, np.maximum(r - lens.reach, 0.0) / lens.reach
    s, f, tx, ty = _bent(lens, x, y)
    slope = 1.0 + s * (3.0 * lens.k1 + s * (5.0 * lens.k2 + s * (7.0 * lens.k3)))
    return np.stack(
        [(x * f + tx) + beyond * (x * slope + 2.0 * tx), (y * f + ty) + beyond * (y * slope + 2.0 * ty)], axis=-1
    )


def undistort(lens: Distortion, distorted: np.ndarray) -> np.ndarray:
    """`distort` undone by Newton's method, each point by itself until it has settled.

    Args:
        lens: the lens.
        distorted: (..., 2) float64, x / z and y / z as the lens shows them.

    Returns:
        (..., 2) float64 within `reach`, NaN for what no ray within it comes out at.
    """
    goal_x, goal_y = distorted[..., 0], distorted[..., 1]
    with np.errstate(all="ignore"):
        x, y = _within(lens, goal_x, goal_y)
        from_x, from_y, step_x, step_y = x, y, np.zeros_like(x), np.zeros_like(y)
        best, settled = np.full(x.shape, np.inf), np.zeros(x.shape, bool)
        for _ in range(STEPS):
            off, newton_x, newton_y = _newton(lens, x, y, goal_x, goal_y)
            nearer = off < best
            from_x, from_y, best = np.where(nearer, x, from_x), np.where(nearer, y, from_y), np.where(nearer, off, best)
            step_x, step_y = np.where(nearer, newton_x, 0.5 * step_x), np.where(nearer, newton_y, 0.5 * step_y)
            next_x, next_y = _within(lens, from_x + step_x, from_y + step_y)
            x, y = np.where(settled, x, next_x), np.where(settled, y, next_y)
            settled |= np.abs(next_x - from_x) + np.abs(next_y - from_y) <= SETTLED
            if settled.all():
                break
        off, _, _ = _newton(lens, x, y, goal_x, goal_y)
        solved = off <= SOLVED * (1.0 + (np.abs(goal_x) + np.abs(goal_y)))
    return np.stack([np.where(solved, x, np.nan), np.where(solved, y, np.nan)], axis=-1)


def _within(lens: Distortion, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points drawn back to the rim where they left the disc; as it is convex, no farther from any goal within."""
    s = x * x + y * y
    t = np.where(s > lens.reach * lens.reach, lens.reach / np.sqrt(s), 1.0)
    return x * t, y * t


def _newton(
    lens: Distortion, x: np.ndarray, y: np.ndarray, goal_x: np.ndarray, goal_y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far points are shown off their goals, |x| + |y|, and Newton's step (x, y) from them."""
    k1, k2, p1, p2, k3 = astuple(lens)
    s, f, tx, ty = _bent(lens, x, y)
    df = 2.0 * (k1 + s * (2.0 * k2 + s * (3.0 * k3)))
    a = f + df * (x * x) + 2.0 * (p1 * y) + 6.0 * (p2 * x)
    b = df * (x * y) + 2.0 * (p1 * x) + 2.0 * (p2 * y)
    d = f + df * (y * y) + 6.0 * (p1 * y) + 2.0 * (p2 * x)
    off_x, off_y, scale = (x * f + tx) - goal_x, (y * f + ty) - goal_y, 1.0 / (a * d - b * b)
    return np.abs(off_x) + np.abs(off_y), (b * off_y - d * off_x) * scale, (b * off_x - a * off_y) * scale


def fits(lens: Distortion, K: np.ndarray, height: int, width: int) -> bool:
    """Whether every point of a frame of a camera with intrinsics K (3, 3) is one that the lens can show."""
    corners = np.array([[u, v] for u in (0.0, width) for v in (0.0, height)])
    shown = (corners - K[:2, 2]) / K[[0, 1], [0, 1]]
    return bool(np.isfinite(undistort(lens, shown)).all())
