"""Learning: pictures move where flows say, labels follow augmentation, runs resume to the same bits."""

import dataclasses
import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("tensorboard")

from fake import fake_run, fake_sample  # noqa: E402

import datagen  # noqa: E402
import training  # noqa: E402
from datagen.engine import generate  # noqa: E402
from datagen.generate import generate_pairs, run_of  # noqa: E402
from datagen.recipe import Recipe  # noqa: E402
from meshes.parts import Part  # noqa: E402
from training import checkpoint, losses  # noqa: E402
from training.augment import augment, compress, move, similarity  # noqa: E402
from training.cli import main  # noqa: E402
from training.data import LAYERS, Shuffled, TrainingError, keyed, ordered, portrait, stream, tensors  # noqa: E402
from training.data import open as open_set  # noqa: E402
from training.evaluate import open_trained  # noqa: E402
from training.networks import DistanceNet, DistanceQueryNet, FlowNet  # noqa: E402
from training.scores import BIN_EDGES_M, Binned, bin_of, score_flows  # noqa: E402
from training.stages import STAGES, fetch, sure  # noqa: E402
from training.train import LAST, Config, begin_with, train  # noqa: E402
from training.warp import centres, inverse_flow, look_up, nearest_wins, resize_flow, splat, without_rim  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The promise of equal bits is for one machine; one thread makes it hold for any load as well."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("learn") / "set"
    generate(fake_run(pairs=12, shard_pairs=4, size=32), out, fake_small)
    return out


def fake_small(index: int):
    return fake_sample(index, size=32, centred=True)


@pytest.fixture(scope="module")
def batch(small_set):
    return next(open_set(small_set, batch=4, split=None, workers=0))


def splat_twin(values: np.ndarray, flow: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One picture (C, H, W), pixel by pixel."""
    channels, height, width = values.shape
    total, mass = np.zeros((channels, height, width)), np.zeros((height, width))
    for r in range(height):
        for c in range(width):
            x, y = c + flow[0, r, c], r + flow[1, r, c]
            for i in (math.floor(y), math.floor(y) + 1):
                for j in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < height and 0 <= j < width:
                        share = weight[r, c] * (1 - abs(x - j)) * (1 - abs(y - i))
                        total[:, i, j] += share * values[:, r, c]
                        mass[i, j] += share
    return np.where(mass > 0, total / np.maximum(mass, 1e-300), 0.0), mass


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_splatting_is_its_twin(seed):
    rng = np.random.default_rng(seed)
    values, flow = rng.normal(size=(2, 3, 5, 7)), rng.normal(0, 2, size=(2, 2, 5, 7))
    weight = rng.uniform(0, 2, size=(2, 1, 5, 7)) * (rng.random((2, 1, 5, 7)) < 0.8)
    out, mass = splat(*map(torch.from_numpy, (values, flow, weight)))
    for n in range(2):
        expected, expected_mass = splat_twin(values[n], flow[n], weight[n, 0])
        np.testing.assert_allclose(mass[n, 0], expected_mass, atol=1e-12)
        np.testing.assert_allclose(out[n], expected, atol=1e-6)


def test_splatting_has_gradients_of_everything_that_moves():
    args = [torch.rand(1, c, 4, 4, dtype=torch.float64, requires_grad=True) for c in (2, 2, 1)]
    assert torch.autograd.gradcheck(lambda v, f, w: splat(v, 0.3 * f + 0.2, w + 0.5), args)


def test_an_exact_flow_carries_near_onto_far(batch):
    """Where the far camera sees what near saw, the splatted picture shows its shade up to the slope of a pixel."""
    moved, mass = splat(batch["near"], batch["flow"], batch["near_surface"].float())
    seen = batch["far_visible"] & (mass > 0.9)
    assert seen.sum() > 500
    assert (moved - batch["far"]).abs()[seen.expand_as(moved)].mean() < 0.03


def test_looking_up_along_the_flow_back_gives_the_same(batch):
    fetched = look_up(batch["near"], batch["flow_back"])
    seen = batch["far_visible"].expand_as(fetched)
    assert (fetched - batch["far"]).abs()[seen].mean() < 0.03


def test_a_flow_at_twice_the_size_is_twice_as_long():
    flow = torch.full((1, 2, 4, 6), 1.5)
    assert torch.equal(resize_flow(flow, 8, 12), torch.full((1, 2, 8, 12), 3.0))
    assert centres(flow)[0, :, 1, 2].tolist() == [2.5, 1.5]


def test_a_batch_is_what_it_says(batch):
    shapes = {name: tuple(value.shape) for name, value in batch.items()}
    assert shapes["near"] == shapes["far"] == (4, 3, 32, 32)
    assert shapes["flow"] == shapes["flow_back"] == (4, 2, 32, 32)
    assert shapes["near_surface"] == shapes["near_mask"] == shapes["near_part"] == (4, 1, 32, 32)
    assert shapes["distance_m"] == (4,)
    assert batch["near"].dtype == batch["flow"].dtype == torch.float32
    assert batch["near_visible"].dtype == torch.bool
    assert not batch["near_visible"][~batch["near_surface"]].any()
    assert portrait(batch).shape == (4, 4, 32, 32)


def test_a_stream_and_a_set_on_disk_are_alike(tmp_path):
    recipe = Recipe(size=32, lights=("studio",), background="black")
    generate_pairs(run_of("portrait", recipe, seed=5, pairs=2, shard_pairs=2), tmp_path / "set")
    live = next(stream(recipe, batch=2, seed=5, workers=0))
    disk = next(ordered(datagen.PairDataset(tmp_path / "set"), batch=2))
    assert live.keys() >= disk.keys() == tensors_keys()
    for name, value in disk.items():
        assert torch.equal(value, live[name]), name


def tensors_keys():
    """What docs and networks count on."""
    both = {f"{view}{what}" for view in ("near", "far") for what in ("", "_mask", "_part", "_surface", "_visible")}
    return both | {"flow", "flow_back", "distance_m", "far_m", "eye_px", "K", "landmarks_px", "landmarks_seen"}


def test_every_step_of_every_epoch_is_known_beforehand():
    whole = list(itertools.islice(Shuffled(10, 3, seed=1), 9))
    again = list(itertools.islice(Shuffled(10, 3, seed=1, start=4), 5))
    assert whole[4:] == again
    for epoch in range(3):
        seen = list(itertools.chain(*whole[3 * epoch : 3 * epoch + 3]))
        assert len(set(seen)) == 9
    assert whole[:3] != whole[3:6]


def test_the_package_gives_batches_by_two_short_names(small_set):
    assert training.open is open_set
    assert training.stream is stream
    assert next(training.open(small_set, batch=2, split=None, workers=0))["near"].shape == (2, 3, 32, 32)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = training.nothing


def test_too_few_pairs_are_refused(small_set):
    with pytest.raises(TrainingError, match="expected at least 99 pairs"):
        open_set(small_set, batch=99, split=None, workers=0)


def test_moved_labels_still_connect_the_same_points(batch):
    """Flow to and back is the way home, before and after."""
    moved = move(batch, similarity(4, keyed(7)))
    for one in (batch, moved):
        there = one["near_visible"]
        back = look_up(one["flow_back"], one["flow"])
        inner = there & (look_up(one["far_visible"].float(), one["flow"]) > 0.999)
        assert inner.sum() > 500
        assert (one["flow"] + back).norm(dim=1, keepdim=True)[inner].mean() < 0.4
    assert not torch.equal(batch["flow"], moved["flow"])


def test_turning_by_nothing_changes_nothing(batch):
    same = move(batch, torch.eye(2, 3).expand(4, 2, 3))
    assert same.keys() == batch.keys() - {"K", "landmarks_px", "landmarks_seen"}
    for name, value in same.items():
        torch.testing.assert_close(value, batch[name], atol=1e-5, rtol=0)


def test_augmentation_is_keyed_and_in_range(batch):
    one, other, third = (augment(batch, keyed(3, step)) for step in (1, 1, 2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["near"], third["near"])
    assert float(one["near"].min()) >= 0
    assert float(one["near"].max()) <= 1
    assert one["near"].shape == batch["near"].shape
    assert not one["near_visible"][~one["near_surface"]].any()


def test_jpeg_leaves_its_mark(batch):
    pressed = compress(batch["near"], keyed(0), share=1.0)
    assert 0 < (pressed - batch["near"]).abs().mean() < 0.1


@pytest.mark.parametrize("takes_distance", [True, False])
def test_flow_nets_begin_by_leaving_the_picture_alone(takes_distance):
    net = FlowNet(8, 2, takes_distance, stem=2)
    flow = net(torch.rand(2, 4, 32, 48), torch.tensor([0.2, 1.0]), torch.full((2, 2), 16.0), torch.tensor([1.6, 1.6]))
    assert flow.shape == (2, 2, 32, 48)
    assert flow.abs().max() == 0


def test_the_blind_net_does_not_look_at_the_distance():
    net = FlowNet(8, 2, takes_distance=False)
    torch.nn.init.normal_(net.net.leave.weight)
    x, eye, far = torch.rand(1, 4, 16, 16), torch.full((1, 2), 8.0), torch.tensor([1.6])
    assert net(x, torch.tensor([0.2]), eye, far).abs().max() > 0
    assert torch.equal(net(x, torch.tensor([0.2]), eye, far), net(x, torch.tensor([1.0]), eye, far))


def test_the_flow_of_rendered_pairs_is_that_of_their_depth():
    """What the network relies on: with the true depth its formula gives the exact core's flow."""
    recipe = Recipe(size=64, lights=("studio",), background="black", near_m=(0.2, 0.5))
    samples = datagen.stream(recipe, batch=2, seed=3, stop=2, layers=(*LAYERS, "near_depth_axis_m"), workers=0)
    raw = next(iter(samples))
    pairs = tensors(raw)
    z_m = (pairs["distance_m"][:, None, None] - raw["near_depth_axis_m"])[:, None]
    net = FlowNet(8, 2)
    change = net.change(10 * z_m, pairs["distance_m"], pairs["far_m"])
    flow = (centres(pairs["flow"]) - pairs["eye_px"][:, :, None, None]) * change
    error = (flow - pairs["flow"])[pairs["near_surface"].expand_as(flow)].abs()
    assert pairs["flow"].abs().max() > 5
    assert error.max() < 2e-3
    endless = net.change(10 * z_m, pairs["distance_m"], torch.full((2,), math.inf))
    expected = -z_m / pairs["distance_m"][:, None, None, None]
    torch.testing.assert_close(endless[pairs["near_surface"]], expected[pairs["near_surface"]])


def test_the_eye_midpoint_moves_with_the_picture(batch):
    moved = move(batch, similarity(4, keyed(7)))
    marked = torch.zeros_like(batch["near"])
    marked[:, :, 15:17, 15:17] = 1.0
    found = move({**batch, "near": marked, "eye_px": torch.full((4, 2), 16.0)}, similarity(4, keyed(7)))
    weight = found["near"][:, :1]
    middle = (centres(weight) * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))
    torch.testing.assert_close(found["eye_px"], middle, atol=0.05, rtol=0)
    assert not torch.equal(moved["eye_px"], batch["eye_px"])


def test_of_two_that_arrive_the_nearer_is_seen():
    flow = torch.zeros(1, 2, 1, 8)
    flow[0, 0, 0, 6], flow[0, 0, 0, 3] = -2.0, 1.0  # One drawn towards the middle, one driven off it, meet at column 4.
    weight = nearest_wins(flow, torch.tensor([[1.0, 0.5]]))
    assert weight[0, 0, 0, 0] == 1
    picture = torch.arange(8.0).view(1, 1, 1, 8)
    assert splat(picture, flow, weight)[0][0, 0, 0, 4] == pytest.approx(6, abs=0.01)


def test_the_inverse_of_a_flow_closes_its_gaps(batch):
    back, known = inverse_flow(batch["flow"], batch["near_surface"].float())
    sure = batch["far_visible"] & (known > 0)
    assert sure.sum() > 0.95 * batch["far_visible"].sum()
    assert (back - batch["flow_back"]).norm(dim=1, keepdim=True)[sure].mean() < 0.2


def test_the_rim_takes_the_colour_of_its_person_and_hairs_keep_theirs():
    mask = torch.zeros(1, 1, 12, 12)
    mask[..., 2:10, 2:7], mask[..., 2:10, 7], mask[..., 4, 10] = 1.0, 0.5, 0.6
    colour = torch.tensor([0.8, 0.4, 0.2]).view(1, 3, 1, 1)
    found = without_rim(colour * mask, mask)
    torch.testing.assert_close(found[..., 2:10, 2:8], colour.expand(1, 3, 8, 6))
    torch.testing.assert_close(found[..., 4, 10], 0.6 * colour[..., 0, 0][None][0])


def test_what_is_fetched_along_the_true_flow_is_what_the_far_camera_sees(batch):
    made, share = fetch(sure(batch), batch["flow"])
    seen = batch["far_visible"] & (share > 0.99)
    assert seen.sum() > 0.75 * batch["far_visible"].sum()
    assert (made - batch["far"]).abs()[seen.expand_as(made)].mean() < 0.03
    assert not made[(share == 0).expand_as(made)].any()


def test_halving_finds_where_the_answers_turn():
    net = DistanceQueryNet(8, 2)
    net.forward = lambda picture, eye_px, query_m: torch.tensor([0.31, 0.9]) - query_m
    found = net.distance_m(torch.zeros(2, 4, 8, 8), torch.full((2, 2), 4.0), halvings=14)
    assert found.tolist() == pytest.approx([0.31, 0.9], rel=1e-3)


def test_the_regressor_starts_in_the_range_of_selfies():
    mean, spread = DistanceNet(8, 3)(torch.rand(3, 4, 32, 32), torch.full((3, 2), 16.0))
    assert mean.shape == spread.shape == (3,)
    assert (spread > 0).all()
    assert 0.1 < float(mean.detach().exp2().mean()) < 1.5


def test_queries_lie_about_the_truth():
    query = losses.draw_queries(torch.full((20_000,), 0.4), keyed(1))
    assert float(torch.log2(query / 0.4).mean()) == pytest.approx(0, abs=0.02)
    assert float(torch.log2(query / 0.4).std()) == pytest.approx(0.5, abs=0.02)


def test_an_empty_mask_costs_nothing():
    flow = torch.rand(1, 2, 4, 4)
    nothing = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    assert losses.flow_loss(flow, flow + 1, nothing) == 0
    assert losses.flow_loss(flow, flow + 1, ~nothing) == pytest.approx(1.0)


def config(small_set: Path, out: Path, **changes) -> Config:
    base = Config("flow", str(small_set), out, steps=6, batch=4, width=8, levels=2, workers=0, rate=3e-3, save_every=3)
    return dataclasses.replace(base, perceptual=0.0, **changes)


def test_one_batch_is_learnt_by_heart(batch):
    torch.manual_seed(0)
    stage = STAGES["flow"](16, 3, 1)
    optimiser = torch.optim.Adam(stage.parameters(), 4e-3)
    first = None
    for step in range(250):
        loss = stage(batch, keyed(step))["flow"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        first = first or float(loss.detach())
    assert float(loss.detach()) < 0.1 * first


def test_the_loss_goes_down_on_a_tiny_set(small_set, tmp_path):
    few, many = (
        train(config(small_set, tmp_path / str(steps), steps=steps, augmented=False))["flow"] for steps in (1, 60)
    )
    assert many < 0.6 * few


@pytest.mark.parametrize("what", ["flow", "flow-blind", "distance", "query", "completion", "cascade"])
def test_everything_trains_and_resumes_to_the_same_bits(small_set, tmp_path, what):
    whole = train(config(small_set, tmp_path / "whole", what=what))
    train(config(small_set, tmp_path / "parts", what=what, save_every=2), stop=2)
    resumed = train(config(small_set, tmp_path / "parts", what=what))
    assert {n: v for n, v in whole.items() if n != "waiting"} == {n: v for n, v in resumed.items() if n != "waiting"}
    one, other = (checkpoint.read(tmp_path / name / LAST)[0] for name in ("whole", "parts"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_of_another_run_is_refused(small_set, tmp_path):
    train(config(small_set, tmp_path, steps=1))
    with pytest.raises(TrainingError, match=r"its batch differ.*another --out"):
        train(config(small_set, tmp_path, steps=2, batch=2))


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", b"\xff" * 64])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "x.safetensors"
    path.write_bytes(damage)
    with pytest.raises(TrainingError, match="expected a checkpoint of this project"):
        checkpoint.read(path)


def test_weights_of_another_network_are_refused(small_set, tmp_path):
    train(config(small_set, tmp_path / "a", steps=1))
    with pytest.raises(TrainingError, match="expected weights of the network"):
        train(config(small_set, tmp_path / "b", steps=1, width=16, start_from=(tmp_path / "a" / LAST,)))


def test_a_cascade_begins_with_what_its_parts_learnt(small_set, tmp_path):
    train(config(small_set, tmp_path / "flow", steps=2))
    train(config(small_set, tmp_path / "cascade", what="cascade", steps=0, start_from=(tmp_path / "flow" / LAST,)))


@pytest.mark.parametrize(("what", "begun"), [("distance", "flow-blind"), ("query", "flow")])
def test_a_distance_net_begins_with_what_a_flow_net_sees(small_set, tmp_path, what, begun):
    train(config(small_set, tmp_path / "flow", what=begun, steps=2))
    train(config(small_set, tmp_path / "out", what=what, steps=0, start_from=(tmp_path / "flow" / LAST,)))
    stage = STAGES[what](8, 2, 2)
    begin_with(stage, tmp_path / "flow" / LAST)
    weights = checkpoint.under(checkpoint.read(tmp_path / "flow" / LAST)[0], "average.net.net.")
    taken = stage.net.encoder.net.state_dict()
    assert len(taken) > 10
    assert all(torch.equal(value, weights[name]) for name, value in taken.items())
    with pytest.raises(TrainingError, match="expected weights of the network"):
        begin_with(STAGES[what](16, 2, 2), tmp_path / "flow" / LAST)


def test_an_unknown_stream_is_named(tmp_path):
    with pytest.raises(TrainingError, match="expected live: and one of portrait"):
        train(config(Path("live:nothing"), tmp_path))


def test_the_command_trains_evaluates_and_explains(small_set, tmp_path, capsys):
    out = tmp_path / "flow"
    options = ["--what", "flow", "--data", str(small_set), "--out", str(out), "--steps", "2", "--batch", "4"]
    assert main(["train", *options, "--width", "8", "--levels", "2", "--workers", "0"]) == 0
    assert capsys.readouterr().out.startswith("flow ")
    told = tmp_path / "scores.json"
    assert main(["evaluate", str(out / LAST), "--data", str(small_set), "--split", "all", "--out", str(told)]) == 0
    scores = json.loads(told.read_text())
    assert sum(scores["count"]) == 12
    assert scores["flow"].keys() == {"zero flow", "flow"}
    assert main(["train", "--what", "flow", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "b")]) == 2
    assert "expected a database" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "x.safetensors"), "--data", str(small_set)]) == 1
    assert "expected a checkpoint, found none" in capsys.readouterr().err


def test_exported_weights_answer_like_the_run_and_tell_no_paths(small_set, tmp_path, capsys):
    train(config(small_set, tmp_path / "flow", steps=2))
    out = tmp_path / "shipped" / "flow.safetensors"
    assert main(["export", str(tmp_path / "flow"), "--out", str(out)]) == 0
    assert "MB" in capsys.readouterr().out
    tensors, record = checkpoint.read(out)
    assert all(name.startswith("average.") and value.dtype == torch.float16 for name, value in tensors.items())
    assert record["set"]["pairs"] == 12
    assert str(tmp_path) not in json.dumps(record)
    batch = next(ordered(datagen.PairDataset(small_set), batch=2))
    ran, shipped = (open_trained(path).stage.predict_flow(batch) for path in (tmp_path / "flow" / LAST, out))
    torch.testing.assert_close(ran, shipped, atol=0.02, rtol=0)
    assert main(["export", str(tmp_path / "none"), "--out", str(out)]) == 1
    assert "expected a checkpoint, found none" in capsys.readouterr().err


def test_without_torch_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "training.commands", None)
    assert main([]) == 1
    assert "pip install 'perspective-portraits[train]'" in capsys.readouterr().err


def test_scores_are_kept_apart_by_distance(batch):
    found = score_flows([batch], {"zero": lambda b: torch.zeros_like(b["flow"]), "true": lambda b: b["flow"]})
    for value in found["true"]["face"].mean():
        assert value is None or value == 0
    index = bin_of(batch["distance_m"])
    for n in index.unique():
        rows = [r for r in range(4) if index[r] == n]
        expected = np.mean([flow_length(batch, r) for r in rows])
        assert found["zero"]["face"].mean()[int(n)] == pytest.approx(expected, rel=1e-5)
    assert found["zero"]["ears"].count.sum() == 0  # The fake person is a sphere.


def flow_length(batch, row: int) -> float:
    seen = batch["near_visible"][row, 0] & (batch["near_part"][row, 0] == int(Part.FACE))
    return float(batch["flow"][row].norm(dim=0)[seen].mean())


def test_bins_are_half_open_and_the_last_takes_the_rest():
    assert bin_of(torch.tensor([0.1, 0.23, 0.3, 0.619, 1.05, 9.0])).tolist() == [0, 1, 3, 5, 7, 7]
    assert len(Binned().mean()) == len(BIN_EDGES_M) - 1
