"""`python -m renderers.cuda.check`: every label on the device against the CPU's bits, and how long a pair takes.

Runs from the source tree with numpy, numba and CuPy alone; what a machine lacks is skipped by name.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from meshes.surface import Surface
from renderers import labels as cpu
from renderers.cuda import labels as gpu
from renderers.cuda.device import CudaDevice, Device, DeviceError
from renderers.lens import Distortion
from renderers.standard_scenes import hard_head, plain_head, view_from

PAIRS_M = ((0.18, 1.6, None), (0.35, math.inf, None), (0.35, 1.6, Distortion(-0.2, 0.05, 0.003, -0.002, 0.01)))
"""Near and far distances, infinity being orthographic, and the near view's lens."""


@dataclass(frozen=True)
class Row:
    """One scene at one pair of distances.

    Attributes:
        scene, near_m, far_m, faces: what was labelled.
        differing: names of label arrays with any bit that is not the CPU's.
        cpu_ms, device_ms: of one pair; the device's once the surface is there.
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


def scenes() -> Iterator[tuple[str, Surface]]:
    """The test scenes, and the embedded head where its packages are installed."""
    yield "plain", plain_head()
    yield "hard", hard_head()
    try:
        from meshes.head import Identity, Pose
        from meshes.makehuman import MakeHuman
    except ImportError as error:
        sys.stderr.write(f"skipped the embedded head: {error}\n")
        return
    yield "person", MakeHuman().head(Identity(), {"jawOpen": 0.3}, Pose(yaw=0.2)).surface


def check(
    device: Device,
    surface: Surface,
    name: str,
    near_m: float,
    far_m: float,
    size: int,
    repeats: int,
    lens: Distortion | None = None,
) -> Row:
    """Labels of one pair on both, compared and timed."""
    near, far = replace(view_from(near_m, size), distortion=lens), view_from(far_m, size)

    def on_cpu() -> tuple[object, ...]:
        a, b = cpu.view_labels(surface, near), cpu.view_labels(surface, far)
        return a, b, cpu.pair_labels(surface, a, b)

    scene = gpu.upload(device, surface)
    views = gpu.place(device, scene, near), gpu.place(device, scene, far)

    def on_device() -> tuple[object, ...]:
        labels = gpu.view_labels(device, scene, views[0]), gpu.view_labels(device, scene, views[1])
        return (*labels, gpu.pair_labels(device, scene, views, labels))

    theirs, ours = on_cpu(), gpu.to_host(device, on_device())
    differing = tuple(name for one, other in zip(ours, theirs, strict=True) for name in _differing(one, other))
    times = (_milliseconds(on_cpu, repeats, device), _milliseconds(on_device, repeats, device))
    return Row(name, near_m, far_m, lens, len(surface.faces), differing, *times)


def _differing(ours: object, theirs: object) -> Iterator[str]:
    for name, value in vars(theirs).items():
        other = getattr(ours, name)
        if isinstance(value, np.ndarray):
            if value.dtype != other.dtype or value.tobytes() != np.ascontiguousarray(other).tobytes():
                yield name
        elif name != "camera":
            yield from _differing(other, value)


def _milliseconds(work: Callable[[], object], repeats: int, device: Device) -> float:
    """Median wall time, waiting for the device."""
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        if device.xp is not np:
            device.xp.cuda.runtime.deviceSynchronize()
        spent.append(1e3 * (time.perf_counter() - start))
    return float(np.median(spent))


def report(device: Device, size: int = 512, repeats: int = 20) -> tuple[str, bool]:
    """A Markdown table over scenes and distances, and whether every bit agreed."""
    lines = [
        f"Labels of a {size} x {size} pair on {device.name}",
        "",
        "| scene | faces | distances | bits | CPU ms | device ms | pairs/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        check(device, surface, name, near_m, far_m, size, repeats, lens)
        for name, surface in scenes()
        for near_m, far_m, lens in PAIRS_M
    ]
    return "\n".join([*lines, *map(str, rows)]) + "\n", not any(row.differing for row in rows)


def main() -> int:
    """0 equal, 1 some bit differs, 2 no device here."""
    try:
        table, equal = report(CudaDevice())
    except DeviceError as error:
        sys.stderr.write(f"gpu-check: not measured. {error}\n")
        return 2
    sys.stdout.write(table)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
