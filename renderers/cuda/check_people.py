"""`python -m renderers.cuda.check_people`: people posed on the device against the CPU's, and poses and pairs a second.

Runs from the source tree with numpy, scipy, numba, torch, CuPy and Pillow; says what is missing and measures nothing.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshes.errors import UserError

VERTEX_M, NORMAL = 1e-9, 1e-5
"""What a point and a normal may differ by from the CPU's."""


@dataclass(frozen=True)
class Row:
    """One batch.

    Attributes:
        heads, size: posed at once, and the side of the pairs in pixels.
        vertex_m, normal: largest differences from the CPU's heads.
        pose_ms, pair_ms: of one head, and of one head posed and one pair of it labelled.
    """

    heads: int
    size: int
    vertex_m: float
    normal: float
    pose_ms: float
    pair_ms: float

    @property
    def equal(self) -> bool:
        """Whether the differences are within rounding."""
        return self.vertex_m <= VERTEX_M and self.normal <= NORMAL

    def __str__(self) -> str:
        verdict = "equal" if self.equal else "DIFFERENT"
        rates = f"{1e3 / self.pose_ms:.0f} | {1e3 / self.pair_ms:.0f}"
        return f"| {self.heads} | {self.size} | {self.vertex_m:.1e} m, {self.normal:.1e} | {verdict} | {rates} |"


def figures(count: int) -> list[Any]:
    """Heads of two people in different poses with different expressions."""
    from meshes.arkit import ARKIT, sample_expression
    from meshes.device.poser import Figure
    from meshes.head import Pose
    from meshes.makehuman import MakeHuman

    rng = np.random.Generator(np.random.Philox(key=1))
    people = [MakeHuman().sample_identity(rng) for _ in range(2)]
    return [
        Figure(people[n % 2], sample_expression(rng, ARKIT, 1.0), Pose(*rng.uniform(-0.4, 0.4, 3).tolist()))
        for n in range(count)
    ]


def check(machine: Any, heads: int, size: int, repeats: int) -> Row:
    """Poses a batch on a device, compares two of its heads with the CPU's, and times it."""
    from meshes.device.poser import Poser
    from meshes.makehuman import MakeHuman
    from renderers.cuda.check import milliseconds

    poser, asked = Poser(machine.name), figures(heads)
    vertex_m = normal = 0.0
    for figure, head in list(zip(asked, poser(asked), strict=True))[:2]:
        surface = MakeHuman().head(figure.identity, figure.expression, figure.pose).surface
        vertex_m = max(vertex_m, float(np.abs(head.vertices.cpu().numpy() - surface.vertices).max()))
        normal = max(normal, float(np.abs(head.normals.cpu().numpy() - surface.normals).max()))

    def pose() -> None:
        poser(asked)

    def pose_and_label() -> None:
        _label(machine, poser(asked), size)

    pose_and_label()  # Compiles.
    pose_ms, pair_ms = (milliseconds(work, repeats, machine.kernels) / heads for work in (pose, pose_and_label))
    return Row(heads, size, vertex_m, normal, pose_ms, pair_ms)


def _label(machine: Any, heads: list[Any], size: int) -> None:
    from renderers.cuda.labels import label_pairs
    from renderers.cuda.people import scene_of
    from renderers.standard_scenes import view_from

    near, far = (view_from(distance_m, size) for distance_m in (0.35, 1.6))
    label_pairs(machine.kernels, [(scene_of(machine, head), near, far) for head in heads])


def report(machine: Any, batches: tuple[int, ...] = (1, 8, 32), size: int = 512, repeats: int = 10) -> tuple[str, bool]:
    """A Markdown table over batch sizes, and whether all heads are the CPU's within rounding."""
    rows = [check(machine, heads, size, repeats) for heads in batches]
    lines = [
        f"People posed on {machine.kernels.name}, and pairs of them labelled, one a head",
        "",
        "| heads a batch | size | differ by | verdict | poses/s | pairs/s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *map(str, rows)]) + "\n", all(row.equal for row in rows)


def main() -> int:
    """0 equal, 1 something differs, 2 not measured here."""
    try:
        from renderers.cuda.machine import open_machine

        table, equal = report(open_machine("cuda"))
    except (UserError, ImportError) as error:
        sys.stderr.write(f"gpu-check: posing not measured. {error}\n")
        return 2
    sys.stdout.write(table)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
