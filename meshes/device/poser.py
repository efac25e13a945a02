"""Poses batches of the embedded people on a device: what `MakeHuman.head` gives, within rounding, as torch tensors.

Which expression, style and clothes a sample has is decided on the host; so are the few numbers of its joints and eyes.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from meshes.arkit import ARKIT, check_expression
from meshes.device.lids import clear_of_eye
from meshes.device.neck import bend, turned
from meshes.device.still import Cloth, Fixed, Still, Tables, cloth, dressed, fixed, still
from meshes.device.strands import followed, joined, on_surface, turns
from meshes.head import PLAIN, Identity, MeshError, Pose, Style
from meshes.makehuman import (
    LIDS_OVERLAP_M,
    MOST_SHUT,
    NOSE_TIP,
    TRAGI,
    expression_weights,
    total_gaze,
    traits,
)
from meshes.makehuman_person import Traits
from meshes.parts import Part
from meshes.skinning import bend as bend_host
from meshes.skinning import rotation
from meshes.wear.wardrobe import from_wardrobe


@dataclass(frozen=True)
class Figure:
    """One head to pose, as `MakeHuman.head` takes it."""

    identity: Identity
    expression: Mapping[str, float]
    pose: Pose
    style: Style = PLAIN


@dataclass(frozen=True, eq=False)
class DeviceHead:
    """A posed head whose points are in a device's memory; the rest as in `meshes.head.Head`.

    Attributes:
        vertices: (V, 3) float64 metres; normals: (V, 3) float32.
        tables: what else labels need of the surface.
        still: the person; clothes: as `Style.clothes`; cloth: the garment, or None.
        landmarks: (L, 3) float64 metres, on the host.
    """

    vertices: torch.Tensor
    normals: torch.Tensor
    tables: Tables
    still: Still
    clothes: Mapping[str, float]
    cloth: Cloth | None
    eye_centres: np.ndarray
    nose_tip: np.ndarray
    head_centre: np.ndarray
    landmarks: np.ndarray
    landmark_face: np.ndarray
    landmark_barycentric: np.ndarray
    skull_rotation: np.ndarray

    @property
    def eye_midpoint(self) -> np.ndarray:
        """(3,) float64 metres, bit for bit the host's."""
        return self.eye_centres.mean(axis=0)


class Poser:
    """Poses on one device, and keeps the people who came last there.

    Args:
        device: as torch names it.
        people: how many to keep; one takes 5 to 10 MB.
        painted: whether somebody will ask how they look, see `meshes.device.looks`.
    """

    def __init__(self, device: str, people: int = 64, *, painted: bool = False):
        self.device = str(torch.zeros(0, device=device).device)  # "cuda" is "cuda:0" to a tensor.
        self.painted = painted
        self._people, self._kept = people, OrderedDict[tuple[Traits, Traits], Still]()

    def __call__(self, figures: Sequence[Figure]) -> list[DeviceHead]:
        """The posed heads, all in one go; their things worn are not on them.

        Raises:
            MeshError: as `MakeHuman.head`, and for what the wardrobe holds.
        """
        for figure in figures:
            check_expression(figure.expression, ARKIT)
            if from_wardrobe(figure.style):
                raise MeshError(
                    f"meshes.device: expected tailored clothes and grown hair, got {figure.style}. Outfits and cards "
                    "are posed on the host: MakeHuman().head(...)."
                )
        who = [self._still(*traits(figure.identity, figure.style)) for figure in figures]
        return _heads(fixed(self.device), figures, who, self.device)

    def _still(self, shape: Traits, look: Traits) -> Still:
        key = (shape, look)
        if key not in self._kept:
            if len(self._kept) >= self._people:
                self._kept.popitem(last=False)
            self._kept[key] = still(shape, look, self.painted, self.device)
        self._kept.move_to_end(key)
        return self._kept[key]


@dataclass(frozen=True, eq=False)
class Joints:
    """The numbers of B poses, decided on the host: weights (B, E) of the targets and (B, 2) of the blinks, angles
    (B, 3) of the neck, eye centres (B, 2, 3) and radii (B, 2) in metres, rotations (B, 3, 3) of the skull and
    (B, 2, 3, 3) of the eyes; float64, numpy or the same as tensors."""

    weights: np.ndarray
    blinks: np.ndarray
    angles: np.ndarray
    centres: np.ndarray
    radii: np.ndarray
    skull: np.ndarray
    turns: np.ndarray


def _joints(on: Fixed, figures: Sequence[Figure], who: Sequence[Still]) -> Joints:
    """Of all figures, by the very functions that pose on the host."""
    rows = [_joints_of(on, figure, person) for figure, person in zip(figures, who, strict=True)]
    return Joints(*(np.stack(column) for column in zip(*rows, strict=True)))


def _joints_of(on: Fixed, figure: Figure, who: Still) -> tuple[np.ndarray, ...]:
    pose, form = figure.pose, who.who
    gaze = total_gaze(on.host, figure.expression, pose)
    added, blinks = expression_weights(on.host, figure.expression, pose.jaw, gaze)
    angles = (pose.yaw, pose.pitch, pose.roll)
    skull = rotation(*angles)
    return (
        np.array([added.get(name, 0.0) for name in on.names]),
        np.array(list(blinks.values())),
        np.array(angles, np.float64),
        bend_host(form.eye_centres, np.ones(2), form.neck, *angles),
        form.eye_radii,
        skull,
        np.stack([skull @ rotation(yaw, pitch) for yaw, pitch in gaze]),
    )


def _heads(on: Fixed, figures: Sequence[Figure], who: Sequence[Still], device: str) -> list[DeviceHead]:
    host = _joints(on, figures, who)
    at = {name: torch.from_numpy(value).to(device) for name, value in vars(host).items()}
    axis = torch.stack([person.axis for person in who])
    base = _expressed(on, torch.stack([person.base for person in who]), at["weights"], at["blinks"])
    skin = on.fine.of(bend(base, on.neck, axis, at["angles"]))
    skin = _cleared(on, skin, at)
    relief = torch.stack([person.relief_m for person in who])
    painted = relief.shape[1]
    raised = skin[:, :painted] + relief * on.smooth.normals(skin)[:, :painted]
    skin = torch.cat([raised, skin[:, painted:]], 1)
    marks = (on.mark_weights[:, :, None] * skin[:, on.marks]).sum(2).cpu().numpy()
    pieces = [[(points, normals)] for points, normals in zip(skin, on.smooth.normals(skin).float(), strict=True)]
    _add_eyes(on, at, pieces)
    _add_bound(who, skin, pieces)
    _add_manes(who, turns(on.levels, axis, at["angles"]), pieces)
    made = []
    for b, (figure, person) in enumerate(zip(figures, who, strict=True)):
        vertices, normals = (torch.cat(column) for column in zip(*pieces[b], strict=True))
        bare = DeviceHead(
            vertices, normals, person.tables, person, figure.style.clothes, None, host.centres[b],
            marks[b, NOSE_TIP], marks[b, TRAGI].mean(axis=0), marks[b], person.tables.landmark_face,
            on.host.landmark_barycentric, host.skull[b],
        )  # fmt: skip
        made.append(_dressed(bare))
    return made


Pieces = list[list[tuple[torch.Tensor, torch.Tensor]]]
"""Points and normals of the pieces of each head, in the order of its surface."""


def _expressed(on: Fixed, base: torch.Tensor, weights: torch.Tensor, blinks: torch.Tensor) -> torch.Tensor:
    """(B, V, 3): `makehuman._expressed` of a batch."""
    base = base + (weights @ on.targets).reshape(base.shape)
    upper, lower = on.lid_pairs[:, 0], on.lid_pairs[:, 1]
    gap = base[:, upper, 1] - base[:, lower, 1]
    eye = torch.arange(2, device=base.device)[:, None]
    closing = on.blinks[eye, lower, 1] - on.blinks[eye, upper, 1]
    shut = ((gap + LIDS_OVERLAP_M) / closing).clamp(0.0, MOST_SHUT).amax(2)
    return base + ((blinks * shut)[:, :, None, None] * on.blinks).sum(1)


def _cleared(on: Fixed, skin: torch.Tensor, at: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The skin with the lids of both eyes off them."""
    skin = skin.clone()
    for side, lid in enumerate(on.lids):
        centre, radius, gaze = at["centres"][:, side], at["radii"][:, side], at["turns"][:, side, :, 2]
        skin[:, lid] = clear_of_eye(skin[:, lid], centre, radius, gaze, on.outline)
    return skin


def _add_eyes(on: Fixed, at: Mapping[str, torch.Tensor], pieces: Pieces) -> None:
    for side in (0, 1):
        R, centre = at["turns"][:, side, None], at["centres"][:, side, None]
        balls = turned(R, at["radii"][:, side, None, None] * on.globe) + centre
        normals = turned(R, on.globe_normals[None]).float()
        for b, piece in enumerate(pieces):
            piece.append((balls[b], normals[b]))


def _add_bound(who: Sequence[Still], skin: torch.Tensor, pieces: Pieces) -> None:
    """Strands tied to the skin: those of equally many points are posed together, over all heads."""
    flat, alike = skin.flatten(0, 1), defaultdict[int, list[tuple[int, int]]](list)
    for b, person in enumerate(who):
        for n, bound in enumerate(person.bound):
            alike[bound.corner.shape[1]].append((b, n))
    found: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
    for places in alike.values():
        bundles = [who[b].bound[n] for b, n in places]
        shifted = [
            replace(one, corner=one.corner + b * skin.shape[1]) for one, (b, _) in zip(bundles, places, strict=True)
        ]
        sizes = [len(one.tilt) for one in bundles]
        posed = (part.split(sizes) for part in on_surface(joined(shifted), flat))
        for place, points, normals in zip(places, *posed, strict=True):
            found[place] = (points.flatten(0, 1), normals.flatten(0, 1))
    for b, n in sorted(found):
        pieces[b].append(found[b, n])


def _add_manes(who: Sequence[Still], levels: tuple[torch.Tensor, torch.Tensor], pieces: Pieces) -> None:
    for b, person in enumerate(who):
        if person.mane is not None:
            pieces[b].append(followed(person.mane, levels[0][b], levels[1][b]))


def _dressed(head: DeviceHead) -> DeviceHead:
    """The head in its tailored garment: `meshes.wear.garment.dress`."""
    if not head.clothes:
        return head
    garment = cloth(int(head.clothes["kind"]), int(head.clothes["seed"]), str(head.vertices.device))
    skin, normal = (a[garment.first].double()[None] for a in (head.vertices, head.normals))
    out = garment.weights.of(normal)
    points = garment.weights.of(skin) + garment.lift_m * out / (out * out).sum(-1, keepdim=True).sqrt()
    normals = garment.smooth.normals(points)[0].float()
    tables = dressed(head.tables, garment, Part.CLOTHES)
    return replace(
        head,
        vertices=torch.cat([head.vertices, points[0]]),
        normals=torch.cat([head.normals, normals]),
        tables=tables,
        cloth=garment,
        landmark_face=tables.landmark_face,
    )
