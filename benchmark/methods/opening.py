"""How a method is opened from what a user types, and what results say of it.

The shipped ones load their packages only when one of them is meant: a process that answers for a user's own class has
no need of them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.methods.custom import digest_of, open_class
from benchmark.methods.folder import Folder
from benchmark.methods.method import Method, MethodError, Sight

if TYPE_CHECKING:
    from benchmark.methods.registry import Shipped

FOLDER = "folder:"


@dataclass(frozen=True)
class Described:
    """A method as results name it.

    Attributes:
        spec: what the user typed.
        name, sees, summary: of the method.
        digest: changes with whatever its answers depend on.
    """

    spec: str
    name: str
    sees: frozenset[Sight]
    summary: str
    digest: str

    @property
    def oracle(self) -> bool:
        """It saw what it should find: the far portrait or the true flow."""
        return bool(self.sees & {"far", "flow"})


def is_shipped(spec: str) -> bool:
    """Whether a shipped method is meant, by its name, and not a folder or class of the user's."""
    return ":" not in spec


def open_method(spec: str, cache: Path) -> Method:
    """The method that a user means.

    Raises:
        MethodError: unknown, not available here, or no method.
    """
    if is_shipped(spec):
        return shipped(spec).opened(spec, cache)
    return Folder.open(Path(spec.removeprefix(FOLDER))) if spec.startswith(FOLDER) else open_class(spec)


def described(spec: str, method: Method) -> Described:
    """Name, sights, summary and digest of an opened method."""
    about, digest = _about(spec, method)
    return Described(spec, method.name, frozenset(method.sees), about, digest)


def _about(spec: str, method: Method) -> tuple[str, str]:
    if isinstance(method, Folder):
        return "answers made elsewhere", method.digest()
    if is_shipped(spec):
        return shipped(spec).summary, shipped(spec).digest(spec)
    return (type(method).__doc__ or spec).strip().splitlines()[0], digest_of(method)


def shipped(spec: str) -> "Shipped":
    """The shipped method of a name. Raises MethodError where there is none."""
    from benchmark.methods.registry import METHODS

    if spec not in METHODS:
        raise MethodError(
            f"--method: expected {', '.join(METHODS)}, folder:PATH, module:Class or file.py:Class, got {spec!r}."
        )
    return METHODS[spec]
