"""The GPU's label core compiled as C against the CPU's: bit for bit, on the test scenes; and its PTX."""

import math
import re
import shutil
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from meshes.head import Identity, Pose
from meshes.makehuman import MakeHuman
from meshes.surface import Surface
from renderers import exact
from renderers import labels as cpu
from renderers.cuda import check, views
from renderers.cuda import labels as gpu
from renderers.cuda.clearance import clearance
from renderers.cuda.device import FOLDER, SOURCES, CompiledC, Device, DeviceError
from renderers.cuda.ptx import ptx
from renderers.exact import GeometryError
from renderers.kernels import terms, triangles
from renderers.lens import Distortion
from renderers.standard_scenes import hard_head, make_surface, plain_head, view_from


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to compile the CUDA source as C")
    return CompiledC(tmp_path_factory.mktemp("cuda"))


@cache
def default_head() -> Surface:
    return MakeHuman().head(Identity(), {"jawOpen": 0.3, "eyeBlinkLeft": 0.5}, Pose(yaw=0.2)).surface


SCENES = {"plain": plain_head, "hard": hard_head, "default": default_head}


def assert_same_bits(ours: object, theirs: object) -> None:
    for name, one in vars(theirs).items():
        other = getattr(ours, name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(other, one, err_msg=name)
        elif name != "camera":
            assert_same_bits(other, one)


@pytest.mark.parametrize(("near_m", "far_m"), [(0.18, 1.6), (0.35, math.inf)])
@pytest.mark.parametrize("scene", SCENES)
def test_every_label_of_a_pair_has_the_bits_of_the_cpu(device: Device, scene: str, near_m: float, far_m: float):
    surface, near, far = SCENES[scene](), view_from(near_m, 256), view_from(far_m, 256)
    a, b = cpu.view_labels(surface, near), cpu.view_labels(surface, far)
    ours = gpu.to_host(device, gpu.label_pair(device, surface, near, far))
    for one, other in zip(ours, (a, b, cpu.pair_labels(surface, a, b)), strict=True):
        assert_same_bits(one, other)


def test_faces_that_cross_the_camera_are_cut_alike(device: Device):
    rng = np.random.Generator(np.random.Philox(key=5))
    corners = rng.normal((0.0, 0.0, 0.1), 0.15, (400, 3, 3))
    surface = make_surface(corners.reshape(-1, 3), np.arange(1200, dtype=np.int32).reshape(-1, 3))
    for distance_m in (0.13, 0.2, math.inf):
        near, far = view_from(distance_m, 96), view_from(1.6, 96)
        a, b = cpu.view_labels(surface, near), cpu.view_labels(surface, far)
        ours = gpu.to_host(device, gpu.label_pair(device, surface, near, far))
        for one, other in zip(ours, (a, b, cpu.pair_labels(surface, a, b)), strict=True):
            assert_same_bits(one, other)


@pytest.mark.parametrize("lens", [Distortion(-0.25, 0.05, 0.004, -0.003, 0.01), Distortion(0.35, -0.1, 0.01, 0.01)])
def test_through_a_lens_the_bits_are_those_of_the_cpu_too(device: Device, lens: Distortion):
    rng = np.random.Generator(np.random.Philox(key=5))
    corners = rng.normal((0.0, 0.0, 0.1), 0.15, (300, 3, 3))
    around = make_surface(corners.reshape(-1, 3), np.arange(900, dtype=np.int32).reshape(-1, 3))
    near, far = (replace(view_from(distance_m, 96), distortion=lens) for distance_m in (0.3, 1.6))
    for surface in (plain_head(40), hard_head(40, 300), around):
        a, b = cpu.view_labels(surface, near), cpu.view_labels(surface, far)
        ours = gpu.to_host(device, gpu.label_pair(device, surface, near, far))
        for one, other in zip(ours, (a, b, cpu.pair_labels(surface, a, b)), strict=True):
            assert_same_bits(one, other)


def test_a_batch_of_different_scenes_and_cameras_is_each_of_its_pairs_by_itself(device: Device):
    bent = replace(view_from(0.4, 64), distortion=Distortion(-0.2, 0.05, 0.004, -0.003, 0.01))
    asked = [
        (hard_head(40, 300), view_from(0.18, 64), view_from(math.inf, 64)),
        (plain_head(24), bent, view_from(1.6, 64)),
        (default_head(), view_from(0.35, 64), replace(bent, T_camera_head=view_from(1.6, 64).T_camera_head)),
    ]
    stack = gpu.label_pairs(device, [(views.upload(device, surface), near, far) for surface, near, far in asked])
    layers = stack.layers()
    for n, (surface, near, far) in enumerate(asked):
        a, b = cpu.view_labels(surface, near), cpu.view_labels(surface, far)
        pair = cpu.pair_labels(surface, a, b)
        for one, other in zip(gpu.to_host(device, stack.pair(n)), (a, b, pair), strict=True):
            assert_same_bits(one, other)
        for name, layer in cpu.to_layers(a, b, pair).items():
            assert layers[name].dtype == layer.dtype, name
            np.testing.assert_array_equal(layers[name][n], layer, err_msg=name)


def test_landmarks_of_a_batch_are_seen_as_on_the_cpu(device: Device):
    heads = [MakeHuman().head(Identity(), {}, Pose(yaw=yaw)) for yaw in (0.9, -0.2)]
    surfaces, cameras = [head.surface for head in heads], [view_from(0.3, 96), view_from(1.2, 96)]
    placed = [(views.upload(device, surface), camera) for surface, camera in zip(surfaces, cameras, strict=True)]
    marks = [(head.landmarks[:count], head.landmark_face[:count]) for head, count in zip(heads, (68, 50), strict=True)]
    seen = gpu.landmarks_seen(device, views.place(device, placed), marks)
    assert not seen[1, 50:].any()
    for row, surface, camera, mark in zip(seen, surfaces, cameras, marks, strict=True):
        expected = cpu.point_visibility(surface, camera, *mark)
        assert 0 < expected.sum() < len(expected)
        np.testing.assert_array_equal(row[: len(expected)], expected)


def test_clearance_is_of_the_nearest_solid_vertex_on_the_side_it_faces(device: Device):
    outward, camera = plain_head(40), view_from(0.3, 16)
    inward = replace(outward, normals=-outward.normals)
    both = views.place(device, [(views.upload(device, surface), camera) for surface in (outward, inward)])
    position = -camera.T_camera_head[:3, :3].T @ camera.T_camera_head[:3, 3]
    away = np.linalg.norm(outward.vertices - position, axis=1)
    nearest = int(away.argmin())
    ahead = float((position - outward.vertices[nearest]) @ outward.normals[nearest])
    assert ahead > 0.1
    expected = [[away.min(), ahead, 0.0], [away.min(), -ahead, 0.0]]
    np.testing.assert_allclose(clearance(device, both, 2), expected, rtol=0, atol=1e-9)


def test_clearance_tells_of_vertices_that_are_no_numbers(device: Device):
    surface = plain_head(24)
    scene = views.upload(device, replace(surface, vertices=surface.vertices.copy()))
    scene.vertices[5, 1] = np.nan
    ((distance_m, _, broken),) = clearance(device, views.place(device, [(scene, view_from(0.3, 16))]), 1)
    assert broken == 1
    assert 0.1 < distance_m < 0.3


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_faces_of_vertices_that_are_no_numbers_are_not_seen(device: Device, value: float):
    surface, camera = plain_head(24), view_from(0.3, 48)
    whole = cpu.view_labels(surface, camera).hits.triangle_id
    gone = int(surface.faces[whole[24, 24], 0])
    scene = views.upload(device, replace(surface, vertices=surface.vertices.copy()))
    scene.vertices[gone] = value
    ids = gpu.label_pairs(device, [(scene, camera, view_from(1.6, 48))]).hits.triangle_id[0]
    lost = np.isin(surface.faces, gone).any(axis=1)
    assert not lost[ids[ids >= 0]].any()
    kept = (whole >= 0) & ~lost[whole]
    np.testing.assert_array_equal(ids[kept], whole[kept])


def test_views_of_several_sizes_are_refused(device: Device):
    scene = views.upload(device, plain_head(24))
    with pytest.raises(
        GeometryError, match=r"expected views of one size \(height, width\), got \[\(16, 16\), \(24, 24\)\]"
    ):
        views.place(device, [(scene, view_from(0.3, size)) for size in (24, 16)])
    with pytest.raises(GeometryError, match="got none"):
        views.place(device, [])


def test_an_empty_view_is_empty(device: Device):
    surface, camera = hard_head(24, 40), view_from(0.5, 32)
    away = camera.T_camera_head.copy()
    away[2, 3] = -5.0
    labels = gpu.to_host(device, gpu.label_pair(device, surface, replace(camera, T_camera_head=away), camera))[0]
    assert not labels.surface.any()
    assert (labels.hits.triangle_id == -1).all()
    assert not labels.hits.depth_axis_m.any()


def test_the_constants_are_those_of_the_cpu():
    source = (FOLDER / "launch.cuh").read_text() + SOURCES[0].read_text()
    for name, value in (
        ("NEAR_M", terms.NEAR_M),
        ("BOX_MARGIN_PX", triangles.BOX_MARGIN_PX),
        ("BIN_PX", gpu.BIN_PX),
        ("LANES", gpu.LANES),
        ("SEEN", exact.SEEN),
        ("HIDDEN", exact.HIDDEN),
        ("OUTSIDE", exact.OUTSIDE),
    ):
        defined = next(line.split()[2] for line in source.splitlines() if line.startswith(f"#define {name} "))
        assert float(defined) == value, name


def test_the_numbers_of_a_lens_are_in_the_cpus_order():
    (declared,) = re.findall(r"double (fx, .*?);", (FOLDER / "launch.cuh").read_text())
    assert tuple(declared.split(", ")) == terms.Lens._fields


def test_the_table_of_views_is_laid_out_as_the_kernels_read_it():
    (declared,) = re.findall(
        r"typedef struct \{\n    Lens lens;\n(.*?)\} View;", (FOLDER / "launch.cuh").read_text(), re.DOTALL
    )
    names = re.findall(r"(\w+)(?:\[16\])?[,;]", re.sub(r"//.*", "", declared))
    assert ("lens", *names) == views.VIEW.names
    assert views.VIEW["lens"].shape == (len(terms.Lens._fields),)
    assert views.VIEW.itemsize == 8 * (14 + 16 + len(names) - 1)


def test_a_missing_compiler_is_named(tmp_path):
    with pytest.raises(DeviceError, match=r"expected no-such-cc to compile label_core\.cu"):
        CompiledC(tmp_path, "no-such-cc")


def float64_arithmetic(code: str) -> list[str]:
    """Names of the float64 instructions of a PTX text, in order."""
    names = (line.split()[0] for line in code.splitlines() if line.startswith("\t") and line.split())
    return [
        name for name in names if name.endswith(".f64") and name.split(".")[0] in {"mul", "add", "sub", "fma", "mad"}
    ]


def test_the_ptx_rounds_every_operation_by_itself():
    pytest.importorskip("nvidia.cuda_nvrtc", reason="NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")
    operations = float64_arithmetic(ptx())
    assert len(operations) > 100
    assert {name for name in operations if not name.endswith(".rn.f64")} == set()
    assert not [name for name in operations if name.startswith(("fma", "mad"))]


def test_the_check_sees_what_a_careless_compiler_does():
    pytest.importorskip("nvidia.cuda_nvrtc", reason="NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")
    careless = float64_arithmetic(ptx(options=("--std=c++14",)))
    assert any(name.startswith("fma") for name in careless)


def test_a_source_that_nvrtc_refuses_is_reported():
    pytest.importorskip("nvidia.cuda_nvrtc", reason="NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")
    with pytest.raises(DeviceError, match=r"expected NVRTC to compile label_core\.cu, got: .*no-such-option"):
        ptx(options=("--no-such-option",))


def test_the_check_on_a_device_compares_every_array_and_notices_a_bit(device: Device, monkeypatch):
    surface = hard_head(24, 40)
    row = check.check(device, surface, "hard", 0.3, 1.6, 48, repeats=1, lens=Distortion(k1=-0.1))
    assert row.differing == ()
    assert "| equal |" in str(row)
    whole = gpu.rasterize

    def off_by_a_bit(*arguments):
        hits = whole(*arguments)
        hits.depth_axis_m[:, 24, 24] = np.nextafter(hits.depth_axis_m[:, 24, 24], 1.0)
        return hits

    monkeypatch.setattr(gpu, "rasterize", off_by_a_bit)
    assert "depth_axis_m" in check.check(device, surface, "hard", 0.3, 1.6, 48, repeats=1).differing


def test_without_a_gpu_the_check_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert check.main() == 2
    assert "gpu-check: not measured. --device cuda: expected CuPy" in capsys.readouterr().err
