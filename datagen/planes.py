"""Lossless numeric images: integer prediction from three neighbours, byte planes, one zstd frame; or the numbers as
they are in such a frame, for those who would rather have the time than the bytes.

Bit exact for every pattern, -0.0 and NaN payloads included: values are integers all the way. docs/formats.md gives the
layout with a short decoder.
"""

import struct

import numba
import numpy as np
import zstandard

from meshes.errors import UserError

HEADER = struct.Struct("<4s4s4I")
"""Magic, numpy dtype, height, width, channels (0 for a 2-D array), stored pixels."""
MAGIC = b"PLN1"
RAW = b"RAW1"
"""Magic where the frame holds the array's own bytes."""
UNIT = b"u"
"""Fourth byte of the dtype where the third component is predicted from the first two."""
MAX_BYTES = 1 << 31
"""Largest array that is decoded; a hostile header cannot ask for more."""
LEVEL = 1
RAW_LEVEL = -50
"""Of raw frames: little but the runs of zeros about a person is found, at the speed of copying (docs/codecs.md)."""
DTYPES = ("<f2", "<f4", "<f8", "<i4", "<i8")


class CodecError(UserError):
    """Bytes that are not what a layer's codec writes; the message says expected and got."""


def encode_planes(array: np.ndarray, level: int = LEVEL, unit: bool = False) -> bytes:
    """Packs a numeric image.

    Args:
        array: (H, W) or (H, W, C), C >= 1, of float16, float32, float64, int32 or int64.
        level: zstd level.
        unit: for (H, W, 3) float32 alone, the third component is predicted from the first two as that of a unit
            vector towards the camera. As lossless as without, whatever the values are.

    Returns:
        A self-describing byte string; equal arrays give equal bytes.

    Raises:
        CodecError: for another dtype or number of axes.
    """
    dtype = _checked_dtype(array)
    if unit and (dtype != "<f4" or array.shape[2:] != (3,)):
        raise CodecError(f"expected unit vectors as (H, W, 3) float32, got {array.dtype} {array.shape}")
    height, width = array.shape[:2]
    bits = _bits(np.ascontiguousarray(array, dtype))
    support = _support(bits)
    if unit:
        bits = bits.copy()
        _shift_third(bits, support, True)
    planes = _forward(bits, support, int(support.sum()), dtype[1] == "f")
    body = np.concatenate([np.packbits(support), planes.ravel()])
    channels = array.shape[2] if array.ndim == 3 else 0
    header = HEADER.pack(MAGIC, dtype.encode() + UNIT * unit, height, width, channels, planes.shape[1] // bits.shape[2])
    return header + zstandard.ZstdCompressor(level=level).compress(body.data)


def encode_raw(array: np.ndarray) -> bytes:
    """Packs a numeric image as it is, behind the same header and in one zstd frame; arguments and errors as above.

    Equal arrays give equal bytes, and `decode_planes` reads them.
    """
    dtype = _checked_dtype(array)
    body = np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8)
    height, width = array.shape[:2]
    header = HEADER.pack(RAW, dtype.encode(), height, width, array.shape[2] if array.ndim == 3 else 0, height * width)
    return header + zstandard.ZstdCompressor(level=RAW_LEVEL).compress(body.data)


def is_raw(data: bytes) -> bool:
    """Whether bytes of this module's making are those of `encode_raw`."""
    return data[: len(RAW)] == RAW


def _checked_dtype(array: np.ndarray) -> str:
    """The little-endian name of a dtype that can be packed."""
    dtype = array.dtype.newbyteorder("<").str
    if dtype not in DTYPES or array.ndim not in (2, 3) or array.size == 0:
        raise CodecError(f"expected a filled (H, W[, C]) array of {', '.join(DTYPES)}, got {array.dtype} {array.shape}")
    return dtype


def decode_planes(data: bytes) -> np.ndarray:
    """Inverse of `encode_planes` and of `encode_raw`, for any bytes.

    Returns:
        The array, little-endian, writable.

    Raises:
        CodecError: where the bytes are truncated, damaged, or ask for more than MAX_BYTES.
    """
    dtype, unit, height, width, channels, stored = read_header(data)
    pixels, depth = height * width, max(channels, 1)
    shape = (height, width, channels) if channels else (height, width)
    if is_raw(data):
        return _decompress(data, pixels * depth * dtype.itemsize).view(dtype).reshape(shape).copy()
    mask_bytes = -(-pixels // 8)
    body = _decompress(data, mask_bytes + stored * depth * dtype.itemsize)
    support = np.unpackbits(body[:mask_bytes], count=pixels).view(bool).reshape(height, width)
    if np.count_nonzero(support) != stored:
        raise CodecError(f"expected {stored} stored pixels, got a mask of {np.count_nonzero(support)}")
    planes = body[mask_bytes:].reshape(dtype.itemsize, depth * stored)
    bits = _inverse(planes, support, np.zeros((height, width, depth), f"<u{dtype.itemsize}"), dtype.kind == "f")
    if unit:
        _shift_third(bits, support, False)
    return bits.view(dtype).reshape(shape)


def read_header(data: bytes) -> tuple[np.dtype, bool, int, int, int, int]:
    """dtype, unit, height, width, channels and stored pixels, checked before anything is allocated."""
    if len(data) < HEADER.size:
        raise CodecError(f"expected at least {HEADER.size} bytes, got {len(data)}")
    magic, name, height, width, channels, stored = HEADER.unpack_from(data)
    unit = magic == MAGIC and name == b"<f4" + UNIT and channels == 3
    name = b"<f4\0" if unit else name
    if magic not in (MAGIC, RAW) or name not in [known.ljust(4, "\0").encode() for known in DTYPES]:
        raise CodecError(f"expected magic {MAGIC!r} or {RAW!r} and a dtype of {DTYPES}, got {magic!r} and {name!r}")
    dtype = np.dtype(name.rstrip(b"\0").decode())
    size = height * width * max(channels, 1) * dtype.itemsize
    if not 0 < size <= MAX_BYTES or stored > height * width or (magic == RAW and stored < height * width):
        raise CodecError(
            f"expected 1 to {MAX_BYTES} bytes and stored <= pixels (all of them where raw), got "
            f"{height}x{width}x{channels} {dtype}, {stored} stored"
        )
    return dtype, unit, height, width, channels, stored


def _decompress(data: bytes, size: int) -> np.ndarray:
    """(size,) uint8 of the frame behind the header; refuses a frame that promises another size."""
    frame = memoryview(data)[HEADER.size :]
    try:
        promised = zstandard.frame_content_size(frame)
        if promised != size:
            raise CodecError(f"expected {size} bytes in the frame, got {promised}")
        return np.frombuffer(zstandard.ZstdDecompressor().decompress(frame), np.uint8)
    except zstandard.ZstdError as error:
        raise CodecError(f"expected a whole zstd frame, got damage ({error})") from None


def _bits(array: np.ndarray) -> np.ndarray:
    """(H, W, C) unsigned view of the same bytes."""
    return array.view(f"<u{array.itemsize}").reshape(*array.shape[:2], -1)


def forward_twin(bits: np.ndarray, support: np.ndarray, floats: bool) -> np.ndarray:
    """Readable twin of the kernel that turns pixels into byte planes.

    A pixel is predicted as left + above - above-left of the ordered integers (the Lorenzo predictor). Outside
    the support the prediction itself stands in: its residual is 0, and a decoder is two cumulative sums.

    Args:
        bits: (H, W, C) unsigned, the values' bit patterns.
        support: (H, W) bool, pixels that are stored.
        floats: True where the patterns are floats and are put in the order of their values first.

    Returns:
        (itemsize, C * stored) uint8: plane b holds byte b of every zigzag residual, channel after channel.
    """
    ordered = order(bits, floats)
    residual = np.zeros_like(bits)
    above = np.zeros_like(bits[0])
    for r in range(bits.shape[0]):
        slope = np.zeros_like(bits[0, 0])
        for c in range(bits.shape[1]):
            if support[r, c]:
                residual[r, c] = ordered[r, c] - above[c] - slope
            slope = slope + residual[r, c]
            above[c] = above[c] + slope
    signed = residual[support].T.view(f"i{bits.itemsize}")
    zigzag = (signed << 1) ^ (signed >> (8 * bits.itemsize - 1))
    return np.ascontiguousarray(np.ascontiguousarray(zigzag).view(np.uint8).reshape(-1, bits.itemsize).T)


def inverse_twin(planes: np.ndarray, support: np.ndarray, channels: int, floats: bool) -> np.ndarray:
    """Readable twin of the kernel that turns byte planes back into (H, W, channels) bit patterns."""
    itemsize = planes.shape[0]
    zigzag = np.ascontiguousarray(planes.T).view(f"<u{itemsize}").reshape(channels, -1 if planes.size else 0)
    residual = np.zeros((*support.shape, channels), zigzag.dtype)
    residual[support] = ((zigzag >> 1) ^ (0 - (zigzag & 1))).T
    ordered = residual.cumsum(axis=0, dtype=zigzag.dtype).cumsum(axis=1, dtype=zigzag.dtype)
    return np.where(support[..., None], order(ordered, floats), 0).astype(zigzag.dtype)


def shift_third_twin(bits: np.ndarray, support: np.ndarray, away: bool) -> np.ndarray:
    """Readable twin of the kernel that puts, in the place of z, its distance from a prediction, or z back.

    The prediction is -sqrt(1 - x^2 - y^2), rounded to float32. It is the same on every machine: the product of two
    float32 is exact in float64, and IEEE sqrt is rounded correctly.

    Args:
        bits: (H, W, 3) uint32, patterns of x, y and z (or of the distance, in ordered integers).
        support: (H, W) bool, pixels that are stored; others stay.
        away: True for the distance, False to undo it.
    """
    with np.errstate(all="ignore"):  # Any bits may come, signalling NaNs among them.
        x, y = (bits[..., k][support].view(np.float32).astype(np.float64) for k in (0, 1))
        square = 1.0 - x * x - y * y
        predicted = (-np.sqrt(np.where(square > 0, square, 0.0))).astype(np.float32).view(np.uint32)
    own, third = order(bits[support, 2], True), order(predicted, True)
    shifted = bits.copy()
    shifted[support, 2] = order(own - third if away else own + third, True)
    return shifted


def order(bits: np.ndarray, floats: bool) -> np.ndarray:
    """Float bit patterns as integers that grow with the value; its own inverse. Integers pass."""
    if not floats:
        return bits
    signed = bits.view(f"i{bits.itemsize}")
    top = np.iinfo(signed.dtype).max
    return (signed ^ ((signed >> (8 * bits.itemsize - 1)) & top)).view(bits.dtype)


@numba.njit(cache=True, nogil=True)
def _support(bits: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels with a bit set in any channel."""
    height, width, channels = bits.shape
    support = np.zeros((height, width), np.bool_)
    for r in range(height):
        for c in range(width):
            for k in range(channels):
                if bits[r, c, k]:
                    support[r, c] = True
    return support


@numba.njit(cache=True, nogil=True)
def _forward(bits: np.ndarray, support: np.ndarray, stored: int, floats: bool) -> np.ndarray:
    height, width, channels = bits.shape
    size = bits.itemsize
    zero = bits.dtype.type(0)
    one, last = bits.dtype.type(1), bits.dtype.type(8 * size - 1)
    rest = bits.dtype.type(~zero) >> one
    planes = np.zeros((size, channels * stored), np.uint8)
    for k in range(channels):
        at = k * stored
        above = np.zeros(width, bits.dtype)
        for r in range(height):
            slope = zero
            for c in range(width):
                if support[r, c]:
                    value = bits[r, c, k]
                    if floats and value >> last:
                        value ^= rest
                    residual = bits.dtype.type(value - above[c] - slope)
                    slope = bits.dtype.type(slope + residual)
                    zigzag = bits.dtype.type(residual << one)
                    if residual >> last:
                        zigzag = bits.dtype.type(~zigzag)
                    for b in range(size):
                        planes[b, at] = np.uint8((zigzag >> bits.dtype.type(8 * b)) & bits.dtype.type(255))
                    at += 1
                above[c] = bits.dtype.type(above[c] + slope)
    return planes


@numba.njit(cache=True, nogil=True)
def _inverse(planes: np.ndarray, support: np.ndarray, bits: np.ndarray, floats: bool) -> np.ndarray:
    height, width, channels = bits.shape
    size = planes.shape[0]
    zero = bits.dtype.type(0)
    one, last = bits.dtype.type(1), bits.dtype.type(8 * size - 1)
    rest = bits.dtype.type(~zero) >> one
    for k in range(channels):
        at = k * (planes.shape[1] // channels)
        above = np.zeros(width, bits.dtype)
        for r in range(height):
            slope = zero
            for c in range(width):
                if support[r, c]:
                    zigzag = zero
                    for b in range(size):
                        zigzag |= bits.dtype.type(bits.dtype.type(planes[b, at]) << bits.dtype.type(8 * b))
                    at += 1
                    residual = bits.dtype.type(zigzag >> one)
                    if zigzag & one:
                        residual = bits.dtype.type(~residual)
                    slope = bits.dtype.type(slope + residual)
                    value = bits.dtype.type(above[c] + slope)
                    bits[r, c, k] = value ^ rest if floats and value >> last else value
                above[c] = bits.dtype.type(above[c] + slope)
    return bits


@numba.njit(cache=True, nogil=True)
def _order(bits: np.uint32) -> np.uint32:
    return np.uint32(bits ^ np.uint32(0x7FFFFFFF)) if bits >> np.uint32(31) else np.uint32(bits)


@numba.njit(cache=True, nogil=True)
def _shift_third(bits: np.ndarray, support: np.ndarray, away: bool) -> None:
    height, width, _ = bits.shape
    values = bits.view(np.float32)
    predicted = np.zeros(1, np.float32)
    pattern = predicted.view(np.uint32)
    for r in range(height):
        for c in range(width):
            if support[r, c]:
                x, y = np.float64(values[r, c, 0]), np.float64(values[r, c, 1])
                square = 1.0 - x * x - y * y
                predicted[0] = -np.sqrt(square) if square > 0 else -0.0
                own, third = _order(bits[r, c, 2]), _order(pattern[0])
                bits[r, c, 2] = _order(np.uint32(own - third if away else own + third))
