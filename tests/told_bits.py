"""Prints digests of what a run makes, as JSON; a process of its own for tests/test_processors.py."""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy._core import _multiarray_umath

from datagen.plan import plan_sample
from datagen.presets import PRESETS
from datagen.recipe import validate
from datagen.render import label_scene, picture_layers, render_pictures
from datagen.scene import build_scene


def digest(*arrays: np.ndarray) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def told(name: str, **options: object) -> Iterator[dict[str, str]]:
    """Of two samples of a preset with other options: whatever decides labels and records, and the pictures."""
    recipe = validate(replace(PRESETS[name], size=48, **options))
    for index in range(2):
        scene = build_scene(recipe, plan_sample(recipe, 5, index))
        head, labels = scene.head, label_scene(scene)
        yield {
            "points": digest(head.surface.vertices),
            "surface": digest(head.surface.normals, head.surface.uv, head.surface.faces, head.surface.part),
            "cameras": digest(*(one for camera in (scene.near, scene.far) for one in (camera.K, camera.T_camera_head))),
            "lenses": repr((scene.near.distortion, scene.far.distortion)),
            "marks": digest(head.landmarks, head.eye_centres, head.nose_tip, head.head_centre),
            "light": digest(scene.light.radiance, np.array(scene.exposure)),
            "pictures": digest(*picture_layers(render_pictures(recipe, scene, labels)).values()),
            "labels": digest(labels.pair.near_to_far.flow, labels.near.hits.barycentric, labels.near.normal),
        }


if __name__ == "__main__":
    features = [name for name, there in _multiarray_umath.__cpu_features__.items() if there]
    found = {str(asked): list(told(**asked)) for asked in json.loads(sys.argv[1])}
    sys.stdout.write(json.dumps({"found": found, "features": features}))
