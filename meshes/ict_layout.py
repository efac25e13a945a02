"""What never changes on an ICT head: triangles, texture atlas, parts, landmarks, the neck, the lash strips.

Constants are in the upstream frame: centimetres, +Y up, +Z out of the face, +X to the person's left.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from meshes.elementary import exp, hypot
from meshes.geometry import cut_corners, fit_sphere, inside_polygon, triangulate, vertex_share
from meshes.hair.bound import Bound
from meshes.ict_files import MATERIALS as UPSTREAM
from meshes.ict_files import IctData
from meshes.ict_lashes import lash_hairs, lash_uv
from meshes.noise import smooth_step
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skin_regions import SkinTemplate
from meshes.skinning import Neck

MATERIALS = ("skin", "mouth", "teeth", "lashes", "sclera", "iris", "cornea")
"""Materials of the surface, in order. Upstream's eyeballs give way to `meshes.eyes.eyeball`, of the same size, whose
cornea is clear; its tear line, eye blend and eye occlusion shells are game-engine shading aids and left out."""

SKIN, MOUTH, TEETH, LASHES = range(4)
_KEPT = {"M_Face": SKIN, "M_BackHead": SKIN, "M_GumsTongue": MOUTH, "M_Teeth": TEETH, "M_EyeLashes": LASHES}

_REGION_STARTS = {"face": 0, "back": 9409, "mouth": 11248, "eye_socket": 13294, "inside": 14062}
"""First upstream vertex of each region (ranges of the upstream README)."""

_ATLAS = np.array([[0.0, 0.3, 0.86, 0.7], [0.0, 0.0, 0.86, 0.29], [0.87, 0.0, 0.13, 0.25], [0.87, 0.25, 0.13, 0.25]])
_EYE_ATLAS = ((0.87, 0.5, 0.13, 0.25), (0.87, 0.75, 0.13, 0.25))
"""Where upstream's uv tiles 0 to 3 (face, back of head, gums and tongue, teeth) and the eyes, left first, go in
[0, 1]^2: left, bottom, width, height. Skin gets most, as it alone has a texture."""

_NOSE = np.array([[0.0, 4.2], [0.95, 3.4], [1.1, 1.8], [2.05, 0.6], [2.05, -0.7], [1.1, -1.0], [0.0, -1.15]])
_EAR_BOX = np.array([[6.95, -2.6, -3.0], [12.0, 4.2, 1.75]])
_EARS = ((6844, 6857, 7125, 7093), (7571, 7584, 7852, 7820))
"""Helix top, helix back, lobe and tragus vertices of the left and right ear; mirror images of each other."""

_LID_PAIRS = np.array([[[43, 47], [44, 46]], [[37, 41], [38, 40]]])
_LIP_PAIRS = np.array([[61, 67], [62, 66], [63, 65]])
_LID_REACH = 1.5
"""Skin closer to an eye's centre than this many radii is lid."""

_BROW_Y_M, _BROW_LIFT_M, _BROW_REACH_M = 0.025, 0.012, 0.017
"""ICT's brow landmarks are this high, and this much above the brows of the canonical head; the lift dies away in
this distance, in which it stretches the skin by no more than a factor of 2.5."""

_JAW_LINE, _COLLAR, _TILT = -5.8, -11.6, 0.36
"""Where neck begins and ends, as heights y + _TILT z: both rise towards the back."""
_NECK_AXIS = np.array([[0.0, -14.0, -4.5], [0.0, -4.0, -0.5]])

_TONGUE_FIRST = 16611
"""Tongue faces, and no others of gums and tongue, have a vertex from here on."""

_BITE_CM = -3.1
"""No tooth has its middle near this height; the upper ones are above."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The fixed side of the model; V split vertices without the eyeballs, F triangles, both skin first.

    Attributes:
        point: (V,) int64 upstream vertex of each split vertex.
        faces: (F, 3) int32.
        uv: (V, 2) float32: one atlas in [0, 1]^2.
        part, material: (F,) uint8.
        lashes: hairs tied to strips along the lids, whose vertices are among the rest but whose faces are not.
        template: the skin for `meshes.appearance`, the first vertices.
        landmark_face, landmark_barycentric: (76,), (76, 3).
        share, neck: of upstream vertices, for `meshes.skinning.bend`; metres from the mean eye midpoint.
        white: two (N,) arrays of the sclera's vertices between iris and equator, left eye first.
        lids: two arrays of the skin and lash vertices around the eyes, left first.
        lid_pairs: (2, 2, 2) eye, pair by rising x, upper and lower lid vertex of landmarks that meet in a blink.
        lip_pairs: (3, 2) pair by rising x, upper and lower lip vertex of inner lip landmarks that meet at rest.
        nose_tip, tragi: upstream vertices.
    """

    point: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    part: np.ndarray
    material: np.ndarray
    lashes: Bound
    template: SkinTemplate
    landmark_face: np.ndarray
    landmark_barycentric: np.ndarray
    share: np.ndarray
    neck: Neck
    white: tuple[np.ndarray, np.ndarray]
    lids: tuple[np.ndarray, np.ndarray]
    lid_pairs: np.ndarray
    lip_pairs: np.ndarray
    nose_tip: int
    tragi: np.ndarray


def build_layout(data: IctData) -> Layout:
    """Splits vertices at uv seams, cuts every quad along one diagonal, and names every face."""
    white = _white(data, "M_ScleraLeft"), _white(data, "M_ScleraRight")
    eye_midpoint_cm = np.mean([fit_sphere(data.neutral[w].astype(np.float64))[0] for w in white], axis=0)
    kept = np.array([_KEPT.get(name, 255) for name in UPSTREAM], np.uint8)[data.material]
    order = np.argsort(kept, kind="stable")[: int((kept < 255).sum())]
    cut = triangulate(data.faces[order])
    material = kept[order][cut[:, 0]]
    corner_point, corner_uv = cut_corners(data.faces[order], cut), cut_corners(data.faces_uv[order], cut)
    keys = np.stack([np.repeat(material, 3), corner_point.ravel(), corner_uv.ravel()], axis=1).astype(np.int64)
    split, corner = np.unique(keys, axis=0, return_inverse=True)
    faces = corner.reshape(-1, 3).astype(np.int32)
    point = split[:, 1]
    uv = _atlas(data.uv[split[:, 2]])
    hair, strips = split[:, 0] == LASHES, material == LASHES
    uv[hair] = lash_uv(data.neutral[point[hair]], data.uv[split[hair, 2]])
    part = _parts(data, corner_point, material)
    skin_faces = int((material == SKIN).sum())
    landmark_face, landmark_barycentric = _landmarks(data, corner_point[:skin_faces])
    return Layout(
        point=point,
        faces=faces[~strips],
        uv=uv.astype(np.float32),
        part=part[~strips],
        material=material[~strips],
        lashes=lash_hairs(faces[strips], uv, data.neutral[point, 0]),
        template=_template(data, eye_midpoint_cm, point, uv, faces[:skin_faces], part[:skin_faces]),
        landmark_face=landmark_face,
        landmark_barycentric=landmark_barycentric,
        share=smooth_step(_height(data.neutral), _COLLAR - 1.2, _JAW_LINE).astype(np.float64),
        neck=_neck(eye_midpoint_cm),
        white=white,
        lids=_lids(data, white),
        lid_pairs=data.landmarks[_LID_PAIRS],
        lip_pairs=data.landmarks[_LIP_PAIRS],
        nose_tip=int(data.landmarks[30]),
        tragi=np.array([ear[3] for ear in _EARS]),
    )


def eye_uv(uv: np.ndarray, side: int) -> np.ndarray:
    """(N, 2) float32: uv of `meshes.eyes` moved to its place in the atlas; side 0 is the left eye."""
    left, bottom, width, height = _EYE_ATLAS[side]
    return (uv * np.array([width, height]) + np.array([left, bottom])).astype(np.float32)


def _atlas(uv: np.ndarray) -> np.ndarray:
    tile = np.clip(np.floor(uv[:, 0]).astype(int), 0, 3)
    place = _ATLAS[tile]
    return (uv - np.stack([tile, np.zeros(len(uv))], axis=1)) * place[:, 2:] + place[:, :2]


def _height(points_cm: np.ndarray) -> np.ndarray:
    return points_cm[:, 1].astype(np.float64) + _TILT * points_cm[:, 2]


def _neck(eye_midpoint_cm: np.ndarray) -> Neck:
    root, pivot = _NECK_AXIS
    axis_cm = root + np.linspace(0.0, 1.0, 9)[:, None] * (pivot - root)
    share = smooth_step(_height(axis_cm), _COLLAR - 1.2, _JAW_LINE).astype(np.float64)
    share[0], share[-1] = 0.0, 1.0
    return Neck(share, (axis_cm - eye_midpoint_cm) / 100.0)


def _white(data: IctData, name: str) -> np.ndarray:
    """Vertices of the globe between the limbus and the equator; upstream's uv are azimuthal about the pupil."""
    faces = data.material == UPSTREAM.index(name)
    radius = hypot(*(data.uv[data.faces_uv[faces]] - 0.5).reshape(-1, 2).T)
    corner = data.faces[faces].ravel()
    return np.unique(corner[(corner >= 0) & (radius > 0.18) & (radius < 0.36)])


def _lids(data: IctData, white: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    points = data.neutral.astype(np.float64)
    front = np.zeros(len(points), bool)
    front[: _REGION_STARTS["back"]] = True
    front[np.unique(data.faces[data.material == UPSTREAM.index("M_EyeLashes")])] = True
    left, right = (_near(points, *fit_sphere(points[index])) & front for index in white)
    return np.flatnonzero(left), np.flatnonzero(right)


def _near(points: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    return np.square(points - centre).sum(axis=1) < (_LID_REACH * radius) ** 2


def _parts(data: IctData, corner_point: np.ndarray, material: np.ndarray) -> np.ndarray:
    centre = data.neutral[corner_point].astype(np.float64).mean(axis=1)
    start = list(_REGION_STARTS.values())
    region = np.array(list(_REGION_STARTS))[np.searchsorted(start, corner_point.max(axis=1), side="right") - 1]
    rules = (
        (material == SKIN, Part.FACE),
        ((material == SKIN) & (region == "back"), Part.SCALP),
        ((material == SKIN) & (_height(centre) < _JAW_LINE), Part.NECK),
        ((material == SKIN) & (_height(centre) < _COLLAR), Part.TORSO),
        ((region == "face") & _inside(centre, np.concatenate([_NOSE, _NOSE[::-1] * [-1, 1]]), 9.5), Part.NOSE),
        ((region == "face") & _inside(centre, data.neutral[data.landmarks[48:60], :2], 8.0), Part.LIPS),
        ((region == "face") & _in_ear(centre, 1.0), Part.EAR_LEFT),
        ((region == "face") & _in_ear(centre, -1.0), Part.EAR_RIGHT),
        (region == "mouth", Part.MOUTH_INTERIOR),
        (region == "eye_socket", Part.EYE_SOCKET),
        (material == MOUTH, Part.MOUTH_INTERIOR),
        ((material == MOUTH) & _is_tongue(corner_point), Part.TONGUE),
        (material == TEETH, Part.TEETH_UPPER),
        ((material == TEETH) & _is_lower(data, corner_point), Part.TEETH_LOWER),
        (material == LASHES, Part.LASHES),
    )
    part = np.zeros(len(material), np.uint8)
    for chosen, label in rules:
        part[chosen] = label
    return part


def _inside(centre: np.ndarray, polygon: np.ndarray, behind_cm: float) -> np.ndarray:
    return inside_polygon(centre[:, :2], polygon) & (centre[:, 2] > behind_cm)


def _in_ear(centre: np.ndarray, side: float) -> np.ndarray:
    mirrored = centre * [side, 1.0, 1.0]
    return ((mirrored > _EAR_BOX[0]) & (mirrored < _EAR_BOX[1])).all(axis=1)


def _is_tongue(corner_point: np.ndarray) -> np.ndarray:
    return corner_point.max(axis=1) >= _TONGUE_FIRST


def _is_lower(data: IctData, corner_point: np.ndarray) -> np.ndarray:
    """(F,) bool: the face's connected piece has its middle below the bite; upstream models 32 single teeth."""
    rows, columns = corner_point.ravel(), np.roll(corner_point, 1, axis=1).ravel()
    count = len(data.neutral)
    links = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (count, count))
    _, piece = sparse.csgraph.connected_components(links, directed=False)
    used = np.unique(corner_point)
    total = np.bincount(piece[used], data.neutral[used, 1].astype(np.float64))
    middle = total / np.maximum(np.bincount(piece[used]), 1)
    return (middle < _BITE_CM)[piece[corner_point[:, 0]]]


def _landmarks(data: IctData, corner_point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first face that touches each landmark's vertex, and that corner's unit weight."""
    at = np.array([np.flatnonzero(corner_point.ravel() == vertex)[0] for vertex in _landmark_vertices(data)])
    return (at // 3).astype(np.int32), np.eye(3)[at % 3]


def _landmark_vertices(data: IctData) -> np.ndarray:
    return np.concatenate([data.landmarks, np.ravel(_EARS)])


def _on_canonical_head(points: np.ndarray) -> np.ndarray:
    """Where on the head that `meshes.appearance` paints each point is: its brows lie lower than ICT's.

    Args:
        points: (N, 3) float64 metres from the eye midpoint.
    """
    x, y, z = points.T
    brow = exp(-np.square((y - _BROW_Y_M) / _BROW_REACH_M)) * smooth_step(np.abs(x), 0.085, 0.055) * (z > -0.04)
    return np.stack([x, y - _BROW_LIFT_M * brow, z], axis=1)


def _template(
    data: IctData, origin_cm: np.ndarray, point: np.ndarray, uv: np.ndarray, faces: np.ndarray, part: np.ndarray
) -> SkinTemplate:
    count = int(faces.max()) + 1
    rest = (data.neutral.astype(np.float64) - origin_cm) / 100.0
    vertices, point = rest[point[:count]], point[:count]

    def mask(*labels: Part) -> np.ndarray:
        return vertex_share(np.isin(part, labels), point[faces], len(rest))[point]

    eyes = np.concatenate([rest[data.landmarks[36:42]], rest[data.landmarks[42:48]]])
    to_lids = np.sqrt(np.square(vertices[:, None] - eyes).sum(axis=2)).min(axis=1)
    label = np.zeros(count, np.uint8)
    label[faces.ravel()] = np.repeat(part, 3)
    return SkinTemplate(
        rest=_on_canonical_head(vertices),
        normal=vertex_normals(vertices, faces, point),
        uv=uv[:count],
        faces=faces,
        part=label,
        masks={
            "lips": mask(Part.LIPS),
            "ears": mask(Part.EAR_LEFT, Part.EAR_RIGHT),
            "eyelids": smooth_step(to_lids, 0.009, 0.003).astype(np.float32),
            "face": mask(Part.FACE, Part.NOSE, Part.LIPS),
            "inside_mouth": mask(Part.MOUTH_INTERIOR),
        },
    )
