"""The live stream: the same samples as on disk, in order, as tensors, for any number of workers."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import datagen
from datagen.generate import generate_pairs, run_of
from datagen.live import Samples
from datagen.live import stream as live
from datagen.recipe import Recipe
from meshes.errors import UsageError

torch = pytest.importorskip("torch")

SMALL = Recipe(size=48, lights=("studio",))


def test_a_stream_is_the_set_on_disk(tmp_path):
    run = run_of("portrait", SMALL, seed=3, pairs=4, shard_pairs=2)
    generate_pairs(run, tmp_path / "set")
    on_disk = datagen.PairDataset(tmp_path / "set")
    batches = list(datagen.stream(SMALL, seed=3, batch=3, stop=4, workers=0))
    assert [len(batch["meta"]) for batch in batches] == [3, 1]
    streamed = [(batch, row) for batch in batches for row in range(len(batch["meta"]))]
    for index, (batch, row) in enumerate(streamed):
        for name, value in on_disk[index].items():
            if name == "meta":
                assert batch["meta"][row] == value
            else:
                np.testing.assert_array_equal(batch[name][row].numpy(), value, err_msg=name)


def test_workers_change_nothing_but_the_wait():
    alone = list(live(SMALL, batch=2, start=1, stop=5, workers=0, layers=["near_rgb", "flow_near_to_far"]))
    shared = list(live(SMALL, batch=2, start=1, stop=5, workers=2, layers=["near_rgb", "flow_near_to_far"]))
    assert set(alone[0]) == {"near_rgb", "flow_near_to_far", "meta"}
    for one, other in zip(alone, shared, strict=True):
        assert one["meta"] == other["meta"]
        assert torch.equal(one["near_rgb"], other["near_rgb"])
        assert torch.equal(one["flow_near_to_far"], other["flow_near_to_far"])


STOPPED = """
import datagen
if __name__ == "__main__":
    batches = datagen.stream(datagen.Recipe(size=48, lights=("studio",)), batch=2, workers=1)
    next(batches)
    batches.close()
    print("closed")
"""


def test_a_stream_that_is_closed_early_ends_without_a_word(tmp_path):
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, script],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")


def test_a_stream_without_end_goes_on():
    batches = itertools.islice(live(SMALL, batch=1, workers=0, layers=["near_surface"]), 3)
    assert [batch["meta"][0]["index"] for batch in batches] == [0, 1, 2]


def test_samples_are_a_data_set_of_their_own():
    assert Samples(SMALL, 0)[1]["meta"]["index"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "expected batch >= 1"),
        ({"start": -1}, "start >= 0"),
        ({"workers": -1}, "workers >= 0"),
        ({"start": 4, "stop": 4}, "expected stop above start 4, got 4"),
        ({"layers": ["near_rbg"]}, "extra-layers: expected layer names"),
        ({"recipe": Recipe(heads=("nobody",))}, "--heads"),
    ],
)
def test_impossible_streams_are_refused_before_they_start(options, message):
    recipe = options.pop("recipe", SMALL)
    with pytest.raises(UsageError, match=message):
        live(recipe, **options)
