"""The Blender process beside ours: found, started once, asked many times, ended with us.

Blender is under the GPL and stays outside: it is a program that we start, never a module that we import.
"""

import contextlib
import importlib.util
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import lru_cache
from pathlib import Path

from meshes.errors import UserError

VARIABLE = "DATAGEN_BLENDER"
"""Environment variable: a Python that has bpy, or Blender itself."""
START_S = 120.0
"""How long Blender may take to start; usually 2 s, but its first start on a slow disk reads a gigabyte."""
SCRIPT = Path(__file__).parent / "inside" / "worker.py"
ANSWER = "answer "


class BlenderError(UserError):
    """Blender is missing, failed or took too long; says which, with its last words, and what to do."""


def command() -> list[str]:
    """How to start the worker here.

    Raises:
        BlenderError: no Blender at hand.
    """
    named = os.environ.get(VARIABLE, "")
    if named:
        path = shutil.which(named)
        if path is None:
            raise BlenderError(
                f"{VARIABLE}: expected a Python that has bpy, or Blender's executable, got {named!r}, which is no "
                "program; name its full path."
            )
        if "python" in Path(path).name.lower():
            return [path, str(SCRIPT)]
        return [path, "--background", "--factory-startup", "--python", str(SCRIPT)]
    if importlib.util.find_spec("bpy"):
        return [sys.executable, str(SCRIPT)]
    raise BlenderError(
        "--colour blender: expected Blender, found none: pip install 'perspective-portraits[blender]' with Python "
        f"3.11, or set {VARIABLE} to a Python that has bpy 4.2 or to the executable of Blender 4.2."
    )


class Worker:
    """One Blender that answers requests in turn.

    Attributes:
        version: of Blender.
    """

    def __init__(self, start: list[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  It lives as long as the process that writes it.
        try:
            self._process = subprocess.Popen(
                start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, errors="replace"
            )
        except OSError as error:
            raise BlenderError(f"expected {start[0]} to start, got: {error}; check {VARIABLE}.") from error
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.version = self._answer(START_S)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, folder: Path, limit_s: float) -> None:
        """Has the request in `folder` rendered there.

        Raises:
            BlenderError: it failed, died, or took longer than `limit_s`; it is then stopped.
        """
        assert self._process.stdin
        with contextlib.suppress(OSError):  # A process that has died is noticed by its missing answer.
            self._process.stdin.write(f"{folder}\n")
            self._process.stdin.flush()
        if self._answer(limit_s) != "done":
            words = self._last_words()
            self.close()
            raise BlenderError(f"Blender: expected a picture, got an error. Its last lines:\n{words}")

    def close(self) -> None:
        """Ends the process, in the middle of a picture too."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._log.close()

    def _listen(self) -> None:
        assert self._process.stdout
        with contextlib.suppress(ValueError, OSError):  # The pipe is closed when the worker is.
            for line in self._process.stdout:
                if line.startswith(ANSWER):
                    self._answers.put(line.removeprefix(ANSWER).strip())
        self._answers.put(None)

    def _answer(self, limit_s: float) -> str:
        try:
            answer = self._answers.get(timeout=limit_s)
            problem = "ended"
        except queue.Empty:
            answer, problem = None, f"gave no answer for {limit_s:.0f} s"
        if answer is None:
            words = self._last_words()
            self.close()
            raise BlenderError(f"Blender: expected an answer, but it {problem}. Its last lines:\n{words}")
        return answer

    def _last_words(self, lines: int = 6) -> str:
        """The end of its log; a process that ended by a signal often says nothing."""
        self._log.seek(0)
        said = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return "\n".join(f"  {line}" for line in said[-lines:]) or "  (none)"


@lru_cache(maxsize=1)
def _shared(process_id: int, start: tuple[str, ...]) -> Worker:
    return Worker(list(start))


def worker() -> Worker:
    """The worker of this process, started on first use and again after it has died.

    Raises:
        BlenderError: see `command` and `Worker`.
    """
    key = (os.getpid(), tuple(command()))
    if not _shared(*key).alive:
        _shared.cache_clear()
    return _shared(*key)
