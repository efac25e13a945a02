"""A small stand-in for ICT-FaceKit with upstream's vertex order, written as its npz or as its folder of OBJ files.

Offsets are multiples of 1/64 cm, so that text, float16 and float32 all hold them exactly.
"""

import json
from pathlib import Path

import numpy as np

from meshes.ict_files import MATERIALS, VERTICES

Sheet = tuple[np.ndarray, np.ndarray, np.ndarray]  # points (n, 3), uv (n, 2), quads (q, 4) within the sheet


def model() -> dict[str, np.ndarray]:
    """Arrays as in the packed npz: a bent sheet for a face, spheres for eyes, strips for lashes and teeth."""
    pieces = [
        ("M_Face", 0, _sheet(97, 97, _face, 0)),
        ("M_BackHead", 9409, _sheet(3, 613, lambda s, t: (18 * s - 9, 28 * t - 16, 0 * s - 6), 1)),
        ("M_BackHead", 11248, _sheet(2, 1023, lambda s, t: (4 * s - 2, t - 4, 0 * s + 5), 1)),
        ("M_BackHead", 13294, _sheet(2, 384, lambda s, t: (s + 3, t + 3, 0 * s + 7), 1)),
        ("M_GumsTongue", 14062, _sheet(3, 992, lambda s, t: (s, t - 4, 0 * s + 7), 2)),
        ("M_Teeth", 17039, _sheet(2, 1103, lambda s, t: (4 * s - 2, t - 2.5, 0 * s + 9), 3)),
        ("M_Teeth", 19245, _sheet(2, 1103, lambda s, t: (4 * s - 2, t - 5, 0 * s + 9), 3)),
        ("M_ScleraLeft", 21451, _sheet(10, 77, lambda s, t: _globe(s, t, 3.125), 0)),
        ("M_IrisLeft", 22221, _sheet(2, 400, lambda s, t: (s + 3, t + 3, 0 * s + 9), 0)),
        ("M_ScleraRight", 23021, _sheet(10, 77, lambda s, t: _globe(s, t, -3.125), 0)),
        ("M_IrisRight", 23791, _sheet(2, 400, lambda s, t: (s - 4, t + 3, 0 * s + 9), 0)),
        ("M_LacrimalFluid", 24591, _sheet(2, 204, lambda s, t: (s, t, 0 * s + 9), 4)),
        ("M_EyeBlend", 24999, _sheet(2, 24, lambda s, t: (s, t, 0 * s + 9), 0)),
        ("M_EyeOcclusion", 25047, _sheet(2, 152, lambda s, t: (s, t, 0 * s + 9), 0)),
        *(("M_EyeLashes", 25351 + 114 * k, _lash(k)) for k in range(12)),
    ]
    neutral, uv = np.zeros((VERTICES, 3)), np.zeros((VERTICES, 2))
    faces, material = [], []
    for name, start, (points, coordinates, quads) in pieces:
        neutral[start : start + len(points)] = points
        uv[start : start + len(points)] = coordinates
        faces.append(quads + start)
        material.append(np.full(len(quads), MATERIALS.index(name)))
    faces = np.concatenate(faces).astype(np.int32)
    faces[-1, 3] = -1  # Upstream has triangles among its quads.
    neutral = np.round(neutral * 1024) / 1024
    return {
        "neutral": neutral.astype(np.float32),
        "uv": uv.astype(np.float32),
        "faces": faces,
        "faces_uv": faces,
        "material": np.concatenate(material).astype(np.uint8),
        "material_names": np.array(MATERIALS),
        "landmarks68": _landmarks(neutral),
        **_modes(neutral),
    }


def write_pack(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, **arrays)
    return path


def write_folder(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Upstream's layout; comment heads differ in length from file to file, as upstream's do."""
    folder.mkdir(parents=True)
    neutral = arrays["neutral"].astype(np.float64)
    (folder / "generic_neutral_mesh.obj").write_text("# head\n\n" + _lines(neutral) + _topology(arrays))
    for k, offsets in enumerate(arrays["identity"]):
        (folder / f"identity{k:03d}.obj").write_text("#\n" * k + _lines(neutral + offsets))
    for name, offsets in zip(arrays["expression_names"], arrays["expression"], strict=True):
        (folder / f"{name}.obj").write_text(_lines(neutral + offsets))
    indices = {"idx_to_landmark_verts": arrays["landmarks68"].tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(indices))
    return folder


def _lines(points: np.ndarray) -> str:
    return "".join(f"v {x!r} {y:.16e} {z!r}\n" for x, y, z in points.tolist())


def _topology(arrays: dict[str, np.ndarray]) -> str:
    lines = [f"vt {u!r} {v!r}" for u, v in arrays["uv"].tolist()]
    current = -1
    for face, material in zip(arrays["faces"].tolist(), arrays["material"].tolist(), strict=True):
        if material != current:
            lines.append(f"usemtl {MATERIALS[material]}")
            current = material
        lines.append("f " + " ".join(f"{v + 1}/{v + 1}" for v in face if v >= 0))
    return "\n".join(lines) + "\n"


def _sheet(rows: int, columns: int, place: object, tile: int) -> Sheet:
    t, s = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    points = np.stack(place(s.ravel(), t.ravel()), axis=1)  # type: ignore[operator]
    if len(points) == 770:  # Upstream's uv on an eye are azimuthal about the pupil.
        angle, radius = 2 * np.pi * s.ravel(), 0.02 + 0.44 * t.ravel()
        uv = 0.5 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        uv = np.stack([tile + 0.01 + 0.98 * s.ravel(), 0.01 + 0.98 * t.ravel()], axis=1)
    a = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([a[:-1, :-1], a[:-1, 1:], a[1:, 1:], a[1:, :-1]], axis=-1).reshape(-1, 4)
    return points, uv, quads


def _face(s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = 18 * s - 9, 28 * t - 16
    return x, y, 11.0 - 0.06 * x**2 - 0.02 * (y + 2) ** 2


def _globe(s: np.ndarray, t: np.ndarray, x: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    angle, polar = 2 * np.pi * s, 0.05 + 1.6 * t
    ring = 1.5 * np.sin(polar)
    return x + ring * np.cos(angle), 3.5 + ring * np.sin(angle), 8.0 + 1.5 * np.cos(polar)


def _lash(k: int) -> Sheet:
    """Strip k of 12: even ones by the left eye, three upper and three lower each."""
    side, upper = (1, -1)[k % 2], k // 2 < 3
    t, s = np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 19), indexing="ij")
    height = 4.2 if upper else 2.9
    x, y, z = side * (2 + 2.2 * s), height + 0.3 * t * (1 if upper else -1) - 0.01 * k, 9.8 + 0.8 * t
    uv = np.stack([6 + 0.5 * (k % 2) + 0.02 + 0.46 * s, (k // 2 + 0.1 + 0.8 * (t if k % 3 else 1 - t)) / 6], axis=-1)
    a = np.arange(114).reshape(6, 19)
    quads = np.stack([a[:-1, :-1], a[:-1, 1:], a[1:, 1:], a[1:, :-1]], axis=-1).reshape(-1, 4)
    return np.stack([x, y, z], axis=-1).reshape(-1, 3), uv.reshape(-1, 2), quads


def _landmarks(neutral: np.ndarray) -> np.ndarray:
    """Vertices of the face sheet near rough positions; lids and lips where the code relies on them."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    lips = np.stack([-2.2 * np.cos(angle), -3.6 + 0.9 * np.sin(angle)], axis=1)
    eye = np.array([[-1.4, 0], [-0.6, 0.6], [0.6, 0.6], [1.4, 0], [0.6, -0.6], [-0.6, -0.6]])
    jaw = np.stack([np.linspace(-7, 7, 17), -7 + 0.2 * np.linspace(-7, 7, 17) ** 2], axis=1)
    brows = np.stack([np.r_[np.linspace(-5, -1.5, 5), np.linspace(1.5, 5, 5)], np.full(10, 6.0)], axis=1)
    nose = np.array([[0, 3.2], [0, 2.2], [0, 1.2], [0, 0.2], [-1, -1], [-0.5, -1], [0, -1], [0.5, -1], [1, -1]])
    eyes = np.concatenate([eye + np.array([-3.1, 3.5]), eye + np.array([3.1, 3.5])])
    wanted = np.concatenate([jaw, brows, nose, eyes, lips, lips[::2] * 0.8 + np.array([0, -0.7]), lips[:2]])
    gap = np.abs(wanted[:, None] - neutral[None, :9409, :2]).sum(axis=2)
    return gap.argmin(axis=1).astype(np.int32)


def _modes(neutral: np.ndarray) -> dict[str, np.ndarray]:
    face = np.arange(VERTICES) < 9409
    wider = np.where(face, neutral[:, 0] / 16, 0.0)
    longer = np.where(face & (neutral[:, 1] < 0), neutral[:, 1] / 16, 0.0)
    shapes = {"jawOpen": (0, -1.0, face & (neutral[:, 1] < -4)), "cheekRaiser_L": (0, 0.5, face)}
    for side, letter in ((1, "L"), (-1, "R")):
        own = face & (side * neutral[:, 0] > 0)
        upper = own & (neutral[:, 1] > 3.6) & (neutral[:, 1] < 4.8)
        shapes |= {
            f"browInnerUp_{letter}": (1, 0.5, own & (neutral[:, 1] > 5)),
            f"eyeBlink_{letter}": (1, -0.75, upper),
        }
    expression = np.zeros((len(shapes), VERTICES, 3), np.float16)
    for k, (_, amount, moved) in enumerate(shapes.values()):
        expression[k, moved, 1] = amount
    identity = np.zeros((2, VERTICES, 3), np.float16)
    identity[0, :, 0], identity[1, :, 1] = np.round(wider * 64) / 64, np.round(longer * 64) / 64
    return {"identity": identity, "expression": expression, "expression_names": np.array(list(shapes))}
