"""Small files in the formats of licensed head models, made of the embedded CC0 head alone.

`person` is the model as plain arrays, so that tests can evaluate it by themselves.
"""

import json
import pickle  # noqa: TID251  Only to write what the reader must understand.
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
import scipy.sparse
from PIL import Image

from meshes.geometry import cut_corners, triangulate
from meshes.makehuman_data import load
from meshes.makehuman_template import canonical_base, eye_spheres, template

SHIFT_M = np.array([0.0, 0.03, -0.02])
"""Models have origins of their own."""


@dataclass(frozen=True, eq=False)
class Person:
    """A model as arrays: points (P, 3) metres, faces (F, 3), modes, eyeballs, joints and skinning weights (P, 5)."""

    points: np.ndarray
    faces: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    eyes: np.ndarray
    balls: tuple[np.ndarray, np.ndarray]
    joints: np.ndarray
    weights: np.ndarray
    face_only: np.ndarray


@lru_cache(maxsize=1)
def person(modes: int = 300, expressions: int = 6) -> Person:
    """The average embedded head with eyeballs; its modes are MakeHuman targets, its joints those of FLAME."""
    pack, fixed = load(), template()
    base = canonical_base(pack, fixed.eye_vertices)
    quads = pack.quads[np.isin(pack.group, ("body", "helper-l-eye", "helper-r-eye"))]
    quads = quads[base[quads, 1].min(axis=1) > -0.17]
    used, corners = np.unique(quads, return_inverse=True)
    polygons = corners.reshape(-1, 4)
    faces = cut_corners(polygons, triangulate(polygons))
    points = base[used] + SHIFT_M
    eyes = eye_spheres(base, fixed.eye_vertices)[0] + SHIFT_M
    names = [n for n in sorted(pack.targets) if not n.startswith(("arkit", "expression", "macro"))]
    shapes = [n for n in sorted(pack.targets) if n.startswith("arkit") and "mouth" in n]
    balls = tuple(np.flatnonzero(np.isin(used, v)) for v in fixed.eye_vertices)
    joints = np.array([[0, -0.16, -0.05], [0, -0.10, -0.06], [0, -0.03, -0.02], *(eyes - SHIFT_M)]) + SHIFT_M
    return Person(
        points=points,
        faces=faces,
        identity=0.15 * _targets(pack.targets, (names * 3)[:modes], used, len(base)),
        expression=0.5 * _targets(pack.targets, shapes[:expressions], used, len(base)),
        eyes=eyes,
        balls=balls,
        joints=joints,
        weights=_weights(points - SHIFT_M, balls),
        face_only=_front(points - SHIFT_M, balls),
    )


def _targets(targets: dict, names: list[str], used: np.ndarray, count: int) -> np.ndarray:
    modes = np.zeros((len(names), count, 3))
    for mode, name in zip(modes, names, strict=True):
        index, offsets = targets[name]
        mode[index] = offsets
    return modes[:, used]


def _weights(points: np.ndarray, balls: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(P, 5): root below the neck, neck above, jaw at the chin, an eye's ball by its joint."""
    weights = np.zeros((len(points), 5))
    up = np.clip((points[:, 1] + 0.15) / 0.06, 0.0, 1.0)
    chin = np.clip((-0.075 - points[:, 1]) / 0.02, 0, 1) * np.clip((points[:, 2] + 0.01) / 0.03, 0, 1) * up
    weights[:, 0], weights[:, 1], weights[:, 2] = 1 - up, up - chin, chin
    for joint, ball in zip((3, 4), balls, strict=True):
        weights[ball] = np.eye(5)[joint]
    return weights


def _front(points: np.ndarray, balls: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(P,) bool: the face alone, without eyeballs, as the Basel model has it."""
    front = (points[:, 2] > -0.05) & (points[:, 1] > -0.14) & (points[:, 1] < 0.10)
    front[np.concatenate(balls)] = False
    return front


def regressor(who: Person) -> np.ndarray:
    """(5, P): an eye's joint is the mean of its ball, the others' the mean of the 60 points nearest to them."""
    rows = np.zeros((5, len(who.points)))
    for row, joint in zip(rows[:3], who.joints[:3], strict=True):
        row[np.argsort(np.square(who.points - joint).sum(axis=1), kind="stable")[:60]] = 1 / 60
    for row, ball in zip(rows[3:], who.balls, strict=True):
        row[ball] = 1 / len(ball)
    return rows


def flame_arrays(who: Person) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {
        "v_template": who.points,
        "shapedirs": np.ascontiguousarray(np.moveaxis(np.concatenate([who.identity, who.expression]), 0, 2)),
        "posedirs": 0.0005 * rng.standard_normal((len(who.points), 3, 36)),
        "J_regressor": regressor(who),
        "weights": who.weights,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
        "f": who.faces.astype(np.uint32),
    }


class Ch:
    """Stands for chumpy's array while writing: pickled, it is an object whose state holds `x` among other things."""

    def __init__(self, x: np.ndarray):
        self.x, self._dirty_vars, self._itr, self._depends_on_deps = x, {"x"}, None, {}


Ch.__module__ = "chumpy.ch"


def flame_pickle(arrays: dict[str, Any], protocol: int = 2, chumpy: bool = True) -> bytes:
    """As the model is published: a sparse regressor, arrays wrapped by chumpy, text beside them."""
    import sys
    import types

    wrapped = {"v_template", "shapedirs", "posedirs", "weights"} if chumpy else set()
    tree = {name: Ch(array) if name in wrapped else array for name, array in arrays.items()}
    tree |= {"J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"]), "bs_style": "lbs", "bs_type": "lrotmin"}
    module = types.ModuleType("chumpy.ch")
    module.Ch = Ch  # type: ignore[attr-defined]
    before = {name: sys.modules.get(name) for name in ("chumpy", "chumpy.ch")}
    sys.modules |= {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    try:
        return pickle.dumps(tree, protocol=protocol)
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


def gnm_arrays(who: Person) -> dict[str, np.ndarray]:
    """Joints neck, head and eyes; uv with a seam at x = 0; no pose correctives, as in version 3."""
    count = len(who.points)
    weights = np.stack([who.weights[:, 0], who.weights[:, 1] + who.weights[:, 2], *who.weights[:, 3:].T])
    uv = 0.5 + who.points[who.faces][..., :2]
    uv[uv[..., 0].mean(axis=1) > 0.5] += [0.3, 0.0]
    groups = np.zeros((2, count), np.float32)
    groups[0, who.points[:, 1] > SHIFT_M[1] + 0.08] = 1.0
    groups[1, np.concatenate(who.balls)] = 1.0
    return {
        "version": np.array("3.0"),
        "variant": np.array("head"),
        "template_vertex_positions": who.points.astype(np.float32),
        "vertex_identity_basis": who.identity[:20].astype(np.float32),
        "expression_basis": who.expression.astype(np.float32),
        "triangles": who.faces.astype(np.int32),
        "triangle_uvs": uv.astype(np.float32),
        "template_joint_positions": who.joints[[0, 1, 3, 4]].astype(np.float32),
        "joint_identity_basis": np.zeros((20, 4, 3), np.float32),
        "joint_parent_indices": np.array([0, 0, 1, 1]),
        "joint_names": np.array(["neck", "head", "left_eye", "right_eye"]),
        "skinning_weights": weights.astype(np.float32),
        "pose_correctives_regressor": np.zeros((36, 3 * count), np.float32),
        "identity_names": np.array([f"head_{k:03d}" for k in range(20)]),
        "expression_names": np.array([f"lower_face_region_{k:03d}" for k in range(len(who.expression))]),
        "vertex_groups": groups,
        "vertex_group_names": np.array(["scalp", "eyes"]),
    }


def basel(who: Person) -> dict[str, np.ndarray]:
    """Face alone: mean (3P,) mm, orthonormal-like basis (3P, K), variance (K,), colours in [0, 1], cells (3, F)."""
    keep = who.face_only
    number = np.cumsum(keep) - 1
    cells = number[who.faces[keep[who.faces].all(axis=1)]]
    modes = 1000.0 * who.identity[:8][:, keep].reshape(8, -1).T
    moods = 1000.0 * who.expression[:, keep].reshape(len(who.expression), -1).T
    tone = np.tile([0.75, 0.58, 0.50], int(keep.sum()))
    height = np.repeat(who.points[keep, 1], 3)
    return {
        "shape/model/mean": 1000.0 * who.points[keep].ravel(),
        **_pca("shape", modes),
        "expression/model/mean": np.zeros(3 * int(keep.sum())),
        **_pca("expression", moods),
        "color/model/mean": tone,
        **_pca("color", np.stack([np.full(len(tone), 0.06), 0.4 * (height - height.mean())], axis=1)),
        "shape/representer/cells": cells.T.astype(np.int32),
    }


def _pca(model: str, modes: np.ndarray) -> dict[str, np.ndarray]:
    length = np.sqrt(np.square(modes).sum(axis=0))
    return {f"{model}/model/pcaBasis": modes / np.maximum(length, 1e-9), f"{model}/model/pcaVariance": length**2}


def write_h5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
    return path


def basel_2009(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same face as the 2009 file has it: micrometres, deviations, colours to 255, clockwise faces from 1."""
    deviation = {m: np.sqrt(arrays[f"{m}/model/pcaVariance"])[:, None] for m in ("shape", "color")}
    return {
        "shapeMU": 1000.0 * arrays["shape/model/mean"][:, None],
        "shapePC": arrays["shape/model/pcaBasis"],
        "shapeEV": 1000.0 * deviation["shape"],
        "texMU": 255.0 * arrays["color/model/mean"][:, None],
        "texPC": arrays["color/model/pcaBasis"],
        "texEV": 255.0 * deviation["color"],
        "tl": arrays["shape/representer/cells"].T[:, ::-1] + 1,
        "segbin": np.ones((3, 4)),
    }


def write_mat(path: Path, arrays: dict[str, np.ndarray], deflated: bool = True) -> Path:
    scipy.io.savemat(
        path, {k: np.float32(v) if v.dtype.kind == "f" else v for k, v in arrays.items()}, do_compression=deflated
    )
    return path


def facescape_obj(points: np.ndarray, faces: np.ndarray, uv: np.ndarray, material: str) -> str:
    lines = [f"mtllib {material}.mtl", *(f"v {x:.7g} {y:.7g} {z:.7g}" for x, y, z in points)]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv]
    lines += ["f " + " ".join(f"{v + 1}/{v + 1}" for v in face) for face in faces]
    return "\n".join(lines) + "\n"


def write_facescape(folder: Path, who: Person, unit_m: float = 0.0011) -> Path:
    """One person's models_reg: neutral, smile (shifted, turned, scaled, as registration leaves it) and eyes closed."""
    registered = folder / "122" / "models_reg"
    registered.mkdir(parents=True)
    uv = np.clip(0.5 + 2.0 * (who.points - who.eyes.mean(axis=0))[:, :2], 0.0, 1.0)
    smile, closed = (0.4 * who.expression[k] / max(np.abs(who.expression[k]).max(), 1e-9) * 0.01 for k in (0, 1))
    for name, offsets in (("1_neutral", 0.0), ("2_smile", smile), ("18_eye_closed", closed)):
        points = (who.points + offsets) / unit_m
        if name == "2_smile":
            c, s = np.cos(0.01), np.sin(0.01)
            points = 1.004 * points @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) + [3.0, -2.0, 1.0]
        (registered / f"{name}.obj").write_text(facescape_obj(points, who.faces, uv, name))
        (registered / f"{name}.mtl").write_text(f"newmtl material_0\nmap_Kd {name}.jpg\n")
    shade = np.linspace(0.45, 0.75, 64)[:, None, None] * np.array([255, 190, 165])
    Image.fromarray(np.broadcast_to(shade, (64, 64, 3)).astype(np.uint8)).save(registered / "1_neutral.jpg")
    (folder / "Rt_scale_dict.json").write_text(json.dumps({"122": {"1": [1e3 * unit_m, []]}}))
    return folder / "122"


def wrl_text(points: np.ndarray, faces: np.ndarray, uv: np.ndarray, image: str) -> str:
    """As BU-3DFE's files are laid out, down to the folder of another machine in the texture's name."""
    rows = lambda a: ",\n".join(" ".join(f"{x:.6g}" for x in row) for row in a)  # noqa: E731
    fans = ",\n".join(", ".join(map(str, face)) + ", -1" for face in faces.tolist())
    return (
        "#VRML V2.0 utf8\n# made by a test\nGroup {\n children [\n  Shape {\n   appearance Appearance {\n"
        f'    texture ImageTexture {{ url "D:\\faces\\{image}" repeatS FALSE }}\n   }}\n   geometry IndexedFaceSet {{\n'
        f"    ccw TRUE solid FALSE\n    coord Coordinate {{ point [\n{rows(points)} ] }}\n"
        f"    texCoord TextureCoordinate {{ point [ {rows(uv)} ] }} # one a point\n"
        f"    coordIndex [ {fans} ]\n    texCoordIndex [ {fans} ]\n   }}\n  }}\n ]\n}}\n"
    )


def write_wrl(path: Path, who: Person) -> Path:
    keep = who.face_only
    number = np.cumsum(keep) - 1
    faces = number[who.faces[keep[who.faces].all(axis=1)]]
    points = 1000.0 * who.points[keep]
    uv = np.clip(0.5 + 0.002 * points[:, :2], 0.0, 1.0)
    Image.new("RGB", (16, 16), (200, 150, 130)).save(path.parent / "F0001.bmp")
    path.write_text(wrl_text(points, faces, uv, "F0001.bmp"))
    return path
