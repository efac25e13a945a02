"""Re-reads every byte of a database and names what is wrong, by kind, shard and sample.

It trusts nothing: checksums, headers, members, layers, cameras, masks, splits and credits are derived again.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from datagen.card import gathered_assets, index
from datagen.checks import Issue, check_layers
from datagen.codecs import META_MEMBER, decode_layer, member_suffix
from datagen.database import (
    CARD_FILE,
    INDEX_FILE,
    RUN_FILE,
    DatabaseError,
    Run,
    explained,
    read_json,
    read_run,
    shard_name,
)
from datagen.licences import notices
from datagen.planes import CodecError, is_raw
from datagen.progress import OnProgress, silent
from datagen.record_checks import cameras_of, check_landmarks, check_record
from datagen.shards import ShardRecord, read_record
from datagen.storage import FAST
from datagen.tar_checks import read_sample, survey


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: what sort of damage ("checksum", "flow", "split" ...).
        shard: file name, or "" where it concerns the whole set.
        sample: key, or "" where it concerns a whole shard.
        message: expected and got.
    """

    kind: str
    shard: str
    sample: str
    message: str

    def __str__(self) -> str:
        place = " ".join(part for part in (self.shard, self.sample) if part) or "set"
        return f"{self.kind}: {place}: {self.message}"


@dataclass(frozen=True)
class Report:
    """What a verification found.

    Attributes:
        path: the folder.
        shards, samples: read and checked.
        expected: samples the run promised.
        findings: everything wrong, in storage order; empty for a good set.
    """

    path: Path
    shards: int
    samples: int
    expected: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.findings

    def __str__(self) -> str:
        read = f"{self.path}: {self.samples} of {self.expected} samples in {self.shards} shards"
        if self.ok:
            return f"{read}: every byte read, nothing wrong."
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(Counter(f.kind for f in self.findings).items()))
        lines = [str(finding) for finding in self.findings[:50]]
        more = [f"... and {len(self.findings) - 50} more"] if len(self.findings) > 50 else []
        broken = {f.shard for f in self.findings} - {f.shard for f in self.findings if f.kind == "missing-shard"}
        delete = "Delete the shards named and run" if broken - {""} else "Run"
        step = f"{delete} the generating command again; it makes what is missing."
        return "\n".join([*lines, *more, f"{read}: {len(self.findings)} findings ({kinds}). {step}"])


@dataclass
class _Tally:
    """What the shards say together, to compare with the index and to catch people in two splits."""

    findings: list[Finding] = field(default_factory=list)
    records: list[ShardRecord] = field(default_factory=list)
    homes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    samples: int = 0
    shards: int = 0


def verify(path: Path | str, progress: OnProgress = silent) -> Report:
    """Checks a database folder, finished or not; a gap is a finding.

    Args:
        path: the folder.
        progress: told the samples checked and the samples there should be.

    Raises:
        DatabaseError: there is no database here, or it cannot be read at all.
    """
    folder = Path(path)
    run, tally = read_run(folder), _Tally()
    with explained(folder):
        progress(0, run.pairs)
        for shard in range(run.shards):
            _verify_shard(folder, run, shard, tally, progress)
        tally.findings += _set_findings(folder, run, tally)
    return Report(folder, tally.shards, tally.samples, run.pairs, tuple(tally.findings))


def _verify_shard(folder: Path, run: Run, shard: int, tally: _Tally, progress: OnProgress) -> None:
    tar = folder / shard_name(shard)
    if not tar.is_file():
        tally.findings.append(Finding("missing-shard", tar.name, "", f"expected {tar.name}, found none"))
        return
    record = _side_record(tar, tally)
    keys = [f"{i:08d}" for i in run.indices(shard)]
    places, issues = survey(tar, keys, run.layers, record)
    tally.findings += [Finding(kind, tar.name, key, message) for kind, key, message in issues]
    tally.shards += 1
    for place, key in enumerate(keys):
        members = read_sample(tar, places.get(key, {}))
        tally.samples += bool(members)
        tally.findings += [Finding(kind, tar.name, key, text) for kind, text in _sample_issues(run, key, members)]
        meta = _parsed(members.get(META_MEMBER, b"{}"))
        tally.findings += _identity_findings(tar.name, key, place, meta, record, tally)
        progress(int(key) + 1, run.pairs)


def _side_record(tar: Path, tally: _Tally) -> ShardRecord | None:
    try:
        record = read_record(tar)
    except DatabaseError as error:
        tally.findings.append(Finding("side-file", tar.name, "", str(error)))
        return None
    tally.records.append(record)
    return record


def _sample_issues(run: Run, key: str, members: Mapping[str, bytes]) -> Iterator[Issue]:
    """Decodes a sample's members and checks what they say; absent members have been reported already."""
    layers: dict[str, np.ndarray] = {}
    for name in run.layers:
        try:
            if member_suffix(name) in members:
                layers[name] = decode_layer(name, members[member_suffix(name)], run.height, run.width)
                yield from _storage_issues(run, member_suffix(name), members[member_suffix(name)])
        except CodecError as error:
            yield "decode", f"{member_suffix(name)}: {error}"
    if META_MEMBER not in members:
        return
    meta = _parsed(members[META_MEMBER])
    if meta is None:
        yield "record", f"{META_MEMBER}: expected a JSON object with finite numbers, got other text"
        return
    yield from check_record(run, key, meta)
    try:
        cameras = cameras_of(run, meta)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        yield "camera", f"expected two cameras in the record, got {type(error).__name__}: {error}"
        return
    yield from check_layers(layers, cameras)
    yield from check_landmarks(layers, cameras, meta)


def _storage_issues(run: Run, suffix: str, data: bytes) -> Iterator[Issue]:
    """Numbers that were not stored as the run says: they can be read, but the run would not write them so."""
    if suffix.endswith(".planes") and is_raw(data) != (run.storage == FAST):
        yield "storage", f"{suffix}: expected {run.storage} storage as {RUN_FILE} says, got the other"


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"expected finite numbers, got {constant}")


def _identity_findings(
    tar: str, key: str, place: int, meta: Mapping[str, Any] | None, record: ShardRecord | None, tally: _Tally
) -> Iterator[Finding]:
    """The person and split of a record against its side file and against every sample before it."""
    person = meta.get("person") if meta else None
    if not meta or not isinstance(person, dict) or not person.get("id"):
        return
    identity, split = str(person["id"]), str(meta.get("split"))
    if record and place < len(record.keys) and (record.people[place], record.splits[place]) != (identity, split):
        there = f"{record.people[place]} in {record.splits[place]}"
        yield Finding("split", tar, key, f"expected the side file's {there}, got {identity} in {split}")
    home = tally.homes.setdefault(identity, (split, tar, key))
    if home[0] != split:
        yield Finding("split", tar, key, f"expected {identity} in {home[0]} as in {home[2]}, got {split}: a leak")


def _set_findings(folder: Path, run: Run, tally: _Tally) -> Iterator[Finding]:
    """Index, card and files that should not be there."""
    expected = {shard_name(shard) for shard in range(run.shards)}
    for extra in sorted(p.name for p in folder.glob("shard-*.tar") if p.name not in expected):
        yield Finding("extra-shard", extra, "", f"expected shards {min(expected)} to {max(expected)}, got one more")
    if not (folder / INDEX_FILE).exists():
        yield Finding("index", "", "", f"expected {INDEX_FILE}, found none: the run is not finished")
        return
    yield from _index_findings(folder, run, tally.records)
    try:
        card = (folder / CARD_FILE).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        card = ""
    if not card:
        yield Finding("card", "", "", f"expected {CARD_FILE}, found none that can be read")
        return
    for asset in gathered_assets(tally.records):
        if str(asset.get("credit", "")) not in card:
            yield Finding("licence", "", "", f"expected the credit {asset['credit']!r} in {CARD_FILE}, found none")
    for text in notices(gathered_assets(tally.records)):
        if text not in card:
            yield Finding("licence", "", "", f"expected the text {text.splitlines()[0]!r} in {CARD_FILE}, found none")


def _index_findings(folder: Path, run: Run, records: list[ShardRecord]) -> Iterator[Finding]:
    try:
        there = read_json(folder / INDEX_FILE)
    except DatabaseError as error:
        yield Finding("index", "", "", str(error))
        return
    if len(records) < run.shards:
        return  # The missing shards have been named; the sums cannot agree.
    for name, value in json.loads(json.dumps(index(run, records))).items():
        if there.get(name) != value:
            yield Finding("index", "", "", f"expected {name} as the shards say, got {_shown(there.get(name))}")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."
