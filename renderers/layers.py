"""The one table of layers: writer, reader, validator and docs all read it.

A layer named `near_*` has a twin `far_*`; `{a}` and `{b}` in a template stand for the view and the other view.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One stored array of a sample.

    Attributes:
        name: key in a sample and middle part of the file name.
        dtype: numpy name.
        channels: 0 for (H, W), else the last axis of (H, W, channels).
        unit: of the numbers.
        frame: coordinate frame or grid the numbers live in.
        meaning: one sentence.
        codec: name of the codec in datagen/codecs.py that stores it.
        default: written unless a recipe leaves it out; the others are written on request.
    """

    name: str
    dtype: str
    channels: int
    unit: str
    frame: str
    meaning: str
    codec: str
    default: bool = True

    def shape(self, height: int, width: int) -> tuple[int, ...]:
        """Array shape for an image size."""
        return (height, width, self.channels) if self.channels else (height, width)


# fmt: off
_PER_VIEW = (
    # name, dtype, channels, unit, frame, meaning, codec, stored by default
    ("{a}_rgb", "uint8", 3, "sRGB", "{a} image",
     "colour, box-filtered", "png", True),
    ("{a}_alpha", "uint8", 0, "1/255", "{a} image",
     "coverage of the pixel by the person; the only antialiased label", "png", True),
    ("{a}_depth_axis_m", "float32", 0, "m", "{a} camera, along +Z",
     "depth at the pixel centre; 0 without surface", "float", True),
    ("{a}_normal", "float32", 3, "1", "{a} camera",
     "unit smooth normal, outward; 0 without surface", "unit", True),
    ("{a}_uv", "float32", 2, "1", "texture, v upwards",
     "texture coordinates; 0 without surface", "float", True),
    ("{a}_part", "uint8", 0, "id", "meshes.parts.Part",
     "what the pixel shows; 0 without surface", "png", True),
    ("{a}_surface", "bool", 0, "", "{a} image",
     "the pixel centre sees a surface", "mask", True),
    ("{a}_inside_{b}", "bool", 0, "", "{a} image",
     "its surface point projects inside the {b} frame, in front of the camera", "mask", True),
    ("{a}_visible_in_{b}", "bool", 0, "", "{a} image",
     "its surface point is what the {b} camera sees there: nothing nearer on that ray", "mask", True),
    ("flow_{a}_to_{b}", "float32", 2, "px (dx right, dy down)", "{a} grid",
     "p_{b}(X) - p_{a}(X); 0 without surface", "float", True),
    ("{a}_triangle_id", "int32", 0, "id", "scene faces",
     "the face seen at the pixel centre; -1 without surface", "int", False),
    ("{a}_barycentric", "float64", 3, "1", "that face",
     "perspective-correct weights of its corners; 0 without surface", "float", False),
)
# fmt: on


def _expand() -> dict[str, Layer]:
    layers = {}
    for a, b in (("near", "far"), ("far", "near")):
        for name, dtype, channels, unit, frame, meaning, codec, default in _PER_VIEW:
            name, frame, meaning = (text.format(a=a, b=b) for text in (name, frame, meaning))
            layers[name] = Layer(name, dtype, channels, unit, frame, meaning, codec, default)
    return layers


LAYERS: dict[str, Layer] = _expand()
"""Every layer by name, in storage order."""

DEFAULT_LAYERS: tuple[str, ...] = tuple(name for name, layer in LAYERS.items() if layer.default)

PICTURED = frozenset(f"{view}_{what}" for view in ("near", "far") for what in ("rgb", "alpha"))
"""Layers that come from pictures; all others are labels, and need none."""
