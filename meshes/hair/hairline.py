"""Where on the scalp one person has hair: the canonical hairline, receded, and the horseshoe round a bald crown.

Paint, texture and strands ask here, so that they end at the same line.
"""

from collections.abc import Mapping

import numpy as np

_HORSESHOE_Z, _HORSESHOE_Y = (-0.165, -0.120, -0.030), (0.048, 0.040, 0.022)


def hair_inside(points: np.ndarray, depth_m: np.ndarray, look: Mapping[str, float]) -> np.ndarray:
    """(N,) metres inside the region of a person's hair; negative outside.

    Args:
        points: (N, 3) metres on the canonical head.
        depth_m: (N,) their height above the hairline, `skin_regions.hair_depth` at this person's recession.
        look: from `meshes.look.sample_look`.
    """
    if look.get("hair_crown", 0.0) < 0.5:
        return depth_m
    return np.minimum(depth_m, np.interp(points[:, 2], _HORSESHOE_Z, _HORSESHOE_Y) - points[:, 1])
