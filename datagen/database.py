"""A database folder: what a run promises, who may write into it, how a file appears there whole.

Nothing in a folder is ever half written under its final name, and nothing this run did not make is deleted.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from datagen.storage import COMPACT, STORAGES, Storage
from meshes.errors import UsageError, UserError
from renderers.layers import LAYERS

RUN_FILE = "run.json"
INDEX_FILE = "index.json"
CARD_FILE = "README.md"
LOCK_FILE = ".lock"
FORMAT = 1
"""Version of the folder layout described in docs/formats.md."""
MAX_PAIRS = 10**8
"""Indices up to 99,999,999 fit an 8-digit key."""

_PART = re.compile(r"^\.(?:shard-(?P<shard>\d+)\.(?:tar|json)|run\.json|index\.json|README\.md)\.(?P<pid>\d+)\.part$")
"""Unfinished files of a database and no others: downloaders and editors leave hidden .part files too."""
_LOCK = re.compile(r"^\.lock(?:-\d+-of-\d+)?$")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DatabaseError(UserError):
    """A database that cannot be written or read; the message says expected, got, next step.

    Attributes:
        detail: a traceback for people who debug, or empty.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class MisuseError(DatabaseError, UsageError):
    """A database that nobody could write or read: no pairs, workers below 0, no set at a path."""


class StoppedError(DatabaseError):
    """The run was asked to stop. Finished shards are intact; running the same command again goes on.

    Attributes:
        signal: number of the signal that asked; 128 + signal is the customary exit code.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


@dataclass(frozen=True)
class Run:
    """What a folder will hold once it is finished; recorded first, as `run.json`.

    Attributes:
        recipe_name: preset the recipe started from.
        recipe: the whole recipe, plain JSON values.
        seed: run seed; 0 is a seed.
        pairs: samples in the finished set, indices 0 .. pairs - 1.
        shard_pairs: samples a shard; the last may hold fewer.
        layers: names from renderers/layers.py, in table order.
        height, width: pixels of every image.
        version: of the package that renders.
        storage: how layers become bytes.
    """

    recipe_name: str
    recipe: dict[str, Any]
    seed: int
    pairs: int
    shard_pairs: int
    layers: tuple[str, ...]
    height: int
    width: int
    version: str
    storage: Storage = COMPACT

    def __post_init__(self) -> None:
        for name in ("pairs", "shard_pairs", "height", "width"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) >= 1):
                raise MisuseError(f"{name}: expected an integer >= 1, got {getattr(self, name)!r}; correct it.")
        if not isinstance(self.seed, int):
            raise MisuseError(f"seed: expected an integer, got {self.seed!r}; correct it.")
        if self.pairs > MAX_PAIRS:
            raise MisuseError(f"pairs: expected at most {MAX_PAIRS}, as keys have 8 digits, got {self.pairs}.")
        if tuple(self.layers) != tuple(name for name in LAYERS if name in self.layers) or not self.layers:
            raise MisuseError(
                f"layers: expected names of the table in its order, got {list(self.layers)}; "
                f"choose from {', '.join(LAYERS)}."
            )
        if self.storage not in STORAGES:
            raise MisuseError(f"storage: expected one of {', '.join(STORAGES)}, got {self.storage!r}; correct it.")

    @property
    def shards(self) -> int:
        """Number of shards of the finished set."""
        return -(-self.pairs // self.shard_pairs)

    def indices(self, shard: int) -> range:
        """Sample indices that shard number `shard` holds."""
        return range(shard * self.shard_pairs, min((shard + 1) * self.shard_pairs, self.pairs))


@dataclass(frozen=True)
class Share:
    """Every `count`-th shard of a run, beginning with the `number`-th: what one of several machines writes.

    Attributes:
        number: 1 to count.
        count: how many share the run; 1 is a run of its own.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise MisuseError(
                f"--shard: expected 1/{self.count} to {self.count}/{self.count}, got {self.number}/{self.count}; "
                "count from 1."
            )

    @staticmethod
    def parse(text: str) -> "Share":
        """The share that "2/8" names. Raises MisuseError for any other text."""
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if not match or int(match[2]) < 1:
            raise MisuseError(f"--shard: expected NUMBER/COUNT such as 2/8, got {text!r}; count from 1.")
        return Share(int(match[1]), int(match[2]))

    def shards(self, run: Run) -> range:
        """Numbers of the shards that are this one's to write."""
        return range(self.number - 1, run.shards, self.count)


EVERYTHING = Share()
"""The share of a run that has its folder to itself."""


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        out: the folder or address.
        expected, written: samples this run's share promised, and those of them on disk; equal, or the run raised.
        resumed: samples of them that an earlier run had finished.
        bytes: of the share's shards.
        missing: samples of the whole set that other shares have yet to write; 0 for a finished set.
    """

    out: str
    expected: int
    written: int
    resumed: int
    bytes: int
    missing: int = 0


def shard_name(shard: int) -> str:
    """File name of a shard."""
    return f"shard-{shard:06d}.tar"


def to_json(value: Any, indent: int | None = 2) -> bytes:
    """Canonical JSON: sorted keys, UTF-8, a final newline. Refuses NaN and infinity."""
    text = json.dumps(value, indent=indent, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises DatabaseError where it is missing, damaged or not an object."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatabaseError(f"{path}: expected a file, found none; check the path or generate the set again.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DatabaseError(f"{path}: expected JSON, got damaged text ({error}); restore the file.") from None
    if not isinstance(value, dict):
        raise DatabaseError(f"{path}: expected a JSON object, got {type(value).__name__}; restore the file.")
    return value


def read_run(folder: Path) -> Run:
    """The run a folder was made by.

    Raises:
        MisuseError: there is no database.
        DatabaseError: there is one, but its `run.json` is missing or damaged.
    """
    if not (folder / RUN_FILE).is_file():
        _refuse_unnamed(folder)
    record = read_json(folder / RUN_FILE)
    expected = {"format"} | {field.name for field in fields(Run)}
    if record.get("format") != FORMAT or set(record) | {"storage"} != expected:
        raise DatabaseError(
            f"{folder / RUN_FILE}: expected format {FORMAT} with the fields {sorted(expected)} (storage if not "
            f"{COMPACT}), got format {record.get('format')!r} with {sorted(record)}; read it with the version that "
            "wrote it."
        )
    record.pop("format")
    try:
        return Run(**{**record, "layers": tuple(record["layers"])})
    except (TypeError, MisuseError) as error:
        raise DatabaseError(f"{folder / RUN_FILE}: expected a run, got another value ({error}); restore it.") from None


def _refuse_unnamed(folder: Path) -> NoReturn:
    if any(folder.glob("shard-*.tar")):
        raise DatabaseError(
            f"{folder}: expected {RUN_FILE} beside the shards, found none; restore it, or generate into a new folder."
        )
    raise MisuseError(f"{folder}: expected a database (a folder with {RUN_FILE}), found none; check the path.")


def write_run(folder: Path, run: Run) -> None:
    """Writes `run.json`, or refuses where the folder's own differs, naming the first field."""
    if not (folder / RUN_FILE).exists():
        write_file(folder / RUN_FILE, to_json(_record(run)))
        return
    there = json.loads(to_json(asdict(read_run(folder))))
    for name, value in json.loads(to_json(asdict(run))).items():
        if there[name] != value:
            raise DatabaseError(
                f"{folder} holds another run: {_difference(name, there[name], value)}. "
                "Repeat the first command to finish it, or choose another folder."
            )


def _record(run: Run) -> dict[str, Any]:
    """The content of `run.json`. Compact storage goes without saying: sets were written before there was another."""
    record = {"format": FORMAT, **asdict(run)}
    if run.storage == COMPACT:
        del record["storage"]
    return record


def _difference(name: str, there: Any, here: Any) -> str:
    """The first leaf at which two JSON values differ, in words."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted(there.keys() | here.keys()):
            if there.get(key) != here.get(key):
                return _difference(f"{name}.{key}", there.get(key), here.get(key))
    return f"{name} is {there!r} there and {here!r} here"


@contextlib.contextmanager
def writing(folder: Path, run: Run, share: Share = EVERYTHING) -> Iterator[None]:
    """The right to write a share of `run` into `folder`, for the length of a `with` block.

    Makes the folder, refuses one that holds other things or another run, locks out a second writer of the same
    shards, and removes unfinished files of these shards that dead processes left, before and after.

    Raises:
        DatabaseError: with what was expected, what was found, and the next step.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(folder)
        with _locked(folder, share):
            write_run(folder, run)
            _remove_stale_parts(folder, share)
            yield
            _remove_stale_parts(folder, share)  # Of workers that died and were replaced.


def _refuse_foreign(folder: Path) -> None:
    if (folder / RUN_FILE).exists():
        return
    strangers = sorted(p.name for p in folder.iterdir() if not _LOCK.match(p.name) and not _PART.match(p.name))
    if strangers:
        raise DatabaseError(
            f"{folder}: expected an empty folder or a database, found {strangers[0]!r} and no {RUN_FILE}; "
            "nothing was touched. Choose another folder."
        )


@contextlib.contextmanager
def _locked(folder: Path, share: Share) -> Iterator[None]:
    """Shares hold the folder together and their own shards alone; a run that is not shared holds the folder alone."""
    with contextlib.ExitStack() as held:
        if share.count > 1:
            own = held.enter_context(open(folder / f"{LOCK_FILE}-{share.number}-of-{share.count}", "ab"))
            _lock(own, folder, fcntl.LOCK_EX)
        whole = held.enter_context(open(folder / LOCK_FILE, "ab"))
        _lock(whole, folder, fcntl.LOCK_EX if share.count == 1 else fcntl.LOCK_SH)
        yield


def _lock(file: BinaryIO, folder: Path, kind: int) -> None:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DatabaseError(
            f"{folder}: expected no other writer, but a live run holds its lock; wait for it, or choose another folder."
        ) from None


def _remove_stale_parts(folder: Path, share: Share) -> None:
    """Removes what dead processes left; of a share, only its own: the others' may live elsewhere."""
    for path in folder.iterdir():
        match = _PART.match(path.name)
        if match and _owned(match, share) and not _alive(int(match["pid"])):
            path.unlink(missing_ok=True)


def _owned(part: re.Match[str], share: Share) -> bool:
    return share.count == 1 or (part["shard"] is not None and int(part["shard"]) % share.count == share.number - 1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the operating system's errors of a `with` block into a DatabaseError about `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            step = "free some space and run the same command again; finished shards are kept"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            step = "choose a folder you may write to"
        elif error.errno == errno.ENOENT:
            step = "make its folder first"
        else:
            step = "check the path, then run the same command again"
        named = error.filename is not None and not str(error.filename).endswith(".part")
        place = error.filename if named else path
        raise DatabaseError(
            f"{place}: expected to read and write here, got {error.strerror or error}; {step}."
        ) from error


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """A file that appears whole or not at all: written beside its name, synced, renamed, folder synced.

    On an exception the part is removed; after a SIGKILL its name tells the next run whose it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, data: bytes) -> None:
    """Writes a small file whole or not at all."""
    with appearing(path) as file:
        file.write(data)
