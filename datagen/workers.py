"""Local worker processes that write shards: one pipe each, and a closed pipe means stop or dead.

There is no shared queue or lock that a killed process could take with it.
"""

import contextlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from datagen.database import DatabaseError, Run
from datagen.making import MakeSample, samples
from datagen.places import Place
from datagen.shards import ShardRecord
from datagen.stopping import SIGNALS
from meshes.errors import UserError
from renderers.memory import keep_freed_memory

GRACE_S = 30.0
"""How long a worker may take to finish its sample once it is told to stop; then it is killed."""
ONE_THREAD = {
    f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA", "VECLIB_MAXIMUM")
}
"""Set for workers before numeric libraries load: as many threads as processes, and one order of summation."""


@dataclass(frozen=True)
class Failure:
    """Why a shard was not written, in words, and a traceback for people who debug."""

    message: str
    detail: str


class Workers:
    """Processes that write shards of one run; a context manager, so that none outlives its block."""

    def __init__(self, count: int, run: Run, where: Place, make: MakeSample) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes: dict[Connection, BaseProcess] = {}
        self._busy: dict[Connection, int] = {}
        try:
            with environment(ONE_THREAD), _held_back(SIGNALS):
                for _ in range(count):
                    ours, theirs = context.Pipe()
                    process = context.Process(target=_work, args=(theirs, run, where, make), daemon=True)
                    process.start()
                    theirs.close()
                    self._processes[ours] = process
        except Exception as error:  # What cannot be sent fails in many ways, one of them private to pickling.
            self.close()
            if isinstance(error, OSError):
                raise
            raise DatabaseError(
                f"workers: expected a callable that can be sent to a process, got {error}; use a "
                "function of a module (functools.partial of one is fine), or one worker."
            ) from error

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the workers after the sample at hand; kills those that do not listen."""
        for pipe in self._processes:
            pipe.close()
        deadline = time.monotonic() + GRACE_S
        try:
            for process in self._processes.values():
                process.join(max(deadline - time.monotonic(), 0))
        finally:
            for process in self._processes.values():
                process.kill()
                process.join()

    def write(self, todo: Iterator[int], tick: Callable[[], None]) -> dict[int, ShardRecord]:
        """Writes the shards `todo`; `tick` is called for every sample. Raises DatabaseError at a failure."""
        records = {}
        for pipe in self._processes:
            self._feed(pipe, todo)
        while self._busy:
            ready = wait(list(self._busy))
            for pipe in [pipe for pipe in self._busy if pipe in ready]:
                answer = self._receive(pipe)
                if answer is None:
                    tick()
                else:
                    records[self._busy.pop(pipe)] = answer
                    self._feed(pipe, todo)
        return records

    def _feed(self, pipe: Connection, todo: Iterator[int]) -> None:
        for shard in islice(todo, 1):
            self._busy[pipe] = shard
            with contextlib.suppress(ConnectionError):  # A dead worker is reported where its answer is read.
                pipe.send(shard)

    def _receive(self, pipe: Connection) -> ShardRecord | None:
        """A finished shard, or None for one more sample."""
        try:
            answer = pipe.recv()
        except (EOFError, ConnectionError):
            process = self._processes[pipe]
            process.join()
            raise DatabaseError(
                f"shard {self._busy[pipe]}: expected its worker to finish, but the process ended with "
                f"exit code {process.exitcode} (-9: killed, often for want of memory). Finished shards are "
                "intact; run the same command again, with fewer workers if memory is short."
            ) from None
        if isinstance(answer, Failure):
            raise DatabaseError(answer.message, answer.detail)
        return answer


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Processes that are started in the block find these variables; afterwards they are what they were."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _held_back(numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Signals wait until the block ends; a process started in it has them wait until it says otherwise itself.

    Else one that is sent to the whole group kills workers that are still loading and cannot ignore it yet.
    """
    resource_tracker.ensure_running()  # Where it starts later, it lets the signals through again.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, run: Run, where: Place, make: MakeSample) -> None:
    """A worker's life: shard numbers in, a None a sample and a record a shard out, until the pipe closes."""
    # A terminal signals the whole group, but the parent decides: it closes the pipe.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    keep_freed_memory()

    def tick() -> None:
        try:
            pipe.send(None)
        except OSError:
            raise SystemExit from None  # Unwinds through the writer, which removes its unfinished file.

    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            pipe.send(attempt(run, where, make, pipe.recv(), tick))


def attempt(run: Run, where: Place, make: MakeSample, shard: int, tick: Callable[[], None]) -> ShardRecord | Failure:
    """Writes one shard; what goes wrong comes back as words, since not every exception can be sent."""
    try:
        return where.write(run, shard, samples(make, run.indices(shard), tick))
    except UserError as error:
        return Failure(str(error), getattr(error, "detail", ""))
    except Exception as error:
        return Failure(f"shard {shard}: {type(error).__name__}: {error}", traceback.format_exc())
