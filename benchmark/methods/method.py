"""What a method of portrait undistortion is: it is shown a question and gives an answer.

A method says beforehand what it looks at; everything else is taken out of the question before it gets it.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from meshes.errors import UserError

Sight = Literal["near", "distance", "camera", "landmarks", "far", "flow"]
"""What a method may look at: the near portrait (always), its true distance, its true intrinsics, its true landmarks,
the far portrait that it should make, the true flow."""

SIGHTS: tuple[Sight, ...] = get_args(Sight)

_FIELDS: dict[str, Sight] = {
    "distance_m": "distance",
    "K": "camera",
    "landmarks_px": "landmarks",
    "landmarks_seen": "landmarks",
    "far_rgb": "far",
    "far_alpha": "far",
    "flow": "flow",
    "surface": "flow",
}
"""Fields of a question that only those see who said so."""


class MethodError(UserError):
    """A method that cannot be used: unknown, not installed, or not a method; says expected, got, next step."""


@dataclass(frozen=True, eq=False)
class Question:
    """One portrait as a method may see it; what it has not declared to see is None.

    Attributes:
        id: stable, fit for a file name, unique within a suite.
        near_rgb: (H, W, 3) uint8 sRGB, black where the mask is 0.
        near_alpha: (H, W) uint8, coverage by the person.
        eye_px: (2,) float64, the midpoint of the eyes: the alignment that every method gets. It keeps its place.
        far_m: the distance from which the portrait should seem to be taken, metres.
        distance_m: true distance of the near camera to the eye midpoint; seen with "distance".
        K: (3, 3) float64 intrinsics of the near camera, pixels; seen with "camera".
        landmarks_px, landmarks_seen: (L, 2) float64 pixels and (L,) bool; seen with "landmarks".
        far_rgb, far_alpha: the true portrait from `far_m`, as the near one; seen with "far".
        flow, surface: (H, W, 2) float32 pixels, near to far, and (H, W) bool, where it is; seen with "flow".
    """

    id: str
    near_rgb: np.ndarray
    near_alpha: np.ndarray
    eye_px: np.ndarray
    far_m: float
    distance_m: float | None = None
    K: np.ndarray | None = None
    landmarks_px: np.ndarray | None = None
    landmarks_seen: np.ndarray | None = None
    far_rgb: np.ndarray | None = None
    far_alpha: np.ndarray | None = None
    flow: np.ndarray | None = None
    surface: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says; None where it says nothing, which is not measured and never wrong.

    Attributes:
        rgb: (H, W, 3) uint8 sRGB, the portrait from `far_m`, of the question's size and with its eye midpoint.
        flow: (H, W, 2) float32 pixels on the near grid: dx right, dy down, to where the far camera sees the point.
        distance_m: of the near camera to the eye midpoint, metres.
        points_m: (V, 3) float64, a reconstructed face surface, in any similarity frame.
    """

    rgb: np.ndarray | None = None
    flow: np.ndarray | None = None
    distance_m: float | None = None
    points_m: np.ndarray | None = None


class Method(Protocol):
    """Answers questions one at a time, each by itself.

    Attributes:
        name: unique, lower case with dashes.
        sees: what it looks at; "near" always.
    """

    @property
    def name(self) -> str:
        """An attribute of the class will do."""
        ...

    @property
    def sees(self) -> frozenset[Sight]:
        """So will it here."""
        ...

    def __call__(self, question: Question) -> Answer:
        """The answer; whatever it raises is scored as a failure."""
        ...


def shown(question: Question, sees: frozenset[Sight]) -> Question:
    """The question without what a method has not declared to look at.

    Arrays are copies: a method that writes into its question changes nobody else's.
    """
    hidden = {name for name, sight in _FIELDS.items() if sight not in sees}
    values: dict[str, Any] = {
        name: None if name in hidden else value.copy() if isinstance(value, np.ndarray) else value
        for name, value in vars(question).items()
    }
    return Question(**values)


def missing(question: Question, sees: frozenset[Sight]) -> list[Sight]:
    """What a method would look at and nobody knows of this question: it cannot be asked."""
    absent = {sight for name, sight in _FIELDS.items() if getattr(question, name) is None}
    return [sight for sight in SIGHTS if sight in absent & sees]
