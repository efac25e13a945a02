"""The part labels: one table, read by models, renderers, the validator and the docs.

Left and right are always the person's. Ids never change meaning; new parts are appended.
"""

from enum import IntEnum


class Part(IntEnum):
    """What a pixel shows. 0 is nothing."""

    BACKGROUND = 0
    FACE = 1
    SCALP = 2
    NECK = 3
    TORSO = 4
    EAR_LEFT = 5
    EAR_RIGHT = 6
    LIPS = 7
    MOUTH_INTERIOR = 8
    TEETH_UPPER = 9
    TEETH_LOWER = 10
    TONGUE = 11
    EYE_LEFT = 12
    EYE_RIGHT = 13
    LASHES = 14
    BROWS = 15
    HAIR = 16
    CLOTHES = 17
    CORNEA = 18
    NOSE = 19
    EYE_SOCKET = 20
    BEARD = 21
    GLASSES = 22
    HAT = 23
    EARRINGS = 24
    HEADPHONES = 25
    HELD_OBJECT = 26


FACIAL_HAIR = (Part.BROWS, Part.LASHES, Part.BEARD)
"""Hides no landmark: it grows on what is marked."""
