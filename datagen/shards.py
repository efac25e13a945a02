"""Shards: WebDataset-style tar files, a function of their samples alone, each vouched for by a side file.

The side file `shard-000003.json` is written after the tar has been synced; a tar without one is made again.
"""

import hashlib
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from datagen.codecs import META_MEMBER, encode_layer, member_suffix
from datagen.database import DatabaseError, Run, appearing, read_json, shard_name, to_json, write_file
from datagen.licences import credit_missing
from datagen.sample import Sample

BLOCK = tarfile.BLOCKSIZE
"""A tar member is one 512-byte header, then its data padded to 512 bytes."""


@dataclass(frozen=True)
class ShardRecord:
    """What the side file says of a finished shard.

    Attributes:
        name: file name of the tar.
        sha256, bytes: of the tar.
        keys: sample keys in order.
        digests: per sample, the sha256 of its part of the tar, headers and padding included.
        sizes: per sample, the size in bytes of each member in order; see `offsets`.
        people: per sample, the person's id.
        models: per sample, the head model's name.
        splits: per sample, "train", "val" or "test".
        assets: every asset the samples used, by id: {"id", "licence", "credit", "source", "sha256"}.
    """

    name: str
    sha256: str
    bytes: int
    keys: tuple[str, ...]
    digests: tuple[str, ...]
    sizes: tuple[tuple[int, ...], ...]
    people: tuple[str, ...]
    models: tuple[str, ...]
    splits: tuple[str, ...]
    assets: tuple[dict[str, str], ...]


PER_SAMPLE = ("keys", "digests", "sizes", "people", "models", "splits")
"""Columns of a record with one entry a sample."""


def members(layers: Iterable[str]) -> tuple[str, ...]:
    """Member suffixes of a sample in storage order: the layers, then the record."""
    return (*(member_suffix(name) for name in layers), META_MEMBER)


def offsets(sizes: np.ndarray) -> np.ndarray:
    """Where each member's data begins in its tar.

    Args:
        sizes: (N, M) int64, bytes of each member, N samples of M members.

    Returns:
        (N, M) int64.
    """
    blocks = 1 + -(-sizes.ravel() // BLOCK)
    starts = np.concatenate([[0], np.cumsum(blocks[:-1])]) if blocks.size else blocks
    return (starts * BLOCK + BLOCK).reshape(sizes.shape)


def write_shard(folder: Path, run: Run, shard: int, samples: Iterable[Sample]) -> ShardRecord:
    """Writes a shard and its side file, each whole or not at all.

    Args:
        folder: of the database.
        run: what the folder promises; its layers are written, in its order.
        shard: number of the shard.
        samples: exactly the run's samples of that shard, in order.

    Returns:
        The side file's content.

    Raises:
        DatabaseError: where a sample is not what the run promised. OSError passes through.
    """
    path = folder / shard_name(shard)
    rows, whole = [], hashlib.sha256()
    with appearing(path) as file:
        for index, sample in zip(run.indices(shard), samples, strict=True):
            rows.append(append_sample(file, whole, sample, encode_sample(run, index, sample)))
        end = bytes(2 * BLOCK + -(file.tell() + 2 * BLOCK) % tarfile.RECORDSIZE)
        file.write(end)
        whole.update(end)
    record = ShardRecord(path.name, whole.hexdigest(), path.stat().st_size, **_columns(rows))
    write_file(side_file(path), to_json(asdict(record), indent=None))
    return record


def append_sample(file: BinaryIO, whole: "hashlib._Hash", sample: Sample, encoded: dict[str, bytes]) -> dict[str, Any]:
    """Writes a sample's part of a shard into its file and into the shard's checksum.

    Returns:
        The sample's row of the side file, by column, and its assets.
    """
    blob = _tar_entries(sample.key, encoded)
    file.write(blob)
    whole.update(blob)
    return _summary(sample, encoded, blob)


def _tar_entries(key: str, encoded: dict[str, bytes]) -> bytes:
    """A sample's part of a tar: header, data and padding of each member."""
    parts = [
        (_header(f"{key}.{suffix}", len(data)), data, bytes(-len(data) % BLOCK)) for suffix, data in encoded.items()
    ]
    return b"".join(piece for part in parts for piece in part)


def _header(name: str, size: int) -> bytes:
    """A header without time, place or owner, so that equal content gives equal bytes."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)


def encode_sample(run: Run, index: int, sample: Sample) -> dict[str, bytes]:
    """Member bytes by suffix, in storage order. Raises DatabaseError for a sample that was not promised."""
    missing = [name for name in run.layers if name not in sample.layers]
    if sample.index != index or sample.meta.get("key") != sample.key or missing:
        raise DatabaseError(
            f"sample {index}: expected index {index}, key {index:08d} and the layers of the run, got index "
            f"{sample.index}, key {sample.meta.get('key')!r}, missing {missing}; mend the renderer."
        )
    encoded = {member_suffix(name): _encode(run, sample, name) for name in run.layers}
    return {**encoded, META_MEMBER: to_json(sample.meta, indent=None)}


def _encode(run: Run, sample: Sample, name: str) -> bytes:
    array = sample.layers[name]
    if array.shape[:2] != (run.height, run.width):
        raise DatabaseError(
            f"sample {sample.index}: expected {name} of {run.height} x {run.width} pixels, got "
            f"{array.shape}; mend the renderer."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatabaseError(
            f"sample {sample.index}: expected finite {name}, got {np.count_nonzero(~np.isfinite(array))} "
            "NaN or infinite values; mend the renderer."
        )
    return encode_layer(name, array, run.storage)


def _summary(sample: Sample, encoded: dict[str, bytes], blob: bytes) -> dict[str, Any]:
    """What the side file needs of a record; a missing licence or credit stops the run here."""
    meta = sample.meta
    for asset in meta["assets"]:
        missing = credit_missing(asset)
        if missing:
            raise DatabaseError(f"sample {sample.index}: {missing}; name it where the asset is declared.")
    person = meta["person"]
    return {
        "keys": sample.key,
        "digests": hashlib.sha256(blob).hexdigest(),
        "sizes": tuple(len(data) for data in encoded.values()),
        "people": str(person["id"]),
        "models": str(person["model"]),
        "splits": meta["split"],
        "assets": meta["assets"],
    }


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows as columns; assets become one list without repeats, sorted by id."""
    columns = {name: tuple(row[name] for row in rows) for name in PER_SAMPLE}
    assets = {to_json(asset): asset for row in rows for asset in row["assets"]}
    return {**columns, "assets": tuple(assets[text] for text in sorted(assets))}


def side_file(tar: Path) -> Path:
    """The JSON file beside a shard."""
    return tar.with_suffix(".json")


def read_record(tar: Path) -> ShardRecord:
    """The side file of a shard. Raises DatabaseError where it is missing or damaged."""
    value = read_json(side_file(tar))
    if set(value) != {field.name for field in fields(ShardRecord)}:
        raise DatabaseError(f"{side_file(tar)}: expected a shard's record, got the fields {sorted(value)}; delete it.")
    try:
        record = ShardRecord(**{name: _frozen(entry) for name, entry in value.items()})
        fits = record.name == tar.name and _columns_fit(record)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise DatabaseError(
            f"{side_file(tar)}: expected a shard's record, got columns that do not fit together; "
            "delete it and run the generating command again."
        )
    return record


def _columns_fit(record: ShardRecord) -> bool:
    columns = {name: getattr(record, name) for name in PER_SAMPLE}
    sizes = np.array(columns.pop("sizes"), np.int64)
    texts = [text for column in columns.values() for text in column]
    return (
        sizes.ndim == 2
        and 0 <= sizes.min() <= sizes.max() < record.bytes
        and {len(column) for column in columns.values()} == {len(sizes)}
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(asset, dict) for asset in record.assets)
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(entry) for entry in value) if isinstance(value, list) else value


def finished(folder: Path, run: Run, shard: int) -> ShardRecord | None:
    """The shard's record where it is whole on disk and holds what the run promises, else None."""
    tar = folder / shard_name(shard)
    try:
        record = read_record(tar)
        whole = tar.stat().st_size == record.bytes
    except (DatabaseError, OSError):
        return None
    return record if whole and fits(record, run, shard) else None


def fits(record: ShardRecord, run: Run, shard: int) -> bool:
    """Whether a record lists the samples and the layers that the run promises of that shard."""
    keys = tuple(f"{index:08d}" for index in run.indices(shard))
    return record.keys == keys and {len(row) for row in record.sizes} == {len(members(run.layers))}
