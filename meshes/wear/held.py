"""A phone in a hand, or a hand alone, before a part of the face. Skull frame.

The hand is simple: a palm, four bent fingers, a thumb and a forearm, in the colour of the person's skin.
"""

from collections.abc import Mapping

import numpy as np

from meshes.elementary import cos, product, sin
from meshes.parts import Part
from meshes.surface import Material
from meshes.wear.fit import Fit
from meshes.wear.solids import Colour, Shape, Solid, bead, rounded_rectangle, slab, tube, unit

KINDS = ("phone at the ear", "phone before the face", "hand at the chin", "hand before the mouth")
"""What is held where, by number, as `worn["held"]["kind"]` counts them."""

_GLASS = Material("phone glass", roughness=0.06, specular=0.045)
_CASE = Material("phone case", roughness=0.4, specular=0.045)
_SKIN = Material("hand", roughness=0.47, specular=0.028, subsurface=1.0)
_PHONE_M = (0.072, 0.150, 0.0085)
_FOREARM_M = 0.24

_FINGERS = ((0.030, 0.066, 0.0080), (0.010, 0.073, 0.0085), (-0.010, 0.068, 0.0080), (-0.029, 0.053, 0.0070))
"""Of the fingers from index to little: place across the palm, length and thickness (radius), metres."""


def held(fit: Fit, worn: Mapping[str, float]) -> list[Solid]:
    """What a hand holds before the face.

    Args:
        fit: the head.
        worn: kind (number of `KINDS`), side (+1 in the person's left hand, -1 right), red, green, blue (linear, of
            the phone), distance_m (of what is before the face, from the nose), tilt (radians).
    """
    return _MAKERS[int(worn["kind"])](fit, worn, 1.0 if worn["side"] > 0 else -1.0)


def _axes(up: np.ndarray, out: np.ndarray) -> np.ndarray:
    """(3, 3) rows: across, up and out, orthonormal and right-handed, `out` kept."""
    out = unit(out)
    up = unit(up - product(up, out) * out)
    return np.stack([np.cross(up, out), up, out])


def _phone(centre: np.ndarray, axes: np.ndarray, colour: Colour) -> list[Solid]:
    """A phone whose screen looks along -axes[2]."""
    width, height, thick = _PHONE_M
    body = slab(rounded_rectangle(width, height, 0.011), thick / 2, 0.0030, axes, centre)
    face = rounded_rectangle(width - 0.006, height - 0.006, 0.009)
    screen = slab(face, 0.0006, 0.0002, axes, centre - axes[2] * thick / 2)
    place = centre + product(np.array([0.017, height / 2 - 0.024, thick / 2]), axes)
    bump = slab(rounded_rectangle(0.028, 0.030, 0.007), 0.0012, 0.0006, axes, place)
    eyes = [
        bead(place + product(np.array([x, y, 0.0010]), axes), [0.0055, 0.0055, 0.0012], axes)
        for x, y in ((-0.005, 0.006), (0.004, -0.006))
    ]
    part = Part.HELD_OBJECT
    dark = [shape.of(part, _GLASS, (0.012, 0.012, 0.014)) for shape in (screen, *eyes)]
    return [body.of(part, _CASE, colour, shades=True), bump.of(part, _CASE, colour), *dark]


def _hand(
    wrist: np.ndarray, axes: np.ndarray, curl: float, thumb: float, down: np.ndarray, skin: Colour
) -> list[Solid]:
    """A hand whose fingers point along axes[1] and whose palm looks along -axes[2]; the thumb is on axes[0]'s side.

    Args:
        wrist: (3,).
        axes: (3, 3) across, up, out.
        curl: radians that each joint bends towards the palm.
        thumb: radians that the thumb stands off.
        down: (3,) where the forearm goes.
        skin: its colour.
    """

    def at(x: float, y: float, z: float) -> np.ndarray:
        return wrist + product(np.array([x, y, z]), axes)

    palm = slab(rounded_rectangle(0.080, 0.092, 0.026, 8), 0.0135, 0.0125, axes, at(0.0, 0.050, 0.0))
    heel = bead(at(0.026, 0.028, -0.005), [0.015, 0.029, 0.014], axes)
    knuckle_y = (0.084, 0.090, 0.087, 0.078)
    fingers = [
        _finger(at(x, y, 0.001), axes, length, radius, curl, -0.5 * x)
        for (x, length, radius), y in zip(_FINGERS, knuckle_y, strict=True)
    ]
    out = cos(thumb) * axes[1] + sin(thumb) * axes[0]
    root = at(0.030, 0.026, -0.004)
    bend = unit(out + 0.5 * axes[1] - 0.35 * axes[2])
    path = np.stack(
        [
            root,
            root + 0.030 * out,
            root + 0.030 * out + 0.030 * unit(out + bend),
            root + 0.030 * out + 0.030 * unit(out + bend) + 0.022 * bend,
        ]
    )
    thumb_tube = tube(
        _rounded(path),
        np.linspace(0.0125, 0.0085, 3 * (len(path) - 1) + 1),
        np.linspace(0.0125, 0.0085, 3 * (len(path) - 1) + 1),
        axes[2],
        sides=12,
    )
    arm = wrist + np.linspace(-0.05, 1.0, 9)[:, None] * unit(down) * _FOREARM_M + axes[1] * 0.010
    thick = np.linspace(0.027, 0.040, 9)
    forearm = tube(arm, thick, 0.78 * thick, axes[0], sides=20)
    shapes = [palm, heel, *fingers, thumb_tube, forearm]
    return [shape.of(Part.HELD_OBJECT, _SKIN, skin, shades=True) for shape in shapes]


def _finger(root: np.ndarray, axes: np.ndarray, length: float, radius: float, curl: float, fan: float) -> Shape:
    """Three joints that bend towards the palm."""
    across = cos(fan) * axes[1] + sin(fan) * axes[0] * -1.0
    points, angle = [root - 0.012 * across, root], 0.0
    for share in (0.45, 0.32, 0.23):
        angle += curl
        points.append(points[-1] + share * length * (cos(angle) * across - sin(angle) * axes[2]))
    path = _rounded(np.array(points))
    thick = np.linspace(1.08, 0.82, len(path)) * radius
    return tube(path, thick, 0.92 * thick, np.cross(across, axes[2]), sides=12)


def _rounded(points: np.ndarray) -> np.ndarray:
    """Three points for each part of a path, its corners rounded."""
    dense = np.concatenate(
        [points[:-1, None] + np.linspace(0, 1, 3, endpoint=False)[:, None] * np.diff(points, axis=0)[:, None]]
    )
    dense = np.concatenate([dense.reshape(-1, 3), points[-1:]])
    dense[1:-1] = (dense[:-2] + 2 * dense[1:-1] + dense[2:]) / 4
    return dense


def _colour(worn: Mapping[str, float]) -> Colour:
    return worn["red"], worn["green"], worn["blue"]


def _skin(fit: Fit) -> Colour:
    r, g, b = fit.skin_colour.tolist()
    return r, g, b


def _at_the_ear(fit: Fit, worn: Mapping[str, float], side: float) -> list[Solid]:
    """The phone lies along the cheek from the ear to the mouth, the hand round its back."""
    ear = fit.ears[0] if side > 0 else fit.ears[1]
    mouth = fit.landmarks[54 if side > 0 else 48]
    out = unit(np.array([side, 0.0, 0.42 + 0.2 * worn["tilt"]]))
    middle = (ear.min(axis=0) + ear.max(axis=0)) / 2
    towards = mouth + np.array([side * 0.018, -0.030, 0.004]) - middle
    axes = _axes(-towards, out)
    cheek = np.concatenate([ear, fit.skin[side * fit.skin[:, 0] > 0.020]])
    flat = product(cheek - middle, axes.T)
    under = (np.abs(flat[:, 0]) < 0.036) & (flat[:, 1] > -0.105) & (flat[:, 1] < 0.045)
    lift = flat[under, 2].max() + _PHONE_M[2] / 2 + 0.001
    centre = middle - axes[1] * 0.030 + axes[2] * lift
    wrist = centre - axes[1] * 0.098 + axes[2] * 0.021
    grip = axes * [[side], [1.0], [1.0]]
    hand = _hand(wrist, grip, 0.26, 0.45, np.array([side * 0.35, -1.0, 0.15]), _skin(fit))
    return [*_phone(centre, axes, _colour(worn)), *hand]


def _before_the_face(fit: Fit, worn: Mapping[str, float], side: float) -> list[Solid]:
    """The phone stands before mouth and cheek, screen to the person, as in a picture in a mirror."""
    centre = fit.landmarks[33] + np.array([side * 0.035, -0.045, worn["distance_m"]])
    lean = np.array([sin(worn["tilt"]), cos(worn["tilt"]), 0.12])
    axes = _axes(lean, np.array([0.10 * side, 0.0, 1.0]))
    wrist = centre - axes[1] * 0.112 + axes[2] * 0.018 + axes[0] * side * 0.012
    grip = axes if side < 0 else axes * [[-1.0], [1.0], [1.0]]
    hand = _hand(wrist, grip, 0.24, 0.6, np.array([side * 0.7, -1.0, 0.10]), _skin(fit))
    return [*_phone(centre, axes, _colour(worn)), *hand]


def _at_the_chin(fit: Fit, worn: Mapping[str, float], side: float) -> list[Solid]:
    """Curled fingers under the jaw's corner."""
    jaw = fit.landmarks[11 if side > 0 else 5]
    axes = _axes(np.array([-side * 0.55, 0.75, 0.1]), np.array([side * 0.55, -0.3, 0.85]))
    wrist = jaw + np.array([side * 0.040, -0.094, 0.014])
    grip = axes * [[side], [1.0], [1.0]]
    return _hand(wrist, grip, 0.45 + 0.2 * worn["tilt"], 0.4, np.array([side * 0.5, -1.0, -0.1]), _skin(fit))


def _before_the_mouth(fit: Fit, worn: Mapping[str, float], side: float) -> list[Solid]:
    """A flat hand before mouth and nose."""
    lips = fit.landmarks[57]
    axes = _axes(np.array([-side * 0.85, 0.55, 0.0]), np.array([side * 0.15, 0.0, 1.0]))
    wrist = lips - axes[1] * 0.105
    wrist[1:] += -0.012, fit.landmarks[30, 2] - lips[2] + 0.016 + 0.1 * worn["distance_m"]
    grip = axes * [[side], [1.0], [1.0]]
    return _hand(wrist, grip, 0.10, 0.5, np.array([side * 0.9, -1.0, 0.0]), _skin(fit))


_MAKERS = (_at_the_ear, _before_the_face, _at_the_chin, _before_the_mouth)
