"""Codecs: bit-exact round trips, readable twins of the kernels, the documented decoder, and hostile bytes."""

import re
import struct
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import zstandard
from fake import fake_sample
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from datagen import planes
from datagen.codecs import decode_layer, decode_png, encode_layer, encode_png, member_suffix
from datagen.planes import CodecError, decode_planes, encode_planes, encode_raw
from datagen.storage import FAST, STORAGES
from renderers.layers import LAYERS

FORMATS = Path(__file__).parents[1] / "docs" / "formats.md"
SHAPES = hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9)
BITS = {"<f4": "<u4", "<f8": "<u8", "<f2": "<u2", "<i4": "<u4", "<i8": "<u8"}


@st.composite
def images(draw):
    """Images of any bit pattern (NaN payloads, -0.0, infinities) with zeros where a drawn mask says."""
    dtype, shape = draw(st.sampled_from(sorted(BITS))), draw(SHAPES)
    bits = draw(hnp.arrays(BITS[dtype], shape))
    keep = draw(hnp.arrays(bool, shape[:2]))
    return np.where(keep.reshape(keep.shape + (1,) * (bits.ndim - 2)), bits, 0).astype(BITS[dtype]).view(dtype)


def _documented_decoder(name="decode"):
    scope = {}
    for code in re.findall(r"```python\n(.*?)```", FORMATS.read_text(), re.S):
        exec(compile(code, str(FORMATS), "exec"), scope)
    return scope[name]


@settings(deadline=None)
@given(images())
def test_every_bit_pattern_returns(image):
    decoded = decode_planes(encode_planes(image))
    assert decoded.dtype == image.dtype
    assert decoded.shape == image.shape
    assert decoded.tobytes() == image.tobytes()


@settings(deadline=None)
@given(images())
def test_every_bit_pattern_returns_from_raw_frames(image):
    data = encode_raw(image)
    decoded, documented = decode_planes(data), _documented_decoder("decode_raw")(data)
    for again in (decoded, documented):
        assert (again.dtype, again.shape, again.tobytes()) == (image.dtype, image.shape, image.tobytes())
    decoded.fill(0)  # Writable, as from planes.


@settings(deadline=None)
@given(images())
def test_kernels_equal_their_twins(image):
    bits = planes._bits(np.ascontiguousarray(image))
    support, floats = bits.any(axis=2), image.dtype.kind == "f"
    assert np.array_equal(planes._support(bits), support)
    packed = planes._forward(bits, support, int(support.sum()), floats)
    assert np.array_equal(packed, planes.forward_twin(bits, support, floats))
    assert np.array_equal(planes.inverse_twin(packed, support, bits.shape[2], floats), bits)
    assert np.array_equal(planes._inverse(packed, support, np.zeros_like(bits), floats), bits)


@settings(deadline=None)
@given(images())
def test_the_decoder_printed_in_the_docs_decodes(image):
    decoded = _documented_decoder()(encode_planes(image))
    assert decoded.dtype == image.dtype
    assert decoded.tobytes() == image.tobytes()
    assert decoded.shape == image.shape


@settings(deadline=None)
@given(images())
def test_vectors_of_any_bits_return_from_the_unit_codec(image):
    vectors = np.resize(image.view(np.uint8), (*image.shape[:2], 12)).copy().view("<f4")
    data = encode_planes(vectors, unit=True)
    with np.errstate(all="ignore"):
        assert _documented_decoder()(data).tobytes() == vectors.tobytes()
    assert decode_planes(data).tobytes() == vectors.tobytes()


@settings(deadline=None)
@given(hnp.arrays(np.uint32, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))), st.booleans())
@example(np.full((1, 1, 3), 0x7F800001, np.uint32), True)  # Signalling NaNs.
def test_the_kernel_of_the_third_component_equals_its_twin(bits, away):
    support = bits.any(axis=2)
    shifted = bits.copy()
    planes._shift_third(shifted, support, away)
    assert np.array_equal(shifted, planes.shift_third_twin(bits, support, away))
    planes._shift_third(shifted, support, not away)
    assert np.array_equal(shifted, bits)


def test_the_third_component_of_normals_costs_little():
    normal = fake_sample(0, size=96).layers["near_normal"]
    assert len(encode_planes(normal, unit=True)) < 0.8 * len(encode_planes(normal))


def test_unit_vectors_are_float32_triples():
    with pytest.raises(CodecError, match=r"expected unit vectors as \(H, W, 3\) float32, got float32 \(2, 2, 2\)"):
        encode_planes(np.zeros((2, 2, 2), np.float32), unit=True)


def test_the_documented_decoder_is_short():
    code = re.search(r"```python\n.*?def decode(.*?)```", FORMATS.read_text(), re.S)[1]
    assert len([line for line in code.splitlines() if line.startswith("    ")]) <= 16


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_of_the_table_returns(name, storage):
    array = fake_sample(0, layers=tuple(LAYERS)).layers[name]
    data = encode_layer(name, array, storage)
    decoded = decode_layer(name, data, *array.shape[:2])
    assert decoded.dtype == array.dtype == LAYERS[name].dtype
    assert decoded.tobytes() == array.tobytes()
    assert encode_layer(name, array.copy(), storage) == data


def test_fast_storage_leaves_numbers_and_colours_as_they_are_and_nothing_else():
    layers = fake_sample(0, layers=tuple(LAYERS)).layers
    other = {name for name, array in layers.items() if encode_layer(name, array) != encode_layer(name, array, FAST)}
    assert other == {name for name, layer in LAYERS.items() if layer.dtype not in ("uint8", "bool") or layer.channels}
    rgb = encode_layer("near_rgb", layers["near_rgb"], FAST)
    assert layers["near_rgb"][20].tobytes() in rgb, "a row lies in the file as it is"


def test_a_constant_and_an_empty_flow_return_exactly():
    for value in (0.0, -0.0, 0.1):
        flow = np.full((7, 5, 2), value, np.float32)
        assert (
            decode_layer("flow_near_to_far", encode_layer("flow_near_to_far", flow), 7, 5).tobytes() == flow.tobytes()
        )


@settings(deadline=None)
@given(hnp.arrays(np.uint8, st.sampled_from([(3, 4, 3), (1, 1, 3), (5, 2)])))
def test_png_returns(image):
    for compress in (True, False):
        assert np.array_equal(decode_png(encode_png(image, compress)), image)


def test_png_is_what_other_tools_read():
    rng = np.random.Generator(np.random.Philox(5))
    for shape, dtype in (((37, 29, 3), "uint8"), ((37, 29), "uint8"), ((37, 29), "bool")):
        image = rng.integers(0, 2 if dtype == "bool" else 256, shape).astype(dtype)
        for compress in (True, False):
            read = imageio.imread(encode_png(image, compress), extension=".png").view(np.uint8)
            assert np.array_equal(np.array(read) != 0 if dtype == "bool" else read, image)


@settings(deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_masks_are_one_bit_png(mask):
    data = encode_png(mask)
    assert data[24] == 1  # IHDR's bit depth.
    assert np.array_equal(decode_png(data), mask)


def test_suffixes_follow_the_table():
    assert member_suffix("near_rgb") == "near_rgb.png"
    assert member_suffix("flow_near_to_far") == "flow_near_to_far.planes"
    assert member_suffix("near_surface") == "near_surface.png"


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("flow_near_to_far", np.zeros((4, 4, 2), np.float64)),
        ("flow_near_to_far", np.zeros((4, 4), np.float32)),
        ("near_rgb", np.zeros((4, 4, 4), np.uint8)),
        ("near_surface", np.zeros((4, 4), np.uint8)),
        ("near_rgb", np.zeros((0, 4, 3), np.uint8)),
        ("near_depth_axis_m", np.zeros((), np.float32)),
    ],
)
def test_another_dtype_or_shape_is_refused(name, array):
    with pytest.raises(CodecError, match=rf"{name}: expected .*got {array.dtype}.*as the table says"):
        encode_layer(name, array)


def test_big_endian_arrays_are_stored_little_endian():
    image = np.arange(12, dtype=">f4").reshape(3, 4)
    decoded = decode_planes(encode_planes(image))
    assert decoded.dtype == "<f4"
    assert np.array_equal(decoded, image)


def test_a_layer_of_another_size_is_refused():
    data = encode_layer("near_depth_axis_m", np.ones((4, 6), np.float32))
    with pytest.raises(CodecError, match=r"expected float32 \(6, 4\), got float32 \(4, 6\)"):
        decode_layer("near_depth_axis_m", data, 6, 4)


def _header(magic=b"PLN1", dtype=b"<f4", height=2, width=2, channels=0, stored=4):
    return struct.pack("<4s4s4I", magic, dtype, height, width, channels, stored)


def _frame(size):
    return zstandard.ZstdCompressor().compress(bytes(size))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PLN1",
        _header(),
        _header(magic=b"PLN2") + _frame(17),
        _header(dtype=b"|O8") + _frame(17),
        _header(height=2**32 - 1, width=2**32 - 1) + _frame(17),
        _header(height=2**16, width=2**16, channels=2**31) + _frame(17),
        _header(height=0) + _frame(17),
        _header(stored=5) + _frame(17),
        _header() + _frame(16),
        _header() + _frame(2**28),
        _header() + _frame(17),
        _header() + b"not zstd",
        _header(magic=b"RAW1") + _frame(17),
        _header(magic=b"RAW1") + _frame(2**28),
        _header(magic=b"RAW1", stored=3) + _frame(16),
        _header(magic=b"RAW1", stored=5) + _frame(16),
        _header(magic=b"RAW1", dtype=b"<f4u", channels=3) + _frame(48),
        _header(magic=b"RAW1", height=2**16, width=2**16, channels=1, stored=2**32 - 1) + _frame(17),
        _header(magic=b"RAW1") + b"not zstd",
    ],
)
def test_hostile_headers_are_refused(data):
    with pytest.raises(CodecError, match=r"expected .*got "):
        decode_planes(data)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("name", ["flow_near_to_far", "near_rgb", "near_surface", "near_part"])
def test_damaged_bytes_never_escape_as_another_error(name, storage):
    array = fake_sample(1).layers[name]
    data = encode_layer(name, array, storage)
    rng = np.random.Generator(np.random.Philox(7))
    for cut in rng.integers(0, len(data), 60):
        _decodes_or_refuses(name, data[:cut], array)
    for place, value in zip(rng.integers(0, len(data), 200), rng.integers(1, 256, 200), strict=True):
        _decodes_or_refuses(name, data[:place] + bytes([data[place] ^ value]) + data[place + 1 :], array)


def _decodes_or_refuses(name, data, array):
    try:
        decoded = decode_layer(name, data, *array.shape[:2])
    except CodecError:
        return
    assert decoded.shape == array.shape
    assert decoded.dtype == array.dtype


def test_a_png_bomb_is_refused_before_it_is_unpacked():
    data = bytearray(encode_png(np.zeros((4, 4), np.uint8)))
    data[16:24] = struct.pack(">2I", 60_000, 60_000)
    with pytest.raises(CodecError, match="expected"):
        decode_png(bytes(data))
