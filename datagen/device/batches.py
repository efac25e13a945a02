"""Batches that stay on the device: processors draft the next samples while it makes one and the caller uses another."""

import queue
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

import torch

from datagen.device.drafts import Drafts
from datagen.device.maker import Maker
from datagen.loading import loader
from renderers.cuda.machine import Machine, hand_over

T = TypeVar("T")


def batches(machine: Machine, drafts: Drafts, indices: Any, workers: int, recipe_name: str) -> Iterator[dict[str, Any]]:
    """Batches of a run, one made ahead by a thread on a stream of its own.

    Args:
        machine: the device.
        drafts: the run, and who poses.
        indices: yields the sample indices of each batch.
        workers: processes that draft; 0 drafts in the thread.
        recipe_name: for the record.
    """
    drafted = loader(drafts, indices, list, workers)
    for batch, event in ahead(_made(machine, drafts, drafted, recipe_name)):
        hand_over([value for value in batch.values() if isinstance(value, torch.Tensor)], event)
        yield batch


def _made(machine: Machine, drafts: Drafts, drafted: Any, recipe_name: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """Batches with the event behind each; runs in one thread from first to last, whose streams it sets."""
    with machine.queue() as work:
        maker = Maker(machine, drafts, recipe_name)
        for several in drafted:
            yield maker.batch(several), work.mark()


def ahead(items: Iterator[T], depth: int = 1) -> Iterator[T]:
    """The items of an iterator, taken from it by a thread up to `depth` before they are asked for.

    An error in the iterator reaches the caller where the item would have. A caller that stops early stops the thread.
    """
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
    stop = threading.Event()
    thread = threading.Thread(target=_take, args=(items, ready, stop), daemon=True)
    thread.start()
    try:
        while (found := ready.get())[0] == "item":
            yield found[1]
        if found[0] == "error":
            raise found[1]
    finally:
        stop.set()
        thread.join()


def _take(items: Iterator[Any], ready: "queue.Queue[tuple[str, Any]]", stop: threading.Event) -> None:
    """Fills a queue until the iterator ends, fails, or nobody wants more; closes the iterator in this thread."""
    last: tuple[str, Any] = ("end", None)
    try:
        for item in items:
            if not _put(ready, ("item", item), stop):
                break
    except BaseException as error:
        last = ("error", error)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
    _put(ready, last, stop)


def _put(ready: "queue.Queue[tuple[str, Any]]", entry: tuple[str, Any], stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            ready.put(entry, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
