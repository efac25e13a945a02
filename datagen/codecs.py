"""How each layer of the table becomes bytes in a shard, and back; docs/codecs.md has the measured reasons.

Colour, alpha, parts and masks are PNG, so that any tool opens them; numeric layers are `planes`. What fast
storage writes has the same names and the same readers, who tell it by its bytes.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from datagen.planes import CodecError, decode_planes, encode_planes, encode_raw
from datagen.storage import COMPACT, FAST, Storage
from renderers.layers import LAYERS

SUFFIX = {"png": "png", "mask": "png", "float": "planes", "unit": "planes", "int": "planes"}
"""File suffix by codec name."""
META_MEMBER = "meta.json"
_PNG_KINDS = {("uint8", 2): (8, 0), ("uint8", 3): (8, 2), ("bool", 2): (1, 0)}
"""Bit depth and colour type of the PNG header by dtype and number of axes."""
MAX_PIXELS = 1 << 26
"""Largest PNG that is decoded; a hostile header cannot ask for more."""
_PNG_MODES = ("1", "L", "RGB")


def member_suffix(name: str) -> str:
    """What follows `00000017.` in a shard: `near_rgb.png`, `flow_near_to_far.planes`."""
    return f"{name}.{SUFFIX[LAYERS[name].codec]}"


def encode_layer(name: str, array: np.ndarray, storage: Storage = COMPACT) -> bytes:
    """Packs a layer.

    Args:
        name: of the table in renderers/layers.py.
        array: with exactly the dtype and the channels that the table gives.
        storage: fast leaves numbers and colours as they are. Layers of one byte or bit a pixel are compressed all the
            same: it takes no longer than the checksums of what it saves.

    Returns:
        The member's bytes; equal arrays give equal bytes.

    Raises:
        CodecError: where dtype or shape differ from the table.
    """
    layer = LAYERS[name]
    if not array.size or array.dtype != layer.dtype or array.ndim < 2 or array.shape != layer.shape(*array.shape[:2]):
        raise CodecError(
            f"{name}: expected {layer.dtype} (H, W{f', {layer.channels}' if layer.channels else ''}), got "
            f"{array.dtype} {array.shape}; make the layer as the table says"
        )
    if SUFFIX[layer.codec] == "png":
        return encode_png(array, compress=storage != FAST or not layer.channels)
    if storage == FAST:
        return encode_raw(array)
    return encode_planes(array, unit=layer.codec == "unit")


def decode_layer(name: str, data: bytes, height: int, width: int) -> np.ndarray:
    """Inverse of `encode_layer`; never trusts the bytes.

    Returns:
        The layer's array, shape and dtype as the table says for `height` x `width`.

    Raises:
        CodecError: where the bytes are damaged or hold another dtype or size.
    """
    layer = LAYERS[name]
    array = decode_planes(data) if SUFFIX[layer.codec] == "planes" else decode_png(data)
    if array.dtype != layer.dtype or array.shape != layer.shape(height, width):
        raise CodecError(
            f"{name}: expected {layer.dtype} {layer.shape(height, width)}, got {array.dtype} {array.shape}"
        )
    return array


def encode_png(array: np.ndarray, compress: bool = True) -> bytes:
    """PNG of (H, W, 3) uint8, (H, W) uint8 or (H, W) bool (one bit a pixel).

    Every row is stored as its difference to the row above, then run lengths and Huffman codes: half the time of
    choosing a filter a row, for 5 % more bytes. Without `compress` the rows lie in "stored" blocks as they are.
    """
    height, width = array.shape[:2]
    rows = np.packbits(array, axis=1) if array.dtype == bool else array.reshape(height, -1)
    filtered = np.zeros((height, 1 + rows.shape[1]), np.uint8)
    if compress:
        filtered[:, 0] = 2  # The PNG filter "Up"; 0 is none.
        filtered[0, 1:] = rows[0]
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    else:
        filtered[:, 1:] = rows
    deflate = zlib.compressobj(int(compress), zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    header = struct.pack(">2I5B", width, height, *_PNG_KINDS[array.dtype.name, array.ndim], 0, 0, 0)
    data = deflate.compress(filtered.tobytes()) + deflate.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def decode_png(data: bytes) -> np.ndarray:
    """Inverse of `encode_png`. Raises CodecError for bytes that are damaged, huge or another picture."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.mode not in _PNG_MODES or image.width * image.height > MAX_PIXELS:
                raise CodecError(f"expected a PNG of mode {', '.join(_PNG_MODES)}, got {image.mode} {image.size}")
            pixels = np.array(image)
            # Pillow fills a bool array with bytes of 255, which numpy then counts as 255.
            return pixels.view(np.uint8) != 0 if image.mode == "1" else pixels
    except CodecError:
        raise
    except Exception as error:  # Pillow raises many unrelated types on damaged files.
        raise CodecError(f"expected a whole PNG, got damage ({type(error).__name__}: {error})") from None


def webdataset_decoder(key: str, data: bytes) -> Any:
    """A handler for `webdataset.WebDataset(...).decode(webdataset_decoder)`: arrays for every layer of ours.

    Args:
        key: member suffix as webdataset passes it, with or without a leading dot.
        data: the member.

    Returns:
        The array, or None for a member this project does not know, which leaves it to the next handler.
    """
    name, _, suffix = key.lstrip(".").partition(".")
    if name not in LAYERS or suffix != SUFFIX[LAYERS[name].codec]:
        return None
    return decode_planes(data) if suffix == "planes" else decode_png(data)
