"""A suite made on this machine: generated once into the cache, hashed, read as cases."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datagen
from benchmark.suites.cases import PairCases
from benchmark.suites.hashing import joined, labels_sha256
from benchmark.suites.suite import DATA, Part, Suite, SuiteError
from datagen.database import INDEX_FILE, explained, read_json, to_json, write_file
from datagen.generate import generate_pairs, run_of
from datagen.progress import OnProgress, silent
from datagen.scene import check_sources
from meshes.assets.store import cache_folder
from meshes.errors import UserError

PUBLISHED = DATA / "published.json"
HASH_FILE = "labels.json"


@dataclass(frozen=True, eq=False)
class Made:
    """A suite on this disk.

    Attributes:
        suite, small: which.
        cases: its questions and truths.
        sha256: of labels and records, see `benchmark.suites.hashing`.
        published: what it should be; None where nobody has said.
    """

    suite: Suite
    small: bool
    cases: PairCases
    sha256: str
    published: str | None

    @property
    def agrees(self) -> bool:
        """False where it is known to be another set than the published one."""
        return self.published in (None, self.sha256)

    def to_json(self) -> dict[str, Any]:
        """What a result says of its suite."""
        return {
            "name": self.suite.name,
            "version": self.suite.version,
            "small": self.small,
            "count": len(self.cases),
            "people": self.suite.people(self.small),
            "sha256": self.sha256,
            "published": self.published,
            "agrees": self.agrees,
            "recipe": self.suite.recipes(self.small),
            "seed": self.suite.seed,
        }


def why_not(suite: Suite) -> str:
    """Why it cannot be made here, and what to do about it; "" where it can."""
    try:
        for part in suite.parts:
            check_sources(part.recipe)
    except UserError as error:
        instead = f" Or ask another suite of other people: --suite {suite.instead}." if suite.instead else ""
        return f"{suite.name}: {error}{instead}"
    return ""


def make(
    suite: Suite, small: bool, *, cache: Path | None = None, workers: int = 1, progress: OnProgress = silent
) -> Made:
    """Generates what of the suite is not in the cache yet, and opens it.

    Args:
        suite: which; `small` its small variant.
        cache: folder to keep it in; the user's cache where left out.
        workers: processes that render.
        progress: told the pairs made and those there are.

    Raises:
        SuiteError: assets are missing; never another suite instead.
        DatabaseError: it cannot be written or read.
    """
    if reason := why_not(suite):
        raise SuiteError(reason)
    folder = folder_of(suite, small, cache)
    before, total = 0, suite.pairs(small)
    for part in suite.parts:
        _generate(suite, part, small, folder, workers, _shifted(progress, before, total))
        before += part.pairs(small)
    return opened(suite, small, folder)


def _shifted(progress: OnProgress, before: int, whole: int) -> OnProgress:
    """The progress of a part as that of the whole."""

    def on_progress(done: int, total: int) -> None:
        progress(before + done, whole)

    return on_progress


def folder_of(suite: Suite, small: bool, cache: Path | None = None) -> Path:
    """Where it is kept: a suite that asks anything else has another folder."""
    return (cache or cache_folder()) / "benchmark" / f"{suite.folder(small)}-{suite.digest(small)[:12]}"


def _generate(suite: Suite, part: Part, small: bool, folder: Path, workers: int, progress: OnProgress) -> None:
    recipe = part.made(small)
    # A shard holds whole scenes: whoever makes the first pair of one makes the others at little cost.
    run = run_of("portrait", recipe, seed=suite.seed, pairs=part.pairs(small), shard_pairs=2 * recipe.steps)
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not (folder / part.name / INDEX_FILE).exists():
        generate_pairs(run, folder / part.name, workers=workers, progress=progress)


def opened(suite: Suite, small: bool, folder: Path) -> Made:
    """A suite that was made before. Raises DatabaseError where it is not whole."""
    sets = {part.name: datagen.PairDataset(folder / part.name) for part in suite.parts}
    sha256 = joined({name: _hash(pairs) for name, pairs in sets.items()})
    return Made(suite, small, PairCases(sets), sha256, published().get(suite.folder(small)))


def _hash(pairs: datagen.PairDataset) -> str:
    """Of a part; kept beside it, since reading every layer of it takes a while."""
    kept = pairs.path / HASH_FILE
    index = hashlib.sha256((pairs.path / INDEX_FILE).read_bytes()).hexdigest()
    if kept.is_file() and (there := read_json(kept)).get("index") == index:
        return str(there["labels"])
    labels = labels_sha256(pairs)
    with explained(kept):
        write_file(kept, to_json({"index": index, "labels": labels}))
    return labels


def published() -> dict[str, str]:
    """Hashes that the suites have where they were published, by folder name."""
    return json.loads(PUBLISHED.read_text()) if PUBLISHED.is_file() else {}
