"""A process that answers: it gets questions with nothing in them that a method has not declared, and can be killed.

What a method was not shown is nowhere in the memory of its process.
"""

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from benchmark.methods.method import Answer, Method, Question
from benchmark.methods.opening import Described, described, open_method
from benchmark.run.answers import checked
from meshes.errors import UserError

OPENING_S = 120.0
"""How long a method may take to be opened, which loads its packages, beyond the time it has for an answer."""


@dataclass(frozen=True, eq=False)
class Answered:
    """What came of a question: an answer, or why there is none.

    Attributes:
        answer: None where it failed.
        seconds: that the method took; None where it did not come back.
        why: it failed; "" where it did not.
    """

    answer: Answer | None
    seconds: float | None
    why: str = ""


class Answerer:
    """The process, started when it is needed and again after it was killed; a context manager."""

    def __init__(self, cache: Path, limit_s: float) -> None:
        self._cache, self._limit_s = cache, limit_s
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._opened: set[str] = set()

    def __enter__(self) -> "Answerer":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process at once."""
        if self._process is not None and self._pipe is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
        self._process, self._pipe, self._opened = None, None, set()

    def describe(self, spec: str) -> Described | str:
        """What a method is, or why it cannot be opened."""
        told = self._told(("open", spec), self._limit_s + OPENING_S)
        if isinstance(told, Described):
            self._opened.add(spec)
        return told.why if isinstance(told, Answered) else told

    def ask(self, spec: str, question: Question) -> Answered:
        """The checked answer of a method to a question of which only that is left which it may see."""
        if spec not in self._opened and isinstance(failed := self.describe(spec), str):
            return Answered(None, None, failed)
        return self._told(("ask", spec, question), self._limit_s)

    def _told(self, request: tuple[Any, ...], limit_s: float) -> Any:
        """What the process says within a time; it is killed when that is over."""
        pipe = self._running()
        try:
            pipe.send(request)
            if pipe.poll(limit_s):
                return pipe.recv()
            self.close()
            return Answered(None, None, f"expected an answer within {limit_s:g} s, got none; it was stopped.")
        except (EOFError, OSError):
            code = self._exit_code()
            return Answered(None, None, f"expected an answer, but its process ended with exit code {code}.")

    def _exit_code(self) -> int | None:
        process = self._process
        if process is not None:
            process.join(5)
        code = None if process is None else process.exitcode
        self.close()
        return code

    def _running(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_answer, args=(theirs, self._cache), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe


def _answer(pipe: Connection, cache: Path) -> None:
    """The life of the process: requests in, answers out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A terminal signals the whole group, but the parent decides.
    methods: dict[str, Method] = {}
    with contextlib.suppress(EOFError, OSError):
        while True:
            kind, spec, *rest = pipe.recv()
            pipe.send(_described(methods, spec, cache) if kind == "open" else _answered(methods[spec], *rest))


def _described(methods: dict[str, Method], spec: str, cache: Path) -> Described | str:
    try:
        methods[spec] = open_method(spec, cache)
        return described(spec, methods[spec])
    except Exception as error:
        return _words(error)


def _answered(method: Callable[[Question], object], question: Question) -> Answered:
    started = time.perf_counter()
    try:
        answer = method(question)
        seconds = time.perf_counter() - started
        return Answered(checked(question, answer), seconds)
    except Exception as error:  # Whatever a method raises is a failed answer.
        return Answered(None, time.perf_counter() - started, _words(error))


def _words(error: Exception) -> str:
    text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return text if len(text) <= 500 else f"{text[:500]}..."
