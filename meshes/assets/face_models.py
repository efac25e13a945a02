"""Networks that find, compare and landmark faces, by short names: files of the asset `face-models`."""

from pathlib import Path

from meshes.assets.catalogue import card
from meshes.assets.store import AssetMissingError, present
from meshes.digest import sha256_of

FACE_MODELS = {
    "yunet": "face_detection_yunet_2023mar_int8bq.onnx",
    "sface": "face_recognition_sface_2021dec_int8bq.onnx",
    "face_mesh": "face_landmark.tflite",
    "dlib_resnet": "dlib_face_recognition_resnet_model_v1.dat",
    "dlib_5pt": "shape_predictor_5_face_landmarks.dat",
}
"""File of each network, by the name that `face_model` takes."""


def face_model(name: str) -> Path:
    """The file of a network, checked against its pinned sha256.

    Args:
        name: a key of FACE_MODELS.

    Raises:
        AssetMissingError: it is not on this machine, or is another file.
    """
    models = card("face-models")
    (file,) = (file for file in models.files if file.path == FACE_MODELS[name])
    path = present(f"{models.packed}/{file.path}")
    if path is None:
        raise AssetMissingError(
            f"face model {name}: expected {file.path} on this machine, found none; "
            "run `datagen assets fetch face-models`."
        )
    if path.stat().st_size != file.bytes or sha256_of(path) != file.sha256:
        raise AssetMissingError(
            f"face model {name}: expected sha256 {file.sha256[:16]}..., got another file at {path}; "
            "run `datagen assets fetch face-models`."
        )
    return path
