"""Progress of long work: a callback that counts, and the bar that commands show."""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class OnProgress(Protocol):
    """Called with the samples done so far, from 0, and the samples there are."""

    def __call__(self, done: int, total: int) -> None:
        """Takes note; must be quick and must not raise."""
        ...


def silent(done: int, total: int) -> None:
    """No progress shown."""


class _Rate(TextColumn):
    """Pieces a second since this process began; those an earlier run finished do not count."""

    def __init__(self, unit: str) -> None:
        super().__init__("")
        self._unit = unit

    def render(self, task: Task) -> Text:
        fresh = task.completed - task.fields["resumed"]
        return Text(f"{fresh / task.elapsed:.1f} {self._unit}/s" if task.elapsed and fresh else "")


@contextlib.contextmanager
def progress_bar(what: str, unit: str = "pairs") -> Iterator[OnProgress]:
    """A bar on standard error with pieces a second and time left, for the length of a `with` block.

    Where standard error is no terminal nothing is drawn, so that logs stay clean.
    """
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), _Rate(unit), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, resumed=0)
        begun = False

        def on_progress(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                bar.reset(task, total=total, completed=done, resumed=done)
                begun = True
            bar.update(task, completed=done, total=total)

        yield on_progress


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """A turning sign on standard error for work that cannot count its steps; nothing where that is no terminal."""
    console = Console(stderr=True)
    with console.status(what) if console.is_terminal else contextlib.nullcontext():
        yield
