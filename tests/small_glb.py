"""A small skinned, morphing, meshopt-packed GLB with a WebP texture, made from scratch for tests."""

import io
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import meshoptimizer
import numpy as np
from PIL import Image

GRID = 12
"""The mesh is a sheet of GRID x GRID vertices in [-1, 1]^2, morphed by `bulge`, its upper half bound to a joint."""


@dataclass
class Writer:
    """Gathers buffer views and accessors of a file in the making."""

    binary: bytes = b""
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def plain(self, data: bytes) -> int:
        self.views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)})
        self.binary += data + b"\0" * (-len(data) % 4)
        return len(self.views) - 1

    def packed(self, data: bytes, count: int, stride: int, mode: str, **more: str) -> int:
        view = self.plain(data)
        where = self.views[view] | {"byteStride": stride, "count": count, "mode": mode, **more}
        self.views[view] = {
            "buffer": 1,
            "byteLength": count * stride,
            "extensions": {"EXT_meshopt_compression": where},
        }
        return view

    def accessor(self, view: int | None, kind: str, component: int, count: int, **more: Any) -> int:
        entry = {"type": kind, "componentType": component, "count": count, **more}
        self.accessors.append(entry if view is None else {"bufferView": view, **entry})
        return len(self.accessors) - 1


def sheet() -> tuple[np.ndarray, np.ndarray]:
    """Quantised points (N, 4) int16, the fourth unused, and triangles (F, 3)."""
    x, y = np.meshgrid(np.linspace(-1, 1, GRID), np.linspace(-1, 1, GRID))
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel(), 0 * x.ravel()], axis=1)
    a = (np.arange(GRID - 1)[:, None] * GRID + np.arange(GRID - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + GRID + 1], 1), np.stack([a, a + GRID + 1, a + GRID], 1)])
    return np.rint(points * 32767).astype(np.int16), faces


def make_glb() -> bytes:
    """The file: node "sheet" with a skin of joints "root" and "top" (half a metre up), material 0 with a texture."""
    points, faces = sheet()
    count, writer = len(points), Writer()
    where = writer.packed(meshoptimizer.encode_vertex_buffer(points, count, 8), count, 8, "ATTRIBUTES")
    index = writer.packed(
        meshoptimizer.encode_index_buffer(faces.ravel().astype(np.uint32)), faces.size, 2, "TRIANGLES"
    )
    uv = np.rint((points[:, :2] / 65534.0 + 0.5) * 65535).astype(np.uint16)
    top = points[:, 1] > 0
    joints = np.stack([top, 0 * top, 0 * top, 0 * top], axis=1).astype(np.uint8)
    weights = np.tile(np.array([255, 0, 0, 0], np.uint8), (count, 1))
    moved = np.array([1, count - 1], np.uint16)
    bulge = np.array([[0, 0, 32767], [0, 0, -32767]], np.int16)
    half_up = np.eye(4, dtype=np.float32)
    half_up[3, 1] = -0.5  # Column-major: the inverse of the joint's place.
    attributes = {
        "POSITION": writer.accessor(where, "VEC3", 5122, count, normalized=True),
        "TEXCOORD_0": writer.accessor(writer.plain(uv.tobytes()), "VEC2", 5123, count, normalized=True),
        "JOINTS_0": writer.accessor(writer.plain(joints.tobytes()), "VEC4", 5121, count),
        "WEIGHTS_0": writer.accessor(writer.plain(weights.tobytes()), "VEC4", 5121, count, normalized=True),
    }
    sparse = {
        "count": 2,
        "indices": {"bufferView": writer.plain(moved.tobytes()), "componentType": 5123},
        "values": {"bufferView": writer.plain(bulge.tobytes())},
    }
    target = writer.accessor(None, "VEC3", 5122, count, normalized=True, sparse=sparse)
    indices = writer.accessor(index, "SCALAR", 5123, faces.size)
    binds = np.stack([np.eye(4, dtype=np.float32), half_up])
    inverse = writer.accessor(writer.plain(binds.tobytes()), "MAT4", 5126, 2)
    picture = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(picture, "WEBP", lossless=True)
    tree = {
        "asset": {"version": "2.0"},
        "extensionsRequired": ["EXT_meshopt_compression", "KHR_mesh_quantization", "EXT_texture_webp"],
        "nodes": [
            {"name": "sheet", "mesh": 0, "skin": 0},
            {"name": "root", "children": [2]},
            {"name": "top", "translation": [0, 0.5, 0]},
        ],
        "meshes": [
            {
                "primitives": [
                    {"attributes": attributes, "indices": indices, "material": 0, "targets": [{"POSITION": target}]}
                ],
                "extras": {"targetNames": ["bulge"]},
            }
        ],
        "skins": [{"joints": [1, 2], "inverseBindMatrices": inverse}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"extensions": {"EXT_texture_webp": {"source": 0}}}],
        "images": [{"bufferView": writer.plain(picture.getvalue()), "mimeType": "image/webp"}],
        "buffers": [{"byteLength": len(writer.binary)}, {"byteLength": 1}],
        "bufferViews": writer.views,
        "accessors": writer.accessors,
    }
    return pack(tree, writer.binary)


def pack(tree: dict[str, Any], binary: bytes) -> bytes:
    """A GLB of a JSON tree and a binary chunk."""
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Inverse of `pack`."""
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]
