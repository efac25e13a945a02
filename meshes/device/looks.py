"""How a head posed on a device looks: the colours and materials of `MakeHuman.head`, for pictures."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from meshes.device.poser import DeviceHead
from meshes.device.still import Still, fixed
from meshes.eyelids import shade_eyes
from meshes.head import Head
from meshes.makehuman_person import Person
from meshes.makehuman_template import template
from meshes.surface import Surface
from meshes.wear.garment import dress


def looks(head: DeviceHead) -> Surface:
    """The surface of a head on the host, coloured as it is posed; its points and normals are those at rest."""
    surface = _at_rest(head.still, tuple(sorted(head.clothes.items())))
    return replace(surface, color=_color(head, surface))


def to_host(head: DeviceHead) -> Head:
    """The head with its points brought over and its looks put to them: what `MakeHuman.head` gives."""
    vertices, normals = (column.cpu().numpy() for column in (head.vertices, head.normals))
    return Head(
        replace(looks(head), vertices=vertices, normals=normals), head.eye_centres, head.nose_tip, head.head_centre,
        head.landmark_face, head.landmark_barycentric, head.skull_rotation,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _at_rest(still: Still, clothes: tuple[tuple[str, float], ...]) -> Surface:
    """A person in a garment, unposed: nothing of it but points, normals and the colour of eyes depends on a pose."""
    return dress(still.rest, template().skin, dict(clothes)).surface


def _color(head: DeviceHead, surface: Surface) -> np.ndarray:
    """(V, 3) float32: the eyes lie in the shade of the lids as they are posed."""
    who, on = head.still.who, fixed(str(head.vertices.device))
    if not isinstance(who, Person):
        return surface.color
    skin, ball = len(on.host.point), len(on.globe)
    # Few points are looked at, and brought over in one go.
    balls = torch.arange(skin, skin + 2 * ball, device=head.vertices.device)
    points = head.vertices[torch.cat([balls, *on.lids])].cpu().numpy()
    pieces = np.split(points, np.cumsum([ball, ball, len(on.lids[0])]))
    eyes = [(pieces[side] - centre, pieces[2 + side] - centre) for side, centre in enumerate(head.eye_centres)]
    shaded = shade_eyes(who.color, eyes, head.skull_rotation)
    return np.concatenate([shaded, surface.color[len(shaded) :]])
