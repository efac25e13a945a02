"""`python -m datagen.cost.watch FOLDER -- OPTIONS`: whether a long run keeps its speed, memory and open files."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
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
        at: seconds since 1970.
        resident_mib: memory of the largest process.
        open_files: of the process with the most.
    """

    at: float
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
        start, running = time.time(), subprocess.Popen(command)
        try:
            readings = list(_readings(running, self.every_s))
        except KeyboardInterrupt:  # It reached the run as well, which stops by itself.
            return running.wait()
        ends = sorted(path.stat().st_mtime for path in self.folder.glob("shard-*.tar"))
        if running.returncode or len(ends) < self.parts:
            sys.stderr.write(f"Nothing to report: expected {self.parts} shards or more, got {len(ends)}.\n")
            return running.returncode or 1
        found = parts(start, ends, read_run(self.folder).shard_pairs, readings, self.parts)
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


def parts(start: float, ends: Sequence[float], shard_pairs: int, readings: Sequence[Reading], count: int) -> list[Part]:
    """A run by parts of equally many shards; the first begins with the run, so that it holds its start.

    Args:
        start: when it began, seconds since 1970.
        ends: when its shards were finished, in order; as many as make whole parts are looked at.
        shard_pairs: pairs a shard.
        readings: in order, one at least.
        count: of parts.
    """
    size, made = len(ends) // count, []
    for n in range(count):
        begin, end = (ends[n * size - 1] if n else start), ends[(n + 1) * size - 1]
        # A part between two looks is described by the first look after it.
        seen = [one for one in readings if begin < one.at <= end] or [_after(readings, end)]
        memory = [one.resident_mib for one in seen]
        files = max(one.open_files for one in seen)
        made.append(Part(size * shard_pairs / max(end - begin, 1e-9), (min(memory), max(memory)), files))
    return made


def _after(readings: Sequence[Reading], moment: float) -> Reading:
    return next((one for one in readings if one.at > moment), readings[-1])


def _readings(running: subprocess.Popen[bytes], every_s: float) -> Iterator[Reading]:
    """One look after another until a process ends; the first at once."""
    while True:
        found = [held for pid in _family(running.pid) if (held := _held(pid)) is not None]
        if found:
            yield Reading(time.time(), max(mib for mib, _ in found), max(files for _, files in found))
        try:
            running.wait(every_s)
        except subprocess.TimeoutExpired:
            continue
        return


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
