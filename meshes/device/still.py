"""What a device keeps of a head between poses: the template, a person, a garment."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from meshes.device import neck
from meshes.device.lids import outline
from meshes.device.neck import Shares, shares
from meshes.device.strands import Mane, Strands, mane, strands
from meshes.device.sums import Smooth, Sums, smooth, sums
from meshes.eyes import eyeball
from meshes.hair.worn import LEVELS
from meshes.head import Head, Pose
from meshes.makehuman import posed
from meshes.makehuman_person import SIZE, Form, Traits, person
from meshes.makehuman_template import Template, template
from meshes.wear.garment import Garment, tailor


@dataclass(frozen=True, eq=False)
class Tables:
    """What labels need of a surface besides its points, on a device.

    Attributes:
        faces: (F, 3) int32.
        uv: (V, 2) float32.
        part: (F,) uint8.
        label: (F,) bool, `Surface.face_label`.
        bare: (F,) bool, those of them that are no facial hair and may hide a landmark.
        face_solid: (F,) bool, as `Surface.face_solid`; solid: (V,) bool, their vertices.
        uncut: alpha maps, of which no face has one: -1 for each (F,) int32, a table and texels that are not read.
        landmark_face: (L,) int32, on the host, as in `meshes.head.Head`.
    """

    faces: torch.Tensor
    uv: torch.Tensor
    part: torch.Tensor
    label: torch.Tensor
    bare: torch.Tensor
    face_solid: torch.Tensor
    solid: torch.Tensor
    uncut: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    landmark_face: np.ndarray


@dataclass(frozen=True, eq=False)
class Fixed:
    """`meshes.makehuman_template.Template` in a device's memory.

    Attributes:
        host: the template.
        names: expressions by row of `targets`.
        targets: (E, 3 base vertices) float64 metres.
        blinks: (2, base vertices, 3) float64 metres, the targets that shut the left and the right eye.
        lid_pairs: (2, 2, 2) int64: by eye, base vertices of the upper and of the lower edge.
        neck, levels: shares of the base vertices, and of `hair.worn.LEVELS`.
        fine: base to fine vertices.
        smooth: normals of the fine vertices.
        lids: vertices before either eye.
        outline: see `lids.outline`.
        globe, globe_normals: (N, 3) float64 of the unit eyeball.
        marks: (L, 3) int64 corners of the landmarks; mark_weights: (L, 3) float64.
    """

    host: Template
    names: tuple[str, ...]
    targets: torch.Tensor
    blinks: torch.Tensor
    lid_pairs: torch.Tensor
    neck: Shares
    levels: Shares
    fine: Sums
    smooth: Smooth
    lids: tuple[torch.Tensor, ...]
    outline: tuple[torch.Tensor, torch.Tensor]
    globe: torch.Tensor
    globe_normals: torch.Tensor
    marks: torch.Tensor
    mark_weights: torch.Tensor


@lru_cache(maxsize=2)
def fixed(device: str) -> Fixed:
    """The template on a device, as torch names it."""
    host, eye = template(), eyeball()
    names = tuple(name.removeprefix("arkit/") for name in sorted(host.pack.targets) if name.startswith("arkit/"))
    targets = np.stack([_dense(host, name) for name in names])
    blinks = np.stack([targets[names.index(f"eyeBlink{side}")] for side in ("Left", "Right")])

    def move(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return Fixed(
        host=host,
        names=names,
        targets=move(targets.reshape(len(names), -1)),
        blinks=move(blinks),
        lid_pairs=move(np.array(host.lid_pairs, np.int64)),
        neck=shares(host.pack.neck_bend, device),
        levels=shares(np.arange(LEVELS + 1) / LEVELS, device),
        fine=sums(host.operator, device),
        smooth=smooth(host.faces, host.point, device),
        lids=tuple(move(lid) for lid in host.lids),
        outline=outline(device),
        globe=move(eye.vertices),
        globe_normals=move(eye.normals.astype(np.float64)),
        marks=move(host.faces[host.landmark_face].astype(np.int64)),
        mark_weights=move(host.landmark_barycentric),
    )


def _dense(host: Template, name: str) -> np.ndarray:
    index, offsets = host.pack.targets[f"arkit/{name}"]
    moved = np.zeros_like(host.pack.vertices)
    moved[index] = SIZE * offsets
    return moved


@dataclass(frozen=True, eq=False)
class Still:
    """One person in a device's memory.

    Attributes:
        who: the person or, where no colours are wanted, the form.
        rest: on the host, unposed and without clothes: what no pose changes is in its surface.
        tables: the same for labels.
        base: (base vertices, 3) float64 metres.
        axis: (STEPS + 1, 3), see `neck.axis`.
        relief_m: (skin vertices, 1) float64.
        bound: what is tied to the skin, in order; mane: what turns with the skull.
    """

    who: Form
    rest: Head
    tables: Tables
    base: torch.Tensor
    axis: torch.Tensor
    relief_m: torch.Tensor
    bound: tuple[Strands, ...]
    mane: Mane | None


def still(shape: Traits, look: Traits, painted: bool, device: str) -> Still:
    """The person of these traits; `painted` where pictures will be taken as well.

    Raises:
        MeshError: as `makehuman_person.person`.
    """
    who = person(shape, look, painted)
    rest = posed(who, {}, Pose())
    return Still(
        who=who,
        rest=rest,
        tables=_tables(rest, device),
        base=torch.from_numpy(who.base).to(device),
        axis=neck.axis(who.neck, device),
        relief_m=torch.from_numpy(who.relief_m[:, None]).to(device),
        bound=tuple(strands(hairs, device) for hairs, _ in who.hair.bound),
        mane=mane(who.hair, device),
    )


def _tables(head: Head, device: str) -> Tables:
    surface = head.surface
    kinds = (surface.face_label, surface.face_bare, surface.face_solid, surface.vertex_solid)
    columns = (surface.faces, surface.uv, surface.part, *kinds)
    faces, uv, part, label, bare, *solid = (torch.from_numpy(np.ascontiguousarray(c)).to(device) for c in columns)
    return Tables(faces, uv, part, label, bare, solid[0], solid[1], _uncut(faces), head.landmark_face)


def _vertices_of(faces: torch.Tensor, chosen: torch.Tensor, count: int) -> torch.Tensor:
    """(count,) bool: vertices of the faces (F, 3) of which (F,) bool are chosen."""
    marks = torch.zeros(count, dtype=torch.uint8, device=faces.device)
    corners = chosen.to(torch.uint8)[:, None].expand(-1, 3).flatten()
    return marks.scatter_reduce(0, faces.flatten().long(), corners, "amax").bool()


def _uncut(faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    none = torch.full((len(faces),), -1, dtype=torch.int32, device=faces.device)
    # One row that nobody reads: libraries disagree about where a tensor of no elements lies.
    return none, faces.new_zeros((1, 3), dtype=torch.int64), faces.new_zeros(1, dtype=torch.uint8)


@dataclass(frozen=True, eq=False)
class Cloth:
    """A garment in a device's memory; see `meshes.wear.garment.Garment`.

    Attributes:
        host: the garment.
        first: (skin points,) int64.
        weights: skin points to points of cloth.
        lift_m: (N, 1) float64.
        smooth: its normals.
        kept: (K,) int64, the skin's faces that it leaves; number: (skin faces,) int32 on the host, theirs among these.
    """

    host: Garment
    first: torch.Tensor
    weights: Sums
    lift_m: torch.Tensor
    smooth: Smooth
    faces: torch.Tensor
    uv: torch.Tensor
    kept: torch.Tensor
    number: np.ndarray


@lru_cache(maxsize=64)
def cloth(kind: int, seed: int, device: str) -> Cloth:
    """A garment tailored to the embedded head, on a device."""
    host = tailor(template().skin, kind, seed)

    def move(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return Cloth(
        host=host,
        first=move(host.first),
        weights=sums(host.weights, device),
        lift_m=move(host.lift_m[:, None]),
        smooth=smooth(host.faces, host.twin, device),
        faces=move(host.faces),
        uv=move(host.uv),
        kept=move(np.flatnonzero(~host.covered)),
        number=(np.cumsum(~host.covered) - 1).astype(np.int32),
    )


@lru_cache(maxsize=64)
def dressed(tables: Tables, cloth_on: Cloth, part: int) -> Tables:
    """The tables of a person in a garment: its covered faces left out, the cloth at the end."""
    covered, fresh = len(cloth_on.host.covered), len(cloth_on.faces)

    def kept(column: torch.Tensor, cloth: torch.Tensor) -> torch.Tensor:
        return torch.cat([column[cloth_on.kept], column[covered:], cloth])

    faces, uv = kept(tables.faces, cloth_on.faces + len(tables.uv)), torch.cat([tables.uv, cloth_on.uv])
    face_solid = kept(tables.face_solid, tables.face_solid.new_ones(fresh))
    return Tables(
        faces=faces,
        uv=uv,
        part=kept(tables.part, tables.part.new_full((fresh,), part)),
        label=kept(tables.label, tables.label.new_ones(fresh)),
        bare=kept(tables.bare, tables.bare.new_ones(fresh)),
        face_solid=face_solid,
        solid=_vertices_of(faces, face_solid, len(uv)),
        uncut=_uncut(faces),
        landmark_face=cloth_on.number[tables.landmark_face],
    )
