"""Hair: what grows on scalp and face."""

from meshes.hair.shells import _CHART_RADIUS, _WHORL, SHORTEST_M, HairShells, hair_shells, scalp_chart, with_hair

__all__ = ["_CHART_RADIUS", "_WHORL", "SHORTEST_M", "HairShells", "hair_shells", "scalp_chart", "with_hair"]
