"""`python -m datagen.cost.watch FOLDER -- OPTIONS`: whether a long run keeps its speed, memory and open files."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from datagen.command import run
from datagen.database import read_run
from datagen.pages import grid
from meshes.errors import UsageError

PROC = Path("/proc")


@dataclass(frozen=True)
class Reading:
    """All processes of a run at one moment.

    Attributes:
        at: seconds since the run was started.
        shards: finished.
        resident_mib: memory of the largest process.
        open_files: of the process with the most.
    """

    at: float
    shards: int
    resident_mib: float
    open_files: int


@dataclass(frozen=True)
class Part:
    """A part of a run, by the shards that it finished.

    Attributes:
        pairs_s: pairs a second.
        resident_mib: lowest and highest memory of the largest process.
        open_files: the most of any process.
    """

    pairs_s: float
    resident_mib: tuple[float, float]
    open_files: int

    @property
    def cells(self) -> tuple[str, str, str]:
        """Of a table."""
        low, high = self.resident_mib
        return f"{self.pairs_s:.2f}", f"{low:.0f} to {high:.0f}", str(self.open_files)


@dataclass(frozen=True)
class Watch:
    """Run `datagen generate FOLDER OPTIONS` and print its speed, memory and open files, part by part. Linux alone.

    Memory and files are those of the process that has the most of them. Options of `datagen generate` follow `--`:

        python -m datagen.cost.watch out -- --recipe usc2019 --pairs 2048 --workers 2
    """

    folder: Positional[Path]
    """Where the set goes; empty or not there yet."""
    options: Positional[tuple[str, ...]]
    """Of `datagen generate`, after `--`."""
    parts: int = 4
    """Into how many parts of equally many shards the run is cut."""
    every_s: float = 2.0
    """Seconds between two looks."""

    def run(self) -> int:
        """Runs, watches and prints; the status of `datagen generate`."""
        self._check()
        command = [sys.executable, "-m", "datagen.cli", "generate", str(self.folder), *self.options]
        running = subprocess.Popen(command)
        try:
            readings = list(_readings(running, self.folder, self.every_s))
        except KeyboardInterrupt:  # It reached the run as well, which stops by itself.
            return running.wait()
        if running.returncode or readings[-1].shards < self.parts:
            made = readings[-1].shards
            sys.stderr.write(f"Nothing to report: expected {self.parts} shards or more, got {made}.\n")
            return running.returncode or 1
        found = parts(readings, read_run(self.folder).shard_pairs, self.parts)
        rows = [(str(n + 1), *part.cells) for n, part in enumerate(found)]
        sys.stdout.write(f"{grid(('part', 'pairs a second', 'MiB', 'open files'), rows)}\n")
        return 0

    def _check(self) -> None:
        if not (PROC / "self" / "statm").exists():
            raise UsageError(
                "watch: expected Linux, whose /proc says what processes hold, got another system. Use one."
            )
        if self.parts < 1 or self.every_s <= 0:
            raise UsageError(
                f"watch: expected --parts of 1 or more and --every-s above 0, got {self.parts} and {self.every_s}."
            )
        if next(self.folder.glob("shard-*.tar"), None) is not None:
            raise UsageError(f"watch: expected a folder without shards, got {self.folder}. Name another one.")


def parts(readings: Sequence[Reading], shard_pairs: int, count: int) -> list[Part]:
    """A run by parts of equally many shards; the first begins with the run, so that it holds its start.

    Args:
        readings: in order; the last one has all shards, `count` of them or more.
        shard_pairs: pairs a shard.
        count: of parts.
    """
    goals = [readings[-1].shards * (n + 1) // count for n in range(count)]
    reached = [next(n for n, one in enumerate(readings) if one.shards >= goal) for goal in goals]
    made, last, begun = [], 0, Reading(0.0, 0, 0.0, 0)
    for end in reached:
        # Where several goals are reached between two looks, the first has all and the others nothing.
        seen, now = readings[last : end + 1], readings[end]
        memory, files = [one.resident_mib for one in seen], max(one.open_files for one in seen)
        speed = (now.shards - begun.shards) * shard_pairs / max(now.at - begun.at, 1e-9)
        made.append(Part(speed, (min(memory), max(memory)), files))
        last, begun = end, now
    return made


def _readings(running: subprocess.Popen[bytes], folder: Path, every_s: float) -> Iterator[Reading]:
    """One look after another until a process has ended, the first at once and the last afterwards."""
    start, held = time.monotonic(), [(0.0, 0)]
    while True:
        ended = running.poll() is not None
        held = [found for pid in _family(running.pid) if (found := _held(pid)) is not None] or held
        shards = len(list(folder.glob("shard-*.tar")))
        yield Reading(time.monotonic() - start, shards, max(m for m, _ in held), max(files for _, files in held))
        if ended:
            return
        with suppress(subprocess.TimeoutExpired):
            running.wait(every_s)


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for children in (PROC / str(pid) / "task").glob("*/children"):
        try:
            born = children.read_text().split()
        except OSError:  # It ended while we looked.
            continue
        found += [one for child in born for one in _family(int(child))]
    return found


def _held(pid: int) -> tuple[float, int] | None:
    """Resident MiB and open files of a process; None for one that has ended."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir(PROC / str(pid) / "fd"))
    except OSError:
        return None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    return run(Watch, "datagen.cost.watch", argv)


if __name__ == "__main__":
    sys.exit(main())
