"""The `training` command: typed dataclasses are its options, its help and its checks.

Exit status: 0 done, 1 the work failed, 2 the command was misused, 130 stopped by Ctrl-C.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional

from meshes.errors import UsageError, UserError
from training.train import Config, train


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
        from training.evaluate import evaluate, report

        split = None if self.split == "all" else self.split
        report(evaluate(self.weights, self.data, self.baselines_from, split), self.out)
        return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    try:
        command = tyro.extras.subcommand_cli_from_dict(
            {"train": Train, "evaluate": Evaluate}, prog="training", description=__doc__, args=argv
        )  # fmt: skip
        return command.run()
    except UsageError as error:
        return _fail(error, 2)
    except (UserError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C; the last checkpoint is whole. Run the same command again.", 130)


def _fail(message: object, status: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return status
