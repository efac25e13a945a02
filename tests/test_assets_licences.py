"""Licences: a run uses only those allowed, never without a credit, and the data set carries what they ask for."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from fake import fake_run, fake_sample

from datagen import scene as scene_module
from datagen.card import card, write_index_and_card
from datagen.cli import main
from datagen.database import DatabaseError, to_json, write_file
from datagen.heads import open_model
from datagen.licences import credit_missing, not_allowed, notices, parts
from datagen.plan import plan_sample
from datagen.recipe import Recipe, RecipeError
from datagen.scene import build_scene, check_sources
from datagen.shards import write_shard
from datagen.verify import verify
from meshes.head import Asset

MIT = Asset("mit-skin", "MIT", "Skin, Copyright (c) A. Person, MIT")
CC0 = Asset("free-shape", "CC0-1.0")
BOTH = Asset("derived", "CC-BY-3.0 AND MIT", "Scan by A. Person, CC BY 3.0")
MINE = Asset("scan", "LicenseRef-user")
SMALL = Recipe(size=32, lights=("studio",), background="black")


class Patchwork:
    """MakeHuman's people, of whom every second wears a skin under another licence."""

    name, assets = "patchwork", (CC0, MIT)

    def __init__(self) -> None:
        self.inner = open_model("makehuman")
        self.expressions = self.inner.expressions
        self.sample_identity, self.head = self.inner.sample_identity, self.inner.head

    def assets_of(self, identity, style):
        """What that person is made of."""
        return (CC0, MIT) if identity == self.lucky else (CC0,)

    lucky = None


@pytest.fixture
def patchwork(monkeypatch):
    model = Patchwork()
    monkeypatch.setattr(scene_module, "open_model", lambda spec: model)
    return model


@pytest.mark.parametrize(
    "licence", ["MIT", "BSD-3-Clause", "Apache-2.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0 AND MIT"]
)
def test_licences_that_ask_for_a_credit_get_one(licence):
    fields = {"id": "x", "licence": licence, "credit": " "}
    assert "expected a credit line for asset 'x'" in credit_missing(fields)
    assert credit_missing(fields | {"credit": "X by Y"}) == ""


@pytest.mark.parametrize("licence", ["CC0-1.0", "0BSD", "LicenseRef-user", "CC0-1.0 AND LicenseRef-user"])
def test_licences_that_ask_for_none_need_none(licence):
    assert credit_missing({"id": "x", "licence": licence}) == ""


def test_an_expression_needs_every_part_allowed():
    assert parts("CC-BY-3.0 AND MIT") == ("CC-BY-3.0", "MIT")
    both, cc0, mine = map(asdict, (BOTH, CC0, MINE))
    assert not_allowed([both, cc0, mine], ()) == "", "no restriction allows any"
    assert not_allowed([both], ("MIT", "CC-BY-3.0")) == ""
    assert not_allowed([cc0, both], ("CC0-1.0", "MIT")).startswith("asset derived is under CC-BY-3.0, and --licence")
    assert "LicenseRef-user" in not_allowed([mine], ("CC0-1.0",))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--licence", "MIT"],
            "is under CC0-1.0, and --licence allows MIT alone. Name that licence too, or leave this out.",
        ),
        (["--licence", "CC0-1.0", "--lights", "LIGHT"], "is under LicenseRef-user, and --licence allows CC0-1.0 alone"),
        (["--licence", "CC0 1.0"], "--licence: expected SPDX names such as CC0-1.0 or MIT, got 'CC0 1.0'"),
    ],
)
def test_a_run_outside_its_licences_does_not_start(words, said, tmp_path, capsys):
    light = tmp_path / "sky.hdr"
    rows = b"".join(bytes([128, 128, 128, 128]) * 8 for _ in range(4))
    light.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 8\n" + rows)
    words = [str(light) if word == "LIGHT" else word for word in words]
    assert main(["generate", str(tmp_path / "out"), "--size", "32", "--pairs", "1", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_within_its_licences_is_recorded(tmp_path):
    words = ["--size", "32", "--pairs", "1", "--licence", "CC0-1.0"]
    assert main(["generate", str(tmp_path / "out"), *words]) == 0
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["recipe"]["licence"] == ["CC0-1.0"]
    assert "--licence CC0-1.0" in (tmp_path / "out" / "README.md").read_text()


def test_a_sample_lists_just_what_it_is_made_of(patchwork):
    plan = plan_sample(SMALL, 0, 0)
    assert build_scene(SMALL, plan).assets == (CC0,)
    patchwork.lucky = plan.identity
    assert build_scene(SMALL, plan).assets == (CC0, MIT)


def test_a_person_outside_the_licences_is_refused_whatever_the_model_promised(patchwork):
    plan = plan_sample(SMALL, 0, 0)
    strict = Recipe(**{**asdict(SMALL), "licence": ("CC0-1.0",)})
    build_scene(strict, plan)
    patchwork.lucky = plan.identity
    with pytest.raises(RecipeError, match=r"sample 0: asset mit-skin is under MIT, and --licence allows CC0-1\.0"):
        build_scene(strict, plan)
    with pytest.raises(RecipeError, match="--heads makehuman: asset mit-skin is under MIT"):
        check_sources(strict)


def test_no_run_starts_and_no_shard_is_written_without_a_credit(patchwork, tmp_path):
    patchwork.assets = (CC0, Asset("mit-skin", "MIT"))
    with pytest.raises(RecipeError, match="expected a credit line for asset 'mit-skin' under MIT, got none"):
        check_sources(SMALL)
    run = fake_run(pairs=1, shard_pairs=1)
    sample = fake_sample(0)
    sample.meta["assets"] = [asdict(Asset("mit-skin", "MIT"))]
    with pytest.raises(DatabaseError, match="expected a credit line for asset 'mit-skin' under MIT, got none"):
        write_shard(tmp_path, run, 0, [sample])


def test_the_card_of_a_set_carries_credits_and_texts(tmp_path):
    run = fake_run(pairs=1, shard_pairs=1)
    sample = fake_sample(0)
    sample.meta["assets"] = [asdict(asset) for asset in (CC0, MIT, BOTH)]
    text = card(run, [write_shard(tmp_path, run, 0, [sample])], "")
    assert f"- {MIT.credit} (MIT)" in text
    assert "- Scan by A. Person, CC BY 3.0 (CC-BY-3.0 AND MIT)" in text
    assert text.count("Permission is hereby granted, free of charge") == 1, "each text once"
    assert "https://creativecommons.org/licenses/by/3.0/" in text


def test_the_validator_knows_what_the_run_allows_and_what_the_card_must_carry(tmp_path):
    run = fake_run(pairs=1, shard_pairs=1, recipe={"licence": ["CC0-1.0"]})
    sample = fake_sample(0)
    sample.meta["assets"] = [asdict(MIT)]
    records = [write_shard(tmp_path, run, 0, [sample])]
    write_file(tmp_path / "run.json", to_json({"format": 1, **asdict(run)}))
    write_index_and_card(tmp_path, run, records, "")
    said = str(verify(tmp_path))
    assert "asset mit-skin is under MIT, and --licence allows CC0-1.0 alone" in said
    assert "expected the text" not in said
    page = tmp_path / "README.md"
    page.write_text(page.read_text().replace("Permission is hereby granted", "Nothing is granted"))
    assert "expected the text 'MIT License' in README.md, found none" in str(verify(tmp_path))


def test_notices_are_those_that_are_asked_for():
    assert notices([asdict(CC0), asdict(MINE)]) == []
    assert np.size(notices([asdict(MIT), asdict(MIT), asdict(BOTH)])) == 2
