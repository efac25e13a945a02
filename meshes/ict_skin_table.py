"""The skins that ICT people can have: one VALID face of each skin cluster, in the order of its clusters, and one scan.

Melanin and hair were set by hand near what was measured on the skins (`Skin.tone`, `Skin.hair`), melanin to about 0.1.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SkinSource:
    """Where a skin comes from and whose it is.

    Attributes:
        name: of the VALID avatar or the scan.
        gender: 0 female, 1 male.
        african, asian, caucasian: ancestry mix, for the odds of hair and irises.
        melanin: a place on the scale of `meshes.appearance.skin_tone` near its tone.
        hair: linear colour of the hair painted on it; None where the avatar wears a wig.
    """

    name: str
    gender: float
    african: float
    asian: float
    caucasian: float
    melanin: float
    hair: tuple[float, float, float] | None = None


SKINS: tuple[SkinSource, ...] = (
    SkinSource("AIAN_F_1", 0.0, 0.0, 0.6, 0.4, 0.48),
    SkinSource("AIAN_M_1", 1.0, 0.0, 0.6, 0.4, 0.54),
    SkinSource("Asian_F_1", 0.0, 0.0, 1.0, 0.0, 0.30, (0.009, 0.008, 0.008)),
    SkinSource("Black_M_3", 1.0, 1.0, 0.0, 0.0, 0.92, (0.008, 0.007, 0.006)),
    SkinSource("Black_F_2", 0.0, 1.0, 0.0, 0.0, 0.96, (0.009, 0.007, 0.006)),
    SkinSource("Black_M_1", 1.0, 1.0, 0.0, 0.0, 0.80, (0.008, 0.007, 0.006)),
    SkinSource("Hispanic_F_2", 0.0, 0.1, 0.3, 0.6, 0.34, (0.029, 0.014, 0.009)),
    SkinSource("MENA_M_3", 1.0, 0.1, 0.1, 0.8, 0.36, (0.011, 0.010, 0.009)),
    SkinSource("MENA_F_1", 0.0, 0.1, 0.1, 0.8, 0.30, (0.009, 0.008, 0.007)),
    SkinSource("MENA_F_2", 0.0, 0.1, 0.1, 0.8, 0.28),
    SkinSource("NHPI_M_1", 1.0, 0.2, 0.7, 0.1, 0.44, (0.010, 0.009, 0.009)),
    SkinSource("White_F_2", 0.0, 0.0, 0.0, 1.0, 0.06, (0.266, 0.160, 0.078)),
    SkinSource("White_M_1", 1.0, 0.0, 0.0, 1.0, 0.12, (0.088, 0.049, 0.027)),
    SkinSource("White_M_2", 1.0, 0.0, 0.0, 1.0, 0.22, (0.100, 0.050, 0.024)),
    SkinSource("X_AIAN_M_1", 1.0, 0.0, 0.6, 0.4, 0.58, (0.009, 0.008, 0.007)),
    SkinSource("X_MENA_F_1", 0.0, 0.1, 0.1, 0.8, 0.28, (0.009, 0.007, 0.006)),
)

SCAN_SKIN = len(SKINS)
"""Number of the skin that comes from a scan under CC BY 3.0 and not from VALID (`meshes.ict_scan_skin`)."""

ALL_SKINS = (*SKINS, SkinSource("LeePerrySmith", 1.0, 0.0, 0.0, 1.0, 0.10))
"""Those of VALID, then the scan's; an identity's skin_a and skin_b are places in it."""
