"""A GLB as meshes by name: geometry, named morph targets, skins and images.

Nothing is moved until `skinning_matrices` says where each vertex goes; positions and morph offsets are as stored.
"""

import io
import struct
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from PIL import Image

from meshes.gltf.accessors import read_accessor
from meshes.gltf.container import read_container
from meshes.head import MeshError

_MAX_PIXELS = 8192 * 8192
_DEPTH, _MAX_NODES = 256, 4096
_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, eq=False)
class GltfMesh:
    """One mesh (its first primitive).

    Attributes:
        positions: (V, 3) float64, in the mesh's own quantised space.
        triangles: (F, 3) int32.
        uv: (V, 2) float32, v downwards; zeros where there is none.
        joints, weights: (V, 4) int64 into the skin's joints and float64; (V, 0) without a skin.
        target_names: names of the morph targets, in order.
        material: index, -1 for none.
        skin: index, -1 for none.
    """

    positions: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    joints: np.ndarray
    weights: np.ndarray
    target_names: tuple[str, ...]
    material: int
    skin: int


def _damage_is_one_error(
    call: "Callable[Concatenate[Glb, _P], _R]",
) -> "Callable[Concatenate[Glb, _P], _R]":
    """Hostile bytes provoke whatever error they can; to the user all of them say the same."""

    @wraps(call)
    def guarded(self: "Glb", *args: _P.args, **named: _P.kwargs) -> _R:
        try:
            return call(self, *args, **named)
        except MeshError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            raise MeshError(
                f"{self.name}: expected a whole glTF model, got one that does not hold together "
                f"({type(error).__name__}: {str(error)[:80]}). The file is damaged; get it again."
            ) from error

    return guarded


class Glb:
    """A GLB file, decoded piece by piece as it is asked for.

    Args:
        data: the whole file.
        name: of it, for messages.

    Raises:
        MeshError: here and in every method: the file is damaged, cut off or needs what is not read here.
    """

    def __init__(self, data: bytes, name: str):
        self.name = name
        self._container = read_container(data, name)

    @_damage_is_one_error
    def mesh_names(self) -> tuple[str, ...]:
        """Names of the nodes that carry a mesh, in file order."""
        return tuple(self._mesh_nodes())

    @_damage_is_one_error
    def mesh(self, name: str) -> GltfMesh:
        """The mesh of the node `name`."""
        node = self._mesh_nodes()[name]
        entry, primitive = self._primitive(node)
        uses = primitive["attributes"]
        positions = self._finite(uses["POSITION"], 3)
        count = len(positions)
        triangles = self._triangles(primitive, count)
        uv = self._finite(uses["TEXCOORD_0"], 2) if "TEXCOORD_0" in uses else np.zeros((count, 2), np.float32)
        joints, weights = np.zeros((count, 0), np.int64), np.zeros((count, 0))
        if "JOINTS_0" in uses:
            joints, weights = self._array(uses["JOINTS_0"], 4).astype(np.int64), self._weights(uses["WEIGHTS_0"])
        if not len(uv) == len(joints) == len(weights) == count:
            raise ValueError("attributes of different length")
        names = tuple(str(n) for n in entry.get("extras", {}).get("targetNames", []))
        if len(names) != len(primitive.get("targets", [])):
            names = tuple(f"target{k}" for k in range(len(primitive.get("targets", []))))
        return GltfMesh(
            positions=positions.astype(np.float64),
            triangles=triangles,
            uv=uv.astype(np.float32),
            joints=joints,
            weights=weights,
            target_names=names,
            material=int(primitive.get("material", -1)),
            skin=int(node.get("skin", -1)),
        )

    @_damage_is_one_error
    def material_of(self, name: str) -> int:
        """Index of the material of a mesh, -1 for none, without reading its geometry."""
        return int(self._primitive(self._mesh_nodes()[name])[1].get("material", -1))

    @_damage_is_one_error
    def target(self, name: str, index: int) -> np.ndarray:
        """(V, 3) float64: offsets of morph target `index` of a mesh, in the space of its positions."""
        _, primitive = self._primitive(self._mesh_nodes()[name])
        count = int(self._container.item("accessors", primitive["attributes"]["POSITION"])["count"])
        target = primitive["targets"][index]
        offsets = self._finite(target["POSITION"], 3) if "POSITION" in target else np.zeros((count, 3))
        if len(offsets) != count:
            raise ValueError("a morph target of another length")
        return offsets.astype(np.float64)

    @_damage_is_one_error
    def skinning_matrices(self, mesh: GltfMesh, turns: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """(V, 3, 4) float64: x = A[:, :, :3] p + A[:, :, 3] brings a mesh's point p to the scene.

        A vertex with a skin follows sum_k w_k G_k B_k, of global node matrices G and inverse bind matrices B; the
        node of a skinned mesh does not move it (glTF 2.0, section 3.7.3). Weights are scaled to sum 1.

        Args:
            mesh: from `mesh`.
            turns: (3, 3) rotations in scene axes by node name, each about its node and with all that hangs on it.
        """
        if mesh.skin < 0:
            raise MeshError(f"{self.name}: expected a skinned mesh, got one without a skin. Bind it to its skeleton.")
        skin = self._container.item("skins", mesh.skin)
        globals_ = self._turned(turns or {})
        G = np.array([globals_[joint] for joint in skin["joints"]])
        B = self._finite(skin["inverseBindMatrices"], 16).reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
        if len(B) != len(G) or mesh.joints.max() >= len(G):
            raise ValueError("joints")
        moves = np.einsum("jab,jbc->jac", G, B)[:, :3]
        total = mesh.weights.sum(axis=1, keepdims=True)
        if not (total > 0).all():
            raise ValueError("weights")
        return np.einsum("vk,vkab->vab", mesh.weights / total, moves[mesh.joints])

    @_damage_is_one_error
    def node_position(self, name: str) -> np.ndarray:
        """(3,) float64: where the node `name` (a joint) is in the scene."""
        names = [str(node.get("name")) for node in self._container.tree["nodes"]]
        return self._globals()[names.index(name)][:3, 3]

    @_damage_is_one_error
    def base_colour(self, material: int) -> np.ndarray | None:
        """(h, w, 3) uint8 sRGB albedo map of a material, row 0 is v = 0; None where it has none."""
        shading = self._container.item("materials", material).get("pbrMetallicRoughness", {})
        if "baseColorTexture" not in shading:
            return None
        texture = self._container.item("textures", shading["baseColorTexture"]["index"])
        webp = texture.get("extensions", {}).get("EXT_texture_webp", texture)
        image = self._container.item("images", webp["source"])
        return self._pixels(self._container.view(image["bufferView"]).tobytes())

    def _pixels(self, data: bytes) -> np.ndarray:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(data), formats=("WEBP", "PNG", "JPEG")) as image:
                    if image.width * image.height > _MAX_PIXELS:
                        raise ValueError(f"{image.width} x {image.height} pixels")
                    return np.asarray(image.convert("RGB"), np.uint8)
        except (
            OSError,
            ValueError,
            SyntaxError,
            struct.error,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise MeshError(
                f"{self.name}: expected a WebP, PNG or JPEG texture of at most {_MAX_PIXELS} pixels, got one that does "
                f"not read ({str(error)[:60]}). Get the file again."
            ) from error

    def _mesh_nodes(self) -> dict[str, dict[str, Any]]:
        return {
            str(node.get("name", k)): node for k, node in enumerate(self._container.tree["nodes"]) if "mesh" in node
        }

    def _primitive(self, node: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        entry = self._container.item("meshes", node["mesh"])
        primitive = entry["primitives"][0]
        if primitive.get("mode", 4) != 4:
            raise ValueError("a mesh that is not made of triangles")
        return entry, primitive

    def _array(self, accessor: int, width: int) -> np.ndarray:
        return read_accessor(self._container, accessor, width)

    def _finite(self, accessor: int, width: int) -> np.ndarray:
        values = self._array(accessor, width)
        if not np.isfinite(values).all():
            raise ValueError("NaN or infinity")
        return values

    def _weights(self, accessor: int) -> np.ndarray:
        weights = self._finite(accessor, 4).astype(np.float64)
        if weights.min() < 0:
            raise ValueError("negative weights")
        return weights

    def _triangles(self, primitive: dict[str, Any], count: int) -> np.ndarray:
        indices = self._array(primitive["indices"], 1)[:, 0].astype(np.int64)
        if len(indices) % 3 or indices.min() < 0 or indices.max() >= count:
            raise ValueError("triangle indices")
        return indices.reshape(-1, 3).astype(np.int32)

    def _turned(self, turns: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        matrices, parent = self._globals(), self._parents()
        names = [str(node.get("name")) for node in self._container.tree["nodes"]]
        for name, R in turns.items():
            pivot = names.index(name)
            turn = np.eye(4)
            turn[:3, :3] = R
            turn[:3, 3] = matrices[pivot][:3, 3] - np.einsum("ab,b->a", R, matrices[pivot][:3, 3])
            for k in range(len(matrices)):
                if pivot in _ancestry(k, parent):
                    matrices[k] = _times(turn, matrices[k])
        return matrices

    def _parents(self) -> dict[int, int]:
        nodes = self._container.tree["nodes"]
        if len(nodes) > _MAX_NODES:
            raise ValueError(f"{len(nodes)} nodes")
        return {child: k for k, node in enumerate(nodes) for child in node.get("children", [])}

    def _globals(self) -> list[np.ndarray]:
        """(4, 4) global matrix of every node."""
        return list(self._at_rest)

    @cached_property
    def _at_rest(self) -> tuple[np.ndarray, ...]:
        local, parent = [_local(node) for node in self._container.tree["nodes"]], self._parents()
        return tuple(reduce(_times, (local[n] for n in reversed(_ancestry(k, parent)))) for k in range(len(local)))


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A product in a fixed order of sums, whatever the linear-algebra library."""
    return np.einsum("ab,bc->ac", a, b)


def _ancestry(index: int, parent: dict[int, int]) -> list[int]:
    """A node, its parent, and so on to the root."""
    line = [index]
    while line[-1] in parent:
        line.append(parent[line[-1]])
        if len(line) > _DEPTH:
            raise ValueError("a node hierarchy that is too deep or circular")
    return line


def _local(node: dict[str, Any]) -> np.ndarray:
    """(4, 4) T R S of a node, or its matrix."""
    if "matrix" in node:
        matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T
    else:
        x, y, z, w = np.array(node.get("rotation", (0, 0, 0, 1)), np.float64)
        R = np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ])  # fmt: skip
        matrix = np.eye(4)
        matrix[:3, :3] = R * np.array(node.get("scale", (1, 1, 1)), np.float64)
        matrix[:3, 3] = np.array(node.get("translation", (0, 0, 0)), np.float64)
    if not np.isfinite(matrix).all():
        raise ValueError("a node matrix that is not finite")
    return matrix
