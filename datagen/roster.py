"""A roster: which draws of a head model are people of their own, so that nobody is in a set twice under two names.

Draws are looked at in order; one whose face is too like an accepted one is passed over. What was decided is a file.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import datagen
from datagen.heads import open_model
from datagen.progress import OnProgress, silent
from datagen.randomness import generator
from datagen.recipe import Recipe, RecipeError
from meshes.digest import sha256_of
from meshes.head import HeadModel, Identity

FORMAT = "perspective-portraits roster 1"
PACKAGED = Path(__file__).parent / "data" / "rosters"
DRAWS_A_PERSON = 20
"""Give up after this many draws for each person wanted: the model has no more faces to give."""
USUAL_LIMIT = 0.75
"""Greatest cosine between two people of a roster unless told; one person's own pictures are mostly above 0.8."""
_PROBED = 16  # So many accepted people show whether the model still draws the same ones.


@dataclass(frozen=True)
class Roster:
    """Who was accepted, and by what.

    Attributes:
        heads: the source, as a recipe names it.
        seed: of the draws.
        limit: greatest SFace cosine allowed between two of these people.
        accepted: numbers of the accepted draws, ascending.
        drawn: how many draws were looked at.
        without_face: numbers of draws in which no face was found.
        networks: sha256 of the detector and of the embedder that decided.
        people: digest of the first accepted identities; another one means that the model draws others by now.
        version: of this toolkit.
    """

    heads: str
    seed: int
    limit: float
    accepted: tuple[int, ...]
    drawn: int
    without_face: tuple[int, ...]
    networks: dict[str, str]
    people: str
    version: str

    def to_text(self) -> str:
        """The file: equal rosters give equal bytes."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def identity_of(model: HeadModel, source: str, seed: int, number: int) -> Identity:
    """Draw `number` of a source: the same person in every set of that seed, with or without a roster."""
    return model.sample_identity(generator(seed, number, f"identity {source}"))


def draw_roster(
    source: str, *, count: int, seed: int, limit: float, shots: Path, progress: OnProgress = silent
) -> Roster:
    """Draws people in order until `count` are accepted.

    Args:
        source: the head model, as a recipe names it.
        count: people wanted.
        seed: of the draws.
        limit: greatest cosine to anybody accepted before.
        shots: folder that remembers faces already looked at, so that a stopped run goes on.
        progress: told of every accepted person.

    Raises:
        RecipeError: impossible arguments, or a model that has not so many different people.
        FaceToolError, AssetMissingError: the networks cannot run here.
    """
    from datagen.faces.shots import Studio
    from datagen.faces.tools import weights

    if count < 1 or not 0.0 < limit <= 1.0:
        raise RecipeError(f"people: expected --count 1 or more and --limit within 0 to 1, got {count} and {limit:g}.")
    networks = {name: sha256_of(weights(name)) for name in ("yunet", "sface")}
    model = open_model(source)
    studio = Studio(source, model, shots)
    chosen, faces = Chosen(limit), 0
    progress(0, count)
    for number in range(DRAWS_A_PERSON * count):
        vector = studio.shoot(identity_of(model, source, seed, number)).sface
        chosen = chosen.considering(number, vector)
        faces = len(chosen.accepted)
        progress(faces, count)
        if faces == count:
            break
    if faces < count:
        raise RecipeError(
            f"people: expected {count} people of {source} less alike than {limit:g}, got {faces} in "
            f"{DRAWS_A_PERSON * count} draws. Lower --count or raise --limit."
        )
    return Roster(
        heads=source,
        seed=seed,
        limit=limit,
        accepted=chosen.accepted,
        drawn=number + 1,
        without_face=chosen.without_face,
        networks=networks,
        people=fingerprint(model, source, seed, chosen.accepted),
        version=datagen.__version__,
    )


@dataclass(frozen=True, eq=False)
class Chosen:
    """Who is accepted so far, with their embeddings of length 1."""

    limit: float
    accepted: tuple[int, ...] = ()
    without_face: tuple[int, ...] = ()
    vectors: tuple[np.ndarray, ...] = ()

    def considering(self, number: int, vector: np.ndarray) -> "Chosen":
        """With draw `number` accepted, or passed over where it has no face or one too like an accepted one."""
        if not len(vector):
            return replace(self, without_face=(*self.without_face, number))
        if any(float(vector.astype(np.float64) @ other) > self.limit for other in self.vectors):
            return self
        return replace(self, accepted=(*self.accepted, number), vectors=(*self.vectors, vector))


def pinned(recipe: Recipe) -> Recipe:
    """The recipe with the content of its roster named in it: `PATH@SHA256`, and as many people as it can have.

    Raises:
        RecipeError: no such roster, one for other heads, or fewer people in it than asked for.
    """
    if not recipe.roster:
        return recipe
    roster = read_roster(recipe.roster)
    if recipe.heads != (roster.heads,):
        raise RecipeError(
            f"--roster {recipe.roster}: expected --heads {roster.heads} alone, got {' '.join(recipe.heads)}."
        )
    unstated = recipe.people == Recipe().people
    if recipe.people > len(roster.accepted) and not unstated:
        raise RecipeError(
            f"--people: expected at most the {len(roster.accepted)} people of --roster {recipe.roster}, "
            f"got {recipe.people}. Lower it, or make a longer roster with datagen people."
        )
    path, _ = _path_and_pin(recipe.roster)
    people = len(roster.accepted) if unstated else recipe.people
    return replace(recipe, roster=f"{path}@{roster_sha256(recipe.roster)}", people=people)


def drawn_person(recipe: Recipe, seed: int, scene: int) -> tuple[int, int]:
    """Whose scene it is: the seed of the draws and the number of the draw."""
    if not recipe.roster:
        return seed, scene % recipe.people
    roster = read_roster(recipe.roster)
    return roster.seed, roster.accepted[scene % min(recipe.people, len(roster.accepted))]


@lru_cache(maxsize=8)
def read_roster(spec: str) -> Roster:
    """The roster at a path, or a packaged one by name; after `@` the sha256 it must have.

    Raises:
        RecipeError: no such file, another than was pinned, no roster, or one whose people the model no longer draws.
    """
    name, sha256 = _path_and_pin(spec)
    path = _file_of(name)
    data = path.read_bytes()
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise RecipeError(f"--roster {name}: expected the file of sha256 {sha256[:16]}, got another; restore it.")
    try:
        roster = _parsed(json.loads(data))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecipeError(
            f"--roster {name}: expected a roster made by datagen people, got {type(error).__name__}: {error}."
        ) from None
    model = open_model(roster.heads)
    if fingerprint(model, roster.heads, roster.seed, roster.accepted) != roster.people:
        raise RecipeError(
            f"--roster {name}: expected the people that {roster.heads} draws, got a roster of version {roster.version} "
            "made when it drew others. Make it again with datagen people."
        )
    return roster


@lru_cache(maxsize=8)
def roster_sha256(spec: str) -> str:
    """Of the file that a recipe's roster names, hexadecimal; the pinned one where it is pinned."""
    name, sha256 = _path_and_pin(spec)
    return sha256 or sha256_of(_file_of(name))


def packaged_rosters() -> tuple[str, ...]:
    """Names of the rosters that come with the toolkit."""
    return tuple(sorted(path.stem for path in PACKAGED.glob("*.json")))


def _path_and_pin(spec: str) -> tuple[str, str]:
    """A roster's path and the sha256 it is pinned to, or ""."""
    pinned_to = re.fullmatch(r"(.+)@([0-9a-f]{64})", spec, re.DOTALL)
    return (pinned_to[1], pinned_to[2]) if pinned_to else (spec, "")


def _file_of(name: str) -> Path:
    path = PACKAGED / f"{name}.json" if name in packaged_rosters() else Path(name)
    if not path.is_file():
        known = ", ".join(packaged_rosters())
        got = f"got {name!r}, which is no file. `datagen people --out {name}` makes one."
        raise RecipeError(f"--roster: expected a file made by datagen people{known and f', or {known}'}, {got}")
    return path


def _parsed(values: dict[str, Any]) -> Roster:
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise ValueError(f"expected the format {FORMAT!r}")
    if set(values) != {field.name for field in fields(Roster)}:
        raise ValueError(f"expected the fields {[field.name for field in fields(Roster)]}")
    accepted = values["accepted"]
    if not accepted or not all(type(n) is int and n >= 0 for n in accepted) or accepted != sorted(set(accepted)):
        raise ValueError("expected ascending numbers of draws under accepted")
    if type(values["seed"]) is not int or type(values["heads"]) is not str:
        raise ValueError("expected a whole number as seed and a name as heads")
    return Roster(**{**values, "accepted": tuple(accepted), "without_face": tuple(values["without_face"])})


def fingerprint(model: HeadModel, source: str, seed: int, accepted: tuple[int, ...]) -> str:
    """Digest of the first accepted identities, to 6 digits."""
    digest = hashlib.sha256()
    for number in accepted[:_PROBED]:
        identity = identity_of(model, source, seed, number)
        plain = {"shape": dict(identity.shape), "look": dict(identity.look)}
        rounded = {part: {k: round(float(v), 6) for k, v in values.items()} for part, values in plain.items()}
        digest.update(json.dumps(rounded, sort_keys=True).encode())
    return digest.hexdigest()
