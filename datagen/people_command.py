"""`datagen people`: writes a roster of different people.

Heavy imports wait until it runs.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from datagen.roster import USUAL_LIMIT, draw_roster
from meshes.errors import UsageError


@dataclass(frozen=True)
class People:
    """Draw people until so many different ones are found, and write who they are as a roster.

    Each is rendered once and compared with those before by a face embedder; look-alikes are passed over. Use it with
    `datagen generate OUT --recipe portrait --heads ict --roster people.json`. Needs `datagen assets fetch face-models`.
    """

    out: Path
    """Roster to write, a small JSON file."""
    heads: str = "makehuman"
    """Head model, as in `datagen generate --heads`."""
    count: int = 300
    """People wanted."""
    seed: int = 0
    """Seed of the draws."""
    limit: float = USUAL_LIMIT
    """Greatest cosine allowed between the faces of two of them; one person's own pictures are mostly above 0.8."""
    shots: Path | None = None
    """Folder that remembers faces already looked at; in the user's cache where left out."""

    def run(self) -> int:
        """Draws, writes and reports."""
        from datagen.database import explained, write_file
        from datagen.progress import progress_bar
        from meshes.assets.store import cache_folder

        if not self.out.parent.is_dir():
            raise UsageError(
                f"--out {self.out}: expected a file in a folder that exists; make {self.out.parent} first."
            )
        with progress_bar("people", "people") as progress:
            roster = draw_roster(
                self.heads,
                count=self.count,
                seed=self.seed,
                limit=self.limit,
                shots=self.shots or cache_folder() / "shots",
                progress=progress,
            )
        with explained(self.out):
            write_file(self.out, roster.to_text().encode())
        sys.stdout.write(
            f"{len(roster.accepted)} people out of {roster.drawn} draws of {roster.heads}, "
            f"{len(roster.without_face)} without a face: {self.out.resolve()}\n"
        )
        return 0
