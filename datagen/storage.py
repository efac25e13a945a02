"""How the layers of a run become bytes: both ways are lossless, and readers tell them apart by the bytes alone.

Nothing else is in here, so that a command line knows the names without loading a codec.
"""

from typing import Literal, get_args

Storage = Literal["compact", "fast"]
"""compact: the fewest bytes at a fair price. fast: several times quicker to write and to read, about twice as
large."""
STORAGES: tuple[Storage, ...] = get_args(Storage)
COMPACT: Storage = "compact"
FAST: Storage = "fast"
