"""What a set costs: the arithmetic on known figures, the page, and tiny sets that are really written and opened."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake import fake_run, fake_sample

from datagen import PairDataset
from datagen.cost.__main__ import CostTable, main
from datagen.cost.growth import SHARD_PAIRS, Growth, growth
from datagen.cost.measure import PROFILES, SOURCES, Cost, core_seconds, cost_run
from datagen.cost.report import BEGIN, END, inserted, markdown
from datagen.cost.scale import TARGETS, Bill, Target, bill, limits
from datagen.database import MAX_PAIRS, read_run
from datagen.engine import generate
from datagen.shards import read_record, side_file
from meshes.errors import UserError
from renderers.layers import DEFAULT_LAYERS

COST = Cost("portrait", "preview", "everything", "compact", 10, 10, 3.6, 4.0, 2e6, 0.36)
GROWN = Growth(500.0, 200.0, 20.0, 1e-4, 400.0, 4000.0)
PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"


def test_a_bill_is_the_price_of_a_pair_times_the_pairs():
    made = bill(COST, 64_000)
    assert made == Bill(pytest.approx(64.0), pytest.approx(1.0), pytest.approx(128e9), pytest.approx(6.4))


def test_limits_count_files_shards_and_people():
    target = Target("t", "portrait", pairs=6401, people=50)
    asked = limits(GROWN, target, MAX_PAIRS)
    assert target.shards == 101
    assert asked.files == 2 * 101 + 3
    assert asked.index_bytes == pytest.approx(101 * 200 + 50 * 20)
    assert asked.side_bytes == pytest.approx(6401 * 500)
    assert (asked.open_s, asked.open_bytes, asked.open_peak_bytes) == pytest.approx((0.6401, 6401 * 400, 6401 * 4000))
    assert asked.key_share == pytest.approx(6.401e-5)


def test_the_targets_are_those_of_the_literature_and_their_recipes_make_them():
    database, million = TARGETS
    assert (database.pairs, database.people) == (35_686, SOURCES[database.source].recipe.people)
    assert million.pairs == million.people * SOURCES[million.source].recipe.steps == 1_000_000


def test_profiles_hold_what_they_say():
    assert not PROFILES["labels"].pictured
    assert {"near_rgb", "near_alpha", "far_rgb", "far_alpha"} == set(PROFILES["labels"].left_out)
    assert PROFILES["everything"].layers == DEFAULT_LAYERS
    assert PROFILES["training"].storage == "fast"
    assert PROFILES["training"].pictured
    for profile in PROFILES.values():
        run = cost_run(SOURCES["portrait"], "preview", profile, 1, 32)
        assert run.layers == profile.layers
        assert run.storage == profile.storage


def test_the_training_profile_is_what_the_training_command_reads():
    pytest.importorskip("torch", reason="torch is not installed")
    from training.data import LAYERS

    assert set(PROFILES["training"].layers) == set(LAYERS)


def test_whole_scenes_are_measured():
    run = cost_run(SOURCES["portrait, 10 distances"], "preview", PROFILES["labels"], 11, 32)
    assert run.pairs == run.shard_pairs == 20
    assert run.shards == 1


@pytest.fixture(scope="module")
def small_shard(tmp_path_factory):
    out = tmp_path_factory.mktemp("growth") / "set"
    run = fake_run(pairs=3, shard_pairs=3)
    generate(run, out, fake_sample)
    return run, read_record(out / "shard-000000.tar")


def test_growth_is_measured_on_sets_that_open(small_shard, tmp_path):
    run, record = small_shard
    grown = growth(run, record, tmp_path / "grown", shards=2)
    pairs = PairDataset(tmp_path / "grown")
    assert len(pairs) == read_run(tmp_path / "grown").pairs == 2 * SHARD_PAIRS
    assert len(set(pairs.keys)) == 2 * SHARD_PAIRS
    sides = [side_file(tmp_path / "grown" / f"shard-{shard:06d}.tar").stat().st_size for shard in range(2)]
    assert grown.side_bytes == pytest.approx(sum(sides) / (2 * SHARD_PAIRS))
    held = [pairs.keys, pairs.splits, pairs._tar, pairs._sizes, pairs._offsets]
    assert sum(array.nbytes for array in held) / (2 * SHARD_PAIRS) < grown.open_bytes < grown.open_peak_bytes
    assert grown.open_core_s > 0


def test_an_index_grows_by_the_entry_of_a_shard_and_the_name_of_a_person(small_shard, tmp_path):
    run, record = small_shard
    grown = growth(run, record, tmp_path / "grown", shards=2)
    entry = {"name": record.name, "sha256": record.sha256, "bytes": record.bytes, "samples": SHARD_PAIRS}
    own = len(json.dumps(entry, indent=2).replace("\n", "\n    ")) + len("    ,\n")
    assert grown.index_bytes_a_shard == pytest.approx(own, abs=3)
    name = len(f'        "{record.people[0]}",\n')
    assert grown.index_bytes_a_person == pytest.approx(name, abs=2)


def test_core_seconds_are_those_of_work_not_of_waiting():
    before = core_seconds()
    assert sum(range(3_000_000)) > 0
    assert core_seconds() > before


def _page(tmp_path: Path) -> Path:
    page = tmp_path / "scaling.md"
    page.write_text(f"# Title\n\nBy hand.\n\n{BEGIN}\nold\n{END}\n\nMore by hand.\n")
    return page


def test_a_tiny_table_is_measured_and_written(tmp_path):
    page = _page(tmp_path)
    words = ["--sources", "portrait", "--profiles", "labels", "training", "--pairs", "1", "--size", "32"]
    assert main([*words, "--page", str(page)]) == 0
    text, figures = page.read_text(), json.loads(page.with_suffix(".json").read_text())
    assert "old" not in text
    assert text.startswith("# Title\n\nBy hand.")
    assert text.endswith("More by hand.\n")
    assert inserted(text, markdown(figures)) == text, "the page is a function of the figures"
    labels, training = (Cost(**cost) for cost in figures["costs"])
    assert (labels.profile, labels.colour, labels.storage) == ("labels", "none", "compact")
    assert (training.profile, training.colour, training.storage) == ("training", "preview", "fast")
    assert labels.pairs == labels.people == 1
    for cost in (labels, training):
        assert min(cost.core_s, cost.wall_s, cost.bytes, cost.read_core_s) > 0
    assert f"| {1000 * labels.core_s:,.0f} |" in text
    assert "no GPU has rendered a set yet" in text
    assert not [target for target in figures["targets"] if target["bills"]], "no target takes its price from portrait"


def test_what_is_not_at_hand_is_listed_and_the_rest_extrapolated(tmp_path, monkeypatch, capsys):
    def stand_in(names, pairs, size, folder):
        if names[1] == "photo":
            raise UserError("photo: expected mitsuba, got nothing")
        colour = names[1] if PROFILES[names[2]].pictured else "none"
        made = replace(COST, source=names[0], colour=colour, profile=names[2], storage=PROFILES[names[2]].storage)
        return made, GROWN

    monkeypatch.setattr("datagen.cost.__main__.measured", stand_in)
    assert main(["--tiers", "preview", "photo"]) == 0
    said = capsys.readouterr().out
    assert "- `usc2019, photo, training` not measured: photo: expected mitsuba, got nothing" in said
    assert said.count("labels | compact") == len(SOURCES), "labels are the same under every tier"
    hours = bill(COST, 1_000_000)
    row = f"| preview | everything, compact | {hours.core_hours:,.0f} | {hours.node_hours:.3g} | not measured | 2,000 |"
    assert row in said
    assert "| `index.json` | 0.117 MB | 5.12 MB |" in said
    assert "--sources usc2019 portrait 'portrait, 10 distances'" in said


def test_what_a_page_says_already_may_stay(tmp_path, monkeypatch, capsys):
    price = iter([1.0, 2.0, 3.0])

    def stand_in(names, pairs, size, folder):
        return replace(COST, source=names[0], colour=names[1], profile=names[2], core_s=next(price)), GROWN

    monkeypatch.setattr("datagen.cost.__main__.measured", stand_in)
    page = _page(tmp_path)
    words = ["--sources", "portrait", "--profiles", "everything", "--page", str(page)]
    assert main([*words, "--tiers", "preview", "photo"]) == 0
    assert main([*words, "--keep"]) == 0
    figures = json.loads(page.with_suffix(".json").read_text())
    assert [(cost["colour"], cost["core_s"]) for cost in figures["costs"]] == [("preview", 3.0), ("photo", 2.0)]
    assert list(figures["growth"]) == ["portrait, preview, everything", "portrait, photo, everything"]
    assert "Rows that it did not measure, kept from before: 1." in page.read_text()
    assert main([*words, "--keep", "--size", "64"]) == 2
    assert "expected --size 512, that of the page, got 64" in capsys.readouterr().err
    assert main(["--keep"]) == 2
    assert "expected --page with --keep" in capsys.readouterr().err
    for damaged in ("no figures", "[]", '{"growth": {}}'):
        page.with_suffix(".json").write_text(damaged)
        assert main([*words, "--keep"]) == 1
        assert "scaling.json: expected the figures of the page, got others" in capsys.readouterr().err


def test_nothing_measured_is_a_failure(monkeypatch, capsys):
    def nothing(*what):
        raise UserError("not here")

    monkeypatch.setattr("datagen.cost.__main__.measured", nothing)
    assert main(["--profiles", "labels", "--sources", "portrait"]) == 1
    assert "not here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sources", "selfies"], "expected --sources of usc2019, portrait"),
        (["--profiles", "all"], "expected --profiles of labels, training, everything, got all"),
        (["--pairs", "0"], "expected a tier, --pairs of 1 or more"),
        (["--size", "8"], "--size within 16 to 8192, got preview, 10 and 8"),
    ],
)
def test_misuse_is_one_line(words, said, capsys):
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_a_page_without_markers_is_refused_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("datagen.cost.__main__.measured", lambda *what: pytest.fail("measured"))
    (tmp_path / "page.md").write_text("# By hand\n")
    assert main(["--page", str(tmp_path / "page.md")]) == 1
    assert BEGIN in capsys.readouterr().err
    assert main(["--page", str(tmp_path / "none.md")]) == 1
    assert "expected a page to write into" in capsys.readouterr().err
    assert (tmp_path / "page.md").read_text() == "# By hand\n"


def test_the_page_has_markers():
    assert inserted(PAGE.read_text(), "x").count("x\n\n" + END) == 1
    assert CostTable().page is None
