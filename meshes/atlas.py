"""Where the skin lies in its texture: the islands of the hm08 atlas, packed so that the head fills the map.

hm08 spreads a whole body over one square; of it a portrait needs the head, and little of the rest.
"""

import numpy as np

SHAPE = (1408, 744)
"""Rows and columns of skin textures: half a millimetre of face a texel, a pixel of a 512 px portrait."""

_HM08 = 2048.0  # The head keeps the texels that it has in a square atlas of this size.
# Left, bottom, right, top of each island in the hm08 atlas; scale; left, bottom of its place, texels.
_ISLANDS = {
    "head": ((0.6406, 0.1400, 1.0000, 0.8300), 1.0, (4.0, 4.0)),
    "torso": ((0.1100, 0.6680, 0.6406, 0.9800), 0.115, (4.0, 1330.0)),
    "mouth": ((0.7500, 0.0000, 0.9300, 0.1400), 0.22, (4.0, 4.0)),
    "sockets": ((0.0050, 0.5000, 0.1600, 0.6600), 0.22, (666.0, 1332.0)),
}
# The small islands lie in corners that the head's leaves free, at scales too coarse for detail.


def _inside(uv: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    left, bottom, right, top = box
    return (uv[:, 0] >= left) & (uv[:, 0] <= right) & (uv[:, 1] >= bottom) & (uv[:, 1] <= top)


def skin_atlas(uv: np.ndarray) -> np.ndarray:
    """Texture coordinates of the skin from its coordinates in the hm08 atlas.

    Args:
        uv: (N, 2), v upwards.

    Returns:
        (N, 2) float64 in [0, 1], v upwards, for textures of SHAPE; islands do not overlap.
    """
    packed = np.full(uv.shape, -1.0)
    for box, scale, place in _ISLANDS.values():
        inside = _inside(uv, box)
        texel = (uv[inside] - box[:2]) * _HM08 * scale + place
        packed[inside] = texel / SHAPE[::-1]
    return packed
