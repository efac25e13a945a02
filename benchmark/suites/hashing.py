"""One number for a suite as it was made here: do two machines ask the same questions?

Labels and records are hashed, which are the same bits on every processor. Colours and coverage are not, so that a
better picture does not make another suite.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from datagen.database import to_json

LABELS = (
    "near_part",
    "near_surface",
    "near_visible_in_far",
    "flow_near_to_far",
    "far_part",
    "far_visible_in_near",
)
"""Layers that are hashed, in this order."""

RECORD = ("index", "scene", "person", "expression", "pose", "style", "cameras", "eye_midpoint_m", "landmarks", "assets")
"""Fields of the record that are hashed. The light's exposure is an integral over its picture, so a colour too."""


def labels_sha256(samples: Iterable[dict[str, Any]]) -> str:
    """Hexadecimal sha256 over labels and records of samples in order.

    Args:
        samples: layers by name and the record under "meta", as `datagen.PairDataset` gives them.
    """
    digest = hashlib.sha256()
    for sample in samples:
        for name in LABELS:
            array = sample[name]
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
        digest.update(to_json({name: sample["meta"][name] for name in RECORD}, indent=None))
    return digest.hexdigest()


def joined(hashes: dict[str, str]) -> str:
    """The hash of a suite out of those of its parts."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
