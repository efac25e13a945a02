"""How a measurement is run from a terminal: 0 done, 1 it could not be, 2 misused; an error is one line."""

import sys
from collections.abc import Sequence
from typing import Protocol

import tyro

from meshes.errors import UsageError, UserError


class Command(Protocol):
    """A dataclass whose fields are options."""

    def run(self) -> int:
        """Does it; returns the exit status."""
        ...


def run(command: type[Command], prog: str, argv: Sequence[str] | None) -> int:
    """Runs the command line; returns the exit status."""
    try:
        return tyro.cli(command, args=argv, prog=prog, description=command.__doc__).run()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
