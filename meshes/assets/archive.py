"""Bounded, safe access to the files inside a zip, a tar.gz or a folder, without extracting anything.

Whatever the archive claims, no name leads out of it, no member outgrows its bounds and no link is followed.
"""

import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from meshes.assets import tarball
from meshes.head import MeshError

MAX_MEMBERS = 20_000
"""Most members of an archive or folder."""
MAX_MEMBER_BYTES = 512 << 20
"""Largest member."""
MAX_TOTAL_BYTES = 2 << 30
"""All members together, unpacked."""
MAX_RATIO = 200
"""Most that an archive may grow by unpacking; meshes as text reach about 10."""
CHUNK = 1 << 20

_DRIVE = re.compile(r"^[A-Za-z]:")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArchiveError(MeshError):
    """An archive that is damaged or hostile; the message says expected, got, next step."""


class Archive:
    """The regular files inside a zip, a tar.gz or a folder, by name with forward slashes.

    Attributes:
        path: the archive or the folder.
        sizes: bytes of each file by name, sorted by name.
    """

    def __init__(self, path: Path, sizes: dict[str, int], opened: Callable[[str], IO[bytes]]) -> None:
        self.path, self.sizes, self._open = path, dict(sorted(sizes.items())), opened

    def read(self, name: str) -> bytes:
        """A file whole. Raises ArchiveError: no such file, or damaged."""
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file in pieces, never more than its declared size. Raises as `read`."""
        if name not in self.sizes:
            _refuse(self.path, f"a file {name}", "none of that name")
        left = self.sizes[name]
        try:
            with self._open(name) as stream:
                while piece := stream.read(min(CHUNK, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        break
                    yield piece
        # Readers of archives meet damage with a dozen kinds of error.
        except Exception as error:
            raise _damaged(self.path, name, error) from error
        if left:
            _refuse(self.path, f"{self.sizes[name]} bytes of {name}", "more" if left < 0 else f"{left} fewer")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """A zip, a tar.gz or a folder as an Archive, closed after the `with` block.

    Raises:
        ArchiveError: none of these; damaged; encrypted; a link, a doubled name or one that leads out; beyond a bound.
    """
    if path.is_dir():
        yield Archive(path, _bounded(path, _files_of(path)), lambda name: (path / name).open("rb"))
        return
    try:
        opened = tarball.opened(path, MAX_TOTAL_BYTES) if tarball.is_gzip(path) else zipfile.ZipFile(path)
    except FileNotFoundError:
        _refuse(path, "a zip or tar.gz archive or a folder", "nothing there")
    except Exception as error:  # As above: any kind, out of a damaged directory.
        raise _damaged(path, "its directory", error) from error
    with opened:
        sizes = _sizes(path, opened)
        ratio = sum(sizes.values()) / max(path.stat().st_size, 1)
        if ratio > MAX_RATIO:
            _refuse(path, f"an archive that unpacks to at most {MAX_RATIO} times its size", f"{ratio:.0f} times")
        yield Archive(path, sizes, opened.open if isinstance(opened, zipfile.ZipFile) else tarball.reader(opened))


def _sizes(path: Path, opened: zipfile.ZipFile | tarfile.TarFile) -> dict[str, int]:
    members = _tar_members_of(path, opened) if isinstance(opened, tarfile.TarFile) else _members_of(path, opened)
    try:
        return _bounded(path, members)
    except Exception as error:  # A tar's directory is all over it.
        raise _damaged(path, "its directory", error) from error


def _files_of(folder: Path) -> Iterator[tuple[str, int]]:
    """Regular files below a folder. Links are passed over: they may lead anywhere, or in circles."""
    for path in folder.rglob("*"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and not any(part.is_symlink() for part in _above(path, folder)):
            yield path.relative_to(folder).as_posix(), status.st_size


def _above(path: Path, folder: Path) -> Iterator[Path]:
    """The folders between `folder` and a path below it."""
    return (parent for parent in path.parents if parent != folder and parent.is_relative_to(folder))


def _members_of(path: Path, opened: zipfile.ZipFile) -> Iterator[tuple[str, int]]:
    seen = set()
    for member in opened.infolist():
        name = member.filename
        _check_name(path, name)
        if name in seen:
            _refuse(path, "each member once", f"{name!r} twice")
        seen.add(name)
        if member.flag_bits & 1:
            _refuse(path, "members without encryption", f"{name!r} encrypted")
        if member.compress_type not in _METHODS:
            _refuse(path, "stored or deflated members", f"{name!r} by method {member.compress_type}")
        if stat.S_ISLNK(member.external_attr >> 16):
            _refuse(path, "files", f"a link {name!r}")
        if not member.is_dir():
            yield name, member.file_size


def _tar_members_of(path: Path, opened: tarfile.TarFile) -> Iterator[tuple[str, int]]:
    seen = set()
    for member in opened:
        _check_name(path, member.name)
        if member.name in seen:
            _refuse(path, "each member once", f"{member.name!r} twice")
        seen.add(member.name)
        if member.isdir():
            continue
        if not tarball.is_plain(member):
            _refuse(path, "files", f"a link or a device {member.name!r}")
        yield member.name, member.size
    tarball.read_to_the_end(opened)


def _check_name(path: Path, name: str) -> None:
    """Names must be plain: relative, downward, without a drive, a backslash or control characters."""
    parts = name.removesuffix("/").split("/")
    odd = not name or not name.isprintable() or "\\" in name or bool(_DRIVE.match(name))
    if odd or any(part in ("", ".", "..") for part in parts):
        _refuse(path, "plain relative names", repr(name))


def _bounded(path: Path, files: Iterator[tuple[str, int]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    total = 0
    for name, size in files:
        sizes[name], total = size, total + size
        if len(sizes) > MAX_MEMBERS or size > MAX_MEMBER_BYTES or total > MAX_TOTAL_BYTES:
            limits = f"{MAX_MEMBERS} files, {MAX_MEMBER_BYTES >> 20} MB each, {MAX_TOTAL_BYTES >> 20} MB in all"
            _refuse(path, f"at most {limits}", f"more at {name!r}")
    return sizes


def _refuse(path: Path, expected: str, got: str) -> NoReturn:
    raise ArchiveError(f"{path}: expected {expected}, got {got}; get the file again from its source.")


def _damaged(path: Path, what: str, error: Exception) -> Exception:
    if isinstance(error, ArchiveError):
        return error
    text = str(error).splitlines()[0][:120] if str(error) else ""
    return ArchiveError(
        f"{path}: expected a whole zip or tar.gz archive or readable files, got damage in {what} "
        f"({type(error).__name__}: {text}); get the file again from its source."
    )
