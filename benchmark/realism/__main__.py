"""`python -m benchmark.realism`: measures sources of people and writes the page, its figures and its pictures.

Shots are kept, so an interrupted run goes on where it stopped, and only what changed is taken again.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.realism.protocol import Gathered, Settings, gather, shots_of
from benchmark.realism.report import inserted, markdown
from benchmark.realism.results import analyse
from benchmark.realism.sheets import write_sheets
from datagen.command import run
from datagen.faces import why_not_measured
from datagen.faces.shots import code_digest
from datagen.progress import progress_bar
from meshes.errors import UsageError, UserError


@dataclass(frozen=True)
class Realism:
    """Measure how real generated people are and write the page that says so.

    Sources that are not named keep the figures that the page already has; one whose assets are missing is listed
    as not measured.
    """

    sources: tuple[str, ...] = ("makehuman", "ict", "ict:painted", "valid", "valid:avatars")
    """Head models, as in `datagen generate --heads`; none only writes the page again."""
    people: int = 60
    """People of each source."""
    same: int = 8
    """Of them shown in every light, expression and turn."""
    pairs: int = 30
    """Pairs of the database shown to the detector."""
    out: Path = Path("out/realism")
    """Folder where shots are kept."""
    page: Path = Path("docs/realism.md")
    """Page to write the tables into, between its markers; figures go beside it as .json, pictures into pictures/."""

    def run(self) -> int:
        """Measures and writes; 0 unless no source could be measured."""
        if self.people < 4 or not 1 <= self.same <= self.people or self.pairs < 0:
            raise UsageError(
                "realism: expected --people 4 or more, --same within them and --pairs 0 or more, "
                f"got {self.people}, {self.same} and {self.pairs}."
            )
        figures = self.page.with_suffix(".json")
        kept = json.loads(figures.read_text()) if figures.is_file() else {"results": {}, "missing": {}, "pictures": {}}
        for source in self.sources:
            _forget(kept, source)
            self._measure(source, kept)
        page = inserted(self.page.read_text(), self._section(kept))
        figures.write_text(json.dumps(kept, indent=1) + "\n")
        self.page.write_text(page)
        for source in self.sources:
            if source in kept["missing"]:
                sys.stdout.write(f"{source}: not measured: {kept['missing'][source]}\n")
        sys.stdout.write(f"Page: {self.page.resolve()}\n")
        return 1 if self.sources and not set(self.sources) & set(kept["results"]) else 0

    def _measure(self, source: str, kept: dict[str, Any]) -> None:
        reason = why_not_measured("yunet", "sface")
        try:
            gathered = None if reason else self._gather(source)
        except UserError as error:
            gathered, reason = None, str(error)
        if gathered is None:
            kept["missing"][source] = reason
            return
        kept["results"][source] = {**asdict(analyse(gathered)), "code": code_digest()[:12]}
        names = write_sheets(gathered, self.page.parent / "pictures")
        kept["pictures"][source] = [f"pictures/{name}" for name in names]

    def _gather(self, source: str) -> Gathered:
        settings = Settings(self.people, self.same, self.pairs, self.out / "shots")
        with progress_bar(source, "shots") as progress:
            done, total = 0, shots_of(settings)
            progress(0, total)

            def tick() -> None:
                nonlocal done
                done += 1
                progress(done, total)

            return gather(source, settings, tick)

    def _section(self, kept: dict[str, Any]) -> str:
        return markdown(list(kept["results"].values()), kept["missing"], kept["pictures"], "make realism")


def _forget(kept: dict[str, Any], source: str) -> None:
    for values in kept.values():
        values.pop(source, None)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    return run(Realism, "benchmark.realism", argv)


if __name__ == "__main__":
    sys.exit(main())
