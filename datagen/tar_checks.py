"""Reads a shard that may be damaged: every header, member and checksum, going on after each error.

Nothing is extracted to disk and nothing outside the file's own bytes is believed.
"""

import hashlib
import mmap
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datagen.shards import BLOCK, ShardRecord, members, offsets

TarIssue = tuple[str, str, str]
"""(kind, key or "", message)."""
Places = dict[str, dict[str, tuple[int, int]]]
"""Where members lie, (first byte, size), by key, then by suffix."""

_END = b"\0" * BLOCK


@dataclass(frozen=True)
class _Member:
    """A member found in a tar; `start` is where its data begins. A damaged header has an empty name."""

    name: str
    start: int
    size: int


def survey(
    tar: Path, keys: Sequence[str], layers: Sequence[str], record: ShardRecord | None
) -> tuple[Places, list[TarIssue]]:
    """Where everything lies that can still be read of a shard, and everything wrong with it as a file.

    Args:
        tar: the file.
        keys: samples it should hold, in order.
        layers: layers each should have, in order.
        record: its side file, or None where that is lost; then nothing vouches for the bytes.

    Returns:
        The places and the issues.
    """
    if not tar.stat().st_size:
        return {}, [("size", "", "expected a tar, got an empty file")]
    with open(tar, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = list(_walk(data))
        places, issues = _sorted_out(len(data), found, keys, members(layers))
        if record is not None:
            issues += _checksums(data, record)
    return places, issues


def read_sample(tar: Path, places: dict[str, tuple[int, int]]) -> dict[str, bytes]:
    """A sample's members by suffix, read from the places that `survey` found."""
    members_read = {}
    with open(tar, "rb") as file:
        for suffix, (start, size) in places.items():
            file.seek(start)
            members_read[suffix] = file.read(size)
    return members_read


def _walk(data: mmap.mmap) -> Iterator[_Member]:
    """Members in file order; after a damaged header it goes on at the next block that is one."""
    at, lost = 0, False
    while at + BLOCK <= len(data):
        block = data[at : at + BLOCK]
        at += BLOCK
        if block == _END:
            continue
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
            if info.size < 0 or not info.name:
                raise tarfile.HeaderError("no name or a negative size")
        except (tarfile.HeaderError, ValueError):
            if not lost:
                yield _Member("", at, 0)
            lost = True
            continue
        lost = False
        yield _Member(info.name, at, info.size)
        at += -(-info.size // BLOCK) * BLOCK


def _sorted_out(
    length: int, found: list[_Member], keys: Sequence[str], suffixes: Sequence[str]
) -> tuple[Places, list[TarIssue]]:
    """Members by key and suffix; what is missing, double, foreign, cut or out of order."""
    expected = [f"{key}.{suffix}" for key in keys for suffix in suffixes]
    known, counts = set(expected), Counter(member.name for member in found)
    places: Places = {key: {} for key in keys}
    issues: list[TarIssue] = []
    last = keys[0] if keys else ""
    for member in found:
        key, _, suffix = member.name.partition(".")
        if not member.name:
            issues.append(("tar", last, f"expected a tar header at byte {member.start - BLOCK}, got damage"))
        elif member.name not in known:
            issues.append(("extra-member", key if key in places else "", f"expected no {member.name!r}"))
        elif member.start + member.size > length:
            issues.append(("cut", key, f"expected {member.size} bytes of {member.name}, the file ends before"))
        else:
            places[key].setdefault(suffix, (member.start, member.size))
            last = key
    for name in expected:
        if counts[name] != 1:
            kind = "duplicate-member" if counts[name] else "missing-member"
            issues.append((kind, name.partition(".")[0], f"expected {name} once, got it {counts[name]} times"))
    names = [member.name for member in found]
    if not issues and names != expected:
        place = next(i for i, pair in enumerate(zip(names, expected, strict=True)) if pair[0] != pair[1])
        key = expected[place].partition(".")[0]
        issues.append(("member-order", key, f"expected {expected[place]}, got {names[place]} in its place"))
    return places, issues


def _checksums(data: mmap.mmap, record: ShardRecord) -> Iterator[TarIssue]:
    """The shard's checksum, and those of its samples to say where it broke."""
    if len(data) != record.bytes:
        yield "size", "", f"expected {record.bytes} bytes, got {len(data)}"
    if hashlib.sha256(data).hexdigest() == record.sha256:
        return
    sizes = np.array(record.sizes, np.int64)
    starts = offsets(sizes)[:, 0] - BLOCK
    lengths = (BLOCK - (-sizes // BLOCK) * BLOCK).sum(axis=1)
    broken = 0
    for key, start, length, digest in zip(record.keys, starts, lengths, record.digests, strict=True):
        if hashlib.sha256(data[start : start + length]).hexdigest() != digest:
            broken += 1
            yield "checksum", key, "expected the bytes that were written, got others"
    if not broken:
        yield "checksum", "", f"expected sha256 {record.sha256}, got another: bytes between samples changed"
