"""One loader for every stream and set: index batches to worker processes, made ahead of who asks."""

from collections.abc import Callable
from typing import Any


def loader(
    samples: Any,
    indices: Any,
    collate: Callable[[Any], Any],
    workers: int,
    *,
    prefetch: int = 2,
    pinned: bool = False,
) -> Any:
    """A `torch.utils.data.DataLoader` over batches of indices.

    Args:
        samples: map-style; has to travel to the workers.
        indices: yields the indices of each batch; may have no end.
        collate: makes a batch of a list of samples.
        workers: processes, spawned; 0 works in this one, when asked.
        prefetch: batches that each worker makes ahead.
        pinned: in memory that a GPU can copy from while it works.
    """
    import torch

    data: Any = torch.utils.data
    return data.DataLoader(
        samples,
        batch_sampler=indices,
        collate_fn=collate,
        num_workers=workers,
        prefetch_factor=prefetch if workers else None,
        multiprocessing_context="spawn" if workers else None,
        pin_memory=pinned,
    )
