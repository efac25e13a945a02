"""The `training` command.

Exit status: 0 done, 1 the work failed, 2 the command was misused, 130 stopped by Ctrl-C.
"""

import sys
from collections.abc import Sequence

import tyro

from meshes.errors import UsageError, UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    try:
        # The networks load only here, so that a missing package is a message.
        from training.commands import COMMANDS
    except ModuleNotFoundError as error:
        need = "pip install 'perspective-portraits[train]'"
        return _fail(f"training: expected torch, safetensors and tensorboard, got {error}. Install them: {need}.", 1)
    try:
        return tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="training", description=__doc__, args=argv).run()
    except UsageError as error:
        return _fail(error, 2)
    except (UserError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C; the last checkpoint is whole. Run the same command again.", 130)


def _fail(message: object, status: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return status
