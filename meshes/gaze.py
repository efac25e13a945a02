"""Where eyes turn: the pose's gaze plus what the eyeLook expressions ask for.

Left and right are the person's; a positive yaw turns an eye to the person's left, a positive pitch down.
"""

from collections.abc import Mapping

import numpy as np

from meshes.head import Pose

SIDES = ("Left", "Right")

LOOK_RADIANS = {"In": np.radians(30.0), "Out": np.radians(30.0), "Up": np.radians(25.0), "Down": np.radians(30.0)}
"""How far eyeLook* at weight 1 turns an eyeball, for models whose expressions move the lids alone. In is towards the
nose."""


def eye_turns(expression: Mapping[str, float], pose: Pose) -> list[tuple[float, float]]:
    """(yaw, pitch) in radians of the left and right eye."""
    turns = []
    for side, outward, (yaw, pitch) in zip(SIDES, (1.0, -1.0), (pose.gaze_left, pose.gaze_right), strict=True):
        turn = {way: expression.get(f"eyeLook{way}{side}", 0.0) * most for way, most in LOOK_RADIANS.items()}
        turns.append((yaw + outward * (turn["Out"] - turn["In"]), pitch + turn["Down"] - turn["Up"]))
    return turns
