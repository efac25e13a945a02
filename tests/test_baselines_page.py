"""The baselines' page: figures of made-up rows, Markdown of made-up figures, and a whole run on a tiny set."""

import copy
import dataclasses
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("tensorboard")

from fake import fake_run, fake_sample  # noqa: E402
from PIL import Image  # noqa: E402

from benchmark.baselines import detected, measure, trying  # noqa: E402
from benchmark.baselines.__main__ import main  # noqa: E402
from benchmark.baselines.figures import bins_of, figures_of, mean_of, strong_bins, verdict, warps_compared  # noqa: E402
from benchmark.baselines.measure import FITTED_HEAD, MEAN_AT, ZERO, distance_errors, likeness  # noqa: E402
from benchmark.baselines.networks import (  # noqa: E402
    AS_IT_IS,
    FETCHED,
    SENT,
    Networks,
    filled,
    open_networks,
    picture_makers,
)
from benchmark.baselines.report import BEGIN, END, bin_names, inserted, interval, markdown, warp_words  # noqa: E402
from benchmark.baselines.sheets import MAX_BYTES, shown_rows, small_webp  # noqa: E402
from benchmark.baselines.timing import seconds_of_parts  # noqa: E402
from benchmark.baselines.trial import batches, opened, parsed, scenes_of, set_hash, spread_scenes  # noqa: E402
from datagen.engine import generate  # noqa: E402
from datagen.live import tensors as collated  # noqa: E402
from datagen.presets import PRESETS  # noqa: E402
from datagen.render import render_sample  # noqa: E402
from meshes.errors import UsageError, UserError  # noqa: E402
from training.data import tensors  # noqa: E402
from training.evaluate import Trained  # noqa: E402
from training.scores import BIN_EDGES_M, endpoint_error  # noqa: E402
from training.stages import STAGES, carry, fetch, sure  # noqa: E402
from training.train import LAST, Config, save  # noqa: E402
from training.warp import centres, look_up  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SIZE = 32


def fake_small(index: int):
    return fake_sample(index, size=SIZE, centred=True)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny_set(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("tiny") / "spheres"
    recipe = {"near_m": [0.3, 0.5], "background": "black", "far_m": 1.6, "heads": ["sphere"]}
    generate(fake_run(pairs=6, shard_pairs=3, size=SIZE, recipe=recipe), out, fake_small)
    return out


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny_set) -> Path:
    """Networks that nobody trained, whose last layers are not the zeros they begin with."""
    folder = tmp_path_factory.mktemp("weights") / "sphere-weights"
    for what in STAGES:
        torch.manual_seed(0)
        stage = STAGES[what](4, 2, 2)
        for parameter in stage.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        config = Config(what, str(tiny_set), folder / what, steps=3, width=4, levels=2)
        save(config, 3, stage, copy.deepcopy(stage), torch.optim.AdamW(stage.parameters()))
    return folder


@pytest.fixture(scope="module")
def networks(weights) -> Networks:
    return open_networks(weights)


@pytest.fixture(scope="module")
def batch_and_metas(tiny_set):
    pairs = opened(tiny_set, None)
    return next(batches(pairs, list(range(4))))


def row(number: int, person: str, distance_m: float, **errors: float | None) -> dict:
    """A made-up pair: errors by way with spaces as underscores, the same over both regions."""
    flow = {way.replace("_", " "): {"face": error, "ears": error} for way, error in errors.items()}
    picture = {"person": {"psnr_db": 20.0, "ssim": 0.5}, "ears": {"psnr_db": None, "ssim": None}}
    return {
        "key": f"{number:08d}", "person": person, "distance_m": distance_m, "flow": flow,
        "distance": {"regressor": {"log2": 0.5, "mm35": -2.0, "sigmas": 1.5}}, "pictures": {"near as it is": picture},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a:b:c:test", "expected NAME:WEIGHTS_FOLDER:SET:SPLIT:TRAINING_SET"),
        ("a:b::test:e", "separate five parts by colons"),
        ("a/b:w:c:test:e", "expected a name of letters, digits and dashes, got 'a/b'"),
        ("a:w:c:tests:e", "got 'tests'; correct it"),
    ],
)
def test_trials_that_say_nothing_are_refused(text, says):
    with pytest.raises(UsageError, match=says):
        parsed(text)


def test_a_trial_is_five_parts_and_all_means_everyone():
    trial = parsed("new-people:w/eights:sets/b:all:sets/a")
    assert (trial.name, trial.weights, trial.data) == ("new-people", Path("w/eights"), Path("sets/b"))
    assert (trial.split, trial.trained_on) == (None, Path("sets/a"))
    assert parsed("x:w:b:test:a").split == "test"


def test_scenes_are_taken_whole_and_evenly():
    scenes = [[4 * i + k for k in range(4)] for i in range(9)]
    assert spread_scenes(scenes, 3) == [scenes[0], scenes[4], scenes[8]]
    assert spread_scenes(scenes, 0) == scenes


def test_pairs_of_one_scene_are_found_together(tiny_set):
    pairs = opened(tiny_set, None)
    metas = {i: {"index": i, "scene": {"index": i // 4}} for i in range(8)}

    class Stub:
        __len__ = staticmethod(lambda: 8)
        meta = staticmethod(metas.__getitem__)

    assert scenes_of(Stub()) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert scenes_of(pairs) == [[i] for i in range(6)]


def test_bins_hold_their_lower_edge_and_beyond_the_last_is_the_last():
    distances = [0.1, 0.23, 0.2299, 0.62, 1.05, 9.0]
    binned = bins_of([row(i, "p", d) for i, d in enumerate(distances)])
    assert [[r["distance_m"] for r in each] for each in binned] == [
        [0.1, 0.2299], [0.23], [], [], [], [], [0.62], [1.05, 9.0]
    ]  # fmt: skip
    assert strong_bins() == [0, 1, 2, 3, 4, 5]
    assert bin_names(BIN_EDGES_M)[:2] + bin_names(BIN_EDGES_M)[-1:] == ["< 23", "23–26", "≥ 105"]


def test_intervals_are_over_people_and_not_over_pairs():
    """A thousand pairs of two people tell no more than two people do."""
    rows = [row(i, "ab"[i % 2], 0.2, zero_flow=float(i % 2)) for i in range(1000)]
    found = mean_of(rows, lambda r: r["flow"][ZERO]["face"])
    assert found == {"mean": 0.5, "low": 0.0, "high": 1.0}
    alone = mean_of(rows[::2], lambda r: r["flow"][ZERO]["face"])
    assert alone == {"mean": 0.0, "low": None, "high": None}
    assert mean_of(rows, lambda r: None) == {"mean": None, "low": None, "high": None}


WAYS = [ZERO, MEAN_AT, "flow net", "flow net without distance"]


def test_a_network_that_is_always_ahead_wins_clearly_and_by_its_ratio():
    names = [way.replace(" ", "_") for way in WAYS]
    told = [dict(zip(names, (9, 4 + i, 2 + i, 3.5 + i), strict=True)) for i in range(6)]
    rows = [row(i, f"p{i}", 0.2, **errors) for i, errors in enumerate(told)]
    found = verdict(rows, WAYS, "face")
    assert (found["baseline"], found["error"]) == (MEAN_AT, 6.5)
    assert (found["any"]["network"], found["any"]["error"], found["any"]["clear"]) == ("flow net", 4.5, True)
    assert found["any"]["ratio"] == pytest.approx(4.5 / 6.5)
    assert found["any"]["difference"] == {"mean": 2.0, "low": 2.0, "high": 2.0}
    assert found["alone"]["network"] == "flow net without distance"
    assert found["alone"]["difference"]["mean"] == pytest.approx(0.5)


def test_a_network_that_is_ahead_for_some_only_does_not_win_clearly():
    """Smaller on average, but by one person."""
    rows = [row(i, f"p{i}", 0.2, zero_flow=3.0, flow_net=3.1 if i else 1.0) for i in range(8)]
    found = verdict(rows, [ZERO, "flow net"], "ears")["any"]
    assert found["ratio"] < 1
    assert not found["clear"]
    assert verdict(rows, [ZERO, "flow net"], "ears")["alone"] is None
    assert verdict([row(0, "p", 0.2, zero_flow=None, flow_net=1.0)], [ZERO, "flow net"], "ears") is None


def test_baselines_that_are_told_true_landmarks_are_left_out_where_a_photograph_is_meant():
    told = {ZERO: 9.0, measure.FITTED_HEAD: 1.0, measure.DETECTED_HEAD: 4.0, "flow net": 2.0}
    told, ways = {way.replace(" ", "_"): error for way, error in told.items()}, list(told)
    found = verdict([row(i, f"p{i}", 0.2, **told) for i in range(6)], ways, "face")
    assert (found["baseline"], found["any"]["ratio"], found["any"]["clear"]) == (measure.FITTED_HEAD, 2.0, False)
    plain = found["photograph"]
    assert (plain["baseline"], plain["ratio"], plain["clear"]) == (measure.DETECTED_HEAD, 0.5, True)


@pytest.mark.skipif(bool(detected.why_not()), reason=detected.why_not() or "-")
def test_a_head_is_fitted_to_what_is_detected_and_nothing_moves_where_no_face_is(tmp_path):
    recipe = dataclasses.replace(PRESETS["portrait"], size=192, background="black", near_m=(0.3, 0.3))
    samples = [render_sample(recipe, 3, index) for index in range(2)]
    batch = tensors(collated([{**sample.layers, "meta": sample.meta} for sample in samples]))
    batch["near"][1] = 0.0
    told = {"landmarks_px": batch["landmarks_px"] * 0, "landmarks_seen": batch["landmarks_seen"] & False}
    flow = detected.DetectedHeadWarp(4, 1.6)({**batch, **told})
    assert not flow[1].any()
    off, before = (endpoint_error(found, batch, "face")[0][0] for found in (flow, torch.zeros_like(flow)))
    assert off < 0.8 * before


def test_distances_are_told_by_bin_with_the_share_within_sigmas():
    rows = [row(i, f"p{i}", 0.2, zero_flow=1.0) for i in range(4)]
    for i, each in enumerate(rows):
        each["distance"]["regressor"] = {"log2": (-1) ** i * 0.25, "mm35": -4.0, "sigmas": (0.5, 1.5, 1.9, 2.5)[i]}
    found = figures_of(rows)["distance"]["regressor"]
    assert [found[what][0]["mean"] for what in ("log2", "bias", "mm35", "within_1", "within_2")] == [
        0.25, 0.0, 4.0, 0.25, 0.75
    ]  # fmt: skip
    assert found["log2"][1]["mean"] is None


def warped_row(number: int, sent_db: float, fetched_lpips: float) -> dict:
    made = row(number, f"p{number}", 0.3, zero_flow=1.0, flow_net=0.5)
    for name, db, lpips in ((SENT, sent_db, 0.2), (FETCHED, 20.0, fetched_lpips)):
        made["pictures"][name] = {"person": {"psnr_db": db, "ssim": 0.8, "lpips_alex": lpips}, "ears": {}}
    return made


def test_the_better_warp_is_the_one_with_more_clear_wins_and_lower_lpips_is_better():
    found = warps_compared([warped_row(i, 21.0 + i, 0.1) for i in range(5)])
    by = {(e["region"], e["metric"]): e["ahead"]["mean"] for e in found if not e["completed"]}
    assert by["person", "psnr_db"] == pytest.approx(3.0)
    assert by["person", "lpips_alex"] == pytest.approx(-0.1)
    assert by["ears", "ssim"] is None
    words = warp_words(found)
    assert "**neither**" in words
    assert f"{SENT} is clearly better in PSNR over person, {FETCHED} in LPIPS over person" in words
    assert f"**{SENT}**" in warp_words(warps_compared([warped_row(i, 21.0 + i, 0.2) for i in range(5)]))


def made_up() -> dict:
    """Figures as a run writes them."""
    rows = [warped_row(i, 21.0, 0.1) | {"distance_m": d} for i, d in enumerate([0.2, 0.21, 0.4, 0.41, 1.2, 1.3])]
    about = {"recipe": "portrait", "pairs": 640, "size_px": 256, "hash": "abcdef" * 10, "heads": ["ict", "valid"]}
    network = {"sha256": "1234" * 16, "bytes": 2_500_000, "parameters": 654_321, "step": 500, "data": "abcdef" * 10,
               "config": {"steps": 900, "batch": 8, "width": 16, "levels": 5, "stem": 2, "rate": 1e-3}}  # fmt: skip
    trial = {
        "name": "held-out", "split": "test", "asked": about | {"name": "set-a"}, "people": 6, "people_trained_on": 0,
        "trained_on": about | {"name": "set-b"}, "networks": {"flow": network}, "pairs_in_split": 64,
        "mean_flow_pairs": 100, "figures": figures_of(rows), "seconds": {"flow net": 0.125},
        "picture": "pictures/p.webp",
    }  # fmt: skip
    machine = {"processor": "Abacus", "cores": 2, "torch": "2.13.0"}
    return {"command": "it", "machine": machine, "missing": {"LPIPS": "no weights"}, "trials": {"held-out": trial}}


def test_the_page_says_what_the_figures_say():
    text = markdown(made_up())
    for said in (
        "Made by `it` on Abacus, 2 cores",
        "`LPIPS` not measured: no weights",
        "654,321",
        "500 of 900",
        "`set-b` (abcdef",
        "6 of 64",
        "| flow net | 0.125 |",
        "![held-out: near",
        "| < 23 | zero flow, 1.00 | flow net, 0.50 | **0.50** |",
        "| regressor: focal length, mm | 2.0 [2.0, 2.0] |",
        "| regressor: within its own 2 σ | 100 % |",
    ):
        assert said in text
    won = "**2 of 2** (0.50 to 0.50)"
    assert f"| `held-out` | {won} | {won} | – | {won} | {won} | – |" in text


def test_every_row_of_every_table_has_the_columns_of_its_head():
    for block in markdown(made_up()).split("\n\n"):
        if block.startswith("|"):
            columns = {line.replace("\\|", "").count("|") for line in block.splitlines()}
            assert len(columns) == 1, block


def test_no_number_of_the_page_stands_in_the_code():
    figures, other = made_up(), made_up()
    other["trials"]["held-out"]["figures"]["flow"]["face"][ZERO][0] = {"mean": 7.77, "low": 7.5, "high": 8.0}
    other["trials"]["held-out"]["figures"]["flow"]["ears"]["flow net"][4] = {"mean": 3.33, "low": 3.0, "high": 3.5}
    changed = set(markdown(other).splitlines()) - set(markdown(figures).splitlines())
    assert len(changed) == 2
    assert any("| 7.77 |" in line for line in changed)
    assert any("3.33 [3.00, 3.50]" in line for line in changed)
    assert interval({"mean": None, "low": None, "high": None}) == "–"
    assert interval({"mean": 1.0, "low": None, "high": None}, 1) == "1.0"


def test_bins_that_are_not_won_are_named():
    figures = made_up()
    figures["trials"]["held-out"]["figures"]["verdict"]["face"][4]["any"]["clear"] = False
    assert "| `held-out` | **2 of 2** (0.50 to 0.50) | **1 of 2** (0.50 to 0.50; not 35–43 cm) |" in markdown(figures)


def test_the_sheet_has_the_median_the_best_and_the_worst_of_near_pairs():
    rows = [row(i, "p", 0.3, flow_net=float(e)) for i, e in enumerate((5, 1, 9, 3, 7))]
    rows += [row(8, "p", 0.5, flow_net=99.0), row(9, "p", 0.2, flow_net=None)]
    found = [(what, r["flow"]["flow net"]["face"]) for what, r in shown_rows(rows, "flow net")]
    assert found == [("median", 5.0), ("best", 1.0), ("worst", 9.0), ("worst but 1", 7.0), ("worst but 2", 5.0)]
    assert shown_rows(rows[5:], "flow net") == []


def test_sheets_stay_small_whatever_they_show():
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)
    assert len(small_webp(Image.fromarray(noise))) <= MAX_BYTES


def test_errors_of_flows_are_in_pixels_of_512(batch_and_metas, networks):
    batch, metas = batch_and_metas
    asked = measure.Asked({ZERO: lambda b: torch.zeros_like(b["flow"])}, networks, {})
    found = measure.batch_rows(batch, metas, [False] * 4, asked)
    for i, each in enumerate(found):
        mask = batch["near_visible"][i, 0].numpy()
        expected = 512 / SIZE * np.hypot(*batch["flow"][i].numpy())[mask].mean()
        assert each["flow"][ZERO]["face"] == pytest.approx(expected, rel=1e-5)
        assert each["flow"][ZERO]["ears"] is None
        assert each["person"] == metas[i]["person"]["id"]


class Doubling(type(STAGES["distance"](4, 2, 2))):
    """Tells twice the distance and is sure to an octave's half."""

    def predict_distance_m(self, batch):
        return 2 * batch["distance_m"]


def test_a_distance_twice_too_far_is_one_octave_and_twice_the_focal_length(batch_and_metas):
    batch, metas = batch_and_metas
    stage = Doubling(4, 2, 2)
    stage.net.forward = lambda portrait, eye_px: (torch.zeros(4), torch.full((4,), 0.5))
    found = distance_errors(batch, metas, Networks({"distance": Trained("distance", stage, {})}, {}))["regressor"]
    assert found["log2"] == pytest.approx([1.0] * 4, abs=1e-5)
    assert found["sigmas"] == pytest.approx([2.0] * 4, abs=1e-5)
    assert found["mm35"] == pytest.approx([m["cameras"]["near"]["focal_mm35"] for m in metas], rel=1e-5)


def test_both_warps_keep_a_picture_that_does_not_move_and_agree_on_one_that_shrinks(batch_and_metas):
    batch, _ = batch_and_metas
    still = torch.zeros_like(batch["flow"])
    person = batch["near"] * batch["near_mask"]
    core = -torch.nn.functional.max_pool2d(-batch["near_mask"], 3, 1, 1) >= 0.9
    away = centres(still) - batch["eye_px"][:, :, None, None]
    expected = look_up(person, away * (1 / 0.9 - 1))
    inside = torch.nn.functional.avg_pool2d(look_up(batch["near_mask"], away * (1 / 0.9 - 1)), 5, 1, 2) > 0.999
    assert inside.sum() > 100
    for warp in (carry, fetch):
        torch.testing.assert_close(warp(batch, still)[0] * core, person * core, atol=1e-4, rtol=0)
        made, mass = warp(batch, -0.1 * away)
        assert ((made - expected).abs() * inside).max() < 0.02
        assert mass[inside].min() > 0.99
        assert mass.max() <= 1


@torch.no_grad()
def test_pictures_are_those_of_the_stages(batch_and_metas, networks):
    batch, _ = batch_and_metas
    makers = picture_makers(networks)
    completion = networks.completion
    flow = networks.shown_flow.predict_flow(batch)
    made = makers["fetched by the inverse flow, completed"](batch)
    torch.testing.assert_close(made, completion.complete(batch, flow))
    made = makers["true flow, completed"](batch)
    torch.testing.assert_close(made, completion.complete(sure(batch), batch["flow"]))
    torch.testing.assert_close(makers["sent forward, completed"](batch), filled(completion, batch, *carry(batch, flow)))
    assert not torch.equal(makers["cascade"](batch), makers["sent forward, completed"](batch))
    only = Networks({"distance": networks.trained["distance"]}, {})
    assert list(picture_makers(only)) == [AS_IT_IS, "true flow"]
    assert only.shown_way is None


def test_equal_pictures_have_a_finite_figure_and_an_empty_region_none():
    picture = torch.rand(3, 16, 16)
    regions = {"person": np.ones((16, 16), bool), "ears": np.zeros((16, 16), bool)}
    found = likeness(picture, picture, regions, False)
    assert found == {"person": {"psnr_db": 100.0, "ssim": pytest.approx(1.0)}, "ears": {"psnr_db": None, "ssim": None}}
    other = likeness(picture, (picture + 0.1) / 1.1, regions, False)
    error = float((((picture + 0.1) / 1.1 - picture) ** 2).mean())
    assert other["person"]["psnr_db"] == pytest.approx(-10 * np.log10(error), abs=1e-3)


def test_a_file_of_another_network_is_refused(tmp_path, weights):
    (tmp_path / "flow.safetensors").write_bytes((weights / "query" / LAST).read_bytes())
    with pytest.raises(UserError, match="expected weights of flow, got query; rename the file"):
        open_networks(tmp_path)
    with pytest.raises(UserError, match="got none; `training train` makes them"):
        open_networks(tmp_path / "nowhere")


def test_every_part_is_timed_and_threads_are_put_back(networks, tiny_set):
    batch, _ = next(batches(opened(tiny_set, None), [0]))
    torch.set_num_threads(2)
    try:
        seconds = seconds_of_parts(networks, batch, 1.6, heads=False, tries=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert len(seconds) == 8
    assert all(took > 0 for took in seconds.values())


@pytest.fixture
def page(tmp_path, monkeypatch) -> Path:
    """A page to write to, where LPIPS is not at hand and the fitted heads stand still."""

    def missing(measure: str) -> None:
        raise UserError("expected weights, found none")

    monkeypatch.setattr("benchmark.metrics.image._module", missing)
    monkeypatch.setattr(measure, "HeadWarp", lambda shapes, far_m: lambda batch: torch.zeros_like(batch["flow"]))
    page = tmp_path / "baselines.md"
    page.write_text(f"# Baselines\n\n{BEGIN}\n\nof an earlier run\n\n{END}\n\nafter\n")
    return page


def run(page: Path, weights: Path, tiny_set: Path, *more: str, name: str = "sphere") -> int:
    trial = f"{name}:{weights}:{tiny_set}:all:{tiny_set}"
    return main(["--trials", trial, "--page", str(page), "--out", str(page.parent / "kept"), *more])


def refused(constant: str):
    raise ValueError(constant)


def test_a_run_writes_page_figures_and_sheet_and_the_next_one_measures_nothing(
    page, weights, tiny_set, monkeypatch, capsys
):
    assert run(page, weights, tiny_set, "--scenes", "4") == 0
    assert "LPIPS: not measured: not measured: expected weights" in capsys.readouterr().out.replace("\n", " ")
    text, kept = page.read_text(), page.with_suffix(".json").read_text()
    figures = json.loads(kept, parse_constant=refused)
    assert "of an earlier run" not in text
    assert text.endswith("after\n")
    assert str(page.parent) not in text + kept, "a page tells no folder of the machine that made it"
    trial = figures["trials"]["sphere"]
    assert sum(trial["figures"]["pairs"]) == 4
    assert trial["pairs_in_split"] == 6
    assert set(trial["networks"]) == set(STAGES)
    assert trial["networks"]["flow"]["data"] == trial["trained_on"]["hash"] == set_hash(tiny_set)
    assert trial["people_trained_on"] > 0
    assert FITTED_HEAD in trial["figures"]["flow"]["face"]
    assert "flow net, distance by the query net" in text
    with Image.open(page.parent / trial["picture"]) as sheet:
        assert sheet.format == "WEBP"
        assert sheet.width == 5 * (SIZE + 8) + 8

    def measured_again(*_: object) -> None:
        raise UserError("measured again")

    monkeypatch.setattr(trying, "measured", measured_again)
    assert run(page, weights, tiny_set, "--scenes", "4") == 0
    assert page.with_suffix(".json").read_text() == kept
    assert main(["--page", str(page)]) == 0
    assert page.read_text() == text
    assert run(page, weights, tiny_set, "--scenes", "3") == 1
    assert "`sphere` not measured: measured again" in page.read_text()


def test_other_weights_are_not_taken_for_those_measured(tiny_set, weights, networks, tmp_path):
    effort, trial = trying.Effort(1, 1, 1, False, False), parsed(f"x:{weights}:{tiny_set}:all:{tiny_set}")
    keys = {trying.key_of(trial, effort, networks, 6, 4)}
    changed = dict(networks.files) | {"flow": tmp_path / "flow.safetensors"}
    changed["flow"].write_bytes(networks.files["flow"].read_bytes() + b" ")
    keys |= {trying.key_of(trial, effort, Networks(networks.trained, changed), 6, 4)}
    keys |= {trying.key_of(dataclasses.replace(trial, split="test"), effort, networks, 6, 4)}
    keys |= {trying.key_of(trial, dataclasses.replace(effort, scenes=2), networks, 6, 4)}
    keys |= {trying.key_of(trial, effort, networks, 7, 4)}
    assert len(keys) == 5
    assert trying.key_of(trial, dataclasses.replace(effort, time=True), networks, 6, 4) in keys


def test_what_cannot_be_run_is_said_in_a_line(page, weights, tiny_set, tmp_path, capsys):
    assert run(page, tmp_path / "none", tiny_set) == 1
    assert "sphere: not measured: " in capsys.readouterr().out
    assert main(["--page", str(page), "--trials", "a:b"]) == 2
    assert "separate five parts" in capsys.readouterr().err
    trial = f"a:{weights}:{tiny_set}:all:{tiny_set}"
    assert main(["--page", str(page), "--trials", trial, trial]) == 2
    assert "got a again; rename one" in capsys.readouterr().err
    assert main(["--page", str(page), "--scenes", "-1"]) == 2
    assert "--scenes: expected 0 or more, got -1" in capsys.readouterr().err
    (tmp_path / "bare.md").write_text("nothing")
    assert run(tmp_path / "bare.md", weights, tiny_set) == 1
    assert "add them" in capsys.readouterr().err
    assert main(["--page", str(tmp_path / "absent.md")]) == 1
    assert "expected a page" in capsys.readouterr().err


def test_the_page_of_the_project_is_that_of_its_figures():
    page, figures = ROOT / "docs" / "baselines.md", ROOT / "docs" / "baselines.json"
    text = page.read_text()
    made = markdown(json.loads(figures.read_text())) if figures.exists() else ""
    assert inserted(text, made) == text or not figures.exists()
    assert BEGIN in text


def test_the_script_trains_every_network_and_the_cascade_from_its_parts():
    told = subprocess.run(
        [str(ROOT / "examples" / "train_baselines.sh")], capture_output=True, text=True, check=True,
        env=os.environ | {"TRAINING": "echo", "DATA": "set", "OUT": "runs", "STEPS": "400"},
    ).stdout.splitlines()  # fmt: skip
    assert [line.split()[2] for line in told] == list(STAGES)
    assert told[-1].endswith(f"--start-from runs/flow/{LAST} runs/completion/{LAST}")
    assert "--steps 100 " in told[-1]
