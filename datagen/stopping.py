"""How a run is asked to stop, and how it does: SIGTERM lets the shards in work be finished, everything else does not.

Job managers send SIGTERM some time before they kill, to every process of the job.
"""

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType

from datagen.database import StoppedError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a run listens to."""


class Stop:
    """What a run has been asked so far.

    Attributes:
        heard: the last signal; SIGINT where none came, as libraries raise KeyboardInterrupt in its place.
        soon: True once the run shall begin no further shard.
    """

    def __init__(self) -> None:
        self.heard = signal.SIGINT
        self.soon = False

    def until_asked(self, shards: Iterable[int]) -> Iterator[int]:
        """The shards one by one, ending early once the run shall begin no further one."""
        return (shard for shard in shards if not self.soon)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler: the first SIGTERM is kept in mind; a second one, and any other signal, ends the run at once.

        On its way up a signal is a KeyboardInterrupt, which no `except Exception` of a library swallows.
        """
        self.heard = signal.Signals(number)
        if number != signal.SIGTERM or self.soon:
            raise KeyboardInterrupt
        self.soon = True

    def error(self, what: str) -> StoppedError:
        """What to tell of the run `what`."""
        return StoppedError(
            f"{what}: expected to finish, got {self.heard.name}. Finished shards are intact; "
            "run the same command again to go on.",
            self.heard,
        )


@contextlib.contextmanager
def stoppable(what: str) -> Iterator[Stop]:
    """Listens for the length of a `with` block, in the thread where Python delivers signals; handlers are given back.

    Raises:
        StoppedError: the run `what` was ended at once.
    """
    stop = Stop()
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, stop.receive) for number in SIGNALS if is_main}
    try:
        yield stop
    except KeyboardInterrupt:
        raise stop.error(what) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
