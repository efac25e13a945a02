"""What every head model promises: a posed mesh from (identity, expression, pose).

Head frame: right-handed, origin at the midpoint of the two eyeball centres of the neutral head,
+X to the person's left, +Y up, +Z out of the face; metres and radians.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from meshes.errors import UserError
from meshes.surface import Surface


class MeshError(UserError):
    """A mesh, scan or asset that cannot be used; the message says expected, got, next step."""


@dataclass(frozen=True)
class Asset:
    """Where data came from and what its licence asks for.

    Attributes:
        id: stable name, recorded with every sample.
        licence: SPDX expression ("CC0-1.0", "MIT", "CC-BY-3.0") or "LicenseRef-user" for a user's own data.
        credit: the line that must travel with renders; empty where none is asked for.
        source: where it was taken from.
        sha256: of the file it was read from, hexadecimal; empty where it is no single file.
    """

    id: str
    licence: str
    credit: str = ""
    source: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Identity:
    """Who: everything that stays fixed over one person's samples. Plain numbers and strings, printable as JSON.

    Attributes:
        shape: model-specific shape coefficients by name (zero ones may be left out).
        look: appearance parameters by name (skin tone, iris colour, hair colour ...).
    """

    shape: Mapping[str, float] = field(default_factory=dict)
    look: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Pose:
    """Joint angles in radians, right-hand rule about the head axes.

    The skull turns about the neck by R = Ry(yaw) @ Rx(pitch) @ Rz(roll): yaw > 0 turns the face to the person's
    left, pitch > 0 looks down, roll > 0 tips the crown to the person's right (+Y towards -X).
    Gaze angles turn each eyeball about its centre, relative to the skull, by Ry(yaw) @ Rx(pitch).

    Attributes:
        yaw, pitch, roll: of the skull about the neck.
        jaw: opening of the jaw about its hinge, >= 0; adds to `jawOpen` of the expression.
        gaze_left, gaze_right: (yaw, pitch) of the person's left and right eye.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    jaw: float = 0.0
    gaze_left: tuple[float, float] = (0.0, 0.0)
    gaze_right: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Style:
    """What may change between two pictures of one person: hair style, clothes, things worn. Printable as JSON.

    Attributes:
        look: replaces numbers of `Identity.look` (a hair style, make-up); never shape, skin or eyes.
        clothes: parameters of the garment by name; empty for what the model wears by itself.
        worn: parameters by name of each thing worn or held ("glasses", "hat", "earrings", "headphones", "held").
    """

    look: Mapping[str, float] = field(default_factory=dict)
    clothes: Mapping[str, float] = field(default_factory=dict)
    worn: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


PLAIN = Style()
"""The style that changes nothing."""


@dataclass(frozen=True, eq=False)
class Head:
    """A posed head.

    Attributes:
        surface: the triangles.
        eye_centres: (2, 3) float64, posed eyeball centres, person's left then right; metres, head frame.
        nose_tip, head_centre: (3,) float64, posed; the head centre is midway between the ears.
        landmark_face: (L,) int32, the face each landmark lies on; L = 76: the 68 of iBUG (0-16 jaw from the
            person's right ...), then per ear, left first: helix top, helix back, lobe, tragus. L = 0 where unknown.
        landmark_barycentric: (L, 3) float64.
        skull_rotation: (3, 3) float64, neutral to posed skull.
    """

    surface: Surface
    eye_centres: np.ndarray
    nose_tip: np.ndarray
    head_centre: np.ndarray
    landmark_face: np.ndarray
    landmark_barycentric: np.ndarray
    skull_rotation: np.ndarray

    @property
    def eye_midpoint(self) -> np.ndarray:
        """(3,) float64 metres: midpoint of the posed eyeball centres, the anchor of every camera."""
        return self.eye_centres.mean(axis=0)

    @property
    def landmarks(self) -> np.ndarray:
        """(L, 3) float64 metres: landmark positions on the posed surface."""
        corners = self.surface.vertices[self.surface.faces[self.landmark_face]]
        return np.einsum("lk,lkd->ld", self.landmark_barycentric, corners)


class Marked(Protocol):
    """A posed head by its marks alone, wherever its surface is kept; see `Head`."""

    @property
    def eye_midpoint(self) -> np.ndarray: ...

    @property
    def nose_tip(self) -> np.ndarray: ...

    @property
    def head_centre(self) -> np.ndarray: ...

    @property
    def landmarks(self) -> np.ndarray: ...

    @property
    def landmark_face(self) -> np.ndarray: ...

    @property
    def landmark_barycentric(self) -> np.ndarray: ...


class HeadModel(Protocol):
    """A source of people. Pure: equal arguments give equal bytes, in any process and any order.

    Attributes:
        name: short name recorded with every sample ("makehuman", "ict", "scan").
        assets: what it is made of: everything that any of its people may need.
        expressions: the expression names it understands (ARKit names; empty for a static scan).

    A model whose people are made of different assets (skin from one source, hair from another) also offers
    `assets_of(identity: Identity, style: Style) -> tuple[Asset, ...]`, a part of `assets`: what that very person,
    styled so, is made of. A sample's record then lists just these. A model that grows hair and tailors clothes says
    `tailored = True`: plans then draw `Style.look` and `Style.clothes` for it.
    """

    @property
    def name(self) -> str: ...

    @property
    def assets(self) -> tuple[Asset, ...]: ...

    @property
    def expressions(self) -> tuple[str, ...]: ...

    def sample_identity(self, rng: np.random.Generator) -> Identity:
        """A new person drawn from `rng`."""
        ...

    def head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """The posed head. Expression weights are in [0, 1] by ARKit name; unknown names raise MeshError.

        A model leaves out what it cannot do of a style: a static scan keeps its own hair and clothes.
        """
        ...


@runtime_checkable
class FormModel(Protocol):
    """A head model that can leave the colours out, which labels do not need and which take long for a new person."""

    def form_head(self, identity: Identity, expression: Mapping[str, float], pose: Pose, style: Style = PLAIN) -> Head:
        """`HeadModel.head` with the same points, faces, parts and material names, without colours and textures."""
        ...


@runtime_checkable
class OwnExpressions(Protocol):
    """A head model whose expressions are not all ARKit's: it draws them itself, and says whether its eyes turn.

    Attributes:
        moves_eyes: whether `Pose.gaze_left` and `Pose.gaze_right` do anything.
    """

    @property
    def moves_eyes(self) -> bool: ...

    def sample_expression(self, rng: np.random.Generator, strength: float) -> dict[str, float]:
        """Weights by the model's own names, drawn from `rng`; strength 0 is neutral, 1 extreme."""
        ...
