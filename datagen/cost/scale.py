"""Plain arithmetic from a pair to a set: every figure is a measured one times a count.

It assumes that pairs cost what the measured ones cost, and that cores share nothing: twice the cores, half the hours.
"""

from dataclasses import dataclass

from datagen.cost.growth import SHARD_PAIRS, Growth
from datagen.cost.measure import Cost

NODE_CORES = 64


@dataclass(frozen=True)
class Target:
    """A set that somebody may want.

    Attributes:
        name: for people.
        source: in `datagen.cost.measure.SOURCES`, whose cost a pair is taken.
        pairs, people: how many it has.
    """

    name: str
    source: str
    pairs: int
    people: int

    @property
    def shards(self) -> int:
        """Its shards, at SHARD_PAIRS each."""
        return -(-self.pairs // SHARD_PAIRS)


TARGETS = (
    Target("the 2019 database", "usc2019", 35_686, 278),
    Target("a million pairs", "portrait, 10 distances", 1_000_000, 100_000),
)


@dataclass(frozen=True)
class Bill:
    """What a set costs.

    Attributes:
        core_hours: on one core like the measured one; node_hours: on NODE_CORES of them.
        bytes: of the shards.
        read_core_hours: to decode all of it once.
    """

    core_hours: float
    node_hours: float
    bytes: float
    read_core_hours: float


def bill(cost: Cost, pairs: int) -> Bill:
    """What so many pairs cost at the price of the measured ones."""
    hours = cost.core_s * pairs / 3600
    return Bill(hours, hours / NODE_CORES, cost.bytes * pairs, cost.read_core_s * pairs / 3600)


@dataclass(frozen=True)
class Limits:
    """What a set asks of file systems and of everyone who opens it.

    Attributes:
        files: in its folder.
        index_bytes: of `index.json`.
        side_bytes: of all side files, which opening and resuming read.
        open_s: processor time of opening it, seconds; a training pays it in every process that opens the set itself.
        open_bytes, open_peak_bytes: memory that a reader holds, and takes while it opens.
        key_share: share of the keys there are.
    """

    files: int
    index_bytes: float
    side_bytes: float
    open_s: float
    open_bytes: float
    open_peak_bytes: float
    key_share: float


def limits(grown: Growth, target: Target, max_pairs: int) -> Limits:
    """What `target` asks, where side files and readers grow as measured, of the `max_pairs` that have keys."""
    return Limits(
        files=2 * target.shards + 3,
        index_bytes=grown.index_bytes_a_shard * target.shards + grown.index_bytes_a_person * target.people,
        side_bytes=grown.side_bytes * target.pairs,
        open_s=grown.open_core_s * target.pairs,
        open_bytes=grown.open_bytes * target.pairs,
        open_peak_bytes=grown.open_peak_bytes * target.pairs,
        key_share=target.pairs / max_pairs,
    )
