"""Suites as data: what they promise, the hash that knows one from another, cases out of generated pairs."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmark.methods.mesh_depth import MeshDepth  # noqa: E402
from benchmark.methods.method import MethodError, shown  # noqa: E402
from benchmark.methods.plain import MeanFlow, MeanFlowAtDistance, Nothing, means_of  # noqa: E402
from benchmark.methods.truth_told import OracleFlow, Perfect  # noqa: E402
from benchmark.run.answers import checked  # noqa: E402
from benchmark.suites import made as made_module  # noqa: E402
from benchmark.suites.hashing import LABELS, RECORD, labels_sha256  # noqa: E402
from benchmark.suites.lookalikes import closest_pairs  # noqa: E402
from benchmark.suites.made import folder_of, make, opened, published, why_not  # noqa: E402
from benchmark.suites.publish import sha256_of  # noqa: E402
from benchmark.suites.suite import Part, Suite, SuiteError  # noqa: E402
from benchmark.suites.table import EIGHT_M, KEPT, MEANS, SUITES, suite_named  # noqa: E402
from benchmark.tracks import TRACKS  # noqa: E402
from datagen.faces import why_not_measured  # noqa: E402
from datagen.heads import open_model  # noqa: E402
from datagen.recipe import validate  # noqa: E402
from datagen.roster import read_roster  # noqa: E402
from training.scores import BIN_EDGES_M, FACE, bin_of  # noqa: E402

TINY = Suite(
    "tiny-v1",
    1,
    "one person from four distances",
    5,
    (Part("makehuman", replace(SUITES["undistort-v1"].parts[0].recipe, near_sequence_m=(0.2, 0.3, 0.6, 1.6)), 1, 1),),
    ("undistortion",),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, monkeypatch_module):
    return make(TINY, True, cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def monkeypatch_module():
    """Pictures of 96 pixels are enough here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.suites.suite.SMALL_PX", 96)
        yield patch


def test_every_recipe_can_be_and_no_two_suites_share_a_seed():
    for suite in [*SUITES.values(), MEANS]:
        for part in suite.parts:
            for small in (False, True):
                validate(part.made(small))
    seeds = {}
    for suite in [*SUITES.values(), MEANS]:
        seeds.setdefault(suite.seed, set()).add(suite.name.removesuffix("-makehuman"))
    assert all(len(names) == 1 for names in seeds.values())
    assert 0 not in seeds


def test_the_suites_ask_what_they_promise():
    undistort, cmdp, verify, extreme = (SUITES[f"{n}-v1"] for n in ("undistort", "cmdp-synth", "verify", "extreme"))
    assert undistort.people(False) >= 100
    assert {part.recipe.heads for part in undistort.parts} == {("makehuman",), ("valid",)}
    assert bin_of(torch.tensor(EIGHT_M)).tolist() == list(range(len(BIN_EDGES_M) - 1))
    assert len(cmdp.parts[0].recipe.near_sequence_m) == 7
    assert verify.parts[0].scenes == 2
    assert extreme.parts[0].recipe.near_m == (0.18, 0.23)
    assert extreme.parts[0].recipe.yaw_deg == (-45.0, 45.0)
    assert all(part.recipe.background == "black" for suite in SUITES.values() for part in suite.parts)


def test_variants_of_other_content_have_other_names():
    digests = [suite.digest(small) for suite in SUITES.values() for small in (False, True)]
    folders = [suite.folder(small) for suite in SUITES.values() for small in (False, True)]
    assert len(set(digests)) == len(set(folders)) == 2 * len(SUITES)
    assert {suite.instead for suite in SUITES.values()} - {""} <= set(SUITES)


def test_recipes_are_told_alike_on_every_machine(tmp_path, monkeypatch):
    """No path of this machine is in what decides the hash."""
    text = json.dumps(SUITES["verify-v1"].recipes(True))
    assert "lookalikes-small.json@" in text
    assert str(made_module.DATA) not in text


def test_rosters_hold_as_many_people_as_are_asked_about():
    for suite in SUITES.values():
        for part in suite.parts:
            for roster, people in ((part.roster, part.people), (part.small_roster, part.small_people)):
                if roster.startswith("lookalikes"):
                    assert len(read_roster(str(made_module.DATA / roster)).accepted) == people


def test_the_most_alike_pair_up_and_nobody_twice():
    alike = np.array([[1, 0.9, 0.8, 0.1], [0.9, 1, 0.85, 0.2], [0.8, 0.85, 1, 0.7], [0.1, 0.2, 0.7, 1]])
    assert closest_pairs(alike, 5) == [(0, 1), (2, 3)]


def test_an_unknown_suite_is_refused_with_those_there_are():
    with pytest.raises(SuiteError, match=r"expected undistort-v1, .* got 'undistort'"):
        suite_named("undistort")


def test_missing_assets_are_never_another_suite(tmp_path, monkeypatch):
    """It says what to fetch and which suite of another name to ask instead."""
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    open_model.cache_clear()
    try:
        reason = why_not(SUITES["undistort-v1"])
        assert "datagen assets fetch valid" in reason
        assert "--suite undistort-v1-makehuman" in reason
        with pytest.raises(SuiteError, match="undistort-v1: "):
            make(SUITES["undistort-v1"], True, cache=tmp_path)
        assert not why_not(SUITES["undistort-v1-makehuman"])
    finally:
        open_model.cache_clear()


def test_cases_are_what_was_generated(tiny):
    near, far = tiny.cases[0], tiny.cases[-1]
    assert [case.question.id for case in tiny.cases] == [f"makehuman-0000-{step}" for step in range(4)]
    assert (near.truth.distance_m, far.truth.distance_m) == (0.2, 1.6)
    assert near.truth.person == far.truth.person
    assert near.question.near_rgb.shape == (96, 96, 3)
    assert near.question.eye_px.tolist() == [48.0, 48.0]
    assert (near.question.near_rgb[near.question.near_alpha == 0] == 0).all()
    assert (near.truth.far_rgb[near.truth.far_alpha == 0] == 0).all()
    # From 1.6 m both views are one: nothing moves, and nothing is hidden.
    assert np.abs(far.truth.flow).max() < 1e-4
    assert np.array_equal(far.truth.near_visible, far.truth.near_surface)
    assert np.abs(near.truth.flow).max() > 1
    assert all(getattr(near.question, field.name) is not None for field in fields(near.question))
    with pytest.raises(IndexError):
        tiny.cases[4]


def test_the_hash_is_of_labels_and_records_and_of_no_colour(tiny):
    samples = [dict(sample) for pairs in tiny.cases.sets.values() for sample in pairs]
    known = labels_sha256(samples)
    recoloured = [
        {**sample, "near_rgb": sample["near_rgb"] ^ 1, "far_alpha": sample["far_alpha"] ^ 1} for sample in samples
    ]
    assert labels_sha256(recoloured) == known
    for name in LABELS:
        changed = samples[0][name].copy()
        changed.flat[100] = changed.flat[100] + 1 if changed.dtype != bool else not changed.flat[100]
        assert labels_sha256([{**samples[0], name: changed}, *samples[1:]]) != known
    for name in RECORD:
        record = {**samples[0]["meta"], name: "another"}
        assert labels_sha256([{**samples[0], "meta": record}, *samples[1:]]) != known
    assert labels_sha256(samples[::-1]) != known
    assert set(LABELS) <= set(KEPT)


def test_a_suite_that_was_made_is_opened_and_hashed_alike(tiny, monkeypatch):
    folder = tiny.cases.sets["makehuman"].path.parent
    again = opened(TINY, True, folder)
    assert again.sha256 == tiny.sha256
    (folder / "makehuman" / "labels.json").unlink()
    assert opened(TINY, True, folder).sha256 == tiny.sha256


def test_another_hash_than_the_published_one_is_told(tiny, monkeypatch):
    assert tiny.to_json()["published"] is None
    assert tiny.agrees
    monkeypatch.setattr(made_module, "published", lambda: {"tiny-v1-small": "0" * 64})
    told = opened(TINY, True, tiny.cases.sets["makehuman"].path.parent).to_json()
    assert told["agrees"] is False
    assert told["published"] == "0" * 64
    assert told["sha256"] == tiny.sha256


def test_what_is_asked_otherwise_lies_elsewhere(tmp_path):
    assert folder_of(TINY, True, tmp_path) != folder_of(replace(TINY, seed=6), True, tmp_path)
    assert folder_of(TINY, True, tmp_path) != folder_of(TINY, False, tmp_path)


def test_published_hashes_are_of_suites_there_are():
    folders = {suite.folder(small) for suite in SUITES.values() for small in (False, True)}
    assert set(published()) <= folders
    assert all(len(sha256) == 64 for sha256 in published().values())


@pytest.fixture(scope="module")
def scores(tiny):
    """Flow error and the picture's difference from the truth, by method and distance."""
    correspondence = TRACKS["correspondence"]
    means = means_of(tiny)
    methods = [Nothing(), MeanFlow(means), MeanFlowAtDistance(means), OracleFlow(), Perfect()]
    if not why_not_measured("yunet", "face_mesh"):
        methods.append(MeshDepth())
    told = {method.name: {} for method in methods}
    for case in tiny.cases:
        for method in methods:
            try:
                answer = checked(case.question, method(shown(case.question, method.sees)))
            except MethodError:  # No face found in a picture this small: nothing to compare.
                continue
            error = correspondence.measure(case, answer)["epe_px/surface"].value
            # What the near camera never saw no flow can bring; single hairs fall between the pixels of any.
            face = case.truth.far_visible & np.isin(case.truth.far_part, [int(part) for part in FACE])
            off = np.abs(answer.rgb.astype(float) - case.truth.far_rgb)[face].mean()
            told[method.name][case.truth.distance_m] = (error, off)
    return told


def test_perfect_scores_perfectly(scores):
    assert set(scores["perfect"].values()) == {(0.0, 0.0)}
    assert len(scores["perfect"]) == 4


def test_oracle_flow_beats_every_method_that_sees_the_near_portrait_alone(scores):
    for name in set(scores) - {"perfect", "oracle-flow"}:
        for distance_m, (error, off) in scores[name].items():
            best_error, best_off = scores["oracle-flow"][distance_m]
            assert best_error < 1e-6
            if distance_m < 1.6:
                assert best_error < error, name
            if distance_m < 0.5:  # From farther, flows differ by less than what moving a picture blurs.
                assert best_off < off, name


def test_the_error_of_doing_nothing_falls_with_distance_and_ends_at_the_far_one(scores):
    errors, offs = zip(*(scores["none"][distance_m] for distance_m in (0.2, 0.3, 0.6, 1.6)), strict=True)
    assert errors[0] > errors[1] > errors[2] > 0.2
    assert errors[3] < 1e-3
    assert offs[0] > offs[1] > offs[2]
    assert offs[3] < 0.01


def test_a_hash_to_publish_needs_no_pictures(tiny):
    assert sha256_of(TINY, True) == tiny.sha256
    assert sha256_of(replace(TINY, seed=6), True) != tiny.sha256


@pytest.mark.slow
def test_a_published_suite_comes_out_as_it_was_published(tmp_path):
    """People, poses, cameras and labels to the last bit; whoever changes one of them publishes a new version."""
    suite = SUITES["extreme-v1-makehuman"]
    told = make(suite, True, cache=tmp_path).to_json()
    assert told["published"] is not None
    assert told["agrees"], told["sha256"]
