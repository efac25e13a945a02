"""`python -m renderers.cuda.check`: labels on the device against the CPU's bits, pictures against its codes, and times.

Runs from the source tree with numpy, numba and CuPy alone; what a machine lacks is skipped by name.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from meshes.surface import Surface
from renderers import labels as cpu
from renderers import preview
from renderers.cuda import colour, shadow
from renderers.cuda import labels as gpu
from renderers.cuda.device import CudaDevice, Device, DeviceError
from renderers.cuda.views import place, upload
from renderers.environment import studio_light
from renderers.exact import rasterize
from renderers.lens import Distortion
from renderers.light import EnvironmentLight
from renderers.occlusion import DIRECTIONS, Arrival, arrival
from renderers.picture import Image
from renderers.srgb import encode
from renderers.standard_scenes import hard_head, plain_head, view_from

PAIRS_M = ((0.18, 1.6, None), (0.35, math.inf, None), (0.35, 1.6, Distortion(-0.2, 0.05, 0.003, -0.002, 0.01)))
"""Near and far distances, infinity being orthographic, and the near view's lens."""

DISTANCES_M = (0.35, math.inf)
"""Of the pictures."""


@dataclass(frozen=True)
class Row:
    """One scene at one pair of distances.

    Attributes:
        scene, near_m, far_m, faces: what was labelled.
        differing: names of label arrays with any bit that is not the CPU's.
        cpu_ms, device_ms: of one pair; the device's once the surface is there, and of a batch.
    """

    scene: str
    near_m: float
    far_m: float
    lens: Distortion | None
    faces: int
    differing: tuple[str, ...]
    cpu_ms: float
    device_ms: float

    def __str__(self) -> str:
        verdict = "equal" if not self.differing else f"DIFFERENT: {', '.join(self.differing)}"
        distances = f"{self.near_m:g} / {self.far_m:g} m{' through a lens' if self.lens else ''}"
        times = f"{self.cpu_ms:.2f} | {self.device_ms:.2f} | {1e3 / self.device_ms:.0f}"
        return f"| {self.scene} | {self.faces} | {distances} | {verdict} | {times} |"


@dataclass(frozen=True)
class Picture:
    """One scene from one distance.

    Attributes:
        scene, distance_m, faces: what was pictured.
        same_bits: whether nothing at all differs from the CPU's picture.
        codes, alphas: the greatest difference, of 8-bit sRGB codes and of coverage in 255ths.
        cpu_ms, device_ms: of one picture, once the surface is lit, there, and labelled.
    """

    scene: str
    distance_m: float
    faces: int
    same_bits: bool
    codes: int
    alphas: int
    cpu_ms: float
    device_ms: float

    @property
    def agrees(self) -> bool:
        """Whether colour and coverage lie within 1/255 at every pixel."""
        return max(self.codes, self.alphas) <= 1

    def __str__(self) -> str:
        differs = f"colour by {self.codes} / 255, alpha by {self.alphas} / 255"
        verdict = "equal" if self.same_bits else f"{'within' if self.agrees else 'DIFFERENT:'} {differs}"
        times = f"{self.cpu_ms:.2f} | {self.device_ms:.2f} | {1e3 / self.device_ms:.0f}"
        return f"| {self.scene} | {self.faces} | {self.distance_m:g} m | {verdict} | {times} |"


@dataclass(frozen=True)
class Shadows:
    """The soft shadows of one scene.

    Attributes:
        scene, faces: what was lit.
        differs: the greatest difference from the CPU of a share or an opening, which are parts of 1.
        cpu_ms, device_ms: of one surface, once its points are there.
    """

    scene: str
    faces: int
    differs: float
    cpu_ms: float
    device_ms: float

    @property
    def agrees(self) -> bool:
        """Whether what arrives lies within 1/255 at every vertex."""
        return self.differs <= 1 / 255

    def __str__(self) -> str:
        verdict = "equal" if self.differs == 0 else f"{'within' if self.agrees else 'DIFFERENT:'} {self.differs:.1e}"
        times = f"{self.cpu_ms:.2f} | {self.device_ms:.2f} | {1e3 / self.device_ms:.0f}"
        return f"| {self.scene} | {self.faces} | {DIRECTIONS} | {verdict} | {times} |"


def scenes() -> Iterator[tuple[str, Surface]]:
    """The test scenes, and the embedded head, bare and with hair, where its packages are installed."""
    yield "plain", plain_head()
    yield "hard", hard_head()
    try:
        from meshes.hair import style_look
        from meshes.head import Identity, Pose, Style
        from meshes.makehuman import MakeHuman
    except ImportError as error:
        sys.stderr.write(f"skipped the embedded head: {error}\n")
        return
    yield "person", MakeHuman().head(Identity(), {"jawOpen": 0.3}, Pose(yaw=0.2)).surface
    long = Style(look=style_look("long_wavy"))
    yield "hair", MakeHuman().head(Identity(), {"jawOpen": 0.3}, Pose(yaw=0.2), long).surface


def check(
    device: Device,
    surface: Surface,
    name: str,
    near_m: float,
    far_m: float,
    size: int,
    repeats: int,
    lens: Distortion | None = None,
    batch: int = 1,
) -> Row:
    """Labels of one pair on both, compared and timed; on the device the last of a batch of such pairs."""
    near, far = replace(view_from(near_m, size), distortion=lens), view_from(far_m, size)

    def on_cpu() -> tuple[object, ...]:
        a, b = cpu.view_labels(surface, near), cpu.view_labels(surface, far)
        return a, b, cpu.pair_labels(surface, a, b)

    scene = upload(device, surface)

    def on_device() -> gpu.Stack:
        return gpu.label_pairs(device, [(scene, near, far)] * batch)

    theirs, ours = on_cpu(), gpu.to_host(device, on_device().pair(batch - 1))
    differing = tuple(name for one, other in zip(ours, theirs, strict=True) for name in _differing(one, other))
    times = (milliseconds(on_cpu, repeats, device), milliseconds(on_device, repeats, device) / batch)
    return Row(name, near_m, far_m, lens, len(surface.faces), differing, *times)


def check_colour(device: Device, surface: Surface, name: str, distance_m: float, size: int, repeats: int) -> Picture:
    """One picture on both, compared and timed."""
    camera = view_from(distance_m, size)
    lit, there_lit = preview.light_up(surface, _light()), colour.light_up(device, surface, preview.prepare(_light()))
    here = rasterize(surface, camera)
    there = gpu.row(gpu.rasterize(device, place(device, [(upload(device, surface), camera)])), 0)

    def on_cpu() -> Image:
        return preview.render(lit, camera, here)

    def on_device() -> Image:
        return colour.render(device, there_lit, camera, there)

    theirs, ours = on_cpu(), gpu.to_host(device, on_device())
    same_bits = not any(_differing(ours, theirs))
    alphas = np.rint(255 * np.abs(ours.alpha - theirs.alpha)).max()
    codes = np.abs(encode(ours.rgb).astype(int) - encode(theirs.rgb)).max()
    times = (milliseconds(on_cpu, repeats, device), milliseconds(on_device, repeats, device))
    return Picture(name, distance_m, len(surface.faces), same_bits, int(codes), int(alphas), *times)


def check_shadows(device: Device, surface: Surface, name: str, repeats: int) -> Shadows:
    """What arrives at the vertices on both, compared and timed."""
    light, scene = _light(), upload(device, surface)
    prepared = preview.prepare(light)

    def on_cpu() -> Arrival:
        return arrival(surface, light)

    def on_device() -> Arrival:
        return shadow.arrival(device, scene, surface, prepared)

    both = zip(gpu.to_host(device, tuple(on_device())), on_cpu(), strict=True)
    differs = max(float(np.abs(a - b).max()) for a, b in both)
    times = (milliseconds(on_cpu, repeats, device), milliseconds(on_device, repeats, device))
    return Shadows(name, len(surface.faces), differs, *times)


@cache
def _light() -> EnvironmentLight:
    return studio_light(np.random.Generator(np.random.Philox(key=1)))


def _differing(ours: object, theirs: object) -> Iterator[str]:
    for name, value in vars(theirs).items():
        other = getattr(ours, name)
        if isinstance(value, np.ndarray):
            if value.dtype != other.dtype or value.tobytes() != np.ascontiguousarray(other).tobytes():
                yield name
        elif name != "camera":
            yield from _differing(other, value)


def milliseconds(work: Callable[[], object], repeats: int, device: Device) -> float:
    """Median wall time, waiting for the device."""
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if device.xp is not np:
            device.xp.cuda.runtime.deviceSynchronize()
        spent.append(1e3 * (time.perf_counter() - start))
    return float(np.median(spent))


def report(device: Device, size: int = 512, repeats: int = 20, batch: int = 32) -> tuple[str, bool]:
    """Markdown tables of labels in batches, pictures and soft shadows, and whether all agreed."""
    stage = list(scenes())
    labels = [
        check(device, surface, name, near_m, far_m, size, repeats, lens, batch)
        for name, surface in stage
        for near_m, far_m, lens in PAIRS_M
    ]
    pictures = [
        check_colour(device, surface, name, distance_m, size, repeats)
        for name, surface in stage
        for distance_m in DISTANCES_M
    ]
    shadows = [check_shadows(device, surface, name, repeats) for name, surface in stage]
    tables = (
        _table(
            f"Labels of a {size} x {size} pair, {batch} at once, on {device.name}",
            "distances",
            "bits",
            "pairs/s",
            labels,
        ),
        _table(f"Pictures of {size} x {size} on {device.name}", "distance", "picture", "pictures/s", pictures),
        _table(f"Soft shadows on {device.name}", "directions", "shares", "surfaces/s", shadows),
    )
    colours_agree = all(row.agrees for row in pictures) and all(row.agrees for row in shadows)
    return "\n".join(tables), colours_agree and not any(row.differing for row in labels)


def _table(title: str, distance: str, verdict: str, rate: str, rows: Sequence[Row | Picture | Shadows]) -> str:
    head = f"| scene | faces | {distance} | {verdict} | CPU ms | device ms | {rate} |"
    return "\n".join([title, "", head, "| --- | --- | --- | --- | --- | --- | --- |", *map(str, rows)]) + "\n"


def main() -> int:
    """0 labels equal and colour within 1/255, 1 some differ, 2 no device here."""
    try:
        table, equal = report(CudaDevice())
    except DeviceError as error:
        sys.stderr.write(f"gpu-check: not measured. {error}\n")
        return 2
    sys.stdout.write(table)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
