"""Pairs a second on one core: labels, colour, encoding, writing, beside Embree's primary rays.

Stages are timed round-robin in one run on one thread, so that their ratios hold on a noisy machine.
"""

import hashlib
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from datagen.generate import run_of
from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from datagen.render import label_scene, render_pictures, sample_of
from datagen.sample import Sample
from datagen.scene import PosedScene, build_scene, dolly_pair
from datagen.shards import append_sample, encode_sample
from datagen.storage import COMPACT, STORAGES
from meshes.hair import grow_hair, style_look, with_hair
from meshes.head import Head
from meshes.makehuman import MakeHuman
from meshes.makehuman_person import person as person_of
from meshes.makehuman_template import template
from meshes.surface import Surface
from renderers.camera import Camera, pixel_rays, transform_points
from renderers.labels import pair_labels, to_layers, view_labels
from renderers.occlusion import lit_share
from renderers.standard_scenes import EYES, plain_head

Stage = Callable[[], object]
SUBJECTS = ("plain head", "person")
"""The standard 54k-triangle scene that the targets speak of, and an embedded person with hair."""

HAIR_TRIANGLES = 100_000
"""Hair that the target for labels speaks of: at most 3 x the time of a bald head."""
BALD, HAIRY, COLOUR = "labels, bald", f"labels, {HAIR_TRIANGLES:,} triangles of hair", "colour, hair as by default"


def measure(size: int = 512, seconds: float = 4.0) -> dict[str, Any]:
    """Times every stage on both subjects.

    Args:
        size: image height and width in pixels.
        seconds: spent on each stage.

    Returns:
        JSON values: medians and best times in milliseconds a pair, pairs a second, ratios, the machine.
    """
    recipe = replace(PRESETS["portrait"], size=size, background="black")
    plan = plan_sample(recipe, 0, 0)
    person = build_scene(recipe, plan)
    plain = _with_plain_head(person, recipe)
    with TemporaryDirectory() as folder:
        stages = {
            f"{subject}: {name}": stage
            for subject, scene in zip(SUBJECTS, (plain, person), strict=True)
            for name, stage in _stages(recipe, scene, Path(folder) / "sample.bin").items()
        }
        stages |= _hair_stages(recipe, person)
        stages["person: pose"] = lambda: build_scene(recipe, plan)
        stages["person: new person"] = _strangers(recipe, 1, painted=True)
        stages["person: new person, for labels alone"] = _strangers(recipe, 10_000, painted=False)
        times = _round_robin(stages, seconds)
    return {
        "size": size,
        "subjects": {
            "plain head": _figures(plain.head.surface, _of("plain head", times)),
            "person": _figures(person.head.surface, _of("person", times)),
        },
        "hair": _hair_figures(_of("hair", times)),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "machine": {"processor": processor(), "python": platform.python_version()},
    }


def _strangers(recipe: Recipe, first: int, *, painted: bool) -> Stage:
    """Makes somebody else every time, from a first number on: nobody that another stage made may be at hand."""
    numbers = count(first)
    return lambda: build_scene(recipe, plan_sample(recipe, 0, next(numbers)), painted=painted)


def _with_plain_head(scene: PosedScene, recipe: Recipe) -> PosedScene:
    surface, none = plain_head(), np.zeros((0, 3))
    eyes = np.array(EYES[::-1])
    head = Head(surface, eyes, eyes[0], eyes[0], np.zeros(0, np.int32), none, np.eye(3))
    near, far = dolly_pair(scene.plan.camera, head.eye_midpoint, recipe.height, recipe.width)
    return replace(scene, head=head, near=near, far=far)


def _stages(recipe: Recipe, scene: PosedScene, file: Path) -> dict[str, Stage]:
    labels = label_scene(scene)
    pictures = render_pictures(recipe, scene, labels)
    sample = sample_of(recipe, "bench", scene, labels, pictures)
    stages: dict[str, Stage] = {
        "labels": lambda: _all_labels(scene),
        "raster": lambda: [view_labels(scene.head.surface, camera) for camera in (scene.near, scene.far)],
        "visibility": lambda: pair_labels(scene.head.surface, labels.near, labels.far),
        "soft shadow": lambda: lit_share(scene.head.surface, scene.light),
        "colour with soft shadow": lambda: render_pictures(recipe, scene, labels),
        "record and final types": lambda: sample_of(recipe, "bench", scene, labels, pictures),
        **_storing(recipe, sample, file),
    }
    embree = _embree_frame(scene.head.surface, scene.near)
    return {**stages, "embree frame": embree} if embree else stages


def _storing(recipe: Recipe, sample: Sample, file: Path) -> dict[str, Stage]:
    """What becomes of a sample in either storage; a shard's one sync is left out, for it is not the processor's."""
    stages: dict[str, Stage] = {}
    for storage in STORAGES:
        run = run_of("portrait", recipe, seed=0, pairs=1, shard_pairs=1, storage=storage)
        encoded = encode_sample(run, 0, sample)
        stages[_named("encode", storage)] = partial(encode_sample, run, 0, sample)
        stages[_named("write", storage)] = partial(_write, file, sample, encoded)
    return stages


def _named(stage: str, storage: str) -> str:
    return stage if storage == COMPACT else f"{stage}, {storage} storage"


def _write(path: Path, sample: Sample, encoded: dict[str, bytes]) -> None:
    with open(path, "wb") as file:
        append_sample(file, hashlib.sha256(), sample, encoded)


def _hair_stages(recipe: Recipe, scene: PosedScene) -> dict[str, Stage]:
    """The same embedded person bald, with the default long hair, and with `HAIR_TRIANGLES` of it."""
    pose, shape = scene.plan.pose, scene.plan.identity.shape
    bald_look, long_look = ({**scene.plan.identity.look, **style_look(cut)} for cut in ("bald", "long_wavy"))
    identity, model = scene.plan.identity, MakeHuman()
    bald, usual = (model.head(replace(identity, look=look), {}, pose) for look in (bald_look, long_look))
    fixed, who = template(), person_of(tuple(sorted(shape.items())), tuple(sorted(bald_look.items())))
    to_skin = fixed.operator[: len(fixed.skin.rest)]
    share = to_skin @ fixed.pack.neck_bend
    hair = grow_hair(fixed.skin, long_look, to_skin @ who.base, share, None, triangles=HAIR_TRIANGLES)
    surface = with_hair(bald.surface, replace(hair, bound=()), who.neck, (pose.yaw, pose.pitch, pose.roll))
    bare, full, default = (replace(scene, head=head) for head in (bald, replace(bald, surface=surface), usual))
    labels = label_scene(default)
    return {
        f"hair: {BALD}": lambda: _all_labels(bare),
        f"hair: {HAIRY}": lambda: _all_labels(full),
        f"hair: {COLOUR}": lambda: render_pictures(recipe, default, labels),
    }


def _all_labels(scene: PosedScene) -> dict[str, np.ndarray]:
    labels = label_scene(scene)
    return to_layers(labels.near, labels.far, labels.pair)


def _embree_frame(surface: Surface, camera: Camera) -> Stage | None:
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


def _round_robin(stages: dict[str, Stage], seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in stages}
    for stage in stages.values():
        stage()  # Compiles and warms the caches.
    end = time.perf_counter() + seconds * len(stages)
    turns = 0
    while time.perf_counter() < end or turns < 3:
        for name, stage in stages.items():
            start = time.perf_counter()
            stage()
            times[name].append(1000 * (time.perf_counter() - start))
        turns += 1
    return times


def _of(subject: str, times: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name.partition(": ")[2]: values for name, values in times.items() if name.startswith(subject)}


def _figures(surface: Surface, times: dict[str, list[float]]) -> dict[str, Any]:
    median = {name: float(np.median(values)) for name, values in times.items()}
    labels, colour = median["labels"], median["colour with soft shadow"]
    made = labels + colour + median["record and final types"] + median.get("pose", 0.0)
    stored = {storage: median[_named("encode", storage)] + median[_named("write", storage)] for storage in STORAGES}
    written = made + stored[COMPACT]
    rates = {"labels": labels, "labels and colour": labels + colour}
    rates |= {_named("everything written", storage): made + ms for storage, ms in stored.items()}
    if "new person" in median:
        rates["everything written, every pair a new person"] = written - median["pose"] + median["new person"]
    embree = median.get("embree frame")
    return {
        "triangles": int(surface.face_label.sum()),
        "ms_a_pair": _spread(times),
        "pairs_a_second_a_core": {name: round(1000 / ms, 2) for name, ms in rates.items()},
        "labels_over_embree_frame": round(labels / embree, 3) if embree else None,
    }


def _hair_figures(times: dict[str, list[float]]) -> dict[str, Any]:
    """Milliseconds a pair, and the labels of much hair over those of none, each at its median."""
    median = {name: float(np.median(values)) for name, values in times.items()}
    return {"ms_a_pair": _spread(times), "labels_over_bald": round(median[HAIRY] / median[BALD], 2)}


def _spread(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {"median": round(float(np.median(values)), 2), "best": round(min(values), 2)}
        for name, values in times.items()
    }


def processor() -> str:
    """Name of this machine's processor, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    size, machine = figures["size"], figures["machine"]
    lines = [f"{size} x {size} px, one core of {machine['processor']}, Python {machine['python']}"]
    for subject, of in figures["subjects"].items():
        lines += ["", f"{subject}, {of['triangles']} triangles"]
        lines += _rows(of["ms_a_pair"])
        lines += [f"  {name:44s} {rate:8.2f} pairs/s" for name, rate in of["pairs_a_second_a_core"].items()]
        ratio = of["labels_over_embree_frame"]
        lines.append(f"  labels: {ratio:.2f} x one Embree frame" if ratio else "  install embreex for the yardstick")
    lines += ["", "long hair on an embedded person", *_rows(figures["hair"]["ms_a_pair"])]
    lines.append(f"  labels: {figures['hair']['labels_over_bald']:.2f} x the bald head's (target at most 3)")
    return "\n".join([*lines, "", f"peak memory {figures['peak_memory_mib']} MiB"])


def _rows(ms_a_pair: dict[str, dict[str, float]]) -> list[str]:
    return [f"  {name:44s} {ms['median']:8.2f} ms a pair (best {ms['best']:.2f})" for name, ms in ms_a_pair.items()]
