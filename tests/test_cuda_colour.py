"""The GPU's colour compiled as C against the preview's pictures: heads, a person with hair, cards, shells; its PTX."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from meshes.hair import style_look
from meshes.head import Identity, Pose, Style
from meshes.makehuman import MakeHuman
from meshes.parts import Part
from meshes.surface import Material, Surface
from renderers import preview
from renderers.camera import Camera
from renderers.cuda import check, colour, views
from renderers.cuda import labels as gpu
from renderers.cuda import shadow as soft
from renderers.cuda.device import FOLDER, SOURCES, CompiledC, Device, DeviceError, kernels_of
from renderers.cuda.ptx import ptx
from renderers.environment import studio_light
from renderers.exact import rasterize
from renderers.kernels import terms
from renderers.kernels_color import coverage, shade, shadow
from renderers.lens import CameraError, Distortion
from renderers.light import EnvironmentLight
from renderers.occlusion import Arrival
from renderers.picture import Image
from renderers.radiance import LightError
from renderers.srgb import encode
from renderers.standard_scenes import hard_head, make_surface, plain_head, view_from

LIGHT = studio_light(np.random.default_rng(1))
READY = preview.prepare(LIGHT)


def built(folder: Path, *options: str) -> Device:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to compile the CUDA source as C")
    return CompiledC(folder, options=options)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return built(tmp_path_factory.mktemp("cuda"))


@pytest.fixture(scope="module")
def backwards(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return built(tmp_path_factory.mktemp("cuda_backwards"), "-DITEM(step, count)=((count) - 1 - (step))")


@cache
def person() -> Surface:
    """A whole man or woman of the embedded model: textured skin with relief, clear corneas, thousands of hairs."""
    model = MakeHuman()
    who = model.sample_identity(np.random.Generator(np.random.Philox(key=11)))
    look = {**style_look("long_wavy"), "hair_recede": 0.0}
    return model.head(Identity(who.shape, who.look), {"jawOpen": 0.3}, Pose(yaw=0.3), Style(look=look)).surface


@cache
def cards() -> Surface:
    """Twelve cards with holes that cross, and a clear one before them."""
    rng = np.random.Generator(np.random.Philox(key=3))
    middle, across, up = rng.normal(0, 0.05, (3, 12, 1, 3))
    corners = middle + np.array([-1, 1, 1, -1])[:, None] * across + np.array([-1, -1, 1, 1])[:, None] * up
    faces = (np.arange(12)[:, None, None] * 4 + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    holes = tuple(rng.integers(0, 256, shape).astype(np.uint8) for shape in ((8, 8), (5, 13)))
    clear = np.arange(24) >= 22
    cut = np.where(clear | (np.arange(24) < 4), -1, np.arange(24) % 2)
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (12, 1))
    surface = make_surface(corners.reshape(-1, 3), faces, material=clear, uv=uv, cutout=cut, cutouts=holes)
    bark = rng.integers(0, 256, (32, 16, 3)).astype(np.uint8)
    look = Material("card", roughness=0.4, texture=bark, relief=bark[::-1].copy(), oil=0.4, oil_roughness=0.2)
    return replace(surface, materials=(look, surface.materials[1]))


@cache
def around() -> Surface:
    """Triangles of all sizes about the camera, some flat on each other, some without area."""
    rng = np.random.Generator(np.random.Philox(key=5))
    corners = rng.normal((0.0, 0.0, 0.1), 0.15, (300, 3, 3))
    corners[:20] = np.round(corners[:20], 1) * [1, 1, 0]
    corners[20:30] = corners[:10, ::-1]
    corners[30:34, 2] = corners[30:34, 0]
    return make_surface(corners.reshape(-1, 3), np.arange(900).reshape(-1, 3), material=np.arange(300) % 7 == 0)


def heads() -> dict[str, Callable[[], Surface]]:
    return {"plain": lambda: plain_head(60), "hard": lambda: hard_head(60, 500), "person": person, "cards": cards}


def assert_same_picture(ours: Image, theirs: Image) -> None:
    """To the bit, which is more than codes that agree to 1 and alpha to 1/255."""
    assert np.ptp(encode(theirs.rgb)) > 30
    assert ours.rgb.dtype == ours.alpha.dtype == np.float32
    np.testing.assert_array_equal(ours.alpha, theirs.alpha)
    np.testing.assert_array_equal(ours.rgb, theirs.rgb)


@pytest.mark.parametrize("distance_m", [0.3, math.inf])
@pytest.mark.parametrize("scene", heads())
def test_pictures_are_those_of_the_cpu(device: Device, scene: str, distance_m: float):
    surface, camera = heads()[scene](), view_from(distance_m, 112)
    background = np.random.default_rng(2).uniform(0, 2, (112, 112, 3)).astype(np.float32)
    ours = gpu.to_host(device, colour.render(device, colour.light_up(device, surface, READY), camera, None, background))
    theirs = preview.render(preview.light_up(surface, LIGHT), camera, background=background)
    assert_same_picture(ours, theirs)
    assert {0.0, 0.25, 0.5, 1.0} <= set(np.unique(ours.alpha))


def test_the_person_has_what_the_scenes_lack():
    surface = person()
    assert {Part.HAIR, Part.LASHES, Part.CORNEA} <= set(surface.part.tolist())
    assert any(m.relief is not None and m.texture is not None and m.oil > 0 for m in surface.materials)


@pytest.mark.parametrize("distance_m", [0.13, 0.2, math.inf])
def test_faces_that_cross_the_camera_look_alike(device: Device, distance_m: float):
    camera = view_from(distance_m, 64)
    ours = gpu.to_host(device, colour.render(device, colour.light_up(device, around(), READY), camera))
    assert_same_picture(ours, preview.render(preview.light_up(around(), LIGHT), camera))


@pytest.mark.parametrize("scene", [cards, around])
def test_the_order_of_items_does_not_matter(device: Device, backwards: Device, scene: Callable[[], Surface]):
    camera = view_from(0.3, 64)
    one, other = (
        gpu.to_host(d, colour.render(d, colour.light_up(d, scene(), READY), camera)) for d in (device, backwards)
    )
    assert_same_picture(one, other)


@pytest.mark.parametrize("scene", ["hard", "person", "cards"])
def test_what_a_picture_is_made_of_is_the_previews(device: Device, backwards: Device, scene: str):
    surface = heads()[scene]()
    theirs = preview.light_up(surface, LIGHT)
    share = theirs.shading.vertex[:, shade.LIT : shade.OPEN]
    assert (share < 0.5).any() or scene == "cards"
    for where in (device, backwards):
        ours = colour.light_up(where, surface, READY)
        np.testing.assert_array_equal(ours.vertex, theirs.shading.vertex)
        np.testing.assert_array_equal(ours.facet, theirs.shading.facet)
        assert colour.light_up(where, surface, READY) is ours


def test_a_surface_in_the_devices_memory_is_not_read_from_the_hosts(device: Device):
    surface, camera = hard_head(60, 500), view_from(0.3, 64)
    scene = views.upload(device, surface)
    emptied = replace(surface, vertices=np.full_like(surface.vertices, np.nan), normals=surface.normals * np.nan)
    ours = colour.render(device, colour.light_up(device, emptied, READY, scene), camera)
    assert_same_picture(ours, preview.render(preview.light_up(surface, LIGHT), camera))


@pytest.mark.parametrize("scene", ["hard", "cards"])
def test_a_dark_light_arrives_everywhere(device: Device, scene: str):
    surface, dark = heads()[scene](), EnvironmentLight(np.zeros((16, 32, 3), np.float32), "black")
    ours, theirs = colour.light_up(device, surface, preview.prepare(dark)), preview.light_up(surface, dark)
    np.testing.assert_array_equal(ours.vertex, theirs.shading.vertex)


def test_light_that_is_not_finite_is_refused_as_by_the_preview():
    broken = EnvironmentLight(np.full((16, 32, 3), np.nan, np.float32), "broken")
    with pytest.raises(LightError, match="expected"):
        preview.prepare(broken)


def test_one_of_the_orders_is_backwards(device: Device, backwards: Device):
    order = []
    for where in (device, backwards):
        member = np.zeros(3, np.int32)
        sizes = np.array([3, 1], np.int32)  # Three points in one bin.
        where.launch("fill_bins", (1, 3), sizes, np.zeros(3, np.int32), np.zeros(2, np.int32), member)
        order.append(member.tolist())
    assert order == [[0, 1, 2], [2, 1, 0]]


def test_hits_may_lie_on_the_device_or_here(device: Device):
    surface, camera = hard_head(60, 500), view_from(0.3, 64)
    lit, here = colour.light_up(device, surface, READY), rasterize(surface, camera)
    theirs = preview.render(preview.light_up(surface, LIGHT), camera, here)
    there = gpu.row(gpu.rasterize(device, views.place(device, [(views.upload(device, surface), camera)])), 0)
    for hits in (here, there, None):
        assert_same_picture(gpu.to_host(device, colour.render(device, lit, camera, hits)), theirs)


def test_a_surface_moves_once(device: Device):
    first = colour.light_up(device, cards(), READY)
    dark = EnvironmentLight(np.zeros((16, 32, 3), np.float32), "black")
    relit = colour.light_up(device, cards(), preview.prepare(dark))
    assert relit is not first
    assert relit.scene is first.scene


def test_an_empty_view_shows_the_background(device: Device):
    camera, lit = view_from(0.5, 16), colour.light_up(device, plain_head(24), READY)
    away = camera.T_camera_head.copy()
    away[2, 3] = -5.0
    image = colour.render(device, lit, replace(camera, T_camera_head=away), None, np.ones((16, 16, 3), np.float32))
    assert (image.rgb == 1).all()
    assert not image.alpha.any()


def test_a_lens_is_refused_as_by_the_preview(device: Device):
    bent: Camera = replace(view_from(0.3, 16), distortion=Distortion(k1=-0.1))
    with pytest.raises(CameraError, match="expected"):
        colour.render(device, colour.light_up(device, plain_head(24), READY), bent)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("launch.cuh", {"NEAR_M": coverage.NEAR_M}),
        ("coverage.cu", {"CREASE": coverage.CREASE, "JUMP_PX": coverage.JUMP_PX}),
        ("shadow.cu", {"LIFT": shadow.LIFT, "LIFT_TURNED": shadow.LIFT_TURNED, "WRAP": shadow.WRAP}),
        (
            "shade.cu",
            {name: getattr(shade, name) for name in ("NORMAL", "UV", "COLOR", "LIT", "OPEN", "POSITION")}
            | {"RELIEF_STEP_M": shade.RELIEF_STEP_M},
        ),
    ],
)
def test_the_constants_are_those_of_the_cpu(file: str, values: dict[str, float]):
    lines = (FOLDER / file).read_text().splitlines()
    for name, value in values.items():
        defined = next(line.split()[2] for line in lines if line.startswith(f"#define {name} "))
        assert np.float32(defined.rstrip("f")) == np.float32(value), name
    assert terms.NEAR_M == coverage.NEAR_M


def test_no_two_files_have_a_kernel_of_one_name():
    names = [kernel for source in SOURCES for kernel in kernels_of(source)]
    assert len(names) == len(set(names)) > 10


@pytest.mark.parametrize("source", SOURCES[1:], ids=lambda path: path.name)
def test_the_ptx_rounds_every_operation_by_itself(source: Path):
    pytest.importorskip("nvidia.cuda_nvrtc", reason="NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")
    code = ptx(source=source)
    assert [name for name in kernels_of(source) if f".entry {name}(" not in code] == []
    names = [line.split()[0] for line in code.splitlines() if line.startswith("\t") and line.split()]
    kinds = {"mul", "add", "sub", "div", "sqrt", "rcp", "fma", "mad"}
    operations = [name for name in names if name.endswith((".f32", ".f64")) and name.split(".")[0] in kinds]
    least = {"film.cu": 5}.get(source.name, 10)  # Its two kernels are a few lines each.
    assert len(operations) > least * len(kernels_of(source))
    assert {name for name in operations if ".rn." not in name} == set()
    assert not [name for name in operations if name.startswith(("fma", "mad")) or ".ftz" in name]


def test_the_check_on_a_device_compares_pictures_and_notices_two_codes(device: Device, monkeypatch):
    row = check.check_colour(device, hard_head(24, 40), "hard", 0.3, 48, repeats=1)
    assert row.same_bits
    assert row.agrees
    assert "| equal |" in str(row)
    whole = colour.render

    def off(factor: float) -> Callable[..., Image]:
        return lambda *arguments: replace(whole(*arguments), rgb=factor * whole(*arguments).rgb)

    monkeypatch.setattr(colour, "render", off(1.0001))
    near = check.check_colour(device, hard_head(24, 40), "hard", 0.3, 48, repeats=1)
    assert near.agrees
    assert "| within colour by " in str(near)
    monkeypatch.setattr(colour, "render", off(1.1))
    far = check.check_colour(device, hard_head(24, 40), "hard", 0.3, 48, repeats=1)
    assert not far.agrees
    assert "| DIFFERENT: colour by " in str(far)


def test_the_check_on_a_device_compares_soft_shadows_and_notices_a_hundredth(device: Device, monkeypatch):
    row = check.check_shadows(device, hard_head(24, 40), "hard", repeats=1)
    assert row.differs == 0
    assert "| 24 | equal |" in str(row)
    whole = soft.arrival
    monkeypatch.setattr(
        soft, "arrival", lambda *arguments: Arrival(0.99 * whole(*arguments).share, *whole(*arguments)[1:])
    )
    row = check.check_shadows(device, hard_head(24, 40), "hard", repeats=1)
    assert not row.agrees
    assert "| DIFFERENT: 1.0e-02 |" in str(row)


def test_the_report_has_labels_pictures_and_shadows(device: Device, monkeypatch):
    monkeypatch.setattr(check, "scenes", lambda: iter([("small", hard_head(24, 40))]))
    text, agree = check.report(device, size=32, repeats=1)
    assert agree
    assert text.count("| small |") == len(check.PAIRS_M) + len(check.DISTANCES_M) + 1
    assert text.count("| equal |") == text.count("| small |")


def test_an_array_that_a_kernel_would_misread_is_refused(device: Device):
    lens, seen, points = np.zeros(14), np.zeros((3, 5)), np.zeros((3, 3))
    with pytest.raises(DeviceError, match=r"expected contiguous arrays for see, got strides \(8, 24\) .* argument 0"):
        device.launch("see", 3, points.T, np.eye(4), lens, seen)
