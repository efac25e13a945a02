"""Hair for batches: strands bound to posed skin (`meshes.hair.bound`) and ribbons that turn with the skull."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from meshes.device.neck import Shares, bend, rotation, turned
from meshes.hair.bound import ROOT, SMOOTH, Bound
from meshes.hair.ribbons import TAPER
from meshes.hair.worn import Grown


@dataclass(frozen=True, eq=False)
class Strands:
    """N bound strands of S points on a device; the fields of `meshes.hair.bound.Bound` that pose them."""

    corner: torch.Tensor
    weight: torch.Tensor
    offset_m: torch.Tensor
    stretch: torch.Tensor
    half_width_m: torch.Tensor
    tilt: torch.Tensor


def strands(bound: Bound, device: str) -> Strands:
    """Bound strands in a device's memory."""
    return Strands(*(torch.from_numpy(getattr(bound, f.name)).to(device) for f in fields(Strands)))


def joined(several: Sequence[Strands]) -> Strands:
    """Strands of equally many points as one bundle."""
    return Strands(*(torch.cat([getattr(one, f.name) for one in several]) for f in fields(Strands)))


def on_surface(bound: Strands, vertices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (N, 2 S - 1, 3) float64 and normals float32 of the ribbons of strands on posed (V, 3) vertices."""
    a, b, c = (vertices[bound.corner[..., k]] for k in range(3))
    point = bound.weight[..., :1] * a + bound.weight[..., 1:2] * b + bound.weight[..., 2:] * c
    along, normal = _unit(b - a), _unit(torch.linalg.cross(b - a, c - a))
    frame = torch.stack([along, torch.linalg.cross(normal, along), normal], -2)
    path = point + (bound.offset_m[..., None] * frame).sum(-2)
    path = path[:, :1] + bound.stretch[:, None, None] * (path - path[:, :1])
    return strips(path, normal, bound.half_width_m, bound.tilt)


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / (vectors * vectors).sum(-1, keepdim=True).sqrt().clamp_min(1e-12)


def strips(
    path: torch.Tensor, outward: torch.Tensor, half_m: torch.Tensor, tilt: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`meshes.hair.ribbons.strips` with `ROOT`, `SMOOTH` and `TAPER`, strand beside strand."""
    last = path.shape[1] - 1
    along = _unit(torch.cat([path[:, 1:], path[:, -1:]], 1) - torch.cat([path[:, :1], path[:, :-1]], 1))
    facing = _facings(outward, along)
    side = torch.linalg.cross(along, facing)
    cos, sin = tilt.cos()[:, None, None], tilt.sin()[:, None, None]
    across, normal = cos * side + sin * facing, cos * facing - sin * side
    t = torch.arange(last + 1, dtype=path.dtype, device=path.device) / last
    half = half_m[:, None] * (ROOT + (1.0 - ROOT) * 5.0 * t).clamp_max(1.0) * (TAPER * (1.0 - t)).clamp_max(1.0)
    edge = path.new_tensor([-1.0, 1.0]).expand(last + 1, 2).clone()
    edge[last] = 0.0  # The tip is one vertex, in the middle.
    edge = edge[..., None]
    vertices = path[:, :, None] + edge * (half[..., None] * across)[:, :, None]
    normals = _unit(normal[:, :, None] + 0.7 * edge * across[:, :, None] + SMOOTH * outward[:, :, None])
    return vertices.flatten(1, 2)[:, :-1], normals.flatten(1, 2)[:, :-1].float()


def _facings(outward: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """(N, S, 3): the facing of strips, carried from point to point and drawn towards `outward`."""
    facing, found = outward[:, 0], []
    for k in range(outward.shape[1]):
        d = along[:, k]
        facing = facing + 0.5 * outward[:, k]
        facing = facing - (facing * d).sum(-1, keepdim=True) * d
        x, y, z = d.unbind(-1)
        any_side = torch.stack([0.6 * y - 0.3 * z, 0.7 * z - 0.6 * x, 0.3 * x - 0.7 * y], -1)
        short = (facing * facing).sum(-1, keepdim=True) < 0.0025
        facing = _unit(torch.where(short, any_side, facing))
        found.append(facing)
    return torch.stack(found, 1)


@dataclass(frozen=True, eq=False)
class Mane:
    """Hair of one head on a device, unposed.

    Attributes:
        vertices: (V, 3) float64; normals: (V, 3) float32; level: (V,) int64, as `meshes.hair.worn.Grown`.
    """

    vertices: torch.Tensor
    normals: torch.Tensor
    level: torch.Tensor


def mane(hair: Grown, device: str) -> Mane | None:
    """The ribbons of a head in a device's memory; None for a bald one."""
    if hair.ribbons is None:
        return None
    columns = (hair.ribbons.vertices, hair.ribbons.normals, hair.level)
    return Mane(*(torch.from_numpy(column).to(device) for column in columns))


def turns(levels: Shares, rest: torch.Tensor, angles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """R (B, L, 3, 3) and shift (B, L, 3) of every level of the skull's rotation; see `neck.bend` for the rest."""
    origin = rest.new_zeros(len(rest), len(levels.share), 3)
    return rotation(levels.share[:, None] * angles[:, None]), bend(origin, levels, rest, angles)


def followed(hair: Mane, R: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Posed vertices and normals of one head's hair, from its (L, 3, 3) rotations and (L, 3) shifts by level."""
    own = R[hair.level]
    return turned(own, hair.vertices) + shift[hair.level], turned(own.float(), hair.normals)
