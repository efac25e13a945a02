"""Two independent face recognisers: SFace (cosine, higher is more alike) and dlib's ResNet (distance).

Both turn a found face into 128 numbers. Bits may differ between processors; decisions made from them are kept in files.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from datagen.faces.detector import Face
from datagen.faces.tools import FaceToolError, package, weights

SFACE_NUMBERS = 128
"""Length of an SFace embedding."""
CHIP_PX = 112
CHIP_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2) where SFace was trained to see the five points (Deng et al., "ArcFace", CVPR 2019)."""


def face_chip(rgb: np.ndarray, face: Face) -> np.ndarray:
    """(112, 112, 3) uint8: the picture under the similarity that brings the five points to `CHIP_POINTS`."""
    cv2 = package("cv2")
    matrix, _ = cv2.estimateAffinePartial2D(face.points, CHIP_POINTS, method=cv2.LMEDS)
    if matrix is None:
        raise FaceToolError(f"face: expected five points that differ, got {face.points.tolist()}; find the face again.")
    return cv2.warpAffine(rgb, matrix, (CHIP_PX, CHIP_PX), flags=cv2.INTER_LINEAR)


def sface(rgb: np.ndarray, face: Face) -> np.ndarray:
    """(128,) float32 of length 1: the SFace embedding (Zhong et al., "SFace", IEEE TIP 2021; OpenCV's int8 weights).

    Raises:
        FaceToolError, AssetMissingError: a package or the weights are missing.
    """
    chip = face_chip(rgb, face).transpose(2, 0, 1)[None].astype(np.float32)
    vector = _sface_session().run(None, {"data": chip})[0][0]
    return vector / np.linalg.norm(vector)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m, n) float64 cosines between (m, d) and (n, d) vectors of length 1."""
    return np.einsum("md,nd->mn", a.astype(np.float64), b.astype(np.float64))


def dlib_descriptor(rgb: np.ndarray, face: Face) -> np.ndarray:
    """(128,) float64: dlib's ResNet descriptor; Euclidean distances below 0.6 mean the same person on photographs.

    Source: D. King, "High Quality Face Recognition with Deep Metric Learning", 2017, and its published weights.

    Raises:
        FaceToolError, AssetMissingError: a package or the weights are missing.
    """
    dlib = package("dlib")
    predictor, network = _dlib_models()
    left, top, width, height = face.box
    x, y, half = left + width / 2, top + 0.55 * height, (width + height) / 4
    corners = (round(float(v)) for v in (x - half, y - half, x + half, y + half))
    picture = np.ascontiguousarray(rgb)
    return np.array(network.compute_face_descriptor(picture, predictor(picture, dlib.rectangle(*corners))))


@lru_cache(maxsize=1)
def _sface_session() -> Any:
    """The file lists its weights as inputs too, which onnxruntime refuses; only the picture is one."""
    onnx, onnxruntime = package("onnx"), package("onnxruntime")
    model = onnx.load(str(weights("sface")))
    inputs = [value for value in model.graph.input if value.name == "data"]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Without this the weights are turned from int8 to float again for every picture.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1)
def _dlib_models() -> tuple[Any, Any]:
    dlib = package("dlib")
    predictor = dlib.shape_predictor(str(weights("dlib_5pt")))
    return predictor, dlib.face_recognition_model_v1(str(weights("dlib_resnet")))
