"""Tracks of the benchmark: perfect answers, none, failed ones; figures of sets against plain twins and known numbers.

Tests that look at faces skip with the reason where a package or weights are missing.
"""

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.methods.method import Answer, Question
from benchmark.metrics import METRICS
from benchmark.metrics.camera import ordering_accuracy
from benchmark.metrics.identity import Comparisons, area, bootstrap, d_prime, equal_error_rate
from benchmark.suites.case import Case, Truth
from benchmark.suites.cases import case_of
from benchmark.tracks import TRACKS, Measurement, Row, Track
from benchmark.tracks.camera import SEEN as DISTANCE
from benchmark.tracks.cmdp import FAR, MADE, NEAR, PUBLISHED, feet_of
from benchmark.tracks.faces import mesh_of, why_not
from benchmark.tracks.flows import WORST_PX
from benchmark.tracks.landmarks import SEEN as NME
from benchmark.tracks.reconstruction import FIGURE, WORST_MM, _own
from benchmark.tracks.regions import rectangle
from benchmark.tracks.resampled import intervals, ordered, weighed
from benchmark.tracks.true_face import TrueFaceError, true_face
from benchmark.tracks.verification import EMBEDDERS, half_of, key, threshold_at
from datagen.presets import PRESETS
from datagen.randomness import generator
from datagen.render import render_sample

PX = 160
NEAR_M = (0.22, 0.4, 1.28, 1.6)
WITHOUT_NETWORKS = ("undistortion", "correspondence", "camera")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """One person from four distances, the last that of the far camera."""
    recipe = replace(PRESETS["portrait"], size=PX, background="black", near_sequence_m=NEAR_M, hats=0.0, held=0.0)
    samples = [render_sample(recipe, 3, index) for index in range(len(NEAR_M))]
    return [case_of("makehuman", 0, {**sample.layers, "meta": sample.meta}) for sample in samples]


@pytest.fixture(scope="module")
def faces() -> None:
    for model in ("face_mesh", "sface"):
        if reason := why_not(model):
            pytest.skip(reason)


@pytest.fixture(autouse=True)
def _no_slow_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """LPIPS and DISTS have tests of their own."""
    monkeypatch.setattr("benchmark.tracks.undistortion._why_not", lambda name: "not in this test")


def perfect(case: Case) -> Answer:
    return Answer(case.truth.far_rgb, case.truth.flow, case.truth.distance_m)


def none(case: Case) -> Answer:
    flow = np.zeros((*case.question.near_alpha.shape, 2), np.float32)
    return Answer(case.question.near_rgb, flow, 0.6)


def values(measured: dict[str, Measurement]) -> dict[str, float | None]:
    return {name: measurement.value for name, measurement in measured.items()}


def row(case: Case, track: Track, answer: Answer | None) -> Row:
    truth = case.truth
    return Row(
        case.question.id, truth.distance_m, None, truth.person, truth.scene, answer is None, track.observe(case, answer)
    )


# What every track keeps


@pytest.mark.parametrize("name", TRACKS)
def test_tracks_name_themselves_and_known_metrics_alone(name: str) -> None:
    track = TRACKS[name]
    assert track.name == name
    assert track.version
    assert {metric.partition("/")[0] for metric in track.metrics} <= set(METRICS)


@pytest.mark.parametrize("name", WITHOUT_NETWORKS)
def test_what_is_measured_was_declared_and_failed_answers_fail_at_the_same(name: str, cases: list[Case]) -> None:
    track = TRACKS[name]
    measured, failed = track.measure(cases[0], none(cases[0])), track.failed(cases[0])
    assert set(measured) == set(failed) <= set(track.metrics)
    assert {m: v.weight for m, v in measured.items()} == {m: v.weight for m, v in failed.items()}


@pytest.mark.parametrize("name", WITHOUT_NETWORKS)
@pytest.mark.parametrize("answer", [none, perfect])
def test_no_answer_is_worse_than_a_failed_one(name: str, answer: Any, cases: list[Case]) -> None:
    for case in cases:
        measured, failed = (values(v) for v in (TRACKS[name].measure(case, answer(case)), TRACKS[name].failed(case)))
        for metric, value in measured.items():
            if value is not None and failed[metric] is not None:
                sign = 1 if METRICS[metric.partition("/")[0]].higher_is_better else -1
                assert sign * value >= sign * failed[metric], metric


@pytest.mark.parametrize("name", WITHOUT_NETWORKS)
def test_who_says_nothing_is_not_measured(name: str, cases: list[Case]) -> None:
    assert TRACKS[name].measure(cases[0], Answer()) == {}
    assert TRACKS[name].observe(cases[0], Answer()) == {}


@pytest.mark.parametrize("name", TRACKS)
def test_of_a_photograph_nothing_is_made_up(name: str) -> None:
    """Nobody knows anything but the near picture."""
    black = np.zeros((32, 32, 3), np.uint8)
    case = Case(Question("a", black, black[..., 0], np.full(2, 16.0), 1.6), Truth(person="a"))
    answer = Answer(black, np.zeros((32, 32, 2), np.float32), 1.0)
    assert TRACKS[name].measure(case, answer) == {}
    assert TRACKS[name].failed(case) == {}


# Undistortion and correspondence


def test_perfect_answers_score_perfectly(cases: list[Case]) -> None:
    for case in cases:
        found = values(TRACKS["undistortion"].measure(case, perfect(case)))
        found |= values(TRACKS["correspondence"].measure(case, perfect(case)))
        best = {"epe_px": 0, "outliers_1px": 0, "outliers_3px": 0, "outliers_5px": 0, "fl_kitti": 0}
        best |= {"psnr_db": 100, "ssim": 1}
        for metric, value in found.items():
            if value is not None:
                assert value == pytest.approx(best[metric.partition("/")[0]], abs=1e-12), metric


def test_nothing_done_is_nearly_right_from_afar(cases: list[Case]) -> None:
    errors = [values(TRACKS["undistortion"].measure(case, none(case)))["epe_px/face"] for case in cases]
    assert all(near > far for near, far in pairwise(errors))
    assert errors[0] > 4
    assert errors[-1] == pytest.approx(0, abs=1e-4)


def flat(flow_px: float, size: int, seen: bool = True) -> Case:
    """A face everywhere that moves by `flow_px` to the right."""
    shape = (size, size)
    flow = np.zeros((*shape, 2), np.float32)
    flow[..., 0] = flow_px
    grey = np.full((*shape, 3), 128, np.uint8)
    truth = Truth(
        far_rgb=grey,
        far_alpha=np.full(shape, 255, np.uint8),
        flow=flow,
        near_visible=np.full(shape, seen),
        near_part=np.ones(shape, np.uint8),
        far_part=np.ones(shape, np.uint8),
    )
    return Case(Question("a", grey, truth.far_alpha, np.full(2, size / 2), 1.6), truth)


@pytest.mark.parametrize("size", [64, 128])
def test_errors_are_in_pixels_of_512_whatever_the_size(size: int) -> None:
    """Half a pixel of 64 is four of 512: above 1 and 3 pixels, not above 5."""
    case = flat(0.5 * size / 64, size)
    found = values(TRACKS["undistortion"].measure(case, Answer(flow=np.zeros((size, size, 2), np.float32))))
    assert found["epe_px/face"] == pytest.approx(4.0)
    assert [found[f"outliers_{n}px/face"] for n in (1, 3, 5)] == [1.0, 1.0, 0.0]


def test_hidden_regions_weigh_nothing() -> None:
    measured = TRACKS["undistortion"].measure(flat(1, 64), none(flat(1, 64)))
    assert measured["epe_px/ears"] == Measurement(None, 0.0)
    assert measured["psnr_db/ears"] == Measurement(None, 0.0)
    hidden = flat(1, 64, seen=False)
    assert TRACKS["correspondence"].measure(hidden, none(hidden))["epe_px/surface"].weight == 0
    assert TRACKS["correspondence"].failed(hidden)["epe_px/surface"].weight == 0


def test_absurd_flows_count_as_failed_and_failed_ones_as_no_flow_at_least() -> None:
    for flow_px, worst in ((1, WORST_PX), (10, 80.0)):  # In 64 pixels; 10 are 80 of 512.
        case = flat(flow_px, 64)
        absurd = Answer(flow=np.full((64, 64, 2), 1e6, np.float32))
        for found in (TRACKS["undistortion"].measure(case, absurd), TRACKS["undistortion"].failed(case)):
            assert found["epe_px/face"].value == pytest.approx(worst)


def test_pictures_count_where_the_person_is(cases: list[Case]) -> None:
    """What a method paints behind the person costs nothing."""
    case = cases[0]
    painted = case.truth.far_rgb.copy()
    painted[case.truth.far_alpha == 0] = 200
    found = values(TRACKS["undistortion"].measure(case, Answer(rgb=painted)))
    assert found["psnr_db/person"] == found["psnr_db/face"] == 100


def test_missing_networks_are_told() -> None:
    told = TRACKS["undistortion"].summarise([])
    assert told["lpips_alex/person/all"].value is None
    assert told["lpips_alex/person/all"].why == "not in this test"


@given(st.integers(0, 39), st.integers(0, 39), st.integers(0, 9), st.integers(1, 40))
def test_rectangles_hold_the_mask_and_stay_in_the_picture(first: int, last: int, margin: int, least: int) -> None:
    mask = np.zeros((40, 60), bool)
    mask[min(first, last) : max(first, last) + 1, 7] = True
    rows, columns = rectangle(mask, margin, least)
    assert mask[rows, columns].sum() == mask.sum()
    for span, length in ((rows, 40), (columns, 60)):
        assert 0 <= span.start < span.stop <= length
        assert span.stop - span.start >= min(least, length)
    assert rows.start <= max(0, min(first, last) - margin)
    assert rows.stop >= min(40, max(first, last) + 1 + margin)


# Camera


def told(person: str, true_m: float, distance_m: float | None, failed: bool = False) -> Row:
    observed = {} if failed else {DISTANCE: [distance_m] if distance_m else []}
    return Row(f"{person}{true_m}", true_m, None, person, failed=failed, observed=observed)


def test_focal_lengths_follow_from_distances(cases: list[Case]) -> None:
    """Twice as far is an octave, and a focal length that is wrong by itself."""
    answer = Answer(distance_m=2 * cases[0].truth.distance_m)
    found = values(TRACKS["camera"].measure(cases[0], answer))
    assert found == {"distance_log2_error": pytest.approx(1.0), "focal_relative_error": pytest.approx(1.0)}


def test_ordering_is_within_people_and_counts_failures_as_wrong() -> None:
    rows = [told("a", 0.3, 0.5), told("a", 0.6, 0.7), told("a", 0.9, 0.6), told("b", 0.2, 9.0)]
    (share,) = TRACKS["camera"].summarise(rows).values()
    expected = ordering_accuracy(np.array([0.5, 0.7, 0.6]), np.array([0.3, 0.6, 0.9]))
    assert (share.value, share.count) == (pytest.approx(expected.value), 3)
    (share,) = TRACKS["camera"].summarise([*rows, told("a", 1.2, None, failed=True)]).values()
    assert (share.value, share.count) == (pytest.approx(2 / 6), 6)


def test_who_never_tells_a_distance_is_not_wrong_about_its_order() -> None:
    silent = [Row(f"{d}", d, None, "a") for d in (0.3, 0.6)]
    assert TRACKS["camera"].summarise([*silent, told("a", 0.9, None, failed=True)]) == {}
    (share,) = TRACKS["camera"].summarise([told("a", d, None, failed=True) for d in (0.3, 0.6)]).values()
    assert share.value == 0


# Verification


def embedded(person: int, scene: int, answer: np.ndarray | None, far: np.ndarray, step: int = 0) -> Row:
    """A row that both embedders saw alike."""
    seen = {key(name, "far"): far.tolist() for name in EMBEDDERS}
    seen |= {key(name, "answer"): [] if answer is None else answer.tolist() for name in EMBEDDERS}
    return Row(f"{person}-{scene}-{step}", 0.3, 2, f"p{person}", scene, answer is None, seen)


def crowd(people: int, noise: float, missed: float = 0.0, scenes: int = 2) -> list[Row]:
    """People whose embeddings are their own direction and noise."""
    rng = generator(5, people, "crowd")
    own = rng.standard_normal((people, 64))
    rows = []
    for person in range(people):
        for scene in range(scenes):
            a, b = (own[person] + noise * rng.standard_normal(64) for _ in range(2))
            answer = None if rng.random() < missed else a / np.linalg.norm(a)
            rows.append(embedded(person, scenes * person + scene, answer, b / np.linalg.norm(b)))
    return rows


def summary(rows: list[Row]) -> dict[str, Any]:
    return TRACKS["verification"].summarise(rows)


def test_people_who_differ_are_told_apart_and_failures_cost() -> None:
    sharp, blurred, failing = (summary(crowd(40, *how)) for how in ((0.2,), (1.2,), (0.2, 0.4)))
    assert sharp["eer/sface/all"].value == 0
    assert sharp["roc_auc/dlib/all"].value == 1
    assert sharp["verification_accuracy/sface/all"].value == pytest.approx(1)
    for worse in (blurred, failing):
        for name in ("d_prime", "roc_auc", "verification_accuracy", "tar_at_far_1e-2"):
            assert worse[f"{name}/sface/all"].value < sharp[f"{name}/sface/all"].value, name
        assert worse["eer/sface/all"].value > 0
    assert failing["tar_at_far_1e-2/sface/all"].count == sharp["tar_at_far_1e-2/sface/all"].count == 80


def test_nobody_is_told_apart_where_every_answer_failed() -> None:
    told = summary(crowd(12, 0.2, missed=1.1))
    assert told["eer/sface/all"].value == told["roc_auc/sface/all"].value == 0.5
    assert told["d_prime/sface/all"].value == 0


def test_figures_do_not_hang_on_the_order_of_rows() -> None:
    rows = crowd(12, 0.9, 0.1)
    assert summary(rows) == summary(rows[::-1])


def test_the_picture_of_the_same_scene_stands_in_only_where_there_is_no_other() -> None:
    """The far pictures of the same scene would be far too alike: with them the error would be nought."""
    rng = generator(6, 0, "strangers")
    alone = [embedded(p, p, v := rng.standard_normal(64), v) for p in range(20)]
    assert summary(alone)["eer/dlib/all"].value == 0
    twice = [embedded(p // 2, p, v := rng.standard_normal(64), v) for p in range(40)]
    assert summary(twice)["eer/dlib/all"].value > 0.3


def test_steps_of_a_scene_share_one_far_picture() -> None:
    rows = [r for p in range(6) for s in (0, 1) for r in [embedded(p, p, np.eye(6)[p], np.eye(6)[p], s)]]
    assert summary(rows)["eer/sface/all"].count == 12 * 6


def test_rates_are_refused_where_impostors_are_too_few() -> None:
    told = summary(crowd(8, 0.2))["tar_at_far_1e-3/sface/all"]
    assert told.value is None
    assert told.why.startswith("refused: a false accept rate of 0.001 needs 10000 impostors, got ")


def test_thresholds_come_from_the_other_half() -> None:
    """One half is a crowd of look-alikes: its strict threshold refuses the others' own pictures, which are noisy.

    With a threshold of its own either half would accept all of its genuine pairs.
    """
    rng = generator(7, 0, "halves")
    rows, alike = [], [half_of(f"p{person}") for person in range(80)]
    for person in range(80):
        own = np.concatenate([[30.0 * alike[person]], rng.standard_normal(127)])
        for scene in range(2):
            v = own + (0.1 if alike[person] else 0.7) * rng.standard_normal(128)
            rows.append(embedded(person, 2 * person + scene, v / np.linalg.norm(v), v / np.linalg.norm(v)))
    assert 30 < sum(alike) < 50
    assert summary(rows)["tar_at_far_1e-2/sface/all"].value == pytest.approx(np.mean(alike))


@given(st.lists(st.floats(-1, 1), min_size=90, max_size=130), st.just(0.1))
def test_a_threshold_accepts_no_more_impostors_than_it_says(scores: list[float], rate: float) -> None:
    impostor = np.array(scores)
    threshold = threshold_at(impostor, rate)
    if len(impostor) < 10 / rate:
        assert threshold is None
    else:
        assert (impostor >= threshold).mean() <= rate
        # A laxer one would accept too many.
        assert (impostor >= impostor[impostor < threshold].max(initial=-2)).mean() > rate or rate * len(impostor) < 1


def compared(seed: int, people: int, ties: bool) -> Comparisons:
    rng = generator(seed, people, "compared")
    one, other = (a.ravel() for a in np.meshgrid(np.arange(people), np.arange(people)))
    score = rng.standard_normal(people**2) + 1.5 * (one == other)
    score = np.round(score) if ties else score
    score[rng.random(people**2) < 0.1] = -np.inf
    return Comparisons(score, one, other)


@given(st.integers(0, 999), st.integers(3, 9), st.booleans())
def test_weighed_pairs_give_what_repeated_pairs_do(seed: int, people: int, ties: bool) -> None:
    """Against the plain figures on pairs that are repeated as often as they were drawn."""
    pairs = compared(seed, people, ties)
    count = generator(seed, people, "draw").multinomial(people, np.full(people, 1 / people))
    same = pairs.one == pairs.other
    times = np.where(same, count[pairs.one], count[pairs.one] * count[pairs.other])
    genuine, impostor = (np.repeat(pairs.score[kind], times[kind]) for kind in (same, ~same))
    figures = weighed(ordered(pairs, -3.0), count)
    if not len(genuine) or not len(impostor):
        assert figures == {}
        return
    met = impostor[np.isfinite(impostor)]
    assert figures["eer"] == pytest.approx(equal_error_rate(genuine, impostor).value, abs=1e-12)
    assert figures["roc_auc"] == pytest.approx(area(genuine, impostor).value, abs=1e-12)
    expected = d_prime(np.maximum(genuine, -3.0), met).value if len(met) else None
    if expected is not None and expected < 1e6:
        assert figures["d_prime"] == pytest.approx(expected, rel=1e-9)


def test_intervals_are_those_of_the_plain_bootstrap() -> None:
    pairs = compared(1, 12, False)
    mine = intervals(ordered(pairs, -3.0), generator(1, 0, "twin"), 200)
    for name, figure in (("eer", equal_error_rate), ("roc_auc", area)):
        assert mine[name] == pytest.approx(bootstrap(pairs, partial(figure), generator(1, 0, "twin"), 200), abs=1e-12)
    assert intervals(ordered(compared(1, 4, False), -3.0), generator(1, 0, "twin"), 50) == {}


# Landmarks, Caltech's figure, reconstruction


def test_landmark_rates_are_of_everybody_who_could_be_measured() -> None:
    rows = [Row(f"{i}", 0.3, 2, f"p{i}", observed={NME: [e]}) for i, e in enumerate((0.02, 0.04, 0.2, 1.0))]
    told = TRACKS["landmarks"].summarise([*rows, Row("unknown", 0.3, 2, "q", observed={})])
    assert told["landmark_failures_8/all"].value == 0.5
    assert told["landmark_failures_8/all"].count == 4
    assert told["landmark_auc_8/bin2"].value == pytest.approx((0.75 + 0.5) / 4)


def ratios(person: int, near: float, made: float, far: float, distance_m: float = 0.61) -> Row:
    return Row(f"{person}", distance_m, None, f"p{person}", observed={NEAR: [near], MADE: [made], FAR: [far]})


def test_the_share_of_the_gap_is_of_means_over_people() -> None:
    rows = [ratios(i, 0.30 + 0.002 * i, 0.29 + 0.002 * i, 0.275 + 0.002 * i) for i in range(6)]
    told = TRACKS["cmdp"].summarise([*rows, ratios(9, 0.9, 0.1, 0.5, distance_m=2.44)])
    assert set(told) == {"width_gap_closed/2ft"}
    share = told["width_gap_closed/2ft"]
    assert (share.value, share.low, share.high) == pytest.approx((0.4, 0.4, 0.4))
    assert share.count == 6


def test_a_gap_that_chance_could_have_made_gives_no_share() -> None:
    told = TRACKS["cmdp"].summarise([ratios(i, 0.28 + 0.01 * (-1) ** i, 0.28, 0.28) for i in range(8)])
    assert told["width_gap_closed/2ft"].value is None
    assert "refused: the gap lies between -0.0" in told["width_gap_closed/2ft"].why


def test_caltech_distances_are_known_as_feet() -> None:
    assert [feet_of(m) for m in (0.61, 0.9144, 1.22, 1.6, None)] == [2, 3, 4, None, None]
    assert PUBLISHED["Depth Anything V2"][4] == 0.78


@pytest.fixture(scope="module")
def own_points(cases: list[Case]) -> np.ndarray:
    """Every 60th corner of the true face, in a frame of its own."""
    true = true_face(cases[0])
    points = true.vertices[np.unique(true.faces)][::60]
    Q = np.linalg.qr(generator(8, 0, "frame").standard_normal((3, 3)))[0]
    Q[:, 0] *= np.sign(np.linalg.det(Q))
    return 37.0 * points @ Q.T + (5.0, -3.0, 11.0)


def test_the_true_face_in_any_frame_is_found_again(cases: list[Case], own_points: np.ndarray) -> None:
    found = TRACKS["reconstruction"].measure(cases[0], Answer(points_m=own_points))
    assert found[FIGURE].value < 0.5


def test_points_that_are_no_face_are_worst(cases: list[Case], own_points: np.ndarray) -> None:
    true = true_face(cases[0])
    assert _own(np.zeros((50, 3)), true).value == WORST_MM
    assert _own(own_points[0] + 1e-3 * generator(9, 0, "dot").standard_normal((200, 3)), true).value > 5
    nose_only = own_points[np.linalg.norm(own_points - own_points[0], axis=1) < 0.4]
    assert len(nose_only) > 4
    assert _own(nose_only, true).value == WORST_MM


def test_the_true_face_is_the_one_that_was_rendered(cases: list[Case]) -> None:
    true = true_face(cases[0])
    assert np.allclose(true.landmarks, np.array(cases[0].truth.meta["landmarks"]["points_m"])[:68], atol=1e-9)
    assert true_face(cases[1]) is true
    meta = cases[0].truth.meta
    other = {**meta, "pose": {**meta["pose"], "yaw": meta["pose"]["yaw"] + 0.1}}
    with pytest.raises(TrueFaceError, match="expected the head that its pictures were made from, got another"):
        true_face(Case(cases[0].question, replace(cases[0].truth, meta=other)))


@pytest.mark.usefixtures("faces")
@pytest.mark.parametrize("name", ["verification", "landmarks", "reconstruction"])
def test_faces_of_perfect_answers_nothing_done_and_failures(name: str, cases: list[Case]) -> None:
    """At 22 cm: the near picture is worse than the far one, a black one or none at all worst.

    One mesh may be nearer the truth by luck, as the depth of the network is told for no distance at all.
    """
    track, case = TRACKS[name], cases[0]
    black = Answer(rgb=np.zeros_like(case.question.near_rgb))
    best, plain, lost = (values(track.measure(case, answer)) for answer in (perfect(case), none(case), black))
    failed = values(track.failed(case))
    assert set(best) == set(failed) <= set(track.metrics)
    for metric in best:
        sign = 1 if METRICS[metric.partition("/")[0]].higher_is_better else -1
        assert sign * plain[metric] > sign * failed[metric] == sign * lost[metric], metric
        assert sign * best[metric] > sign * plain[metric] - 0.5 * (name == "reconstruction"), metric
    assert row(case, track, black).observed == row(case, track, None).observed


@pytest.mark.usefixtures("faces")
def test_perfect_answers_look_like_themselves(cases: list[Case]) -> None:
    assert values(TRACKS["landmarks"].measure(cases[0], perfect(cases[0])))["nme/all"] == 0
    same = values(TRACKS["verification"].measure(cases[0], perfect(cases[0])))
    assert same["self_similarity/sface"] == pytest.approx(1, abs=1e-6)


@pytest.mark.usefixtures("faces")
def test_what_is_unknown_of_the_far_picture_is_left_out_for_everybody(cases: list[Case]) -> None:
    nobody = Case(cases[0].question, replace(cases[0].truth, far_rgb=np.zeros_like(cases[0].truth.far_rgb)))
    for answer in (none(nobody), None):
        measured = TRACKS["landmarks"].failed(nobody) if answer is None else TRACKS["landmarks"].measure(nobody, answer)
        assert {m.weight for m in measured.values()} == {0.0}
        assert TRACKS["landmarks"].observe(nobody, answer) == {}


@pytest.mark.usefixtures("faces")
def test_ratios_are_observed_at_caltech_distances_alone(cases: list[Case]) -> None:
    case = cases[1]
    far_off = replace(case.question, far_m=4.88)
    at_two_feet = Case(far_off, replace(case.truth, distance_m=0.61))
    assert TRACKS["cmdp"].observe(case, none(case)) == {}
    seen = TRACKS["cmdp"].observe(at_two_feet, none(case))
    assert seen[NEAR] == seen[MADE] != seen[FAR]
    failed = TRACKS["cmdp"].observe(at_two_feet, None)
    assert failed[MADE][0] - failed[NEAR][0] == pytest.approx(failed[NEAR][0] - failed[FAR][0])


@pytest.mark.usefixtures("faces")
def test_equal_pictures_are_looked_at_once(cases: list[Case]) -> None:
    rgb = cases[0].truth.far_rgb
    assert mesh_of(rgb) is mesh_of(rgb.copy())
    assert mesh_of(np.zeros_like(rgb)) is None
