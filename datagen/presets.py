"""Named recipes. They are values: take one, replace what you want, generate."""

from dataclasses import replace

from datagen.recipe import Recipe

_BARE = Recipe(clothes=("none",), glasses=0.0, hats=0.0, earrings=0.0, headphones=0.0, held=0.0)

PRESETS: dict[str, Recipe] = {
    "portrait": Recipe(),
    "usc2019": replace(
        _BARE,
        people=278,
        yaw_deg=(-45.0, 45.0),
        pitch_deg=(-45.0, 45.0),
        roll_deg=(-45.0, 45.0),
        near_m=(0.23, 1.60),
        background="black",
    ),
    "selfie": Recipe(near_m=(0.18, 0.60), yaw_deg=(-25.0, 25.0)),
    "cmdp": replace(
        _BARE,
        clothes=Recipe().clothes,
        expression=(0.0, 0.0),
        yaw_deg=(0.0, 0.0),
        pitch_deg=(0.0, 0.0),
        roll_deg=(0.0, 0.0),
        gaze_at_camera=1.0,
        near_sequence_m=(0.61, 0.91, 1.22, 1.83, 2.44, 3.66, 4.88),
        far_m=4.88,
        lights=("studio",),
        background="flat",
        background_rgb=(63, 100, 168),
    ),
    "headshot360": Recipe(near_m=(0.45, 1.60), yaw_deg=(-180.0, 180.0)),
    "phone": Recipe(
        near_m=(0.25, 0.70),
        background="any",
        lens_k1=(-0.05, 0.03),
        lens_k2=(-0.02, 0.02),
        lens_p1=(-0.001, 0.001),
        lens_p2=(-0.001, 0.001),
        f_number=(10.0, 20.0),
        shake_px=(0.0, 2.0),
        chromatic_px=(-0.8, 0.8),
        vignetting=(0.1, 0.6),
        vignetting_edge=(0.0, 0.1),
        metering="face",
        meter_each=True,
        exposure_ev=(-0.5, 0.5),
        white_balance="card",
        white_balance_mired=(-15.0, 30.0),
        white_balance_duv=(-0.004, 0.004),
        iso=(50.0, 1600.0),
        jpeg_quality=(70, 95),
    ),
}
"""Recipes by name."""

SUMMARIES: dict[str, str] = {
    "portrait": "the default: 18-160 cm, moderate poses, any expression, any light",
    "usc2019": "the 2019 database: 278 people, 23-160 cm, 0.80 mm per cm, within 45 degrees, black background",
    "selfie": "arm's length: 18-60 cm",
    "cmdp": "Caltech Multi-Distance Portraits: seven distances of 61-488 cm, frontal, one sequence a person",
    "headshot360": "all around: uniform yaw over 360 degrees, 45-160 cm",
    "phone": "a phone's front camera, 25-70 cm, with its lens, noise and JPEG; best with --colour photo",
}
"""One line a preset, for `datagen presets` and the help."""
