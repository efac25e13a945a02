"""Glasses: a frame that rests on the nose and the ears, with clear lenses or dark ones.

Skull frame throughout. Clear lenses are seen by colour alone; dark ones are labelled like the frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from meshes.elementary import cos, power, sin
from meshes.parts import Part
from meshes.surface import Material
from meshes.wear.fit import Fit
from meshes.wear.solids import Shape, Solid, disc, tube

STYLES = ("round", "square", "aviator", "half-rim", "thick")
"""Frames by number, as `worn["glasses"]["style"]` counts them."""

_LENS = Material("lens", roughness=0.02, specular=0.04, clear=True)
_DARK_LENS = Material("dark lens", roughness=0.05, specular=0.05)
_PLASTIC = Material("frame plastic", roughness=0.22, specular=0.045)
_METAL = Material("frame metal", roughness=0.28, specular=0.55)

_VERTEX_DISTANCE_M = 0.0245
"""From the centre of the eye to the lens: the cornea's 12.5 mm and the usual 12 mm before it."""
_WRAP = 1.5  # Curvature 1/m of the front as seen from above.
_TILT = 0.14  # Slope of the front: the lower rim is nearer to the face.
_GAP_M = 0.0012


@dataclass(frozen=True)
class _Cut:
    """A frame's proportions: height over width of a lens, squareness, sag of the outer lower corner, rim thickness."""

    aspect: float
    power: float
    sag: float
    rim_m: float
    metal: bool
    half: bool = False


_CUTS = (
    _Cut(0.92, 2.0, 0.00, 0.0009, True),
    _Cut(0.70, 3.4, 0.02, 0.0018, False),
    _Cut(0.86, 2.4, 0.20, 0.0009, True),
    _Cut(0.62, 3.0, 0.04, 0.0013, False, half=True),
    _Cut(0.74, 3.2, 0.05, 0.0031, False),
)


@dataclass(frozen=True)
class _Size:
    """Millimetres that a face asks for, in metres: the front's half width, the bridge's, the lens's, and its middle."""

    half: float
    bridge: float
    lens: float
    middle_x: float
    middle_y: float


def glasses(fit: Fit, worn: Mapping[str, float]) -> list[Solid]:
    """A pair of glasses on a face.

    Args:
        fit: the face.
        worn: style (number of `STYLES`), red, green, blue (linear, of the frame), tint (0 clear to 1 dark),
            scale (1 is the size that the face asks for).
    """
    cut, size = _CUTS[int(worn["style"])], _size(fit, worn["scale"])
    colour = (worn["red"], worn["green"], worn["blue"])
    stuff = _METAL if cut.metal else _PLASTIC
    forward = _forward(fit, cut, size)
    shapes: list[Shape] = [_bridge(cut, size, forward, fit)]
    solids = []
    for side in (1.0, -1.0):
        outline = _outline(cut, size, side)
        shapes += [_rim(outline, cut, forward, side), *_temple(fit, cut, size, forward, side)]
        solids += _lens(outline, forward, worn["tint"])
    return [shape.of(Part.GLASSES, stuff, colour) for shape in shapes] + solids


def _size(fit: Fit, scale: float) -> _Size:
    jaw = float(np.abs(fit.landmarks[[0, 16], 0]).mean())
    brow = float(np.abs(fit.landmarks[[17, 26], 0]).mean())
    half = float(np.clip(0.45 * jaw + 0.62 * brow, 0.060, 0.076)) * scale
    bridge = 0.0088
    lens = (half - bridge - 0.004) / 2
    return _Size(half, bridge, lens, bridge + lens, float(fit.landmarks[27, 1]) * 0.5 - 0.0045)


def _outline(cut: _Cut, size: _Size, side: float, points: int = 56) -> np.ndarray:
    """(points, 2) the lens's edge, x and y; starts at the nose and runs over the top for either eye."""
    angle = np.linspace(np.pi, -np.pi, points, endpoint=False)
    x = np.sign(cos(angle)) * power(np.abs(cos(angle)), 2 / cut.power)
    y = np.sign(sin(angle)) * power(np.abs(sin(angle)), 2 / cut.power)
    x = x * (1 + cut.sag * np.where(y < 0, -0.35 * (1 + x) * -y, 0.0))
    y = cut.aspect * (y - np.where(y < 0, cut.sag * np.clip(1 - np.abs(x), 0, 1), 0.0) - cut.sag * 0.3 * (x < 0))
    return np.stack([side * (size.middle_x + size.lens * x), size.middle_y + size.lens * y], axis=1)


def _front_z(points: np.ndarray, forward: float) -> np.ndarray:
    """(N,) metres: the curved front surface at (x, y) of (N, 2) points."""
    return forward - _WRAP * np.square(points[:, 0]) + _TILT * points[:, 1]


def _lifted(points: np.ndarray, forward: float) -> np.ndarray:
    return np.column_stack([points, _front_z(points, forward)])


def _forward(fit: Fit, cut: _Cut, size: _Size) -> float:
    """How far forward the front must be to clear eyes, brows and cheeks."""
    rims = np.concatenate([_outline(cut, size, side) for side in (1.0, -1.0)])
    touching = fit.face_z(rims) - _front_z(rims, 0.0) + cut.rim_m + _GAP_M
    off_nose = np.abs(rims[:, 0]) > size.bridge + 0.006
    return max(_VERTEX_DISTANCE_M + _WRAP * size.middle_x**2, float(touching[off_nose].max()))


def _rim(outline: np.ndarray, cut: _Cut, forward: float, side: float) -> Shape:
    path, depth = _lifted(outline, forward), max(1.25 * cut.rim_m, 0.0010)
    if not cut.half:
        return tube(path, depth, cut.rim_m, np.array([0.0, 0.0, 1.0]), closed=True)
    upper = path[: len(path) // 2 + 1]
    return tube(upper, depth, 1.2 * cut.rim_m, np.array([0.0, 0.0, 1.0]))


def _bridge(cut: _Cut, size: _Size, forward: float, fit: Fit) -> Shape:
    """An arch between the lenses, clear of the nose's root."""
    x = np.linspace(-size.bridge, size.bridge, 15) * 1.12
    high = size.middle_y + size.lens * cut.aspect * (0.55 if cut.metal else 0.42)
    y = high + 0.002 * (1 - np.square(x / size.bridge))
    line = np.column_stack([x, y])
    z = np.maximum(_front_z(line, forward), 0.0)
    root = fit.face_z(line) + cut.rim_m + _GAP_M
    arch = 1 - np.square(x / x[-1])
    lift = max(0.0, float((root - z)[4:-4].max()))
    z = z + np.sqrt(arch) * max(lift, 0.001)
    return tube(
        np.column_stack([x, y, z]), max(cut.rim_m, 0.0012), max(1.1 * cut.rim_m, 0.0012), np.array([0.0, 0.0, 1.0])
    )


def _temple(fit: Fit, cut: _Cut, size: _Size, forward: float, side: float) -> list[Shape]:
    """The hinge and the arm that runs to the ear, over its root and down behind it."""
    high = size.middle_y + 0.45 * size.lens * cut.aspect
    edge = np.array([[side * (size.bridge + 2 * size.lens - 0.001), high]])
    hinge = np.array([side * (size.half + 0.002), high, float(_front_z(edge, forward)[0]) - 0.004])
    top = fit.ear(side, 0)
    rest = np.array([0.0, top[1] - 0.004, top[2] + 0.002])
    t = np.linspace(0, 1, 14)[:, None]
    arm = hinge[1:] + (rest[1:] - hinge[1:]) * t
    hook = rest[1:] + np.array([[0.0, -0.007], [-0.004, -0.012], [-0.011, -0.015], [-0.020, -0.016]])
    line = np.concatenate([arm, hook])
    x = _beside_skull(fit, line, size.half + 0.002, side)
    path = np.column_stack([side * x, line])
    tall = max(1.1 * cut.rim_m, 0.0011) * np.linspace(1.6 if not cut.metal else 1.0, 1.0, len(path))
    thin = max(0.75 * cut.rim_m, 0.0009)
    joint = np.stack([_lifted(edge, forward)[0], [hinge[0], high, float(_front_z(edge, forward)[0]) - 0.001], hinge])
    out = np.array([side, 0.0, 0.0])
    return [tube(path, thin, tall, out), tube(joint, thin, 0.8 * tall[0], np.array([0.0, 1.0, 0.0]))]


def _beside_skull(fit: Fit, line: np.ndarray, start: float, side: float) -> np.ndarray:
    """(N,) metres: |x| of a springy arm along (y, z) points (N, 2) that starts at `start` and clears the skull."""
    needed = fit.half_width(line, side) + 0.0015
    x = np.maximum(np.linspace(start, needed[-5:].mean(), len(line)), needed)
    for _ in range(6):
        x[1:-1] = np.maximum(needed[1:-1], (x[:-2] + 2 * x[1:-1] + x[2:]) / 4)
    return x


def _lens(outline: np.ndarray, forward: float, tint: float) -> list[Solid]:
    """Both faces of a lens; `outline` runs clockwise for the left eye, so that it is turned here."""
    rim = _lifted(outline, forward)
    rim = rim if _turns_left(outline) else rim[::-1]
    centre = rim.mean(axis=0)
    dome = np.array([0.0, 0.0, 0.0012])
    thick = np.array([0.0, 0.0, 0.0009])
    front = disc(rim + thick, centre + thick, sag=dome)
    if tint < 0.5:
        return [front.of(Part.GLASSES, _LENS, (1.0, 1.0, 1.0))]
    behind = disc((rim - thick)[::-1], centre - thick, sag=dome)
    shade = np.full(3, 0.035) * (1.6 - tint)
    return [shape.of(Part.GLASSES, _DARK_LENS, shade) for shape in (front, behind)]


def _turns_left(outline: np.ndarray) -> bool:
    x, y = outline.T
    return bool((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0)
