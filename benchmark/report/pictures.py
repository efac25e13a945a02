"""Which pictures a page shows, and how they get into it: small WebP files as `data:` addresses, few enough to mail."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmark.report.results import Answered, Result

EDGES_PX = (192, 160, 128, 96, 64)
MOST_CHARACTERS = 3_500_000
"""Of all addresses of a page together; the greatest edge that keeps within it is taken."""
_MOST_PIXELS = 1 << 24
_QUALITY = 80


@dataclass(frozen=True)
class Choice:
    """One answer worth seeing: `kind` is "best", "median" or "worst" by the metric that has this value."""

    kind: str
    row: Answered
    value: float


@dataclass(frozen=True)
class Triple:
    """What was asked, what came, what is right, as addresses; None where there is no picture."""

    choice: Choice
    near: str | None
    answer: str | None
    truth: str | None


def choose(result: Result, metric: str, higher_is_better: bool) -> list[Choice]:
    """Best, median and worst answer that was given; fewer where there are fewer. Failed ones have no picture."""
    rows = [row for row in result.rows if not row.failed and row.metrics.get(metric, (None, 0.0))[1] > 0]
    valued = [(value, row) for row in rows if (value := row.metrics[metric][0]) is not None]
    sign = -1 if higher_is_better else 1
    order = sorted(valued, key=lambda pair: (sign * pair[0], pair[1].id))
    places = {0: "best", len(order) - 1: "worst", (len(order) - 1) // 2: "median"}
    if len(order) < 3:
        places = dict(zip(range(len(order)), ("best", "worst"), strict=False))
    return [Choice(kind, order[at][1], order[at][0]) for at, kind in sorted(places.items()) if order]


def triples(chosen: Sequence[tuple[Result, list[Choice]]]) -> list[list[Triple]]:
    """Pictures of all choices of a page, in their order, at the greatest size that the page can carry."""
    for edge in EDGES_PX:
        album = _Album(edge)
        made = [[album.triple(result, choice) for choice in choices] for result, choices in chosen]
        if album.characters <= MOST_CHARACTERS:
            break
    return made


class _Album:
    """Pictures at one size, each read once."""

    def __init__(self, edge_px: int) -> None:
        self._edge_px = edge_px
        self._made: dict[Path, str | None] = {}
        self.characters = 0

    def triple(self, result: Result, choice: Choice) -> Triple:
        name, truth = choice.row.id, result.folder / "truth"
        paths = (
            truth / f"{name}.near.webp",
            result.folder / result.method.name / f"{name}.webp",
            truth / f"{name}.far.webp",
        )
        near, answer, far = (self._address(path) for path in paths)
        return Triple(choice, near, answer, far)

    def _address(self, path: Path) -> str | None:
        if path not in self._made:
            self._made[path] = address(path, self._edge_px)
        made = self._made[path]
        self.characters += len(made or "")
        return made


def address(path: Path, edge_px: int) -> str | None:
    """A picture's file as a `data:` address of at most `edge_px` a side; None where it is missing or damaged."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            small = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return None
    small.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.save(data, format="WEBP", quality=_QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode()
