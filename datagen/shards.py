"""Shards: WebDataset-style tar files whose bytes depend on their samples alone, each with a side file that vouches for it.

The side file `shard-000003.json` is written after the tar has been synced; a tar without one is made again.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from datagen.codecs import META_MEMBER, encode_layer, member_suffix
from datagen.database import DatabaseError, Run, appearing, read_json, shard_name, to_json, write_file
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
        sizes: per sample, the size in bytes of each member in order; offsets follow from them (see `offsets`).
        people: per sample, the person's id.
        models: per sample, the head model's name.
        splits: per sample, "train", "val" or "test".
        assets: every asset the samples used, by id: {"id", "licence", "credit", "source"}.
    """

    name: str
    sha256: str
    bytes: int
    keys: tuple[str, ...]
    sizes: tuple[tuple[int, ...], ...]
    people: tuple[str, ...]
    models: tuple[str, ...]
    splits: tuple[str, ...]
    assets: tuple[dict[str, str], ...]


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
    rows, sizes = [], []
    with appearing(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for index, sample in zip(run.indices(shard), samples, strict=True):
            encoded = encode_sample(run, index, sample)
            sizes.append(tuple(len(data) for data in encoded.values()))
            rows.append(_summary(sample))
            for suffix, data in encoded.items():
                tar.addfile(_header(f"{sample.key}.{suffix}", len(data)), io.BytesIO(data))
    record = ShardRecord(path.name, sha256_of(path), path.stat().st_size, sizes=tuple(sizes), **_columns(rows))
    write_file(side_file(path), to_json(asdict(record)))
    return record


def encode_sample(run: Run, index: int, sample: Sample) -> dict[str, bytes]:
    """Member bytes by suffix, in storage order. Raises DatabaseError where the sample breaks the run's promise."""
    missing = [name for name in run.layers if name not in sample.layers]
    if sample.index != index or sample.meta.get("key") != sample.key or missing:
        raise DatabaseError(
            f"sample {index}: expected index {index}, key {index:08d} and the layers of the run, got index "
            f"{sample.index}, key {sample.meta.get('key')!r}, without {missing or 'none missing'}; mend the renderer."
        )
    encoded = {member_suffix(name): _encode(run, sample, name) for name in run.layers}
    return {**encoded, META_MEMBER: to_json(sample.meta)}


def _encode(run: Run, sample: Sample, name: str) -> bytes:
    array = sample.layers[name]
    if array.shape[:2] != (run.height, run.width):
        raise DatabaseError(
            f"sample {sample.index}: expected {name} of {run.height} x {run.width} pixels, got {array.shape}; "
            "mend the renderer."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatabaseError(
            f"sample {sample.index}: expected finite {name}, got {np.count_nonzero(~np.isfinite(array))} NaN or "
            "infinite values; mend the renderer."
        )
    return encode_layer(name, array)


def _summary(sample: Sample) -> dict[str, Any]:
    """What the side file needs of a record; a missing licence or credit stops the run here."""
    meta = sample.meta
    for asset in meta["assets"]:
        missing = credit_missing(asset)
        if missing:
            raise DatabaseError(f"sample {sample.index}: {missing}; name it where the asset is declared.")
    person = meta["person"]
    return {
        "keys": sample.key,
        "people": str(person["id"]),
        "models": str(person["model"]),
        "splits": meta["split"],
        "assets": meta["assets"],
    }


def credit_missing(asset: dict[str, str]) -> str:
    """Why an asset may not be used yet, or "": it needs an id, a licence, and where the licence asks, a credit."""
    licence = asset.get("licence", "")
    if not asset.get("id") or not licence:
        return f"expected an asset with id and licence, got {asset}"
    if licence.upper().startswith("CC-BY") and not asset.get("credit", "").strip():
        return f"expected a credit line for asset {asset['id']!r} under {licence}, got none"
    return ""


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows as columns; assets become one list without repeats, sorted by id."""
    columns = {name: tuple(row[name] for row in rows) for name in ("keys", "people", "models", "splits")}
    assets = {to_json(asset): asset for row in rows for asset in row["assets"]}
    return {**columns, "assets": tuple(assets[text] for text in sorted(assets))}


def _header(name: str, size: int) -> tarfile.TarInfo:
    """A header without time, place or owner, so that equal content gives equal bytes."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
        table = np.array(record.sizes, np.int64)
        whole = record.name == tar.name and isinstance(record.bytes, int)
        whole = whole and table.ndim == 2 and table.min() >= 0 and int(table.max()) < record.bytes
        whole = whole and len({len(column) for column in _per_sample(record)}) == 1
        whole = whole and all(isinstance(text, str) for column in _per_sample(record)[1:] for text in column)
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole:
        raise DatabaseError(
            f"{side_file(tar)}: expected a shard's record, got columns that do not fit together; "
            "delete it and run the generating command again."
        )
    return record


def _per_sample(record: ShardRecord) -> tuple[tuple[Any, ...], ...]:
    return record.sizes, record.keys, record.people, record.models, record.splits


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
    keys = tuple(f"{index:08d}" for index in run.indices(shard))
    fits = record.keys == keys and {len(row) for row in record.sizes} == {len(members(run.layers))}
    return record if whole and fits else None
