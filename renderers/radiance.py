"""Radiance pictures (.hdr, RGBE): three 8-bit mantissas that share one 8-bit exponent.

Source: Greg Ward, "Real Pixels", Graphics Gems II (1991), and the Radiance file format note.
"""

from pathlib import Path

import numpy as np

from meshes.errors import UserError

MAX_HEIGHT = 16_384
"""Rows of the largest map read, as published ones have; a damaged header may promise any number."""


class LightError(UserError):
    """An environment map that cannot be used; the message says expected, got, next step."""


def rgbe_from_float(linear: np.ndarray) -> np.ndarray:
    """Packs (..., 3) float, >= 0, into (..., 4) uint8; relative error below 1/256 of the brightest channel."""
    brightest = linear.max(axis=-1).astype(np.float64)
    _, exponent = np.frexp(brightest)
    exponent = np.clip(exponent, -127, 127)
    mantissa = np.floor(np.ldexp(linear.astype(np.float64), 8 - exponent[..., None]))
    packed = np.concatenate([np.clip(mantissa, 0, 255), exponent[..., None] + 128], axis=-1).astype(np.uint8)
    packed[brightest < 1e-38] = 0
    return packed


def float_from_rgbe(packed: np.ndarray) -> np.ndarray:
    """Unpacks (..., 4) uint8 into (..., 3) float32; a mantissa stands for the middle of its step."""
    scale = np.ldexp(1.0, packed[..., 3].astype(int) - 136)[..., None]
    linear = (packed[..., :3] + 0.5) * scale
    return np.where(packed[..., 3:] > 0, linear, 0.0).astype(np.float32)


def read_hdr(path: Path) -> np.ndarray:
    """Reads a Radiance picture from a file; `parse_hdr` says what it gives and refuses."""
    return parse_hdr(path.read_bytes(), path)


def parse_hdr(data: bytes, path: Path) -> np.ndarray:
    """Reads the bytes of a Radiance picture, flat or run-length coded.

    Args:
        data: the whole file.
        path: what messages call it.

    Returns:
        (h, w, 3) float32, linear, top row first.

    Raises:
        LightError: not a Radiance picture, one in XYZ, an orientation other than -Y +X, or a file cut short.
    """
    header, _, rest = data.partition(b"\n\n")
    if not header.startswith((b"#?RADIANCE", b"#?RGBE")):
        raise LightError(f"{path}: expected a Radiance picture, which begins with '#?RADIANCE', got {data[:10]!r}; "
                         "save the map as .hdr or .exr")  # fmt: skip
    if b"32-bit_rle_xyze" in header:
        raise LightError(f"{path}: expected the format 32-bit_rle_rgbe, got xyze; save the map in RGB")
    size, _, pixels = rest.partition(b"\n")
    words = size.split()
    if len(words) != 4 or words[0] != b"-Y" or words[2] != b"+X":
        raise LightError(f"{path}: expected the size line '-Y height +X width', got {size[:40]!r}; "
                         "save the map with the top row first")  # fmt: skip
    try:
        height, width = int(words[1]), int(words[3])
    except ValueError:
        height = width = 0
    if not (0 < height <= MAX_HEIGHT and 0 < width <= 2 * MAX_HEIGHT):
        raise LightError(f"{path}: expected 1 to {MAX_HEIGHT} rows and at most twice as many columns, got "
                         f"{size[:40]!r}; shrink or export the map again")  # fmt: skip
    try:
        return float_from_rgbe(_rows(np.frombuffer(pixels, np.uint8), height, width))
    except (IndexError, ValueError):
        raise LightError(f"{path}: expected {height} rows of {width} pixels, got a file that ends early or holds "
                         "a run that does not fit; copy or download it again") from None  # fmt: skip


def _rows(data: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width, 4) uint8 from the pixel bytes."""
    run_coded = 8 <= width < 32768 and data[0] == 2 and data[1] == 2
    if not run_coded:
        return data[: height * width * 4].reshape(height, width, 4)
    picture = np.zeros((height, 4, width), np.uint8)
    at = 0
    for row in picture:
        if tuple(data[at : at + 4]) != (2, 2, width >> 8, width & 255):
            raise ValueError
        at += 4
        for channel in row:
            at = _unrun(data, at, channel)
    return picture.transpose(0, 2, 1)


def _unrun(data: np.ndarray, at: int, channel: np.ndarray) -> int:
    """Fills one channel of one row from runs (count > 128) and literals; returns the next position."""
    filled = 0
    while filled < channel.size:
        count = int(data[at])
        run = count > 128
        count -= 128 * run
        source = data[at + 1 : at + 2] if run else data[at + 1 : at + 1 + count]
        if count == 0 or filled + count > channel.size or source.size != (1 if run else count):
            raise ValueError
        channel[filled : filled + count] = source
        filled += count
        at += 2 if run else 1 + count
    return at
