"""Everything about the embedded head that no person changes: its fine triangles and how they hang on the base mesh.

A fine vertex is a fixed weighted sum of base vertices, so posing is one sparse product.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from meshes.appearance import SkinTemplate
from meshes.atlas import skin_atlas
from meshes.elementary import arctan2, norm
from meshes.eyelids import look_angles
from meshes.geometry import fit_sphere
from meshes.hair.bound import Bound
from meshes.landmarks import landmark_vertices
from meshes.lashes import lash_hairs
from meshes.lips import LipSeal, lip_seal
from meshes.makehuman_data import Pack, add_targets, load
from meshes.makehuman_identity import target_weights
from meshes.normals import vertex_normals
from meshes.parts import Part
from meshes.skin_regions import hair_depth
from meshes.subdivide import Subdivision, subdivide
from meshes.teeth import LOWER_RINGS, LOWER_WIDTHS, UPPER_RINGS, UPPER_WIDTHS, ToothRow, tooth_row

MATERIALS = ("skin", "lips", "mouth", "teeth", "tongue", "lashes", "sclera", "iris", "cornea")
"""Materials by index, as `Surface.material` counts them."""

_FINE_EDGE_M = {"lips": 0.0030, "eyelids": 0.0028, "ears": 0.0054, "face": 0.0074}
_LID_REACH = 1.5  # Eyeball radii.
_MASKS = ("lips", "ears", "eyelids", "face", "inside_mouth")
_LASHES = tuple(f"helper-{side}-eyelashes-{row}" for side in "lr" for row in (1, 2))


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of the head's surface.

    Attributes:
        operator: (V, base vertices) CSR; positions = operator @ base positions.
        point: (V,) int64; vertices of one point are one place, split by a texture seam.
        attributes: (V, K) float64, the first two columns uv.
        faces: (T, 3) int64.
        part, material: (T,) uint8.
        descendant: (base vertices,) int64, the vertex a base vertex became, or -1.
    """

    operator: sparse.csr_matrix
    point: np.ndarray
    attributes: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    material: np.ndarray
    descendant: np.ndarray


@dataclass(frozen=True, eq=False)
class Template:
    """The fixed part of every embedded head; skin first, then tongue, lashes and teeth. Eyes come on top.

    Attributes:
        pack: the base mesh and its targets.
        skin: the canonical head that appearance paints; its vertices are the first of the surface.
        operator, point, uv, faces, part, material: as in `Piece`, all pieces joined.
        lashes: hairs tied to strips along the lids, whose vertices are among the rest but whose faces are not.
        occluder_faces: (G, 3) int32, the base quads as triangles over vertices.
        landmark_face, landmark_barycentric: as in `meshes.head.Head`.
        eye_vertices: base vertices of the left and the right eyeball.
        lids: vertices of the skin and lashes in front of the left and of the right eye.
        lip_seal: how resting lips are brought together.
        lid_pairs: per eye, base vertices of the upper (2,) and of the lower lid's edge (2,) below them.
        look_angles: (yaw, pitch) radians by the name of each eyeLook expression.
        jaw_open_angle: radians that jawOpen turns the lower teeth by.
    """

    pack: Pack
    skin: SkinTemplate
    operator: sparse.csr_matrix
    point: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    material: np.ndarray
    lashes: Bound
    occluder_faces: np.ndarray
    landmark_face: np.ndarray
    landmark_barycentric: np.ndarray
    eye_vertices: tuple[np.ndarray, np.ndarray]
    lids: tuple[np.ndarray, np.ndarray]
    lip_seal: LipSeal
    lid_pairs: tuple[tuple[np.ndarray, np.ndarray], ...]
    look_angles: dict[str, tuple[float, float]]
    jaw_open_angle: float


def eye_spheres(vertices: np.ndarray, eyes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Centres (2, 3) and radii (2,) of the eyeballs, left then right, in the unit and frame of `vertices`."""
    fits = [fit_sphere(vertices[index]) for index in eyes]
    return np.array([centre for centre, _ in fits]), np.array([radius for _, radius in fits])


def _split_seams(fine: Subdivision) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """point (V,), attribute (V,) and faces (T, 3): one vertex for each pair of point and attribute in use."""
    pairs = np.stack([fine.faces.ravel(), fine.faces_uv.ravel()], axis=1)
    vertices, index = np.unique(pairs, axis=0, return_inverse=True)
    return vertices[:, 0], vertices[:, 1], index.reshape(-1, 3)


def _piece(
    pack: Pack,
    quads: np.ndarray,
    twice: np.ndarray,
    label: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Piece:
    """Subdivides chosen quads of the pack and labels the triangles.

    Args:
        pack: the base mesh.
        quads: (F,) int64 indices into `pack.quads`.
        twice: (F,) bool.
        label: gives part and material (T,) from faces (T, 3), operator and attributes.
    """
    attributes = np.concatenate([pack.uv, *(pack.masks[m][:, None] for m in _MASKS)], axis=1)
    fine = subdivide(pack.quads[quads], pack.quads_uv[quads], attributes, len(pack.vertices), twice)
    point, at, faces = _split_seams(fine)
    operator, values = fine.operator[point], fine.attributes[at]
    part, material = label(faces, operator, values)
    first = np.full(fine.operator.shape[0], -1)
    first[point[::-1]] = np.arange(len(point))[::-1]
    descendant = np.where(fine.descendant >= 0, first[fine.descendant], -1)
    return Piece(operator, point, values, faces, part, material, descendant)


def canonical_base(pack: Pack, eyes: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(V, 3) float64 metres: base vertices of the average adult at hm08's own size, head frame."""
    vertices = add_targets(pack.vertices, target_weights({}, tuple(pack.targets)), pack)
    return vertices - eye_spheres(vertices, eyes)[0].mean(axis=0)


def _fine_quads(pack: Pack, base: np.ndarray, eyes: tuple[np.ndarray, np.ndarray], quads: np.ndarray) -> np.ndarray:
    """(F,) bool: large quads of the lids, lips, ears and face, which are subdivided twice."""
    corners = base[pack.quads[quads]]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    hidden = _in_socket(corners.mean(axis=1), normal, base, eyes)
    edge = norm(corners - np.roll(corners, -1, axis=1), axis=2).max(axis=1)
    mask = {m: pack.masks[m][pack.quads_uv[quads]].mean(axis=1) > 0.5 for m in _MASKS}
    chosen = np.zeros(len(quads), bool)
    for name, limit in _FINE_EDGE_M.items():
        chosen |= mask[name] & (edge > limit)
    return chosen & ~mask["inside_mouth"] & ~hidden


def _label_skin(
    pack: Pack, base: np.ndarray, eyes: tuple[np.ndarray, np.ndarray]
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def label(faces: np.ndarray, operator: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest = operator @ base
        centre, mask = rest[faces].mean(axis=1), values[faces, 2:].mean(axis=1)
        share = (operator @ pack.neck_bend)[faces].mean(axis=1)
        named = {name: mask[:, k] > 0.5 for k, name in enumerate(_MASKS)}
        normal = np.cross(rest[faces[:, 1]] - rest[faces[:, 0]], rest[faces[:, 2]] - rest[faces[:, 0]])
        rules = [
            (hair_depth(centre) > 0.0, Part.SCALP),
            (_on_nose(centre), Part.NOSE),
            (_in_socket(centre, normal, base, eyes), Part.EYE_SOCKET),
            (share < 0.95, Part.NECK),
            (share < 0.12, Part.TORSO),
            (named["ears"] & (centre[:, 0] > 0), Part.EAR_LEFT),
            (named["ears"] & (centre[:, 0] < 0), Part.EAR_RIGHT),
            (named["lips"], Part.LIPS),
            (named["inside_mouth"], Part.MOUTH_INTERIOR),
        ]
        part = np.full(len(faces), Part.FACE, np.uint8)
        for chosen, name in rules:
            part[chosen] = name
        material = np.full(len(faces), MATERIALS.index("skin"), np.uint8)
        material[part == Part.LIPS] = MATERIALS.index("lips")
        material[np.isin(part, (Part.MOUTH_INTERIOR, Part.EYE_SOCKET))] = MATERIALS.index("mouth")
        return part, material

    return label


def _on_nose(centre: np.ndarray) -> np.ndarray:
    """(T,) bool: the nose's wedge on the canonical head, from the root between the eyes to the wings."""
    x, y, z = np.abs(centre[:, 0]), centre[:, 1], centre[:, 2]
    half_width = np.interp(-y, [-0.004, 0.020, 0.034, 0.046], [0.006, 0.011, 0.0185, 0.0185])
    return (x < half_width) & (y < 0.004) & (y > -0.048) & (z > 0.012)


def _in_socket(
    centre: np.ndarray, normal: np.ndarray, base: np.ndarray, eyes: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """(T,) bool: skin behind the lids, which looks towards an eyeball it lies close to."""
    inside = np.zeros(len(centre), bool)
    for middle, radius in zip(*eye_spheres(base, eyes), strict=True):
        away = centre - middle
        near = norm(away, axis=1) < 1.35 * radius
        inside |= near & ((away * normal).sum(axis=1) < 0)
    return inside


def _plain(part: Part, material: str) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    def label(faces: np.ndarray, *_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape = len(faces)
        return np.full(shape, part, np.uint8), np.full(shape, MATERIALS.index(material), np.uint8)

    return label


def _teeth(pack: Pack, row: ToothRow, part: Part) -> Piece:
    vertices, faces = len(row.uv), len(row.faces)
    return Piece(
        operator=row.operator,
        point=np.arange(vertices),
        attributes=row.uv,
        faces=row.faces,
        part=np.full(faces, part, np.uint8),
        material=np.where(row.gum, MATERIALS.index("mouth"), MATERIALS.index("teeth")).astype(np.uint8),
        descendant=np.full(len(pack.vertices), -1),
    )


def _pieces(pack: Pack, base: np.ndarray, eyes: tuple[np.ndarray, np.ndarray]) -> list[Piece]:
    def quads(*groups: str) -> np.ndarray:
        return np.flatnonzero(np.isin(pack.group, groups))

    def once(*groups: str) -> tuple[np.ndarray, np.ndarray]:
        return quads(*groups), np.zeros(len(quads(*groups)), bool)

    body = quads("body")
    return [
        _piece(pack, body, _fine_quads(pack, base, eyes, body), _label_skin(pack, base, eyes)),
        _piece(pack, *once("helper-tongue"), _plain(Part.TONGUE, "tongue")),
        _piece(pack, *once(*_LASHES), _plain(Part.LASHES, "lashes")),
        _teeth(
            pack, tooth_row(np.searchsorted(pack.base_index, UPPER_RINGS), base, UPPER_WIDTHS, True), Part.TEETH_UPPER
        ),
        _teeth(
            pack, tooth_row(np.searchsorted(pack.base_index, LOWER_RINGS), base, LOWER_WIDTHS, False), Part.TEETH_LOWER
        ),
    ]


def _skin_template(piece: Piece, base: np.ndarray) -> SkinTemplate:
    rest = piece.operator @ base
    part = np.zeros(len(rest), np.uint8)
    part[piece.faces.ravel()] = np.repeat(piece.part, 3)
    return SkinTemplate(
        rest=rest,
        normal=vertex_normals(rest, piece.faces, piece.point),
        uv=skin_atlas(piece.attributes[:, :2]),
        faces=piece.faces.astype(np.int32),
        part=part,
        masks={m: piece.attributes[:, 2 + k].astype(np.float32) for k, m in enumerate(_MASKS)},
    )


def _one_corner(faces: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A face (L,) and barycentrics (L, 3) for each vertex: the first face that has it as a corner."""
    first = np.zeros(int(faces.max()) + 1, np.int64)
    corners = faces.ravel()
    first[corners[::-1]] = np.arange(len(corners))[::-1]
    face, corner = np.divmod(first[vertices], 3)
    return face.astype(np.int32), np.eye(3)[corner]


def _lids(
    rest: np.ndarray, faces: np.ndarray, part: np.ndarray, spheres: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the lids' outside, of the left and of the right eye: near the eyeball and in no socket."""
    outside = np.zeros(len(rest), bool)
    outside[faces[np.isin(part, (Part.FACE, Part.NOSE, Part.LASHES))]] = True
    left, right = (
        np.flatnonzero(outside & (norm(rest - centre, axis=1) < _LID_REACH * radius))
        for centre, radius in zip(*spheres, strict=True)
    )
    return left, right


def _jaw_open_angle(pack: Pack) -> float:
    """Radians that jawOpen at weight 1 turns the lower teeth by about +X, by the best rigid fit in the YZ plane."""
    teeth = pack.group_vertices("helper-lower-teeth")
    moved = add_targets(pack.vertices, {"arkit/jawOpen": 1.0}, pack)[teeth]
    a, b = pack.vertices[teeth] - pack.vertices[teeth].mean(axis=0), moved - moved.mean(axis=0)
    sine = (a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]).sum()
    return float(arctan2(sine, (a[:, 1:] * b[:, 1:]).sum()))


@lru_cache(maxsize=1)
def template() -> Template:
    """The fixed part of the embedded head, built once a process."""
    pack = load()
    eyes = (pack.group_vertices("helper-l-eye"), pack.group_vertices("helper-r-eye"))
    base = canonical_base(pack, eyes)
    pieces = _pieces(pack, base, eyes)
    starts = np.cumsum([0] + [len(p.point) for p in pieces[:-1]])
    points = np.cumsum([0] + [int(p.point.max()) + 1 for p in pieces[:-1]])
    operator = sparse.vstack([p.operator for p in pieces], format="csr")
    faces = np.concatenate([p.faces + s for p, s in zip(pieces, starts, strict=True)]).astype(np.int32)
    part, material = (np.concatenate([getattr(p, name) for p in pieces]) for name in ("part", "material"))
    uv = np.concatenate([p.attributes[:, :2] for p in pieces])
    hanging = part == Part.LASHES
    lashes = lash_hairs(faces[hanging], uv)
    uv[: starts[1]] = skin_atlas(uv[: starts[1]])
    skin = pieces[0]
    corners = skin.descendant[pack.quads[pack.group == "body"]]
    marks = landmark_vertices(pack)
    landmark_face, landmark_barycentric = _one_corner(skin.faces, skin.descendant[marks])
    return Template(
        pack=pack,
        skin=_skin_template(skin, base),
        operator=operator,
        point=np.concatenate([p.point + o for p, o in zip(pieces, points, strict=True)]),
        uv=uv.astype(np.float32),
        faces=faces[~hanging],
        part=part[~hanging],
        material=material[~hanging],
        lashes=lashes,
        occluder_faces=np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]).astype(np.int32),
        landmark_face=landmark_face,
        landmark_barycentric=landmark_barycentric,
        eye_vertices=eyes,
        lids=_lids(operator @ base, faces, part, eye_spheres(base, eyes)),
        lip_seal=lip_seal(pack, base),
        lid_pairs=((marks[[43, 44]], marks[[47, 46]]), (marks[[38, 37]], marks[[40, 41]])),
        look_angles=look_angles(pack, eyes),
        jaw_open_angle=_jaw_open_angle(pack),
    )
