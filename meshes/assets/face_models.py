"""Networks that measure pictures, by short names: files of the assets that hold them, checked before they are read."""

from pathlib import Path

from meshes.assets.catalogue import card
from meshes.assets.store import AssetMissingError, present
from meshes.digest import sha256_of

FACE_MODELS = {
    "yunet": ("face-models", "face_detection_yunet_2023mar_int8bq.onnx"),
    "sface": ("face-models", "face_recognition_sface_2021dec_int8bq.onnx"),
    "face_mesh": ("face-models", "face_landmark.tflite"),
    "dlib_resnet": ("face-models", "dlib_face_recognition_resnet_model_v1.dat"),
    "dlib_5pt": ("face-models", "shape_predictor_5_face_landmarks.dat"),
    "person_mask": ("person-mask", "selfie_segmentation.tflite"),
    "alexnet": ("perceptual-models", "alexnet.ckpt"),
    "vgg16": ("perceptual-models", "vgg16.ckpt"),
    "dists": ("perceptual-models", "weights.pt"),
}
"""Asset and file of each network, by the name that `face_model` takes."""


def face_model(name: str) -> Path:
    """The file of a network, checked against its pinned sha256.

    Args:
        name: a key of FACE_MODELS.

    Raises:
        AssetMissingError: it is not on this machine, or is another file.
    """
    asset, wanted = FACE_MODELS[name]
    (file,) = (file for file in card(asset).files if file.path == wanted)
    path = present(f"{card(asset).packed}/{file.path}")
    if path is None:
        raise AssetMissingError(
            f"network {name}: expected {file.path} on this machine, found none; run `datagen assets fetch {asset}`."
        )
    if path.stat().st_size != file.bytes or sha256_of(path) != file.sha256:
        raise AssetMissingError(
            f"network {name}: expected sha256 {file.sha256[:16]}..., got another file at {path}; "
            f"run `datagen assets fetch {asset}`."
        )
    return path
