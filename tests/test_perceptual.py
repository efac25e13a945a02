"""LPIPS, DISTS and the loss on VGG16: relations that hold for any weights, twins in numpy, and the fetched networks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from datagen.randomness import generator  # noqa: E402
from meshes.assets import AssetMissingError  # noqa: E402
from training import perceptual  # noqa: E402
from training.perceptual import LAYOUTS, Dists, Features, Lpips, PerceptualError, VggFeatures  # noqa: E402

CHANNELS = {"alex": (4, 6, 8, 6, 4), "vgg": (4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 8, 8)}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stand_in(net):
    """Weights of the files' form, of few channels, drawn so that signals neither die nor grow."""
    rng, layout = generator(0, 0, f"stand-in {net}"), LAYOUTS[net]
    sides = (11, 5, 3, 3, 3) if net == "alex" else (3,) * 13
    widths = (3, *CHANNELS[net])
    tree = {layout.key: {}}
    for i, side in enumerate(sides):
        shape = (side, side, widths[i], widths[i + 1])
        kernel = rng.normal(size=shape) * np.sqrt(2 / (side * side * widths[i]))
        tree[layout.key][f"Conv_{i}"] = {
            "kernel": kernel.astype(np.float32),
            "bias": rng.normal(size=widths[i + 1]).astype(np.float32) * np.float32(0.1),
        }
    for i, tap in enumerate(layout.taps):
        head = rng.uniform(0.1, 1.0, (1, 1, widths[tap + 1], 1)).astype(np.float32)
        tree[f"NetLinLayer_{i}"] = {"Conv_0": {"kernel": head}}
    return tree


def pictures(count, side=48, purpose="pictures"):
    """Smooth random pictures (N, 3, side, side)."""
    coarse = torch.from_numpy(generator(1, 0, purpose).uniform(size=(count, 3, 6, 6)).astype(np.float32))
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)


def mixed(weights):
    """alpha and beta for a thin VGG16."""
    channels = 3 + sum(CHANNELS["vgg"][tap] for tap in LAYOUTS["vgg"].taps)
    rng = generator(2, 0, "mix")
    return tuple(torch.from_numpy(rng.uniform(0.1, 1, channels).astype(np.float32)) for _ in range(2))


def measures(fetched):
    """Every measure by name, with the fetched weights or with stand-ins."""
    alex, vgg = (None, None) if fetched else (stand_in("alex"), stand_in("vgg"))
    return {
        "lpips alex": Lpips("alex", alex),
        "lpips vgg": Lpips("vgg", vgg),
        "dists": Dists(weights=vgg, mix=None if fetched else mixed(vgg)),
        "vgg": VggFeatures(vgg).distance,
    }


@pytest.fixture(scope="module", params=["stand-ins", "fetched"])
def every(request):
    try:
        return measures(request.param == "fetched")
    except AssetMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def fetched():
    try:
        return measures(True)
    except AssetMissingError as error:
        pytest.skip(str(error))


def test_equal_pictures_are_at_zero_and_others_are_not(every):
    a, b = pictures(2), pictures(2, purpose="others")
    for name, measure in every.items():
        assert measure(a, a).abs().max() < 1e-6, name
        assert (measure(a, b) > 1e-3).all(), name


def test_the_order_of_the_two_does_not_matter(every):
    a, b = pictures(2), pictures(2, purpose="others")
    for name, measure in every.items():
        torch.testing.assert_close(measure(a, b), measure(b, a), rtol=1e-4, atol=1e-6, msg=name)


def test_the_batch_does_not_matter(every):
    a, b = pictures(3), pictures(3, purpose="others")
    for name, measure in every.items():
        alone = torch.cat([measure(a[i : i + 1], b[i : i + 1]) for i in (2, 0, 1)])
        torch.testing.assert_close(measure(a, b)[[2, 0, 1]], alone, rtol=1e-4, atol=1e-6, msg=name)


def test_slopes_reach_the_pictures_and_not_the_weights(every):
    a = pictures(1).requires_grad_()
    for name, measure in every.items():
        if isinstance(measure, torch.nn.Module):
            assert not list(measure.parameters()), name
        (slope,) = torch.autograd.grad(measure(a, pictures(1, purpose="others")).sum(), a)
        assert torch.isfinite(slope).all(), name
        assert slope.abs().max() > 0, name


def test_black_pictures_have_finite_slopes(every):
    a = torch.zeros(1, 3, 48, 48, requires_grad=True)
    for name, measure in every.items():
        (slope,) = torch.autograd.grad(measure(a, pictures(1)).sum(), a)
        assert torch.isfinite(slope).all(), name


def test_more_noise_and_more_blur_are_farther(fetched):
    a = pictures(1, 96) + 0.2 * pictures(1, 96, "grain").round()
    noise = torch.from_numpy(generator(3, 0, "noise").normal(size=a.shape).astype(np.float32))
    blurred = [torch.nn.functional.avg_pool2d(a, n, 1, n // 2, count_include_pad=False) for n in (3, 7, 15, 31)]
    for name, measure in fetched.items():
        for series in ([a + s * noise for s in (0.02, 0.05, 0.1, 0.2)], blurred):
            values = [measure(a, x.clamp(0, 2)).item() for x in series]
            assert values == sorted(values), (name, values)
            assert values[-1] > 2 * values[0] > 0, (name, values)


def test_the_fetched_heads_are_as_trained(fetched):
    for net, channels in (("alex", (64, 192, 384, 256, 256)), ("vgg", (64, 128, 256, 512, 512))):
        heads = fetched[f"lpips {net}"].heads
        assert tuple(len(head) for head in heads) == channels
        assert all((head >= 0).all() and head.max() > 0 for head in heads), "the heads were trained under this bound"
    dists = fetched["dists"]
    assert len(dists.alpha) == len(dists.beta) == 3 + 64 + 128 + 256 + 512 + 512
    assert abs((dists.alpha.sum() + dists.beta.sum()).item() - 1) < 1e-5


def twin_lpips(taps_a, taps_b, heads):
    """The distance pixel by pixel."""
    total = 0.0
    for a, b, head in zip(taps_a, taps_b, heads, strict=True):
        values = []
        for r in range(a.shape[1]):
            for c in range(a.shape[2]):
                one, two = (t[:, r, c] / (np.sqrt((t[:, r, c] ** 2).sum()) + 1e-10) for t in (a, b))
                values.append(float((head * (one - two) ** 2).sum()))
        total += np.mean(values)
    return total


def test_lpips_against_its_twin():
    rng = generator(4, 0, "taps")
    shapes = ((5, 4, 6), (3, 2, 3))
    taps_a, taps_b = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    heads = [rng.uniform(size=shape[0]) for shape in shapes]
    taps = [[torch.from_numpy(tap)[None] for tap in side] for side in (taps_a, taps_b)]
    fast = perceptual.lpips_distance(*taps, [torch.from_numpy(head) for head in heads]).item()
    assert np.isclose(fast, twin_lpips(taps_a, taps_b, heads), rtol=1e-9)


def test_a_masked_lpips_is_the_mean_over_the_mask():
    rng = generator(5, 0, "taps")
    a, b = (torch.from_numpy(rng.normal(size=(2, 3, 4, 6))) for _ in range(2))
    head = torch.ones(3, dtype=torch.float64)
    mask = torch.zeros(2, 1, 8, 12)
    mask[0, 0, 2:4, 4:8] = 1  # Two cells of 2 x 2 pixels,
    mask[0, 0, 6, 10] = 1  # and a quarter of a third.
    masked = perceptual.lpips_distance([a], [b], [head], mask)
    cells = [twin_lpips([a[0, :, r : r + 1, c : c + 1].numpy()], [b[0, :, r : r + 1, c : c + 1].numpy()], [np.ones(3)])
             for r, c in ((1, 2), (1, 3), (3, 5))]  # fmt: skip
    assert np.isclose(masked[0].item(), (cells[0] + cells[1] + cells[2] / 4) / 2.25)
    assert torch.isnan(masked[1]), "nothing was compared"
    everything = perceptual.lpips_distance([a], [b], [head], torch.ones(2, 1, 8, 12))
    torch.testing.assert_close(everything, perceptual.lpips_distance([a], [b], [head]))


def test_an_empty_mask_spoils_no_other_slope(every):
    a = pictures(2).requires_grad_()
    mask = torch.zeros(2, 1, 48, 48, dtype=torch.bool)
    mask[0, 0, 8:40, 8:40] = True
    for name in ("lpips alex", "lpips vgg", "vgg"):
        values = every[name](a, pictures(2, purpose="others"), mask)
        assert torch.isfinite(values[0]), name
        assert torch.isnan(values[1]), name
        (slope,) = torch.autograd.grad(values[0], a)
        assert torch.isfinite(slope).all(), name


def test_dists_against_its_twin():
    rng = generator(6, 0, "taps")
    shapes = ((3, 4, 5), (4, 2, 3))
    a, b = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    alpha, beta = rng.uniform(size=7), rng.uniform(size=7)
    score, k = 1.0, 0
    for x, y in zip(a, b, strict=True):
        for p, q in zip(x, y, strict=True):
            p, q = p.ravel(), q.ravel()
            score -= alpha[k] * (2 * p.mean() * q.mean() + 1e-6) / (p.mean() ** 2 + q.mean() ** 2 + 1e-6)
            both = np.cov(p, q, bias=True)
            score -= beta[k] * (2 * both[0, 1] + 1e-6) / (both[0, 0] + both[1, 1] + 1e-6)
            k += 1
    taps = [[torch.from_numpy(tap)[None] for tap in side] for side in (a, b)]
    assert np.isclose(perceptual.dists_distance(*taps, *map(torch.from_numpy, (alpha, beta))).item(), score, rtol=1e-9)


def test_dists_looks_at_a_shorter_side_of_256():
    weights, mix = stand_in("vgg"), mixed(None)
    wide, other = pictures(1, 320)[..., :300, :], pictures(1, 320, "others")[..., :300, :]
    official, plain = Dists(weights=weights, mix=mix), Dists(None, weights, mix)
    small = [
        torch.nn.functional.interpolate(x, size=(256, 273), mode="bilinear", antialias=True) for x in (wide, other)
    ]
    torch.testing.assert_close(official(wide, other), plain(*small))
    assert official(wide, other) != plain(wide, other)


def test_smooth_halving_is_a_weighted_root_mean_square():
    x = torch.from_numpy(generator(7, 0, "x").normal(size=(1, 2, 6, 7)))
    halved = perceptual.smooth_half(x)
    assert halved.shape == (1, 2, 3, 4)
    window = np.outer(np.hanning(5)[1:-1], np.hanning(5)[1:-1])
    inner = (x[0, 1, 1:4, 3:6].numpy() ** 2 * window / window.sum()).sum()
    assert np.isclose(halved[0, 1, 1, 2].item(), np.sqrt(inner + 1e-12))


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_the_first_convolution_against_loops_and_taps_halve(net):
    tree, layout = stand_in(net), LAYOUTS[net]
    x = pictures(1, 64) - 0.5
    taps = Features(net, tree)(x)
    if net == "alex":
        layer = tree[layout.key]["Conv_0"]
        padded = np.pad(x[0].numpy(), ((0, 0), (2, 2), (2, 2)))
        patch = padded[:, 8:19, 12:23]  # Row 2, column 3 with stride 4.
        value = np.einsum("chw,hwco->o", patch, layer["kernel"]) + layer["bias"]
        np.testing.assert_allclose(taps[0][0, :, 2, 3].numpy(), np.maximum(value, 0), atol=1e-4)
    assert [tap.shape[-1] for tap in taps] == ([15, 7, 3, 3, 3] if net == "alex" else [64, 32, 16, 8, 4])
    smallest = Features(net, tree)(x[..., : layout.least_px, : layout.least_px])
    assert smallest[-1].shape[-1] == 1


@pytest.mark.parametrize(
    ("a", "b", "mask", "said"),
    [
        (
            (1, 3, 48, 48),
            (1, 3, 48, 47),
            None,
            r"two of one shape .* got \(1, 3, 48, 48\) and \(1, 3, 48, 47\)",
        ),
        ((1, 4, 48, 48), (1, 4, 48, 48), None, "expected two of one shape"),
        ((1, 3, 30, 48), (1, 3, 30, 48), None, "sides of at least 31 px"),
        ((2, 3, 48, 48), (2, 3, 48, 48), (2, 48, 48), r"mask: expected \(2, 1, 48, 48\), got \(2, 48, 48\)"),
    ],
)
def test_other_shapes_are_refused(a, b, mask, said):
    with pytest.raises(PerceptualError, match=said):
        Lpips("alex", stand_in("alex"))(torch.zeros(a), torch.zeros(b), None if mask is None else torch.ones(mask))


def test_missing_weights_name_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("DATAGEN_ASSETS", str(tmp_path))
    monkeypatch.setenv("DATAGEN_CACHE", str(tmp_path))
    perceptual.read_weights.cache_clear()
    for make in (Lpips, Dists, VggFeatures, perceptual.read_mix):
        with pytest.raises(AssetMissingError, match="run `datagen assets fetch perceptual-models`"):
            make()


def test_a_weight_file_that_would_run_something_is_refused(monkeypatch, tmp_path):
    hostile = tmp_path / "alexnet.ckpt"
    hostile.write_bytes(b"cos\nsystem\n(S'echo ran'\ntR.")
    monkeypatch.setattr(perceptual, "face_model", lambda name: hostile)
    perceptual.read_weights.cache_clear()
    with pytest.raises(PerceptualError, match=r"expected arrays alone, got the name os\.system"):
        Lpips("alex")
