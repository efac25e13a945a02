"""The `datagen` command: typed dataclasses are its options, its help and its checks.

Exit status: 0 done, 1 the work failed or the data is damaged, 2 the command was misused, 128 + n stopped by signal n.
"""

import dataclasses
import json
import math
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional

from datagen.assets_command import Assets
from datagen.database import StoppedError
from datagen.people_command import People
from datagen.presets import PRESETS, SUMMARIES
from datagen.recipe import Recipe, RecipeError, validate
from datagen.storage import COMPACT, Storage
from meshes.errors import UsageError, UserError
from renderers.memory import keep_freed_memory


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Generate:
    """Generate pairs into a folder. Running the same command again finishes an interrupted set.

    Start from a named recipe and override any of its fields, for example

        datagen generate out --recipe selfie --pairs 100 --background black --near-m 0.2 0.4
    """

    out: Positional[str]
    """Folder to write, made if missing; or an address such as s3://bucket/set (docs/scaling.md)."""
    recipe: str
    """Named recipe to start from; `datagen presets` lists them."""
    options: OmitArgPrefixes[Recipe]
    pairs: int = 16
    """How many pairs the finished set has."""
    seed: int = 0
    """Seed of the run. Same recipe, seed and index: same bytes, alone or in any run and for any number of workers."""
    workers: int = 1
    """Processes that render."""
    shard_pairs: int = 8
    """Pairs a shard file, the unit of work of a worker and of what an interruption can cost."""
    storage: Storage = COMPACT
    """How layers become bytes, lossless either way: compact, or fast, which writes and reads several times quicker and
    takes about twice the bytes (docs/codecs.md)."""
    shard: str = "1/1"
    """Which share of the shards to write, NUMBER/COUNT from 1, where several machines share one folder."""
    engine: Literal["local", "ray"] = "local"
    """Who renders: processes of this machine, or a Ray cluster."""
    address: str = ""
    """With --engine ray: the cluster (auto, HOST:6379); left out, Ray starts on this machine."""
    task_cpus: float = 1.0
    """With --engine ray: processors that a task occupies."""
    task_gpus: float = 0.0
    """With --engine ray: GPUs that a task occupies."""

    def run(self) -> int:
        """Generates and reports; 0 when every pair is written."""
        from datagen.database import Share
        from datagen.generate import generate_with_bar, run_of
        from datagen.ray_engine import RayEngine

        share = Share.parse(self.shard)
        sizes = {"seed": self.seed, "pairs": self.pairs, "shard_pairs": self.shard_pairs}
        run = run_of(self.recipe, self.options, **sizes, storage=self.storage)
        engine = RayEngine(self.address, self.task_cpus, self.task_gpus) if self.engine == "ray" else None
        summary = generate_with_bar(run, self.out, self.workers, share, engine)
        _say(
            f"{summary.written} of {summary.expected} pairs in {summary.out} "
            f"({summary.resumed} were there), {summary.bytes / 1e6:.1f} MB"
        )
        if summary.missing:
            _say(f"{summary.missing} pairs of the set are for other shares; the last to finish writes the index.")
        return 0


@dataclass(frozen=True)
class Verify:
    """Re-read every byte of a set and check it: checksums, counts, shapes, labels against cameras, splits."""

    path: Positional[Path]
    """Folder of a generated set."""

    def run(self) -> int:
        """0 fine, 1 damaged."""
        from datagen.progress import progress_bar
        from datagen.verify import verify

        with progress_bar("verify") as progress:
            report = verify(self.path, progress)
        _say(str(report))
        return 0 if report.ok else 1


@dataclass(frozen=True)
class View:
    """Write one self-contained HTML page that shows a set, and print where it is."""

    path: Positional[Path]
    """Folder of a generated set."""
    out: Path | None = None
    """Page to write; PATH/view.html where left out."""
    samples: int = 24
    """Show at most this many pairs."""

    def run(self) -> int:
        """Writes the page."""
        from datagen.progress import working
        from datagen.view import write_view

        with working("drawing the page"):
            page = write_view(self.path, self.out or self.path / "view.html", samples=self.samples)
        _say(f"Page: {page.resolve()}")
        return 0


@dataclass(frozen=True)
class Sheet:
    """Write one small picture of a set: near, far and flow of a few pairs."""

    path: Positional[Path]
    """Folder of a generated set."""
    out: Path
    """Picture to write: .webp, .jpg or .png."""
    rows: int = 4
    """Pairs shown, evenly spaced over the set."""
    cell_px: int = 256
    """Height of each picture in it."""

    def run(self) -> int:
        """Writes the sheet."""
        from datagen.progress import working
        from datagen.sheet import dataset_sheet

        with working("drawing the sheet"):
            sheet = dataset_sheet(self.path, self.out, rows=self.rows, cell_px=self.cell_px)
        _say(f"Sheet: {sheet.resolve()}")
        return 0


@dataclass(frozen=True)
class Animate:
    """Give a textured head scan a face that moves: registers it to the ICT model and writes a person.

    The scan may be one file or the .json that describes it (docs/scans.md). Afterwards:

        datagen generate anna-set --heads animated:anna.person
    """

    scan: Positional[Path]
    """The .obj, .ply or .glb scan, or a .json description of it."""
    out: Path | None = None
    """Folder to write; SCAN with the suffix .person where left out."""
    eyes: Literal["look", "open", "closed"] = "look"
    """Whether the scan's eyes are open; `look` decides by their colour."""

    def run(self) -> int:
        """Registers, writes, and says how well it fits."""
        from datagen.animate import CONTACT, run_animate

        closed = {"look": None, "open": False, "closed": True}[self.eyes]
        made = run_animate(self.scan, self.out or self.scan.with_suffix(".person"), closed, _say)
        _say(f"Fit: {made.registration.residual}")
        _say(f"Eyes in the scan: {'closed' if made.registration.eyes_closed else 'open'}")
        _say(f"Person: {made.card_path.parent}, to be used as --heads animated:{made.card_path.parent}")
        _say(f"Look at it: {(made.card_path.parent / CONTACT).resolve()}")
        return 0


@dataclass(frozen=True)
class Scene:
    """Rebuild one sample of a set and write what another renderer needs to check it."""

    path: Positional[Path]
    """Folder of a generated set."""
    index: Positional[int]
    """Sample index."""
    out: Path
    """File to write: .npz (exact arrays), .glb (opens elsewhere) or .xml (for Mitsuba, with a folder beside it)."""

    def run(self) -> int:
        """Writes the scene."""
        from datagen.generate import export_sample_scene
        from datagen.progress import working

        with working("rebuilding the scene"):
            export_sample_scene(self.path, self.index, self.out)
        _say(f"Scene: {self.out.resolve()}")
        return 0


@dataclass(frozen=True)
class Bench:
    """Measure pairs a second on one core of this machine, with Embree's primary rays as a yardstick where installed."""

    json: bool = False
    """Print JSON instead of a table."""
    size: int = 512
    """Image height and width."""
    seconds: float = 4.0
    """Time spent on each measurement."""

    def run(self) -> int:
        """Measures and prints."""
        from datagen.bench import measure, table

        if not 16 <= self.size <= 8192 or not 0 < self.seconds < math.inf:
            raise UsageError(
                f"bench: expected --size 16 to 8192 and --seconds above 0, got {self.size} and {self.seconds:g}."
            )

        figures = measure(self.size, self.seconds)
        _say(json.dumps(figures, indent=2) if self.json else table(figures))
        return 0


@dataclass(frozen=True)
class Doctor:
    """Say what this machine has and what each optional part would need."""

    def run(self) -> int:
        """Prints the findings."""
        from datagen.doctor import report

        _say(report())
        return 0


@dataclass(frozen=True)
class Presets:
    """List the named recipes, or print one as JSON."""

    name: Positional[str | None] = None
    """Recipe to print whole."""

    def run(self) -> int:
        """Prints recipes."""
        if self.name is not None:
            _say(json.dumps(preset(self.name).to_json(), indent=2))
        else:
            _say("\n".join(f"{name:12s} {SUMMARIES[name]}" for name in PRESETS))
        return 0


def preset(name: str) -> Recipe:
    """The named recipe; RecipeError lists the names."""
    if name not in PRESETS:
        raise RecipeError(f"--recipe: expected one of {', '.join(PRESETS)}, got {name!r}.")
    return PRESETS[name]


def _named_recipe(argv: Sequence[str]) -> str:
    for position, word in enumerate(argv):
        if word.startswith("--recipe="):
            return word.partition("=")[2]
        if word == "--recipe" and position + 1 < len(argv):
            return argv[position + 1]
    return "portrait"


def _parse(
    argv: Sequence[str],
) -> Generate | Verify | View | Sheet | Animate | Scene | Bench | Doctor | Presets | Assets | People:
    name = _named_recipe(argv)
    generate = Generate(out=tyro.MISSING, recipe=name, options=preset(name))
    command = (
        Annotated[Generate, tyro.conf.subcommand("generate", default=generate)]
        | Annotated[Verify, tyro.conf.subcommand("verify")]
        | Annotated[View, tyro.conf.subcommand("view")]
        | Annotated[Sheet, tyro.conf.subcommand("sheet")]
        | Annotated[Animate, tyro.conf.subcommand("animate")]
        | Annotated[Scene, tyro.conf.subcommand("scene")]
        | Annotated[Bench, tyro.conf.subcommand("bench")]
        | Annotated[Doctor, tyro.conf.subcommand("doctor")]
        | Annotated[Presets, tyro.conf.subcommand("presets")]
        | Annotated[Assets, tyro.conf.subcommand("assets")]
        | Annotated[People, tyro.conf.subcommand("people")]
    )
    return tyro.cli(command, args=list(argv), prog="datagen", description=__doc__)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    keep_freed_memory()
    try:
        command = _parse(sys.argv[1:] if argv is None else argv)
        if isinstance(command, Generate):
            command = dataclasses.replace(command, options=validate(command.options))
        return command.run()
    except UsageError as error:
        return _fail(error, 2)
    except StoppedError as error:
        return _fail(error, 128 + error.signal)
    except BrokenPipeError:
        # Whoever reads our pipe has seen enough; what is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (UserError, OSError) as error:
        return _fail(error, 1)
    except (KeyboardInterrupt, SystemError) as error:
        # Ctrl-C inside a compiled kernel arrives as the cause of a SystemError.
        if isinstance(error, SystemError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _fail("stopped by Ctrl-C; nothing is left half-written. Run the same command again.", 130)


def _fail(message: object, status: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
