"""Reads the triangle meshes of a VRML 2 file (.wrl), as BU-3DFE and BU-4DFE have them: IndexedFaceSet with a texture.

Follows ISO/IEC 14772-1 (VRML97) for those nodes. One pass over the text with a stack of its own, so neither long nor
deeply nested files cost more than their length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from meshes.head import MeshError
from meshes.loaders.bounds import read_bytes, sensible

MAX_DEPTH = 64

_STEP = "Export it again as VRML 2 (VRML97), or convert it to OBJ or PLY."
# A string may lack its end: it then takes the rest of the file, once.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+["\\]?|#[^\n\r]*+|\[|\]|\{|\}|[^\s,\[\]{}"#]++', re.DOTALL)
_COMMENT = re.compile(rb"#[^\n\r]*+")
_MOVES = (b"translation", b"rotation", b"scale", b"center")
_LISTS = {
    (b"Coordinate", b"point"): "points",
    (b"TextureCoordinate", b"point"): "uv",
    (b"IndexedFaceSet", b"coordIndex"): "corners",
    (b"IndexedFaceSet", b"texCoordIndex"): "uv_corners",
    (b"ImageTexture", b"url"): "url",
}
"""Node and field of every list that is kept."""


@dataclass
class _Draft:
    """What has been met of one shape: raw text of its lists, and whether its faces run clockwise."""

    lists: dict[str, bytes] = field(default_factory=dict)
    clockwise: bool = False


@dataclass(frozen=True, eq=False)
class WrlShape:
    """One IndexedFaceSet.

    Attributes:
        vertices: (V, 3) float64, any unit; seams are split vertices.
        faces: (F, 3) int64, counter-clockwise seen from outside.
        uv: (V, 2) float64, v upwards; None where it has none.
        texture: the image that its material names; None where it has none.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None
    texture: Path | None


def read_wrl(path: Path) -> list[WrlShape]:
    """Every shape with faces.

    Raises:
        MeshError: no VRML 2 text, damaged, nested too deeply, or with parts that it moves about.
    """
    data = read_bytes(path, "a VRML 2 file", _STEP)
    if not data.startswith(b"#VRML V2.0"):
        raise MeshError(f"{path}: expected a VRML 2 file, got one that starts {data[:16]!r}. {_STEP}")
    drafts = [draft for draft in _drafts(data, path) if "corners" in draft.lists]
    if not drafts:
        raise MeshError(f"{path}: expected an IndexedFaceSet, found none. {_STEP}")
    if len(drafts) > 1 and any(re.search(rb"\b" + word + rb"\b", data) for word in _MOVES):
        raise MeshError(f"{path}: expected one shape or unmoved ones, got {len(drafts)} that it moves. {_STEP}")
    return [_shape(draft, path) for draft in drafts]


def _drafts(data: bytes, path: Path) -> Iterator[_Draft]:
    """Walks the nodes; a shape ends with its IndexedFaceSet and keeps the texture that came before it."""
    nodes: list[bytes] = []
    draft, word, name = _Draft(), b"", b""
    at = 0
    while token := _TOKEN.search(data, at):
        text, at = token[0], token.end()
        if text == b"{":
            nodes.append(name)
            if len(nodes) > MAX_DEPTH:
                raise MeshError(f"{path}: expected at most {MAX_DEPTH} nodes in one another, got more. {_STEP}")
        elif text == b"}" and nodes:
            if nodes.pop() == b"IndexedFaceSet":
                yield draft
                draft = _Draft({"url": draft.lists["url"]} if "url" in draft.lists else {})
        elif text == b"[" and nodes and (nodes[-1], name) in _LISTS:
            end = data.find(b"]", at)
            draft.lists[_LISTS[nodes[-1], name]] = data[at : end if end >= 0 else len(data)]
            at = end if end >= 0 else len(data)
        elif text[:1] == b'"' and nodes and (nodes[-1], name) in _LISTS:
            draft.lists[_LISTS[nodes[-1], name]] = text
        elif (word, text) == (b"ccw", b"FALSE"):
            draft.clockwise = True
        elif not text.startswith((b"#", b'"')):
            word, name = text, text
    if nodes:
        raise MeshError(f"{path}: expected as many closing as opening braces, got an open {nodes[-1][:40]!r}. {_STEP}")


def _numbers(text: bytes, columns: int, kind: type[np.number], path: Path) -> np.ndarray:
    """(N, columns) of a list of numbers."""
    try:
        words = _COMMENT.sub(b" ", text).replace(b",", b" ").split()
        values: np.ndarray = np.array(words, "S40").astype(kind).reshape(-1, columns)
    except (ValueError, OverflowError) as error:
        raise MeshError(f"{path}: expected rows of {columns} numbers, got {str(error)[:80]}. {_STEP}") from error
    if not sensible(values):
        raise MeshError(f"{path}: expected finite numbers, got NaN, infinity or beyond 1e15. {_STEP}")
    return values


def _fans(indices: np.ndarray, count: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Places in `indices` (T, 3) of the corners of each triangle, and the lengths of the polygons, which -1 ends."""
    if len(indices) and (indices.max() >= count or indices.min() < -1):
        raise MeshError(
            f"{path}: expected indices from 0 to {count - 1}, got {indices.min()} to {indices.max()}. {_STEP}"
        )
    ends = np.flatnonzero(np.append(indices, -1) < 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts
    starts, sizes = starts[sizes >= 3], sizes[sizes >= 3]
    first = np.repeat(starts, sizes - 2)
    step = np.arange(len(first)) - np.repeat(np.cumsum(sizes - 2) - (sizes - 2), sizes - 2)
    return np.stack([first, first + step + 1, first + step + 2], axis=1), sizes


def _shape(draft: _Draft, path: Path) -> WrlShape:
    points = _numbers(draft.lists.get("points", b""), 3, np.float64, path)
    corners = _numbers(draft.lists["corners"], 1, np.int64, path).ravel()
    fans, sizes = _fans(corners, len(points), path)
    faces = corners[fans]
    uv = _numbers(draft.lists.get("uv", b""), 2, np.float64, path)
    if not len(uv):
        vertices, split = points, None
    else:
        seams = _seams(draft, corners, sizes, len(uv), path)[fans]
        pairs, split_faces = np.unique(np.stack([faces, seams], axis=-1).reshape(-1, 2), axis=0, return_inverse=True)
        vertices, split, faces = points[pairs[:, 0]], uv[pairs[:, 1]], split_faces.reshape(-1, 3)
    return WrlShape(vertices, faces[:, ::-1] if draft.clockwise else faces, split, _image(draft, path))


def _seams(draft: _Draft, corners: np.ndarray, sizes: np.ndarray, count: int, path: Path) -> np.ndarray:
    """The texture index of each corner: the one listed, else that of the point."""
    if "uv_corners" not in draft.lists:
        seams = corners
    else:
        seams = _numbers(draft.lists["uv_corners"], 1, np.int64, path).ravel()
    fans, own_sizes = _fans(seams, count, path)
    if len(seams) < len(corners) - 1 or not np.array_equal(own_sizes, sizes) or not len(fans):
        raise MeshError(f"{path}: expected as many texture indices as corners, got {len(seams)}. {_STEP}")
    return np.append(seams, -1)


def _image(draft: _Draft, path: Path) -> Path | None:
    named = re.search(rb'"((?:[^"\\]|\\.)+)"', draft.lists.get("url", b""))
    if not named:
        return None
    # Files written on Windows name folders that a copy of the data set no longer has; the image lies beside.
    return path.parent / re.split(r"[\\/]", named[1].decode(errors="replace"))[-1]
