"""Side by side: preview, photo and Cycles of the same scene, one sheet a look, pixel for pixel."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

from benchmark.photo.measure import SEED, TIERS
from benchmark.photo.pieces import Darkroom
from benchmark.photo.scenes import BenchScene
from datagen.sheet import contact_sheet
from renderers import srgb
from renderers.picture import Image, Quality, over

BACKDROP = 0.10
"""Linear grey behind the person."""
SHOWN = ("preview", *TIERS)
MAX_BYTES = 300_000


def write_sheets(
    darkroom: Darkroom, scene: BenchScene, spp: int, folder: Path, tick: Callable[[], None]
) -> dict[str, str]:
    """Writes a sheet for every look of a scene; returns file names by look."""
    names = {}
    folder.mkdir(parents=True, exist_ok=True)
    for look, view in scene.looks.items():
        shown = []
        for colour in SHOWN:
            (image,) = darkroom.render(scene, {look: view}, colour, Quality(spp, True, SEED)).images
            shown.append(_seen(image))
            tick()
        names[look] = f"photo_{scene.source}_{look.partition(',')[0].replace(' ', '_')}.webp"
        _save(contact_sheet(shown, len(shown), ["preview", "photo", "Cycles"]), folder / names[look])
    return names


def _seen(image: Image) -> np.ndarray:
    return srgb.encode(over(image, np.full(image.rgb.shape, BACKDROP, np.float32)))


def _save(sheet: Pictures.Image, path: Path) -> None:
    """As good as `MAX_BYTES` allow."""
    for quality in (90, 80, 70, 55, 40):
        sheet.save(path, format="WEBP", quality=quality, method=6)
        if path.stat().st_size <= MAX_BYTES:
            return
