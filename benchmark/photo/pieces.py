"""Renders that are kept: a reference takes minutes, and an interrupted run goes on with the next one.

A piece is found by the digest of all that shapes it, code included, so a stale picture is never read.
"""

import hashlib
import json
import os
import time
import zipfile
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmark.photo.scenes import BenchScene
from datagen.colour import check_tier, tier
from datagen.faces.shots import code_digest
from datagen.recipe import Recipe
from renderers.picture import Image, Quality, Tier, View


@dataclass(frozen=True, eq=False)
class Piece:
    """Pictures of some views, and how long they took: the least of several tries where it was timed."""

    images: tuple[Image, ...]
    seconds: float


@dataclass(frozen=True)
class Darkroom:
    """Renders scenes, or finds what it rendered before.

    Attributes:
        folder: where pieces are kept.
    """

    folder: Path

    def render(self, scene: BenchScene, views: dict[str, View], colour: str, quality: Quality, tries: int = 1) -> Piece:
        """Views of a scene by a tier in one call, timed over `tries`.

        Raises:
            UserError: the tier cannot run.
        """
        path = self.folder / f"{_digest(scene, views, colour, quality, tries)}.npz"
        piece = _read(path)
        if piece is None:
            piece = _timed(scene, tuple(views.values()), tier_of(colour), quality, tries)
            _write(path, piece)
        return piece


@cache
def tier_of(colour: str) -> Tier:
    """The tier of a name, once it has shown that it can run.

    Raises:
        UserError: it cannot; says why.
    """
    recipe = replace(Recipe(), colour=colour)  # type: ignore[arg-type]
    check_tier(recipe)
    return tier(recipe)


def _timed(scene: BenchScene, views: tuple[View, ...], take: Tier, quality: Quality, tries: int) -> Piece:
    """A first try compiles kernels or starts a process; it counts only where nothing else is asked for."""
    if tries > 1:
        take(scene.surface, scene.light, views, quality)
    seconds = []
    for _ in range(tries):
        start = time.perf_counter()
        images = take(scene.surface, scene.light, views, quality)
        seconds.append(time.perf_counter() - start)
    return Piece(images, min(seconds))


def _digest(scene: BenchScene, views: dict[str, View], colour: str, quality: Quality, tries: int) -> str:
    shapes = {name: (view.camera.K.tolist(), view.camera.height, view.camera.width) for name, view in views.items()}
    about = [scene.source, shapes, colour, asdict(quality), tries, code_digest(), _own_digest()]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _own_digest() -> str:
    return hashlib.sha256((Path(__file__).parent / "scenes.py").read_bytes()).hexdigest()


def _read(path: Path) -> Piece | None:
    """The piece in a file; None where there is none, or a damaged one, which is then rendered again."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            count = (len(file.files) - 1) // 2
            images = tuple(Image(file[f"rgb_{i}"], file[f"alpha_{i}"]) for i in range(count))
            return Piece(images, float(file["seconds"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, piece: Piece) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"rgb_{i}": image.rgb for i, image in enumerate(piece.images)}
    arrays |= {f"alpha_{i}": image.alpha for i, image in enumerate(piece.images)}
    beside = path.with_suffix(f".{os.getpid()}.part")
    with beside.open("wb") as file:
        np.savez(file, allow_pickle=False, seconds=np.float64(piece.seconds), **arrays)
    beside.replace(path)
