"""A stream whose labels a device makes, run on torch's CPU with the kernels compiled as C, against the CPU's stream."""

import itertools
import math
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import datagen
from datagen.device import check as check_stream
from datagen.device import pictures
from datagen.device.batches import ahead, batches
from datagen.device.drafts import Drafts, poses
from datagen.device.maker import Maker
from datagen.live import IndexBatches, StreamError, stream
from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe, RecipeError, validate
from datagen.render import render_sample
from meshes.errors import UsageError
from renderers.cuda import check, check_people, colour
from renderers.cuda.device import CompiledC, DeviceError
from renderers.cuda.machine import Machine, MachineError, check_torch
from renderers.layers import LAYERS, PICTURED

LABELS = tuple(name for name in LAYERS if name not in PICTURED)
BARE = replace(PRESETS["usc2019"], size=64, lights=("studio",), people=1, distances=2)
SEED = 3


def labelled(recipe: Recipe) -> Recipe:
    """Every label and no picture."""
    return validate(replace(recipe, extra_layers=LABELS, without_layers=tuple(PICTURED)))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to compile the CUDA source as C")
    return Machine(CompiledC(tmp_path_factory.mktemp("cuda")), "cpu")


def made(machine: Machine, recipe: Recipe, stop: int, on_device: bool, workers: int = 0) -> list[dict[str, Any]]:
    drafts = Drafts(recipe, SEED, on_device)
    return list(batches(machine, drafts, IndexBatches(2, 0, stop), workers, "portrait"))


def rows(found: list[dict[str, Any]]) -> Iterator[tuple[dict[str, np.ndarray], dict[str, Any]]]:
    for batch in found:
        for row, meta in enumerate(batch["meta"]):
            yield {name: value[row].numpy() for name, value in batch.items() if name != "meta"}, meta


def test_posed_by_processors_every_bit_is_the_streams_on_the_cpu(machine):
    recipe = labelled(replace(BARE, clothes=Recipe().clothes, glasses=1.0))
    for index, (layers, meta) in enumerate(rows(made(machine, recipe, 3, on_device=False))):
        sample = render_sample(recipe, SEED, index)
        assert list(layers) == list(sample.layers) == list(LABELS)
        assert meta == sample.meta
        for name, layer in sample.layers.items():
            assert layers[name].dtype == layer.dtype, name
            np.testing.assert_array_equal(layers[name], layer, err_msg=name)


def test_posed_on_the_device_labels_are_the_same_within_rounding(machine):
    recipe = labelled(replace(BARE, clothes=("v-neck",)))
    assert all(poses(plan_sample(recipe, SEED, index)) for index in range(3))
    for index, (layers, meta) in enumerate(rows(made(machine, recipe, 3, on_device=True))):
        sample = render_sample(recipe, SEED, index)
        same = layers["near_triangle_id"] == sample.layers["near_triangle_id"]
        assert same.mean() > 0.999
        for name in ("near_depth_axis_m", "flow_near_to_far", "near_normal", "near_uv"):
            np.testing.assert_allclose(layers[name][same], sample.layers[name][same], rtol=0, atol=1e-5, err_msg=name)
        for name in ("near_surface", "near_part", "near_inside_far", "near_visible_in_far", "far_visible_in_near"):
            assert (layers[name] != sample.layers[name]).mean() < 1e-3, name
        assert set(meta) == set(sample.meta)
        moved = np.subtract(meta["landmarks"]["points_m"], sample.meta["landmarks"]["points_m"])
        assert np.abs(moved).max() < 1e-9
        for name in ("person", "pose", "style", "light", "assets", "eye_midpoint_m"):
            assert meta[name] == sample.meta[name], name
        assert meta["landmarks"]["near_visible"] == sample.meta["landmarks"]["near_visible"]
        assert meta["cameras"]["near"]["K"] == sample.meta["cameras"]["near"]["K"]


def test_what_no_device_poses_comes_from_processors(machine):
    recipe = labelled(replace(BARE, glasses=1.0))
    assert not poses(plan_sample(recipe, SEED, 0))
    ((layers, meta),) = rows(made(machine, recipe, 1, on_device=True))
    sample = render_sample(recipe, SEED, 0)
    assert meta == sample.meta
    np.testing.assert_array_equal(layers["near_triangle_id"], sample.layers["near_triangle_id"])


def test_the_pairs_of_a_scene_are_posed_once(machine, monkeypatch):
    recipe = labelled(BARE)
    drafts = Drafts(recipe, SEED, on_device=True)
    maker, posed = Maker(machine, drafts, "usc2019"), []
    pose = maker.poser
    monkeypatch.setattr(maker, "poser", lambda figures: posed.extend(figures) or pose(figures))
    batch = maker.batch([drafts[0], drafts[1]])
    assert batch["meta"][0]["scene"]["index"] == batch["meta"][1]["scene"]["index"]
    assert len(posed) == 1


@pytest.mark.parametrize("on_device", [False, True], ids=["posed", "planned"])
@pytest.mark.parametrize("recipe", [labelled(BARE), BARE], ids=["labels", "pictures"])
def test_workers_draft_the_same(machine, recipe, on_device):
    alone, shared = (made(machine, validate(recipe), 2, on_device, workers=n) for n in (0, 1))
    for (one, meta), (other, other_meta) in zip(rows(alone), rows(shared), strict=True):
        assert meta == other_meta
        for name, layer in one.items():
            np.testing.assert_array_equal(other[name], layer, err_msg=name)


def test_a_camera_in_the_head_is_refused_as_on_the_cpu(machine):
    recipe = labelled(replace(BARE, near_m=(0.1, 0.1), distances=1, yaw_deg=(180.0, 180.0)))
    with pytest.raises(RecipeError, match=r"sample 0: expected the near camera at least 3 cm off .* inside") as on_cpu:
        render_sample(recipe, SEED, 0)
    with pytest.raises(RecipeError) as on_device:
        made(machine, recipe, 1, on_device=True)
    assert str(on_device.value) == str(on_cpu.value)


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The devices that the colour kernels were asked to draw on."""
    asked: list[Any] = []
    draw = colour.draw

    def noted(device, *rest):
        asked.append(device)
        return draw(device, *rest)

    monkeypatch.setattr(colour, "draw", noted)
    return asked


@pytest.fixture
def by_processors(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The samples whose pictures processors had to develop."""
    asked: list[int] = []
    whole = pictures.photograph

    def noted(recipe, scene, *rest):
        asked.append(scene.plan.index)
        return whole(recipe, scene, *rest)

    monkeypatch.setattr(pictures, "photograph", noted)
    return asked


PLAIN = {
    "black": {},
    "flat": {"background": "flat", "background_rgb": (200, 30, 90), "exposure_ev": (0.5, 0.7)},
    "environment": {"background": "environment", "far_m": math.inf},
    "indoor": {"background": "indoor", "exposure_ev": (-0.4, -0.2), "meter_each": True},
}
DEVELOPED = {
    "metered": {"metering": "face"},
    "lens": {"lens_k1": (-0.05, -0.05), "vignetting": (0.4, 0.4)},
    "noise": {"iso": (800.0, 800.0), "shake_px": (2.0, 2.0), "jpeg_quality": (80, 80)},
    "focus": {"f_number": (2.0, 2.0), "background": "environment"},
}


def pictured(**options: Any) -> Recipe:
    return validate(replace(BARE, distances=1, **options))


def assert_the_cpus(recipe: Recipe, layers: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    sample = render_sample(recipe, SEED, 0)
    assert list(layers) == list(sample.layers)
    assert meta == sample.meta
    for name, layer in sample.layers.items():
        assert layers[name].dtype == layer.dtype, name
        np.testing.assert_array_equal(layers[name], layer, err_msg=name)


@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN)
def test_plain_pictures_never_leave_the_device(machine, drawing, by_processors, options):
    recipe = pictured(**options)
    ((layers, meta),) = rows(made(machine, recipe, 1, on_device=False))
    assert drawing == [machine.kernels] * 2
    assert by_processors == []
    assert_the_cpus(recipe, layers, meta)


@pytest.mark.parametrize("options", DEVELOPED.values(), ids=DEVELOPED)
def test_what_lens_and_film_do_is_done_by_processors(machine, drawing, by_processors, options):
    recipe = pictured(**options)
    ((layers, meta),) = rows(made(machine, recipe, 1, on_device=False))
    assert drawing == [machine.kernels] * 2
    assert by_processors == [0]
    assert_the_cpus(recipe, layers, meta)


@pytest.mark.parametrize("options", [PLAIN["environment"], DEVELOPED["metered"]], ids=["plain", "metered"])
def test_pictures_of_people_posed_on_the_device_are_alike(machine, drawing, options):
    recipe = pictured(clothes=("v-neck",), **options)
    assert poses(plan_sample(recipe, SEED, 0))
    ((layers, meta),) = rows(made(machine, recipe, 1, on_device=True))
    sample = render_sample(recipe, SEED, 0)
    assert drawing == [machine.kernels] * 2
    assert list(layers) == list(sample.layers)
    assert meta["film"] == sample.meta["film"] or options.get("metering")
    for name in ("near_rgb", "far_rgb", "near_alpha"):
        assert np.abs(layers[name].astype(int) - sample.layers[name]).mean() < 0.05, name


def test_a_scene_is_lit_once_for_all_its_pairs(machine, monkeypatch):
    launched: list[str] = []
    launch = machine.kernels.launch
    monkeypatch.setattr(machine.kernels, "launch", lambda *given: launched.append(given[0]) or launch(*given))
    recipe = validate(replace(BARE, distances=2))
    for on_device in (False, True):
        launched.clear()
        ((_, one), (_, other)) = rows(made(machine, recipe, 2, on_device))
        assert one["scene"]["index"] == other["scene"]["index"]
        assert launched.count("cast_heights") == launched.count("facets") == 1
        assert launched.count("shade_pixels") == 4


def test_without_cuda_the_stream_says_so_before_it_starts():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(MachineError, match="device 'cuda': expected a CUDA device, got torch"):
        datagen.stream(BARE, device="cuda", layers=["flow_near_to_far"])
    with pytest.raises(MachineError, match="expected a CUDA device"):
        datagen.stream(BARE, device="cuda:1", layers=["near_rgb"])


def test_without_cupy_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="expected CuPy"):
        stream(BARE, device="cuda", layers=["flow_near_to_far"])
    with pytest.raises(MachineError, match="expected a number below 1, got 2"):
        check_torch("cuda:2")


def test_a_missing_torch_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MachineError, match="stream: expected torch"):
        stream(BARE)


def test_who_poses_is_one_of_two():
    with pytest.raises(StreamError, match="expected posing 'device' or 'cpu', got 'gpu'"):
        stream(BARE, posing="gpu")  # type: ignore[arg-type]


def test_items_are_made_ahead_in_another_thread_and_in_order():
    threads, started = [], threading.Event()

    def items() -> Iterator[int]:
        for n in range(3):
            threads.append(threading.current_thread())
            if n == 2:
                started.set()
            yield n

    running = ahead(items())
    assert next(running) == 0
    assert started.wait(5.0)  # The third is made while the caller still looks at the first.
    assert list(running) == [1, 2]
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()


def test_an_error_arrives_where_its_item_would_have():
    def items() -> Iterator[int]:
        yield 0
        raise UsageError("expected this")

    running = ahead(items())
    assert next(running) == 0
    with pytest.raises(UsageError, match="expected this"):
        next(running)


def test_a_caller_that_stops_stops_the_thread():
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed.set()

    running = ahead(items())
    assert next(running) == 0
    running.close()
    assert closed.is_set()


def test_the_check_of_poses_compares_with_the_cpu_and_notices_a_difference(machine, monkeypatch):
    row = check_people.check(machine, heads=1, size=32, repeats=1)
    assert row.equal
    assert row.pose_ms > 0.0
    assert row.pair_ms > 0.0
    assert "| equal |" in str(row)
    monkeypatch.setattr(check_people, "VERTEX_M", -1.0)
    assert not row.equal
    assert "DIFFERENT" in str(row)


def test_poses_are_timed_without_labels_and_pairs_with_them(machine, monkeypatch):
    launched: list[str] = []
    launch = machine.kernels.launch

    def counted(kernel: str, *rest: Any) -> None:
        launched.append(kernel)
        launch(kernel, *rest)

    def launches(work: Callable[[], object], repeats: int, device: CompiledC) -> float:
        launched.clear()
        work()
        return float(len(launched))

    monkeypatch.setattr(machine.kernels, "launch", counted)
    monkeypatch.setattr(check, "milliseconds", launches)
    row = check_people.check(machine, heads=1, size=32, repeats=1)
    assert row.pose_ms == 0.0
    assert row.pair_ms > 0.0


def test_without_a_gpu_the_checks_say_so(capsys):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    assert (check_people.main(), check_stream.main()) == (2, 2)
    said = capsys.readouterr().err
    assert "gpu-check: posing not measured. device 'cuda': expected a CUDA device" in said
    assert "gpu-check: streams not measured. device 'cuda': expected a CUDA device" in said


def test_the_check_of_streams_lists_their_rates():
    table = check_stream.report(device="cpu", size=32, batch=1, count=1, workers=0).splitlines()
    ways = [[what, where] for what in ("| labels", "| labels and preview colour") for where in ("device", "cpu")]
    assert [line.split(" | ")[:2] for line in table[4:]] == ways
    assert all(float(line.split(" | ")[2].rstrip(" |")) > 0 for line in table[4:])
