"""The reader: exact arrays, any choice of layers and split, safe in DataLoader workers, clear about damage."""

import contextlib
import copy
import gc
import json
import multiprocessing
import os
import subprocess
import sys
import tarfile
import warnings

import numpy as np
import pytest
from fake import fake_run, fake_sample

from datagen.codecs import webdataset_decoder
from datagen.database import DatabaseError
from datagen.engine import generate
from datagen.planes import decode_planes
from datagen.reader import PairDataset, collate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("reader") / "set"
    generate(fake_run(), out, fake_sample)
    return out


@pytest.fixture
def copied(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def _same(sample, original):
    assert sample["meta"] == json.loads(json.dumps(original.meta))
    for name, array in original.layers.items():
        assert sample[name].dtype == array.dtype
        assert np.array_equal(sample[name], array)


def test_samples_return_exactly(folder):
    ds = PairDataset(folder)
    assert len(ds) == 5
    for index, sample in enumerate(ds):
        _same(sample, fake_sample(index))
        assert list(sample) == [*ds.run.layers, "meta"]


def test_indices_behave_like_a_sequence(folder):
    ds = PairDataset(folder, layers=["near_part"])
    assert ds[-1]["meta"]["index"] == ds[np.int64(4)]["meta"]["index"] == 4
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"expected an index below 5, got {index}"):
            ds[index]


def test_layers_are_decoded_by_choice_in_table_order(folder):
    ds = PairDataset(folder, layers=["flow_near_to_far", "near_rgb"])
    assert list(ds[1]) == ["near_rgb", "flow_near_to_far", "meta"]
    assert ds.meta(1) == ds[1]["meta"]
    assert list(PairDataset(folder, layers=[])[0]) == ["meta"]


def test_arrays_are_the_callers_own(folder):
    ds = PairDataset(folder)
    first = ds[0]
    for name in ds.layers:
        first[name][:] = 0
    _same(ds[0], fake_sample(0))


def test_splits_divide_the_set(folder):
    everyone = PairDataset(folder)
    parts = {split: PairDataset(folder, split=split) for split in ("train", "val", "test")}
    assert sum(map(len, parts.values())) == len(everyone)
    for split, part in parts.items():
        assert {part.meta(i)["split"] for i in range(len(part))} <= {split}
        assert part.keys.tolist() == everyone.keys[everyone.splits == split].tolist()


def test_licences_leave_only_what_may_be_used(folder):
    """Sample 0 owes a credit; the shard it shares with another sample is looked into, the others are taken whole."""
    everyone = PairDataset(folder)
    free = PairDataset(folder, layers=["near_part"], licences=["CC0-1.0", "MIT"])
    assert free.keys.tolist() == everyone.keys[1:].tolist()
    assert free[0]["meta"]["index"] == 1
    assert len(PairDataset(folder, licences=["CC-BY-3.0", "CC0-1.0"])) == len(everyone)
    with pytest.raises(DatabaseError, match=r"some sample needs of CC-BY-3\.0, CC0-1\.0, got CC0; no sample is left"):
        PairDataset(folder, licences=["CC0"])


def test_unknown_layers_and_splits_list_the_known(folder):
    with pytest.raises(DatabaseError, match=r"expected names among near_rgb, .*got near_rbg"):
        PairDataset(folder, layers=["near_rbg"])
    with pytest.raises(DatabaseError, match="expected one of train, val, test or None, got 'valid'"):
        PairDataset(folder, split="valid")


def test_an_unfinished_set_gives_its_finished_shards(copied):
    (copied / "index.json").unlink()
    (copied / "shard-000001.json").unlink()
    assert PairDataset(copied).keys.tolist() == ["00000000", "00000001", "00000004"]


def test_an_empty_unfinished_set_has_length_0(copied):
    for path in copied.glob("*"):
        if path.name != "run.json":
            path.unlink()
    assert len(PairDataset(copied)) == 0


@pytest.mark.parametrize("name", ["shard-000001.tar", "shard-000001.json"])
def test_a_finished_set_without_a_shard_is_an_error(copied, name):
    (copied / name).unlink()
    with pytest.raises(DatabaseError, match=r"shard-000001.*missing"):
        PairDataset(copied)


def test_a_cut_shard_is_an_error(copied):
    os.truncate(copied / "shard-000001.tar", 5000)
    with pytest.raises(DatabaseError, match=r"shard-000001\.tar: expected \d+ bytes, got 5000"):
        PairDataset(copied)


def test_a_shard_that_goes_away_is_an_error(copied):
    ds = PairDataset(copied)
    (copied / "shard-000000.tar").unlink()
    with pytest.raises(DatabaseError, match=r"shard-000000\.tar: expected a shard, got No such file"):
        ds[0]


def test_no_database_is_an_error(tmp_path):
    with pytest.raises(DatabaseError, match=r"expected a database \(a folder with run\.json\), found none"):
        PairDataset(tmp_path)


def test_swapped_shards_are_noticed(copied):
    a, b = (copied / f"shard-00000{i}.tar" for i in (0, 1))
    one, two = a.read_bytes(), b.read_bytes()
    size = max(len(one), len(two))
    a.write_bytes(two.ljust(size, b"\0"))
    record = json.loads(a.with_suffix(".json").read_text()) | {"bytes": size}
    a.with_suffix(".json").write_text(json.dumps(record))
    with pytest.raises(DatabaseError, match=r"shard-000000\.tar: expected 00000000\.near_rgb\.png of"):
        PairDataset(copied)[0]


def test_flipped_bytes_are_a_clear_error_or_other_numbers_but_no_crash(copied):
    tar = copied / "shard-000000.tar"
    ds, whole = PairDataset(copied), tar.read_bytes()
    rng = np.random.Generator(np.random.Philox(3))
    for place in rng.integers(0, len(whole), 150):
        tar.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with contextlib.suppress(DatabaseError):
            for index in (0, 1):
                ds[index]


def test_copies_and_pickles_read_the_same(folder):
    # torch sends a data set to its workers in just this way.
    ds = PairDataset(folder, layers=["near_rgb"], split="train")
    again = multiprocessing.reduction.ForkingPickler.loads(multiprocessing.reduction.ForkingPickler.dumps(ds))
    for twin in (again, copy.deepcopy(ds)):
        assert twin.keys.tolist() == ds.keys.tolist()
        assert np.array_equal(twin[0]["near_rgb"], ds[0]["near_rgb"])


def test_no_file_stays_open(folder):
    ds = PairDataset(folder)
    before = set(os.listdir("/proc/self/fd"))
    for index in range(len(ds)):
        ds[index]
    assert set(os.listdir("/proc/self/fd")) == before


def test_reading_does_not_import_torch(folder):
    code = f"""
import sys
from datagen.reader import PairDataset
PairDataset({str(folder)!r})[0]
sys.exit("torch" in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_torch_dataloader_reads_it(folder, start):
    torch_data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    ds = PairDataset(folder, layers=["near_rgb", "flow_near_to_far"])
    loader = torch_data.DataLoader(ds, batch_size=None, num_workers=2, multiprocessing_context=start)
    read = {int(sample["meta"]["index"]): sample for sample in loader}
    assert sorted(read) == [0, 1, 2, 3, 4]
    for index, sample in read.items():
        assert np.array_equal(sample["flow_near_to_far"].numpy(), fake_sample(index).layers["flow_near_to_far"])


def test_a_torch_dataloader_batches_it(folder):
    torch_data = pytest.importorskip("torch.utils.data", reason="torch is not installed")
    ds = PairDataset(folder, layers=["near_rgb", "flow_near_to_far"])
    batches = list(torch_data.DataLoader(ds, batch_size=2, collate_fn=collate))
    assert [len(batch["meta"]) for batch in batches] == [2, 2, 1]
    assert batches[1]["near_rgb"].shape == (2, 48, 48, 3)
    assert np.array_equal(batches[1]["flow_near_to_far"][1], fake_sample(3).layers["flow_near_to_far"])


def test_plain_tar_tools_open_it(folder):
    with tarfile.open(folder / "shard-000002.tar") as tar:
        flow = decode_planes(tar.extractfile("00000004.flow_near_to_far.planes").read())
        meta = json.load(tar.extractfile("00000004.meta.json"))
    assert np.array_equal(flow, fake_sample(4).layers["flow_near_to_far"])
    assert meta["index"] == 4


def test_webdataset_opens_it(folder):
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    url = str(folder / "shard-{000000..000002}.tar")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # webdataset leaves its files to the garbage collector.
        samples = list(wds.WebDataset(url, shardshuffle=False).decode(webdataset_decoder))
        gc.collect()
    assert [sample["__key__"] for sample in samples] == [f"{i:08d}" for i in range(5)]
    for index, sample in enumerate(samples):
        original = fake_sample(index)
        assert sample["meta.json"]["person"]["id"] == original.meta["person"]["id"]
        for name, array in original.layers.items():
            suffix = "planes" if f"{name}.planes" in sample else "png"
            assert np.array_equal(sample[f"{name}.{suffix}"], array)
