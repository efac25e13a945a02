"""Rooms and streets behind a person: three-dimensional worlds drawn from a key, seen by any camera through any lens.

`world_of` makes one and lights it; `look` sees it.
"""

from renderers.plates.making import PLACES, PlacedWorld, world_of
from renderers.plates.view import look

__all__ = ["PLACES", "PlacedWorld", "look", "world_of"]
