"""`python -m benchmark.baselines`: measures trials and writes the page, its figures and its pictures.

Rows of finished trials are kept, keyed by weights and sets, so an interrupted run goes on with the next one.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.baselines.report import inserted, markdown
from benchmark.baselines.trial import Trial, all_parsed
from benchmark.baselines.trying import Effort, result_of
from datagen.bench import processor
from datagen.command import run
from datagen.database import explained, write_file
from datagen.doctor import usable_cores
from meshes.errors import UsageError, UserError

Figures = dict[str, Any]


@dataclass(frozen=True)
class Baselines:
    """Measure trained networks against what they must beat and write the page that says so.

    For example, weights of one source of people asked about held-out people and about another source:

        python -m benchmark.baselines --trials held-out:weights:sets/a:test:sets/a new-people:weights:sets/b:all:sets/a
    """

    trials: tuple[str, ...] = ()
    """NAME:WEIGHTS_FOLDER:SET:SPLIT:TRAINING_SET each; SPLIT is train, val, test or all. None only writes the page
    again."""
    scenes: int = 200
    """Scenes of each set, evenly spread, whose pairs are measured, by every method the same; 0 takes all."""
    perceptual_scenes: int = 50
    """Of them, those whose pictures LPIPS compares as well; 0 takes all."""
    mean_pairs: int = 2000
    """Pairs of the training set, evenly spread, that the mean flows are of; 0 takes all."""
    heads: bool = True
    """Ask the head warps too; they take the longest."""
    time: bool = False
    """Measure seconds a portrait as well, on one thread; wants a machine that does nothing else."""
    out: Path = Path("out/baselines")
    """Folder where measured trials are kept."""
    page: Path = Path("docs/baselines.md")
    """Page to write the tables into, between its markers; figures go beside it as .json, pictures into pictures/."""

    def run(self) -> int:
        """Measures and writes; 0 unless no trial could be measured."""
        for name in ("scenes", "perceptual_scenes", "mean_pairs"):
            if getattr(self, name) < 0:
                raise UsageError(
                    f"--{name.replace('_', '-')}: expected 0 or more, got {getattr(self, name)}; 0 takes all."
                )
        trials = all_parsed(self.trials)
        page = _read(self.page)
        inserted(page, "")  # Refused before hours of measuring, not after.
        figures = self._measured(trials) if trials else _kept(self.page.with_suffix(".json"))
        with explained(self.page):
            write_file(self.page.with_suffix(".json"), (json.dumps(figures, indent=1) + "\n").encode())
            write_file(self.page, inserted(page, markdown(figures)).encode())
        for name, reason in figures["missing"].items():
            sys.stdout.write(f"{name}: not measured: {reason}\n")
        sys.stdout.write(f"Page: {self.page.resolve()}\n")
        return 0 if figures["trials"] else 1

    def _measured(self, trials: list[Trial]) -> Figures:
        machine = {"processor": processor(), "cores": usable_cores(), "torch": torch.__version__.partition("+")[0]}
        figures: Figures = {"command": self._command(trials), "machine": machine, "missing": {}, "trials": {}}
        effort = Effort(self.scenes, self.perceptual_scenes, self.mean_pairs, self.heads, self.time)
        if reason := effort.why_no_perceptual:
            figures["missing"]["LPIPS"] = reason
        for trial in trials:
            with _noted(figures, trial.name):
                figures["trials"][trial.name] = result_of(trial, effort, self.out, self.page.parent / "pictures")
        return figures

    def _command(self, trials: list[Trial]) -> str:
        """The command line, folders without where on this machine they lie."""
        told = [f"{t.name}:{_told(t.weights)}:{_told(t.data)}:{t.split or 'all'}:{_told(t.trained_on)}" for t in trials]
        numbers = (
            f"--scenes {self.scenes} --perceptual-scenes {self.perceptual_scenes} --mean-pairs {self.mean_pairs}"
            + ("" if self.heads else " --no-heads")
            + (" --time" if self.time else "")
        )
        return f"python -m benchmark.baselines --trials {' '.join(told)} {numbers}"


def _told(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return path.name


def _read(page: Path) -> str:
    if not page.is_file():
        raise UserError(
            f"--page {page}: expected a page with markers for the tables, found none; run from the sources."
        )
    return page.read_text()


def _kept(path: Path) -> Figures:
    if not path.is_file():
        raise UserError(f"{path}: expected figures of an earlier run, found none; give --trials.")
    figures: Figures = json.loads(path.read_text())
    return figures


@contextmanager
def _noted(figures: Figures, what: str) -> Iterator[None]:
    """What cannot be measured for want of something is listed, and the rest goes on."""
    try:
        yield
    except UserError as error:
        figures["missing"][what] = str(error)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    return run(Baselines, "benchmark.baselines", argv)


if __name__ == "__main__":
    sys.exit(main())
