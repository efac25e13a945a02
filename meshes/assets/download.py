"""One file over HTTP: resumed where it broke off, bounded, checked, and in place whole or not at all."""

import contextlib
import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from meshes.assets.catalogue import File
from meshes.assets.store import writable
from meshes.head import MeshError

UNPINNED_BYTES = 16 << 20
"""Largest file whose size no card states."""
CHUNK = 1 << 16
LONGEST_WAIT_S = 60.0
AGENT = "perspective-portraits"

OnBytes = Callable[[int], None]
"""Told how many more bytes have arrived; negative where some are thrown away."""


class DownloadError(MeshError):
    """A file that cannot be had, or is not what its card says."""


class _BrokenError(Exception):
    """A connection that may do better next time."""


@dataclass(frozen=True)
class Patience:
    """How long to put up with a server.

    Attributes:
        attempts: connections made before giving up; one that brought `stall_bytes` starts the count again.
        wait_s: pause before the second attempt; each later pause is twice as long.
        timeout_s: longest silence.
        stall_s, stall_bytes: a connection that brings fewer bytes in such a time is given up.
    """

    attempts: int = 5
    wait_s: float = 1.0
    timeout_s: float = 30.0
    stall_s: float = 60.0
    stall_bytes: int = 32 << 10


PATIENT = Patience()
"""For servers far away."""


def download(file: File, address: str, target: Path, on_bytes: OnBytes, patience: Patience = PATIENT) -> None:
    """Fetches a file unless it is there already.

    What has arrived waits beside the target as `NAME.part`, with the server's mark of that version in
    `NAME.part.tag`; the next attempt, of this or a later process, asks for the rest alone.

    Args:
        file: what is expected; its size and sha256 are checked where they are known.
        address: http or https URL.
        target: where it goes; its folder is made.
        on_bytes: progress.

    Raises:
        DownloadError: not there, not what the card says, or no connection within the patience.
        StoreError: the disk is full or cannot be written.
    """
    job = _Job(file, address, target.with_name(target.name + ".part"), on_bytes, patience)
    if _is_whole(file, target):
        on_bytes(target.stat().st_size)
        return
    if not address.startswith(("http://", "https://")):
        job.refuse("an http or https address", address)
    with writable(target.parent):
        on_bytes(job.size)
        _fetch_checked(job)
        job.part.replace(target)
        job.tag_file.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Job:
    """One download: what, from where, and the part that has arrived."""

    file: File
    address: str
    part: Path
    on_bytes: OnBytes
    patience: Patience

    @property
    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    @property
    def tag_file(self) -> Path:
        return self.part.with_name(self.part.name + ".tag")

    @property
    def tag(self) -> str:
        """The server's mark of the version that the part belongs to, or ""."""
        return self.tag_file.read_text("latin-1") if self.tag_file.exists() else ""

    def discard(self) -> None:
        """Throws the part away."""
        self.on_bytes(-self.size)
        self.part.unlink(missing_ok=True)
        self.tag_file.unlink(missing_ok=True)

    def refuse(self, expected: str, got: str) -> NoReturn:
        raise DownloadError(
            f"{self.file.path}: expected {expected}, got {got}. Try again later; or get the file by other means "
            "and run `datagen assets import PATH`."
        )


def _fetch_checked(job: _Job) -> None:
    """Everything, with the right checksum. A file pieced together from several answers gets a second chance."""
    pieced = _fetch(job)
    if pieced and not _is_whole(job.file, job.part):
        job.discard()
        _fetch(job)
    if not _is_whole(job.file, job.part):
        got = _sha256(job.part)[:16]
        job.discard()
        job.refuse(f"sha256 {job.file.sha256[:16]}...", f"{got}... from {job.address}")


def _fetch(job: _Job) -> bool:
    """Attempts until everything has arrived; True where several answers brought it.

    An attempt that brought a good piece starts the count again.
    """
    patience = job.patience
    attempt, wait_s, pieced = 1, patience.wait_s, job.size > 0
    while True:
        before = job.size
        try:
            _attempt(job)
            return pieced
        except (_BrokenError, http.client.HTTPException, OSError) as error:
            reason = _reason_to_go_on(job, error)
        pieced = job.size > 0
        went_on = job.size - before >= patience.stall_bytes
        attempt, wait_s = (1, patience.wait_s) if went_on else (attempt + 1, 2 * wait_s)
        if attempt > patience.attempts:
            job.refuse(f"an answer from {job.address} within {patience.attempts} attempts", reason)
        time.sleep(min(wait_s, LONGEST_WAIT_S))


def _reason_to_go_on(job: _Job, error: Exception) -> str:
    """What went wrong, where trying again may help; raises where it cannot."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code in (408, 425, 429) or error.code >= 500:
            return f"HTTP status {error.code}"
        lost = 300 <= error.code < 400
        job.refuse(f"the file at {job.address}", "endless redirections" if lost else f"HTTP status {error.code}")
    if isinstance(error, OSError) and not isinstance(error, _NETWORK):
        raise error
    return str(getattr(error, "reason", "") or error) or type(error).__name__


_NETWORK = (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError)
"""Errors of the connection; any other OSError is the disk's."""


def _attempt(job: _Job) -> None:
    """One connection: everything that is missing, or an error. The part keeps what has come."""
    start = job.size
    if start and start == job.file.bytes:
        return
    if start and not (job.tag or job.file.bytes):
        job.discard()  # Nothing says that the rest would belong to the same version.
        start = 0
    with _ask(job, start) as response:
        if start and not _continues(job.file, response, start):
            job.discard()
            if response.status == 206:
                raise _BrokenError("another range than asked for")
        if not job.size:
            job.tag_file.write_text(_strong_mark(response), "latin-1")
        _receive(job, response)


def _ask(job: _Job, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": job.tag} if job.tag else {})
    try:
        request = urllib.request.Request(job.address, headers=headers)
        return _OPENER.open(request, timeout=job.patience.timeout_s)
    except ValueError as error:
        job.refuse("an address that can be read", f"{job.address} ({error})")
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
    job.discard()
    raise _BrokenError("a version shorter than the part that had arrived")


def _continues(file: File, response: http.client.HTTPResponse, start: int) -> bool:
    """Whether the answer is the rest of the same file, and neither the whole of it nor another one."""
    span, _, total = response.headers.get("Content-Range", "").partition("/")
    right_total = not file.bytes or total in ("*", str(file.bytes))
    return response.status == 206 and span.startswith(f"bytes {start}-") and right_total


def _strong_mark(response: http.client.HTTPResponse) -> str:
    """What `If-Range` may carry: a strong ETag or a date; RFC 9110, section 13.1.5."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _receive(job: _Job, response: http.client.HTTPResponse) -> None:
    """Appends the answer to the part."""
    limit, declared, received = job.file.bytes or UNPINNED_BYTES, response.length, 0
    mark_s, mark = time.monotonic(), 0
    with job.part.open("ab") as stream:
        # read1 returns what one packet brought: a server that drips cannot keep us inside a single read.
        while piece := response.read1(CHUNK):
            received += len(piece)
            if stream.tell() + len(piece) > limit:
                job.discard()
                job.refuse(f"at most {limit} bytes", f"more from {job.address}")
            stream.write(piece)
            job.on_bytes(len(piece))
            if time.monotonic() - mark_s > job.patience.stall_s:
                if received - mark < job.patience.stall_bytes:
                    raise _BrokenError(f"fewer than {job.patience.stall_bytes} bytes in {job.patience.stall_s:g} s")
                mark_s, mark = time.monotonic(), received
    if job.size < job.file.bytes or (declared is not None and received < declared):
        raise _BrokenError("a connection that was cut")


def _is_whole(file: File, path: Path) -> bool:
    if not file.sha256:
        return path.is_file()  # Its content is judged after packing.
    return path.is_file() and path.stat().st_size == file.bytes and _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
    return "nothing"


def _opener() -> urllib.request.OpenerDirector:
    """http and https alone: no redirection leads to a file of this machine or to another protocol."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _opener()
