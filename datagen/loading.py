"""One loader for every stream and set: index batches to worker processes, made ahead of who asks."""

import os
import sys
from collections.abc import Callable
from multiprocessing.util import Finalize
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
        worker_init_fn=_leave_at_once,
    )


def _leave_at_once(_: int) -> None:
    """Lets a worker end without tearing its interpreter down.

    A worker that is stopped while it hands tensors over has a thread inside torch, which aborts when Python unwinds it:
    "terminate called without an active exception", and an error in whoever closed the stream.
    """
    Finalize(None, _leave, exitpriority=-1000)  # After all others.


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
