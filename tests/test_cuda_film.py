"""The GPU's backdrops and 8-bit codes compiled as C against the processor's."""

import math
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshes import srgb as curve
from renderers import srgb
from renderers.background import Kind, backdrop
from renderers.cuda import film
from renderers.cuda.device import FOLDER, CompiledC, Device
from renderers.environment import studio_light
from renderers.kernels_color.stretch import stretch
from renderers.standard_scenes import view_from

LIGHT = studio_light(np.random.default_rng(1))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to compile the CUDA source as C")
    return CompiledC(tmp_path_factory.mktemp("cuda"))


def test_codes_at_and_beside_every_threshold_are_those_of_the_cpu(device: Device):
    at = curve.THRESHOLDS[1:256].astype(np.float32)
    odd = np.array([np.nan, np.inf, -np.inf, -1.0, -0.0, 0.0, 1.0, 1e-45, 2.0], np.float32)
    values = np.concatenate([at, np.nextafter(at, np.float32(0)), np.nextafter(at, np.float32(2)), odd])
    codes = film.encode(device, values)
    np.testing.assert_array_equal(codes, srgb.encode(values))
    assert set(codes.tolist()) == set(range(256))


def test_pictures_keep_their_shape_and_may_lie_any_way(device: Device):
    picture = np.random.default_rng(0).uniform(-0.1, 1.1, (5, 7, 3)).astype(np.float32)
    for one in (picture, picture[::-1, ::2], picture.transpose(1, 0, 2)):
        np.testing.assert_array_equal(film.encode(device, one), srgb.encode(one))


def test_the_steps_are_those_of_the_curve():
    lines = (FOLDER / "film.cu").read_text().splitlines()
    assert (
        int(next(line.split()[2] for line in lines if line.startswith("#define STEPS "))) == len(curve.FIRST_CODE) - 1
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_between_knots_a_picture_is_that_of_the_cpu(device: Device, height: int, width: int, step: int):
    shape = (height // step + 2, width // step + 2, 3)
    knots = np.random.default_rng(height).normal(0.0, 1.0, shape).astype(np.float32)
    ours = film.stretched(device, knots, height, width, step)
    np.testing.assert_array_equal(ours, stretch(knots, height, width, step))


@pytest.mark.parametrize("distance_m", [0.3, math.inf])
@pytest.mark.parametrize("kind", ["black", "flat", "environment", "outdoor"])
def test_backdrops_are_those_of_the_cpu(device: Device, kind: Kind, distance_m: float):
    camera, rgb = view_from(distance_m, 45), (0.2, 0.4, 0.1)
    ours = film.backdrop_on(device, camera, LIGHT, kind, 7, rgb)
    theirs = backdrop(camera, LIGHT, kind, 7, rgb)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(np.broadcast_to(ours, theirs.shape), theirs)
