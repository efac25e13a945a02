"""A sample: the layers of one near/far pair and its record, as they travel from renderer to shard to reader."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Sample:
    """One pair.

    Attributes:
        index: position in the run; `key` is its 8-digit name in shards.
        layers: arrays by layer name (see renderers/layers.py), in table order.
        meta: the record, plain JSON values.
    """

    index: int
    layers: dict[str, np.ndarray]
    meta: dict[str, Any]

    @property
    def key(self) -> str:
        """Member prefix in a shard."""
        return f"{self.index:08d}"
