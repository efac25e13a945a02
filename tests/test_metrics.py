"""Metrics against slow twins and independent implementations; what is empty carries no weight, what failed is said."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import flow_case, head_case, picture_case, rng_for, score_case

from benchmark.metrics import (
    METRICS,
    Measured,
    MetricError,
    PredictionError,
    bootstrap_mean,
    camera,
    flow,
    identity,
    image,
    landmarks,
    surface,
    weighted_mean,
)
from benchmark.metrics.measured import nothing

# The table.


def test_every_metric_is_named_once_and_asks_for_what_it_takes():
    families = (flow, image, landmarks, camera, identity, surface)
    assert len(METRICS) == sum(len(family.METRICS) for family in families), "a name twice"
    for name, metric in METRICS.items():
        assert name == metric.name
        parameters = inspect.signature(metric.compute).parameters.values()
        assert tuple(p.name for p in parameters if p.default is p.empty) == metric.needs, name
        assert inspect.getdoc(getattr(metric.compute, "func", metric.compute)), name


def good_and_bad():
    """Arguments of every metric for a better and a worse answer."""
    made, true, mask = flow_case()
    flows = [(true + share * (made - true), true, mask) for share in (0.1, 3.0)]
    made, picture, _ = picture_case(shape=(64, 64))
    pictures = [(picture + share * (made - picture), picture) for share in (0.1, 1.0)]
    points = rng_for("points").normal(size=(68, 2)) * 100
    noise = rng_for("noise").normal(size=(68, 2))
    vertices, faces = head_case()
    bumps = rng_for("bumps").normal(size=vertices.shape) * 1e-3
    heads = [vertices + share * bumps for share in (0.1, 5.0)]
    metres = np.array([0.2, 0.4, 0.8, 1.6])
    told = [metres * 1.1, metres[[1, 0, 3, 2]] * 2]
    genuine, impostor = score_case(genuine=300, impostor=200_000)
    scores = [(genuine + 3, impostor), (genuine, impostor)]
    own = rng_for("own").normal(size=(5, 8))
    cases = dict.fromkeys((m.name for m in flow.METRICS), flows)
    cases |= dict.fromkeys((m.name for m in image.METRICS), pictures)
    cases |= {"nme": [(points + noise, points), (points + 5 * noise, points)]}
    faces_found = [(np.full(3, 0.01),), (np.full(3, 0.1),)]
    cases |= dict.fromkeys(("landmark_failures_8", "landmark_auc_8"), faces_found)
    cameras = [(t, metres) for t in told]
    cases |= dict.fromkeys((m.name for m in camera.METRICS), cameras)
    cases |= dict.fromkeys((m.name for m in identity.METRICS), scores)
    cases |= {"verification_accuracy": [(*case, 3.0) for case in scores]}
    cases |= {"self_similarity": [(own + 0.1, own), (own + 3.0, own)]}
    cases |= {"surface_distance_mm": [(head, vertices, faces) for head in heads]}
    own_points = [(head, vertices) for head in heads]
    cases |= dict.fromkeys(("point_distance_mm", "point_distance_sized_mm"), own_points)
    return cases


@pytest.mark.parametrize("name", METRICS)
def test_the_direction_is_as_declared(name):
    better, worse = (METRICS[name].compute(*case) for case in good_and_bad()[name])
    if METRICS[name].asset and better.value is None:
        pytest.skip(better.why)
    assert (better.weight, worse.weight) == (1, 1)
    assert better.count > 0
    assert (better.value > worse.value) == METRICS[name].higher_is_better
    assert better.value != worse.value


NOT_NUMBERS = {
    "predicted_flow": np.full((9, 7, 2), np.nan),
    "predicted_picture": np.full((40, 36, 3), np.inf),
    "predicted_points": np.full((68, 2), np.nan),
    "errors": np.array([0.1, np.nan]),
    "predicted_m": np.array([np.nan, 1.0]),
    "predicted_px": np.array([np.inf, 1.0]),
    "genuine": np.array([np.nan, 1.0]),
    "embeddings": np.full((5, 8), np.nan),
}
TRUE = {
    "true_flow": np.zeros((9, 7, 2)),
    "mask": np.ones((9, 7), bool),
    "true_picture": np.zeros((40, 36, 3)),
    "true_points": np.arange(136.0).reshape(68, 2),
    "true_points_m": np.arange(136.0).reshape(68, 2)[:, [0, 1, 1]],
    "vertices_m": np.eye(3),
    "faces": np.array([[0, 1, 2]]),
    "true_m": np.ones(2),
    "true_px": np.ones(2),
    "impostor": np.zeros(100_000),
    "threshold": 0.5,
    "own_embeddings": np.ones((5, 8)),
}


@pytest.mark.parametrize("name", METRICS)
def test_a_prediction_that_is_not_finite_is_a_failure_and_says_so(name):
    given_ = {need: NOT_NUMBERS.get(need, TRUE.get(need)) for need in METRICS[name].needs}
    if METRICS[name] in surface.METRICS:
        given_["predicted_points"] = np.full((68, 3), np.nan)
    with pytest.raises(PredictionError, match=r"expected .*got") as caught:
        METRICS[name].compute(**given_)
    assert isinstance(caught.value, ValueError)


# Averages.


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 50)), max_size=30), st.randoms(use_true_random=False))
def test_an_average_knows_no_order_and_no_emptiness(pairs, random):
    measured = [Measured(value, count=count) if count else nothing("empty") for value, count in pairs]
    there = [(value, count) for value, count in pairs if count]
    shuffled = random.sample(measured, len(measured))
    for by_count in (False, True):
        mean = weighted_mean(measured, by_count)
        assert mean == weighted_mean(shuffled, by_count)
        if not there:
            assert (mean.value, mean.weight) == (None, 0)
            continue
        weights = [count if by_count else 1 for _, count in there]
        twin = sum(w * value for w, (value, _) in zip(weights, there, strict=True)) / sum(weights)
        assert math.isclose(mean.value, twin, rel_tol=1e-9, abs_tol=1e-6)
        assert mean.count == sum(count for _, count in there)


def test_equal_pictures_make_an_infinite_mean():
    assert weighted_mean([Measured(float("inf")), Measured(30.0), nothing("")]).value == float("inf")


def test_the_bootstrap_draws_people_and_not_samples():
    rng = rng_for("bootstrap")
    people = np.repeat(np.arange(40), 25)
    own = rng.normal(size=40)
    measured = [Measured(float(own[person])) for person in people]  # All samples of a person are the same.
    low, high = bootstrap_mean(measured, people.tolist(), rng_for("a"))
    expected = 2 * 1.96 * own.std() / np.sqrt(40)
    assert low < own.mean() < high
    assert 0.8 < (high - low) / expected < 1.2, "a thousand samples are no more than forty people"
    order = rng.permutation(len(people))
    again = bootstrap_mean([measured[i] for i in order], people[order].tolist(), rng_for("a"))
    assert again == (low, high)
    with_empty = bootstrap_mean([*measured, nothing("")], [*people.tolist(), 7], rng_for("a"))
    assert with_empty == (low, high)
    assert bootstrap_mean(measured[:25], people[:25].tolist(), rng_for("a")) is None
    with pytest.raises(MetricError, match="expected 1000 people, got 1"):
        bootstrap_mean(measured, [0], rng_for("a"))


# Flow.


def twin_of_flows(predicted, true, mask):
    """(errors, lengths) pixel by pixel."""
    found = []
    for r, c in zip(*np.nonzero(mask), strict=True):
        (px, py), (tx, ty) = predicted[r, c], true[r, c]
        found.append((math.sqrt((px - tx) ** 2 + (py - ty) ** 2), math.sqrt(tx**2 + ty**2)))
    return found


@pytest.mark.parametrize("index", range(5))
def test_flow_errors_against_their_twin(index):
    case = flow_case(index)
    pairs = twin_of_flows(*case)
    n = len(pairs)
    assert math.isclose(flow.endpoint_error(*case).value, sum(e for e, _ in pairs) / n)
    for bound in (1, 3, 5):
        assert METRICS[f"outliers_{bound}px"].compute(*case).value == sum(e > bound for e, _ in pairs) / n
    assert flow.kitti_fl(*case).value == sum(e > 3 and e / length > 0.05 for e, length in pairs) / n
    assert flow.endpoint_error(*case).count == n


def test_kitti_asks_for_both_bounds():
    true = np.array([[[100.0, 0.0], [100.0, 0.0], [10.0, 0.0], [0.0, 0.0]]])
    predicted = true + np.array([[[4.0, 0.0], [6.0, 0.0], [2.0, 0.0], [0.0, 3.5]]])
    assert flow.kitti_fl(predicted, true, np.ones((1, 4), bool)).value == 0.5


def test_only_the_mask_counts():
    predicted, true, mask = flow_case()
    before = flow.endpoint_error(predicted, true, mask)
    predicted[~mask], true[~mask] = np.nan, np.inf
    assert flow.endpoint_error(predicted, true, mask) == before
    empty = flow.endpoint_error(predicted, true, np.zeros_like(mask))
    assert (empty.value, empty.weight, empty.why) == (None, 0, "the mask is empty")
    true[mask] = np.nan
    with pytest.raises(MetricError, match="expected a finite truth") as caught:
        flow.endpoint_error(predicted, true, mask)
    assert not isinstance(caught.value, PredictionError), "the data are at fault, not the method"


def test_other_shapes_and_masks_are_refused():
    predicted, true, mask = flow_case()
    with pytest.raises(MetricError, match=r"expected a flow \(H, W, 2\) like the truth, got \(9, 6, 2\)"):
        flow.endpoint_error(predicted[:, :6], true, mask)
    with pytest.raises(MetricError, match=r"mask: expected \(9, 7\) bool, got \(9, 7\) float64"):
        flow.endpoint_error(predicted, true, mask.astype(float))


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("name", ["epe_px", "fl_kitti"])
def test_no_batch_and_no_order_changes_a_bit(name, batch):
    cases = [flow_case(i) for i in range(5)]
    cases[3][2][:] = False
    whole = weighted_mean([METRICS[name].compute(*case) for case in cases])
    order = rng_for("order").permutation(5)
    batches = [order[i : i + batch] for i in range(0, 5, batch)]
    parts = [METRICS[name].compute(*cases[i]) for chosen in batches for i in chosen]
    assert weighted_mean(parts) == whole
    assert whole.count == sum(int(case[2].sum()) for case in cases)


# Pictures.


@pytest.mark.parametrize("index", range(3))
def test_psnr_and_ssim_against_scikit_image(index):
    measures = pytest.importorskip("skimage.metrics")
    predicted, true, _ = picture_case(index)
    theirs = measures.peak_signal_noise_ratio(true, predicted, data_range=1)
    assert math.isclose(image.psnr(predicted, true).value, theirs, rel_tol=1e-9)
    settings_ = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    mean, full = measures.structural_similarity(true, predicted, channel_axis=2, full=True, **settings_)
    assert math.isclose(image.ssim(predicted, true).value, mean, rel_tol=1e-9)
    np.testing.assert_allclose(image.ssim_map(predicted, true), full, atol=1e-9)


def test_masked_psnr_and_ssim_are_means_over_the_mask():
    predicted, true, mask = picture_case()
    inner = mask.copy()
    inner[:5], inner[-5:], inner[:, :5], inner[:, -5:] = False, False, False, False
    values = [(predicted[r, c] - true[r, c]) ** 2 for r, c in zip(*np.nonzero(mask), strict=True)]
    assert math.isclose(image.psnr(predicted, true, mask).value, 10 * math.log10(1 / np.mean(values)), rel_tol=1e-9)
    similar = image.ssim_map(predicted, true)
    pixels = [similar[r, c].mean() for r, c in zip(*np.nonzero(inner), strict=True)]
    assert math.isclose(image.ssim(predicted, true, mask).value, np.mean(pixels), rel_tol=1e-9)
    assert image.ssim(predicted, true, np.ones_like(mask)) == image.ssim(predicted, true)


def test_pictures_without_anything_to_compare_have_no_value():
    predicted, true, mask = picture_case()
    rim = np.zeros_like(mask)
    rim[:3] = True
    assert image.ssim(predicted, true, rim).weight == 0
    for name in ("psnr_db", "ssim", "lpips_alex", "dists"):
        empty = METRICS[name].compute(predicted, true, mask=np.zeros_like(mask))
        assert (empty.value, empty.weight) == (None, 0), name
    assert image.psnr(true, true).value == float("inf")
    assert image.ssim(true, true).value == 1


def test_only_the_masks_pixels_must_be_finite():
    predicted, true, mask = picture_case()
    before = image.psnr(predicted, true, mask)
    predicted[~mask] = np.nan
    assert image.psnr(predicted, true, mask) == before
    assert image.ssim(predicted, true, mask).value is not None
    with pytest.raises(PredictionError, match="predicted picture: expected finite numbers"):
        image.psnr(predicted, true)


def test_bytes_are_no_floats():
    _, true, _ = picture_case()
    with pytest.raises(PredictionError, match=r"prediction: expected sRGB in \[0, 1\], got \[0, 255\]"):
        image.psnr(np.where(true > 0.5, 255, 0).astype(np.uint8), true)
    with pytest.raises(MetricError, match="truth: expected sRGB"):
        image.psnr(true, true * 255)


@pytest.mark.parametrize("measure", ["alex", "dists"])
def test_perceptual_measures_are_those_of_training(measure):
    torch = pytest.importorskip("torch")
    predicted, true, mask = picture_case(shape=(64, 48))
    found = image.perceptual(predicted, true, mask, measure=measure)
    if found.value is None:
        pytest.skip(found.why)
    from training.perceptual import Dists, Lpips

    whole = predicted if measure == "alex" else np.where(mask[..., None], predicted, true)
    a, b = (torch.from_numpy(x.transpose(2, 0, 1)[None].astype(np.float32)) for x in (whole, true))
    masks = (torch.from_numpy(mask)[None, None],) if measure == "alex" else ()
    module = Lpips("alex") if measure == "alex" else Dists()
    assert math.isclose(found.value, module(a, b, *masks).item(), rel_tol=1e-5)
    assert image.perceptual(true, true, measure=measure).value < 1e-6
    with pytest.raises(MetricError, match="with sides of at least"):
        image.perceptual(predicted[:8], true[:8], measure=measure)


def test_without_weights_nothing_is_measured_and_the_reason_given(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    from training import perceptual

    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    perceptual.read_weights.cache_clear()
    image._module.cache_clear()
    predicted, true, _ = picture_case()
    for name in ("lpips_alex", "lpips_vgg", "dists"):
        found = METRICS[name].compute(predicted, true)
        assert (found.value, found.weight) == (None, 0)
        assert "not measured: network" in found.why
        assert "datagen assets fetch perceptual-models" in found.why


# Landmarks.


def test_landmark_errors_are_shares_of_the_outer_eyes():
    true = rng_for("landmarks").normal(size=(68, 2)) * 100
    true[36], true[45] = (0, 0), (30, 40)
    predicted = true + np.array([3, 4])
    assert math.isclose(landmarks.nme(predicted, true).value, 5 / 50)
    visible = np.zeros(68, bool)
    assert landmarks.nme(predicted, true, visible).weight == 0
    visible[:10] = True
    predicted[:5] = true[:5]
    predicted[20] = np.nan
    found = landmarks.nme(predicted, true, visible)
    assert math.isclose(found.value, 0.05)
    assert found.count == 10
    with pytest.raises(PredictionError, match="predicted points"):
        landmarks.nme(predicted, true)
    true[36] = true[45]
    with pytest.raises(MetricError, match="expected two places, got one twice"):
        landmarks.nme(predicted, true, visible)


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=40))
@settings(max_examples=30)
def test_the_area_of_cumulative_errors_against_a_fine_sum(errors):
    values = np.array(errors)
    grid = (np.arange(8000) + 0.5) / 8000 * 0.08
    curve = np.mean(values[:, None] <= grid[None], axis=0)
    assert abs(landmarks.cumulative_area(values).value - curve.mean()) < 1 / 8000
    assert landmarks.failure_rate(values).value == sum(e > 0.08 for e in errors) / len(errors)


def test_a_face_that_was_not_found_is_a_failure():
    errors = np.array([0.02, np.inf])
    assert landmarks.failure_rate(errors).value == 0.5
    assert math.isclose(landmarks.cumulative_area(errors).value, 0.375)
    assert landmarks.failure_rate(np.zeros(0)).weight == 0


# Cameras.


@given(st.lists(st.tuples(st.sampled_from([0.2, 0.3, 0.5, 1.0]), st.floats(0.1, 3)), min_size=2, max_size=12))
@settings(max_examples=50)
def test_the_order_of_distances_against_all_pairs(pairs):
    predicted, true = np.array([p for _, p in pairs]), np.array([t for t, _ in pairs])
    right = [
        0.5 if predicted[i] == predicted[j] else float((predicted[i] < predicted[j]) == (true[i] < true[j]))
        for i in range(len(true))
        for j in range(i)
        if true[i] != true[j]
    ]
    found = camera.ordering_accuracy(predicted, true)
    assert found.count == len(right)
    assert found.value == (float(np.mean(right)) if right else None)


def test_the_order_of_distances_is_kendalls():
    kendall = pytest.importorskip("scipy.stats").kendalltau
    true, noise = rng_for("true").uniform(0.2, 2, 60), rng_for("noise").normal(size=60)
    predicted = np.exp(np.log(true) + 0.5 * noise)
    tau = float(kendall(true, predicted).statistic)
    assert math.isclose(camera.ordering_accuracy(predicted, true).value, (1 + tau) / 2)


def test_errors_of_distance_and_focal_length():
    told, true = np.array([0.5, 0.5, 4.0]), np.array([0.25, 1.0, 4.0])
    assert math.isclose(camera.distance_log2_error(told, true).value, 2 / 3)
    assert math.isclose(camera.relative_focal_error(told, true).value, (1 + 0.5) / 3)
    assert camera.distance_log2_error(told[:0], true[:0]).weight == 0
    with pytest.raises(PredictionError, match="predictions: expected numbers above 0, got -1 at least"):
        camera.distance_log2_error(np.array([-1.0]), np.array([1.0]))
    with pytest.raises(MetricError, match="truths: expected numbers above 0"):
        camera.distance_log2_error(np.array([1.0]), np.array([0.0]))
