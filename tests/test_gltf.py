"""The GLB reader: what it reads is what was written, and no damaged or hostile file gets past it."""

import builtins
import resource
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from small_glb import GRID, make_glb, pack, sheet, unpack

from meshes.gltf import Glb
from meshes.head import MeshError

HOSTILE = (-1, 0, 1, 3, 2**31 - 1, 2**40, 1.5, True, None, "x", [], {})


@pytest.fixture(scope="module")
def glb() -> bytes:
    return make_glb()


def read_everything(data: bytes) -> str:
    """Reads all there is; the message of the error where it fails."""
    try:
        model = Glb(data, "small.glb")
        for name in model.mesh_names():
            mesh = model.mesh(name)
            for k in range(len(mesh.target_names)):
                assert np.isfinite(model.target(name, k)).all()
            if mesh.skin >= 0:
                assert model.skinning_matrices(mesh).shape == (len(mesh.positions), 3, 4)
            if mesh.material >= 0:
                model.base_colour(mesh.material)
    except MeshError as error:
        return str(error)
    return ""


def test_geometry_comes_back_as_it_was_quantised(glb: bytes) -> None:
    points, faces = sheet()
    mesh = Glb(glb, "small.glb").mesh("sheet")
    assert np.array_equal(mesh.positions, (points[:, :3] / np.float32(32767)).astype(np.float64))
    assert sorted(map(sorted, mesh.triangles.tolist())) == sorted(map(sorted, faces.tolist()))
    assert mesh.uv.min() == 0.0
    assert mesh.uv.max() == 1.0


def test_sparse_morph_target_moves_the_listed_vertices_alone(glb: bytes) -> None:
    model = Glb(glb, "small.glb")
    assert model.mesh("sheet").target_names == ("bulge",)
    offsets = model.target("sheet", 0)
    assert np.flatnonzero(np.abs(offsets).any(axis=1)).tolist() == [1, GRID * GRID - 1]
    assert offsets[1].tolist() == [0.0, 0.0, 1.0]
    assert offsets[-1].tolist() == [0.0, 0.0, -1.0]


def test_skin_at_rest_leaves_points_and_a_turned_joint_takes_its_half_along(glb: bytes) -> None:
    model = Glb(glb, "small.glb")
    mesh = model.mesh("sheet")
    A = model.skinning_matrices(mesh)
    assert np.array_equal(np.einsum("vab,vb->va", A[:, :, :3], mesh.positions) + A[:, :, 3], mesh.positions)
    half_turn = np.diag([-1.0, -1.0, 1.0])
    A = model.skinning_matrices(mesh, {"top": half_turn})
    moved = np.einsum("vab,vb->va", A[:, :, :3], mesh.positions) + A[:, :, 3]
    top = mesh.positions[:, 1] > 0
    assert np.array_equal(moved[~top], mesh.positions[~top])
    assert moved[top] == pytest.approx(mesh.positions[top] * [-1, -1, 1] + [0, 1, 0], abs=1e-12)
    assert model.node_position("top").tolist() == [0.0, 0.5, 0.0]


def test_texture_is_the_picture(glb: bytes) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    assert np.array_equal(Glb(glb, "small.glb").base_colour(0), noise)


def test_truncated_anywhere_is_an_error(glb: bytes) -> None:
    assert read_everything(glb) == ""
    cuts = sorted({*range(0, len(glb), 1000), *range(0, len(glb), 97)})
    for cut in cuts:
        assert read_everything(glb[:cut]), cut


def test_truncated_with_a_header_that_agrees_is_an_error(glb: bytes) -> None:
    for cut in range(1000, len(glb), 131):
        assert read_everything(glb[:8] + struct.pack("<I", cut) + glb[12:cut]), cut


def test_flipped_bits_never_crash_hang_or_grow(glb: bytes) -> None:
    rng = np.random.default_rng(1)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for _ in range(400):
        data = bytearray(glb)
        for at in rng.integers(0, len(glb), int(rng.integers(1, 6))):
            data[at] ^= 1 << int(rng.integers(8))
        refused += bool(read_everything(bytes(data)))
    assert refused > 50
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 600 * 1024


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all values of a JSON tree that are no containers."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from leaves(value, (*path, key))


def test_hostile_values_everywhere_in_the_json_are_met(glb: bytes) -> None:
    tree, binary = unpack(glb)
    paths = list(leaves(tree))
    assert len(paths) * len(HOSTILE) > 500
    for path in paths:
        for value in HOSTILE:
            hostile, _ = unpack(glb)
            holder: Any = hostile
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = value
            read_everything(pack(hostile, binary))


@pytest.mark.parametrize(
    ("key", "value"), [("count", 300_000_000), ("byteStride", 1 << 20), ("byteLength", 1 << 30), ("mode", "PLAIN")]
)
def test_hostile_meshopt_numbers_are_refused_before_any_decoding(glb: bytes, key: str, value: object) -> None:
    tree, binary = unpack(glb)
    tree["bufferViews"][0]["extensions"]["EXT_meshopt_compression"][key] = value
    assert "The file is " in read_everything(pack(tree, binary)) or "MiB" in read_everything(pack(tree, binary))


def test_a_filter_on_the_wrong_stride_is_refused(glb: bytes) -> None:
    tree, binary = unpack(glb)
    tree["bufferViews"][1]["extensions"]["EXT_meshopt_compression"]["filter"] = "QUATERNION"
    assert "filter QUATERNION" in read_everything(pack(tree, binary))


def test_circular_nodes_end(glb: bytes) -> None:
    tree, binary = unpack(glb)
    tree["nodes"][2]["children"] = [1]
    assert "circular" in read_everything(pack(tree, binary))


def test_wrong_magic_and_unknown_extensions_are_named(glb: bytes) -> None:
    assert "something else" in read_everything(b"PK\3\4" + glb[4:])
    tree, binary = unpack(glb)
    tree["extensionsRequired"].append("KHR_draco_mesh_compression")
    assert "KHR_draco_mesh_compression" in read_everything(pack(tree, binary))


def test_a_missing_package_is_named(glb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **named: Any) -> Any:
        if name == "meshoptimizer":
            raise ImportError(name)
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert "pip install 'perspective-portraits[valid]'" in read_everything(glb)
