"""JSON that somebody else may have written: fields by name and type, or one sentence of what is wrong with them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from meshes.errors import UserError

T = TypeVar("T")
_KINDS: dict[type, str] = {
    dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number", bool: "true or false",
}  # fmt: skip


class ResultError(UserError):
    """A file of results that cannot be used: says expected, got, next step."""


def loaded(path: Path, what: str) -> dict[str, Any]:
    """The object of a JSON file. Raises ResultError, which calls the file `what`."""

    def infinite(constant: str) -> float:
        # Equal pictures have an infinite PSNR; what is no number is no figure.
        if constant == "NaN":
            raise ValueError("NaN in it")
        return float(constant)

    try:
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=infinite)
    except (OSError, ValueError, RecursionError) as error:
        got = error.strerror if isinstance(error, OSError) else f"{error}" or type(error).__name__
        raise ResultError(f"{what}: expected a whole JSON file, got {got}; run `benchmark run` again.") from error
    if not isinstance(values, dict):
        raise ResultError(f"{what}: expected a JSON object, got {_shown(values)}; name a folder of results only.")
    return values


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True)
class Record:
    """A JSON object that knows where it stands in its file, for messages."""

    values: Mapping[str, Any]
    where: str

    def wrong(self, name: str, expected: str, got: Any) -> ResultError:
        """The error about one field."""
        return ResultError(
            f"{self.where}: expected {name} to be {expected}, got {_shown(got)}; remove the file or run it again."
        )

    def get(self, name: str, kind: type[T]) -> T:
        """A field of a type that must be there; a whole number counts as float, true and false as neither."""
        value = self.values.get(name)
        kinds = (int, float) if kind is float else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(name, _KINDS[kind], value)
        try:
            return kind(value)  # type: ignore[call-arg]
        except OverflowError as error:
            raise self.wrong(name, "a number within reach", value) from error

    def finite(self, name: str) -> float | None:
        """A number that is not infinite, or null."""
        value = self.maybe(name, float)
        if value is not None and not math.isfinite(value):
            raise self.wrong(name, "a finite number", value)
        return value

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """A field that may be null or missing."""
        return None if self.values.get(name) is None else self.get(name, kind)

    def part(self, name: str) -> "Record":
        """An object within."""
        return Record(self.get(name, dict), f"{self.where}: {name}")

    def parts(self, name: str) -> dict[str, "Record"]:
        """An object of objects."""
        outer = self.part(name)
        return {key: outer.part(key) for key in outer.values}
