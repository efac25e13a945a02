"""Brings resting lips together along the whole mouth line, whatever shape the other sliders gave them.

Both lips give way by half the gap, less and less away from the line where they touch.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from meshes.elementary import exp, product
from meshes.makehuman_data import Pack

# hm08 vertices of the upper lip and the lower lip's below them, from the middle to the person's left corner.
_PAIRS = ((474, 523), (7226, 7236), (7178, 7197), (7188, 7204))
_OVERLAP_M = np.array([0.0016, 0.0011, 0.0006, 0.0006, 0.0006, 0.0011, 0.0016])
"""Of each pair, from the person's right to the left. Subdivision draws both lips back by about the least of them;
towards the corners, where a slit would show the teeth far behind, there is some to spare."""
_REACH_M = 0.004


@dataclass(frozen=True, eq=False)
class LipSeal:
    """How the skin gives way.

    Attributes:
        upper, lower: (P,) int64 base vertices facing each other, from the person's right to the left.
        index: (N,) int64 base vertices near the mouth line.
        share: (N, P) float64, what each of them rises by per metre of each gap; negative on the upper lip.
    """

    upper: np.ndarray
    lower: np.ndarray
    index: np.ndarray
    share: np.ndarray


def lip_seal(pack: Pack, base: np.ndarray) -> LipSeal:
    """The seal of a head model.

    Args:
        pack: the base mesh; its jawOpen tells the lower lip from the upper one.
        base: (V, 3) float64 metres, a typical head.
    """
    skin = pack.group_vertices("body")
    left = np.searchsorted(pack.base_index, np.array(_PAIRS))
    right = skin[cKDTree(pack.vertices[skin]).query(pack.vertices[left[:0:-1]] * (-1.0, 1.0, 1.0))[1]]
    upper, lower = np.concatenate([right, left]).T
    line = (base[upper] + base[lower]) / 2
    along = np.stack([np.interp(np.linspace(0, len(line) - 1, 97), np.arange(len(line)), k) for k in line.T], axis=1)
    away = cKDTree(along).query(base[skin])[0]
    near = away < 3 * _REACH_M
    index, falloff = skin[near], exp(-((away[near] / _REACH_M) ** 2))
    at = np.stack([np.interp(base[index, 0], line[:, 0], pair) for pair in np.eye(len(line))], axis=1)
    return LipSeal(upper, lower, index, ((_lowness(pack, index, upper, lower, at) - 0.5) * falloff)[:, None] * at)


def _lowness(pack: Pack, index: np.ndarray, upper: np.ndarray, lower: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(N,) in [0, 1]: 0 on the upper lip, 1 on the lower one, which goes down more with the jaw."""
    moved, offsets = pack.targets["arkit/jawOpen"]
    drop = np.zeros(len(pack.vertices))
    drop[moved] = -offsets[:, 1]
    high, low = product(at, drop[upper]), product(at, drop[lower])  # Of the lips right above and below each vertex.
    return np.clip((drop[index] - high) / (low - high), 0.0, 1.0)


def seal_lips(vertices: np.ndarray, seal: LipSeal) -> np.ndarray:
    """(V, 3) float64 metres: the base mesh with its lips together; lips that already overlap are left alone."""
    gap = np.maximum(vertices[seal.upper, 1] - vertices[seal.lower, 1] + _OVERLAP_M, 0.0)
    out = vertices.copy()
    out[seal.index, 1] += (seal.share * gap).sum(axis=1)
    return out
