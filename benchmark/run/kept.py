"""Cases on disk, one file each, so that any process reads the one it needs; and where cases come from."""

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.methods.method import Question
from benchmark.suites.case import Case, Truth
from benchmark.suites.made import opened
from benchmark.suites.suite import Suite
from datagen.database import explained, read_json, to_json, write_file

INDEX = "cases.json"
"""Lists the cases of a folder; written last, so that a folder with it is whole."""


@dataclass(frozen=True)
class Generated:
    """A suite of the generator, in its folder.

    Attributes:
        suite, small: which.
        folder: where it was made.
    """

    suite: Suite
    small: bool
    folder: Path

    def cases(self) -> Sequence[Case]:
        """Its cases."""
        return opened(self.suite, self.small, self.folder).cases


@dataclass(frozen=True)
class Kept:
    """Cases that were written to a folder by `keep`."""

    folder: Path

    def cases(self) -> Sequence[Case]:
        """Its cases."""
        return KeptCases(self.folder, read_json(self.folder / INDEX)["ids"])


@dataclass(frozen=True)
class KeptCases(Sequence[Case]):
    """Cases of a folder, read when asked for."""

    folder: Path
    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Case:  # type: ignore[override]
        return read_case(self.folder / f"{self.ids[index]}.npz")


def keep(cases: Iterable[Case], folder: Path) -> str:
    """Writes cases into a folder; returns the sha256 of them all. Raises DatabaseError where it cannot be written."""
    digest, ids = hashlib.sha256(), []
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for case in cases:
            data = case_bytes(case)
            digest.update(data)
            ids.append(case.question.id)
            write_file(folder / f"{case.question.id}.npz", data)
        write_file(folder / INDEX, to_json({"ids": ids, "sha256": digest.hexdigest()}))
    return digest.hexdigest()


def case_bytes(case: Case) -> bytes:
    """A case as an .npz file: its arrays, and the rest as JSON."""
    arrays: dict[str, Any] = {}
    plain: dict[str, dict[str, Any]] = {}
    for part, values in (("question", vars(case.question)), ("truth", vars(case.truth))):
        arrays |= {f"{part}.{name}": value for name, value in values.items() if isinstance(value, np.ndarray)}
        plain[part] = {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}
    file = io.BytesIO()
    text = np.frombuffer(json.dumps(plain, sort_keys=True).encode(), np.uint8)
    np.savez(file, plain=text, **arrays)
    return file.getvalue()


def read_case(path: Path) -> Case:
    """Inverse of `case_bytes`."""
    with explained(path), path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        plain = json.loads(kept["plain"].tobytes())
        for name in kept.files:
            part, _, field = name.partition(".")
            if field:
                plain[part][field] = kept[name]
    known = {kind: {field.name for field in fields(kind)} for kind in (Question, Truth)}
    return Case(
        Question(**{name: value for name, value in plain["question"].items() if name in known[Question]}),
        Truth(**{name: value for name, value in plain["truth"].items() if name in known[Truth]}),
    )
