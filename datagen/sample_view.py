"""One sample as the page shows it: pictures in `data:` addresses, legends, and a coarse read-out.

Layers that a set lacks are left out; the page then offers no button for them.
"""

import base64
import io
import zlib
from typing import Any

import numpy as np
from PIL import Image

from datagen.flow_color import flow_to_rgb, rim_px, shortened
from datagen.pictures import (
    MASK_CLASSES,
    class_shares,
    depth_range_m,
    depth_to_rgb,
    mask_classes,
    normal_to_rgb,
    palette,
    part_palette,
    pull_back,
)
from datagen.sheet import distance_text
from meshes.errors import UsageError

THUMB_PX = 112
READOUT_PX = 256
"""The read-out grid holds at most this many points a side; a 512 px view is read at every second pixel."""
FLOW_STEP_PX, DEPTH_STEP_M = 1 / 8, 1e-4
"""Rounding of the read-out. For display only: exact values are in the set."""
UNKNOWN_CLASS = len(MASK_CLASSES)
_VIEWS = (("near", "far"), ("far", "near"))
_UNSEEN_RGBA = np.array([[118, 122, 130, 255], [0, 0, 0, 0]], np.uint8)


class ViewError(UsageError):
    """A page that cannot be made; the message says expected, got, next step."""


def card(sample: dict[str, Any]) -> dict[str, Any]:
    """What the strip of samples shows of one.

    Raises:
        ViewError: the set lacks a colour layer.
    """
    if "near_rgb" not in sample or "far_rgb" not in sample:
        raise ViewError("layers: expected near_rgb and far_rgb in the set; generate it again with both.")
    near = distance_text(sample["meta"]["cameras"]["near"])
    return {"key": sample["meta"]["key"], "distance": near, "thumbnail": webp_uri(_thumbnail(sample), 80)}


def sample_view(sample: dict[str, Any]) -> dict[str, Any]:
    """Everything the page shows of one sample, as JSON values; layers that a set lacks are left out."""
    meta = sample["meta"]
    if "near_rgb" not in sample or "far_rgb" not in sample:
        raise ViewError("layers: expected near_rgb and far_rgb in the set, got neither or one; generate them too.")
    scale_px = max(_flow_scale_px(_Layers(sample, a, b)) for a, b in _VIEWS)
    return {
        "key": meta["key"],
        "distance": {a: distance_text(meta["cameras"][a]) for a, _ in _VIEWS},
        "flow_scale_px": scale_px,
        "views": {a: _view(sample, a, b, scale_px) for a, b in _VIEWS},
        "record": meta,
    }


def _thumbnail(sample: dict[str, Any]) -> np.ndarray:
    """Near and far side by side, small."""
    sides = []
    for name in ("near_rgb", "far_rgb"):
        height, width = sample[name].shape[:2]
        size = (round(THUMB_PX * width / height), THUMB_PX)
        sides.append(np.asarray(Image.fromarray(sample[name]).resize(size, Image.Resampling.BOX)))
    return np.concatenate(sides, axis=1)


def _view(sample: dict[str, Any], a: str, b: str, flow_scale_px: float) -> dict[str, Any]:
    """Pictures, legends and read-out of one view; `a` is the view, `b` the other."""
    layers = _Layers(sample, a, b)
    made = {
        "rgb": webp_uri(layers.rgb, 88),
        **_flow_view(layers, flow_scale_px),
        **_mask_view(layers),
        **_geometry_view(layers),
        **_warp_view(layers),
    }
    return {**made, "readout": readout(layers)}


class _Layers:
    """The layers of one view under names that do not say which view it is; None where the set lacks one."""

    def __init__(self, sample: dict[str, Any], a: str, b: str) -> None:
        get = sample.get
        self.rgb: np.ndarray = sample[f"{a}_rgb"]
        self.other_rgb: np.ndarray = sample[f"{b}_rgb"]
        self.surface: np.ndarray | None = get(f"{a}_surface")
        self.inside: np.ndarray | None = get(f"{a}_inside_{b}")
        self.visible: np.ndarray | None = get(f"{a}_visible_in_{b}")
        self.flow: np.ndarray | None = get(f"flow_{a}_to_{b}")
        self.depth_m: np.ndarray | None = get(f"{a}_depth_axis_m")
        self.normal: np.ndarray | None = get(f"{a}_normal")
        self.part: np.ndarray | None = get(f"{a}_part")

    @property
    def seen(self) -> np.ndarray:
        """(H, W) bool: the surface mask, or everything where the set lacks it."""
        return np.ones(self.rgb.shape[:2], bool) if self.surface is None else self.surface

    @property
    def classes(self) -> np.ndarray | None:
        """(H, W) uint8 indices of `MASK_CLASSES`, where all three masks are there."""
        if self.surface is None or self.inside is None or self.visible is None:
            return None
        return mask_classes(self.surface, self.inside, self.visible)

    def readout_planes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth, part and mask class, each (H, W); 0 where lacking, but class `UNKNOWN_CLASS` on a surface."""
        zeros = np.zeros(self.rgb.shape[:2])
        depth_m = zeros if self.depth_m is None else self.depth_m
        part = zeros if self.part is None else self.part
        return depth_m, part, UNKNOWN_CLASS * self.seen if self.classes is None else self.classes


def _flow_scale_px(layers: _Layers) -> float:
    if layers.flow is None:
        return 1.0
    return rim_px(layers.flow, layers.seen if layers.inside is None else layers.inside)


def _flow_view(layers: _Layers, scale_px: float) -> dict[str, Any]:
    if layers.flow is None:
        return {}
    return {"flow": webp_uri(flow_to_rgb(shortened(layers.flow, scale_px), scale_px, layers.seen), 85)}


def _mask_view(layers: _Layers) -> dict[str, Any]:
    if layers.classes is None:
        return {}
    colors = palette([rgb for _, rgb in MASK_CLASSES])
    return {"masks": indexed_uri(layers.classes, colors), "mask_shares": class_shares(layers.classes)}


def _geometry_view(layers: _Layers) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if layers.depth_m is not None:
        range_m = depth_range_m(layers.depth_m, layers.seen)
        made["depth"] = webp_uri(depth_to_rgb(layers.depth_m, layers.seen, range_m), 85)
        made["depth_range_m"] = range_m
    if layers.normal is not None:
        made["normal"] = webp_uri(normal_to_rgb(layers.normal, layers.seen), 85)
    if layers.part is not None:
        made["part"] = indexed_uri(layers.part, part_palette())
        made["parts"] = np.unique(layers.part[layers.seen]).tolist()
    return made


def _warp_view(layers: _Layers) -> dict[str, Any]:
    """The other view pulled back here, and a cover for the pixels that the other view does not see."""
    if layers.flow is None or layers.visible is None:
        return {}
    pulled = pull_back(layers.rgb, layers.other_rgb, layers.flow, layers.visible)
    return {
        "warp": webp_uri(pulled.rgb, 88),
        "cover": _cover_uri(layers.visible),
        "warp_difference": [pulled.difference, pulled.unmoved],
    }


def readout(layers: _Layers) -> dict[str, Any] | None:
    """Flow, depth, part and mask class on a coarse grid, rounded: what the page says of a pixel.

    Four planes of 16-bit integers (dx, dy, depth, part + 256 x class), each value the difference to the one
    before modulo 65536, deflated. None where the set lacks flow.
    """
    if layers.flow is None:
        return None
    stride = -(-max(layers.flow.shape[:2]) // READOUT_PX)
    flow = layers.flow[::stride, ::stride]
    depth_m, part, classes = (plane[::stride, ::stride].astype(float) for plane in layers.readout_planes())
    flow_step_px = max(FLOW_STEP_PX, float(np.abs(flow).max()) / 32767)
    depth_step_m = max(DEPTH_STEP_M, float(depth_m.max()) / 65535)
    dx, dy = flow[..., 0] / flow_step_px, flow[..., 1] / flow_step_px
    planes = np.rint(np.stack([dx, dy, depth_m / depth_step_m, part + 256 * classes])).astype(np.int64)
    steps = np.diff(planes.reshape(4, -1), axis=1, prepend=0) % 65536
    data = zlib.compress(steps.astype("<u2").tobytes(), 9)
    return {
        "stride": stride,
        "rows": flow.shape[0],
        "columns": flow.shape[1],
        "flow_step_px": flow_step_px,
        "depth_step_m": depth_step_m,
        "data": base64.b64encode(data).decode(),
    }


def webp_uri(rgb: np.ndarray, quality: int) -> str:
    """A `data:` address of an (H, W, 3) uint8 picture, lossy."""
    return _uri(Image.fromarray(np.ascontiguousarray(rgb)), "webp", quality=quality, method=4)


def png_uri(rgb: np.ndarray) -> str:
    """A `data:` address of an (H, W, 3) uint8 picture, lossless."""
    return _uri(Image.fromarray(rgb), "png", optimize=True)


def indexed_uri(indices: np.ndarray, colors: np.ndarray) -> str:
    """A `data:` address of (H, W) uint8 indices into (256, 3) uint8 colours, lossless."""
    image = Image.fromarray(indices, "P")
    image.putpalette(colors.tobytes())
    return _uri(image, "png", optimize=True)


def _cover_uri(visible: np.ndarray) -> str:
    image = Image.fromarray(visible.astype(np.uint8), "P")
    image.putpalette(_UNSEEN_RGBA.tobytes(), "RGBA")
    return _uri(image, "png", optimize=True)


def _uri(image: Image.Image, kind: str, **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
