"""Measures the tiers on one scene: references, the pair at every number of paths, and whether bytes come again."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmark.photo.figures import Point, cost_of, psnr_db
from benchmark.photo.pieces import Darkroom, tier_of
from benchmark.photo.scenes import BenchScene, bench_scene
from renderers.picture import Image, Quality, View

TIERS = ("photo", "blender")
"""What is compared: ours first, then what it is measured by."""
SEED, REFERENCE_SEED = 1, 2
"""References take other paths, else a picture would share its noise with what judges it."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        size: image height and width in pixels.
        spp: numbers of paths.
        reference_spp: of the pictures that stand for the truth.
        tries: timed renders of each kind, of which the fastest counts; one more comes before.
        look_size, look_spp: of the pictures on the sheets.
        bytes_size: image side for the comparison of bytes.
    """

    size: int = 512
    spp: tuple[int, ...] = (4, 8, 16, 32, 64)
    reference_spp: int = 2048
    tries: int = 2
    look_size: int = 512
    look_spp: int = 64
    bytes_size: int = 128


QUICK = Effort(32, (1, 2), 4, 1, 32, 1, 16)


def speed_and_error(darkroom: Darkroom, scene: BenchScene, effort: Effort, tick: Callable[[], None]) -> dict[str, Any]:
    """Points of all tiers on the pair of a scene, and what equal errors cost, as JSON values."""
    views = dict(zip(("near", "far"), scene.pair, strict=True))
    points = [point for colour in TIERS for point in _points(darkroom, scene, views, colour, effort, tick)]
    preview = darkroom.render(scene, views, "preview", Quality(), effort.tries + 1)
    ours = [point for point in points if point.colour == TIERS[0]]
    theirs = [point for point in points if point.colour == TIERS[1]]
    return {
        "triangles": len(scene.surface.faces),
        "preview_seconds": preview.seconds,
        "points": [asdict(point) for point in points],
        "at_equal_error": [_against(point, theirs) for point in ours],
    }


def _points(
    darkroom: Darkroom, scene: BenchScene, views: dict[str, View], colour: str, effort: Effort, tick: Callable[[], None]
) -> list[Point]:
    references: list[Image] = []
    for name, view in views.items():  # One by one: the longest renders are the ones to lose least of.
        quality = Quality(effort.reference_spp, denoise=False, seed=REFERENCE_SEED)
        references += darkroom.render(scene, {name: view}, colour, quality).images
        tick()
    points = []
    for denoise in (False, True):
        for spp in effort.spp:
            # `tries` of 1 has no warm-up; only quick runs have it.
            piece = darkroom.render(scene, views, colour, Quality(spp, denoise, SEED), effort.tries)
            points.append(Point(colour, spp, denoise, piece.seconds, psnr_db(piece.images, references)))
            tick()
    return points


def _against(point: Point, theirs: list[Point]) -> dict[str, Any]:
    """What the other tier pays for the error that a point of ours has."""
    cost = cost_of(theirs, point.psnr_db)
    about = {"spp": point.spp, "denoise": point.denoise, "psnr_db": point.psnr_db, "seconds": point.seconds}
    if cost is None:
        return {**about, "other_seconds": None, "at_most": False, "ratio": None}
    return {
        **about,
        "other_seconds": cost.seconds,
        "at_most": cost.at_most,
        "ratio": point.seconds / cost.seconds,
    }


def determinism(source: str, effort: Effort) -> dict[str, dict[str, bool]]:
    """Of each tier: whether equal calls give equal bytes twice here, and in another process."""
    found = {}
    for colour in TIERS:
        first, second = (bytes_digest(source, colour, effort.bytes_size) for _ in range(2))
        arguments = json.dumps([source, colour, effort.bytes_size])
        script = f"from benchmark.photo.measure import bytes_digest; print(bytes_digest(*{arguments}))"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        found[colour] = {"again": first == second, "other_process": first == other.stdout.split()[-1]}
    return found


def bytes_digest(source: str, colour: str, size: int) -> str:
    """sha256 of the pair of a scene by a tier, four paths a pixel, denoised."""
    scene = bench_scene(source, size)
    images = tier_of(colour)(scene.surface, scene.light, scene.pair, Quality(4, True, SEED))
    return hashlib.sha256(b"".join(image.rgb.tobytes() + image.alpha.tobytes() for image in images)).hexdigest()


def steps_of(effort: Effort) -> int:
    """How often `speed_and_error` ticks."""
    return len(TIERS) * (2 + 2 * len(effort.spp))
