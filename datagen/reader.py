"""Reads a database, finished or not: `PairDataset(path)[i]["flow_near_to_far"]`.

A map-style data set for torch that never imports torch. No file stays open between calls, so forked and
spawned workers share nothing but the arrays of an index.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datagen.codecs import META_MEMBER, decode_layer, member_suffix
from datagen.database import INDEX_FILE, DatabaseError, Run, read_run, shard_name
from datagen.licences import parts
from datagen.planes import CodecError
from datagen.shards import BLOCK, ShardRecord, members, offsets, read_record, side_file
from datagen.splits import SPLITS


class PairDataset:
    """The samples of a database folder, decoded on access.

    Args:
        path: folder with `run.json` and shards. Of an unfinished set, the finished shards are read.
        layers: names to decode (see renderers/layers.py); all stored ones where left out.
        split: "train", "val" or "test"; everyone where left out.
        licences: SPDX names; only samples all of whose assets have one of them. Any where left out.

    Attributes:
        path: the folder.
        run: what made it.
        layers: names decoded, in table order.
        keys: (N,) numpy text, the samples' keys.
        splits: (N,) numpy text, the samples' splits.

    Raises:
        DatabaseError: no database here, a missing or cut shard, unknown layers or split, no sample of those licences.
    """

    def __init__(
        self,
        path: Path | str,
        layers: Iterable[str] | None = None,
        split: str | None = None,
        licences: Iterable[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.run = read_run(self.path)
        self.layers = _chosen(self.run.layers, layers)
        if split is not None and split not in SPLITS:
            raise DatabaseError(f"split: expected one of {', '.join(SPLITS)} or None, got {split!r}; correct it.")
        records = [_checked(self.path / name) for name in shard_names(self.path, self.run)]
        self._members = list(members(self.run.layers))
        self._tars = [record.name for record in records]
        self._read_index(records)
        if split is not None:
            self._keep(self.splits == split)
        if licences is not None:
            self._keep(self._licensed(records, frozenset(licences)))

    def _read_index(self, records: list[ShardRecord]) -> None:
        """Columns rather than objects: forked workers share their pages instead of copying them."""
        width = len(self._members)
        for record in records:
            if len(record.sizes[0]) != width:
                raise DatabaseError(
                    f"{self.path / record.name}: expected {width} members a sample, got "
                    f"{len(record.sizes[0])}; "
                    "the shard belongs to another run."
                )
        tables = [np.array(record.sizes, np.int64) for record in records]
        self.keys = _text(record.keys for record in records)
        self.splits = _text(record.splits for record in records)
        self._tar = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        self._sizes = np.concatenate([np.zeros((0, width), np.int64), *tables])
        self._offsets = np.concatenate([np.zeros((0, width), np.int64), *map(offsets, tables)])

    def _keep(self, wanted: np.ndarray) -> None:
        """Leaves the samples of a (N,) bool."""
        self.keys, self.splits, self._tar = self.keys[wanted], self.splits[wanted], self._tar[wanted]
        self._sizes, self._offsets = self._sizes[wanted], self._offsets[wanted]

    def _licensed(self, records: list[ShardRecord], licences: frozenset[str]) -> np.ndarray:
        """(N,) bool; opens the records of those shards alone that hold anything else."""
        free = [_licences(record.assets) <= licences for record in records]
        wanted = [free[tar] or _licences(self.meta(index)["assets"]) <= licences for index, tar in enumerate(self._tar)]
        if wanted and not any(wanted):
            held = sorted(set().union(*(_licences(record.assets) for record in records)))
            raise DatabaseError(
                f"licences: expected all that some sample needs of {', '.join(held)}, got "
                f"{', '.join(sorted(licences)) or 'none'}; no sample is left, add what you may use."
            )
        return np.array(wanted, bool)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Layers by name, arrays as the table says, and the record under "meta".

        Raises:
            IndexError: beyond the end.
            DatabaseError: the bytes on disk are not what was written.
        """
        return self._read(index, self.layers)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def meta(self, index: int) -> dict[str, Any]:
        """The record alone, without decoding a layer. Raises as `ds[index]` does."""
        return self._read(index, ())["meta"]

    def _read(self, index: int, layers: tuple[str, ...]) -> dict[str, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"expected an index below {len(self)}, got {index}")
        tar = self.path / self._tars[self._tar[index]]
        with _opened(tar) as handle:
            sample = {name: self._layer(handle, tar, index, name) for name in layers}
            return {**sample, "meta": self._record(handle, tar, index)}

    def _member(self, handle: int, tar: Path, index: int, suffix: str) -> bytes:
        """A member's bytes, once the header in front of them says that they are the right ones."""
        column = self._members.index(suffix)
        size, offset = int(self._sizes[index, column]), int(self._offsets[index, column])
        data = os.pread(handle, BLOCK + size, offset - BLOCK)
        name = f"{self.keys[index]}.{suffix}"
        if len(data) != BLOCK + size or data[:100].rstrip(b"\0") != name.encode():
            raise DatabaseError(
                f"{tar}: expected {name} of {size} bytes at {offset}, got another member or the end of "
                "the file; `datagen verify` lists the damage; delete the shard and generate again."
            )
        return data[BLOCK:]

    def _layer(self, handle: int, tar: Path, index: int, name: str) -> np.ndarray:
        data = self._member(handle, tar, index, member_suffix(name))
        try:
            return decode_layer(name, data, self.run.height, self.run.width)
        except CodecError as error:
            raise _damaged(tar, f"{self.keys[index]}.{member_suffix(name)}", error) from None

    def _record(self, handle: int, tar: Path, index: int) -> dict[str, Any]:
        try:
            return json.loads(self._member(handle, tar, index, META_MEMBER))
        except (ValueError, RecursionError) as error:
            damage = CodecError(f"expected JSON, got damaged text ({error})")
            raise _damaged(tar, f"{self.keys[index]}.{META_MEMBER}", damage) from None


@contextlib.contextmanager
def _opened(tar: Path) -> Iterator[int]:
    try:
        handle = os.open(tar, os.O_RDONLY)
    except OSError as error:
        raise DatabaseError(f"{tar}: expected a shard, got {error.strerror}; restore it or generate again.") from None
    try:
        yield handle
    finally:
        os.close(handle)


def _licences(assets: Iterable[dict[str, str]]) -> set[str]:
    return {part for asset in assets for part in parts(asset["licence"])}


def collate(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Samples as one batch, for `torch.utils.data.DataLoader(pairs, batch_size=8, collate_fn=collate)`.

    Args:
        samples: of one size and the same layers, at least one.

    Returns:
        Every layer stacked, (N, H, W, ...) numpy (torch.from_numpy takes them), and "meta", the list of records.
    """
    batch: dict[str, Any] = {
        name: np.stack([sample[name] for sample in samples]) for name in samples[0] if name != "meta"
    }
    return {**batch, "meta": [sample["meta"] for sample in samples]}


def _damaged(tar: Path, member: str, error: CodecError) -> DatabaseError:
    return DatabaseError(f"{tar}: {member}: {error}; delete the shard and run the generating command again.")


def _chosen(stored: tuple[str, ...], wanted: Iterable[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return stored
    wanted = set(wanted)
    if wanted - set(stored):
        raise DatabaseError(
            f"layers: expected names among {', '.join(stored)}, got "
            f"{', '.join(sorted(wanted - set(stored)))}; ask for stored layers."
        )
    return tuple(name for name in stored if name in wanted)


def shard_names(folder: Path, run: Run) -> list[str]:
    """Shards to read: all of a finished set, those with a side file of an unfinished one.

    Raises:
        DatabaseError: a finished set lacks one.
    """
    names = [shard_name(shard) for shard in range(run.shards)]
    missing = [name for name in names if not side_file(folder / name).exists()]
    if missing and (folder / INDEX_FILE).exists():
        raise DatabaseError(
            f"{folder}: expected {run.shards} shards, {missing[0]} or its side file is missing; restore it or run the "
            "generating command again."
        )
    return [name for name in names if name not in set(missing)]


def _checked(tar: Path) -> ShardRecord:
    record = read_record(tar)
    size = tar.stat().st_size if tar.exists() else 0
    if size != record.bytes:
        raise DatabaseError(
            f"{tar}: expected {record.bytes} bytes, got {size}; the shard is missing or cut. Restore it, "
            "or delete its side file and run the generating command again."
        )
    return record


def _text(columns: Iterable[tuple[str, ...]]) -> np.ndarray:
    return np.array([text for column in columns for text in column], np.str_)
