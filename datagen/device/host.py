"""`python -m datagen.device.host`: what a batch of a device stream leaves to the main process, measured without a GPU.

The kernels run as C and torch poses on this processor; both are timed and taken off, as a GPU does them meanwhile. It
would make the arrays of images too, which here take time by their size, as nothing else does: images are tiny.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datagen.device.check import LABELS, recipe
from datagen.device.drafts import Drafts
from datagen.device.maker import Maker
from datagen.live import with_layers
from datagen.pages import grid
from meshes.errors import UserError
from renderers.cuda.device import CompiledC, Count
from renderers.cuda.machine import Machine
from renderers.layers import DEFAULT_LAYERS


@dataclass
class Watched:
    """A function that is counted and timed.

    Attributes:
        work: the function.
        calls, seconds: so far.
    """

    work: Callable[..., Any]
    calls: int = 0
    seconds: float = 0.0

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives."""
        start = time.perf_counter()
        found = self.work(*arguments)
        self.calls, self.seconds = self.calls + 1, self.seconds + time.perf_counter() - start
        return found


class Launches(CompiledC):
    """Kernels as C, whose launches are counted and timed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.watched = Watched(super().launch)

    def launch(self, kernel: str, count: Count, *arguments: Any) -> None:
        """See `renderers.cuda.device.Device.launch`."""
        self.watched(kernel, count, *arguments)


@dataclass(frozen=True)
class Share:
    """A batch of pairs.

    Attributes:
        name: what is made.
        size: of the images in pixels.
        pairs: of the batch.
        launches: of kernels, in all.
        draft_ms: of a worker, a pair, once its people are at hand.
        host_ms: of the main process, a pair, without kernels and poses.
    """

    name: str
    size: int
    pairs: int
    launches: int
    draft_ms: float
    host_ms: float

    @property
    def cells(self) -> tuple[str, ...]:
        """Of a table."""
        each = f"{self.draft_ms:.2f}", f"{self.host_ms:.2f}", f"{1e3 / self.host_ms:.0f}"
        return self.name, f"{self.size} x {self.size}", str(self.launches), *each


def share(name: str, layers: Sequence[str], folder: Path, size: int, batch: int) -> Share:
    """Makes two batches and times the second, whose people and tables are where they stay."""
    asked, device = with_layers(recipe(size), layers), Launches(folder)
    drafts = Drafts(asked, 0, on_device=True)
    maker = Maker(Machine(device, "cpu"), drafts, "usc2019")
    kernels, pose = device.watched.work, maker.poser
    for first in (0, asked.people * asked.steps):  # The same people in other poses.
        device.watched, posed = Watched(kernels), Watched(pose)
        maker.poser = posed  # type: ignore[assignment]
        start = time.perf_counter()
        drafted = [drafts[index] for index in range(first, first + batch)]
        drafted_at = time.perf_counter()
        maker.batch(drafted)
        made_at = time.perf_counter()
    own_s = made_at - drafted_at - device.watched.seconds - posed.seconds
    return Share(name, size, batch, device.watched.calls, 1e3 * (drafted_at - start) / batch, 1e3 * own_s / batch)


def report(size: int = 32, batch: int = 32) -> str:
    """A Markdown table: labels, and labels with the preview's colour."""
    found = []
    for name, layers in (("labels", LABELS), ("labels and preview colour", DEFAULT_LAYERS)):
        with TemporaryDirectory() as folder:
            found.append(share(name, layers, Path(folder), size, batch))
    heads = "layers", "pixels", "launches a batch", "draft, ms a pair", "main process, ms a pair", "pairs/s at most"
    title = f"What a batch of {batch} pairs leaves to processors, 8 pairs to a pose"
    return f"{title}\n\n{grid(heads, [one.cells for one in found])}\n"


def main() -> int:
    """0 measured, 2 not measured here."""
    try:
        sys.stdout.write(report())
    except UserError as error:
        sys.stderr.write(f"host: not measured. {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
