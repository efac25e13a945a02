"""`benchmark report`: kept results as a page, a Markdown file and tables."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from benchmark.report import applications, side_by_side
from benchmark.report.board import Board, boards
from benchmark.report.page import PAGE_MARK, page
from benchmark.report.results import Run, read_run
from benchmark.report.tables import csv_text, json_value, markdown
from datagen.database import explained, write_file
from meshes.errors import UserError


@dataclass(frozen=True)
class Report:
    """Write what a folder of results says: report.html, report.md, results.csv, results.json.

    The page holds everything it shows and needs no network. A file that is damaged or something else is named and left
    out, and the exit status is 1.
    """

    run_folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(name="RUN", metavar="RUN")]
    """Folder that `benchmark run --out` has filled."""
    out: Path | None = None
    """Folder to write into; RUN/report where left out."""
    docs: Path | None = None
    """Page on applications to put figures into, between its markers: docs/applications.md; answers side by side go into
    pictures/ beside it."""

    def run(self) -> int:
        """Writes the report; 0 if every file could be used, else 1."""
        read = read_run(self.run_folder)
        for text in read.refused:
            sys.stderr.write(f"refused: {text}\n")
        if not read.results:
            raise UserError(f"{self.run_folder}: expected results, got {len(read.refused)} files without; see above.")
        found = boards(read)
        if self.docs:
            insert(self.docs, found)
        written = write(found, read, self.out or self.run_folder / "report")
        sys.stdout.write(f"Page: {written.resolve()}\n")
        return 1 if read.refused else 0


def write(found: list[Board], run: Run, folder: Path) -> Path:
    """Writes the four files, replacing earlier ones; returns the page.

    Raises:
        UserError: it cannot be written, or another file has the page's name.
    """
    out_html = folder / "report.html"
    _refuse_foreign(out_html)
    record = json.dumps(json_value(found, run), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    texts = {
        "report.html": page(found, run),
        "report.md": markdown(found, run),
        "results.csv": csv_text(found),
        "results.json": record,
    }
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_file(folder / name, text.encode())
    return out_html


def _refuse_foreign(out_html: Path) -> None:
    if not out_html.exists():
        return
    with explained(out_html), open(out_html, "rb") as file:
        head = file.read(1024)
    if PAGE_MARK.encode() not in head:
        raise UserError(f"{out_html}: expected a new name or an earlier report, got another file; name another --out.")


def insert(docs: Path, found: list[Board]) -> None:
    """Puts the figures of applications between the markers of a page, and the picture that it shows beside it.

    Raises:
        UserError: no such page, or one without markers.
    """
    if not docs.is_file():
        raise UserError(f"--docs {docs}: expected a page with markers for the figures, found none; check the path.")
    with explained(docs):
        text = docs.read_text(encoding="utf-8")
        write_file(docs, applications.inserted(text, found).encode())
    side_by_side.write_sheet(found, docs.parent / applications.PICTURE)
