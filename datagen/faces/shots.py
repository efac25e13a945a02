"""A shot: one portrait and everything measured on it, kept on disk under the digest of all that went into it.

The digest covers the person, the view, the model's assets, the networks and the code, so a stale shot is never read.
"""

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

import datagen
from datagen.faces.detector import find_face
from datagen.faces.embedders import dlib_descriptor, sface
from datagen.faces.mesh import IBUG_68, face_mesh
from datagen.faces.passport import STANDARD, View, portrait
from datagen.faces.tools import why_not_measured
from meshes.head import HeadModel, Identity

THUMBNAIL_PX = 192
_HEAD = (slice(46, 384), slice(87, 425))  # Rows and columns of the portrait that hold the head.


@dataclass(frozen=True, eq=False)
class Shot:
    """What one portrait gave; arrays are empty where nothing was found or the network is missing.

    Attributes:
        thumbnail: (192, 192, 3) uint8, the head.
        found: (1,) bool, whether the detector saw a face.
        sface: (128,) float32 of length 1.
        dlib: (128,) float64.
        mesh_px: (68, 2) float64, the face mesh at the iBUG landmarks.
        landmarks_px: (L, 2) float64, where the landmarks really are.
        albedo: (3,) float64, linear, of the cheeks.
    """

    thumbnail: np.ndarray
    found: np.ndarray
    sface: np.ndarray
    dlib: np.ndarray
    mesh_px: np.ndarray
    landmarks_px: np.ndarray
    albedo: np.ndarray


@dataclass(frozen=True)
class Studio:
    """Takes shots of one source of people and remembers them.

    Attributes:
        source: the name by which the recipe knows the head model.
        model: opened from it.
        folder: where shots are kept.
    """

    source: str
    model: HeadModel
    folder: Path

    def shoot(self, identity: Identity, view: View = STANDARD) -> Shot:
        """The shot of a person in a view, from the folder where it is there already.

        Raises:
            FaceToolError, AssetMissingError: the detector cannot run here.
        """
        path = self.folder / f"{self._digest(identity, view)}.npz"
        shot = _read(path)
        if shot is None:
            shot = measure(self.model, identity, view)
            _write(path, shot)
        return shot

    def _digest(self, identity: Identity, view: View) -> str:
        about = {
            "source": self.source,
            "assets": [asdict(asset) for asset in self.model.assets],
            "shape": dict(identity.shape),
            "look": dict(identity.look),
            "view": {**asdict(view), "expression": dict(view.expression)},
            "tools": _missing_tools(),
            "code": code_digest(),
        }
        return hashlib.sha256(json.dumps(about, sort_keys=True, default=float).encode()).hexdigest()[:32]


def measure(model: HeadModel, identity: Identity, view: View = STANDARD) -> Shot:
    """Renders the portrait and runs every network at hand on it."""
    made = portrait(model, identity, view)
    face, missing = find_face(made.rgb), _missing_tools()
    nothing = np.zeros(0)

    def run(name: str, network: Callable[..., np.ndarray]) -> np.ndarray:
        return nothing if face is None or missing[name] else network(made.rgb, face)

    return Shot(
        thumbnail=_thumbnail(made.rgb),
        found=np.array([face is not None]),
        sface=run("sface", sface),
        dlib=run("dlib_resnet", dlib_descriptor),
        mesh_px=run("face_mesh", lambda rgb, face: face_mesh(rgb, face)[IBUG_68]),
        landmarks_px=made.landmarks_px,
        albedo=made.albedo,
    )


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of the version and of every file of code and data that shapes a portrait or its measurement."""
    root = Path(datagen.__file__).parents[1]
    folders = (root / "meshes", root / "renderers", root / "datagen" / "faces")
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".npz", ".webp"))
    digest = hashlib.sha256(datagen.__version__.encode())
    for path in files:
        digest.update(f"{path.relative_to(root)}".encode() + path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _missing_tools() -> dict[str, bool]:
    """Of the optional networks, which cannot run here."""
    sets = {"sface": ("sface",), "dlib_resnet": ("dlib_5pt", "dlib_resnet"), "face_mesh": ("face_mesh",)}
    return {name: bool(why_not_measured(*needed)) for name, needed in sets.items()}


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    head = Image.fromarray(np.ascontiguousarray(rgb[_HEAD]))
    return np.asarray(head.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS))


def _read(path: Path) -> Shot | None:
    """The shot in a file; None where there is none, or a damaged one, which is then taken again."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Shot(**{field.name: arrays[field.name] for field in fields(Shot)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _write(path: Path, shot: Shot) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    np.savez_compressed(file, **{field.name: getattr(shot, field.name) for field in fields(Shot)})
    beside = path.with_suffix(f".{os.getpid()}.part")
    beside.write_bytes(file.getvalue())
    beside.replace(path)
