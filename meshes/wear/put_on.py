"""Puts things on a posed head, whatever model it comes from."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from meshes.geometry import rotate
from meshes.head import Head
from meshes.parts import Part
from meshes.wear.fit import Fit, measure
from meshes.wear.glasses import glasses
from meshes.wear.hats import Hat, hat, tucked
from meshes.wear.held import held
from meshes.wear.jewels import earrings, headphones
from meshes.wear.solids import Solid, joined, moved, with_faces

_MAKERS: dict[str, Callable[[Fit, Mapping[str, float]], list[Solid]]] = {
    "earrings": earrings,
    "glasses": glasses,
    "headphones": headphones,
    "held": held,
}


def put_on(head: Head, worn: Mapping[str, Mapping[str, float]]) -> Head:
    """The head with the things of `Style.worn` on it, each rigidly fixed to the skull.

    A head without landmarks, such as an unregistered scan, is returned as it is: there is nothing to fit to.

    Args:
        head: posed.
        worn: parameters by name of each thing.
    """
    fit = measure(head) if worn else None
    if fit is None:
        return head
    solids = [solid for name, make in _MAKERS.items() if name in worn for solid in make(fit, worn[name])]
    if "hat" in worn:
        on_top = hat(fit, worn["hat"])
        solids += on_top.solids
        head = _with_hair_tucked(head, on_top)
    placed = moved(solids, head.skull_rotation, head.eye_midpoint)
    return replace(head, surface=joined(head.surface, placed))


def _with_hair_tucked(head: Head, on_top: Hat) -> Head:
    surface, R, origin = head.surface, head.skull_rotation, head.eye_midpoint
    is_hair = surface.part == Part.HAIR
    used = np.zeros(len(surface.vertices), bool)
    used[surface.faces[is_hair]] = True
    hair = np.flatnonzero(used)
    pressed, hidden = tucked(rotate(surface.vertices[hair] - origin, R.T), on_top)
    vertices = surface.vertices.copy()
    vertices[hair] = rotate(pressed, R) + origin
    gone = np.zeros(len(vertices), bool)
    gone[hair[hidden]] = True
    keep = ~(is_hair & gone[surface.faces].any(axis=1))
    return with_faces(replace(head, surface=replace(surface, vertices=vertices)), keep)
