"""Photographs as files: anything Pillow opens becomes upright 8-bit sRGB codes, and goes back much as it came.

A file is hostile until it has been read: whatever goes wrong inside becomes a `PhotoError`.
"""

import contextlib
import io
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from datagen.database import appearing
from meshes.errors import UserError

MOST_PX = 50_000_000
"""Larger photographs are worked on as a copy of this size."""
REFUSED_PX = 178_000_000
"""Larger ones would fill the memory before that."""
_EXIF_IFD, _FOCAL_MM35, _ORIENTATION = 0x8769, 0xA405, 0x0112


class PhotoError(UserError):
    """A file that is no usable photograph; says expected, got, next step."""


@dataclass(frozen=True, eq=False)
class Photo:
    """An upright picture and what its file said about it.

    Attributes:
        codes: (H, W, 3) or, with coverage, (H, W, 4) uint8 sRGB.
        grey: it had one colour channel, and will again.
        focal_mm35: 35 mm-equivalent focal length from the EXIF data, or None.
        save_options: for Pillow, beside the format.
        format: "JPEG" or "PNG", to be saved as.
        notes: what was changed on the way, for people.
    """

    codes: np.ndarray
    grey: bool = False
    focal_mm35: float | None = None
    format: str = "PNG"
    save_options: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, before black where it is see-through."""
        if self.codes.shape[2] == 3:
            return self.codes
        return (self.codes[..., :3].astype(np.uint16) * self.codes[..., 3:] // 255).astype(np.uint8)

    @property
    def suffix(self) -> str:
        """Of its file."""
        return ".jpg" if self.format == "JPEG" else ".png"


def read(path: Path) -> Photo:
    """The photograph in a file.

    Raises:
        PhotoError: there is none, or none that can be used.
    """
    if not path.is_file():
        got = "a folder" if path.is_dir() else "nothing"
        raise PhotoError(f"{path}: expected a photograph, got {got}; name the files themselves.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of damaged EXIF data and large sizes, both of which are dealt with here.
        try:
            with Image.open(path) as image:
                _check_size(image, path)
                image.load()
                return _photo(image)
        except UserError:
            raise
        except Image.DecompressionBombError:
            raise _too_large(path, "more") from None
        except Exception as error:  # Decoders of damaged files raise whatever they stumble over.
            reason = f"{type(error).__name__}: {error}".replace(str(path), "the file")
            raise PhotoError(f"{path}: expected a photograph, got {reason}; restore or convert it.") from None


def encoded(photo: Photo) -> bytes:
    """The photograph as a file's content."""
    image = Image.fromarray(photo.codes)
    if photo.grey:
        image = image.convert("LA" if image.mode == "RGBA" else "L")
    file = io.BytesIO()
    image.save(file, photo.format, **photo.save_options)
    return file.getvalue()


def png(rgb: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as a PNG file."""
    return encoded(Photo(rgb))


def write(path: Path, content: bytes) -> None:
    """A file that appears whole or not at all. Raises PhotoError where that is not allowed."""
    try:
        with appearing(path) as file:
            file.write(content)
    except OSError as error:
        raise PhotoError(
            f"{path}: expected to write here, got {error.strerror or error}; choose another --out."
        ) from None


def _check_size(image: Image.Image, path: Path) -> None:
    if image.width * image.height > REFUSED_PX:
        raise _too_large(path, f"{image.width} x {image.height}")


def _too_large(path: Path, got: str) -> PhotoError:
    return PhotoError(f"{path}: expected at most {REFUSED_PX // 10**6} million pixels, got {got}; make it smaller.")


def _photo(image: Image.Image) -> Photo:
    focal_mm35 = _focal_mm35(image)
    upright = ImageOps.exif_transpose(image)
    options, format_ = _save_options(image, upright)
    codes, reduced = _reduced(_codes(upright))
    notes = [reduced] if reduced else []
    if upright.mode.startswith("I"):
        notes.append("reduced from 16 to 8 bits a channel")
    if upright.mode == "CMYK":
        notes.append("converted from CMYK to sRGB")
        options.pop("icc_profile", None)
    grey = upright.mode in ("1", "L", "LA", "La") or upright.mode.startswith("I")
    return Photo(codes, grey, focal_mm35, format_, options, tuple(notes))


def _focal_mm35(image: Image.Image) -> float | None:
    """As the EXIF data have it; None where they have none, or nonsense."""
    try:
        focal_mm35 = float(image.getexif().get_ifd(_EXIF_IFD)[_FOCAL_MM35])
    except Exception:  # Damaged EXIF data raise whatever they like, and are no reason to refuse a picture.
        return None
    return focal_mm35 if 0 < focal_mm35 < 10_000 else None


def _reduced(codes: np.ndarray) -> tuple[np.ndarray, str]:
    """A picture of at most MOST_PX pixels, and what was done to it."""
    height, width = codes.shape[:2]
    if height * width <= MOST_PX:
        return codes, ""
    share = (MOST_PX / (height * width)) ** 0.5
    size = max(1, int(width * share)), max(1, int(height * share))
    smaller = Image.fromarray(codes).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(smaller), f"reduced from {width} x {height} to {size[0]} x {size[1]} pixels"


def _save_options(image: Image.Image, upright: Image.Image) -> tuple[dict[str, Any], str]:
    """Compression, colour profile and EXIF data as they were; only the turn is gone, as the picture stands upright."""
    options: dict[str, Any] = {"icc_profile": image.info["icc_profile"]} if image.info.get("icc_profile") else {}
    with contextlib.suppress(Exception):  # As above.
        exif = upright.getexif()
        exif.pop(_ORIENTATION, None)
        options |= {"exif": exif.tobytes()} if len(exif) else {}
    if image.format not in ("JPEG", "MPO"):
        return options, "PNG"
    if image.mode not in ("L", "RGB"):
        return {**options, "quality": 95, "subsampling": 0}, "JPEG"
    tables, sampling = image.quantization, JpegImagePlugin.get_sampling(image)  # type: ignore[attr-defined]
    return {**options, "qtables": tables, "subsampling": max(sampling, 0)}, "JPEG"


def _codes(image: Image.Image) -> np.ndarray:
    """(H, W, 3 or 4) uint8 sRGB."""
    if image.mode.startswith("I"):
        # Pillow holds 16-bit grey as "I;16" or "I".
        return np.repeat(np.clip(np.asarray(image).astype(np.int64) // 257, 0, 255).astype(np.uint8)[..., None], 3, 2)
    if image.mode == "F":
        raise PhotoError("expected whole numbers for colours, got floating point; convert it to 8 or 16 bits.")
    if image.mode == "CMYK":
        return np.asarray(_from_cmyk(image))
    clear = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if clear else "RGB"))


def _from_cmyk(image: Image.Image) -> Image.Image:
    """By its colour profile, or without one that is usable, as plain inks."""
    with contextlib.suppress(KeyError, OSError, TypeError, ImageCms.PyCMSError):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if converted is not None:
            return converted
    return image.convert("RGB")
