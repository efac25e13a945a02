"""Pages of which a part is generated: it lies between two markers, and what people wrote around it stays; tables."""

from collections.abc import Iterable
from dataclasses import dataclass

from meshes.errors import UserError


class ReportError(UserError):
    """A page without the markers that the tables go between."""


@dataclass(frozen=True)
class Section:
    """The generated part of a page.

    Attributes:
        begin, end: the lines that it lies between.
    """

    begin: str
    end: str

    def inserted(self, page: str, section: str) -> str:
        """The page with what lies between its markers replaced.

        Raises:
            ReportError: the markers are missing or out of order.
        """
        head, begin, rest = page.partition(self.begin)
        _, end, tail = rest.partition(self.end)
        if not (begin and end):
            raise ReportError(
                f"page: expected the lines {self.begin!r} and {self.end!r}, got {'one' if begin else 'neither'}; "
                "add them."
            )
        return f"{head}{self.begin}\n\n{section.strip()}\n\n{self.end}{tail}"


def grid(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(heads)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
