"""Shards and folders: equal bytes, whole or absent, no foreign file touched, no run mistaken for another."""

import dataclasses
import errno
import json
import os
import tarfile

import numpy as np
import pytest
from fake import fake_run, fake_sample

from datagen import shards
from datagen.database import (
    DatabaseError,
    Run,
    appearing,
    explained,
    read_run,
    shard_name,
    to_json,
    write_file,
    write_run,
    writing,
)
from datagen.sample import Sample
from datagen.shards import finished, members, offsets, read_record, side_file, write_shard

DEAD = 2**22 + 1
"""No process has this number: it is above the largest that Linux gives."""


def _write(folder, run, shard=0, make=fake_sample):
    return write_shard(folder, run, shard, [make(i) for i in run.indices(shard)])


def test_equal_samples_give_equal_bytes(tmp_path):
    run = fake_run()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _write(tmp_path / name, run)
    for name in (shard_name(0), side_file(tmp_path / shard_name(0)).name):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_members_are_in_table_order_and_anonymous(tmp_path):
    run = fake_run()
    _write(tmp_path, run)
    with tarfile.open(tmp_path / shard_name(0)) as tar:
        infos = tar.getmembers()
    assert [i.name for i in infos] == [f"{k:08d}.{m}" for k in (0, 1) for m in members(run.layers)]
    assert {(i.mode, i.uid, i.gid, i.uname, i.gname, i.mtime) for i in infos} == {(0o644, 0, 0, "", "", 0)}


def test_the_bytes_are_those_of_a_plain_tar_tool(tmp_path):
    run = fake_run()
    _write(tmp_path, run)
    with (
        tarfile.open(tmp_path / shard_name(0)) as tar,
        tarfile.open(tmp_path / "again.tar", "w", format=tarfile.USTAR_FORMAT) as again,
    ):
        for info in tar:
            again.addfile(info, tar.extractfile(info))
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / shard_name(0)).read_bytes()


def test_offsets_follow_from_sizes(tmp_path):
    run = fake_run()
    record = _write(tmp_path, run)
    with tarfile.open(tmp_path / shard_name(0)) as tar:
        expected = [info.offset_data for info in tar]
    assert offsets(np.array(record.sizes)).ravel().tolist() == expected


def test_the_side_file_returns(tmp_path):
    record = _write(tmp_path, fake_run())
    assert read_record(tmp_path / shard_name(0)) == record
    assert {asset["id"] for asset in record.assets} == {"scan", "sphere"}


def test_a_bare_tar_is_not_trusted(tmp_path):
    run = fake_run()
    _write(tmp_path, run)
    assert finished(tmp_path, run, 0)
    side_file(tmp_path / shard_name(0)).unlink()
    assert finished(tmp_path, run, 0) is None


def test_a_cut_tar_is_not_trusted(tmp_path):
    run = fake_run()
    _write(tmp_path, run)
    os.truncate(tmp_path / shard_name(0), 1000)
    assert finished(tmp_path, run, 0) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r | {"sizes": [[1, 2], [3]]},
        lambda r: r | {"sizes": []},
        lambda r: r | {"sizes": [[-1] * 21] * 2},
        lambda r: r | {"sizes": [[10**30] * 21] * 2},
        lambda r: r | {"keys": ["00000000"]},
        lambda r: r | {"keys": 3},
        lambda r: r | {"people": [None, None]},
        lambda r: r | {"name": "shard-000009.tar"},
        lambda r: r | {"assets": ["CC0"]},
        lambda r: {k: v for k, v in r.items() if k != "sha256"},
        lambda r: list(r),
    ],
)
def test_a_damaged_side_file_is_named(tmp_path, damage):
    run = fake_run()
    _write(tmp_path, run)
    side = side_file(tmp_path / shard_name(0))
    side.write_text(json.dumps(damage(json.loads(side.read_text()))))
    with pytest.raises(DatabaseError, match=r"shard-000000\.json: expected .* got "):
        read_record(tmp_path / shard_name(0))
    assert finished(tmp_path, run, 0) is None


def _changed(index, **changes):
    sample = fake_sample(index)
    return dataclasses.replace(sample, **changes)


def _with_layer(index, name, array):
    sample = fake_sample(index)
    return Sample(index, {**sample.layers, name: array}, sample.meta)


def _with_asset(index, asset):
    sample = fake_sample(index)
    return Sample(index, sample.layers, {**sample.meta, "assets": [asset]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda i: fake_sample(i + 1), r"sample 0: expected index 0, key 00000000 .*got index 1"),
        (lambda i: _changed(i, layers={}), r"missing \['near_rgb'"),
        (lambda i: fake_sample(i, size=32), r"expected near_rgb of 48 x 48 pixels, got \(32, 32, 3\)"),
        (
            lambda i: _with_layer(i, "near_uv", np.full((48, 48, 2), np.nan, np.float32)),
            r"sample 0: expected finite near_uv, got 4608 NaN",
        ),
        (
            lambda i: _with_asset(i, {"id": "scan", "licence": "CC-BY-4.0", "credit": " "}),
            r"sample 0: expected a credit line for asset 'scan' under CC-BY-4\.0, got none",
        ),
        (
            lambda i: _with_asset(i, {"id": "both", "licence": "MIT AND CC-BY-3.0", "credit": ""}),
            r"expected a credit line for asset 'both'",
        ),
        (lambda i: _with_asset(i, {"id": "scan", "licence": ""}), r"expected an asset with id and licence"),
    ],
)
def test_a_sample_that_breaks_the_promise_leaves_no_shard(tmp_path, make, message):
    with pytest.raises(DatabaseError, match=message):
        _write(tmp_path, fake_run(), make=make)
    assert list(tmp_path.iterdir()) == []


def test_too_few_samples_leave_no_shard(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_shard(tmp_path, fake_run(), 0, [fake_sample(0)])
    assert list(tmp_path.iterdir()) == []


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"
    write_file(path, b"old")

    def fail():
        with appearing(path) as file:
            file.write(b"ne")
            assert path.read_bytes() == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert path.read_bytes() == b"old"
    write_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_run_returns_from_its_file(tmp_path):
    run = fake_run(seed=0)
    write_run(tmp_path, run)
    assert read_run(tmp_path) == run
    write_run(tmp_path, run)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"pairs": 9}, "pairs is 5 there and 9 here"),
        ({"recipe": {"near_m": [0.3, 0.6], "background": "black"}}, r"recipe\.near_m is \[0\.3, 0\.5\] there and"),
        ({"recipe": {"near_m": [0.3, 0.5]}}, r"recipe\.background is 'black' there and None here"),
        ({"version": "1"}, "version is '0' there and '1' here"),
        ({"layers": ("near_rgb",)}, "layers is "),
    ],
)
def test_another_run_is_refused_by_the_field_that_differs(tmp_path, changes, difference):
    write_run(tmp_path, fake_run())
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(DatabaseError, match=rf"holds another run: {difference}.*choose another folder"):
        write_run(tmp_path, fake_run(**changes))
    assert (tmp_path / "run.json").read_bytes() == before


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 99}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_run_file_is_one_clear_error(tmp_path, text):
    (tmp_path / "run.json").write_bytes(text)
    with pytest.raises(DatabaseError, match=r"run\.json: expected .*got "):
        read_run(tmp_path)


def test_a_run_of_impossible_numbers_is_refused():
    with pytest.raises(DatabaseError, match="pairs: expected an integer >= 1, got 0"):
        fake_run(pairs=0)
    with pytest.raises(DatabaseError, match="pairs: expected at most 100000000, as keys have 8 digits"):
        fake_run(pairs=10**8 + 1)
    with pytest.raises(DatabaseError, match="expected names of the table in its order"):
        fake_run(layers=("far_rgb", "near_rgb"))
    with pytest.raises(DatabaseError, match="expected names of the table"):
        fake_run(layers=("rgb",))


def test_indices_cover_the_run_once():
    run = fake_run(pairs=11, shard_pairs=4)
    assert run.shards == 3
    assert [i for s in range(run.shards) for i in run.indices(s)] == list(range(11))


def test_a_foreign_folder_is_refused_and_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(DatabaseError, match=r"'thesis\.txt' and no run\.json; nothing was touched"),
        writing(tmp_path, fake_run()),
    ):
        pytest.fail("entered")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_second_writer_is_refused(tmp_path):
    refused = pytest.raises(DatabaseError, match="live run holds its lock")
    with writing(tmp_path, fake_run()), refused, writing(tmp_path, fake_run()):
        pytest.fail("entered")
    with writing(tmp_path, fake_run()):
        pass


def test_only_parts_of_dead_processes_are_removed(tmp_path):
    write_run(tmp_path, fake_run())
    mine, dead = f".shard-000001.tar.{os.getpid()}.part", f".shard-000000.tar.{DEAD}.part"
    keep = ["notes.txt", ".hidden", "shard-000000.tar.part", f".film.mp4.{DEAD}.part", mine]
    for name in (*keep, dead):
        (tmp_path / name).write_bytes(b"x")
    with writing(tmp_path, fake_run()):
        names = {p.name for p in tmp_path.iterdir()}
    assert names == {*keep, "run.json", ".lock"}


def test_a_folder_killed_before_its_run_file_goes_on(tmp_path):
    (tmp_path / ".lock").touch()
    (tmp_path / f".run.json.{DEAD}.part").write_bytes(b"{")
    with writing(tmp_path, fake_run()):
        assert read_run(tmp_path) == fake_run()


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (errno.ENOSPC, "free some space and run the same command again; finished shards are kept"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "choose a folder you may write to"),
        (errno.EACCES, "choose a folder you may write to"),
        (errno.EIO, "check the path"),
    ],
)
def test_system_errors_say_what_to_do(tmp_path, code, step):
    with (
        pytest.raises(DatabaseError, match=rf"{tmp_path}.*expected .*got {os.strerror(code)}; {step}"),
        explained(tmp_path),
    ):
        raise OSError(code, os.strerror(code))


def test_a_full_disk_leaves_finished_shards_and_no_parts(tmp_path, monkeypatch):
    run = fake_run()
    _write(tmp_path, run, 0)

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards.appearing.__globals__["os"], "fsync", full)
    with pytest.raises(DatabaseError, match="free some space"), explained(tmp_path):
        _write(tmp_path, run, 1)
    monkeypatch.undo()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shard-000000.json", "shard-000000.tar"]
    assert finished(tmp_path, run, 0)


def test_a_path_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    refused = pytest.raises(DatabaseError, match="expected to read and write here, got Not a directory")
    with refused, writing(tmp_path / "file" / "out", fake_run()):
        pytest.fail("entered")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(DatabaseError, match="got File exists"), writing(tmp_path / "out", fake_run()):
        pytest.fail("entered")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DatabaseError, match="choose a folder you may write to"), writing(tmp_path, fake_run()):
        pytest.fail("entered")
    tmp_path.chmod(0o700)


def test_json_is_canonical_and_finite():
    assert to_json({"b": 1, "a": "é"}) == '{\n  "a": "é",\n  "b": 1\n}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))
    assert isinstance(fake_run(), Run)
