"""`datagen animate`: a scan becomes a person with a face that moves, and a picture to judge it by."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from datagen.licences import credit_missing
from meshes.animated import Animated, Animation, Say, animate, open_ict
from meshes.head import MeshError, Pose
from meshes.scan import Scan
from meshes.skinning import rotation
from meshes.surface import Surface
from renderers.camera import Camera, intrinsics, look_at
from renderers.environment import packaged_light
from renderers.light import EnvironmentLight, normalize
from renderers.preview import light_up, render
from renderers.srgb import encode

CONTACT = "contact.png"
"""The picture, beside the person's files."""

_CELL_PX, _SPAN_M, _AWAY_M = 320, 0.30, 1.2
_MIDDLE_M = np.array([0.0, -0.03, 0.0])
_GREY = 0.25
_PROFILE = 1.2
_FACES: tuple[Mapping[str, float], ...] = (
    {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4, "jawOpen": 0.15},
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0, "mouthPucker": 0.5},
    {"browInnerUp": 0.8, "jawOpen": 0.6, "eyeWideLeft": 0.5, "eyeWideRight": 0.5},
)


def run_animate(scan: Path, out: Path, eyes_closed: bool | None, say: Say) -> Animation:
    """Registers a scan, writes the person and its contact picture.

    Raises:
        AssetMissingError: ICT-FaceKit is not at hand.
        MeshError: the scan cannot be read or does not fit, with by how much; or its licence asks for a credit.
    """
    open_ict()
    for asset in Scan.open(scan).assets:  # Said before the registration: no set could be made of the person.
        if missing := credit_missing(asdict(asset)):
            raise MeshError(f"{scan}: {missing}. State it in the scan's description (docs/scans.md).")
    made = animate(scan, out, eyes_closed, say)
    say("drawing the picture")
    Image.fromarray(contact_picture(made)).save(out / CONTACT)
    return made


def contact_picture(made: Animation) -> np.ndarray:
    """(2 * 320, 6 * 320, 3) uint8: scan, neutral, three expressions, gaze; below from the side, last the profile."""
    model = Animated.open(made.card_path)
    who = model.sample_identity(np.random.default_rng(0))
    aside = Pose(gaze_left=(0.4, 0.0), gaze_right=(0.4, 0.0))
    heads = [model.head(who, face, Pose()) for face in ({}, *_FACES)] + [model.head(who, {}, aside)]
    surfaces = [made.scan.rest.surface, *(head.surface for head in heads)]
    light, _ = normalize(packaged_light("apartment"), 0.22)
    front = [_picture(surface, 0.0, light) for surface in surfaces]
    side = [_picture(surface, 0.7, light) for surface in surfaces[:-1]]
    profile = _picture(surfaces[1], _PROFILE, light)
    return np.concatenate([np.concatenate(front, axis=1), np.concatenate([*side, profile], axis=1)])


def _picture(surface: Surface, yaw: float, light: EnvironmentLight) -> np.ndarray:
    half = _CELL_PX / 2
    place = look_at(_MIDDLE_M, _AWAY_M, rotation(yaw, 0.0, 0.0))
    camera = Camera(intrinsics(_CELL_PX * _AWAY_M / _SPAN_M, (half, half)), place, _CELL_PX, _CELL_PX)
    image = render(light_up(surface, light), camera)
    return encode(np.clip(image.rgb + (1.0 - image.alpha[..., None]) * _GREY, 0.0, 1.0))
