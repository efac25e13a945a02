"""A suite as data: whose portraits are asked about, from which distances, and how many."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datagen.database import to_json
from datagen.recipe import Recipe
from datagen.roster import roster_sha256
from meshes.errors import UsageError

DATA = Path(__file__).parent / "data"
"""Rosters and the published hashes."""
FULL_PX, SMALL_PX = 512, 256
"""Picture sizes of a suite and of its small variant."""


class SuiteError(UsageError):
    """A suite that cannot be asked: unknown, or not made here; says expected, got, next step."""


@dataclass(frozen=True)
class Part:
    """The people of a suite that come from one source.

    Attributes:
        name: unique within the suite; begins the ids of its questions.
        recipe: how their pairs are made; size, people and roster are filled in by `made`.
        people, small_people: how many people, in the suite and in its small variant.
        scenes: posed scenes of each person: other pose, expression and light.
        roster, small_roster: files of `DATA` that say who may appear; "" draws anybody.
    """

    name: str
    recipe: Recipe
    people: int
    small_people: int
    scenes: int = 1
    roster: str = ""
    small_roster: str = ""

    def made(self, small: bool) -> Recipe:
        """The recipe as the generator gets it."""
        roster = self.small_roster if small else self.roster
        return replace(
            self.recipe,
            size=SMALL_PX if small else FULL_PX,
            people=self.small_people if small else self.people,
            roster=str(DATA / roster) if roster else "",
        )

    def pairs(self, small: bool) -> int:
        """How many questions it asks."""
        return (self.small_people if small else self.people) * self.scenes * self.recipe.steps

    def to_json(self, small: bool) -> dict[str, Any]:
        """The recipe as plain values, equal on every machine: a roster by its name and content, not by its place."""
        made = self.made(small)
        named = f"{Path(made.roster).name}@{roster_sha256(made.roster)}" if made.roster else ""
        return {**made.to_json(), "roster": named}


@dataclass(frozen=True)
class Suite:
    """Questions that everybody is asked alike.

    Attributes:
        name: with its version, "undistort-v1".
        version: raised with any change of what is asked.
        summary: one line.
        seed: of people, poses and lights; no training set may use it.
        parts: one for each source of people.
        tracks: names of what its answers are good for.
        instead: suite to take where the assets of this one are missing; "" where there is none.
    """

    name: str
    version: int
    summary: str
    seed: int
    parts: tuple[Part, ...]
    tracks: tuple[str, ...]
    instead: str = ""

    def pairs(self, small: bool) -> int:
        """How many questions it asks."""
        return sum(part.pairs(small) for part in self.parts)

    def people(self, small: bool) -> int:
        """How many people it shows."""
        return sum(part.small_people if small else part.people for part in self.parts)

    def folder(self, small: bool) -> str:
        """Name of the folder that its results lie in: never that of another variant."""
        return f"{self.name}-small" if small else self.name

    def recipes(self, small: bool) -> dict[str, Any]:
        """Recipes of the parts by name, plain JSON values."""
        return {part.name: part.to_json(small) for part in self.parts}

    def digest(self, small: bool) -> str:
        """Hexadecimal digest of everything that decides what it asks."""
        asked = {part.name: part.pairs(small) for part in self.parts}
        about = {"name": self.name, "seed": self.seed, "pairs": asked, "recipes": self.recipes(small)}
        return hashlib.sha256(to_json(about)).hexdigest()
