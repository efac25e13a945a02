"""A small made-up asset and an HTTP server on loopback that misbehaves as told, shared by the tests of assets."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np

from meshes.assets import catalogue
from meshes.assets.catalogue import Card, File
from meshes.assets.download import Patience

HASTY = Patience(attempts=3, wait_s=0.01, timeout_s=1.0, stall_s=0.3, stall_bytes=4000)
"""A patience for servers on this machine."""


def toy_bytes(seed: int, size: int) -> bytes:
    """Bytes that do not compress."""
    return np.random.default_rng(seed).bytes(size)


WORDS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"PK\x01\x02")


def damaged(seed: int, whole: bytes) -> bytes:
    """One way to damage a file: cut, flipped bits, bytes overwritten, a stretch doubled or lost."""
    rng = np.random.default_rng(seed)
    data = bytearray(whole)
    at = int(rng.integers(len(data)))
    kind = seed % 5
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for bit in rng.integers(8 * len(data), size=int(rng.integers(1, 9))):
            data[bit // 8] ^= 1 << (bit % 8)
    elif kind == 2:
        data[at : at + 4] = WORDS[int(rng.integers(len(WORDS)))]
    elif kind == 3:
        data[at:at] = data[at : at + int(rng.integers(1, 200))]
    else:
        del data[at : at + int(rng.integers(1, 200))]
    return bytes(data)


def toy_file(path: str, data: bytes, address: str = "http://127.0.0.1:9/nobody") -> File:
    """The card's line of a file."""
    return File(path, address, hashlib.sha256(data).hexdigest(), len(data))


def toy_card(files: tuple[File, ...], **changes: object) -> Card:
    """A card of one's own."""
    fields = {"name": "toy", "title": "A toy", "what": "Nothing.", "licence": "CC-BY-3.0", "copyright": "(c) Toymaker"}
    fields |= {"credit": "Toy by a toymaker, CC BY 3.0", "source": "tests", "notes": "", "origin": "upstream"}
    fields |= {"packer": "zip", "packed": "toy.zip", "packed_sha256": "", "packed_bytes": 0, "content_sha256": ""}
    return Card(**(fields | {"files": files} | changes))


def write_card(folder: Path, card: Card) -> None:
    """The card as a file, where `cards_in` finds it."""
    (folder / f"{card.name}.json").write_text(json.dumps(dataclasses.asdict(card)))


@contextmanager
def cards_in(folder: Path) -> Iterator[None]:
    """The catalogue is what lies in this folder."""
    before, catalogue.DATA = catalogue.DATA, folder
    catalogue.cards.cache_clear()
    try:
        yield
    finally:
        catalogue.DATA = before
        catalogue.cards.cache_clear()


class Server:
    """Serves `files` with ETag and ranges; `orders` by path tell how the next requests are treated, in turn.

    An order is "cut N" (N bytes, then the connection breaks), "status N", "to URL" (redirection), "whole" (ranges
    are ignored), "endless", "drip" (a few bytes now and then), "silent", "wrong total", or "" (as it should be).
    `log` holds path and Range header of every request.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.orders, self.log = files, {}, []
        self.etag = '"one"'
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, path: str = "") -> str:
        """Address of a file."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/{path}"

    def close(self) -> None:
        """Stops serving."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def ranges(self, path: str) -> list[str | None]:
        """Range headers asked for, in order."""
        return [wanted for asked, wanted in self.log if asked == path]

    def order(self, path: str) -> str:
        """The next order for a path."""
        queue = self.orders.get(path, [])
        return queue.pop(0) if queue else ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                """Nothing is said."""

            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                server.log.append((path, self.headers.get("Range")))
                try:
                    _answer(server, self, path, server.order(path))
                except OSError:
                    self.close_connection = True

        return Handler


def _answer(server: Server, handler: BaseHTTPRequestHandler, path: str, order: str) -> None:
    word, _, rest = order.partition(" ")
    if word == "status" or path not in server.files:
        handler.send_error(int(rest or 404))
    elif word == "to":
        handler.send_response(302)
        handler.send_header("Location", rest)
        handler.end_headers()
    elif word == "silent":
        time.sleep(3)
    elif word in ("endless", "drip"):
        _flood(handler, slow=word == "drip")
    else:
        _send(server, handler, server.files[path], word, rest)


def _send(server: Server, handler: BaseHTTPRequestHandler, data: bytes, word: str, rest: str) -> None:
    wanted = handler.headers.get("Range", "")
    same = handler.headers.get("If-Range", server.etag) == server.etag
    start = int(wanted[6:-1]) if wanted and same and word != "whole" else 0
    if start and start >= len(data):
        handler.send_error(416)
        return
    total = len(data) + (word == "wrong")
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    handler.send_header("Content-Length", str(len(data) - start))
    handler.send_header("ETag", server.etag)
    handler.end_headers()
    body = data[start:]
    handler.wfile.write(body[: int(rest)] if word == "cut" else body)
    handler.close_connection = True


def _flood(handler: BaseHTTPRequestHandler, *, slow: bool) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(10_000):
        handler.wfile.write(bytes(100 if slow else 1 << 16))
        if slow:
            time.sleep(0.02)
