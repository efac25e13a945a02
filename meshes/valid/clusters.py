"""Who shares a face with whom: the 42 VALID avatars are 16 skins on 12 families, which splits must not part.

Derived by `python -m meshes.valid.derive`, which compares the albedo and the shape of every two avatars.
"""

CLUSTERS: tuple[tuple[str, ...], ...] = (
    ("AIAN_F_1", "AIAN_F_2", "X_AIAN_F_1"),
    ("AIAN_M_1", "AIAN_M_2"),
    ("Asian_F_1", "Asian_F_2", "Asian_F_3", "Asian_M_1", "Asian_M_2", "Asian_M_3"),
    ("Black_F_1", "Black_F_3", "Black_M_3"),
    ("Black_F_2", "Black_M_2"),
    ("Black_M_1",),
    ("Hispanic_F_1", "Hispanic_F_2", "Hispanic_F_3", "X_NHPI_F_1", "X_NHPI_F_2", "X_NHPI_F_3"),
    ("Hispanic_M_1", "Hispanic_M_2", "Hispanic_M_3", "MENA_M_1", "MENA_M_2", "MENA_M_3"),
    ("MENA_F_1",),
    ("MENA_F_2",),
    ("NHPI_M_1", "NHPI_M_2", "X_NHPI_M_1"),
    ("White_F_1", "White_F_2", "White_F_3"),
    ("White_M_1", "White_M_3"),
    ("White_M_2",),
    ("X_AIAN_M_1",),
    ("X_MENA_F_1",),
)
"""Avatars of one skin: brows, lids, nose and lips agree, directly or through others."""

FAMILIES: tuple[tuple[int, ...], ...] = (
    *((0,), (1, 14), (2,), (3, 4), (5,), (6,), (7,), (8, 9, 15), (10,), (11,), (12,), (13,)),
)
"""Clusters whose people share a shape as well."""

POOLS: dict[str, tuple[int, ...]] = {
    "train": (2, 3, 4, 6, 7, 11, 12),
    "val": (0, 10, 13),
    "test": (1, 5, 8, 9, 14, 15),
}
"""Clusters of each split: whole families, women and men in each, light and dark in train and test."""


def cluster_of(name: str) -> int:
    """Index into CLUSTERS of an avatar; KeyError for one that is not among the 42."""
    return {member: k for k, cluster in enumerate(CLUSTERS) for member in cluster}[name]


def pool_of(name: str) -> str:
    """The split ("train", "val" or "test") that an avatar's face belongs to."""
    cluster = cluster_of(name)
    return next(pool for pool, clusters in POOLS.items() if cluster in clusters)
