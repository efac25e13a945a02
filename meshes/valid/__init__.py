"""The VALID avatars (MIT, 42 textured people, about 16 distinct faces) as head models.

`read_avatar(name)` gives one of `avatars()` in the head frame; `CLUSTERS` says who shares a skin.
"""

from meshes.valid.avatar import Avatar, avatars, read_avatar
from meshes.valid.clusters import CLUSTERS, POOLS, cluster_of, pool_of
from meshes.valid.model import Valid

__all__ = ["CLUSTERS", "POOLS", "Avatar", "Valid", "avatars", "cluster_of", "pool_of", "read_avatar"]
