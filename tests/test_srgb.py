"""The sRGB curve: known patches, exact rounding, and there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshes import srgb
from renderers.srgb import decode, encode, linear_from_signal, signal_from_linear


@pytest.mark.parametrize(
    ("linear", "code"), [(0.0, 0), (0.0031308, 10), (0.18, 118), (0.214, 127), (0.5, 188), (1.0, 255)]
)
def test_known_patches(linear: float, code: int) -> None:
    assert encode(np.array([linear]))[0] == code


def test_what_lies_outside_is_clipped_and_nan_is_black() -> None:
    assert encode(np.array([-1.0, np.nan, 7.0, np.inf, -np.inf])).tolist() == [0, 0, 255, 255, 0]


def test_every_code_returns() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(encode(decode(codes)), codes)


def test_shape_is_kept() -> None:
    assert encode(np.zeros((3, 5, 3), np.float32)).shape == (3, 5, 3)


@given(st.floats(0, 1, width=32))
def test_encode_is_the_nearest_code_of_the_curve(linear: float) -> None:
    assert abs(int(encode(np.array([linear]))[0]) - 255 * float(signal_from_linear(np.array(linear)))) <= 0.5 + 1e-9


@given(st.floats(0, 1))
def test_the_curve_and_its_inverse(signal: float) -> None:
    assert float(signal_from_linear(linear_from_signal(np.array(signal)))) == pytest.approx(signal, abs=1e-6)


def test_encoding_is_the_rounded_curve_and_its_clips() -> None:
    linear = np.random.Generator(np.random.Philox(key=1)).random(300_000) * 1.2 - 0.1
    expected = np.rint(255.0 * srgb.signal_from_linear(np.clip(linear, 0.0, 1.0))).astype(np.uint8)
    np.testing.assert_array_equal(srgb.encode(linear), expected)
    single = linear.astype(np.float32)
    np.testing.assert_array_equal(srgb.encode(single), srgb.encode(single.astype(np.float64)))


def test_a_step_of_the_first_guess_holds_one_threshold_at_most():
    assert np.diff(srgb.FIRST_CODE.astype(int)).max() <= 1
    inner = np.floor(srgb.THRESHOLDS[1:256] * 4096).astype(int)
    assert len(np.unique(inner)) == len(inner)
