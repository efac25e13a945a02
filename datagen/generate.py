"""What the `generate` and `scene` commands do: a run from options, and a sample rebuilt from a folder."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datagen
from datagen.database import EVERYTHING, RUN_FILE, DatabaseError, Run, Share, Summary, read_run
from datagen.engine import Engine, generate
from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.progress import OnProgress, progress_bar, silent
from datagen.recipe import Recipe, validate
from datagen.render import render_sample
from datagen.roster import pinned
from datagen.sample import Sample
from datagen.scene import build_scene, check_sources
from datagen.scene_export import export_scene
from datagen.storage import COMPACT, Storage
from meshes.errors import UsageError


@dataclass(frozen=True)
class RenderSample:
    """Makes sample `index` of a run; picklable, so that worker processes can."""

    recipe_name: str
    recipe: Recipe
    seed: int

    def __call__(self, index: int) -> Sample:
        """Sample `index`."""
        return render_sample(self.recipe, self.seed, index, self.recipe_name)


def run_of(
    recipe_name: str, recipe: Recipe, *, seed: int, pairs: int, shard_pairs: int, storage: Storage = COMPACT
) -> Run:
    """What a folder made by these options will hold."""
    recipe = pinned(validate(recipe))
    return Run(
        recipe_name=recipe_name,
        recipe=recipe.to_json(),
        seed=seed,
        pairs=pairs,
        shard_pairs=shard_pairs,
        layers=recipe.layers,
        height=recipe.height,
        width=recipe.width,
        version=datagen.__version__,
        storage=storage,
    )


def command_of(run: Run) -> str:
    """The command that makes a set like this one, for its card; "" where the recipe started from no preset.

    It is a function of the run alone: neither the folder nor the number of workers changes a byte of a set.
    """
    if run.recipe_name not in PRESETS:
        return ""
    fixed = {"recipe": run.recipe_name, "pairs": run.pairs, "seed": run.seed, "shard_pairs": run.shard_pairs}
    fixed |= {"storage": run.storage} if run.storage != COMPACT else {}
    preset = PRESETS[run.recipe_name].to_json()
    changed = {name: value for name, value in run.recipe.items() if value != preset[name]}
    options = [_option(name, value) for name, value in (fixed | changed).items()]
    return shlex.join(["datagen", "generate", "OUT", *(word for words in options for word in words)])


def _option(name: str, value: object) -> list[str]:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    values = value if isinstance(value, list | tuple) else [value]
    return [f"--{option}", *map(str, values)]


def generate_pairs(
    run: Run,
    out: Path | str,
    *,
    workers: int = 1,
    share: Share = EVERYTHING,
    engine: Engine | None = None,
    progress: OnProgress = silent,
) -> Summary:
    """Writes what is missing of the run, or of a share of it. See `datagen.engine.generate` for errors."""
    recipe = Recipe.from_json(run.recipe)
    check_sources(recipe)
    make = RenderSample(run.recipe_name, recipe, run.seed)
    command = command_of(run)
    return generate(run, out, make, workers=workers, share=share, engine=engine, progress=progress, command=command)


def generate_with_bar(
    run: Run, out: Path | str, workers: int, share: Share = EVERYTHING, engine: Engine | None = None
) -> Summary:
    """`generate_pairs` for a terminal."""
    with progress_bar("generate") as progress:
        return generate_pairs(run, out, workers=workers, share=share, engine=engine, progress=progress)


def _recipe_of(run: Run, folder: Path) -> Recipe:
    """The recipe of a set; DatabaseError where `run.json` no longer says what made it."""
    sizes: dict[str, Any] = {"seed": run.seed, "pairs": run.pairs, "shard_pairs": run.shard_pairs}
    try:
        recipe = validate(Recipe.from_json(run.recipe))
        again = run_of(run.recipe_name, recipe, **sizes, storage=run.storage)
    except (UsageError, TypeError, ValueError, AttributeError) as error:
        raise DatabaseError(f"{folder / RUN_FILE}: expected the recipe of the set, got {error} Restore it.") from None
    if replace(again, version=run.version) != run:
        raise DatabaseError(
            f"{folder / RUN_FILE}: expected a recipe that gives the run's layers and sizes; restore it."
        )
    return recipe


def export_sample_scene(folder: Path, index: int, out: Path) -> None:
    """Rebuilds sample `index` of the set in `folder` and writes its scene to `out` (.npz, .glb or .xml).

    Raises:
        UsageError: no such sample.
        DatabaseError: no set there, or one made by another version.
    """
    run = read_run(folder)
    recipe = _recipe_of(run, folder)
    if not 0 <= index < run.pairs:
        raise UsageError(f"index: expected 0 to {run.pairs - 1} for {folder}, got {index}.")
    if run.version != datagen.__version__:
        raise DatabaseError(
            f"{folder}: expected a set made by version {datagen.__version__}, got {run.version}; "
            "install that version to rebuild its scenes."
        )
    scene = build_scene(recipe, plan_sample(recipe, run.seed, index))
    export_scene(scene.head.surface, scene.light, scene.near, scene.far, out, scene.plan.to_json())
