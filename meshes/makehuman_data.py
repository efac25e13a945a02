"""The embedded MakeHuman head: its arrays, and the sum of targets that turns them into one person.

Positions are metres in the hm08 body frame (+X to the person's left, +Y up, +Z forward, origin in the pelvis).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from meshes.makehuman_build import PACK


@dataclass(frozen=True, eq=False)
class Pack:
    """The arrays of `meshes/data/makehuman_head_cc0.npz`.

    Attributes:
        base_index: (V,) int64, ascending: the number of each vertex in the full hm08 mesh.
        vertices: (V, 3) float64 metres.
        quads, quads_uv: (F, 4) int64 into `vertices` and `uv`.
        uv: (U, 2) float64 in [0, 1], v upwards.
        group: (F,) str: "body", "helper-l-eye" ...
        masks: (U,) float64 in [0, 1] by name: lips, ears, eyelids, face, inside_mouth.
        neck_bend: (V,) float64 in [0, 1], how much of the skull's rotation a vertex follows.
        anchors: (8,) int64 vertex indices by joint name; a joint is their mean.
        targets: (indices (N,), offsets (N, 3) float64 metres) by target name.
    """

    base_index: np.ndarray
    vertices: np.ndarray
    quads: np.ndarray
    quads_uv: np.ndarray
    uv: np.ndarray
    group: np.ndarray
    masks: dict[str, np.ndarray]
    neck_bend: np.ndarray
    anchors: dict[str, np.ndarray]
    targets: dict[str, tuple[np.ndarray, np.ndarray]]

    def group_vertices(self, name: str) -> np.ndarray:
        """(N,) int64: the vertices of one group, ascending."""
        return np.unique(self.quads[self.group == name])


@lru_cache(maxsize=1)
def load() -> Pack:
    """Reads the embedded head, once a process."""
    with np.load(PACK, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    return Pack(
        base_index=arrays["base_index"].astype(np.int64),
        vertices=arrays["vertices_m"].astype(np.float64),
        quads=arrays["faces"].astype(np.int64),
        quads_uv=arrays["faces_uv"].astype(np.int64),
        uv=arrays["uv"].astype(np.float64),
        group=arrays["group_names"][arrays["group"]],
        masks=dict(zip(arrays["mask_names"].tolist(), _even_masks(arrays), strict=True)),
        neck_bend=_firm(arrays["neck_bend"].astype(np.float64)),
        anchors=dict(zip(arrays["anchor_names"].tolist(), arrays["anchors"].astype(np.int64), strict=True)),
        targets=_targets(arrays),
    )


def _firm(share: np.ndarray) -> np.ndarray:
    """Shares with stray rig weights of a few hundredths taken out, which would leave the skull a little soft."""
    return np.clip((share - 0.02) / 0.93, 0.0, 1.0)


def _even_masks(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """(masks, U) float64 in [0, 1], made equal on both sides of a seam and of the face: the mesh is symmetric."""
    points, corners = len(arrays["vertices_m"]), arrays["faces_uv"].ravel()
    point = arrays["faces"].ravel()
    count = np.maximum(np.bincount(point, minlength=points), 1)
    vertices = arrays["vertices_m"].astype(np.float64)
    twin = cKDTree(vertices).query(vertices * (-1.0, 1.0, 1.0))[1]
    point_of_uv = np.zeros(len(arrays["uv"]), np.int64)
    point_of_uv[corners] = point
    mean = np.stack([np.bincount(point, mask[corners] / 255.0, points) / count for mask in arrays["masks"]])
    return ((mean + mean[:, twin]) / 2)[:, point_of_uv]


def _targets(arrays: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    index = arrays["target_index"].astype(np.int64)
    starts = arrays["target_start"]
    scale = np.repeat(arrays["target_scale_m"], np.diff(starts))
    offsets = arrays["target_step"] * scale[:, None]
    spans = zip(arrays["target_names"].tolist(), starts[:-1], starts[1:], strict=True)
    return {name: (index[a:b], offsets[a:b]) for name, a, b in spans}


def add_targets(vertices: np.ndarray, weights: Mapping[str, float], pack: Pack) -> np.ndarray:
    """(V, 3) float64: `vertices` plus the weighted targets, added in the order of their names."""
    out = vertices.copy()
    for name in sorted(weights):
        if weights[name] != 0.0:
            index, offsets = pack.targets[name]
            out[index] += weights[name] * offsets
    return out
