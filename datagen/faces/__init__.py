"""Finds and compares faces in pictures: what realism, rosters of people and benchmarks are measured with.

The networks need `pip install 'perspective-portraits[eval]'` and `datagen assets fetch face-models`;
the mask of the person, `datagen assets fetch person-mask`.
"""

from datagen.faces.detector import Face, find_face, find_faces
from datagen.faces.embedders import SFACE_NUMBERS, cosine, dlib_descriptor, sface
from datagen.faces.mesh import IBUG_68, face_mesh, face_mesh_3d
from datagen.faces.person_mask import person_mask
from datagen.faces.tools import MODELS, FaceToolError, why_not_measured

__all__ = [
    "IBUG_68",
    "MODELS",
    "SFACE_NUMBERS",
    "Face",
    "FaceToolError",
    "cosine",
    "dlib_descriptor",
    "face_mesh",
    "face_mesh_3d",
    "find_face",
    "find_faces",
    "person_mask",
    "sface",
    "why_not_measured",
]
