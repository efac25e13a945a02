"""Files that scenes are made of, as bytes: meshes, maps and Mitsuba's XML. Equal input gives equal bytes."""

import io
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from meshes.surface import Surface

Description = dict[str, Any]
"""What `mitsuba.load_dict` takes; file names in it are relative, and (4, 4) arrays are transforms."""

_TAGS = {
    "path": "integrator", "perspective": "sensor", "orthographic": "sensor", "hdrfilm": "film", "box": "rfilter",
    "independent": "sampler", "ply": "shape", "bsplinecurve": "shape", "envmap": "emitter", "bitmap": "texture",
    "mesh_attribute": "texture",
}  # fmt: skip
"""The element of each plugin; all others are `bsdf`."""


def ply_bytes(surface: Surface, faces: np.ndarray) -> bytes:
    """Some faces as binary PLY: float32 positions, normals, s and t (t downwards), and linear vertex colours."""
    used, local = np.unique(surface.faces[faces], return_inverse=True)
    uv = surface.uv[used] * [1.0, -1.0] + [0.0, 1.0]
    columns = (surface.vertices[used], surface.normals[used], uv, surface.color[used])
    names = ("x", "y", "z", "nx", "ny", "nz", "s", "t", "color_0", "color_1", "color_2")
    rows = np.zeros(len(faces), [("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, local.reshape(-1, 3)
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(used)}",
        *(f"property float {name}" for name in names),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    return "\n".join([*header, ""]).encode() + np.concatenate(columns, axis=1).astype("<f4").tobytes() + rows.tobytes()


def png_bytes(pixels: np.ndarray) -> bytes:
    """(h, w, 3) uint8 as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def pfm_bytes(pixels: np.ndarray) -> bytes:
    """(h, w), (h, w, 1) or (h, w, 3) float32 as a portable float map, the last row first."""
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    header = f"{'PF' if colour else 'Pf'}\n{pixels.shape[1]} {pixels.shape[0]}\n-1.0\n"
    return header.encode() + np.ascontiguousarray(pixels[::-1], "<f4").tobytes()


def scene_xml(description: Description, note: Mapping[str, str]) -> bytes:
    """A description as Mitsuba's XML, with a comment of names and values at its head."""
    root = ElementTree.Element("scene", version="3.0.0")
    for key, value in note.items():
        root.append(ElementTree.Comment(f" {key}: {value.replace('--', '- -')} "))
    for name, child in description.items():
        if name != "type":
            _append(root, name, child)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _append(parent: ElementTree.Element, name: str, value: Any) -> None:
    if isinstance(value, dict):
        tag = _TAGS.get(value["type"], "bsdf")
        node = ElementTree.SubElement(parent, tag, {"type": value["type"]})
        node.set("id" if parent.tag == "scene" else "name", name)
        for key, child in value.items():
            if key != "type":
                _append(node, key, child)
    elif isinstance(value, np.ndarray):
        node = ElementTree.SubElement(parent, "transform", name=name)
        ElementTree.SubElement(node, "matrix", value=" ".join(repr(float(x)) for x in value.ravel()))
    else:
        tag, text = _scalar(value)
        ElementTree.SubElement(parent, tag, name=name, value=text)


def _scalar(value: Any) -> tuple[str, str]:
    if isinstance(value, bool):
        return "boolean", str(value).lower()
    if isinstance(value, int):
        return "integer", str(value)
    return ("float", repr(float(value))) if isinstance(value, float | np.floating) else ("string", str(value))
