"""Where the 68 iBUG landmarks and 8 ear points lie on the hm08 base mesh.

Only the midline and the person's left are listed; the right is their mirror image.
"""

import numpy as np
from scipy.spatial import cKDTree

from meshes.makehuman_data import Pack

_MIDLINE = {8: 5225, 27: 136, 28: 135, 29: 164, 30: 5054, 33: 343, 51: 455, 57: 492, 62: 474, 66: 493}
_LEFT = {
    **{9: 11831, 10: 11900, 11: 10366, 12: 7595, 13: 7597, 14: 7574, 15: 7573, 16: 7575},  # jaw
    **{22: 6984, 23: 6956, 24: 6952, 25: 6982, 26: 7023},  # brow, from the nose outwards
    **{34: 7077, 35: 7119},  # nostril and wing
    **{
        42: 6850,
        43: 6838,
        44: 6784,
        45: 6802,
        46: 13372,
        47: 13368,
    },  # eye, from the inner corner over the top
    **{52: 7210, 53: 11956, 54: 7185, 55: 7235, 56: 7241},  # outer lip
    **{63: 7226, 64: 10375, 65: 7236},  # inner lip
    **{68: 12034, 69: 12040, 70: 12019, 71: 12077},  # ear: helix top, helix back, lobe, tragus
}


def mirror_of(landmark: int) -> int:
    """The landmark on the other side of the face; itself on the midline."""
    pairs = {
        **{k: 16 - k for k in range(17)},
        **{k: 43 - k for k in range(17, 27)},
        **{k: 66 - k for k in range(31, 36)},
        **{36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 42: 39, 43: 38, 44: 37, 45: 36, 46: 41, 47: 40},
        **{48: 54, 49: 53, 50: 52, 52: 50, 53: 49, 54: 48, 55: 59, 56: 58, 58: 56, 59: 55},
        **{60: 64, 61: 63, 63: 61, 64: 60, 65: 67, 67: 65},
        **{k: k + 4 for k in range(68, 72)},
        **{k: k - 4 for k in range(72, 76)},
    }
    return pairs.get(landmark, landmark)


def landmark_vertices(pack: Pack) -> np.ndarray:
    """(76,) int64: the base vertex of each landmark, in the order of `meshes.head.Head`."""
    skin = pack.group_vertices("body")
    found = {**_MIDLINE, **_LEFT}
    vertex = {k: int(np.searchsorted(pack.base_index, v)) for k, v in found.items()}
    flipped = pack.vertices[[vertex[k] for k in _LEFT]] * (-1.0, 1.0, 1.0)
    twins = skin[cKDTree(pack.vertices[skin]).query(flipped)[1]]
    vertex |= {mirror_of(k): int(t) for k, t in zip(_LEFT, twins, strict=True)}
    return np.array([vertex[k] for k in range(76)])
