"""The realism figures of a tier: the protocol of `benchmark.realism` on few people, kept once measured."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.photo.pieces import tier_of
from benchmark.realism.protocol import Settings, gather, shots_of
from benchmark.realism.results import analyse
from datagen.faces import why_not_measured
from datagen.faces.shots import code_digest
from meshes.errors import UserError

SAME, PAIRS = 4, 8
"""People shown in every condition; pairs shown to the detector."""
COLOURS = ("preview", "photo")


def measured(source: str, colour: str, people: int, folder: Path, tick: Callable[[], None]) -> dict[str, Any]:
    """Figures of a source's people as a tier shows them, as JSON values.

    Raises:
        UserError: the source, the tier or a network is not at hand.
    """
    if reason := why_not_measured("yunet", "sface"):
        raise UserError(reason)
    tier_of(colour)
    path = folder / f"realism_{source.replace(':', '_')}_{colour}_{people}_{code_digest()[:16]}.json"
    if not path.is_file():
        settings = Settings(people, min(SAME, people), PAIRS, folder / "shots", colour)
        figures = asdict(analyse(gather(source, settings, tick)))
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=1) + "\n")
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def steps_of(people: int) -> int:
    """How often `measured` ticks for one source and tier."""
    return shots_of(Settings(people, min(SAME, people), PAIRS, Path()))
