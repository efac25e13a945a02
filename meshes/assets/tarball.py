"""Tar archives under gzip, read without trust: no header is larger than memory, no stream without an end."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

LONGEST_READ = 4 << 20
"""Most bytes that are held at once. A long name or an extended header says itself how long it is."""


class _Stream(io.RawIOBase):
    """The unpacked bytes of a gzip file, as far as they are wanted."""

    def __init__(self, path: Path, end: int) -> None:
        super().__init__()
        self._file, self._end = gzip.GzipFile(path), end

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Unpacks up to there; a tar of this size at most."""
        if offset > self._end:
            raise tarfile.ReadError(f"more than {self._end} bytes")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def finish(self) -> None:
        """Unpacks the rest, at whose end the checksum of everything is compared."""
        self._file.seek(self._end)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Tar(tarfile.TarFile):
    """Closes its stream as well, which `tarfile` leaves to whoever opened it."""

    def close(self) -> None:
        super().close()
        cast(IO[bytes], self.fileobj).close()


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does (RFC 1952)."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def opened(path: Path, end: int) -> tarfile.TarFile:
    """A tar.gz to be read.

    Args:
        path: the file.
        end: most bytes that are unpacked of it.

    Raises:
        tarfile.ReadError, OSError, EOFError, zlib.error: no such archive.
    """
    stream = _Stream(path, end)
    try:
        return _Tar.open(fileobj=cast(Any, stream), mode="r:")
    except BaseException:
        stream.close()
        raise


def read_to_the_end(archive: tarfile.TarFile) -> None:
    """Unpacks everything once, so that damage shows before any member is used. Raises as `opened`."""
    cast(_Stream, archive.fileobj).finish()


def is_plain(member: tarfile.TarInfo) -> bool:
    """Whether a member is a file with all its bytes: no link, no device, no file with holes."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None and member.size >= 0


def reader(archive: tarfile.TarFile) -> Callable[[str], IO[bytes]]:
    """Opens a plain member by its name."""
    return lambda name: cast(IO[bytes], archive.extractfile(name))
