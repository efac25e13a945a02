"""The pictures of docs/camera.md: one person and place, with each effect of the camera alone and with all of them.

`python -m datagen.camera_sheet OUT` writes camera.webp and camera_phone.webp into the folder OUT.
"""

import argparse
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from datagen.database import write_file
from datagen.presets import PRESETS
from datagen.recipe import Recipe, validate
from datagen.render import render_sample
from datagen.scene import check_sources
from datagen.sheet import contact_sheet

EFFECTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "--lens-k1 -0.2 -0.2": {"lens_k1": (-0.2, -0.2)},
    "--lens-k1 0.2 0.2": {"lens_k1": (0.2, 0.2)},
    "--f-number 2 2": {"f_number": (2.0, 2.0)},
    "--shake-px 6 6": {"shake_px": (6.0, 6.0)},
    "--chromatic-px 3 3": {"chromatic_px": (3.0, 3.0)},
    "--vignetting 1 1": {"vignetting": (1.0, 1.0)},
    "--vignetting-edge 0.6 0.6": {"vignetting_edge": (0.6, 0.6)},
    "--metering average": {"metering": "average"},
    "--exposure-ev -1 -1": {"exposure_ev": (-1.0, -1.0)},
    "--white-balance grey-world": {"white_balance": "grey-world"},
    "--white-balance-mired 50 50": {"white_balance_mired": (50.0, 50.0)},
    "--white-balance-duv 0.01 0.01": {"white_balance_duv": (0.01, 0.01)},
    "--iso 6400 6400": {"iso": (6400.0, 6400.0)},
    "--jpeg-quality 15 15": {"jpeg_quality": (15, 15)},
}
"""What is shown alone, by the option that asks for it."""
COLUMNS = 5
PHONES = 5


def effects(base: Recipe, seed: int, index: int) -> dict[str, np.ndarray]:
    """The near picture (H, W, 3) uint8 of one sample with each effect alone, by option."""
    return {
        option: render_sample(validate(replace(base, **changes)), seed, index).layers["near_rgb"]
        for option, changes in EFFECTS.items()
    }


def phones(base: Recipe, seed: int) -> dict[str, np.ndarray]:
    """Near pictures of the recipe `phone`, then their far ones, by where the camera stands."""
    pairs = [render_sample(base, seed, index, "phone") for index in range(PHONES)]
    return {
        f"{i}: {100 * pair.meta['cameras'][view]['distance_m']:.0f} cm": pair.layers[f"{view}_rgb"]
        for view in ("near", "far")
        for i, pair in enumerate(pairs)
    }


def write(out: Path, pictures: dict[str, np.ndarray]) -> None:
    """One labelled sheet."""
    file = io.BytesIO()
    contact_sheet(list(pictures.values()), COLUMNS, list(pictures)).save(file, "WEBP", quality=90, method=6)
    write_file(out, file.getvalue())


def main(argv: Sequence[str] | None = None) -> None:
    """Writes both sheets."""
    parser = argparse.ArgumentParser(prog="python -m datagen.camera_sheet", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--heads", default="makehuman", help="where people come from")
    parser.add_argument("--size", type=int, default=288, help="height and width of each picture")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--index", type=int, default=3, help="sample shown with each effect alone")
    options = parser.parse_args(argv)
    shared = {"size": options.size, "heads": (options.heads,)}
    alone = replace(Recipe(), near_m=(0.3, 0.3), lights=("studio",), background="indoor", **shared)
    phone = replace(PRESETS["phone"], **shared)
    check_sources(validate(alone))
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "camera.webp", effects(alone, options.seed, options.index))
    write(options.out / "camera_phone.webp", phones(phone, options.seed))


if __name__ == "__main__":
    main()
