"""Learning from pairs: batches, networks, losses and the loop that trains them.

Everything is torch; images are (N, 3, H, W) float32 in [0, 1] as coded in sRGB, flows (N, 2, H, W) pixels of that grid.
`training.open(path)` and `training.stream(recipe)` give the batches (training/data.py).
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`open` and `stream` load torch only when they are asked for, so that its absence is a message, not a failure."""
    if name in ("open", "stream"):
        from training import data

        return getattr(data, name)
    raise AttributeError(f"module 'training' has no attribute {name!r}")
