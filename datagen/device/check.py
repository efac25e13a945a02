"""`python -m datagen.device.check`: how many pairs a second a live stream gives on this GPU, records and all."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from datagen.live import stream
from datagen.presets import PRESETS
from datagen.recipe import Recipe
from meshes.errors import UserError
from renderers.layers import DEFAULT_LAYERS, PICTURED

LABELS = tuple(name for name in DEFAULT_LAYERS if name not in PICTURED)


def recipe(size: int) -> Recipe:
    """Eight people of the 2019 database, eight distances each: what a stream gives once its people are there."""
    return replace(PRESETS["usc2019"], size=size, people=8, distances=8, lights=("studio",))


def rate(batches: Iterator[dict[str, Any]], count: int, device: str) -> float:
    """Pairs a second over `count` batches, after as many to warm up."""
    for _ in islice(batches, count):
        pass
    start, pairs = time.perf_counter(), 0
    for batch in islice(batches, count):
        pairs += len(batch["meta"])
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)
    return pairs / (time.perf_counter() - start)


def report(device: str = "cuda", size: int = 512, batch: int = 32, count: int = 8, workers: int = 8) -> str:
    """A Markdown table: labels, and labels with colour, by who poses."""
    lines = [
        f"Stream of {size} x {size} pairs, {batch} a batch, {workers} workers",
        "",
        "| layers | posed by | pairs/s |",
        "| --- | --- | --- |",
    ]
    for name, layers in (("labels", LABELS), ("labels and preview colour", DEFAULT_LAYERS)):
        for posing in ("device", "cpu"):
            options: dict[str, Any] = {"posing": posing, "device": device, "workers": workers, "layers": layers}
            running: Any = stream(recipe(size), batch=batch, **options)
            lines.append(f"| {name} | {posing} | {rate(running, count, device):.1f} |")
            running.close()
    return "\n".join(lines) + "\n"


def main() -> int:
    """0 measured, 2 not measured here."""
    try:
        table = report()
    except UserError as error:
        sys.stderr.write(f"gpu-check: streams not measured. {error}\n")
        return 2
    sys.stdout.write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
