"""Fast storage beside compact: another way to the same layers, recorded in the run, and the same bytes for anyone."""

import dataclasses
import gc
import json
import shutil
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from damage import RUN, SHARD, assert_named, full_sample
from fake import fake_run, fake_sample

from datagen import PairDataset, codec_bench
from datagen.cli import main
from datagen.codecs import encode_layer, webdataset_decoder
from datagen.database import DatabaseError, Share, read_run
from datagen.engine import generate
from datagen.generate import command_of, run_of
from datagen.planes import RAW_LEVEL, is_raw
from datagen.presets import PRESETS
from datagen.storage import FAST
from datagen.verify import verify

FAST_RUN = dataclasses.replace(RUN, storage=FAST)


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("storage")
    for run in (RUN, FAST_RUN):
        generate(run, folder / run.storage, full_sample)
    return {run.storage: folder / run.storage for run in (RUN, FAST_RUN)}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_both_give_the_same_samples(sets):
    compact, fast = (PairDataset(sets[storage]) for storage in ("compact", "fast"))
    assert fast.run.storage == FAST
    for a, b in zip(compact, fast, strict=True):
        assert a.pop("meta") == b.pop("meta")
        assert {name: array.tobytes() for name, array in a.items()} == {
            name: array.tobytes() for name, array in b.items()
        }


def test_a_fast_set_is_larger_and_verifies(sets):
    report = verify(sets["fast"])
    assert report.ok, str(report)
    compact, fast = (json.loads((sets[storage] / "index.json").read_text())["counts"]["bytes"] for storage in sets)
    assert fast > 1.5 * compact
    with tarfile.open(sets["fast"] / SHARD) as tar:
        assert is_raw(tar.extractfile("00000003.flow_near_to_far.planes").read())


def test_a_compact_run_is_recorded_as_before_there_was_a_choice(sets):
    record = json.loads((sets["compact"] / "run.json").read_text())
    assert "storage" not in record
    assert read_run(sets["compact"]) == RUN
    assert json.loads((sets["fast"] / "run.json").read_text()) == {**record, "storage": "fast"}
    assert read_run(sets["fast"]) == FAST_RUN


def test_workers_shares_and_a_second_start_end_in_the_same_bytes(sets, tmp_path):
    generate(FAST_RUN, tmp_path / "workers", full_sample, workers=2)
    for number in (2, 1):
        generate(FAST_RUN, tmp_path / "shares", full_sample, share=Share(number, 2))
    shutil.copytree(sets["fast"], tmp_path / "again")
    (tmp_path / "again" / "shard-000000.json").unlink()
    assert generate(FAST_RUN, tmp_path / "again", full_sample).resumed == 2
    for name in ("workers", "again"):
        assert content(tmp_path / name) == content(sets["fast"])
    shared = {name: data for name, data in content(tmp_path / "shares").items() if not name.startswith(".lock")}
    assert shared.items() <= content(sets["fast"]).items()
    assert "index.json" in shared


def test_a_set_is_not_finished_in_another_storage(sets, tmp_path):
    shutil.copytree(sets["fast"], tmp_path / "set")
    with pytest.raises(DatabaseError, match="holds another run: storage is 'fast' there and 'compact' here"):
        generate(RUN, tmp_path / "set", full_sample)
    assert content(tmp_path / "set") == content(sets["fast"])


def test_shards_of_another_storage_can_be_read_but_are_named(sets, tmp_path):
    shutil.copytree(sets["fast"], tmp_path / "set")
    for suffix in (".tar", ".json"):
        shutil.copy((sets["compact"] / SHARD).with_suffix(suffix), tmp_path / "set")
    for a, b in zip(PairDataset(tmp_path / "set"), PairDataset(sets["fast"]), strict=True):
        assert np.array_equal(a["flow_near_to_far"], b["flow_near_to_far"])
    found = {(f.kind, f.shard) for f in verify(tmp_path / "set").findings}
    assert found == {("storage", SHARD), ("index", "")}


@pytest.mark.parametrize("suffix", ["near_rgb.png", "flow_near_to_far.planes"])
def test_a_flipped_byte_in_a_fast_member_is_named(sets, tmp_path, suffix):
    shutil.copytree(sets["fast"], tmp_path / "set")
    with tarfile.open(tmp_path / "set" / SHARD) as tar:
        member = tar.getmember(f"00000003.{suffix}")
    with open(tmp_path / "set" / SHARD, "r+b") as file:
        file.seek(member.offset_data + member.size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 4]))
    assert_named(verify(tmp_path / "set"), "checksum")


@pytest.mark.parametrize("storage", ["raw", "", None, [], 1])
def test_an_unknown_storage_is_refused(sets, tmp_path, storage):
    with pytest.raises(DatabaseError, match="storage: expected one of compact, fast, got"):
        fake_run(storage=storage)
    record = json.loads((sets["fast"] / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**record, "storage": storage}))
    with pytest.raises(DatabaseError, match=r"run\.json: expected a run, got another value"):
        read_run(tmp_path)


def test_webdataset_opens_a_fast_set(sets):
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # webdataset leaves its files to the garbage collector.
        url = str(sets["fast"] / "shard-{000000..000001}.tar")
        samples = list(wds.WebDataset(url, shardshuffle=False).decode(webdataset_decoder))
        gc.collect()
    assert len(samples) == RUN.pairs
    for index, sample in enumerate(samples):
        for name, array in fake_sample(index).layers.items():
            suffix = "planes" if f"{name}.planes" in sample else "png"
            assert np.array_equal(sample[f"{name}.{suffix}"], array)


def test_the_codec_bench_measures_both_on_a_set(sets, monkeypatch, capsys):
    monkeypatch.setattr(codec_bench, "REPEATS", 1)
    codec_bench.main(sets["fast"], count=1)
    said = capsys.readouterr().out
    assert f"| the array, zstd level {RAW_LEVEL} (fast storage) |" in said
    cells = [[cell.strip() for cell in row.split("|")] for row in said.splitlines() if "**" in row]
    sums = {row[1]: float(row[3]) for row in cells}
    stored = {storage: PairDataset(folder) for storage, folder in sets.items()}
    kilobytes = {
        storage: sum(len(encode_layer(name, ds[0][name], storage)) for name in ds.layers) / 1e3
        for storage, ds in stored.items()
    }
    assert sums["**a pair**"] == pytest.approx(kilobytes["compact"], abs=0.6)
    assert sums["**a pair, fast storage**"] == pytest.approx(kilobytes["fast"], abs=0.6)


def test_the_command_line_passes_it_on_and_the_card_repeats_it(monkeypatch, tmp_path):
    made = []
    monkeypatch.setattr("datagen.ray_engine.RayEngine", lambda *settings: settings)

    def no_work(run, *rest):
        made.append(run)
        raise DatabaseError("the run is known; nothing needs to be made")

    monkeypatch.setattr("datagen.generate.generate_with_bar", no_work)
    for words in (["--storage", "fast"], [], ["--engine", "ray", "--storage", "fast"]):
        assert main(["generate", str(tmp_path / "out"), "--recipe", "selfie", *words]) == 1
    assert [run.storage for run in made] == ["fast", "compact", "fast"]
    assert "--storage fast" in command_of(made[0])
    assert "storage" not in command_of(made[1])
    fast = run_of("selfie", PRESETS["selfie"], seed=0, pairs=16, shard_pairs=8, storage=FAST)
    assert made[0] == fast
