"""Elementary functions whose last bit is the same on every processor.

numpy and the libraries under it choose other code for sines, exponentials and products of matrices by what a processor
can do, and their last bits differ; where a point of a head lies would differ with them. Here is nothing but sums,
products, quotients and square roots of float64, which IEEE 754 rounds in one way, in one order.

Names that end in `_of` are for one number, in compiled code, which keeps them inside. numba renews a cached kernel when
its own file changes, so whoever changes one touches the files that compile it in as well.

Reductions to a small interval and Taylor or Gregory series on it: see J.-M. Muller, "Elementary Functions", 3rd ed.,
2016, chapters 5 and 11.
"""

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike

inlined = numba.njit(inline="always")
kernel = numba.njit(cache=True, nogil=True, error_model="numpy")

# Pi / 2 and log 2 in pieces of few bits: whole multiples of the first are exact.
_P1, _P2, _P3 = 1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21
_L1, _L2 = 0.6931471804855391, 7.440617110012397e-11

_SINE = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8, 0, -1))
_COSINE = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(9, 1, -1))
_EXP = tuple(1.0 / math.factorial(k) for k in range(14, 1, -1))
_LOG = tuple(1.0 / (2 * k + 1) for k in range(11, 0, -1))
_ATAN = tuple((-1.0) ** k / (2 * k + 1) for k in range(12, 0, -1))


@inlined
def _horner(coefficients, x):  # type: ignore[no-untyped-def]
    """The polynomial whose highest coefficient comes first."""
    total = 0.0
    for c in coefficients:
        total = total * x + c
    return total


@inlined
def _sine(x, quarter):  # type: ignore[no-untyped-def]
    """The sine of x + quarter x pi / 2."""
    if not abs(x) < 1e6:
        return np.nan
    k = math.floor(x * (2.0 / math.pi) + 0.5)
    r = ((x - k * _P1) - k * _P2) - k * _P3
    z, turn = r * r, (np.int64(k) + quarter) & 3
    value = r + r * (z * _horner(_SINE, z)) if turn % 2 == 0 else 1.0 - z * (0.5 - z * _horner(_COSINE, z))
    return value if turn < 2 else -value


@inlined
def sin_of(x):  # type: ignore[no-untyped-def]
    """`sin` of one number."""
    return _sine(x, 0)


@inlined
def cos_of(x):  # type: ignore[no-untyped-def]
    """`cos` of one number."""
    return _sine(x, 1)


@inlined
def _atan(x):  # type: ignore[no-untyped-def]
    """Of a number from 0 to 1: two halvings of the angle bring it below pi / 16."""
    x = x / (1.0 + math.sqrt(1.0 + x * x))
    x = x / (1.0 + math.sqrt(1.0 + x * x))
    z = x * x
    return 4.0 * (x + x * (z * _horner(_ATAN, z)))


@inlined
def arctan2_of(y, x):  # type: ignore[no-untyped-def]
    """`arctan2` of one point; signs of zeros as IEEE 754 has them."""
    if math.isnan(x) or math.isnan(y):
        return np.nan
    a, b = abs(x), abs(y)
    if a == b:
        angle = math.pi / 4 if a > 0 else 0.0
    elif b < a:
        angle = _atan(b / a)
    else:
        angle = math.pi / 2 - _atan(a / b)
    if math.copysign(1.0, x) < 0:
        angle = math.pi - angle
    return math.copysign(angle, y)


@inlined
def exp_of(x):  # type: ignore[no-untyped-def]
    """`exp` of one number."""
    if math.isnan(x) or x > 709.782712893384:
        return x if math.isnan(x) else np.inf
    if x < -745.2:
        return 0.0
    k = math.floor(x * 1.4426950408889634 + 0.5)
    r = (x - k * _L1) - k * _L2
    return math.ldexp(1.0 + (r + r * r * _horner(_EXP, r)), int(k))


@inlined
def log_of(x):  # type: ignore[no-untyped-def]
    """`log` of one number."""
    if not 0 < x < np.inf:
        return -np.inf if x == 0 else np.inf if x > 0 else np.nan
    m, e = math.frexp(x)
    if m < math.sqrt(0.5):
        m, e = 2.0 * m, e - 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    return e * _L1 + (2.0 * s + (2.0 * s * (z * _horner(_LOG, z)) + e * _L2))


@inlined
def _raised(x, y):  # type: ignore[no-untyped-def]
    if y == math.floor(y) and 0 <= y <= 8:
        whole = 1.0
        for _ in range(int(y)):
            whole *= x
        return whole
    if x == 0:
        return 0.0 if y > 0 else np.inf
    return exp_of(y * log_of(x))


@kernel
def _sin(x):  # type: ignore[no-untyped-def]
    return np.array([sin_of(one) for one in x])


@kernel
def _cos(x):  # type: ignore[no-untyped-def]
    return np.array([cos_of(one) for one in x])


@kernel
def _exp(x):  # type: ignore[no-untyped-def]
    return np.array([exp_of(one) for one in x])


@kernel
def _log(x):  # type: ignore[no-untyped-def]
    return np.array([log_of(one) for one in x])


@kernel
def _arctan2(y, x):  # type: ignore[no-untyped-def]
    return np.array([arctan2_of(y[n], x[n]) for n in range(len(x))])


@kernel
def _power(x, y):  # type: ignore[no-untyped-def]
    return np.array([_raised(x[n], y[n]) for n in range(len(x))])


def _applied(kernel: Callable[..., np.ndarray], *values: ArrayLike) -> Any:
    """The kernel over arrays broadcast together: float32 of float32, else float64; a number of numbers."""
    arrays = np.broadcast_arrays(*values)
    dtype = np.float32 if all(one.dtype == np.float32 for one in arrays) else np.float64
    flat = kernel(*(np.ascontiguousarray(one, np.float64).reshape(-1) for one in arrays))
    return flat.reshape(arrays[0].shape).astype(dtype, copy=False)[()]


def sin(radians: ArrayLike) -> Any:
    """(...) sine of angles below 1e6; NaN beyond."""
    return _applied(_sin, radians)


def cos(radians: ArrayLike) -> Any:
    """(...) cosine of angles below 1e6; NaN beyond."""
    return _applied(_cos, radians)


def tan(radians: ArrayLike) -> Any:
    """(...) tangent of angles below 1e6; NaN beyond."""
    return sin(radians) / cos(radians)


def arctan2(y: ArrayLike, x: ArrayLike) -> Any:
    """(...) radians from +x to the points (x, y), in [-pi, pi]."""
    return _applied(_arctan2, y, x)


def arccos(cosine: ArrayLike) -> Any:
    """(...) radians in [0, pi]; NaN beyond 1."""
    cosine = np.asarray(cosine)
    return arctan2(np.sqrt((1.0 - cosine) * (1.0 + cosine)), cosine)


def arcsin(sine: ArrayLike) -> Any:
    """(...) radians in [-pi / 2, pi / 2]; NaN beyond 1."""
    sine = np.asarray(sine)
    return arctan2(sine, np.sqrt((1.0 - sine) * (1.0 + sine)))


def exp(x: ArrayLike) -> Any:
    """(...) e to the power of x."""
    return _applied(_exp, x)


def log(x: ArrayLike) -> Any:
    """(...) natural logarithms; -inf of 0, NaN below."""
    return _applied(_log, x)


def power(x: ArrayLike, y: ArrayLike) -> Any:
    """(...) x to the power of y: a product where y is one of 0, 1 ... 8; else NaN for x < 0."""
    return _applied(_power, x, y)


def tanh(x: ArrayLike) -> Any:
    """(...) hyperbolic tangent, within 2e-16."""
    shrunk = exp(-2.0 * np.abs(x))
    return np.copysign((1.0 - shrunk) / (1.0 + shrunk), x)


def hypot(x: ArrayLike, y: ArrayLike) -> Any:
    """(...) distance of the points (x, y) from the origin."""
    return np.sqrt(np.square(x) + np.square(y))


def norm(vectors: np.ndarray, axis: int = -1, keepdims: bool = False) -> Any:
    """Lengths of vectors along an axis."""
    return np.sqrt(np.square(vectors).sum(axis=axis, keepdims=keepdims))


def product(a: np.ndarray, b: np.ndarray) -> Any:
    """(..., n, m) x (..., m, k) as `a @ b`; either may be a vector (m,)."""
    left, right = "m" if a.ndim == 1 else "...nm", "m" if b.ndim == 1 else "...mk"
    return np.einsum(f"{left},{right}->...{'' if a.ndim == 1 else 'n'}{'' if b.ndim == 1 else 'k'}", a, b)


@kernel
def solve(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) float64 x of A x = b, for a small (n, n): elimination with the largest pivot of each column first.

    Where A is singular, some of them are no numbers.
    """
    A, x = A.copy(), b.copy()
    n = len(x)
    for k in range(n):
        pivot = k + np.argmax(np.abs(A[k:, k]))
        for j in range(n):
            A[k, j], A[pivot, j] = A[pivot, j], A[k, j]
        x[k], x[pivot] = x[pivot], x[k]
        for i in range(k + 1, n):
            share = A[i, k] / A[k, k]
            A[i, k:] -= share * A[k, k:]
            x[i] -= share * x[k]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            x[k] -= A[k, j] * x[j]
        x[k] /= A[k, k]
    return x
