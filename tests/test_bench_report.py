"""The benchmark's report on made-up results: its figures, what it refuses, that nothing foreign acts, equal bytes."""

import csv
import io
import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from fake_results import METHODS, PEOPLE, ids, result, write_result, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from benchmark.metrics import Measured, bootstrap_mean
from benchmark.report import pictures
from benchmark.report.applications import APPLICATIONS, application_figures, markers
from benchmark.report.board import boards
from benchmark.report.command import Report
from benchmark.report.curves import COLORS, Series, chart, dashes, shape, ticks
from benchmark.report.figures import Figure, figures, level_key, level_label, number, split
from benchmark.report.markup import Markup, joined, tag
from benchmark.report.naming import arrow, better, track_of
from benchmark.report.page import _resource, page
from benchmark.report.pictures import address, choose, triples
from benchmark.report.records import ResultError
from benchmark.report.results import read_result, read_run
from benchmark.report.tables import code, csv_text, markdown, plain
from datagen.command import run as run_command
from datagen.pages import ReportError
from datagen.randomness import generator
from meshes.errors import UsageError

HOSTILE = "<img src=x onerror=alert(1)>|`*_[a](b)&\"'</script>"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"), ("undistort-v1", "extreme-v1"), pictures_px=48)


@pytest.fixture(scope="module")
def found(run_folder):
    return boards(read_run(run_folder))


@pytest.fixture(scope="module")
def html(run_folder, found):
    return page(found, read_run(run_folder))


def board_of(folder, *records):
    for record in records:
        write_result(folder, record)
    return boards(read_run(folder))[0]


# ---- Figures -------------------------------------------------------------------------------------------------


def test_a_mean_is_over_answers_of_its_bin_with_their_count(found):
    board = found[1]
    none = next(entry for entry in board.entries if entry.name == "none")
    rows = [row for row in none.result.rows if row.bin == 2]
    figure = none.figure("epe_px/face", "bin2")
    assert figure.value == pytest.approx(np.mean([row.metrics["epe_px/face"][0] for row in rows]))
    assert figure.low < figure.value < figure.high
    assert (figure.count, figure.failed) == (PEOPLE, 0)
    assert none.figure("epe_px/face").count == 8 * PEOPLE


def test_weights_weigh_and_nothing_counts_for_nothing(tmp_path):
    record = result()
    values = [[4.0, 1.0], [1.0, 3.0], [None, 0.0], [50.0, 0.0]]
    for row, value in itertools.zip_longest(record["rows"], values, fillvalue=[None, 0.0]):
        row["metrics"] = {"epe_px/face": value}
    figure = board_of(tmp_path, record).entries[0].figure("epe_px/face")
    assert figure.value == pytest.approx((4 + 3) / 4)
    assert figure.count == 2


def test_failed_answers_are_in_the_mean_and_counted(found):
    entry = next(entry for entry in found[1].entries if entry.name == "mesh-warp")
    failed = len(entry.result.failures)
    figure = entry.figure("epe_px/face")
    assert failed == 5
    assert (figure.count, figure.failed) == (8 * PEOPLE, failed)
    assert figure.value == pytest.approx(np.mean([row.metrics["epe_px/face"][0] for row in entry.result.rows]))


def test_the_interval_is_over_people_not_answers(tmp_path):
    record = result()
    for row in record["rows"]:
        row["metrics"] = {"epe_px/face": [float(row["person"][-1]), 1.0]}
    alike = board_of(tmp_path / "alike", record).entries[0].figure("epe_px/face")
    for i, row in enumerate(record["rows"]):
        row["person"] = f"somebody-{i}"
    apart = board_of(tmp_path / "apart", record).entries[0].figure("epe_px/face")
    assert alike.value == apart.value
    assert alike.high - alike.low > 1.5 * (apart.high - apart.low)


def test_kept_draws_give_the_interval_of_fresh_ones(found):
    entry = found[1].entries[0]
    measured = [Measured(*row.metrics["epe_px/face"]) for row in entry.result.rows]
    people = [int(row.person[-1]) for row in entry.result.rows]
    figure = entry.figure("epe_px/face")
    assert (figure.low, figure.high) == bootstrap_mean(measured, people, generator(0, 0, "report"))


def test_one_person_has_no_interval(tmp_path):
    record = result()
    for row in record["rows"]:
        row["person"] = "somebody"
    figure = board_of(tmp_path, record).entries[0].figure("epe_px/face")
    assert (figure.low, figure.high) == (None, None)


def test_an_infinite_ratio_is_said_as_such(tmp_path):
    record = result()
    for row in record["rows"]:
        row["metrics"] = {"psnr_db/person": [math.inf, 1.0]}
    figure = board_of(tmp_path, record).entries[0].figure("psnr_db/person")
    assert number(figure.value) == "∞"
    assert figure.low is None
    assert Report(tmp_path).run() == 0
    assert '"value": "inf"' in (tmp_path / "report" / "results.json").read_text()


def test_the_order_of_answers_changes_nothing(tmp_path):
    record = result()
    one = figures(read_result(write_result(tmp_path / "a", record)))
    other = figures(read_result(write_result(tmp_path / "b", record | {"rows": record["rows"][::-1]})))
    assert one == other


def test_what_the_run_told_itself_is_taken_over(found):
    entry = next(entry for entry in found[1].entries if entry.name == "none")
    figure = entry.figure("d_prime/sface")
    assert (figure.value, figure.low, figure.high) == (3.0, 2.7, 3.3)
    assert entry.figure("d_prime/sface", "bin1").value == pytest.approx(3.5)
    assert "dlib is not installed" in found[1].not_measured()["d_prime/dlib"]
    assert "d_prime/dlib" not in found[1].tracks


@pytest.mark.parametrize(
    ("name", "metric", "level"),
    [
        ("d_prime/sface/bin3", "d_prime/sface", "bin3"),
        ("gap_closed/2ft", "gap_closed", "2ft"),
        ("eer/all", "eer", "all"),
        ("eer", "eer", "all"),
        ("all", "all", "all"),
        ("epe_px/face", "epe_px/face", "all"),
    ],
)
def test_names_are_split_into_metric_and_level(name, metric, level):
    assert split(name) == (metric, level)


def test_levels_go_from_near_to_far():
    levels = ["bin10", "4ft", "bin2", "2ft", "all", "16ft"]
    assert sorted(levels, key=level_key) == ["all", "bin2", "bin10", "2ft", "4ft", "16ft"]
    labels = [level_label(level) for level in ("bin0", "bin1", "bin7", "2ft")]
    assert labels == ["< 23 cm", "23–26 cm", "≥ 105 cm", "2 ft"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0123, "0.012"), (1.234, "1.23"), (-12.34, "−12.3"), (1234.5, "1234"), (-0.0001, "0.000")],
)
def test_numbers_have_about_three_digits(value, text):
    assert number(value) == text


def test_questions_that_could_not_be_asked_are_told(tmp_path):
    board = board_of(tmp_path, result() | {"not_asked": {"count": 3, "why": "nobody knows its camera."}})
    for text in (page([board], read_run(tmp_path)), markdown([board], read_run(tmp_path))):
        assert "3 not asked: nobody knows its camera." in text


def test_photographs_are_asked_about_by_their_folder(tmp_path):
    record = result()
    record["suite"]["name"] = "cmdp"
    assert "--suite cmdp:FOLDER --method none" in markdown([board_of(tmp_path, record)], read_run(tmp_path))


def test_a_machine_is_the_same_on_another_day(tmp_path):
    later = result(method="trained")
    later["machine"]["date"] = "2026-12-24"
    text = markdown([board_of(tmp_path, result(), later)], read_run(tmp_path))
    assert text.count("Some CPU") == 1
    assert "2026-11-28 to 2026-12-24" in text


def test_what_a_method_sees_is_told_in_one_order(tmp_path):
    record = result(method="perfect")
    record["method"]["sees"] = ["smell", "flow", "near", "distance"]
    assert board_of(tmp_path, record).entries[0].result.method.sees == ("near", "distance", "flow", "smell")


# ---- Ranking -------------------------------------------------------------------------------------------------


def test_ranking_follows_the_metrics_direction_and_oracles_come_last(found):
    errors = [entry.name for entry in found[1].ranked("epe_px/face")]
    assert errors[0] == "trained"
    assert errors[-2:] == ["perfect", "dis"]
    assert [entry.name for entry in found[1].ranked("psnr_db/person")][:2] == ["trained", "mean-flow-distance"]
    assert found[1].best("epe_px/face") == found[1].ranked("epe_px/face")[0].figure("epe_px/face").value


def test_an_unknown_metric_has_no_direction(tmp_path):
    records = [result(method=name) for name in ("none", "trained")]
    for record in records:
        for row in record["rows"]:
            row["metrics"] = {"shininess/nose": [1.0 if record["method"]["name"] == "none" else 2.0, 1.0]}
    board = board_of(tmp_path, *records)
    assert (better("shininess/nose"), arrow("shininess/nose"), track_of("shininess/nose")) == (None, "", "other")
    assert [entry.name for entry in board.ranked("shininess/nose")] == ["none", "trained"]
    assert board.best("shininess/nose") is None
    assert "shininess/nose" in page([board], read_run(tmp_path))


def test_directions_are_those_of_the_table():
    assert (arrow("epe_px/face"), arrow("psnr_db/person"), arrow("d_prime/sface")) == ("↓", "↑", "↑")


def test_methods_that_were_asked_something_else_are_named(tmp_path):
    other = result(method="trained")
    other["suite"]["sha256"] = "ef" * 32
    board = board_of(tmp_path, result(method="none"), other)
    assert board.differing == ["trained"]
    assert "no match" in page([board], read_run(tmp_path))
    assert "Asked something else" in markdown([board], read_run(tmp_path))


# ---- The page ------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Names of all elements, in order; an error for one that is closed without having been opened."""

    def __init__(self):
        super().__init__()
        self.opened, self.seen, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "link", "img", "input", "br"):
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag


def read(html):
    reader = Reader()
    reader.feed(html)
    assert reader.opened == []
    return reader


def test_the_page_is_whole_and_asks_for_nothing(html):
    reader = read(html)
    assert reader.seen.count("script") == 1
    assert all(source.startswith(("data:", "#")) for source in reader.sources)
    assert not re.search(r"https?://|@import|url\(", html)
    assert len(html) < 8_000_000


def test_every_figure_stands_with_its_count(html):
    cells = re.findall(r'<td data-value="[^"]*"><(?:b|span)>.*?</td>', html)
    assert len(cells) > 100
    assert all(re.search(r"n \d+", cell) for cell in cells)


def test_what_methods_saw_is_on_the_page_and_answers_are_marked(html):
    for sight in ("near", "distance", "landmarks", "camera"):
        assert f">{sight}</span>" in html
    assert re.search(r'class="badge answer"[^>]*>far</span>', html)
    assert "Bounds" in html


def test_failures_reasons_and_commands_are_on_the_page(html):
    assert "no face found in the picture" in html
    assert "no face mesh network here" in html
    assert "benchmark run --suite undistort-v1 --method dis mean-flow" in html
    assert "agrees with the published one" in html
    assert "Some CPU, 2 cores; Python 3.11.7, numpy 2.4.6" in html


def test_pictures_are_small_files_within_the_page(html):
    found = re.findall(r'<img src="data:image/webp;base64,', html)
    pictured = len(METHODS) - 1
    assert len(found) == 2 * pictured * 3 * 3


def test_equal_results_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        assert Report(write_run(tmp_path / name, methods=("none",), pictures_px=24)).run() == 0
    for name in ("report.html", "report.md", "results.csv", "results.json"):
        assert (tmp_path / "a" / "report" / name).read_bytes() == (tmp_path / "b" / "report" / name).read_bytes()


def hostile_record():
    record = result()
    record["method"]["summary"] = record["machine"]["processor"] = HOSTILE
    record["method"]["sees"] = ["near", HOSTILE]
    record["suite"] |= {"recipe": {HOSTILE: HOSTILE}, "sha256": HOSTILE, "published": HOSTILE, "agrees": False}
    record["not_measured"] = {HOSTILE: HOSTILE}
    record["rows"][0] |= {"status": "failed", "why": HOSTILE}
    record["rows"][1]["metrics"][HOSTILE] = [1.0, 1.0]
    record["summaries"][HOSTILE] = {HOSTILE: {"value": 1.0, "low": None, "high": None, "count": 3, "why": HOSTILE}}
    return record


def test_foreign_text_stays_text(tmp_path):
    board = board_of(tmp_path, hostile_record())
    text = page([board], read_run(tmp_path))
    assert read(text).seen.count("script") == 1
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<img" not in markdown([board], read_run(tmp_path)).replace("\\<img", "").replace("`<img", "")


@settings(max_examples=50)
@given(st.text())
def test_markup_escapes_everything_but_itself(text):
    made = tag("td", text, Markup("<b>x</b>"), title=text)
    reader = Reader()
    reader.feed(made)
    assert reader.seen == ["td", "b"]
    assert joined([text]) == joined([joined([text])])


@settings(max_examples=50)
@given(st.text())
def test_markdown_cells_stay_cells(text):
    for made in (code(text), plain(text)):
        assert "\n" not in made
        assert not re.search(r"(?<!\\)\|", made.replace("\\\\", ""))


# ---- Curves --------------------------------------------------------------------------------------------------


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_ticks_are_few_and_enclose(low, span):
    found = ticks(low, low + span)
    assert 2 <= len(found) <= 12
    slack = 1e-6 * max(1.0, abs(low), span)
    assert found[0] <= low + slack
    assert found[-1] >= low + span - slack
    assert all(a < b for a, b in itertools.pairwise(found))


def points(**values):
    return {level: Figure(v, v - 0.1, v + 0.1, 5, 0) for level, v in values.items()}


def test_a_chart_is_an_svg_with_a_dot_and_a_whisker_for_each_figure():
    series = [Series("one", 0, points(bin0=3.0, bin1=2.0)), Series("two", 9, points(bin1=1.0))]
    root = ET.fromstring(chart("errors by distance", "px", ["bin0", "bin1"], series))
    groups = [g for g in root.iter("g") if "series" in g.get("class", "")]
    assert [len([p for p in g if p.get("class") == "dot"]) for g in groups] == [2, 1]
    assert [g.find("path[@class='whisker']").get("d").count("M") for g in groups] == [2, 1]
    titles = [title.text for title in root.iter("title")]
    assert titles[:2] == ["errors by distance", "one, < 23 cm: 3.00 (2.90 to 3.10), n 5"]


def test_greater_values_are_drawn_higher_and_nothing_leaves_the_frame():
    root = ET.fromstring(
        chart("t", "px", ["bin0"], [Series("a", 1, points(bin0=9.0)), Series("b", 1, points(bin0=2.0))])
    )
    tops = [float(p.get("d").split(" ")[1].partition("h")[0]) for p in root.iter("path") if p.get("class") == "dot"]
    assert tops[0] < tops[1]
    numbers = [float(n) for p in root.iter("path") for n in re.findall(r"-?\d+\.?\d*", p.get("d"))]
    assert max(numbers) <= 760


def test_a_chart_of_nothing_or_of_infinity_is_empty_but_whole():
    infinite = {"bin0": Figure(math.inf, None, None, 3, 0)}
    for series in ([], [Series("a", 0, {})], [Series("a", 0, infinite)]):
        assert "dot" not in chart("t", "", ["bin0"], series)


def test_styles_differ_in_shape_or_dashes_where_they_share_a_colour():
    looks = [(style % COLORS, dashes(style), shape(style, 0, 0)) for style in range(24)]
    assert len(set(looks)) == len(looks)


# Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009,
# severity 1, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(c):
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def encoded(c):
    return np.where(c <= 0.0031308, 12.92 * c, 1.055 * np.clip(c, 0, 1) ** (1 / 2.4) - 0.055)


def palettes():
    for block in re.findall(r":root \{(.*?)\}", _resource("page.css"), re.DOTALL):
        colors = [re.search(rf"--k{i}: #(\w{{6}})", block)[1] for i in range(COLORS)]
        card = re.search(r"--card: #(\w+)", block)[1]
        yield [np.frombuffer(bytes.fromhex(c if len(c) == 6 else 2 * c), np.uint8) / 255 for c in (*colors, card)]


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_curves_are_told_apart_by_everybody_in_light_and_dark(deficiency):
    seen = list(palettes())
    assert len(seen) == 2
    for *colors, _ in seen:
        simulated = linear(np.array(colors)) @ np.array(DEFICIENCIES[deficiency]).T
        lab = rgb2lab(encoded(np.clip(simulated, 0, 1)))
        one, other = np.triu_indices(COLORS, 1)
        assert deltaE_ciede2000(lab[one], lab[other]).min() > 8


def test_curves_stand_out_from_the_page():
    for *colors, card in palettes():
        luminance = [float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (*colors, card)]
        for light in luminance[:-1]:
            dark, bright = sorted((light, luminance[-1]))
            assert (bright + 0.05) / (dark + 0.05) >= 3


# ---- Pictures ------------------------------------------------------------------------------------------------


def test_best_median_and_worst_are_those_of_the_metric(found):
    entry = next(entry for entry in found[1].entries if entry.name == "mesh-warp")
    chosen = choose(entry.result, "lpips_alex/person", False)
    values = sorted(row.metrics["lpips_alex/person"][0] for row in entry.result.rows if not row.failed)
    assert [choice.kind for choice in chosen] == ["best", "median", "worst"]
    assert [choice.value for choice in chosen] == [values[0], values[(len(values) - 1) // 2], values[-1]]
    turned = choose(entry.result, "psnr_db/person", True)
    assert turned[0].value > turned[1].value > turned[2].value


@pytest.mark.parametrize(
    ("rows", "kinds"), [(0, []), (1, ["best"]), (2, ["best", "worst"]), (3, ["best", "median", "worst"])]
)
def test_few_answers_give_few_choices(tmp_path, rows, kinds):
    record = result()
    record["rows"] = record["rows"][:rows]
    assert [c.kind for c in choose(read_result(write_result(tmp_path, record)), "epe_px/face", False)] == kinds


def test_missing_and_damaged_pictures_leave_a_gap(tmp_path):
    good, cut = tmp_path / "good.webp", tmp_path / "cut.webp"
    Image.new("RGB", (300, 200), (200, 100, 50)).save(good)
    cut.write_bytes(good.read_bytes()[:40])
    assert address(good, 64).startswith("data:image/webp;base64,")
    assert address(cut, 64) is None
    assert address(tmp_path / "missing.webp", 64) is None
    (tmp_path / "text.webp").write_text("no picture")
    assert address(tmp_path / "text.webp", 64) is None


def test_pictures_shrink_until_the_page_is_small_enough(found, monkeypatch):
    chosen = [(entry.result, choose(entry.result, "lpips_alex/person", False)) for entry in found[1].entries]
    chosen = [(one, choices) for one, choices in chosen if one.method.name != "dis"]
    full = sum(len(t.answer) for made in triples(chosen) for t in made)
    monkeypatch.setattr(pictures, "MOST_CHARACTERS", full)
    monkeypatch.setattr(pictures, "EDGES_PX", (64, 32, 16))
    assert sum(len(t.answer) for made in triples(chosen) for t in made) < full


# ---- Files ---------------------------------------------------------------------------------------------------


def test_the_table_is_in_long_form(found):
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    assert list(rows[0]) == "suite method sees metric bin value low high count failed".split()
    wanted = [r for r in rows if (r["suite"], r["method"], r["metric"]) == ("undistort-v1", "mesh-warp", "epe_px/face")]
    assert [r["bin"] for r in wanted] == ["all", *(f"bin{i}" for i in range(8))]
    figure = next(e for e in found[1].entries if e.name == "mesh-warp").figure("epe_px/face")
    assert float(wanted[0]["value"]) == figure.value
    assert (wanted[0]["sees"], wanted[0]["count"], wanted[0]["failed"]) == ("near+landmarks", "48", "5")


def test_the_json_holds_every_figure_and_failure(run_folder, tmp_path):
    assert Report(run_folder, out=tmp_path).run() == 0
    record = json.loads((tmp_path / "results.json").read_text())
    suite = record["suites"][1]
    warp = next(method for method in suite["methods"] if method["method"] == "mesh-warp")
    assert {failure["why"] for failure in warp["failures"]} == {"no face found in the picture"}
    assert record["metrics"]["epe_px/face"]["higher_is_better"] is False
    assert suite["command"].startswith("benchmark run --suite undistort-v1")
    text = (tmp_path / "report.md").read_text()
    assert text.count("### Do it again") == 2
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in lines)


def test_a_report_beside_its_results_is_passed_over(tmp_path):
    write_run(tmp_path, methods=("none",), pictures_px=0)
    assert Report(tmp_path).run() == 0
    assert Report(tmp_path).run() == 0


def test_small_variants_are_suites_of_their_own(tmp_path):
    small = result()
    small["suite"]["small"] = True
    write_result(tmp_path, result())
    write_result(tmp_path, small, "undistort-v1-small/none")
    found = boards(read_run(tmp_path))
    assert [board.suite.label for board in found] == ["undistort-v1", "undistort-v1-small"]
    assert "--suite undistort-v1 --small --method none" in markdown(found, read_run(tmp_path))


# ---- Bad input -----------------------------------------------------------------------------------------------


def changed(path, value):
    record = result(method="trained")
    *outer, last = path
    place = record
    for key in outer:
        place = place[key]
    place[last] = value
    return record


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["format"], "other-2", "expected format to be \"benchmark-result-1\", got 'other-2'"),
        (["suite"], [], "expected suite to be an object"),
        (["suite", "count"], "many", "suite: expected count to be a whole number, got 'many'"),
        (["method", "name"], "../../etc", "expected name to be fit for a file name"),
        (["method", "oracle"], None, "expected oracle to be true or false"),
        (["rows", 3], 7, "expected rows[3] to be an object, got 7"),
        (["rows", 3, "id"], "a/b", "rows[3]: expected id to be fit for a file name"),
        (["rows", 3, "id"], "p0-0", "expected rows to be of different ids, got '1 twice'"),
        (["rows", 3, "status"], "great", 'expected status to be "ok" or "failed"'),
        (["rows", 3, "seconds"], 10**400, "expected seconds to be a number within reach"),
        (["rows", 3, "bin"], -1, "expected bin to be the number of a distance bin, got -1"),
        (["rows", 3, "distance_m"], math.inf, "expected distance_m to be a finite number"),
        (["rows", 3, "metrics", "epe_px/face"], 1.5, "expected epe_px/face to be [value, weight], got 1.5"),
        (["rows", 3, "metrics", "epe_px/face"], ["x", 1], "expected value to be a number, got 'x'"),
        (["rows", 3, "metrics", "epe_px/face"], [1.0, -1], "a finite weight of at least 0"),
        (["rows", 3, "metrics", "epe_px/face"], [math.nan, 1], "NaN in it"),
        (["summaries", "verification"], 3, "expected verification to be an object"),
        (["not_measured"], "all", "expected not_measured to be an object"),
    ],
    ids=str,
)
def test_a_foreign_file_is_named_and_the_others_are_reported(tmp_path, capsys, path, value, said):
    write_result(tmp_path, result(method="none"))
    write_result(tmp_path, changed(path, value), "undistort-v1/trained")
    assert Report(tmp_path).run() == 1
    told = capsys.readouterr().err
    assert "undistort-v1/trained.json" in told
    assert said in told
    html = (tmp_path / "report" / "report.html").read_text()
    assert "Left out:" in html
    assert ">none</span>" in html


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[1]", b"\xff\xfe", b"nul", b"[" * 100_000], ids=lambda data: repr(data[:5])
)
def test_a_damaged_file_is_named(tmp_path, data):
    path = tmp_path / "undistort-v1" / "none.json"
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(ResultError, match=r"undistort-v1/none\.json: expected"):
        read_result(path)


def test_a_second_result_of_the_same_is_refused(tmp_path):
    write_result(tmp_path, result())
    write_result(tmp_path, result(), "undistort-v1/none-again")
    run = read_run(tmp_path)
    assert len(run.results) == 1
    assert "none.json: expected one result of none on undistort-v1, got a second" in run.refused[0]


def test_an_empty_folder_is_a_misuse(tmp_path, capsys):
    for folder, got in ((tmp_path, "an empty one"), (tmp_path / "nowhere", "none")):
        with pytest.raises(UsageError, match=f"SUITE/METHOD.json files in it, got {got}; run `benchmark run` first"):
            read_run(folder)
    assert run_command(Report, "benchmark report", [str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_nothing_but_damage_is_an_error(tmp_path, capsys):
    write_result(tmp_path, result() | {"format": "x"})
    assert run_command(Report, "benchmark report", [str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "refused: undistort-v1/none.json" in told
    assert "expected results, got 1 files without" in told
    assert not (tmp_path / "report").exists()


def test_another_file_of_the_pages_name_is_left_alone(tmp_path, capsys):
    write_run(tmp_path, methods=("none",), pictures_px=0)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("<p>mine</p>")
    assert run_command(Report, "benchmark report", [str(tmp_path)]) == 1
    assert "expected a new name or an earlier report, got another file" in capsys.readouterr().err
    assert (tmp_path / "report" / "report.html").read_text() == "<p>mine</p>"


def test_arbitrary_changes_are_refused_or_reported(tmp_path):
    @settings(max_examples=40)
    @given(st.data())
    def one(data):
        record = result(method="none")
        path, place = [], record
        while isinstance(place, (dict, list)) and place and (not path or data.draw(st.booleans())):
            key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            path.append(key)
            outer, place = place, place[key]
        outer[path[-1]] = data.draw(st.sampled_from([None, True, -1, 1e308, "", "x", [], {}, [None], {"a": None}]))
        target = tmp_path / "undistort-v1" / "none.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(record))
        run = read_run(tmp_path)
        if run.results:
            page(boards(run), run), markdown(boards(run), run), csv_text(boards(run))
        else:
            assert run.refused

    one()


# ---- Applications --------------------------------------------------------------------------------------------


def applications_page():
    return "# Applications\n\n" + "\n\n".join(
        f"## {n}\n\n{markers(n).begin}\nold\n{markers(n).end}" for n in APPLICATIONS
    )


def test_each_application_has_its_table_or_the_reason(run_folder):
    found = application_figures(run_folder)
    assert set(found) == set(APPLICATIONS)
    assert "| `trained` | near | **" in found["undistortion"]
    assert "`d_prime/sface` ↑" in found["verification"]
    assert "`distance_log2_error` ↓ octaves" in found["camera"]
    assert found["reconstruction"].startswith("Not measured: no face mesh network here")
    assert found["landmarks"] == "Not measured."


def test_figures_go_between_the_markers_of_the_page(run_folder, tmp_path):
    docs = tmp_path / "applications.md"
    docs.write_text(applications_page())
    assert Report(run_folder, out=tmp_path / "out", docs=docs).run() == 0
    once = docs.read_text()
    picture = tmp_path / "pictures" / "applications.webp"
    with Image.open(picture) as sheet:
        # Near, the best four that compete, and the truth, for every other of six people; `dis` made no pictures.
        assert sheet.size == (6 * (192 + 8) + 8, 3 * (192 + 8 + 20) + 8)
    assert picture.stat().st_size < 300_000
    assert "old" not in once
    assert once.count("## ") == len(APPLICATIONS)
    assert "| `trained` |" in once
    Report(run_folder, out=tmp_path / "out", docs=docs).run()
    assert docs.read_text() == once


def test_a_page_without_markers_is_refused_and_left_as_it_was(run_folder, tmp_path):
    docs = tmp_path / "applications.md"
    docs.write_text(applications_page().replace(markers("camera").end, ""))
    before = docs.read_text()
    with pytest.raises(ReportError, match="camera: end"):
        Report(run_folder, out=tmp_path / "out", docs=docs).run()
    assert docs.read_text() == before
    assert run_command(Report, "benchmark report", [str(run_folder), "--docs", str(tmp_path / "no.md")]) == 1


def test_the_made_up_questions_fall_into_their_bins():
    assert {index for _, _, index, _ in ids("undistort-v1")} == set(range(8))
