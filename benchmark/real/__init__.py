"""Photographs of real people as cases: Caltech Multi-Distance Portraits, and any folder of near and far photos.

What nobody knows of a photograph (flow, parts, intrinsics) stays None and is not measured.
"""

from benchmark.real.cmdp import cmdp_cases, open_cmdp
from benchmark.real.pairs import open_pairs, pair_cases
from benchmark.real.portrait import RealDataError

__all__ = ["RealDataError", "cmdp_cases", "open_cmdp", "open_pairs", "pair_cases"]
