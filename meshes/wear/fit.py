"""What is measured on a head before something is put on it, all in the skull's own frame.

Skull frame: the head frame turned back by the skull's rotation about the eye midpoint, so that whatever is fixed to
the skull has the same numbers in every pose.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from meshes.geometry import rotate
from meshes.head import Head
from meshes.parts import Part

_SKULL_PARTS = (Part.FACE, Part.SCALP, Part.NOSE, Part.LIPS)
_EARS = (Part.EAR_LEFT, Part.EAR_RIGHT)
_DOME_CENTRE_M = np.array([0.0, 0.022, -0.082])
"""About the middle of the brain case; the skull is star-shaped seen from here."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A head in the skull frame.

    Attributes:
        landmarks: (76, 3) float64 metres.
        skin: (N, 3) float64 metres, vertices of face, nose, lips and scalp.
        ears: two (M, 3) arrays, left then right.
        skin_colour: (3,) float64 linear albedo of the cheeks.
    """

    landmarks: np.ndarray
    skin: np.ndarray
    ears: tuple[np.ndarray, np.ndarray]
    skin_colour: np.ndarray

    @cached_property
    def _front(self) -> tuple[cKDTree, np.ndarray]:
        front = self.skin[(self.skin[:, 2] > -0.045) & (np.abs(self.skin[:, 1]) < 0.055)]
        return _tree(front[:, :2]), front[:, 2]

    @cached_property
    def _side(self) -> tuple[cKDTree, np.ndarray]:
        side = self.skin[(self.skin[:, 2] < 0.015) & (np.abs(self.skin[:, 0]) > 0.040)]
        return _tree(np.column_stack([np.sign(side[:, 0]), side[:, 1:]])), side[:, 0]

    @cached_property
    def _directions(self) -> tuple[cKDTree, np.ndarray]:
        upper = (self.skin[:, 1] > 0.015) | ((self.skin[:, 2] < -0.030) & (self.skin[:, 1] > -0.080))
        away = self.skin[upper] - _DOME_CENTRE_M
        reach = np.sqrt(np.square(away).sum(axis=1))
        return _tree(away / reach[:, None]), reach

    def face_z(self, points: np.ndarray) -> np.ndarray:
        """(N,) metres: how far forward the face comes around (x, y) of (N, 2) points."""
        tree, z = self._front
        return z[tree.query(points, k=5)[1]].max(axis=1)

    def half_width(self, points: np.ndarray, side: float) -> np.ndarray:
        """(N,) metres: how far the skull, ears aside, comes out at (y, z) of (N, 2) points; side is +1 left, -1."""
        tree, x = self._side
        return np.abs(x[tree.query(np.column_stack([np.full(len(points), side), points]), k=4)[1]]).max(axis=1)

    def dome(self, directions: np.ndarray) -> np.ndarray:
        """(...,) metres from `dome_centre` along unit directions (..., 3) to clear of the skull."""
        tree, reach = self._directions
        return reach[tree.query(directions, k=7)[1]].max(axis=-1)

    @property
    def dome_centre(self) -> np.ndarray:
        """(3,) metres: the middle of the brain case."""
        return _DOME_CENTRE_M

    def ear(self, side: float, name: int) -> np.ndarray:
        """(3,) metres: ear point 0 helix top, 1 helix back, 2 lobe, 3 tragus; side +1 is the left ear."""
        return self.landmarks[(68 if side > 0 else 72) + name]


def _tree(points: np.ndarray) -> cKDTree:
    return cKDTree(points, compact_nodes=False, balanced_tree=False)  # Built in half the time, asked only once.


def measure(head: Head) -> Fit | None:
    """The measures of a head, or None where it has no landmarks, as an unregistered scan."""
    if len(head.landmark_face) < 76:
        return None
    surface, back = head.surface, head.skull_rotation.T

    def at_rest(points: np.ndarray) -> np.ndarray:
        return rotate(points - head.eye_midpoint, back)

    def of(*parts: Part) -> np.ndarray:
        used = np.zeros(len(surface.vertices), bool)
        used[surface.faces[np.isin(surface.part, parts)]] = True
        return at_rest(surface.vertices[used])

    left, right = (of(part) for part in _EARS)
    return Fit(at_rest(head.landmarks), of(*_SKULL_PARTS), (left, right), _cheek_colour(head))


def _cheek_colour(head: Head) -> np.ndarray:
    """(3,) float64 linear albedo where jaw and nose landmarks lie, vertex colour times texture."""
    marks = np.array([2, 3, 13, 14, 30])
    face, weight = head.landmark_face[marks], head.landmark_barycentric[marks]
    surface = head.surface
    colour, uv = (np.einsum("lk,lkd->ld", weight, a[surface.faces[face]]) for a in (surface.color, surface.uv))
    for n, f in enumerate(face):
        texture = surface.materials[surface.material[f]].texture
        if texture is not None:
            height, width = texture.shape[:2]
            row = int(np.clip((1 - uv[n, 1]) * height, 0, height - 1))
            column = int(np.clip(uv[n, 0] * width, 0, width - 1))
            colour[n] *= (texture[row, column] / 255.0) ** 2.2
    return np.median(colour, axis=0)
