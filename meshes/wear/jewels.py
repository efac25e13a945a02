"""Earrings at the lobes and headphones over the ears. Skull frame."""

from collections.abc import Mapping

import numpy as np

from meshes.elementary import cos, power, product, sin
from meshes.parts import Part
from meshes.surface import Material
from meshes.wear.fit import Fit
from meshes.wear.solids import Solid, bead, grid, slab, tube, unit

EARRINGS = ("stud", "hoop", "drop")
"""Earrings by number, as `worn["earrings"]["style"]` counts them."""

_GOLD = Material("gold", roughness=0.22, specular=0.7)
_SHELL = Material("headphone shell", roughness=0.35, specular=0.045)
_CUSHION = Material("headphone cushion", roughness=0.6, specular=0.035)
_CUP_M = (0.033, 0.041)  # Half width and half height.
_HAIR_M = 0.012  # Room for hair under the bow.


def earrings(fit: Fit, worn: Mapping[str, float]) -> list[Solid]:
    """A pair of earrings.

    Args:
        fit: the head.
        worn: style (number of `EARRINGS`), size_m (radius of stud or hoop, length of a drop), red, green, blue.
    """
    colour = (worn["red"], worn["green"], worn["blue"])
    make = (_stud, _hoop, _drop)[int(worn["style"])]
    return [solid for side in (1.0, -1.0) for solid in make(_pierced(fit, side), side, worn["size_m"], colour)]


def _pierced(fit: Fit, side: float) -> np.ndarray:
    """(3,) the outermost skin of the lobe just above its lower edge."""
    ear = fit.ears[0] if side > 0 else fit.ears[1]
    lowest = ear[ear[:, 1].argmin()]
    near = ear[np.square(ear - lowest - np.array([0.0, 0.006, 0.0])).sum(axis=1) < 0.009**2]
    return near[(side * near[:, 0]).argmax()]


def _stud(at: np.ndarray, side: float, size_m: float, colour: tuple[float, float, float]) -> list[Solid]:
    ball = bead(at + np.array([side * 0.35 * size_m, 0.0, 0.0]), [size_m] * 3)
    return [ball.of(Part.EARRINGS, _GOLD, colour)]


def _hoop(at: np.ndarray, side: float, size_m: float, colour: tuple[float, float, float]) -> list[Solid]:
    angle = 2 * np.pi * np.arange(40) / 40
    out = unit(np.array([side, 0.0, 0.45]))
    ahead = np.cross(out, [0.0, 1.0, 0.0])
    centre = at + np.array([side * 0.0005, 0.0008 - size_m, 0.0])
    path = centre + size_m * (cos(angle)[:, None] * [0.0, 1.0, 0.0] + sin(angle)[:, None] * ahead)
    return [tube(path, 0.0009, 0.0009, out, closed=True).of(Part.EARRINGS, _GOLD, colour)]


def _drop(at: np.ndarray, side: float, size_m: float, colour: tuple[float, float, float]) -> list[Solid]:
    top = at + np.array([side * 0.0012, -0.001, 0.0])
    chain = top - np.linspace(0, size_m, 6)[:, None] * [0.0, 1.0, 0.0]
    pearl = bead(chain[-1] - np.array([0.0, 0.004, 0.0]), [0.0032, 0.0045, 0.0032])
    return [
        *_stud(at, side, 0.0022, colour),
        tube(chain, 0.0004, 0.0004, np.array([1.0, 0.0, 0.0])).of(Part.EARRINGS, _GOLD, colour),
        pearl.of(Part.EARRINGS, _GOLD, colour),
    ]


def headphones(fit: Fit, worn: Mapping[str, float]) -> list[Solid]:
    """Over-ear headphones.

    Args:
        fit: the head.
        worn: red, green, blue (linear, of the shells), back (0 upright to 1, how far the band leans back).
    """
    colour = (worn["red"], worn["green"], worn["blue"])
    cups = [_cup(fit, side, colour) for side in (1.0, -1.0)]
    ends = [_cup_centre(fit, side) for side in (1.0, -1.0)]
    return [*(solid for cup in cups for solid in cup), _band(fit, ends, worn["back"], colour)]


def _cup_centre(fit: Fit, side: float) -> np.ndarray:
    """(3,) the middle of a cup's outer shell, past the ear."""
    ear = fit.ears[0] if side > 0 else fit.ears[1]
    middle = (ear.min(axis=0) + ear.max(axis=0)) / 2
    return np.array([side * (np.abs(ear[:, 0]).max() + 0.001), middle[1], middle[2]])


def _cup(fit: Fit, side: float, colour: tuple[float, float, float]) -> list[Solid]:
    centre = _cup_centre(fit, side)
    angle = 2 * np.pi * np.arange(40) / 40
    oval = np.stack([_CUP_M[0] * cos(angle), _CUP_M[1] * sin(angle)], axis=1)
    axes = np.array([[0.0, 0.0, -side], [0.0, 1.0, 0.0], [side, 0.0, 0.0]])
    shell = slab(oval, 0.0075, 0.006, axes, centre + np.array([side * 0.006, 0.0, 0.0]))
    rim = product(oval, axes[:2]) * 0.82 + centre
    skin = np.array([fit.half_width(p[None, 1:], side)[0] for p in rim])
    inner = np.column_stack([side * np.minimum(skin - 0.003, np.abs(centre[0]) - 0.014), rim[:, 1:]])
    outer = rim + np.array([side * 0.001, 0.0, 0.0])
    return [shell.of(Part.HEADPHONES, _SHELL, colour, shades=True), _cushion(inner, outer, centre)]


def _cushion(inner: np.ndarray, outer: np.ndarray, centre: np.ndarray) -> Solid:
    """A padded ring between the skull (inner) and the shell (outer), open to the ear."""
    away = unit((outer - centre) * [0.0, 1.0, 1.0])
    turn = 2 * np.pi * np.arange(14) / 14
    middle, half = (inner + outer) / 2, (outer - inner) / 2
    squash = lambda a: np.sign(a) * power(np.abs(a), 0.6)  # noqa: E731
    ring = (
        middle[:, None]
        + half[:, None] * squash(cos(turn))[:, None]
        + away[:, None] * 0.0085 * squash(sin(turn))[:, None]
    )
    forwards = centre[0] < 0
    shape = grid(ring if forwards else ring[::-1], round_rows=True, round_columns=True)
    return shape.of(Part.HEADPHONES, _CUSHION, (0.02, 0.02, 0.022))


def _band(fit: Fit, ends: list[np.ndarray], back: float, colour: tuple[float, float, float]) -> Solid:
    """The bow over the crown, clear of the skull by the hair under it."""
    left, right = (end + np.array([np.sign(end[0]) * 0.006, _CUP_M[1] * 0.7, 0.0]) for end in ends)
    middle, half = (left + right) / 2, (left - right)[0] / 2
    t = np.linspace(0, np.pi, 41)
    lean = unit(np.array([0.0, 1.0, -0.25 * back]))
    top = float(_clear(fit, middle, lean[None])[0]) + _HAIR_M
    side = np.sign(cos(t)) * power(np.abs(cos(t)), 0.8)
    path = middle + half * side[:, None] * [1.0, 0.0, 0.0] + top * power(sin(t)[:, None], 0.8) * lean
    away = path - middle
    far = np.sqrt(np.square(away).sum(axis=1))
    need = _clear(fit, middle, away / far[:, None]) + _HAIR_M * sin(t)
    path = middle + away * np.maximum(1.0, need / far)[:, None]
    for _ in range(4):
        path[1:-1] = (path[:-2] + 2 * path[1:-1] + path[2:]) / 4
    bow = tube(path, 0.0125, 0.0032, np.array([0.0, 0.0, 1.0]), sides=16)
    return bow.of(Part.HEADPHONES, _SHELL, colour, shades=True)


def _clear(fit: Fit, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(N,) metres from a point inside the head along unit directions (N, 3) to clear of the skull."""
    reach = np.full(len(directions), 0.10)
    for _ in range(4):
        at = origin + directions * reach[:, None] - fit.dome_centre
        far = np.sqrt(np.square(at).sum(axis=1))
        reach = reach + fit.dome(at / far[:, None]) - far
    return reach
