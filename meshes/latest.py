"""Remembers the last result of a function: what follows on one another often asks for the same thing again."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Latest(Generic[P, R]):
    """A pure function that answers at once when its arguments equal those of the last call.

    Unlike `functools.lru_cache` it takes arguments that cannot be hashed; those without an equality of their own, such
    as meshes, are equal when they are the same object. What is returned is shared, so nobody may write to it.
    """

    def __init__(self, function: Callable[P, R]):
        self._function = function
        self._last: tuple[tuple[object, ...], R] | None = None
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result, its own errors included."""
        given = (*args, *sorted(kwargs.items()))
        if self._last is None or self._last[0] != given:
            self._last = None  # The old result may go before the new one is made.
            self._last = (given, self._function(*args, **kwargs))
        return self._last[1]
