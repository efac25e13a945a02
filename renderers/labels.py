"""The labels of a view and of a pair: all of them point samples at pixel centres, all from the exact core.

Nothing here is random or antialiased; what is stored is cast to its final dtype at the very end.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from meshes.parts import FACIAL_HAIR
from meshes.surface import Material, Surface
from renderers.camera import Camera
from renderers.exact import SEEN, Hits, interpolate, rasterize, see, visibility
from renderers.kernels.points import spread


@dataclass(frozen=True, eq=False)
class ViewLabels:
    """What one camera sees at its pixel centres; every array is 0 without surface.

    Attributes:
        camera: the view.
        hits: triangle ids, barycentrics and float64 depth.
        surface: (H, W) bool, the pixel centre sees a surface.
        normal: (H, W, 3) float32, unit smooth normal in the camera frame, outward.
        uv: (H, W, 2) float32, v upwards.
        part: (H, W) uint8, `meshes.parts.Part`.
        points_head: (N, 3) float64 metres, the seen points of the head, row by row over `surface`.
        face: (N,) int32, the faces they lie on.
    """

    camera: Camera
    hits: Hits
    surface: np.ndarray
    normal: np.ndarray
    uv: np.ndarray
    part: np.ndarray
    points_head: np.ndarray
    face: np.ndarray


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Where what view a sees lies in view b, on a's grid.

    Attributes:
        flow: (H, W, 2) float64 pixels (dx right, dy down), p_b(X) - p_a(X); 0 without surface or behind b.
        inside: (H, W) bool, X projects inside b's frame, in front of b.
        visible: (H, W) bool, X is what b sees there.
    """

    flow: np.ndarray
    inside: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True, eq=False)
class PairLabels:
    """Both directions of a pair."""

    near_to_far: Correspondence
    far_to_near: Correspondence


def view_labels(surface: Surface, camera: Camera, hits: Hits | None = None) -> ViewLabels:
    """Everything one view says; `hits` saves the raster where it is at hand."""
    hits = rasterize(surface, camera) if hits is None else hits
    return ViewLabels(camera, hits, *interpolate(surface, camera, hits))


def pair_labels(surface: Surface, near: ViewLabels, far: ViewLabels) -> PairLabels:
    """Flow and masks both ways."""
    return PairLabels(_correspondence(surface, near, far), _correspondence(surface, far, near))


def _correspondence(surface: Surface, a: ViewLabels, b: ViewLabels) -> Correspondence:
    """Both projections of X round alike, so that equal cameras give a flow of exactly zero."""
    seen_a, seen_b = see(a.camera, a.points_head), see(b.camera, a.points_head)
    code = visibility(surface, b.camera, a.points_head, a.face, seen_b)
    return Correspondence(*spread(a.surface, seen_a, seen_b, code))


def point_visibility(surface: Surface, camera: Camera, points_head: np.ndarray, own_face: np.ndarray) -> np.ndarray:
    """(N,) bool: which of the points (N, 3) on faces (N,) the camera sees; for landmarks.

    Brows, lashes and beards hide none: they grow on what is marked.
    """
    return visibility(_without_facial_hair(surface), camera, points_head, own_face) == SEEN


def _without_facial_hair(surface: Surface) -> Surface:
    """The same faces under the same numbers, those of brows, lashes and beards clear."""
    hairs = np.isin(surface.part, FACIAL_HAIR)
    material = np.where(hairs, len(surface.materials), surface.material).astype(np.uint8)
    return replace(surface, material=material, materials=(*surface.materials, Material("see-through", clear=True)))


class Seen(Protocol):
    """What layers are made of in `ViewLabels`, of one view or of a stack of them."""

    @property
    def hits(self) -> Hits: ...

    @property
    def surface(self) -> Any: ...

    @property
    def normal(self) -> Any: ...

    @property
    def uv(self) -> Any: ...

    @property
    def part(self) -> Any: ...


def to_layers(near: Seen, far: Seen, pair: PairLabels) -> dict[str, np.ndarray]:
    """Every layer of `renderers.layers.LAYERS` but colour and alpha, in its final dtype, in table order."""
    return {**_layers("near", "far", near, pair.near_to_far), **_layers("far", "near", far, pair.far_to_near)}


def _layers(a: str, b: str, view: Seen, to_other: Correspondence) -> dict[str, np.ndarray]:
    return {
        f"{a}_depth_axis_m": view.hits.depth_axis_m.astype(np.float32),
        f"{a}_normal": view.normal,
        f"{a}_uv": view.uv,
        f"{a}_part": view.part,
        f"{a}_surface": view.surface,
        f"{a}_inside_{b}": to_other.inside,
        f"{a}_visible_in_{b}": to_other.visible,
        f"flow_{a}_to_{b}": to_other.flow.astype(np.float32),
        f"{a}_triangle_id": view.hits.triangle_id,
        f"{a}_barycentric": view.hits.barycentric,
    }
