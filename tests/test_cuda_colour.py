"""The GPU's colour compiled as C against the preview's pictures, on heads, people, cut cards and shells; and its PTX."""

import math
import re
import shutil
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from renderers import preview
from renderers.cuda import colour, labels
from renderers.cuda.device import CompiledC, Device
from renderers.standard_scenes import hard_head, plain_head, view_from
from renderers.environment import studio_light


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to compile the CUDA source as C")
    return CompiledC(tmp_path_factory.mktemp("cuda"))


@pytest.mark.parametrize("distance_m", [0.3, math.inf])
@pytest.mark.parametrize("scene", [plain_head, hard_head])
def test_x(device, scene, distance_m):
    surface = scene(60)
    lit = preview.light_up(surface, studio_light(np.random.default_rng(1)))
    camera = view_from(distance_m, 96)
    theirs = preview.render(lit, camera)
    ours = labels.to_host(device, colour.render(lit, camera, None, None, device))
    print(np.abs(ours.rgb - theirs.rgb).max(), (ours.rgb != theirs.rgb).sum(), theirs.rgb.max())
    np.testing.assert_array_equal(ours.alpha, theirs.alpha)
    np.testing.assert_array_equal(ours.rgb, theirs.rgb)
