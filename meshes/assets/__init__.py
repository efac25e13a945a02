"""Data that the toolkit does not ship: found in a mirror folder or this user's cache, by name."""

from functools import lru_cache
from pathlib import Path

from meshes.assets.face_models import face_model as face_model
from meshes.assets.store import AssetMissingError as AssetMissingError
from meshes.assets.store import present

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


@lru_cache(maxsize=64)
def find(name: str) -> Path:
    """The packed file of an asset, from the mirror folder that DATAGEN_ASSETS names or from the cache.

    Raises:
        AssetMissingError: it is not there.
    """
    path = present(PACKS[name])
    if path is None:
        raise AssetMissingError(
            f"asset {name}: expected {PACKS[name]} on this machine, found none; run `datagen assets fetch {name}`, "
            "or set DATAGEN_ASSETS to a folder that has it."
        )
    return path
