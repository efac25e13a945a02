"""`datagen assets`: what data can be had, under which licence, and how it gets onto this machine."""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from tyro.conf import OmitSubcommandPrefixes, Positional

from datagen.database import StoppedError
from datagen.progress import working
from meshes.assets.catalogue import Card, card, cards
from meshes.assets.contents import DamagedError, check
from meshes.assets.fetch import OnFetch, fetch
from meshes.assets.importing import Imported, import_asset
from meshes.assets.store import cache_folder, mirror_folder, places, present
from meshes.errors import UsageError


@dataclass(frozen=True)
class List:
    """List every asset: size, licence, and where it is found on this machine."""

    json: bool = False
    """Print JSON instead of a table."""
    markdown: bool = False
    """Print the table of docs/assets.md."""

    def run(self) -> int:
        """Prints the assets."""
        if self.json:
            text = json.dumps([_row(card) for card in cards().values()], indent=2)
        else:
            text = markdown_table() if self.markdown else _table()
        sys.stdout.write(text + "\n")
        return 0


@dataclass(frozen=True)
class Info:
    """Show an asset's card: what it is, its source, its files' addresses and checksums, its licence and credit."""

    name: Positional[str]
    """Name of the asset, as `datagen assets list` shows it."""
    files: bool = False
    """Also list every upstream file with its address, size and sha256."""

    def run(self) -> int:
        """Prints the card."""
        sys.stdout.write(info(card(self.name), files=self.files) + "\n")
        return 0


@dataclass(frozen=True)
class Fetch:
    """Bring assets onto this machine: out of the folder DATAGEN_ASSETS, from DATAGEN_ASSETS_URL, or from upstream.

    An interrupted fetch goes on where it stopped when the same command runs again. Every byte is checked.
    """

    names: Positional[tuple[str, ...]]
    """Assets to fetch, as `datagen assets list` shows them."""

    def run(self) -> int:
        """Fetches each asset; stops at the first that cannot be had."""
        if not self.names:
            raise UsageError(f"assets fetch: expected names out of {', '.join(cards())}, got none.")
        for wanted in [card(name) for name in self.names]:
            with _byte_bar(wanted.name) as progress, _resumable():
                path = fetch(wanted, progress)
            sys.stdout.write(f"{wanted.name}: {path} ({wanted.licence})\n")
            if wanted.credit:
                sys.stdout.write(f"  Credit to carry along: {wanted.credit}\n")
        return 0


@dataclass(frozen=True)
class Import:
    """Take in a file or folder fetched by hand: it is recognised by its content, packed, checked and cached."""

    path: Positional[Path]
    """A packed asset, a wheel, or an archive or folder with upstream's files; also MakeHuman's own folders."""

    def run(self) -> int:
        """Imports and says what it was."""
        with working("reading"):
            done = import_asset(self.path)
        if done.names:
            sys.stdout.write(_own(self.path, done))
            return 0
        share = f"{done.files} of {len(done.card.files)} files" if done.files < len(done.card.files) else "whole"
        sys.stdout.write(f"{self.path} is {done.card.name} ({done.card.title}), {share}; now at {done.path}\n")
        return 0


@dataclass(frozen=True)
class Verify:
    """Re-hash assets on this machine and compare them with their cards."""

    names: Positional[tuple[str, ...]] = ()
    """Assets to check; every one that is present where left out."""

    def run(self) -> int:
        """0 where all are what their cards say, 1 otherwise."""
        wanted = [card(name) for name in self.names] or [c for c in cards().values() if present(c.packed)]
        results = [_verified(each) for each in wanted]
        sys.stdout.write("".join(f"{line}\n" for line, _ in results) or "no asset is on this machine\n")
        return 0 if all(fine for _, fine in results) else 1


Action = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Info, tyro.conf.subcommand("info")]
    | Annotated[Fetch, tyro.conf.subcommand("fetch")]
    | Annotated[Import, tyro.conf.subcommand("import")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
)


@dataclass(frozen=True)
class Assets:
    """List, fetch, import and verify data that the toolkit does not ship: people, scans, wardrobe, light.

    Assets are looked for in the folder that DATAGEN_ASSETS names, then in this user's cache (DATAGEN_CACHE
    replaces it). docs/assets.md tells more.
    """

    action: OmitSubcommandPrefixes[Action]

    def run(self) -> int:
        """Runs the action."""
        return self.action.run()


def info(shown: Card, *, files: bool = False) -> str:
    """A card as text for people."""
    place = present(shown.packed)
    lines = [
        f"{shown.name}: {shown.title}",
        f"  {shown.what}",
        *([f"  {shown.notes}"] if shown.notes else []),
        f"source   {shown.source}",
        f"on disk  {shown.packed}, {_megabytes(shown.bytes)}, {len(shown.files)} upstream files",
        f"sha256   {shown.packed_sha256 or shown.sha256}",
        f"found    {place or 'not on this machine; ' + shown.how_to_get}",
        f"licence  {shown.licence}",
        f"credit   {shown.credit or 'none is asked for'}",
        "",
        shown.licence_text(),
    ]
    if files:
        lines += ["", *(f"{f.sha256 or '-' * 64}  {f.bytes or '?':>9}  {f.path}  {f.address}" for f in shown.files)]
    return "\n".join(lines)


def markdown_table() -> str:
    """Every asset as a Markdown table; docs/assets.md holds it."""
    head = ["| asset | what | size | licence | how it comes |", "| --- | --- | --- | --- | --- |"]
    ways = {"upstream": "`fetch`", "wheels": "`fetch`, by pip", "npm": "`fetch`, by npm"}
    rows = [
        f"| `{c.name}` | {c.title} | {_megabytes(c.bytes)} | {c.licence} | {ways.get(c.origin, '`import`')} |"
        for c in cards().values()
    ]
    return "\n".join(head + rows)


def _table() -> str:
    head = f"{'asset':20s} {'size':>9s}  {'licence':32s} found"
    rows = [
        f"{c.name:20s} {_megabytes(c.bytes):>9s}  {c.licence:32s} {present(c.packed) or 'no'}" for c in cards().values()
    ]
    where = f"Looked in {mirror_folder() or '(DATAGEN_ASSETS is not set)'} and {cache_folder()}."
    return "\n".join([head, *rows, "", where, "`datagen assets info NAME` tells more; `datagen assets fetch NAME`."])


def _own(path: Path, done: Imported) -> str:
    """What a wardrobe of the user's own holds, and what was left out of it."""
    lines = [
        f"{path} is MakeHuman's: {', '.join(done.names)}",
        f"{len(done.names)} items under CC0, now at {done.path}",
    ]
    return "\n".join([*lines, *(f"left out {reason}" for reason in done.left_out), ""])


def _row(shown: Card) -> dict[str, Any]:
    place = present(shown.packed)
    names = ("name", "title", "licence", "credit", "source", "origin", "packed", "bytes", "sha256")
    return {name: getattr(shown, name) for name in names} | {"found": str(place) if place else None}


def _verified(wanted: Card) -> tuple[str, bool]:
    found = [path for path in places(wanted.packed) if path.exists()]
    if not found:
        return f"missing  {wanted.name}: {wanted.how_to_get}", False
    try:
        for path in found:
            check(wanted, path)
    except DamagedError as error:
        return f"damaged  {error}", False
    return f"fine     {wanted.name}: {', '.join(map(str, found))}", True


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        text = "assets fetch: stopped by Ctrl-C; what has arrived is kept. Run the same command again to go on."
        raise StoppedError(text, signal=2) from None


@contextlib.contextmanager
def _byte_bar(what: str) -> Iterator[OnFetch]:
    """A bar of bytes on standard error; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
