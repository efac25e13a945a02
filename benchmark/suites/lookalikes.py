"""`python -m benchmark.suites.lookalikes`: draws the people of the verification suite, everybody with a look-alike.

Of many people of a roster, the pairs whose faces an embedder finds most alike; nobody is in two pairs. The roster's
limit still holds: these are faces that are confused, not one face under two names.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmark.suites.suite import DATA
from datagen.command import run
from datagen.database import write_file
from datagen.faces import cosine
from datagen.faces.shots import Studio
from datagen.heads import open_model
from datagen.progress import progress_bar
from datagen.roster import USUAL_LIMIT, Roster, draw_roster, fingerprint, identity_of


def closest_pairs(alike: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The `count` pairs most alike of (n, n) cosines, the most alike first; nobody is in two of them."""
    rows, columns = np.triu_indices(len(alike), 1)
    free = np.ones(len(alike), bool)
    pairs: list[tuple[int, int]] = []
    for place in np.argsort(-alike[rows, columns], kind="stable"):
        a, b = int(rows[place]), int(columns[place])
        if free[a] and free[b] and len(pairs) < count:
            free[[a, b]] = False
            pairs.append((a, b))
    return pairs


def only(roster: Roster, numbers: list[int]) -> Roster:
    """A roster of some of the draws."""
    accepted = tuple(sorted(numbers))
    people = fingerprint(open_model(roster.heads), roster.heads, roster.seed, accepted)
    return replace(roster, accepted=accepted, people=people)


@dataclass(frozen=True)
class Lookalikes:
    """Draw people and write the rosters lookalikes.json and lookalikes-small.json."""

    shots: Path
    """Folder that remembers faces already looked at."""
    drawn: int = 360
    """People to choose from."""
    pairs: int = 50
    """Pairs of look-alikes in the suite."""
    small_pairs: int = 5
    """Pairs of them, the most alike, in its small variant."""
    seed: int = 7721
    """Of the draws."""
    out: Path = DATA
    """Folder to write into."""

    def run(self) -> int:
        """Draws, chooses and writes."""
        with progress_bar("people", "people") as progress:
            found = draw_roster(
                "makehuman", count=self.drawn, seed=self.seed, limit=USUAL_LIMIT, shots=self.shots, progress=progress
            )
        model = open_model(found.heads)
        studio = Studio(found.heads, model, self.shots)
        people = [identity_of(model, found.heads, found.seed, number) for number in found.accepted]
        vectors = np.stack([studio.shoot(person).sface for person in people])
        alike = cosine(vectors, vectors)
        pairs = closest_pairs(alike, self.pairs)
        for name, chosen in (("lookalikes", pairs), ("lookalikes-small", pairs[: self.small_pairs])):
            roster = only(found, [found.accepted[place] for pair in chosen for place in pair])
            write_file(self.out / f"{name}.json", roster.to_text().encode())
        values = [alike[pair] for pair in pairs]
        sys.stdout.write(f"{len(pairs)} pairs of cosine {min(values):.2f} to {max(values):.2f}\n")
        return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    return run(Lookalikes, "benchmark.suites.lookalikes", argv)


if __name__ == "__main__":
    sys.exit(main())
