"""The `training` command: typed dataclasses are its options, its help and its checks.

Exit status: 0 done, 1 the work failed, 2 the command was misused, 130 stopped by Ctrl-C.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from tyro.conf import OmitArgPrefixes

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


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    try:
        command = tyro.extras.subcommand_cli_from_dict(
            {"train": Train}, prog="training", description=__doc__, args=argv
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
