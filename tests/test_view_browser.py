"""The page in a real headless Chromium: every control works, nothing leaves the file, figures agree with the set."""

import json
import re
from functools import partial

import numpy as np
import pytest
from fake import fake_run, fake_sample
from webdriver import CHROMEDRIVER, CHROMIUM, browser

from datagen.engine import generate
from datagen.pictures import class_shares, mask_classes
from datagen.sample import Sample
from datagen.view import write_view

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="needs chromium and chromedriver on the PATH"),
]
SIZE = 96
LEFT, RIGHT, HOME, END, DOWN = "\ue012", "\ue014", "\ue011", "\ue010", "\ue015"
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"


def sample(index):
    """A fake sample with a record that tries to break out of the page."""
    made = fake_sample(index, SIZE)
    return Sample(index, made.layers, {**made.meta, "light": {"name": HOSTILE}})


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view")
    generate(fake_run(pairs=5, size=SIZE), folder / "set", sample)
    return write_view(folder / "set", folder / "view.html")


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(window, page):
    window.log("browser"), window.log("performance")
    window.devtools("Emulation.setEmulatedMedia", features=[])
    window.devtools("Emulation.clearDeviceMetricsOverride")
    window.open(page)
    window.wait("return Object.keys(planes).length === 2")
    yield window
    assert [entry for entry in window.log("browser") if entry["level"] != "INFO"] == []


def choose(window, field, value):
    window.click(f"#{field} label:has(input[value='{value}'])")


def shares_said(text):
    return [float(number) for number in re.findall(r"([\d.]+) %", text)]


def test_nothing_is_requested_but_the_page(opened, page):
    for layer in ("flow", "masks", "depth", "normal", "part"):
        choose(opened, "layers", layer)
    choose(opened, "modes", "warp")
    messages = [json.loads(entry["message"])["message"] for entry in opened.log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert page.resolve().as_uri() in urls
    assert {url for url in urls if not url.startswith("data:")} <= {page.resolve().as_uri(), "about:blank"}


def test_header_tells_counts_recipe_and_licences(opened):
    summary = opened.text("#summary")
    assert "5 pairs of 3 people" in summary
    assert "recipe fake, seed 0" in summary
    assert "96 × 96 px" in summary
    assert not opened.run("return document.querySelector('#unfinished').checkVisibility()")
    opened.click("#about > summary")
    assert "Scan by A. Person, CC BY 3.0" in opened.text("#about table")
    assert "CC-BY-3.0" in opened.text("#about table")


@pytest.mark.parametrize("layer", ["rgb", "flow", "masks", "depth", "normal", "part"])
def test_every_layer_decodes_to_the_size_of_the_set(opened, layer):
    choose(opened, "layers", layer)
    sizes = opened.run(
        "return Promise.all([...document.querySelectorAll('.base')].map(async image => {"
        " await image.decode(); return [image.naturalWidth, image.naturalHeight]; }))"
    )
    assert sizes == [[SIZE, SIZE], [SIZE, SIZE]]
    shown = opened.run("return [...document.querySelectorAll('.base')].map(image => image.src)")
    assert shown == opened.run(f"return ['near', 'far'].map(view => sample.views[view].{layer})")
    assert opened.text("#legend")


def test_divider_follows_mouse_and_keys(opened):
    def split():
        return int(opened.run("return document.querySelector('#divider').getAttribute('aria-valuenow')"))

    box = opened.run("return document.querySelector('#stage').getBoundingClientRect().toJSON()")
    middle = box["y"] + box["height"] / 2
    opened.point(box["x"] + box["width"] / 2, middle, drag_to=(box["x"] + box["width"] / 4, middle))
    assert split() == 25
    opened.type("#divider", RIGHT * 2 + LEFT)
    assert split() == 27
    opened.type("#divider", HOME)
    assert split() == 0
    opened.type("#divider", END)
    assert split() == 100
    clip = opened.run("return getComputedStyle(document.querySelector('[data-view=far] .shown')).clipPath")
    assert clip == "inset(0px 0px 0px 100%)"


def test_landmarks_are_filled_where_visible(opened):
    assert not opened.run("return document.querySelector('.landmark').checkVisibility()")
    opened.click("#landmarks")
    assert opened.run("return document.querySelector('.landmark').checkVisibility()")
    landmarks = fake_sample(0, SIZE).meta["landmarks"]
    for view in ("near", "far"):
        found = opened.run(
            f"return [...document.querySelectorAll('[data-view={view}] .landmark')].map(dot =>"
            " [+dot.getAttribute('cx'), +dot.getAttribute('cy'), getComputedStyle(dot).fill !== 'none'])"
        )
        assert [dot[:2] for dot in found] == landmarks[f"{view}_px"]
        assert [dot[2] for dot in found] == landmarks[f"{view}_visible"]


@pytest.mark.parametrize(("view", "other"), [("near", "far"), ("far", "near")])
def test_read_out_agrees_with_the_set(opened, view, other):
    choose(opened, "modes", "both")
    layers = fake_sample(0, SIZE).layers
    rows, columns = np.nonzero(layers[f"{view}_visible_in_{other}"])
    box = opened.run(f"return document.querySelector('[data-view={view}] .frame').getBoundingClientRect().toJSON()")
    for i in (0, rows.size // 3, rows.size // 2):
        row, column = int(rows[i]), int(columns[i])
        x, y = ((v + 0.5) * box["width"] / SIZE for v in (column, row))
        opened.point(box["x"] + x, box["y"] + y)
        numbers = [float(n.replace("−", "-")) for n in re.findall(r"[+−]?\d+\.\d+", opened.text("#readout"))]
        dx, dy = layers[f"flow_{view}_to_{other}"][row, column]
        assert numbers[:2] == [column + 0.5, row + 0.5]
        assert numbers[4:6] == pytest.approx([dx, dy], abs=1 / 16 + 0.005)
        assert numbers[6] == pytest.approx(layers[f"{view}_depth_axis_m"][row, column], abs=1e-4)
        assert "face; visible in the other view" in opened.text("#readout")
        mark = opened.run(
            f"const c = document.querySelector('[data-view={other}] circle.mark');"
            " return [+c.getAttribute('cx'), +c.getAttribute('cy')]"
        )
        assert mark == pytest.approx([column + 0.5 + dx, row + 0.5 + dy], abs=1 / 16 + 1e-6)


def test_divider_decides_which_view_is_read(opened):
    box = opened.run("return document.querySelector('#stage').getBoundingClientRect().toJSON()")
    for share, view in ((0.3, "near"), (0.7, "far")):
        opened.point(box["x"] + share * box["width"], box["y"] + 0.4 * box["height"])
        assert opened.text("#readout").startswith(f"{view} (")


def test_point_moves_by_keys(opened):
    opened.type("[data-view=near] .frame", RIGHT + DOWN + DOWN)
    assert opened.text("#readout").startswith("near (49.5, 50.5)")


def test_mask_legend_gives_the_shares(opened):
    choose(opened, "layers", "masks")
    layers = fake_sample(0, SIZE).layers
    masks = [layers[f"near_{name}"] for name in ("surface", "inside_far", "visible_in_far")]
    said = shares_said(opened.text("#legend .rows > div:first-child"))
    assert said == pytest.approx([100 * share for share in class_shares(mask_classes(*masks))], abs=0.051)


def test_warp_flickers_and_can_be_stopped(opened):
    choose(opened, "modes", "warp")
    swapped = "document.querySelector('#stage').hasAttribute('data-swapped')"
    opened.wait(f"return {swapped}")
    opened.wait(f"return !{swapped}")
    visible = "return getComputedStyle(document.querySelector('[data-view=near] .warp')).visibility"
    opened.click("#play")
    before = opened.run(visible)
    assert opened.run(f"return new Promise(done => setTimeout(() => done({swapped}), 1300))") == (before == "visible")
    numbers = [
        float(n) for n in re.findall(r"(\d+\.\d) of 255 levels; without the flow (\d+\.\d)", opened.text("#legend"))[0]
    ]
    assert numbers[0] < numbers[1] / 3


def test_flicker_waits_where_motion_is_unwelcome(opened, page):
    opened.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    opened.open(page)
    choose(opened, "modes", "warp")
    assert opened.text("#play") == "Play"
    swapped = "document.querySelector('#stage').hasAttribute('data-swapped')"
    assert not opened.run(f"return new Promise(done => setTimeout(() => done({swapped}), 800))")
    opened.click("#play")
    opened.wait(f"return {swapped}")


def test_samples_are_reached_by_button_key_and_address(opened, page):
    def current():
        return opened.run("return [sample.key, location.hash, document.querySelector('#position').value]")

    opened.click("#next")
    assert current() == ["00000001", "#00000001", "2 / 5"]
    opened.type("body", "pp")
    assert current() == ["00000004", "#00000004", "5 / 5"]
    opened.click("#grid button:nth-child(3)")
    assert current() == ["00000002", "#00000002", "3 / 5"]
    assert "far, infinity" in opened.text("[data-view=far] figcaption")
    opened.open(page, "#00000003")
    assert current()[0] == "00000003"


def test_a_set_with_few_layers_offers_what_it_has(opened, tmp_path):
    few = ("near_rgb", "near_depth_axis_m", "flow_near_to_far", "far_rgb", "far_depth_axis_m")
    generate(fake_run(pairs=1, layers=few), tmp_path / "set", partial(fake_sample, layers=few))
    opened.open(write_view(tmp_path / "set", tmp_path / "view.html"))
    opened.wait("return planes.near")
    offered = opened.run("return [...document.querySelectorAll('fieldset input')].map(input => input.value)")
    assert offered == ["slider", "both", "rgb", "depth"]
    opened.type("[data-view=near] .frame", RIGHT)
    assert re.fullmatch(r"near \(25.5, 24.5\) → far .*, depth 0\.\d+ m", opened.text("#readout"))


def test_record_opens_as_a_tree_and_stays_text(opened):
    opened.click("#record > summary")
    # A branch makes its children when it opens, so opening all takes several rounds.
    opened.wait(
        "const closed = document.querySelectorAll('#record-body details:not([open])');"
        " closed.forEach(branch => { branch.open = true }); return closed.length === 0"
    )
    text = opened.text("#record-body")
    assert "fake-000" in text
    assert "window.broken = 1" in text
    assert opened.run("return window.broken === undefined")


def test_dark_and_light(opened):
    colors = []
    for scheme in ("light", "dark"):
        opened.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        colors.append(opened.run("return getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(int(v) for v in re.findall(r"\d+", color)[:3]) for color in colors)
    assert light > 600 > 150 > dark


@pytest.mark.parametrize("mode", ["slider", "both", "warp"])
def test_fits_a_narrow_window(opened, mode):
    opened.devtools("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=False)
    choose(opened, "modes", mode)
    assert opened.run("return document.documentElement.scrollWidth") <= 420


def test_every_control_is_reached_by_tab(opened):
    opened.run("document.querySelector('#grid button:last-child').focus()")
    names = []
    for _ in range(13):
        opened.press("\ue004")
        names.append(opened.run("const e = document.activeElement; return e.id || e.name || e.className || e.tagName"))
    expected = ["previous", "next", "modes", "layers", "landmarks", "frame", "frame", "divider", "SUMMARY"]
    assert [name for name in names if name != "BODY"][: len(expected)] == expected
