"""Engines: the shards of a run, made in this process, in local workers or on a cluster; the unit of work is a shard.

Sample i is the same bytes whoever makes it, so any engine, any order and any restart end in the same folder.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from datagen.database import EVERYTHING, DatabaseError, MisuseError, Run, Share, Summary
from datagen.making import MakeSample, samples
from datagen.places import Place, place
from datagen.progress import OnProgress, silent
from datagen.shards import ShardRecord
from datagen.stopping import stoppable
from datagen.workers import Workers

Engine = Callable[[Run, Place, MakeSample, Iterator[int], int, Callable[[], None]], dict[int, ShardRecord]]
"""Writes shards of a run into a place with so many workers, telling each sample; returns the records of those written.

It asks for the next shard only when it can begin it: a run that shall stop has no further ones."""


def generate(
    run: Run,
    out: Path | str,
    make: MakeSample,
    *,
    workers: int = 1,
    share: Share = EVERYTHING,
    engine: Engine | None = None,
    progress: OnProgress = silent,
    command: str = "",
) -> Summary:
    """Writes every sample of a run that is not there yet; the same call again finishes an interrupted one.

    Of several shares, in any order and on any machines that see the folder, the one that finds nothing missing when
    it is done writes index and card.

    Args:
        run: what the folder will hold.
        out: the folder, made if missing; or an address that fsspec knows (`datagen.places`).
        make: makes sample `index`.
        workers: 0 or 1 works in this process, 2 or more start that many.
        share: the shards to write.
        engine: who writes them; this machine where left out, `datagen.ray_engine.RayEngine` for a cluster.
        progress: told the samples done and the samples there are.
        command: how a person would run this again; printed on the card.

    Returns:
        The summary; `expected == written`, and `missing` says what other shares have yet to do.

    Raises:
        StoppedError: on Ctrl-C, SIGTERM or SIGHUP. Finished shards are intact; SIGTERM lets those in work be
            finished, unless it comes twice.
        DatabaseError: another run or writer has the folder, a disk error, a sample that cannot be made.
    """
    if workers < 0:
        raise MisuseError(f"workers: expected 0 or more, got {workers}; 0 and 1 work in this process.")
    where = place(out)
    with stoppable(where.name) as stop, where.held(run, share):
        records = where.finished(run, share.shards(run))
        todo = [shard for shard, record in records.items() if record is None]
        promised = sum(len(run.indices(shard)) for shard in records)
        resumed = promised - sum(len(run.indices(shard)) for shard in todo)
        tick = _counter(resumed, promised, progress)
        local = _in_processes if workers >= 2 and len(todo) > 1 else _in_process
        if todo:
            shards = stop.until_asked(todo)
            records |= (engine or local)(run, where, make, shards, min(workers, len(todo)), tick)
        if stop.soon and None in records.values():
            raise stop.error(where.name)
        missing = _finish(run, where, share, command)
        size = sum(record.bytes for record in records.values() if record is not None)
        return Summary(where.name, promised, promised, resumed, size, missing)


def _counter(done: int, total: int, progress: OnProgress) -> Callable[[], None]:
    progress(done, total)

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return tick


def _finish(run: Run, where: Place, share: Share, command: str) -> int:
    """Index and card, once nothing is missing; else the samples that other shares have yet to write."""
    records = where.finished(run, range(run.shards))
    gaps = [shard for shard, record in records.items() if record is None]
    own = sorted(set(gaps) & set(share.shards(run)))
    if own:
        raise DatabaseError(
            f"{where.name}: expected {run.pairs} samples, but shards {own} are not whole; run the same command again."
        )
    if not gaps:
        where.finish(run, [record for record in records.values() if record is not None], command)
    return sum(len(run.indices(shard)) for shard in gaps)


def _in_process(
    run: Run, where: Place, make: MakeSample, todo: Iterator[int], workers: int, tick: Callable[[], None]
) -> dict[int, ShardRecord]:
    return {shard: where.write(run, shard, samples(make, run.indices(shard), tick)) for shard in todo}


def _in_processes(
    run: Run, where: Place, make: MakeSample, todo: Iterator[int], workers: int, tick: Callable[[], None]
) -> dict[int, ShardRecord]:
    with Workers(workers, run, where, make) as pool:
        return pool.write(todo, tick)
