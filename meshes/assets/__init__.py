"""Data that the toolkit does not ship: found in a mirror folder, by name."""

import os
from functools import lru_cache
from pathlib import Path

from meshes.head import MeshError

PACKS = {
    "ict": "ict_facekit_f16.npz",
    "ict-sample": "ict_facekit_sample_obj.zip",
    "valid": "valid_heads_42_mit.zip",
    "lee-perry-smith": "leeperrysmith_ccby3.zip",
    "ict-albedo-lps": "ict_albedo_from_lps_ccby3.zip",
    "menpo-james": "menpo_james_scan_bsd.zip",
    "makehuman-wardrobe": "makehuman_wardrobe_cc0.zip",
    "makehuman-to-ict": "makehuman_to_ict_binding.npz",
    "hdri-1k": "hdri_cc0_1k.zip",
}
"""File name of each asset's packed form."""


class AssetMissingError(MeshError):
    """An asset that is not on this machine; the message says how to get it."""


@lru_cache(maxsize=64)
def find(name: str) -> Path:
    """The packed file of an asset, from the mirror folder that DATAGEN_ASSETS names.

    Raises:
        AssetMissingError: it is not there.
    """
    folder = os.environ.get("DATAGEN_ASSETS", "")
    path = Path(folder) / PACKS[name]
    if folder and path.is_file():
        return path
    got = folder or "no such variable"
    raise AssetMissingError(f"asset {name}: expected {PACKS[name]} in DATAGEN_ASSETS, got {got}.")
