"""`training undistort PHOTO... --out DIR`: files in, files out; what cannot be done is named, and the others go on."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

import datagen
from datagen.faces.tools import FaceToolError
from datagen.progress import progress_bar
from meshes.assets import AssetMissingError
from meshes.errors import UsageError, UserError
from training.undistort.compose import Way
from training.undistort.models import Models, load
from training.undistort.photo import PhotoError, encoded, png, read, write
from training.undistort.pipeline import DistanceFrom, Settings, Undistorted, undistort


class UndistortUsageError(UsageError):
    """Options that cannot be met for any photograph."""


@dataclass(frozen=True)
class Options:
    """What to do with which photographs; the fields are the command's options and its help."""

    photos: Positional[tuple[Path, ...]]
    """Files that Pillow opens: JPEG, PNG, WebP, TIFF and others."""
    out: Path
    """Folder for NAME-undistorted.jpg or .png, NAME-flow.png and NAME.json."""
    weights: Path | None = None
    """Folder with flow.safetensors, distance.safetensors, completion.safetensors; those that ship where left out."""
    warp: Way = "inverse"
    """inverse fetches every pixel (sharper), forward sends it (hides what lies behind correctly)."""
    distance_from: DistanceFrom = "estimate"
    """Where the distance comes from: the network, or the focal length in the EXIF data."""
    distance_cm: float | None = None
    """The distance from camera to eyes, where it is known."""
    focal_mm35: float | None = None
    """The 35 mm-equivalent focal length, where it is known: the distance follows from it."""
    largest: bool = False
    """Only the largest face of each photograph; all of them otherwise."""
    overwrite: bool = False
    """Replace results that are there already."""

    def settings(self) -> Settings:
        """The same for the pipeline, checked. Raises UndistortUsageError."""
        if self.distance_cm is not None and self.focal_mm35 is not None:
            raise UndistortUsageError("expected --distance-cm or --focal-mm35, got both; the one gives the other.")
        for name, value, low, high in (
            ("distance-cm", self.distance_cm, 10, 1000),
            ("focal-mm35", self.focal_mm35, 5, 1000),
        ):
            if value is not None and not low <= value <= high:
                raise UndistortUsageError(f"--{name}: expected {low} to {high}, got {value:g}; correct it.")
        distance_m = None if self.distance_cm is None else self.distance_cm / 100
        return Settings(self.warp, self.distance_from, distance_m, self.focal_mm35, self.largest)


@dataclass(frozen=True)
class Job:
    """One photograph and the name its results begin with."""

    source: Path
    stem: Path

    def result(self, ending: str) -> Path:
        """stem + ending, whatever dots the stem has."""
        return self.stem.with_name(self.stem.name + ending)

    @property
    def results(self) -> tuple[Path, ...]:
        """Every file it may write."""
        return tuple(self.result(end) for end in ("-undistorted.jpg", "-undistorted.png", "-flow.png", ".json"))


def jobs(photos: tuple[Path, ...], out: Path) -> list[Job]:
    """A name for each result: the photograph's, with -2, -3 ... where several are called the same."""
    taken: set[str] = set()
    return [Job(photo, out / _free(photo.stem or "photo", taken)) for photo in photos]


def _free(name: str, taken: set[str]) -> str:
    """The name, or the first numbered one, that is not taken; capitals count as equal, as they do on some disks."""
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.lower())
    return free


def run(options: Options, models: Models | None = None) -> int:
    """Does all photographs; prints a line for each face, and what failed on standard error.

    Args:
        options: the user's.
        models: asked instead of those that `options` names.

    Returns:
        Exit status: 0, 1 where a photograph could not be done, 130 where Ctrl-C stopped it.

    Raises:
        UserError: nothing can be done: no weights, no detector, no folder to write to, impossible options.
    """
    settings = options.settings()
    if not options.photos:
        raise UndistortUsageError("expected at least one photograph, got none; name the files.")
    models = models or load(options.weights)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PhotoError(
            f"{options.out}: expected a folder, got {error.strerror or error}; choose another --out."
        ) from None
    every, done = jobs(options.photos, options.out), 0
    with progress_bar("undistort", "photos") as progress:
        progress(0, len(every))
        try:
            for number, job in enumerate(every, start=1):
                done += _reported(job, models, settings, options.overwrite)
                progress(number, len(every))
        except KeyboardInterrupt:
            sys.stderr.write("error: stopped by Ctrl-C; whatever was finished is whole. Give the rest again.\n")
            return 130
    return 0 if done == len(every) else 1


def _reported(job: Job, models: Models, settings: Settings, overwrite: bool) -> bool:
    """Whether the photograph could be done; what is known of it, or its error, is printed."""
    try:
        for line in _do(job, models, settings, overwrite):
            sys.stdout.write(f"{job.source}: {line}\n")
        return True
    except (FaceToolError, AssetMissingError):
        raise  # No photograph would fare better.
    except UserError as error:
        said = str(error).removeprefix(f"{job.source}: ")
    except MemoryError:
        said = "expected room for its pixels, got none in memory; make it smaller."
    sys.stderr.write(f"error: {job.source}: {said}\n")
    return False


def _do(job: Job, models: Models, settings: Settings, overwrite: bool) -> list[str]:
    """Reads, undistorts, writes; returns what is to be told."""
    there = [path for path in job.results if path.exists()]
    if there and not overwrite:
        raise PhotoError(f"expected no results of an earlier run, got {there[0]}; give --overwrite, or another --out.")
    photo = read(job.source)
    done = undistort(photo, models, settings)
    picture = job.result("-undistorted" + done.photo.suffix)
    record = json.dumps(_record(job, picture, done, models, settings), indent=2)
    written = {picture: encoded(done.photo), job.result("-flow.png"): png(done.flow_rgb)}
    for path, content in {**written, job.result(".json"): record.encode()}.items():
        write(path, content)
    for path in set(there) - {picture, *job.results[2:]}:
        path.unlink()  # An earlier result of this name in the other format.
    return [*map(_line, done.faces), *(f"note: {note}" for note in done.notes)]


def _record(job: Job, picture: Path, done: Undistorted, models: Models, settings: Settings) -> dict[str, Any]:
    """What is known of a photograph and how it was made, as JSON values."""
    height, width = done.photo.codes.shape[:2]
    return {
        "photo": job.source.name,
        "result": picture.name,
        "height": height,
        "width": width,
        "faces": list(done.faces),
        "notes": list(done.notes),
        "warp": settings.warp,
        "weights_data": models.version,
        "version": datagen.__version__,
    }


def _line(face: dict[str, Any]) -> str:
    """A face in one line."""
    low, high = face["distance_low_cm"], face["distance_high_cm"]
    sure = "" if low is None else f" ({low:.0f} to {high:.0f} with 68 %)"
    exif = face["exif_focal_mm35"]
    lens = f"{face['focal_mm35']:.0f} mm" + (f", EXIF says {exif:.0f} mm" if exif else "")
    did = "" if face["changed"] else f"; no nearer than {face['far_cm']:.0f} cm, left as it is"
    metres = f"{face['distance_cm']:.0f} cm{sure} by {face['distance_source']}"
    return f"{metres}, 35 mm-equivalent focal length {lens}{did}"
