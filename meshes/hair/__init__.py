"""Hair of head and face: strands grown by rule, worn as ribbons.

`style` names cuts and beards and draws them; `grow_hair` grows one person's; `with_hair` puts it on a posed head.
"""

from meshes.hair.hairline import hair_inside
from meshes.hair.style import BEARDS, CUTS, STYLES, Beard, Cut, beard_look, style_look
from meshes.hair.worn import Grown, grow_hair, with_hair

__all__ = [
    "BEARDS",
    "CUTS",
    "STYLES",
    "Beard",
    "Cut",
    "Grown",
    "beard_look",
    "grow_hair",
    "hair_inside",
    "style_look",
    "with_hair",
]
