"""The engine for clusters: one Ray task a shard, tried again elsewhere when its worker or node is lost.

The driver keeps nothing that a restart would need: what is finished lies at the destination.
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from datagen.database import DatabaseError, MisuseError, Run
from datagen.making import MakeSample
from datagen.places import Folder, Place
from datagen.shards import ShardRecord
from datagen.workers import ONE_THREAD, Failure, attempt
from renderers.memory import keep_freed_memory

REACH_S = 10.0
"""How long the cluster's port may take to answer."""

LOOK_S = 1.0
"""The driver wakes this often, so that a signal is heard while nothing finishes."""


@dataclass(frozen=True)
class RayEngine:
    """Writes shards as tasks of a Ray cluster (see `datagen.engine.Engine`).

    Attributes:
        address: of the cluster ("auto", "host:6379", "ray://host:10001"); empty starts one on this machine.
        task_cpus, task_gpus: what a task occupies; a cluster without it never starts the task.
        retries: how often a shard is tried again when its worker or node dies.
    """

    address: str = ""
    task_cpus: float = 1.0
    task_gpus: float = 0.0
    retries: int = 4

    def __call__(
        self,
        run: Run,
        where: Place,
        make: MakeSample,
        todo: Iterator[int],
        workers: int,
        tick: Callable[[], None],
    ) -> dict[int, ShardRecord]:
        """Writes the shards `todo`. On one machine `workers` is how many at once; a cluster knows its own size.

        Raises:
            MisuseError: Ray is missing, or there is no cluster at the address.
            DatabaseError: a shard failed, or was lost more often than `retries`.
        """
        ray = _ray()
        with _cluster(ray, self.address, workers) as cpus:
            # Two tasks a processor keep every node busy; more would only fill the driver's memory.
            return self._drive(ray, run, _absolute(where), make, todo, max(2 * cpus, 2), tick)

    def _drive(
        self,
        ray: Any,
        run: Run,
        where: Place,
        make: MakeSample,
        todo: Iterator[int],
        at_once: int,
        tick: Callable[[], None],
    ) -> dict[int, ShardRecord]:
        options = {"num_cpus": self.task_cpus, "num_gpus": self.task_gpus, "max_retries": self.retries}
        task = ray.remote(_write).options(**options)
        job = ray.put((run, where, make))
        records: dict[int, ShardRecord] = {}
        running = {task.remote(job, shard): shard for shard in islice(todo, at_once)}
        while running:
            ready, _ = ray.wait(list(running), num_returns=1, timeout=LOOK_S)
            for reference in ready:
                shard = running.pop(reference)
                records[shard] = _result(ray, reference, shard, self.retries)
                for _ in run.indices(shard):
                    tick()
            running |= {task.remote(job, shard): shard for shard in islice(todo, at_once - len(running))}
        return records


def _write(job: tuple[Run, Place, MakeSample], shard: int) -> ShardRecord | Failure:
    """What a node does."""
    run, where, make = job
    keep_freed_memory()
    return attempt(run, where, make, shard, lambda: None)


def _result(ray: Any, reference: Any, shard: int, retries: int) -> ShardRecord:
    try:
        answer = ray.get(reference)
    except ray.exceptions.RayError as error:
        said = str(error).strip().splitlines()
        raise DatabaseError(
            f"shard {shard}: expected a node to finish it, but it was lost {retries + 1} times; the last time: "
            f"{type(error).__name__}: {said[0] if said else 'no reason given'}. Finished shards are intact; look at "
            "the nodes' memory, then run the same command again.",
            str(error),
        ) from error
    if isinstance(answer, Failure):
        raise DatabaseError(answer.message, answer.detail)
    return answer


def _absolute(where: Place) -> Place:
    """Nodes do not share the driver's working folder."""
    return Folder(where.path.resolve()) if isinstance(where, Folder) else where


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MisuseError(
            f"--engine ray: expected Ray, got {error}. Install it: pip install 'perspective-portraits[ray]'."
        ) from error
    return ray


@contextlib.contextmanager
def _cluster(ray: Any, address: str, workers: int) -> Iterator[int]:
    """A connection, for the length of a `with` block; gives the processors there are."""
    _reach(address)
    settings: dict[str, Any] = {"address": address} if address else {"num_cpus": max(workers, 1), "address": "local"}
    # Ray takes SIGTERM for itself and exits on the spot; the run's own handler says what is done and what is not.
    heard = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            **settings,
            runtime_env={"env_vars": dict(ONE_THREAD)},
            log_to_driver=False,
            logging_level="ERROR",
            include_dashboard=None if address else False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, str(error).strip().splitlines()[0]) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, heard)
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Knocks at HOST:PORT first: Ray itself would wait for minutes where nobody answers."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from error


def _no_cluster(address: str, got: str) -> MisuseError:
    return MisuseError(
        f"--address {address}: expected a Ray cluster, got {got}. Start one with `ray start --head`, or leave "
        "--address out to use this machine."
    )
