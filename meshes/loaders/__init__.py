"""Head models under licences of their own, read from the user's files: FLAME, Basel, GNM, FaceScape, VRML scans.

Each reader checks a file before it trusts it and gives a `LinearModel`; `LinearHead` makes people of any of them.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshes.loaders.linear import LinearModel

LICENSED = ("flame", "bfm", "gnm", "facescape")
"""Kinds of model, as recipes name them."""


def read_model(kind: str, path: Path) -> "LinearModel":
    """The model of a kind in LICENSED, from the user's file or folder (docs/models.md).

    Raises:
        MeshError: missing, damaged, or not a model of that kind.
    """
    return getattr(import_module(f"meshes.loaders.{kind}"), f"read_{kind}")(path)
