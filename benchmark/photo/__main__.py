"""`python -m benchmark.photo`: measures the tiers that trace paths and writes the page, its figures and its sheets.

Every render is kept, so an interrupted run goes on where it stopped.
"""

import importlib.metadata
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.photo import measure, realism, sheets
from benchmark.photo.measure import QUICK, Effort
from benchmark.photo.pieces import Darkroom, tier_of
from benchmark.photo.report import inserted, markdown
from benchmark.photo.scenes import BenchScene, bench_scene
from datagen.bench import processor
from datagen.command import run
from datagen.doctor import usable_cores
from datagen.progress import progress_bar
from meshes.errors import UsageError, UserError

Figures = dict[str, Any]


@dataclass(frozen=True)
class Photo:
    """Measure the photo tier against Cycles and write the page that says so.

    A source or a tier that is not at hand is listed as not measured. Time on a machine that does nothing else.
    """

    sources: tuple[str, ...] = ("makehuman", "ict")
    """Where the people come from, as in `datagen generate --heads`."""
    people: int = 24
    """People of each source whose faces are measured in both tiers; 0 leaves faces out."""
    size: int = 512
    """Height and width of the pictures whose time and error are measured; references take hours at 512."""
    quick: bool = False
    """Tiny pictures and few paths: whether everything works, with figures that mean nothing."""
    out: Path = Path("out/photo")
    """Folder where renders are kept."""
    page: Path = Path("docs/photo.md")
    """Page to write the tables into, between its markers; figures go beside it as .json, pictures into pictures/."""

    def run(self) -> int:
        """Measures and writes; 0 unless nothing could be measured."""
        if self.people and self.people < 4:
            raise UsageError(f"photo: expected --people 0, or 4 or more, got {self.people}.")
        if not 32 <= self.size <= 2048:
            raise UsageError(f"photo: expected --size within 32 to 2048 pixels, got {self.size}.")
        effort = QUICK if self.quick else Effort(self.size)
        page = _read(self.page)
        inserted(page, "")  # Refused before hours of rendering, not after.
        figures = self._measure(effort)
        self.page.write_text(inserted(page, markdown(figures)))
        self.page.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
        for name, reason in figures["missing"].items():
            sys.stdout.write(f"{name}: not measured: {reason}\n")
        sys.stdout.write(f"Page: {self.page.resolve()}\n")
        return 0 if figures["scenes"] else 1

    def _measure(self, effort: Effort) -> Figures:
        figures: Figures = {
            "machine": _machine(), "effort": asdict(effort), "missing": {}, "scenes": {}, "determinism": {},
            "realism": [], "pictures": {},
        }  # fmt: skip
        with _noted(figures, "time and error"):
            for colour in measure.TIERS:
                tier_of(colour)
            for source in self.sources:
                with _noted(figures, source):
                    self._scene(figures, bench_scene(source, effort.size), effort)
            with _noted(figures, "equal bytes"):
                figures["determinism"] = measure.determinism(self.sources[0], effort)
        for source in self.sources if self.people else ():
            with _noted(figures, f"faces of {source}"):
                figures["realism"] += self._faces(source)
        return figures

    def _scene(self, figures: Figures, scene: BenchScene, effort: Effort) -> None:
        darkroom = Darkroom(self.out / "pieces")
        with _ticks(f"{scene.source}: time and error", measure.steps_of(effort)) as tick:
            figures["scenes"][scene.source] = measure.speed_and_error(darkroom, scene, effort, tick)
        shown = bench_scene(scene.source, effort.look_size)
        with _ticks(f"{scene.source}: side by side", len(shown.looks) * len(sheets.SHOWN)) as tick:
            folder = self.page.parent / "pictures"
            figures["pictures"][scene.source] = sheets.write_sheets(darkroom, shown, effort.look_spp, folder, tick)

    def _faces(self, source: str) -> list[Figures]:
        rows = []
        for colour in realism.COLOURS:
            with _ticks(f"{source}: faces by {colour}", realism.steps_of(self.people)) as tick:
                figures = realism.measured(source, colour, self.people, self.out, tick)
            rows.append({"colour": colour, **figures})
        return rows


def _read(page: Path) -> str:
    if not page.is_file():
        raise UserError(
            f"--page {page}: expected a page with markers for the tables, found none; run from the sources."
        )
    return page.read_text()


@contextmanager
def _noted(figures: Figures, what: str) -> Iterator[None]:
    """What cannot be measured for want of something is listed, and the rest goes on."""
    try:
        yield
    except UserError as error:
        figures["missing"][what] = str(error)


@contextmanager
def _ticks(what: str, total: int) -> Iterator[Callable[[], None]]:
    with progress_bar(what, "renders") as progress:
        done = 0
        progress(0, total)

        def tick() -> None:
            nonlocal done
            done += 1
            progress(done, total)

        yield tick


def _machine() -> Figures:
    versions = {}
    for package in ("mitsuba", "drjit", "mitsuba-oidn"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    try:
        from renderers import blender

        versions["Blender"] = blender.check()
    except UserError:
        pass
    return {
        "processor": processor(),
        "cores": usable_cores(),
        "python": platform.python_version(),
        "versions": versions,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    return run(Photo, "benchmark.photo", argv)


if __name__ == "__main__":
    sys.exit(main())
