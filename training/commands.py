"""What the `training` command can do: one dataclass a subcommand, its fields are its options and its help."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import OmitArgPrefixes, Positional

from training.evaluate import evaluate, report
from training.export import export
from training.train import Config, train
from training.undistort import command


@dataclass(frozen=True)
class Train:
    """Train one network, or go on where a run was interrupted.

    For example

        training train --what flow --data set --out runs/flow --steps 20000
    """

    config: OmitArgPrefixes[Config]

    def run(self) -> int:
        """Trains and says the last losses."""
        told = train(self.config)
        sys.stdout.write(", ".join(f"{name} {value:.4f}" for name, value in told.items()) + "\n")
        return 0


@dataclass(frozen=True)
class Export:
    """Keep the averaged weights of a run alone, as float16, to be shipped or used.

    For example

        training export runs/flow --out weights/flow.safetensors
    """

    weights: Positional[Path]
    """Folder of a run, or a checkpoint."""
    out: Path
    """File to write, ending in .safetensors."""

    def run(self) -> int:
        """Writes the file and says how large it is."""
        sys.stdout.write(f"{self.out}: {export(self.weights, self.out) / 1e6:.1f} MB\n")
        return 0


@dataclass(frozen=True)
class Evaluate:
    """Score trained networks, and what they must beat, by distance, on a set nobody learnt from.

    For example

        training evaluate runs/flow/last.safetensors --data valid-set --baselines-from train-set
    """

    weights: Positional[tuple[Path, ...]]
    """Checkpoints or shipped weights."""
    data: Path
    """Folder of the set to be asked about."""
    baselines_from: Path | None = None
    """Folder of a training set: adds the mean flows of it and the mean-head warps."""
    split: Literal["train", "val", "test", "all"] = "test"
    """Which people of DATA; all for a set of a source that was never trained on."""
    out: Path | None = None
    """Also write the figures as JSON."""

    def run(self) -> int:
        """Prints the table."""
        split = None if self.split == "all" else self.split
        report(evaluate(self.weights, self.data, self.baselines_from, split), self.out)
        return 0


@dataclass(frozen=True)
class Undistort:
    """Show the faces of photographs as a camera farther away would have seen them (docs/undistort.md).

    For example

        training undistort selfie.jpg --out undistorted
    """

    options: OmitArgPrefixes[command.Options]

    def run(self) -> int:
        """Writes the pictures; says distance and focal length."""
        return command.run(self.options)


COMMANDS: dict[str, Callable[..., Train | Evaluate | Export | Undistort]] = {
    "train": Train,
    "evaluate": Evaluate,
    "export": Export,
    "undistort": Undistort,
}
"""Subcommands by name."""
