"""One person near and far, the flow between the views, and a check that it is right.

    python examples/first_pair.py pair.png

Writes near | far | near rebuilt from far by the exact flow.
"""

import sys

import numpy as np
from PIL import Image
from scipy.ndimage import map_coordinates

from datagen import PRESETS, render_sample

recipe = PRESETS["selfie"]
sample = render_sample(recipe, seed=0, index=3)

near, far = sample.layers["near_rgb"], sample.layers["far_rgb"]
flow, visible = sample.layers["flow_near_to_far"], sample.layers["near_visible_in_far"]

# Pixel (row, column) is sampled at (column + 0.5, row + 0.5), and the flow points from there into the far view.
rows, columns = np.mgrid[: near.shape[0], : near.shape[1]]
where = np.stack([rows + flow[..., 1], columns + flow[..., 0]])
rebuilt = np.stack([map_coordinates(far[..., c], where, order=1) for c in range(3)], axis=-1)
rebuilt[~visible] = 255

difference = np.abs(rebuilt.astype(int) - near)[visible].mean()
distance_cm = 100 * sample.meta["cameras"]["near"]["distance_m"]
sys.stdout.write(f"{distance_cm:.0f} cm, mean difference {difference:.1f} of 255 over {visible.sum()} visible pixels\n")
Image.fromarray(np.hstack([near, far, rebuilt])).save(sys.argv[1] if len(sys.argv) > 1 else "pair.png")
