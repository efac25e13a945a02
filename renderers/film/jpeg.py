"""JPEG as a camera stores it, there and back: the blocks and smears that a network will meet."""

import io

import numpy as np
import PIL
from PIL import Image, features

FULL_COLOUR_QUALITY = 90
"""From this quality on colour keeps its resolution (4:4:4); below, it is halved both ways (4:2:0)."""


def through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """A picture (H, W, 3) uint8 sRGB, written as JPEG and read again."""
    file = io.BytesIO()
    subsampling = "4:4:4" if quality >= FULL_COLOUR_QUALITY else "4:2:0"
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(file) as image:
        return np.array(image)


def writer() -> str:
    """Who writes it: equal bytes are promised for equal versions alone."""
    library = features.version("libjpeg_turbo") or features.version("jpg")
    return f"Pillow {PIL.__version__}, libjpeg {library}"
