"""The weights that ship: small, plain, traceable to the set that they learnt from, and better than doing nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from datagen.presets import PRESETS  # noqa: E402
from datagen.recipe import Recipe  # noqa: E402
from training import checkpoint  # noqa: E402
from training.baselines import zero_flow  # noqa: E402
from training.data import stream  # noqa: E402
from training.evaluate import open_trained  # noqa: E402
from training.export import LARGEST_BYTES  # noqa: E402
from training.scores import endpoint_error  # noqa: E402

WEIGHTS = Path(__file__).resolve().parents[1] / "training" / "weights"
FILES = sorted(WEIGHTS.glob("*.safetensors"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_weights_are_small_and_say_what_they_learnt_from(path):
    assert path.stat().st_size <= LARGEST_BYTES
    tensors, record = checkpoint.read(path)
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    assert re.fullmatch(r"[0-9a-f]{64}", record["data"])
    assert Recipe.from_json(record["set"]["recipe"]).far_m == 1.6
    assert record["step"] == record["config"]["steps"]
    assert open_trained(path).what.startswith(path.stem)
    assert f"`{path.name}`" in (WEIGHTS / "README.md").read_text(), "every file has a row in the model card"


def test_the_flow_that_ships_undoes_most_of_the_distortion_of_people_it_never_saw():
    recipe = replace(PRESETS["portrait"], size=256, background="black", near_m=(0.2, 0.4), lights=("studio",))
    pairs = next(stream(recipe, batch=4, seed=9901, workers=0))
    with torch.no_grad():
        predicted = open_trained(WEIGHTS / "flow.safetensors").stage.predict_flow(pairs)
    error, _ = endpoint_error(predicted, pairs, "face")
    before, _ = endpoint_error(zero_flow(pairs), pairs, "face")
    assert float(error.mean()) < 0.4 * float(before.mean())
    assert bool((error < before).all())
