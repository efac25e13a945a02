"""`python -m datagen.cost`: measures what 1,000 pairs cost and what large sets would; writes the page that says so."""

import json
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from datagen.bench import processor
from datagen.command import run
from datagen.cost.growth import Growth
from datagen.cost.measure import PROFILES, SOURCES, Cost, measured
from datagen.cost.report import inserted, markdown
from datagen.cost.scale import TARGETS, Target, bill, limits
from datagen.database import MAX_PAIRS
from datagen.doctor import usable_cores
from datagen.progress import OnProgress, progress_bar
from datagen.recipe import Colour
from meshes.errors import UsageError, UserError
from renderers.memory import keep_freed_memory

Names = tuple[str, Colour, str]
Measured = dict[Names, tuple[Cost, Growth]]


@dataclass(frozen=True)
class CostTable:
    """Measure core-seconds and bytes a pair and write the tables of docs/scaling.md.

    Pairs are written by one process into a temporary folder. Time on a machine that does nothing else.
    """

    tiers: tuple[Literal["preview", "photo"], ...] = ("preview",)
    """Who takes the pictures; a tier that is not installed is listed as not measured."""
    sources: tuple[str, ...] = tuple(SOURCES)
    """Whose pairs are measured."""
    profiles: tuple[str, ...] = tuple(PROFILES)
    """Which layers are stored: labels, training (fast storage) or everything."""
    pairs: int = 10
    """Pairs measured of each, rounded up to whole scenes."""
    size: int = 512
    """Image height and width in pixels."""
    page: Path | None = None
    """Page to write the tables into, between its markers, docs/scaling.md for one; figures go beside it as .json.
    Left out, the tables are printed."""
    keep: bool = False
    """Keep what the page says of other tiers, sources and profiles, from the .json beside it."""

    def run(self) -> int:
        """Measures and writes; 0 unless nothing could be measured."""
        self._check()
        page = "" if self.page is None else _read(self.page)
        if self.page is not None:
            inserted(page, "")  # Refused before minutes of rendering, not after.
        kept = self._kept()
        missing: dict[str, str] = {}
        with progress_bar("cost", "rows") as progress:
            done = self._measured(missing, progress)
        every = kept | done
        figures = self._figures({names: every[names] for names in sorted(every, key=_place)}, missing)
        figures["kept"] = len(every) - len(done)
        if self.page is None:
            sys.stdout.write(f"{markdown(figures)}\n")
        else:
            self.page.write_text(inserted(page, markdown(figures)), "utf-8")
            self.page.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
            sys.stdout.write(f"Page: {self.page.resolve()}\n")
        return 0 if done else 1

    def _check(self) -> None:
        for field, known in (("sources", SOURCES), ("profiles", PROFILES)):
            unknown = sorted(set(getattr(self, field)) - set(known))
            if unknown or not getattr(self, field):
                raise UsageError(f"cost: expected --{field} of {', '.join(known)}, got {', '.join(unknown) or 'none'}.")
        if not self.tiers or self.pairs < 1 or not 16 <= self.size <= 8192:
            raise UsageError(
                f"cost: expected a tier, --pairs of 1 or more and --size within 16 to 8192, got "
                f"{' '.join(self.tiers) or 'no tier'}, {self.pairs} and {self.size}."
            )

    def _kept(self) -> Measured:
        """Rows of the page's figures, all of this size."""
        if not self.keep:
            return {}
        if self.page is None:
            raise UsageError("cost: expected --page with --keep, got none. Name the page whose figures stay.")
        file = self.page.with_suffix(".json")
        try:
            figures = json.loads(_read(file))
            rows = zip(figures["growth"].values(), figures["costs"], strict=True)
            found = [(Cost(**cost), Growth(**grown)) for grown, cost in rows]
            size = figures["size"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f"{file}: expected the figures of the page, got others; measure all without --keep."
            ) from None
        if size != self.size:
            raise UsageError(f"cost: expected --size {size}, that of the page, got {self.size}.")
        return {_names(cost): (cost, grown) for cost, grown in found}

    def _rows(self) -> Iterator[Names]:
        """Labels alone are the same under every tier, and are measured once."""
        for source in self.sources:
            for profile in self.profiles:
                for tier in self.tiers if PROFILES[profile].pictured else ("preview",):
                    yield source, tier, profile

    def _measured(self, missing: dict[str, str], progress: OnProgress) -> Measured:
        done: Measured = {}
        rows = list(self._rows())
        for number, names in enumerate(rows):
            progress(number, len(rows))
            try:
                with TemporaryDirectory() as folder:
                    done[names] = measured(names, self.pairs, self.size, Path(folder))
            except UserError as error:
                missing[", ".join(names)] = str(error)
        progress(len(rows), len(rows))
        return done

    def _figures(self, done: Measured, missing: dict[str, str]) -> dict[str, Any]:
        options = [
            f"--{name} {_words(getattr(self, name))}" for name in ("tiers", "sources", "profiles", "pairs", "size")
        ] + ["--keep"] * self.keep
        return {
            "machine": {
                "processor": processor(),
                "cores": usable_cores(),
                "python": platform.python_version(),
            },
            "options": options,
            "size": self.size,
            "missing": missing,
            "costs": [asdict(cost) for cost, _ in done.values()],
            "growth": {", ".join(names): asdict(grown) for names, (_, grown) in done.items()},
            "targets": [_target(target, done) for target in TARGETS],
        }


def _names(cost: Cost) -> Names:
    return cost.source, "photo" if cost.colour == "photo" else "preview", cost.profile


def _place(names: Names) -> tuple[int, int, str]:
    """Where a row stands: by source, profile, and the quicker tier first."""
    return list(SOURCES).index(names[0]), list(PROFILES).index(names[2]), "" if names[1] == "preview" else names[1]


def _target(target: Target, done: Measured) -> dict[str, Any]:
    """A target's bills by what was measured of its source; its limits from the profile with the most members."""
    own = {names: pair for names, pair in done.items() if names[0] == target.source}
    bills = [
        {"colour": cost.colour, "profile": cost.profile, "storage": cost.storage, **asdict(bill(cost, target.pairs))}
        for cost, _ in own.values()
    ]
    full = [pair for names, pair in own.items() if names[2] == "everything"]
    return {
        **asdict(target),
        "bills": bills,
        "limits": asdict(limits(full[0][1], target, MAX_PAIRS)) if full else None,
    }


def _words(value: Any) -> str:
    words = value if isinstance(value, tuple) else (value,)
    return " ".join(f"'{word}'" if " " in str(word) else str(word) for word in words)


def _read(page: Path) -> str:
    try:
        return page.read_text("utf-8")
    except OSError as error:
        raise UserError(
            f"{page}: expected a page to write into, got {error.strerror}; name one that is there."
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    keep_freed_memory()
    return run(CostTable, "datagen.cost", argv)


if __name__ == "__main__":
    sys.exit(main())
