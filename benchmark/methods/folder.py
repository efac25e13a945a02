"""Answers that were made elsewhere: a folder of pictures and flows named by the questions' ids.

ID.png (.webp, .jpg)     the portrait from the far distance
ID.flo, ID.npy, ID.npz   the flow: Middlebury's format, or numpy's (H, W, 2); of an .npz the array "flow"
answers.json             {"sees": ["near"], "distance_m": {"ID": 0.31}}; all of it optional
"""

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmark.methods.method import SIGHTS, Answer, MethodError, Question, Sight

PICTURES, FLOWS = (".png", ".webp", ".jpg", ".jpeg"), (".flo", ".npy", ".npz")
SAID = "answers.json"
FLO_MAGIC = 202021.25
"""First number of a .flo file: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011."""
_FLO_SIDE = 1 << 15


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder of answers; one that lacks a question's files fails that question.

    Attributes:
        name: of the folder.
        sees: what the answers were made from, as answers.json says; the near portrait alone where it does not.
        path: the folder.
        pictures, flows: files by id.
        distances_m: told distances by id.
        repeated: ids of which there is more than one picture, flow or distance.
    """

    name: str
    sees: frozenset[Sight]
    path: Path
    pictures: dict[str, Path]
    flows: dict[str, Path]
    distances_m: dict[str, Any]
    repeated: frozenset[str]

    @staticmethod
    def open(path: Path) -> "Folder":
        """The answers in a folder; no picture is read yet. Raises MethodError where there is no such folder."""
        if not path.is_dir():
            raise MethodError(f"--method folder:{path}: expected a folder of answers, found none; check the path.")
        said, told_twice = _said(path / SAID)
        files = sorted(path.iterdir())
        pictures = [file for file in files if file.suffix.lower() in PICTURES]
        flows = [file for file in files if file.suffix.lower() in FLOWS]
        if not pictures and not flows and not said.get("distance_m"):
            raise MethodError(f"--method folder:{path}: expected ID.png, ID.flo or {SAID}, found none of them.")
        again = _repeated(pictures) | _repeated(flows) | told_twice
        distances = _distances(path, said)
        return Folder(_name(path), _sees(path, said), path, _by_id(pictures), _by_id(flows), distances, again)

    def __call__(self, question: Question) -> Answer:
        """The answer under the question's id. Raises MethodError where it is missing, double or no answer."""
        name = question.id
        if name in self.repeated:
            raise MethodError(f"{name}: expected one answer of this id, got several; keep one.")
        picture, flow, distance_m = (known.get(name) for known in (self.pictures, self.flows, self.distances_m))
        lacking = [
            what
            for what, mine, known in (
                (f"{name}.png", picture, self.pictures),
                (f"{name}.flo or .npy", flow, self.flows),
                (f"distance_m of {name}", distance_m, self.distances_m),
            )
            if mine is None and known
        ]
        if lacking:
            raise MethodError(f"{name}: expected {' and '.join(lacking)} in {self.path.name}, found none.")
        return Answer(
            rgb=None if picture is None else read_picture(picture),
            flow=None if flow is None else read_flow(flow),
            distance_m=None if distance_m is None else _number(name, distance_m),
        )

    def digest(self) -> str:
        """Of every file's name and content."""
        files = [*self.pictures.values(), *self.flows.values(), self.path / SAID]
        about = [f"{file.name} {_sha256(file)}" for file in sorted(files) if file.is_file()]
        return hashlib.sha256("\n".join([*about, *sorted(self.repeated)]).encode()).hexdigest()


def _name(path: Path) -> str:
    """The folder's name in lower case, dashes for what a method's name may not have."""
    return re.sub(r"[^a-z0-9.]+", "-", path.resolve().name.lower()).strip("-.") or "folder"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 of a picture; transparent parts come before black. Raises MethodError."""
    try:
        with Image.open(path) as image:
            behind = Image.new("RGBA", image.size, (0, 0, 0, 255))
            return np.asarray(Image.alpha_composite(behind, image.convert("RGBA")).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MethodError(f"{path.name}: expected a picture, got {error}; write it again.") from None


def read_flow(path: Path) -> np.ndarray:
    """(H, W, 2) float32 of a .flo, .npy or .npz file; pickled objects are refused. Raises MethodError."""
    try:
        if path.suffix.lower() == ".flo":
            return _flo(path.read_bytes())
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return np.asarray(loaded["flow"] if path.suffix.lower() == ".npz" else loaded, np.float32)
    except Exception as error:  # numpy and zipfile raise whatever they stumble over in a damaged file.
        raise MethodError(
            f"{path.name}: expected a flow, got {type(error).__name__}: {error}; write it again."
        ) from None


def _flo(data: bytes) -> np.ndarray:
    magic = float(np.frombuffer(data, "<f4", 1)[0])
    width, height = (int(side) for side in np.frombuffer(data, "<i4", 2, 4))
    if magic != FLO_MAGIC or not (0 < width <= _FLO_SIDE and 0 < height <= _FLO_SIDE):
        raise ValueError(f"a header of {magic:g}, {width} x {height}")
    if len(data) != 12 + 8 * width * height:
        raise ValueError(f"{len(data)} bytes instead of {12 + 8 * width * height}")
    return np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)


def _said(path: Path) -> tuple[dict[str, Any], frozenset[str]]:
    """What answers.json says, and keys that it says twice."""
    if not path.is_file():
        return {}, frozenset()
    twice: set[str] = set()

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.update(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    try:
        said = json.loads(path.read_bytes(), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise MethodError(f"{path}: expected JSON, got damaged text ({error}); write it again.") from None
    if not isinstance(said, dict):
        raise MethodError(f"{path}: expected an object with sees and distance_m, got {type(said).__name__}.")
    return said, frozenset(twice)


def _sees(path: Path, said: dict[str, Any]) -> frozenset[Sight]:
    seen = said.get("sees", ["near"])
    if not isinstance(seen, list) or not set(map(str, seen)) <= set(SIGHTS):
        raise MethodError(f"{path / SAID}: expected sees to be among {', '.join(SIGHTS)}, got {seen!r}; correct it.")
    return frozenset({"near", *seen})


def _distances(path: Path, said: dict[str, Any]) -> dict[str, Any]:
    told = said.get("distance_m", {})
    if not isinstance(told, dict):
        raise MethodError(f"{path / SAID}: expected distance_m to be metres by id, got {type(told).__name__}.")
    return told


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MethodError(f"{name}: expected metres as distance_m, got {value!r}; correct it.")
    return float(value)


def _by_id(files: list[Path]) -> dict[str, Path]:
    return {file.stem: file for file in files}


def _repeated(files: list[Path]) -> frozenset[str]:
    return frozenset(name for name, count in Counter(file.stem for file in files).items() if count > 1)
