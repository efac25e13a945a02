"""Pairs a second on one core: labels, labels + colour, labels + colour + writing, beside Embree's primary rays.

Stages are timed round-robin in one run on one thread, so that their ratios hold on a noisy machine.
"""

import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from datagen.plan import Plan, plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from datagen.render import Pictures, encode, label_scene, render_pictures, sample_of
from datagen.scene import PosedScene, build_scene
from meshes.surface import Surface
from renderers.camera import Camera, pixel_rays, transform_points
from renderers.exact import rasterize
from renderers.labels import pair_labels, view_labels
from renderers.occlusion import lit_share

SEED = 0
PEOPLE = 4
"""Different scenes a stage cycles through, so that no cache of one scene flatters it."""


def measure(size: int = 512, seconds: float = 4.0) -> dict[str, Any]:
    """Times every stage.

    Args:
        size: image height and width in pixels.
        seconds: spent on each stage.

    Returns:
        JSON values: medians in milliseconds a pair, pairs a second of the sums, ratios, the machine.
    """
    recipe = Recipe(**{**vars(PRESETS["portrait"]), "size": size})
    plans = [plan_sample(recipe, SEED, index) for index in range(PEOPLE)]
    scenes = [build_scene(recipe, plan) for plan in plans]
    with TemporaryDirectory() as folder:
        stages = _stages(recipe, plans, scenes, Path(folder))
        stage_ms = _round_robin(stages, seconds)
    return _figures(size, scenes[0].head.surface, stage_ms)


def _stages(
    recipe: Recipe, plans: list[Plan], scenes: list[PosedScene], folder: Path
) -> dict[str, Callable[[int], object]]:
    labels = [label_scene(scene) for scene in scenes]
    pictures: list[Pictures] = [render_pictures(recipe, scene, two) for scene, two in zip(scenes, labels, strict=True)]
    samples = [sample_of(recipe, "bench", *made) for made in zip(scenes, labels, pictures, strict=True)]

    def write(i: int) -> None:
        (folder / "sample.bin").write_bytes(b"".join(encode(samples[i]).values()))

    stages: dict[str, Callable[[int], object]] = {
        "pose": lambda i: build_scene(recipe, plans[i]),
        "raster_one_view": lambda i: rasterize(scenes[i].head.surface, scenes[i].near),
        "labels_without_visibility": lambda i: [view_labels(scenes[i].head.surface, c) for c in _cameras(scenes[i])],
        "labels": lambda i: _labels(scenes[i]),
        "soft_shadow": lambda i: lit_share(scenes[i].head.surface, scenes[i].light),
        "colour_with_soft_shadow": lambda i: render_pictures(recipe, scenes[i], labels[i]),
        "encode_and_write": write,
    }
    embree = [_embree_frame(scene.head.surface, scene.near) for scene in scenes]
    if embree[0] is not None:
        stages["embree_one_frame"] = lambda i: embree[i]()  # type: ignore[misc]
    return stages


def _cameras(scene: PosedScene) -> tuple[Camera, Camera]:
    return scene.near, scene.far


def _labels(scene: PosedScene) -> None:
    surface = scene.head.surface
    near, far = (view_labels(surface, camera) for camera in _cameras(scene))
    pair_labels(surface, near, far)


def _embree_frame(surface: Surface, camera: Camera) -> Callable[[], object] | None:
    """Embree's primary rays for one frame, tree and rays built beforehand; None where embreex is missing."""
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError:
        return None
    columns, rows = pixel_rays(camera)
    x, y = np.meshgrid(columns, rows)
    directions = np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3).astype(np.float32)
    origins = np.zeros_like(directions)
    corners = transform_points(camera.T_camera_head, surface.vertices).astype(np.float32)
    scene = EmbreeScene()
    TriangleMesh(scene, corners[surface.faces[surface.face_label]])
    return lambda: scene.run(origins, directions, output=True)


def _round_robin(stages: dict[str, Callable[[int], object]], seconds: float) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in stages}
    for stage in stages.values():
        stage(0)
    end = time.perf_counter() + seconds * len(stages)
    turn = 0
    while time.perf_counter() < end or turn < 3:
        for name, stage in stages.items():
            start = time.perf_counter()
            stage(turn % PEOPLE)
            times[name].append(time.perf_counter() - start)
        turn += 1
    return {name: round(1000 * float(np.median(values)), 3) for name, values in times.items()}


def _figures(size: int, surface: Surface, stage_ms: dict[str, float]) -> dict[str, Any]:
    labels, colour = stage_ms["labels"], stage_ms["colour_with_soft_shadow"]
    everything = stage_ms["pose"] + labels + colour + stage_ms["encode_and_write"]
    embree = stage_ms.get("embree_one_frame")
    return {
        "size": size,
        "triangles": int(surface.face_label.sum()),
        "stage_ms_a_pair": stage_ms,
        "pairs_a_second_a_core": {
            "labels": round(1000 / labels, 2),
            "labels_and_colour": round(1000 / (labels + colour), 2),
            "everything_written": round(1000 / everything, 2),
        },
        "labels_over_embree_frame": round(labels / embree, 3) if embree else None,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "machine": {"processor": platform.processor() or platform.machine(), "python": platform.python_version()},
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [f"{figures['size']} x {figures['size']} px, {figures['triangles']} triangles, one core"]
    lines += [f"  {name:28s} {ms:8.2f} ms a pair" for name, ms in figures["stage_ms_a_pair"].items()]
    lines += [f"  {name:28s} {rate:8.2f} pairs/s" for name, rate in figures["pairs_a_second_a_core"].items()]
    ratio = figures["labels_over_embree_frame"]
    yardstick = f"{ratio:.2f} x one Embree frame" if ratio else "install embreex for the yardstick"
    return "\n".join([*lines, f"  labels of a pair: {yardstick}"])
