"""Data that the toolkit does not ship: described by cards, found in a mirror folder or this user's cache, by name."""

from contextlib import AbstractContextManager
from pathlib import Path

from meshes.assets.archive import Archive, open_archive
from meshes.assets.archive import ArchiveError as ArchiveError
from meshes.assets.catalogue import Card as Card
from meshes.assets.catalogue import card
from meshes.assets.catalogue import cards as cards
from meshes.assets.catalogue import licence_text as licence_text
from meshes.assets.face_models import face_model as face_model
from meshes.assets.store import AssetMissingError, present
from meshes.head import Asset


def find(name: str) -> Path:
    """The packed file of an asset, from the mirror folder that DATAGEN_ASSETS names or from the cache.

    Raises:
        UnknownAssetError: no card of that name.
        AssetMissingError: it is not on this machine; the message says how to get it.
    """
    wanted = card(name)
    path = present(wanted.packed)
    if path is None:
        raise AssetMissingError(
            f"asset {name}: expected {wanted.packed} on this machine, found none; run {wanted.how_to_get}, "
            "or set DATAGEN_ASSETS to a folder that has it."
        )
    return path


def members(name: str) -> AbstractContextManager[Archive]:
    """The files inside a packed asset, bounded and safe, for a `with` block; nothing is extracted.

    Raises as `find`, and ArchiveError where the file is damaged or hostile.
    """
    return open_archive(find(name))


def asset(name: str) -> Asset:
    """What a sample made with an asset records: licence, credit, source, and a digest of the content."""
    return card(name).asset()
