"""Where a set is written: a local folder, or any address that fsspec knows (s3://, gs://, memory://).

Both hold the same files with the same bytes; a shard counts once its side file is there.
"""

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from datagen.card import write_index_and_card
from datagen.database import (
    CARD_FILE,
    INDEX_FILE,
    RUN_FILE,
    DatabaseError,
    MisuseError,
    Run,
    Share,
    explained,
    shard_name,
    write_run,
    writing,
)
from datagen.sample import Sample
from datagen.shards import ShardRecord, finished, fits, read_record, side_file, write_shard

Records = dict[int, ShardRecord | None]


class Place(Protocol):
    """Where shards go. Small and picklable: workers and cluster nodes get a copy.

    Attributes:
        name: the path or address, for people.
    """

    @property
    def name(self) -> str: ...

    def held(self, run: Run, share: Share) -> contextlib.AbstractContextManager[None]:
        """The right to write a share of `run` here. Raises DatabaseError where the place holds something else."""
        ...

    def finished(self, run: Run, shards: Iterable[int]) -> Records:
        """The records of those shards that are whole here; None for the others."""
        ...

    def write(self, run: Run, shard: int, samples: Iterable[Sample]) -> ShardRecord:
        """Writes one shard and then its side file, each whole or not at all."""
        ...

    def finish(self, run: Run, records: list[ShardRecord], command: str) -> None:
        """Writes card and index of a set that is whole."""
        ...


@dataclass(frozen=True)
class Folder:
    """A folder of a file system that all writers see."""

    path: Path

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def held(self, run: Run, share: Share) -> contextlib.AbstractContextManager[None]:
        """See `Place.held`; a second writer of the same shards is locked out."""
        return writing(self.path, run, share)

    def finished(self, run: Run, shards: Iterable[int]) -> Records:
        """See `Place.finished`."""
        return {shard: finished(self.path, run, shard) for shard in shards}

    def write(self, run: Run, shard: int, samples: Iterable[Sample]) -> ShardRecord:
        """See `Place.write`."""
        with explained(self.path):
            return write_shard(self.path, run, shard, samples)

    def finish(self, run: Run, records: list[ShardRecord], command: str) -> None:
        """See `Place.finish`."""
        write_index_and_card(self.path, run, records, command)


@dataclass(frozen=True)
class Bucket:
    """A folder of an object store. Objects appear whole by the store's own promise, so nothing is renamed.

    There is no lock: two runs of one set do some work twice, and as equal samples are equal bytes, they do no harm.
    """

    address: str

    @property
    def name(self) -> str:
        """The address."""
        return self.address

    @contextlib.contextmanager
    def held(self, run: Run, share: Share) -> Iterator[None]:
        """See `Place.held`."""
        with self._explained(), tempfile.TemporaryDirectory() as scratch:
            there = self._sizes()
            if RUN_FILE in there:
                (Path(scratch) / RUN_FILE).write_bytes(self._read(RUN_FILE))
            elif there:
                raise DatabaseError(
                    f"{self.address}: expected nothing or a database, found {min(there)!r} and no {RUN_FILE}; nothing "
                    "was touched. Choose another address."
                )
            write_run(Path(scratch), run)
            self._put(Path(scratch) / RUN_FILE)
        yield

    def finished(self, run: Run, shards: Iterable[int]) -> Records:
        """See `Place.finished`."""
        with self._explained():
            sizes = self._sizes()
            return {shard: self._record(run, shard, sizes) for shard in shards}

    def write(self, run: Run, shard: int, samples: Iterable[Sample]) -> ShardRecord:
        """See `Place.write`; the shard is made in a temporary folder of this machine first."""
        with tempfile.TemporaryDirectory() as scratch:
            with explained(Path(scratch)):
                record = write_shard(Path(scratch), run, shard, samples)
            tar = Path(scratch) / shard_name(shard)
            with self._explained():
                self._put(tar)
                self._put(side_file(tar))
        return record

    def finish(self, run: Run, records: list[ShardRecord], command: str) -> None:
        """See `Place.finish`."""
        with tempfile.TemporaryDirectory() as scratch:
            write_index_and_card(Path(scratch), run, records, command)
            with self._explained():
                for name in (CARD_FILE, INDEX_FILE):
                    self._put(Path(scratch) / name)

    def _store(self) -> tuple[Any, str]:
        try:
            import fsspec
        except ImportError as error:
            raise MisuseError(
                f"{self.address}: expected fsspec for an address, got {error}. Install it: "
                "pip install 'perspective-portraits[remote]'."
            ) from error
        try:
            return fsspec.core.url_to_fs(self.address)
        except (ImportError, ValueError) as error:
            raise MisuseError(
                f"{self.address}: expected an address that fsspec can open, got {error}. Correct it, or install the "
                "package it names."
            ) from error

    def _sizes(self) -> dict[str, int]:
        """Bytes of every object directly here, by name."""
        store, root = self._store()
        store.invalidate_cache()
        try:
            listed = store.ls(root, detail=True)
        except FileNotFoundError:
            return {}
        return {entry["name"].rsplit("/", 1)[-1]: entry["size"] or 0 for entry in listed if entry["type"] == "file"}

    def _record(self, run: Run, shard: int, sizes: dict[str, int]) -> ShardRecord | None:
        tar = Path(shard_name(shard))
        if tar.name not in sizes or side_file(tar).name not in sizes:
            return None
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / side_file(tar)).write_bytes(self._read(side_file(tar).name))
            try:
                record = read_record(Path(scratch) / tar)
            except DatabaseError:
                return None
        return record if record.bytes == sizes[tar.name] and fits(record, run, shard) else None

    def _read(self, name: str) -> bytes:
        store, root = self._store()
        return bytes(store.cat_file(f"{root}/{name}"))

    def _put(self, path: Path) -> None:
        store, root = self._store()
        store.makedirs(root, exist_ok=True)
        store.put_file(str(path), f"{root}/{path.name}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever a store raises, as one message; stores share no base of their errors but Exception."""
        try:
            yield
        except DatabaseError:
            raise
        except Exception as error:
            raise DatabaseError(
                f"{self.address}: expected to read and write here, got {type(error).__name__}: {error}. Check address, "
                "credentials and network, then run the same command again; finished shards are kept."
            ) from error


def place(out: Path | str) -> Place:
    """The folder at a path, or the bucket at an address with `://`; file:// is a folder."""
    text = str(out)
    if text.startswith("file://"):
        return Folder(Path(text.removeprefix("file://")))
    return Bucket(text.rstrip("/")) if "://" in text else Folder(Path(text))
