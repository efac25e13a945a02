"""What grows with a set besides its shards: side files, the index, and the memory of whoever opens it.

Measured on one real side file repeated under other names, beside tars that are as long as it says and hold nothing.
"""

import os
import time
import tracemalloc
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from datagen.card import index
from datagen.database import Run, shard_name, to_json, write_run
from datagen.reader import PairDataset
from datagen.shards import PER_SAMPLE, ShardRecord, side_file

SHARD_PAIRS = 64
"""Pairs of every shard, as docs/scaling.md advises for large sets."""
SHARDS = 32
"""Enough that what does not grow is lost in what does."""


@dataclass(frozen=True)
class Growth:
    """How files and memory grow.

    Attributes:
        side_bytes: of side files, bytes a pair.
        index_bytes_a_shard, index_bytes_a_person: of `index.json`.
        open_core_s: processor time of `PairDataset(folder)`, seconds a pair.
        open_bytes: memory that a `PairDataset` holds, bytes a pair.
        open_peak_bytes: the most that opening it takes, bytes a pair.
    """

    side_bytes: float
    index_bytes_a_shard: float
    index_bytes_a_person: float
    open_core_s: float
    open_bytes: float
    open_peak_bytes: float


def growth(run: Run, record: ShardRecord, folder: Path, shards: int = SHARDS) -> Growth:
    """Repeats a shard's record and opens what comes of it.

    Args:
        run: of one shard.
        record: that shard's; its samples take turns in shards of SHARD_PAIRS.
        folder: made here; small, for the tars are holes.
        shards: how many are opened.
    """
    records = [_repeated(record, shard) for shard in range(2 * shards)]
    one, two, crowd = (_index_bytes(run, some) for some in (records[:shards], records, _strangers(records)))
    new_people = len(records) * SHARD_PAIRS - len(set(record.people))
    side_bytes = _written(folder, run, records[:shards])
    seconds, held, peak = _opened(folder)
    pairs = shards * SHARD_PAIRS
    a_shard, a_person = (two - one) / shards, (crowd - two) / new_people
    return Growth(side_bytes / pairs, a_shard, a_person, seconds / pairs, held / pairs, peak / pairs)


def _repeated(record: ShardRecord, shard: int) -> ShardRecord:
    """A shard of SHARD_PAIRS under its own name and keys, the record's samples in turns."""
    own: dict[str, Any] = {name: tuple(islice(cycle(getattr(record, name)), SHARD_PAIRS)) for name in PER_SAMPLE}
    own["keys"] = tuple(f"{shard * SHARD_PAIRS + i:08d}" for i in range(SHARD_PAIRS))
    return replace(record, name=shard_name(shard), **own)


def _strangers(records: list[ShardRecord]) -> list[ShardRecord]:
    """The records with another person of as long a name in every sample."""
    return [
        replace(record, people=tuple(key.rjust(len(person), "p")[-len(person) :] for key, person in _named(record)))
        for record in records
    ]


def _named(record: ShardRecord) -> Iterable[tuple[str, str]]:
    return zip(record.keys, record.people, strict=True)


def _index_bytes(run: Run, records: list[ShardRecord]) -> int:
    return len(to_json(index(run, records)))


def _written(folder: Path, run: Run, records: list[ShardRecord]) -> int:
    """Bytes of the side files that are written."""
    folder.mkdir()
    write_run(folder, replace(run, pairs=len(records) * SHARD_PAIRS, shard_pairs=SHARD_PAIRS))
    for record in records:
        tar = folder / record.name
        tar.touch()
        os.truncate(tar, record.bytes)
        side_file(tar).write_bytes(to_json(asdict(record), indent=None))
    return sum(side_file(folder / record.name).stat().st_size for record in records)


def _opened(folder: Path) -> tuple[float, int, int]:
    """Processor time in seconds, then bytes held and bytes at the peak, of opening a set."""
    start = time.process_time()
    PairDataset(folder)
    seconds = time.process_time() - start
    tracemalloc.start()
    try:
        pairs = PairDataset(folder)
        held, peak = tracemalloc.get_traced_memory()
        del pairs
    finally:
        tracemalloc.stop()
    return seconds, held, peak
