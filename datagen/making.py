"""One sample after another, each error telling which sample it was; what every engine runs innermost."""

import traceback
from collections.abc import Callable, Iterator

from datagen.database import DatabaseError
from datagen.sample import Sample
from meshes.errors import UserError

MakeSample = Callable[[int], Sample]
"""Makes sample `index`; pure, and picklable where workers are processes."""


def samples(make: MakeSample, indices: range, tick: Callable[[], None]) -> Iterator[Sample]:
    """The samples of `indices` in order; `tick` is called after each is written.

    Raises:
        DatabaseError: a sample cannot be made; `detail` has the traceback.
    """
    for index in indices:
        yield _sample(make, index)
        tick()


def _sample(make: MakeSample, index: int) -> Sample:
    try:
        return make(index)
    except Exception as error:
        said = str(error) if isinstance(error, UserError) else f"expected a sample, got {type(error).__name__}: {error}"
        raise DatabaseError(
            f"sample {index}: {said.removeprefix(f'sample {index}: ').rstrip('.')}. Finished shards are intact; "
            "mend the cause and run the same command again.",
            detail=traceback.format_exc(),
        ) from error
