"""The worked pixels of docs/conventions.md, executed as they stand on the page.

Each line `expression  # = value` of its code blocks must hold, and so must the numbers of the text below them.
"""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from renderers.camera import NOMINAL_DISTANCE_M
from renderers.exact import NEAR_M
from renderers.lens import MAX_REACH, MIN_SCALE, distort
from renderers.standard_scenes import make_surface

PAGE = (Path(__file__).parents[1] / "docs" / "conventions.md").read_text()


def worked_pixel() -> tuple[list[tuple[str, object]], dict]:
    """Promised values of the page's code blocks, and their names after a run on the triangle the text describes."""
    block = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    promises = re.findall(r"^(\S.*?) +# = (.*)$", block, re.MULTILINE)
    (corners,) = re.findall(r"with corners (\(.*?\)), (\(.*?\)),\s+(\(.*?\))\.", PAGE)
    (plane,) = re.findall(r"in the plane z = ([\d.]+) of the head", PAGE)
    vertices = [[*ast.literal_eval(corner), float(plane)] for corner in corners]
    names: dict = {"surface": make_surface(vertices, [[0, 1, 2]])}
    exec(compile(block, "conventions.md", "exec"), names)
    return [(left, ast.literal_eval(right)) for left, right in promises], names


def test_the_worked_pixel_is_what_the_page_says():
    promises, names = worked_pixel()
    assert len(promises) >= 12
    for expression, promised in promises:
        exec(f"found = {expression}", names)
        np.testing.assert_allclose(names["found"], promised, rtol=0, atol=1e-12, err_msg=expression)


def test_the_text_follows_the_numbers():
    promises, names = worked_pixel()
    flow = dict(promises)["labels.flow[30, 60]"]
    (p_far,) = re.findall(r"p_far = .*? = (\([\d., ]+\))\.", PAGE)
    landing, _ = names["project"](names["far"], np.array([[0.0084, 0.0156, 0.1]]))
    np.testing.assert_allclose(landing[0], ast.literal_eval(p_far), atol=1e-4)
    np.testing.assert_allclose(np.add(flow, (60.5, 30.5)), landing[0], atol=1e-9)
    assert f"= ({flow[0]:.4f}, {flow[1]:.4f}) px" in PAGE


def test_the_text_of_the_lens_follows_its_numbers():
    promises, names = worked_pixel()
    x, y = dict(promises)["directions_through(bent, pixels)[0]"]
    lens = names["bent"].distortion
    bent = distort(lens, np.array([x, y]))
    assert f"x' = {x} x 0.997 + 2 x 0.01 x {x} x ({y}) = {bent[0]:.6f}" in PAGE
    assert f"= {bent[1]:.6f}: the pixel is" in PAGE
    straight, _ = names["project"](names["near"], np.array([[0.024, 0.032, 0.1]]))
    assert "where a pinhole has ({:.0f}, {:.0f})".format(*straight[0]) in PAGE


def test_limits_on_the_page_are_those_of_the_code():
    (near_mm,) = re.findall(r"`depth_axis_m` <= ([\d.]+) mm is seen", PAGE)
    assert float(near_mm) / 1000 == pytest.approx(NEAR_M)
    (plane_m,) = re.findall(r"whose plane z = 0 stands ([\d.]+) m before", PAGE)
    assert float(plane_m) == NOMINAL_DISTANCE_M
    (scale, reach, degrees) = re.findall(r"below ([\d.]+) of itself, at most (\d+) \((\d+)°\)", PAGE)[0]
    assert (float(scale), float(reach)) == (MIN_SCALE, MAX_REACH)
    assert round(np.degrees(np.arctan(MAX_REACH))) == int(degrees)
