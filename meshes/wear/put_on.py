"""Puts things on a posed head, whatever model it comes from."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from meshes.head import Head
from meshes.wear.fit import Fit, measure
from meshes.wear.glasses import glasses
from meshes.wear.solids import Solid, joined, moved

_MAKERS: dict[str, Callable[[Fit, Mapping[str, float]], list[Solid]]] = {"glasses": glasses}


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
    solids = [solid for name in sorted(worn) for solid in _MAKERS[name](fit, worn[name])]
    placed = moved(solids, head.skull_rotation, head.eye_midpoint)
    return replace(head, surface=joined(head.surface, placed))
