"""The packages and weight files that measuring needs, asked for on first use, with a plain reason where one is missing.

Nothing here runs a network; see `detector`, `embedders` and `mesh`.
"""

import importlib
from pathlib import Path
from types import ModuleType

from meshes.assets import face_model
from meshes.errors import UserError

MODELS: dict[str, tuple[str, ...]] = {
    "yunet": ("cv2",),
    "sface": ("cv2", "onnx", "onnxruntime"),
    "face_mesh": ("cv2",),
    "dlib_5pt": ("dlib",),
    "dlib_resnet": ("dlib",),
    "person_mask": ("cv2",),
}
"""Weight files by name, and the packages that run each."""


class FaceToolError(UserError):
    """A package that measuring faces needs is not installed, or a picture is not one; says what to do."""


def package(name: str) -> ModuleType:
    """An optional package.

    Raises:
        FaceToolError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise FaceToolError(
            f"measuring faces: expected the package {name}, got {error}; pip install 'perspective-portraits[eval]'."
        ) from None


def weights(name: str) -> Path:
    """The weight file `name`, one of `MODELS`.

    Raises:
        AssetMissingError: it has not been fetched.
    """
    return face_model(name)


def why_not_measured(*names: str) -> str:
    """Why these models cannot run here, for a report; empty where they can."""
    for name in names:
        try:
            for needed in MODELS[name]:
                package(needed)
            weights(name)
        except UserError as error:
            return str(error)
    return ""
