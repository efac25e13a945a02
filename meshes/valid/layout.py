"""Where things are on the VALID topology: face parts, the 76 landmarks, lids, lips.

Places are texels of upstream's 2048 x 2048 atlas, (column, row), of the person's right half, which is on the left
of the atlas; the other half is their mirror image about column AXIS. Picked on the average skin, with the mesh over it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from meshes.geometry import inside_polygon
from meshes.landmarks import mirror_of
from meshes.parts import Part
from meshes.valid.outline import AXIS, soft_outline, whole
from meshes.valid.template import ATLAS_TEXELS, ISLANDS, Template

_LANDMARKS: dict[int, tuple[float, float]] = {
    **{0: (305, 501), 1: (325, 597), 2: (350, 661), 3: (364, 726), 4: (408, 782), 5: (452, 877), 6: (501, 893)},
    **{7: (563, 894), 8: (667, 935)},  # jaw, ear to chin
    **{17: (425, 392), 18: (470, 360), 19: (520, 358), 20: (570, 366), 21: (612, 383)},  # brow, from outside
    **{27: (667, 427), 28: (667, 488), 29: (667, 537), 30: (667, 593)},  # ridge of the nose
    **{31: (593, 623), 32: (628, 629), 33: (667, 634)},  # under the nose
    **{36: (496, 441), 37: (519, 437), 38: (560, 436), 39: (585, 440), 40: (558, 447), 41: (517, 448)},  # eye
    **{48: (541, 735), 49: (571, 711), 50: (612, 692), 51: (667, 697)},  # outer lip
    **{57: (667, 792), 58: (618, 787), 59: (573, 764)},
    **{60: (551, 736), 61: (610, 729), 62: (667, 728), 66: (667, 753), 67: (612, 752)},  # inner lip
    **{72: (87, 1048), 73: (57, 1101), 74: (140, 1227), 75: (183, 1160)},  # right ear
}
_EAR_ROWS = 221.6
"""The left ear's texels are this much above the right ear's."""

_LIPS = (
    [(541, 735), (571, 711), (595, 696), (612, 691), (640, 693), (667, 697)],
    [
        *[(667, 793), (640, 793), (618, 790), (590, 776), (565, 757)],
    ],
)
_INNER_LIP_ROWS = (735.0, 746.0)
_NOSE = [(667, 430), (645, 445), (638, 500), (612, 540), (578, 575), (576, 612), (600, 632), (667, 636)]
_FACE = [(667, 205), (560, 208), (470, 235), (385, 320), (300, 420), (258, 520), (262, 760), (330, 860), (667, 1010)]
_SHAPED = [(667, 225), (520, 232), (415, 290), (362, 400), (345, 560), (352, 720), (410, 850), (530, 960), (667, 990)]
_SHAPED_TEXELS = 32.0
"""The outline of what takes a face's shape, short of hair and ears, and how softly it ends."""
_SOCKET_ROWS, _SOCKET_COLUMNS = (438.0, 443.5), (492.0, 584.0)
"""The slit between the lids, behind which the skin lines the eye's socket."""

_SCALP_LEVEL_M = -0.03
"""Lower than this there is no scalp, hair painted on the nape aside."""

JAW_LINE_M, COLLAR_M, TILT = -0.120, -0.178, 0.36
"""Where neck begins and ends, as heights y + TILT z in the head frame; both rise towards the back."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What the topology fixes for everyone.

    Attributes:
        template: the topology.
        landmark_vertex: (76,) int64.
        landmark_face, landmark_barycentric: (76,) int32 and (76, 3) float64.
        fixed_part: (F,) uint8 of faces that do not depend on the person; neck and torso do, see `parts`.
        lids: two (N,) arrays of template vertices around the eyes, left first.
        lid_pairs: (2, 2, 2) eye, pair by rising x, upper and lower lid vertex.
        face_share: (V,) float64, how far each vertex takes a face's shape: 1 on the face, 0 on hair, ears and bust.
        skin_face: (F,) bool, faces with the head's texture; the others have the body's.
    """

    template: Template
    landmark_vertex: np.ndarray
    landmark_face: np.ndarray
    landmark_barycentric: np.ndarray
    fixed_part: np.ndarray
    lids: tuple[np.ndarray, np.ndarray]
    lid_pairs: np.ndarray
    face_share: np.ndarray
    skin_face: np.ndarray


@lru_cache(maxsize=2)
def build_layout(template: Template) -> Layout:
    """The layout of a template."""
    vertex = _landmark_vertices(template)
    corner = np.argsort(template.triangles.ravel(), kind="stable")
    at = corner[np.searchsorted(template.triangles.ravel()[corner], vertex)]
    texel = ATLAS_TEXELS * template.uv
    lid = (template.island == 0) & (np.abs(texel[:, 1] - 440) < 62)
    columns = np.abs(texel[:, 0] - AXIS)
    lid &= (columns > 55) & (columns < 215)
    pairs = np.array([[[43, 47], [44, 46]], [[37, 41], [38, 40]]])
    return Layout(
        template=template,
        landmark_vertex=vertex,
        landmark_face=(at // 3).astype(np.int32),
        landmark_barycentric=np.eye(3)[at % 3],
        fixed_part=_fixed_parts(template),
        lids=(np.flatnonzero(lid & (texel[:, 0] > AXIS)), np.flatnonzero(lid & (texel[:, 0] < AXIS))),
        lid_pairs=vertex[pairs],
        face_share=_face_share(template),
        skin_face=template.island[template.triangles[:, 0]] <= ISLANDS.index("palate"),
    )


def parts(layout: Layout, points: np.ndarray) -> np.ndarray:
    """(F,) uint8: the part of each body face of a person with these neutral points (V, 3), metres, head frame."""
    centre = points[layout.template.triangles].mean(axis=1)
    height = centre[:, 1] + TILT * centre[:, 2]
    part = layout.fixed_part.copy()
    skin = np.isin(part, (Part.FACE, Part.SCALP)) & (centre[:, 1] < 0)
    part[(part == Part.SCALP) & (centre[:, 1] < _SCALP_LEVEL_M) & (centre[:, 2] > -0.05)] = Part.FACE
    part[skin & (height < JAW_LINE_M)] = Part.NECK
    part[skin & (height < COLLAR_M)] = Part.TORSO
    return part


def landmark_texels() -> np.ndarray:
    """(76, 2) float64: column and row of each landmark in the atlas."""
    texels = {}
    for landmark, (column, row) in _LANDMARKS.items():
        texels[landmark] = (column, row)
        ear = landmark >= 72
        texels[mirror_of(landmark)] = (column, row - _EAR_ROWS) if ear else (2 * AXIS - column, row)
    return np.array([texels[k] for k in range(76)], np.float64)


def _landmark_vertices(template: Template) -> np.ndarray:
    texel = ATLAS_TEXELS * template.uv
    found = np.zeros(76, np.int64)
    for island, chosen in ((0, slice(0, 68)), (1, slice(68, 72)), (2, slice(72, 76))):
        rows = np.flatnonzero(template.island == island)
        found[chosen] = rows[cKDTree(texel[rows]).query(landmark_texels()[chosen])[1]]
    return found


def _face_share(template: Template) -> np.ndarray:
    """(V,) float64: 1 on the face and in the mouth, 0 on hair, ears and bust, one value on both sides of a seam."""
    mask = soft_outline(_SHAPED, _SHAPED_TEXELS)
    column, row = (ATLAS_TEXELS * template.uv).astype(int).T
    on_head, in_mouth = (
        template.island == 0,
        np.isin(template.island, (ISLANDS.index("palate"), ISLANDS.index("mouth_floor"))),
    )
    share = np.where(in_mouth, 1.0, 0.0)
    share[on_head] = mask[row[on_head], column[on_head]]
    total = np.bincount(template.point, share)
    return (total / np.bincount(template.point))[template.point]


def _fixed_parts(template: Template) -> np.ndarray:
    texel = ATLAS_TEXELS * template.uv[template.triangles].mean(axis=1)
    column, row = np.abs(texel[:, 0] - AXIS), texel[:, 1]
    island = np.array(ISLANDS)[template.island[template.triangles[:, 0]]]
    head = island == "head"
    upper, lower = _LIPS
    lips = inside_polygon(texel, whole([*upper[::-1], *lower[::-1]]))
    between = (row > _INNER_LIP_ROWS[0]) & (row < _INNER_LIP_ROWS[1])
    outer, inner = (AXIS - c for c in _SOCKET_COLUMNS)
    slit = (row > _SOCKET_ROWS[0]) & (row < _SOCKET_ROWS[1]) & (column < outer) & (column > inner)
    rules = (
        (head, Part.SCALP),
        (head & inside_polygon(texel, whole(_FACE)), Part.FACE),
        (head & inside_polygon(texel, whole(_NOSE)), Part.NOSE),
        (head & lips, Part.LIPS),
        (head & between & (column < AXIS - 548), Part.MOUTH_INTERIOR),
        (head & slit, Part.EYE_SOCKET),
        (island == "ear_left", Part.EAR_LEFT),
        (island == "ear_right", Part.EAR_RIGHT),
        (np.isin(island, ("palate", "mouth_floor")), Part.MOUTH_INTERIOR),
        (np.isin(island, ("torso", "arm_left", "arm_right")), Part.CLOTHES),
    )
    part = np.zeros(len(texel), np.uint8)
    for chosen, label in rules:
        part[chosen] = label
    return part
