"""The true surface of a face, built again from a pair's record: the same head, in the same pose."""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from benchmark.suites.case import Case
from datagen.heads import open_model
from meshes.errors import UserError
from meshes.hair import style_look
from meshes.head import Identity, Pose, Style
from meshes.parts import Part

SKIN = (Part.FACE, Part.NOSE, Part.LIPS, Part.EYE_SOCKET, Part.EYE_LEFT, Part.EYE_RIGHT)
"""Parts that a reconstructed face is compared with: no hair, whatever grows where."""
TOLERANCE_M = 1e-6


@dataclass(frozen=True, eq=False)
class TrueFace:
    """A posed face.

    Attributes:
        vertices: (V, 3) float64 metres, head frame.
        faces: (F, 3) triangles of `SKIN`.
        landmarks: (68, 3) float64 metres, iBUG's.
    """

    vertices: np.ndarray
    faces: np.ndarray
    landmarks: np.ndarray

    @cached_property
    def corners(self) -> cKDTree:
        """Of the triangles, to look for near ones."""
        return cKDTree(self.vertices[np.unique(self.faces)])


class TrueFaceError(UserError):
    """A record that another head comes out of than the pictures were made from; says what to do."""


def true_face(case: Case) -> TrueFace | None:
    """The face of a generated case; None for a photograph.

    Raises:
        TrueFaceError: landmarks are elsewhere than the record has them: its suite was made by another version.
        MeshError: the head model cannot be opened.
    """
    meta = case.truth.meta
    if "person" not in meta or not meta.get("landmarks", {}).get("points_m"):
        return None
    about = {name: meta[name] for name in ("person", "expression", "pose", "style")}
    return _built(json.dumps(about, sort_keys=True), json.dumps(meta["landmarks"]["points_m"]))


@lru_cache(maxsize=8)
def _built(about: str, points_m: str) -> TrueFace:
    """Of the record's text: the pairs of a scene share it."""
    record: dict[str, Any] = json.loads(about)
    person, style = record["person"], record["style"]
    # Hair is left away: it hides no surface from a ruler, and takes the longest to grow.
    bald = Style(look={**style["look"], **style_look("bald")})
    identity = Identity(person["shape"], person["look"])
    head = open_model(person["model"]).head(identity, record["expression"], Pose(**record["pose"]), bald)
    recorded = np.array(json.loads(points_m))
    if head.landmarks.shape != recorded.shape or np.abs(head.landmarks - recorded).max() > TOLERANCE_M:
        raise TrueFaceError(
            f"{person['id']}: expected the head that its pictures were made from, got another; make the suite again."
        )
    skin = np.isin(head.surface.part, [int(part) for part in SKIN])
    return TrueFace(head.surface.vertices, head.surface.faces[skin], head.landmarks[:68])
