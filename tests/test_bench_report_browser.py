"""The benchmark's page in a real headless Chromium: with scripts and without, sorted, chosen, narrow, dark."""

import json
import re

import pytest
from fake_results import METHODS, PEOPLE, result, write_result, write_run
from webdriver import CHROMEDRIVER, CHROMIUM, browser

from benchmark.report.command import Report

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="needs chromium and chromedriver on the PATH"),
]
SUITES = ("undistort-v1", "verify-v1", "extreme-v1")
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>"
CURRENT = ".suite.current "
OPEN = CURRENT + ".metric[open] "
TAB = "\ue004"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("run"), SUITES, pictures_px=48)
    spoilt = result("verify-v1", "none")
    spoilt["method"]["summary"] = spoilt["machine"]["processor"] = spoilt["not_measured"]["reconstruction"] = HOSTILE
    spoilt["rows"][0] |= {"status": "failed", "why": HOSTILE}
    write_result(folder, spoilt)
    write_result(folder, {"format": HOSTILE}, "verify-v1/foreign")
    assert Report(folder).run() == 1
    return folder / "report" / "report.html"


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(window, page):
    window.log("browser"), window.log("performance")
    window.devtools("Emulation.setScriptExecutionDisabled", value=False)
    window.devtools("Emulation.setEmulatedMedia", features=[])
    window.devtools("Emulation.clearDeviceMetricsOverride")
    window.open(page)
    window.wait("return document.body.classList.contains('scripted')")
    yield window
    assert [entry for entry in window.log("browser") if entry["level"] != "INFO"] == []


def select(window, css, value):
    window.run(
        "const s = document.querySelector(arguments[0]); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change', {bubbles: true}));",
        css,
        value,
    )


def column(window, table, number):
    """Texts of a column's cells that hold a value or a method, from top to bottom."""
    return window.run(
        f"return [...document.querySelectorAll('{table} tbody tr:not(.divide)')]"
        ".map(row => row.cells[arguments[0]].querySelector('td > b, td > span, .name')?.textContent ?? null)",
        number,
    )


def visible(window, css):
    return window.run(f"return [...document.querySelectorAll('{css}')].filter(e => e.checkVisibility()).length")


def test_nothing_is_requested_but_the_page(opened, page):
    select(opened, "#suite", "1")
    opened.run("scrollTo(0, document.body.scrollHeight)")
    messages = [json.loads(entry["message"])["message"] for entry in opened.log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert page.resolve().as_uri() in urls
    assert {url for url in urls if not url.startswith("data:")} <= {page.resolve().as_uri(), "about:blank"}


def test_one_suite_and_one_metric_are_shown_and_can_be_chosen(opened):
    assert visible(opened, ".suite") == 1
    assert opened.text(CURRENT + "h2") == "extreme-v1"
    select(opened, "#suite", "1")
    assert opened.text(CURRENT + "h2") == "undistort-v1"
    assert visible(opened, ".metric") == 1
    select(opened, CURRENT + ".choose-metric", "psnr_db/person")
    assert visible(opened, ".metric") == 1
    assert "psnr_db/person" in opened.text(OPEN + ".ranking thead")
    assert opened.run(f"return document.querySelector('{OPEN} .chart title').textContent") == (
        "psnr_db/person by distance on undistort-v1"
    )


def test_the_choice_is_in_the_address(opened, page):
    select(opened, "#suite", "1")
    select(opened, CURRENT + ".choose-metric", "epe_px/ears")
    fragment = opened.run("return location.hash")
    opened.open(page, fragment)
    assert opened.text(CURRENT + "h2") == "undistort-v1"
    assert opened.run(f"return document.querySelector('{CURRENT} .choose-metric').value") == "epe_px/ears"
    for odd in ("#9/x", "#1/%E0%A4%A", "#x"):
        opened.open(page, odd)
        assert visible(opened, ".metric") == 1


def test_the_leaderboard_is_sorted_by_any_column(opened):
    select(opened, "#suite", "1")
    table = CURRENT + ".overview"
    names = column(opened, table, 0)
    assert names[0] == "trained"
    assert names[-2:] == ["perfect", "dis"]
    head = f"{table} thead tr:last-child th:nth-child(3)"
    opened.click(f"{head} button")
    assert opened.run(f"return document.querySelector('{head}').getAttribute('aria-sort')") == "ascending"
    values = [float(text) for text in column(opened, table, 2)]
    assert values[:-2] == sorted(values[:-2])
    opened.click(f"{head} button")
    values = [float(text) for text in column(opened, table, 2)]
    assert values[:-2] == sorted(values[:-2], reverse=True)
    assert set(column(opened, table, 0)[-2:]) == {"perfect", "dis"}
    opened.click(f"{table} thead tr:last-child th:first-child button")
    assert column(opened, table, 0) == [*sorted(set(METHODS) - {"perfect", "dis"}), "dis", "perfect"]


def test_best_comes_first_where_greater_is_better_and_missing_last(opened):
    select(opened, "#suite", "1")
    select(opened, CURRENT + ".choose-metric", "psnr_db/person")
    opened.click(OPEN + ".ranking thead th:nth-child(2) button")
    values = column(opened, OPEN + ".ranking", 1)
    numbers = [float(text) for text in values[:-2]]
    assert numbers == sorted(numbers, reverse=True)
    assert values[-1] is None
    assert column(opened, OPEN + ".ranking", 0)[-1] == "dis"


def drawn(window, css):
    # Chromium's checkVisibility says true of every part of an SVG.
    return window.run(
        f"return [...document.querySelectorAll('{css}')].filter(e => getComputedStyle(e).display !== 'none').length"
    )


def test_curves_are_switched_off_and_on_everywhere(opened):
    select(opened, "#suite", "1")
    style = opened.run(f"return document.querySelector('{OPEN} .ranking input').dataset.style")
    curve = f'{OPEN} .chart .series[data-style="{style}"]'
    assert drawn(opened, curve) == 1
    opened.click(f"{OPEN} .ranking input")
    assert drawn(opened, curve) == 0
    assert drawn(opened, OPEN + ".chart .series") == len(METHODS) - 2
    select(opened, CURRENT + ".choose-metric", "epe_px/face")
    assert drawn(opened, curve) == 0
    opened.click(f'{OPEN} .ranking input[data-style="{style}"]')
    assert drawn(opened, curve) == 1


def test_every_picture_decodes(opened):
    sizes = opened.run(
        "return Promise.all([...document.querySelectorAll('img')].map(async image => {"
        " image.loading = 'eager'; await image.decode(); return image.naturalWidth; }))"
    )
    assert sizes == [48] * (len(SUITES) * (len(METHODS) - 1) * 3 * 3)


def test_figures_by_distance_open_and_can_be_sorted(opened):
    select(opened, "#suite", "1")
    opened.click(OPEN + "details > summary")
    assert visible(opened, OPEN + ".distances") == 1
    opened.click(OPEN + ".distances thead th:nth-child(4) button")
    values = [float(text) for text in column(opened, OPEN + ".distances", 3)[:-2]]
    assert values == sorted(values)
    assert f"n {PEOPLE}" in opened.text(OPEN + ".distances tbody td:nth-child(4)")


def test_foreign_text_stays_text(opened):
    assert opened.run("return window.broken === undefined")
    assert HOSTILE[:50] in opened.run("return document.querySelector('.warning').textContent")
    select(opened, "#suite", "2")
    assert HOSTILE in opened.run(f"return document.querySelector('{CURRENT} .machines').textContent")


def test_all_tables_are_there_without_scripts(opened, page):
    opened.devtools("Emulation.setScriptExecutionDisabled", value=True)
    opened.open(page)
    assert not opened.run("return document.body.classList.contains('scripted')")
    assert visible(opened, ".suite") == len(SUITES)
    assert visible(opened, ".overview") == len(SUITES)
    assert visible(opened, ".controls, .ranking input, th button") == 0
    metrics = opened.run("return document.querySelectorAll('.metric').length")
    assert visible(opened, ".metric > summary") == metrics
    assert visible(opened, ".metric .chart") == len(SUITES)
    opened.click(".metric:not([open]) > summary")
    assert visible(opened, ".metric .ranking") == len(SUITES) + 1


def test_dark_and_light(opened):
    colors = []
    for scheme in ("light", "dark"):
        opened.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        colors.append(opened.run("return getComputedStyle(document.querySelector('.suite.current')).backgroundColor"))
    light, dark = (sum(int(v) for v in re.findall(r"\d+", color)[:3]) for color in colors)
    assert light > 600 > 150 > dark


@pytest.mark.parametrize("scripts", [True, False])
def test_fits_a_narrow_window(opened, page, scripts):
    opened.devtools("Emulation.setDeviceMetricsOverride", width=420, height=900, deviceScaleFactor=1, mobile=False)
    opened.devtools("Emulation.setScriptExecutionDisabled", value=not scripts)
    opened.open(page)
    opened.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert opened.run("return document.documentElement.scrollWidth") <= 420


def test_controls_are_reached_by_tab(opened):
    names = []
    for _ in range(5):
        opened.press(TAB)
        names.append(opened.run("const e = document.activeElement; return e.id || e.className || e.tagName"))
    assert names == ["suite", "scroll", "BUTTON", "BUTTON", "BUTTON"]


def test_tables_and_charts_have_names(opened):
    unnamed = opened.run(
        "return [...document.querySelectorAll('.scroll, img, .chart, .ranking input, select')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.getAttribute('alt') || e.querySelector('title') || e.labels?.length))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert unnamed == []
