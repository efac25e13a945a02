"""The `benchmark` command.

Exit status: 0 done, 1 a method failed or the work did, 2 the command was misused, 130 stopped by Ctrl-C.
"""

import sys
from collections.abc import Sequence

import tyro

from meshes.errors import UsageError, UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    try:
        # The networks load only here, so that a missing package is a message.
        from benchmark.commands import COMMANDS
    except ModuleNotFoundError as error:
        need = "pip install 'perspective-portraits[train,eval]'"
        return _fail(f"benchmark: expected torch and safetensors, got {error}. Install them: {need}.", 1)
    try:
        return tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="benchmark", description=__doc__, args=argv).run()
    except UsageError as error:
        return _fail(error, 2)
    except (UserError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C; answers that are known are kept. Run the same command again.", 130)


def _fail(message: object, status: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return status
