"""Engines: the shards of a run, made in this process or in local workers; the unit of work is a shard.

Sample i is the same bytes whoever makes it, so any engine, any order and any restart end in the same folder.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from datagen.card import write_index_and_card
from datagen.database import EVERYTHING, DatabaseError, MisuseError, Run, Share, StoppedError, Summary, writing
from datagen.making import MakeSample, samples
from datagen.progress import OnProgress, silent
from datagen.shards import ShardRecord, finished, write_shard
from datagen.workers import Workers


def generate(
    run: Run,
    out: Path | str,
    make: MakeSample,
    *,
    workers: int = 1,
    share: Share = EVERYTHING,
    progress: OnProgress = silent,
    command: str = "",
) -> Summary:
    """Writes every sample of a run that is not there yet; the same call again finishes an interrupted one.

    Of several shares, in any order and on any machines that see the folder, the one that finds nothing missing when
    it is done writes index and card.

    Args:
        run: what the folder will hold.
        out: the folder; made if missing.
        make: makes sample `index`.
        workers: 0 or 1 works in this process, 2 or more start that many.
        share: the shards to write.
        progress: told the samples done and the samples there are.
        command: how a person would run this again; printed on the card.

    Returns:
        The summary; `expected == written`, and `missing` says what other shares have yet to do.

    Raises:
        StoppedError: on Ctrl-C, SIGTERM or SIGHUP. Finished shards are intact.
        DatabaseError: another run or writer has the folder, a disk error, a sample that cannot be made.
    """
    out = Path(out)
    if workers < 0:
        raise MisuseError(f"workers: expected 0 or more, got {workers}; 0 and 1 work in this process.")
    with _stoppable(out), writing(out, run, share):
        records = {shard: finished(out, run, shard) for shard in share.shards(run)}
        todo = [shard for shard, record in records.items() if record is None]
        promised = sum(len(run.indices(shard)) for shard in records)
        resumed = promised - sum(len(run.indices(shard)) for shard in todo)
        tick = _counter(resumed, promised, progress)
        engine = _in_processes if workers >= 2 and len(todo) > 1 else _in_process
        records |= engine(run, out, make, todo, workers, tick)
        missing = _finish(run, out, share, command)
        size = sum(record.bytes for record in records.values() if record is not None)
        return Summary(out, promised, promised, resumed, size, missing)


def _counter(done: int, total: int, progress: OnProgress) -> Callable[[], None]:
    progress(done, total)

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return tick


def _finish(run: Run, out: Path, share: Share, command: str) -> int:
    """Index and card, once nothing is missing on disk; else the samples that other shares have yet to write."""
    records = {shard: finished(out, run, shard) for shard in range(run.shards)}
    gaps = [shard for shard, record in records.items() if record is None]
    own = sorted(set(gaps) & set(share.shards(run)))
    if own:
        raise DatabaseError(
            f"{out}: expected {run.pairs} samples, but shards {own} are not whole; run the same command again."
        )
    if not gaps:
        write_index_and_card(out, run, [record for record in records.values() if record is not None], command)
    return sum(len(run.indices(shard)) for shard in gaps)


class _Stop(KeyboardInterrupt):
    """A signal on its way up; no `except Exception` of a library in between swallows it."""


@contextlib.contextmanager
def _stoppable(out: Path) -> Iterator[None]:
    """Signals that ask a process to stop become StoppedError, in the thread where Python delivers them."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise _Stop(number)

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, stop) for number in handled if is_main}
    try:
        yield
    except KeyboardInterrupt as error:
        number = signal.Signals(error.args[0] if isinstance(error, _Stop) else signal.SIGINT)
        raise StoppedError(
            f"{out}: expected to finish, got {number.name}. Finished shards are intact; "
            "run the same command again to go on.",
            number,
        ) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_process(
    run: Run, out: Path, make: MakeSample, todo: list[int], workers: int, tick: Callable[[], None]
) -> dict[int, ShardRecord]:
    return {shard: write_shard(out, run, shard, samples(make, run.indices(shard), tick)) for shard in todo}


def _in_processes(
    run: Run, out: Path, make: MakeSample, todo: list[int], workers: int, tick: Callable[[], None]
) -> dict[int, ShardRecord]:
    with Workers(min(workers, len(todo)), run, out, make) as pool:
        return pool.write(todo, tick)
