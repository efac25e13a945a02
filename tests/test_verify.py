"""The validator: silent on a good set, and every kind of planted damage is named with shard and sample."""

import contextlib
import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from damage import RUN, SHARD, assert_named, full_sample
from fake import fake_run, fake_sample

from datagen.database import DatabaseError
from datagen.engine import generate
from datagen.planes import HEADER
from datagen.shards import BLOCK, members, offsets, read_record, side_file
from datagen.verify import Finding, verify


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("verify") / "out"
    generate(RUN, out, full_sample)
    return out


@pytest.fixture
def folder(good, tmp_path) -> Path:
    shutil.copytree(good, tmp_path / "out")
    return tmp_path / "out"


def test_a_good_set_is_fine(good):
    seen = []
    report = verify(good, lambda done, total: seen.append((done, total)))
    assert report.ok
    assert (report.shards, report.samples, report.expected) == (2, 4, 4)
    assert "4 of 4 samples in 2 shards: every byte read, nothing wrong" in str(report)
    assert seen[-1] == (4, 4)


def test_layers_may_be_left_out(tmp_path):
    run = fake_run(pairs=2, layers=("near_rgb", "flow_near_to_far"))
    generate(run, tmp_path, fake_sample)
    assert verify(tmp_path).ok


def test_verifying_changes_nothing(good):
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in good.iterdir()}
    verify(good)
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in good.iterdir()} == before


def test_a_renamed_person_is_told_from_the_side_file(folder):
    _edit_side(folder, people=["fake-001", "someone"])
    assert_named(verify(folder), "split")


def _edit_side(folder, **changes):
    side = side_file(folder / SHARD)
    side.write_text(json.dumps(json.loads(side.read_text()) | changes))


def _member_place(folder, suffix):
    record = read_record(folder / SHARD)
    column = members(RUN.layers).index(suffix)
    return int(offsets(np.array(record.sizes))[1, column]), record.sizes[1][column]


def _patch(path, place, data):
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(data)


@pytest.mark.parametrize("suffix", ["near_rgb.png", "flow_near_to_far.planes", "meta.json", "far_surface.png"])
def test_a_flipped_byte_in_a_member_is_named(folder, suffix):
    place, size = _member_place(folder, suffix)
    data = (folder / SHARD).read_bytes()[place + size // 2]
    _patch(folder / SHARD, place + size // 2, bytes([data ^ 4]))
    assert_named(verify(folder), "checksum")


def test_a_member_of_another_size_or_type_is_named(folder):
    place, _ = _member_place(folder, "near_depth_axis_m.planes")
    header = HEADER.pack(b"PLN1", b"<f8", 48, 48, 0, 1)
    _patch(folder / SHARD, place, header)
    assert_named(verify(folder), "decode")


def test_a_damaged_header_loses_one_member_alone(folder):
    place, _ = _member_place(folder, "near_uv.planes")
    _patch(folder / SHARD, place - BLOCK + 20, b"\xff\xff")
    report = verify(folder)
    for kind in ("tar", "missing-member", "checksum"):
        assert_named(report, kind)
    assert sum(f.kind == "missing-member" for f in report.findings) == 1


def _members(path):
    """(header, padded data) blocks of a shard, without its end."""
    data, blocks, at = path.read_bytes(), [], 0
    while data[at : at + BLOCK].strip(b"\0"):
        size = int(data[at + 124 : at + 135], 8)
        end = at + BLOCK - (-size // BLOCK) * BLOCK
        blocks.append(data[at:end])
        at = end
    return blocks


def _rewrite(path, blocks):
    data = b"".join(blocks) + bytes(2 * BLOCK)
    path.write_bytes(data + bytes(-len(data) % 10240))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("missing-member", lambda b: b[:-3] + b[-2:]),
        ("duplicate-member", lambda b: [*b, b[-1]]),
        ("extra-member", lambda b: [*b, b[-1].replace(b"meta.json", b"note.json")]),
        ("member-order", lambda b: [*b[:-2], b[-1], b[-2]]),
    ],
)
def test_members_that_do_not_belong_are_named(folder, kind, change):
    blocks = change(_members(folder / SHARD))
    fixed = [_with_checksum(block) for block in blocks]
    _rewrite(folder / SHARD, fixed)
    assert_named(verify(folder), kind)


def _with_checksum(block):
    header = block[:148] + b" " * 8 + block[156:BLOCK]
    return header[:148] + f"{sum(header):06o}\0 ".encode() + header[156:] + block[BLOCK:]


def test_a_cut_shard_is_named(folder):
    place, size = _member_place(folder, "far_normal.planes")
    os.truncate(folder / SHARD, place + size // 2)
    report = verify(folder)
    assert_named(report, "cut")
    assert any(f.kind == "size" and f.shard == SHARD for f in report.findings)


def test_bytes_after_the_end_are_named(folder):
    with open(folder / SHARD, "ab") as file:
        file.write(bytes(BLOCK))
    assert {(f.kind, f.shard) for f in verify(folder).findings} == {("size", SHARD), ("checksum", SHARD)}


def test_a_flipped_byte_in_the_padding_is_named(folder):
    _patch(folder / SHARD, (folder / SHARD).stat().st_size - 5, b"x")
    report = verify(folder)
    assert ("checksum", SHARD, "") in {(f.kind, f.shard, f.sample) for f in report.findings}


@pytest.mark.parametrize(
    ("kind", "shard", "damage"),
    [
        ("missing-shard", SHARD, lambda d: (d / SHARD).unlink()),
        ("size", SHARD, lambda d: os.truncate(d / SHARD, 0)),
        ("side-file", SHARD, lambda d: side_file(d / SHARD).unlink()),
        ("side-file", SHARD, lambda d: side_file(d / SHARD).write_text("{")),
        ("extra-shard", "shard-000009.tar", lambda d: shutil.copy(d / SHARD, d / "shard-000009.tar")),
        ("index", "", lambda d: (d / "index.json").unlink()),
        ("index", "", lambda d: (d / "index.json").write_text("[1")),
        ("index", "", lambda d: _edit_index(d, counts={"samples": 5})),
        ("index", "", lambda d: _edit_index(d, shards=[])),
        ("index", "", lambda d: _edit_index(d, splits={})),
        ("card", "", lambda d: (d / "README.md").unlink()),
        ("card", "", lambda d: (d / "README.md").write_bytes(b"\xff\xfe")),
        ("licence", "", lambda d: (d / "README.md").write_text("# A set without its credits")),
    ],
)
def test_damage_to_the_folder_is_named(folder, kind, shard, damage):
    damage(folder)
    report = verify(folder)
    assert (kind, shard) in {(f.kind, f.shard) for f in report.findings}
    assert not report.ok


def _edit_index(folder, **changes):
    path = folder / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_unfinished_set_is_not_fine(folder):
    for path in folder.glob("shard-000001.*"):
        path.unlink()
    (folder / "index.json").unlink()
    report = verify(folder)
    assert {f.kind for f in report.findings} == {"missing-shard", "index"}
    assert "2 of 4 samples in 1 shards" in str(report)
    assert "Run the generating command again; it makes what is missing." in str(report)


def test_the_step_named_in_a_report_mends_the_set(folder, good):
    place, _ = _member_place(folder, "near_rgb.png")
    _patch(folder / SHARD, place, b"????")
    report = verify(folder)
    assert "Delete the shards named and run the generating command again" in str(report)
    for name in {f.shard for f in report.findings} - {""}:
        (folder / name).unlink()
    generate(RUN, folder, full_sample)
    assert verify(folder).ok
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {p.name: p.read_bytes() for p in good.iterdir()}


def test_no_database_is_an_error(tmp_path):
    with pytest.raises(DatabaseError, match="expected a database"):
        verify(tmp_path)


def test_long_reports_are_cut(good):
    report = verify(good)
    many = dataclasses.replace(report, findings=tuple(_many_findings()))
    assert str(many).count("\n") == 51
    assert "... and 30 more" in str(many)


def _many_findings():
    return [Finding("flow", SHARD, f"{i:08d}", "expected 0, got 1") for i in range(80)]


def test_every_flipped_byte_is_found_and_nothing_escapes(folder):
    tar = folder / SHARD
    whole = tar.read_bytes()
    rng = np.random.Generator(np.random.Philox(11))
    for place, mask in zip(rng.integers(0, len(whole), 40), rng.integers(1, 256, 40), strict=True):
        tar.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
        report = verify(folder)
        assert any(f.shard == SHARD for f in report.findings)
        assert {f.shard for f in report.findings} <= {SHARD, ""}


def test_every_cut_is_found_and_nothing_escapes(folder):
    tar = folder / SHARD
    whole = tar.read_bytes()
    rng = np.random.Generator(np.random.Philox(12))
    for length in sorted(rng.integers(0, len(whole), 25), reverse=True):
        os.truncate(tar, length)
        assert any(f.kind in ("size", "checksum") for f in verify(folder).findings)


@pytest.mark.parametrize("name", ["run.json", "index.json", "shard-000001.json", "README.md"])
def test_damaged_text_never_escapes(folder, name):
    path = folder / name
    whole = path.read_bytes()
    rng = np.random.Generator(np.random.Philox(13))
    for place in rng.integers(0, len(whole), 25):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ rng.integers(1, 256)]) + whole[place + 1 :])
        _reports_or_refuses(folder)
        path.write_bytes(whole[:place])
        _reports_or_refuses(folder)


def _reports_or_refuses(folder):
    with contextlib.suppress(DatabaseError):
        assert str(verify(folder))
