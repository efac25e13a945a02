"""The colour wheel at known directions, its limits, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.flow_color import HUES, flow_to_rgb, longest_px, rim_px, shortened, wheel_legend
from meshes.errors import UserError


def color(dx, dy, max_px=1.0):
    return tuple(int(v) for v in flow_to_rgb(np.array([[[dx, dy]]]), max_px)[0, 0])


def test_the_wheel_has_the_published_hues():
    assert HUES.shape == (55, 3)
    corners = [0, 15, 21, 25, 36, 49]
    expected = [(255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255)]
    assert (HUES[corners] * 255).round().astype(int).tolist() == [list(rgb) for rgb in expected]
    assert (HUES[[1, 54]] * 255).round().astype(int).tolist() == [[255, 17, 0], [255, 0, 43]]


@pytest.mark.parametrize(
    ("dx", "dy", "rgb"),
    [
        # Positions 0, 13.5, 27 and 40.5 of the table of 55 hues, worked by hand.
        (1.0, 0.0, (255, 0, 0)),
        (0.0, 1.0, (255, 229, 0)),
        (-1.0, 0.0, (0, 209, 255)),
        (0.0, -1.0, (88, 0, 255)),
        (0.5, 0.0, (255, 127, 127)),
        (2.0, 0.0, (191, 0, 0)),
        (0.0, 0.0, (255, 255, 255)),
        (-0.0, -0.0, (255, 255, 255)),
    ],
)
def test_known_directions(dx, dy, rgb):
    assert color(dx, dy) == rgb


def test_negative_zero_is_zero():
    assert color(1.0, -0.0) == color(1.0, 0.0)


def test_unknown_flow_is_black_and_sets_no_scale():
    flow = np.zeros((1, 3, 2))
    flow[0, :, 0] = [4.0, 2.0, 100.0]
    mask = np.array([[True, True, False]])
    assert longest_px(flow, mask) == 4.0
    assert flow_to_rgb(flow, mask=mask)[0].tolist() == [[255, 0, 0], [255, 127, 127], [0, 0, 0]]


def test_the_rim_is_set_by_most_vectors_not_by_a_few_long_ones():
    flow = np.zeros((1, 9, 2))
    flow[0, :, 1] = [0, 1, 2, 3, 4, -5, -6, 90, 99]
    everything = np.ones((1, 9), bool)
    assert rim_px(flow, everything) == 6.0
    assert rim_px(flow, everything & (flow[..., 1] <= 4) & (flow[..., 1] >= 0)) == 3.0
    assert rim_px(flow * 0, everything) == 1.0
    assert rim_px(flow, ~everything) == 1.0


def test_unknown_flow_may_be_anything():
    flow = np.full((1, 1, 2), np.nan)
    assert flow_to_rgb(flow, mask=np.array([[False]]))[0, 0].tolist() == [0, 0, 0]


def test_a_still_field_is_white():
    assert (flow_to_rgb(np.zeros((4, 5, 2), np.float32)) == 255).all()


@given(st.floats(-np.pi, np.pi), st.floats(0.05, 0.95))
def test_longer_vectors_of_one_direction_are_never_paler(angle, length):
    dx, dy = np.cos(angle), np.sin(angle)
    shorter = np.array(color(dx * length, dy * length), int)
    assert (np.array(color(dx * 0.9999, dy * 0.9999), int) <= shorter).all()
    assert shorter.max() == 255


@given(st.floats(0.1, 1e4), st.floats(-np.pi, np.pi))
def test_only_the_ratio_to_the_scale_matters(scale, angle):
    # A quarter of the circle a power of two apart would be exact; elsewhere one rounding may move one level.
    here = np.array(color(0.5 * np.cos(angle), 0.5 * np.sin(angle)), int)
    there = np.array(color(0.5 * scale * np.cos(angle), 0.5 * scale * np.sin(angle), scale), int)
    assert abs(here - there).max() <= 1


def test_legend_agrees_with_the_wheel():
    legend = wheel_legend(65)
    assert legend.shape == (65, 65, 3)
    assert legend[32, 32].tolist() == [255, 255, 255]
    assert legend[0, 0].tolist() == [255, 255, 255]
    assert abs(legend[32, 64].astype(int) - color(64 / 65, 0)).max() <= 1
    assert abs(legend[64, 32].astype(int) - color(0, 64 / 65)).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flow": np.zeros((4, 4, 3))}, r"flow: expected shape \(H, W, 2\), got \(4, 4, 3\)"),
        ({"flow": np.zeros((4, 4, 2)), "mask": np.ones((3, 4), bool)}, r"mask: expected shape \(4, 4\)"),
        ({"flow": np.zeros((4, 4, 2)), "max_px": 0.0}, "max_px: expected a positive length"),
        ({"flow": np.zeros((4, 4, 2)), "max_px": np.nan}, "max_px: expected a positive length"),
        ({"flow": np.full((4, 4, 2), np.inf)}, "mask out what is unknown"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(UserError, match=message):
        flow_to_rgb(**arguments)


def test_shortened_vectors_keep_their_direction_and_the_full_hue():
    flow = np.array([[[30.0, 0.0], [0.0, -8.0], [0.5, 0.5], [0.0, 0.0]]])
    short = shortened(flow, 2.0)
    np.testing.assert_allclose(short, [[[2.0, 0.0], [0.0, -2.0], [0.5, 0.5], [0.0, 0.0]]], atol=1e-5)
    np.testing.assert_array_equal(flow_to_rgb(short, 2.0)[0, 0], flow_to_rgb(flow, 30.0)[0, 0])
